"""Opening in general: what is given, what the file says, what is remembered, what is refused."""

from __future__ import annotations

import math
import os
import tempfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

from helpers.movies import refused
from napari_cortex_decoder.errors import FrameRateError, RecordingError
from napari_cortex_decoder.recording import (
    movie_formats,
    movie_patterns,
    open_recording,
    remember_metadata,
    remembered_metadata,
    sidecar_folder,
)


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    path = tmp_path / "Maus 7 – Nacht μ.tif"
    tifffile.imwrite(path, np.zeros((4, 5, 6), "u2"), photometric="minisblack")
    return path


def test_a_path_with_spaces_and_unicode_opens(movie: Path) -> None:
    recording = open_recording(str(movie))
    assert recording.name == "Maus 7 – Nacht μ"
    assert recording.path == movie
    assert recording.format == "TIFF"


def test_an_unknown_frame_rate_is_none_and_asked_for_when_needed(movie: Path) -> None:
    recording = open_recording(movie)
    assert recording.frame_rate is None
    with pytest.raises(FrameRateError, match="--frame-rate"):
        recording.known_frame_rate()


def test_what_is_given_counts_before_the_file_and_the_file_before_memory(tmp_path: Path) -> None:
    path = tmp_path / "m.tif"
    metadata = {"axes": "TYX", "finterval": 0.05}
    tifffile.imwrite(path, np.zeros((4, 5, 6), "u2"), imagej=True, metadata=metadata)
    remember_metadata(path, frame_rate=7, pixel_size=0.03)
    recording = open_recording(path)
    assert recording.frame_rate == pytest.approx(20)
    assert recording.pixel_size == 0.03
    assert open_recording(path, frame_rate=33).frame_rate == 33


def test_what_was_said_once_is_remembered(movie: Path) -> None:
    remember_metadata(movie, frame_rate=30)
    remember_metadata(movie, pixel_size=0.07)
    assert remembered_metadata(movie) == {"frame_rate": 30, "pixel_size": 0.07}
    assert open_recording(movie).frame_rate == 30
    assert sidecar_folder(movie) == movie.with_name(movie.name + ".cortex")
    assert [p.name for p in sidecar_folder(movie).iterdir()] == ["recording.json"]


def test_how_to_read_a_file_is_remembered_and_what_is_given_counts_before(tmp_path: Path) -> None:
    frames = np.arange(40 * 64, dtype=np.uint16).reshape(40, 8, 8)
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["a"], file["b"] = frames, frames + 1
    frames.tofile(tmp_path / "m.bin")
    remember_metadata(tmp_path / "m.h5", dataset="b")
    remember_metadata(tmp_path / "m.bin", shape=(8, 8), dtype="uint16")
    remember_metadata(tmp_path / "m.bin", frame_rate=7)  # leaves the others
    np.testing.assert_array_equal(open_recording(tmp_path / "m.h5").movie, frames + 1)
    np.testing.assert_array_equal(open_recording(tmp_path / "m.h5", dataset="a").movie, frames)
    raw = open_recording(tmp_path / "m.bin")
    np.testing.assert_array_equal(raw.movie, frames)
    assert raw.frame_rate == 7
    assert open_recording(tmp_path / "m.bin", shape=(4, 16)).movie.shape == (40, 4, 16)


def test_opening_leaves_nothing_behind(movie: Path) -> None:
    open_recording(movie, frame_rate=30).movie.mean().compute()
    assert list(movie.parent.iterdir()) == [movie]


