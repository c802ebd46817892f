"""Cameras on the mouse: the right picture at every moment, whatever the file and the clocks are."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import av
import dask.array as da
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from napari_cortex_decoder.cameras import (
    CameraClock,
    Rectangle,
    camera_with_clock,
    line_up,
    motion_energy,
    open_camera,
)
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording import Recording

BITS, EDGE = 12, 16


def numbered(number: int, *, rows: int = 64) -> NDArray[np.uint8]:
    """A picture that shows its number as twelve black or white squares."""
    picture = np.full((rows, BITS * EDGE, 3), (90, 140, 60), np.uint8)
    for bit in range(BITS):
        picture[:EDGE, bit * EDGE : (bit + 1) * EDGE] = 255 * (number >> bit & 1)
    return picture


def number_in(picture: NDArray[np.uint8]) -> int:
    grey = picture if picture.ndim == 2 else picture.mean(axis=2)
    bits = [grey[4:12, bit * EDGE + 4 : (bit + 1) * EDGE - 4].mean() > 128 for bit in range(BITS)]
    return sum(bit << n for n, bit in enumerate(bits))


def write_video(
    path: Path, ticks: list[int], *, codec: str = "libx264", gap: int = 12, **options: str
) -> Path:
    """Write pictures that show their numbers, at times in milliseconds."""
    with av.open(str(path), "w") as video:
        stream = video.add_stream(codec, rate=60, options=options)
        stream.width, stream.height, stream.pix_fmt = BITS * EDGE, 64, "yuv420p"
        if codec == "mjpeg":
            stream.pix_fmt = "yuvj420p"
        stream.gop_size = gap
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, tick in enumerate(ticks):
            frame = av.VideoFrame.from_ndarray(numbered(number), format="rgb24")
            frame.pts, frame.time_base = tick, Fraction(1, 1000)
            video.mux(stream.encode(frame))
        video.mux(stream.encode())
    return path


def movie(n: int = 300, rate: float = 30.0, first: float = 0.0) -> Recording:
    return Recording(
        movie=da.zeros((n, 4, 4), dtype=np.uint16), name="m", frame_rate=rate,
        frame_times=first + np.arange(n) / rate,
    )  # fmt: skip


UNEVEN = np.cumsum(np.tile([16, 17, 17, 30, 5, 40], 100)).tolist()
EVEN = [round(n * 50 / 3) for n in range(600)]


@pytest.mark.parametrize(
    ("name", "codec", "ticks", "options"),
    [
        ("face.mp4", "libx264", UNEVEN, {"bf": "3"}),
        ("face.mkv", "libx264", UNEVEN, {"bf": "2"}),
        ("face.mov", "mpeg4", EVEN, {}),
        ("face.webm", "libvpx", EVEN, {"auto-alt-ref": "1", "lag-in-frames": "16"}),
        ("face.mkv", "mjpeg", UNEVEN, {}),
        ("face.ts", "libx264", EVEN, {}),
    ],
)
def test_every_moment_shows_the_picture_whose_stamp_is_nearest(
    tmp_path: Path, name: str, codec: str, ticks: list[int], options: dict[str, str]
) -> None:
    camera = open_camera(write_video(tmp_path / name, ticks, codec=codec, **options), movie())
    stamps = np.array(ticks) / 1000
    stamps -= stamps[0]
    rng = np.random.default_rng(3)
    assert camera.n_frames == len(ticks)
    with camera.pictures.opened() as picture:
        for moment in rng.uniform(0, stamps[-1], 84):  # 504 in all
            wanted = camera.frame_at(moment)
            assert wanted is not None
            shown = number_in(picture(wanted))
            assert abs(stamps[shown] - moment) <= np.abs(stamps - moment).min() + 2e-3


def test_pictures_in_a_row_and_back_are_the_same_as_each_alone(tmp_path: Path) -> None:
    camera = open_camera(write_video(tmp_path / "v.mp4", EVEN[:100], bf="3"), movie())
    with camera.pictures.opened() as picture:
        for number in [*range(40), *range(39, 20, -1), 99, 0, 50]:
            assert number_in(picture(number)) == number


def test_a_camera_keeps_to_the_session_clock_of_a_movie_that_begins_late(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", EVEN)
    late = movie(first=100.0)
    assert open_camera(path, late).times[0] == 100.0
    told = open_camera(path, late, offset=98.0)
    assert told.times[0] == 98.0
    assert told.frame_at(99.0) == 60
    assert told.frame_at(90.0) is None
    assert told.frame_at(150.0) is None


def test_given_frame_times_are_session_times(tmp_path: Path) -> None:
    times = 5 + np.arange(600) / 60
    camera = open_camera(write_video(tmp_path / "v.mp4", EVEN), movie(), frame_times=times)
    assert np.array_equal(camera.times, times)
    assert any("does not show 135 of the movie's 300" in said for said in camera.warnings)


@pytest.mark.parametrize("pulses", [590, 610])
def test_more_or_fewer_pulses_than_pictures_are_told_with_both_numbers(
    tmp_path: Path, pulses: int
) -> None:
    path = write_video(tmp_path / "v.mp4", EVEN)
    camera = open_camera(path, movie(), frame_times=np.arange(pulses) / 60)
    assert camera.n_frames == min(600, pulses)
    assert any(
        "600 pictures" in said and f"{pulses} frame times" in said for said in camera.warnings
    )


def test_a_folder_of_images_needs_a_rate_and_counts_as_people_do(tmp_path: Path) -> None:
    folder = tmp_path / "paw"
    folder.mkdir()
    for number in range(12):
        Image.fromarray(numbered(number)).save(folder / f"img{number}.png")
    with pytest.raises(RecordingError, match="how many pictures a second"):
        open_camera(folder, movie())
    camera = open_camera(folder, movie(), frame_rate=30)
    with camera.pictures.opened() as picture:
        assert [number_in(picture(number)) for number in range(12)] == list(range(12))


def test_images_of_more_than_eight_bit_keep_their_light(tmp_path: Path) -> None:
    folder = tmp_path / "tif"
    folder.mkdir()
    for number in range(3):
        grey = numbered(number).mean(axis=2) / 255 * 4095
        tifffile.imwrite(folder / f"f_{number}.tif", grey.astype(np.uint16))
    camera = open_camera(folder, movie(), frame_rate=30)
    with camera.pictures.opened() as picture:
        assert picture(2).dtype == np.uint8
        assert picture(2).max() == 255
        assert number_in(picture(2)) == 2


def test_several_videos_are_one_camera(tmp_path: Path) -> None:
    parts = [write_video(tmp_path / f"v{n}.mp4", EVEN[:30]) for n in range(2)]
    camera = open_camera(parts, movie(), frame_rate=60)
    assert camera.n_frames == 60
    with camera.pictures.opened() as picture:
        assert [number_in(picture(n)) for n in (29, 30, 59, 3)] == [29, 0, 29, 3]


def test_a_video_that_was_cut_off_shows_what_is_there(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mkv", EVEN)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    camera = open_camera(path, movie())
    assert 200 < camera.n_frames < 600
    with camera.pictures.opened() as picture:
        assert number_in(picture(150)) == 150


def test_a_video_that_goes_away_while_it_is_shown_is_told(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", EVEN)
    camera = open_camera(path, movie())
    with camera.pictures.opened() as picture:
        picture(3)
        path.unlink()
        with pytest.raises(RecordingError, match=r"v\.mp4"):
            picture(4)


@pytest.mark.parametrize("name", ["m.txt", "m.mp4", "m.avi"])
def test_what_is_no_video_is_one_sentence(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"#EXTM3U\nfile:///etc/passwd\n" * 40)
    with pytest.raises(RecordingError, match=name) as refused:
        open_camera(path, movie())
    assert "\n" not in str(refused.value)


@given(
    offset=st.floats(-1e4, 1e4),
    drift=st.floats(-0.01, 0.01),
    events=st.lists(st.floats(0, 3600), min_size=2, max_size=6, unique_by=lambda t: round(t)),
)
def test_events_seen_in_both_give_offset_and_drift(
    offset: float, drift: float, events: list[float]
) -> None:
    seen = np.array(events)
    clock = line_up(seen, offset + (1 + drift) * seen)
    assert clock.on_session(seen) == pytest.approx(offset + (1 + drift) * seen, abs=1e-5)


def test_one_event_gives_the_offset_alone() -> None:
    clock = line_up([3.0], [10.0])
    assert (clock.offset, clock.drift) == (7.0, 0.0)


@pytest.mark.parametrize(
    ("seen", "felt"), [([], []), ([1.0], [1.0, 2.0]), ([1.0, 1.0], [1.0, 2.0]),
                       ([0.0, 10.0], [0.0, 12.0]), ([np.nan], [1.0])],
)  # fmt: skip
def test_events_that_cannot_be_the_same_are_refused(seen: list[float], felt: list[float]) -> None:
    with pytest.raises(RecordingError):
        line_up(seen, felt)


def test_a_clock_set_later_says_anew_what_is_not_covered(tmp_path: Path) -> None:
    recording = movie()
    camera = open_camera(write_video(tmp_path / "v.mp4", EVEN), recording)
    assert not camera.warnings
    moved = camera_with_clock(camera, CameraClock(5.0), recording)
    assert sum("does not show" in said for said in moved.warnings) == 1
    assert not camera_with_clock(moved, CameraClock(0.0), recording).warnings


def test_motion_energy_follows_what_moves_in_the_rectangle(tmp_path: Path) -> None:
    folder = tmp_path / "body"
    folder.mkdir()
    rng = np.random.default_rng(0)
    moving = np.arange(80) % 40 >= 20
    for number in range(80):
        picture = np.full((40, 60), 100, np.uint8)
        picture[30:, :] = rng.integers(0, 255, (10, 60))  # something else moves all the time
        if moving[number]:
            picture[5:20, 10:30] = rng.integers(50, 200, (15, 20))
        Image.fromarray(picture).save(folder / f"{number:03d}.png")
    camera = open_camera(folder, movie(80), frame_rate=30)
    trace = motion_energy(camera, Rectangle(5, 10, 20, 30), name="paw")
    assert np.isnan(trace.values[0])
    assert np.nanmin(trace.values[1:][moving[1:]]) > 0.5
    assert np.median(trace.values[1:][~moving[1:]]) == 0
    assert np.array_equal(trace.times, camera.times)
    with pytest.raises(RecordingError, match="outside its pictures"):
        motion_energy(camera, Rectangle(50, 10, 60, 30))


def write_nwb(path: Path, *videos: str, timestamps: list[float] | None = None) -> Path:
    from pynwb import NWBHDF5IO, NWBFile
    from pynwb.image import ImageSeries

    session = NWBFile(
        session_description="a mouse", identifier=path.stem,
        session_start_time=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    even = {"rate": 60.0, "starting_time": 2.0, "num_samples": 120}
    clock = even if timestamps is None else {}
    for number, video in enumerate(videos):
        session.add_acquisition(
            ImageSeries(
                name=f"camera{number}",
                external_file=[video],
                format="external",
                unit="n.a.",
                starting_frame=[0],
                timestamps=timestamps,
                **clock,
            )
        )
    with NWBHDF5IO(path, "w") as file:
        file.write(session)
    return path


@pytest.mark.parametrize("stamped", [False, True])
def test_a_video_that_an_nwb_file_names_is_its_camera(tmp_path: Path, stamped: bool) -> None:
    write_video(tmp_path / "face.mp4", [round(i / 0.06) for i in range(120)])
    stamps = [2 + i / 60 + (i > 60) for i in range(120)] if stamped else None
    path = write_nwb(tmp_path / "m1.nwb", "face.mp4", timestamps=stamps)
    camera = open_camera(path, movie(n=150))
    assert camera.times[:2] == pytest.approx([2, 2 + 1 / 60])
    assert camera.times[-1] == pytest.approx(2 + 119 / 60 + stamped)
    with camera.pictures.opened() as read:
        assert number_in(read(camera.frame_at(2.5))) == 30
    assert camera.files == (path,)  # so it comes back with its clock


@pytest.mark.parametrize("named", ["/etc/hosts", "../face.mp4", "a/../../face.mp4", "link.mp4"])
def test_an_nwb_file_opens_no_video_outside_its_folder(tmp_path: Path, named: str) -> None:
    video = write_video(tmp_path / "face.mp4", [0, 16, 33])
    (tmp_path / "in" / "a").mkdir(parents=True)
    (tmp_path / "in" / "link.mp4").symlink_to(video)
    path = write_nwb(tmp_path / "in" / "m1.nwb", named)
    with pytest.raises(RecordingError, match=r"camera0 names the video .* not in the folder"):
        open_camera(path, movie())


@pytest.mark.parametrize("videos", [(), ("a.mp4", "b.mp4")])
def test_an_nwb_file_without_one_camera_says_what_to_do(
    tmp_path: Path, videos: tuple[str, ...]
) -> None:
    path = write_nwb(tmp_path / "m1.nwb", *videos)
    with pytest.raises(RecordingError, match=rf"{len(videos)} of its ImageSeries .*add the video"):
        open_camera(path, movie())
