"""Arrays in HDF5, Zarr, NWB and NumPy files as programs leave them: stopped, in colours."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import zarr

from helpers.movies import movie_of, refused
from napari_cortex_decoder.recording import open_recording

MOVIE = movie_of(frames=12) + 1
VIOLET = MOVIE + 300


def said(recording) -> str:
    return " ".join(recording.warnings)


# -- stopped early ---------------------------------------------------------------------------


@pytest.mark.parametrize("chunks", [(1, 20, 31), (4, 20, 31), (4, 10, 31), (1, 7, 16)])
@pytest.mark.parametrize("fill", [0, 65535])
def test_chunks_that_nobody_wrote_are_no_frames(tmp_path: Path, chunks, fill: int) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        movie = file.create_dataset("m", (40, 20, 31), "u2", chunks=chunks, fillvalue=fill)
        movie[:12] = MOVIE
        file["frame_times"] = 5 + np.arange(40) / 10
    recording = open_recording(tmp_path / "m.h5")
    np.testing.assert_array_equal(recording.movie.compute(), MOVIE)
    np.testing.assert_allclose(recording.times, 5 + np.arange(12) / 10)
    assert "12 of the 40 frames" in said(recording)


def test_a_hole_keeps_its_place_in_time_and_is_told(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        movie = file.create_dataset("m", (12, 20, 31), "u2", chunks=(2, 20, 31), fillvalue=9)
        movie[:4], movie[8:] = MOVIE[:4], MOVIE[8:]
    recording = open_recording(tmp_path / "m.h5")
    np.testing.assert_array_equal(recording.movie[8:].compute(), MOVIE[8:])
    assert "2 of the 6 chunks" in said(recording) and "shown as 9" in said(recording)


@pytest.mark.parametrize("suffix", ["h5", "npy", "dat"])
def test_space_that_was_set_aside_for_frames_to_come_is_told(tmp_path: Path, suffix: str) -> None:
    whole = np.concatenate([MOVIE, np.zeros((8, 20, 31), np.uint16)])
    path = tmp_path / f"m_1_20_31_uint16.{suffix}"
    if suffix == "h5":
        with h5py.File(path, "w") as file:
            file["m"] = whole
    elif suffix == "npy":
        np.save(path, whole)
    else:
        whole.tofile(path)
    assert "last 8 of 20 frames" in said(open_recording(path))
    recording = open_recording(path)
    np.testing.assert_array_equal(recording.movie.compute(), whole)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("chunks", [(4, 20, 31), (1, 10, 31)])
def test_frames_that_lack_at_the_end_of_a_zarr_are_counted(tmp_path, version, chunks) -> None:
    path = tmp_path / "m.zarr"
    array = zarr.create_array(
        path, shape=(40, 20, 31), dtype="u2", chunks=chunks, zarr_format=version, fill_value=7
    )
    array[:12] = MOVIE
    recording = open_recording(path)
    np.testing.assert_array_equal(recording.movie[:12].compute(), MOVIE)
    assert "the last 28 of its 40 frames" in said(recording)


@pytest.mark.parametrize("stamps", [12, 40, 45])
def test_timestamps_that_are_fewer_or_more_than_frames_are_told(
    tmp_path: Path, stamps: int
) -> None:
    with h5py.File(tmp_path / "m.nwb", "w") as file:
        series = file.create_group("acquisition/movie")
        series.attrs["neurodata_type"] = "OnePhotonSeries"
        series["data"] = np.concatenate([MOVIE, np.ones((28, 20, 31), np.uint16)])
        series["timestamps"] = 5 + np.arange(stamps) / 10
    recording = open_recording(tmp_path / "m.nwb")
    np.testing.assert_array_equal(recording.movie[:12].compute(), MOVIE)
    np.testing.assert_allclose(recording.times, 5 + np.arange(min(stamps, 40)) / 10)
    assert (f"{stamps} timestamps for 40 frames" in said(recording)) == (stamps != 40)


# -- colours ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [
        ("blue", "violet"), ("470nm", "405nm"), ("raw/GCaMP", "raw/iso"), ("F470", "F405"),
        ("signal", "reference"), ("ch0", "ch1"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("suffix", ["h5", "zarr"])
def test_two_arrays_that_are_called_after_their_light_are_two_colours(
    tmp_path: Path, names: tuple[str, str], suffix: str
) -> None:
    path = tmp_path / f"m.{suffix}"
    with h5py.File(path, "w") if suffix == "h5" else zarr.open_group(path).store as file:
        root = file if suffix == "h5" else zarr.open_group(path)
        for name, movie in zip(names, (MOVIE, VIOLET), strict=True):
            root.create_dataset(name, data=movie) if suffix == "h5" else root.create_array(
                name, data=movie
            )
        root.attrs["frame_rate"] = 10.0
    recording = open_recording(path)
    np.testing.assert_array_equal(recording.movie.compute(), MOVIE)
    np.testing.assert_array_equal(recording.reference.compute(), VIOLET)
    assert recording.frame_rate == 10
    assert bool(recording.warnings) == (names[0] == "ch0")
    alone = open_recording(path, dataset=names[1])
    assert alone.reference is None
    np.testing.assert_array_equal(alone.movie.compute(), VIOLET)


def test_two_arrays_of_one_light_are_asked_for(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["raw"], file["motion_corrected"] = MOVIE, VIOLET
    assert "motion_corrected" in refused(tmp_path / "m.h5")


ORDERS = ("tcyx", "ctyx", "tyxc", "yxct", "yxtc", "cyxt")


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("told", [True, False])
def test_two_colours_in_one_array_in_any_order(tmp_path: Path, order: str, told: bool) -> None:
    times = 400  # so that no frame could have it for an edge
    both = np.stack([np.resize(MOVIE, (times, 20, 31)), np.resize(VIOLET, (times, 20, 31))], 1)
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["m"] = both.transpose(["tcyx".index(axis) for axis in order])
        if told:
            file["m"].attrs["axes"] = order
    recording = open_recording(tmp_path / "m.h5")
    np.testing.assert_array_equal(recording.movie.compute(), both[:, 0])
    np.testing.assert_array_equal(recording.reference.compute(), both[:, 1])
    assert bool(recording.warnings) == (not told and order in ("yxtc", "cyxt"))


@pytest.mark.parametrize("order", ["ctyx", "tyxc"])
def test_an_order_that_could_be_another_is_told(tmp_path: Path, order: str) -> None:
    both = np.stack([MOVIE, VIOLET], 1).transpose(["tcyx".index(axis) for axis in order])
    np.save(tmp_path / "m.npy", both)
    recording = open_recording(tmp_path / "m.npy")
    np.testing.assert_array_equal(recording.movie.compute(), MOVIE)
    assert f"'{order}'" in said(recording) and "axes=" in said(recording)


@pytest.mark.parametrize("cut", [(4, 8, 12), (11, 12), tuple(range(1, 13))])
def test_parts_of_a_set_may_have_a_single_frame(tmp_path: Path, cut: tuple[int, ...]) -> None:
    for start, stop in zip((0, *cut), cut, strict=False):
        with h5py.File(tmp_path / f"part{start}.h5", "w") as file:
            file["data"] = MOVIE[start:stop]
    recording = open_recording(sorted(tmp_path.iterdir()))
    np.testing.assert_array_equal(recording.movie.compute(), MOVIE)
    if len(cut) == 12:
        assert "one frame" in refused(tmp_path / "part0.h5")


# -- what they say of themselves -------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "rate", "size"),
    [
        ({"frame_interval_ms": 100}, 10, None),
        ({"frame_period": 0.1, "frame_period_unit": "seconds"}, 10, None),
        ({"imaging_rate": 10.0, "pixel_size": 20, "pixel_size_units": "microns"}, 10, 0.02),
        ({"pixel_size": 20}, None, None),
        ({"pixelsize_µm": 20}, None, 0.02),
    ],
)
@pytest.mark.parametrize("suffix", ["h5", "zarr"])
def test_rates_and_sizes_whose_unit_stands_in_or_beside_the_name(
    tmp_path: Path, attributes, rate, size, suffix: str
) -> None:
    path = tmp_path / f"m.{suffix}"
    if suffix == "h5":
        with h5py.File(path, "w") as file:
            file["m"] = MOVIE
            file["m"].attrs.update(attributes)
    else:
        zarr.create_array(path, data=MOVIE).attrs.update(attributes)
    recording = open_recording(path)
    assert recording.frame_rate == (None if rate is None else pytest.approx(rate))
    assert recording.pixel_size == (None if size is None else pytest.approx(size))


def ome_zarr(path: Path, units: tuple[str | None, str | None], scale=(0.1, 20.0, 20.0)) -> Path:
    axes = [{"name": "t", "type": "time"}, *({"name": a, "type": "space"} for a in "yx")]
    for axis, unit in zip(axes, (units[0], units[1], units[1]), strict=True):
        axis |= {} if unit is None else {"unit": unit}
    group = zarr.open_group(path, mode="w", zarr_format=2)
    group.create_array("0", data=MOVIE)
    level = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [*scale]}]}
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": [level]}]
    return path


@pytest.mark.parametrize(
    ("units", "words"),
    [
        (("fortnight", "micrometer"), ["'fortnight'"]),
        (("second", "furlong"), ["'furlong'"]),
        (("Seconds", "microns"), []),
        (("second", None), []),
        (("s", "pixel"), []),
    ],
)
def test_units_of_a_scale_that_are_not_known_are_told(tmp_path: Path, units, words) -> None:
    recording = open_recording(ome_zarr(tmp_path / "m.zarr", units))
    assert len(recording.warnings) == len(words)
    assert all(word in said(recording) for word in words)
    assert (recording.frame_rate is None) == (units[0] == "fortnight")


def test_pixels_that_are_not_square_are_told(tmp_path: Path) -> None:
    path = ome_zarr(tmp_path / "m.zarr", ("second", "micrometer"), (0.1, 20.0, 40.0))
    assert "wide" in said(open_recording(path))


def test_times_since_a_date_are_on_their_own_clock(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "m.zarr", mode="w", zarr_format=2)
    group.create_array("movie", data=MOVIE)
    times = group.create_array("time", data=5 + np.arange(12) / 10)
    times.attrs["units"] = "seconds since 2024-01-01 00:00:00"
    assert open_recording(tmp_path / "m.zarr").times[0] == 5
