"""What an HDF5 file says of other files is told by name, and never read into what is given away."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import h5py
import numpy as np
import pytest

from napari_cortex_decoder.atlas.importers.transforms import read_mesonet
from napari_cortex_decoder.errors import CortexDecoderError
from napari_cortex_decoder.labels.nwb import read_nwb_intervals
from napari_cortex_decoder.recording import Recording, open_recording, read_behavior

MOVIE = np.arange(7 * 20 * 30, dtype="u2").reshape(7, 20, 30)
BEHAVIOR = Recording(movie=da.zeros((40, 2, 2)), name="m", frame_rate=2.0)


def outside(file: h5py.File, member: str, other: Path) -> None:
    values = file[member][()]
    with h5py.File(other, "w") as elsewhere:
        elsewhere["secret"] = values
    del file[member]
    file[member] = h5py.ExternalLink(str(other), "secret")


def outside_by_a_soft_link(file: h5py.File, member: str, other: Path) -> None:
    outside(file, member, other)
    file.move(member, "hidden")
    file[member] = h5py.SoftLink("/hidden")


def stored_outside(file: h5py.File, member: str, other: Path) -> None:
    values, attributes = file[member][()], dict(file[member].attrs)
    if values.dtype.hasobject:
        values = values.astype("S16")
    del file[member]
    values.tofile(other)
    place = [(str(other), 0, values.nbytes)]
    file.create_dataset(member, values.shape, values.dtype, external=place).attrs.update(attributes)


def virtual(file: h5py.File, member: str, other: Path) -> None:
    values, attributes = file[member][()], dict(file[member].attrs)
    if values.dtype.hasobject:
        values = values.astype("S16")
    del file[member]
    with h5py.File(other, "w") as elsewhere:
        elsewhere["secret"] = values
    layout = h5py.VirtualLayout(values.shape, values.dtype)
    layout[...] = h5py.VirtualSource(other, "secret", values.shape)
    file.create_virtual_dataset(member, layout).attrs.update(attributes)


def a_series(file: h5py.File) -> None:
    series = file.create_group("acquisition/light")
    series.attrs["neurodata_type"] = "OnePhotonSeries"
    series["data"] = MOVIE
    series["starting_time"] = 0.0
    series["starting_time"].attrs["rate"] = 30.0


def a_trace(file: h5py.File) -> None:
    file["acquisition/speed/data"] = np.arange(40.0)
    file["acquisition/speed/starting_time"] = 0.0
    file["acquisition/speed/starting_time"].attrs["rate"] = 2.0


def bouts(file: h5py.File) -> None:
    file["intervals/ethogram/start_time"] = np.array([1.0, 3.0])
    file["intervals/ethogram/stop_time"] = np.array([2.0, 4.0])
    file["intervals/ethogram/label"] = ["run", "rest"]


def matrix(file: h5py.File) -> None:
    file["affine_ref_to_data512"] = np.array([[1.0, 0, 3], [0, 1, -2]])


def open_movie(path: Path) -> Any:
    return open_recording(path).movie.compute()


def behavior(path: Path) -> Any:
    return read_behavior(path, BEHAVIOR)


# what is read, the file that it is read from, and the member that is put elsewhere
READERS: dict[str, tuple[str, Callable[[h5py.File], object], Callable[[Path], Any], str]] = {
    "movie": ("m.h5", lambda file: file.update({"movie": MOVIE}), open_movie, "movie"),
    "movie of MATLAB": ("m.mat", lambda file: file.update({"movie": MOVIE}), open_movie, "movie"),
    "movie of NWB": ("m.nwb", a_series, open_movie, "acquisition/light/data"),
    "trace of MATLAB": (
        "b.mat",
        lambda file: file.update({"run": np.arange(40.0)}),
        behavior,
        "run",
    ),
    "trace of NWB": ("b.nwb", a_trace, behavior, "acquisition/speed/data"),
    "bouts as behavior": ("b.nwb", bouts, behavior, "intervals/ethogram/label"),
    "bouts as labels": ("l.nwb", bouts, read_nwb_intervals, "intervals/ethogram/label"),
    "times of bouts": ("l.nwb", bouts, read_nwb_intervals, "intervals/ethogram/stop_time"),
    "transform": (
        "t.h5",
        matrix,
        lambda path: read_mesonet(path, (64, 64)),
        "affine_ref_to_data512",
    ),
}
WAYS = [outside, outside_by_a_soft_link, stored_outside, virtual]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("reader", READERS)
def test_what_lies_in_another_file_is_told_by_name(
    tmp_path: Path, reader: str, way: Callable[[h5py.File, str, Path], None]
) -> None:
    name, write, read, member = READERS[reader]
    path, other = tmp_path / name, tmp_path / "other.bin"
    with h5py.File(path, "w") as file:
        write(file)
    read(path)
    with h5py.File(path, "a") as file:
        way(file, member, other)
    with warnings.catch_warnings(), pytest.raises((CortexDecoderError, UserWarning)) as told:
        warnings.simplefilter("error", UserWarning)  # what is sound beside it is read
        read(path)
    sentence = str(told.value)
    place = "hidden" if way is outside_by_a_soft_link else member
    assert f"/{place} lies in the file" in sentence and "other.bin" in sentence
    assert sentence.endswith("copy it into this one.") and "\n" not in sentence


@pytest.mark.parametrize("reader", READERS)
def test_a_link_inside_the_file_is_followed(tmp_path: Path, reader: str) -> None:
    name, write, read, member = READERS[reader]
    path = tmp_path / name
    with h5py.File(path, "w") as file:
        write(file)
        file.move(member, "elsewhere")
        file[member] = h5py.SoftLink("/elsewhere")
    assert read(path) is not None


def test_a_movie_whose_clock_lies_in_another_file_opens_and_says_so(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "m.nwb", "w") as file:
        a_series(file)
        outside(file, "acquisition/light/starting_time", tmp_path / "other.h5")
    recording = open_recording(tmp_path / "m.nwb")
    np.testing.assert_array_equal(recording.movie.compute(), MOVIE)
    assert any("starting_time lies in the file" in warning for warning in recording.warnings)


def test_a_dataset_that_is_made_of_itself_is_a_sentence(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        layout = h5py.VirtualLayout(MOVIE.shape, "u2")
        layout[...] = h5py.VirtualSource(".", "movie", MOVIE.shape)
        file.create_virtual_dataset("movie", layout)
    with pytest.raises(CortexDecoderError, match=r"m\.h5: this cannot be read"):
        open_recording(tmp_path / "m.h5")


def test_groups_without_end_are_looked_into_as_far_as_any_file_has_them(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        deep = file
        for _ in range(3000):
            deep = deep.create_group("g")
        file["movie"] = MOVIE
    np.testing.assert_array_equal(open_movie(tmp_path / "m.h5"), MOVIE)
