"""Files of every kind of trouble as other programs make them: what they say counts, or is told."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import dask.array as da
import h5py
import numpy as np
import pytest
import scipy.io
import tifffile
import zarr

from helpers.movies import movie_of
from napari_cortex_decoder.recording import (
    BehaviorTrace,
    Recording,
    add_behavior,
    open_recording,
    speed_in_cm,
    trace_at_frames,
)
from recording.test_format_details import svd_pair

N = 20
MOVIE = movie_of(frames=N) + 1
AT_10 = np.arange(N) / 10
RECORDING = Recording(movie=da.from_array(MOVIE), name="m", frame_rate=10.0)


def hdf5(folder: Path, attributes: dict[str, Any] | None = None, **others: Any) -> Recording:
    with h5py.File(folder / "m.h5", "w") as file:
        file["m"] = MOVIE
        file["m"].attrs.update(attributes or {})
        for name, value in others.items():
            file[name] = value
    recording = open_recording(folder / "m.h5")
    np.testing.assert_array_equal(recording.movie.compute(), MOVIE)
    return recording


def ome(path: Path, planes: str, rate: str) -> Recording:
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels'
        f' ID="Pixels:0" DimensionOrder="XYCZT" SizeT="{N}" SizeC="1" SizeZ="1" SizeX="31" '
        f'SizeY="20" Type="uint16" {rate}><Channel ID="c"/><TiffData/>{planes}</Pixels></Image>'
        "</OME>"
    )
    with tifffile.TiffWriter(path) as file:
        for n, frame in enumerate(MOVIE):
            text = None if n else xml.encode()
            file.write(frame, description=text, metadata=None, contiguous=False)
    return open_recording(path)


def behavior(path: Path, text: str) -> Recording:
    path.write_text(text, "utf-8")
    return add_behavior(RECORDING, path)


def rows(*columns: Any) -> str:
    return "".join(",".join(map(str, row)) + "\n" for row in zip(*columns, strict=True))


# one session clock


def test_the_time_of_the_first_plane_alone_is_when_the_movie_begins(tmp_path: Path) -> None:
    first = '<Plane TheT="0" TheC="0" TheZ="0" DeltaT="12500" DeltaTUnit="ms"/>'
    recording = ome(tmp_path / "m.ome.tif", first, 'TimeIncrement="0.1"')
    np.testing.assert_allclose(recording.times, 12.5 + AT_10)
    assert recording.warnings == ()


def test_times_of_some_planes_are_told_to_be_those_of_some(tmp_path: Path) -> None:
    some = "".join(
        f'<Plane TheT="{t}" TheC="0" TheZ="0" DeltaT="{12.5 + t / 10}"/>' for t in (2, 10, 17)
    )
    recording = ome(tmp_path / "m.ome.tif", some, "")
    np.testing.assert_allclose(recording.times, 12.5 + AT_10)
    assert "3 of its 20 frames" in recording.warnings[0]


@pytest.mark.parametrize(("scale", "kind"), [(1e9, "i8"), (1e6, "f8"), (1e3, "f8"), (1, "f8")])
def test_frame_times_since_1970_are_known_by_their_size(tmp_path, scale, kind) -> None:
    times = np.round((1.7e9 + AT_10) * scale).astype(kind) if scale > 1 else 1.7e9 + AT_10
    recording = hdf5(tmp_path, timestamps=times)
    assert recording.frame_rate == pytest.approx(10, rel=1e-4)
    assert recording.times[0] == pytest.approx(1.7e9)


def test_times_of_day_go_on_past_midnight(tmp_path: Path) -> None:
    times = 86_399.0 + AT_10
    movie = RECORDING.replace(frame_times=times)
    of_day = [f"{int(t // 3600) % 24:02}:{int(t // 60) % 60:02}:{t % 60:04.1f}" for t in times]
    (tmp_path / "s.csv").write_text("time,speed\n" + rows(of_day, range(N)))
    found = add_behavior(movie, tmp_path / "s.csv")
    np.testing.assert_allclose(found.behavior["speed"].times, times, atol=1e-6)


def test_a_file_that_is_read_again_says_only_what_holds_now(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("time,speed\n" + rows(AT_10, range(N)))
    late = RECORDING.replace(frame_times=0.9 + AT_10, warnings=("the movie is odd.",))
    first = add_behavior(late, tmp_path / "s.csv")
    assert any("first-frame" in said for said in first.warnings)
    again = add_behavior(first, tmp_path / "s.csv", clock="first-frame")
    assert again.warnings == ("the movie is odd.",)


# sets


def test_the_first_part_of_a_folder_may_have_one_frame(tmp_path: Path) -> None:
    for n, part in enumerate((MOVIE[:1], MOVIE[1:19], MOVIE[19:]), start=1):
        tifffile.imwrite(tmp_path / f"m_{n}.tif", part, metadata=None, photometric="minisblack")
    np.testing.assert_array_equal(open_recording(tmp_path).movie.compute(), MOVIE)


@pytest.mark.parametrize("pattern", ["m@{:04}.tif", "m_X{}.tif", "m-file{:03}.tif"])
def test_parts_that_camera_programs_number_follow_the_first(tmp_path: Path, pattern: str) -> None:
    for n, begin in enumerate((0, 8, 16)):
        name = pattern.format(n) if n else "m.tif"
        part = MOVIE[begin : begin + 8]
        tifffile.imwrite(tmp_path / name, part, metadata=None, photometric="minisblack")
    np.testing.assert_array_equal(open_recording(tmp_path).movie.compute(), MOVIE)


# header against content


def test_an_npy_that_goes_on_behind_its_header_is_shown_whole_and_told(tmp_path: Path) -> None:
    np.save(tmp_path / "m.npy", MOVIE[:12])
    with (tmp_path / "m.npy").open("ab") as file:
        file.write(MOVIE[12:].tobytes())
    recording = open_recording(tmp_path / "m.npy")
    np.testing.assert_array_equal(recording.movie.compute(), MOVIE)
    assert "12 frames" in recording.warnings[0] and "20" in recording.warnings[0]


@pytest.mark.parametrize("listed", [N - 1, N + 1])
@pytest.mark.parametrize("kind", ["hdf5", "matlab", "zarr", "svd"])
def test_a_list_of_frame_times_that_is_one_off_is_told(tmp_path, kind: str, listed: int) -> None:
    times = 12.5 + np.arange(listed) / 10
    if kind == "hdf5":
        recording = hdf5(tmp_path, timestamps=times)
    elif kind == "matlab":
        scipy.io.savemat(tmp_path / "m.mat", {"m": MOVIE.transpose(1, 2, 0), "t": times})
        recording = open_recording(tmp_path / "m.mat")
    elif kind == "zarr":
        group = zarr.open_group(tmp_path / "m.zarr", mode="w")
        group.create_array("m", data=MOVIE)
        group.create_array("frame_times", data=times)
        recording = open_recording(tmp_path / "m.zarr")
    else:
        svd_pair(tmp_path, MOVIE, ("U.npy", "SVT.npy"))
        np.save(tmp_path / "imaging.times.npy", times)
        recording = open_recording(tmp_path)
    assert recording.frame_times is None
    assert any(f"{listed} times for {N} frames" in said for said in recording.warnings)


# units


@pytest.mark.parametrize("unit", ["um/px", "µm/pixel", "microns per pixel", "um per px", "µm·px⁻¹"])
def test_a_length_a_pixel_is_a_length(tmp_path: Path, unit: str) -> None:
    said = {"pixel_size": 20.0, "pixel_size_unit": unit}
    assert hdf5(tmp_path, said).pixel_size == pytest.approx(0.02)


@pytest.mark.parametrize(
    "said",
    [
        {"frame_rate": "30"},
        {"fps": np.bytes_("30.0 fps")},
        {"Frame Rate (Hz)": 30.0},
        {"frame_rate_hz": 30},
        {"frameRate": "30 Hz"},
        {"Frame interval (ms)": 1e3 / 30},
        {"frame_period": "33.33333 ms"},
    ],
    ids=str,
)
def test_a_rate_is_read_as_people_write_it(tmp_path: Path, said: dict[str, Any]) -> None:
    assert hdf5(tmp_path, said).frame_rate == pytest.approx(30, rel=1e-4)


def test_a_pixel_size_is_read_with_the_unit_behind_it_and_a_strange_unit_is_told(tmp_path) -> None:
    assert hdf5(tmp_path, {"pixel_size": "20 µm"}).pixel_size == pytest.approx(0.02)
    strange = hdf5(tmp_path, {"pixel_size": 20.0, "pixel_size_unit": "furlongs"})
    assert strange.pixel_size is None and "furlongs" in strange.warnings[0]


@pytest.mark.parametrize(
    "name", ["speed_mm_s", "speed mm/s", "wheel_speed_in_mm_per_sec", "velocity_mmps", "run, mm/s"]
)
def test_a_unit_of_speed_at_the_end_of_a_name_counts(tmp_path: Path, name: str) -> None:
    found = behavior(tmp_path / "s.tsv", f"time\t{name}\n" + "".join(f"{t}\t8\n" for t in AT_10))
    (trace,) = found.behavior.values()
    np.testing.assert_allclose(speed_in_cm(trace), 0.8)
    np.savez(tmp_path / "s.npz", speed_mm_s=np.full(N, 8.0))
    of_array = add_behavior(RECORDING, tmp_path / "s.npz").behavior["speed_mm_s"]
    np.testing.assert_allclose(speed_in_cm(of_array), 0.8)


@pytest.mark.parametrize("name", ["left_s", "distance_mm", "speed", "in_s", "roi_m", "s"])
def test_other_ends_of_names_are_no_unit_of_speed(tmp_path: Path, name: str) -> None:
    found = behavior(tmp_path / "s.csv", f"frame,{name}\n" + rows(range(N), range(N)))
    assert [trace.unit for trace in found.behavior.values()] in ([""], [])


# tables


def test_cells_with_a_unit_are_numbers_in_it(tmp_path: Path) -> None:
    cells = [f"{n / 2} mm/s" for n in range(N)]
    found = behavior(tmp_path / "s.csv", "time,speed\n" + rows(AT_10, cells)).behavior
    assert found["speed"].unit == "mm/s"
    np.testing.assert_array_equal(found["speed"].values, np.arange(N) / 2)
    mixed = ["1 rest" if n < 9 else "2 run" for n in range(N)]
    assert set(behavior(tmp_path / "l.csv", "time,what\n" + rows(AT_10, mixed)).behavior) == {
        "1 rest",
        "2 run",
    }


@pytest.mark.parametrize("text", ["note {}", "img_{:04}.png"])
def test_a_column_of_remarks_is_left_out_with_a_word(tmp_path: Path, text: str) -> None:
    remarks = [text.format(n) for n in range(50)]
    found = behavior(
        tmp_path / "s.csv", "time,speed,remark\n" + rows(np.arange(50) / 10, range(50), remarks)
    )
    assert set(found.behavior) == {"speed"}
    assert any("'remark' holds 50 texts" in said for said in found.warnings)


# other things in the same file


def test_texts_and_objects_beside_a_trace_are_left_out_with_a_word(tmp_path: Path) -> None:
    content = {"meta": np.array({"a": 1}, object), "names": np.array(["x", "y"]), "mouse": "m1"}
    np.savez(tmp_path / "s.npz", speed=np.arange(N, dtype=float), **content)
    found = add_behavior(RECORDING, tmp_path / "s.npz")
    np.testing.assert_array_equal(found.behavior["speed"].values, np.arange(N))
    assert len(found.warnings) == 3 and all("left out" in said for said in found.warnings)


def test_what_is_no_array_of_numbers_is_no_movie(tmp_path: Path) -> None:
    table = np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])
    others = {"type": np.dtype("f8"), "empty": np.empty((0, 3, 3)), "table": table,
              "complex": np.ones((4, 5, 6), complex), "nothing": h5py.Empty("f4"),
              "yes": np.ones((3, 3, 3), bool)}  # fmt: skip
    hdf5(tmp_path, **others)


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_what_is_in_a_struct_of_matlab_is_found(tmp_path: Path, version: str) -> None:
    path, speed = tmp_path / "s.mat", np.arange(N, dtype=float)
    if version == "5":
        inside = {"t": 0.05 + AT_10, "name": "m1"}
        scipy.io.savemat(path, {"session": {"speed": speed, "wheel": inside}})
    else:
        with h5py.File(path, "w", userblock_size=512) as file:
            file["session/speed"] = speed[:, None]
            file["session/wheel/t"] = (0.05 + AT_10)[:, None]
            file["#refs#/a"] = np.arange(3.0)[:, None]
    found = add_behavior(RECORDING, path)
    assert set(found.behavior) == {"speed"} and found.warnings == ()
    np.testing.assert_array_equal(found.behavior["speed"].values, speed)
    np.testing.assert_allclose(found.behavior["speed"].times, 0.05 + AT_10)


def test_a_movie_in_a_struct_of_matlab_is_found_with_its_rate(tmp_path: Path) -> None:
    inside = {"movie": MOVIE.transpose(1, 2, 0), "frame_rate": 10.0, "who": "m1"}
    scipy.io.savemat(tmp_path / "m.mat", {"session": inside})
    recording = open_recording(tmp_path / "m.mat")
    np.testing.assert_array_equal(recording.movie.compute(), MOVIE)
    assert recording.frame_rate == 10


# samples to frames


def test_a_trace_in_the_middle_of_frames_is_averaged_over_each(tmp_path: Path) -> None:
    times = np.arange(-0.05, 2.0, 0.001)
    trace = BehaviorTrace("speed", np.floor(times * 10 + 1e-9) + 0.5, times, "cm/s")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(trace_at_frames(trace, RECORDING), np.arange(N) + 0.5)