def only_within(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse new files anywhere else, as a share does that may only be read."""
    make = tempfile.TemporaryFile

    def refuse(*, dir: Path) -> object:
        if home not in dir.parents:
            raise PermissionError(13, "Permission denied", str(dir))
        return make(dir=dir)

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)


def test_opening_does_not_try_whether_it_could_write(
    movie: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tried(**_: object) -> None:
        raise AssertionError("a file was made")

    monkeypatch.setattr(tempfile, "TemporaryFile", tried)
    open_recording(movie)


def test_where_the_movie_cannot_be_written_beside_the_user_folder_remembers(
    movie: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setattr("platformdirs.user_data_path", lambda *_, **__: home)
    only_within(home, monkeypatch)
    file = remember_metadata(movie, frame_rate=30)
    assert home in file.parents
    assert list(movie.parent.iterdir()) == [movie]
    assert open_recording(movie).frame_rate == 30


def test_an_archived_sidecar_is_read_and_what_is_said_later_counts(
    movie: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember_metadata(movie, frame_rate=30, pixel_size=0.07)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setattr("platformdirs.user_data_path", lambda *_, **__: home)
    only_within(home, monkeypatch)
    remember_metadata(movie, frame_rate=25)
    assert remembered_metadata(movie) == {"frame_rate": 25, "pixel_size": 0.07}


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[1]",
        '{"frame_rate": "fast"}',
        '{"frame_rate": -3}',
        '{"dataset": 3}',
        '{"shape": [8, -8]}',
        '{"shape": "8, 8"}',
    ],
)
def test_a_damaged_sidecar_is_told(movie: Path, content: str) -> None:
    folder = sidecar_folder(movie)
    folder.mkdir()
    (folder / "recording.json").write_text(content)
    with pytest.raises(RecordingError, match=r"recording\.json"):
        open_recording(movie)


@pytest.mark.parametrize("rate", [0, -30, math.nan, math.inf])
def test_an_impossible_frame_rate_is_refused(movie: Path, rate: float) -> None:
    with pytest.raises(RecordingError, match="frame rate is"):
        open_recording(movie, frame_rate=rate)
    with pytest.raises(RecordingError, match="frame_rate is"):
        remember_metadata(movie, frame_rate=rate)
    assert list(movie.parent.iterdir()) == [movie]


def test_an_impossible_pixel_size_is_refused(movie: Path) -> None:
    with pytest.raises(RecordingError, match="pixel size is -1"):
        open_recording(movie, pixel_size=-1)


def test_three_colours_are_refused(movie: Path) -> None:
    with pytest.raises(RecordingError, match="channels is 3"):
        open_recording(movie, channels=3)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"no such file.*check the path"):
        open_recording(tmp_path / "nothing.tif")


def test_a_file_below_a_file_is_refused(movie: Path) -> None:
    with pytest.raises(RecordingError, match="no such file"):
        open_recording(movie / "inside.tif")


@pytest.mark.parametrize("pattern", [p for p in movie_patterns() if p != "*.zarr"])
@pytest.mark.parametrize("content", [b"", b"\0"])
def test_an_empty_file_of_any_name_is_refused(tmp_path: Path, pattern: str, content: bytes) -> None:
    path = tmp_path / pattern.replace("*", "m_1_8_8_uint16")
    path.write_bytes(content)
    assert refused(path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="holds no frames"):
        open_recording(tmp_path)


def test_cyclic_and_broken_links_are_refused(tmp_path: Path) -> None:
    (tmp_path / "round.tif").symlink_to(tmp_path / "round.tif")
    (tmp_path / "gone.tif").symlink_to(tmp_path / "nowhere.tif")
    for name in ("round.tif", "gone.tif"):
        with pytest.raises(RecordingError, match=f"{name}: there is no such file"):
            open_recording(tmp_path / name)
    with pytest.raises(RecordingError, match=r"links"):
        open_recording(tmp_path)
    (tmp_path / "round.tif").unlink()
    with pytest.raises(RecordingError, match="holds no frames"):
        open_recording(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes are files on Unix only")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    for name in ("m.tif", "m.npy", "m.h5", "m.nwb", "m.avi"):
        os.mkfifo(tmp_path / name)
        with pytest.raises(RecordingError, match="not a kind of file"):
            open_recording(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_what_may_not_be_read_is_refused(movie: Path) -> None:
    movie.chmod(0)
    with pytest.raises(RecordingError, match="may not be read"):
        open_recording(movie)
    movie.parent.chmod(0)
    try:
        with pytest.raises(RecordingError):
            open_recording(movie.parent)
    finally:
        movie.parent.chmod(0o700)


@pytest.mark.parametrize("kind", [PermissionError(13, "denied"), OSError(5, "Input/output error")])
def test_a_folder_that_cannot_be_listed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: OSError
) -> None:
    def fail(_: object) -> None:
        raise kind

    monkeypatch.setattr(os, "scandir", fail)
    with pytest.raises(RecordingError, match=r"may not be read|cannot be read"):
        open_recording(tmp_path)


def test_a_folder_keeps_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "2024.05.06"
    folder.mkdir()
    tifffile.imwrite(folder / "a1.tif", np.zeros((4, 5, 6), "u2"), photometric="minisblack")
    assert open_recording(folder).name == "2024.05.06"


def test_a_picture_is_refused(tmp_path: Path) -> None:
    skimage_io = pytest.importorskip("skimage.io")
    skimage_io.imsave(tmp_path / "p.png", np.zeros((8, 9, 3), "u1"), check_contrast=False)
    with pytest.raises(RecordingError, match="not a kind of file that holds movies"):
        open_recording(tmp_path / "p.png")


def test_every_format_has_what_the_manifest_needs() -> None:
    for movie_format in movie_formats():
        assert movie_format.name
        assert set(movie_format.patterns) <= set(movie_patterns())


def test_dropped_frames_are_told_and_the_time_axis_shows_the_gap(tmp_path: Path) -> None:
    times = np.delete(np.arange(23) / 20, [7, 8, 15])
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file["movie"] = np.arange(20 * 64, dtype=np.uint16).reshape(20, 8, 8)
        file["frame_times"] = times
    recording = open_recording(path)
    np.testing.assert_array_equal(recording.times, times)
    assert recording.frame_rate == pytest.approx(20)
    (said,) = recording.warnings
    assert "3 frames seem to be missing in 2 places, first after frame 6 (at 0.300 s)" in said


def test_an_uneven_clock_is_told_and_followed(tmp_path: Path) -> None:
    times = np.cumsum(np.where(np.arange(40) % 2, 0.045, 0.055))
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file["movie"] = np.arange(40 * 64, dtype=np.uint16).reshape(40, 8, 8)
        file["frame_times"] = times
    recording = open_recording(path)
    np.testing.assert_array_equal(recording.times, times)
    assert recording.frame_rate == pytest.approx(20, rel=0.02)
    assert any("uneven: most intervals are 45.0 to 55.0 ms" in said for said in recording.warnings)


def test_times_in_whole_milliseconds_give_the_rate_of_the_camera(tmp_path: Path) -> None:
    times = np.delete(np.round(np.arange(310) / 30, 3), range(100, 110))
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file["movie"] = np.arange(300 * 64, dtype=np.uint16).reshape(300, 8, 8)
        file["frame_times"] = times
    assert open_recording(path).frame_rate == pytest.approx(30, rel=1e-3)
