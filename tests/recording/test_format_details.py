"""What each format says beyond its frames, and what it refuses."""

from __future__ import annotations

import json
import pickle
import struct
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import h5py
import numpy as np
import pytest
import scipy.io
import tifffile
import zarr
from numpy.typing import NDArray

from helpers.movies import movie_of, refused
from napari_cortex_decoder.recording import movie_formats, open_recording
from recording.test_formats import RATE, hdf5, nwb_file, one_file_a_frame, video, write_nwb

Movie = NDArray[np.generic]


def test_the_page_of_formats_in_the_docs_lists_each_with_its_names_and_options() -> None:
    page = (Path(__file__).parents[2] / "docs/formats.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    listed = [(name, names, options) for name, names, *_, options in rows[1:]]

    def code(words: Iterable[str], none: str) -> str:
        return ", ".join(f"`{word}`" for word in words) or none

    assert listed == [
        (kind.name, code(kind.patterns, "a folder"), code(sorted(kind.options), "–"))
        for kind in movie_formats()
    ]


# -- folders and several files ----------------------------------------------------------------


def micromanager(folder: Path, times: list[int], movie: Movie, clock: list[float]) -> None:
    """Frames as Micro-Manager writes them, with the description that it puts into each."""
    for time, frame, elapsed in zip(times, movie, clock, strict=True):
        info = json.dumps({"ElapsedTime-ms": elapsed, "Camera": "Zyla", "Binning": 4})
        tifffile.imwrite(
            folder / f"img_channel000_position000_time{time:09d}_z000.tif",
            frame,
            imagej=True,
            metadata={"Info": info},
        )


def test_the_real_micromanager_folder_opens_in_true_order_and_splits(shared_data: Path) -> None:
    folder = shared_data / "recordings/yulonglab/micromanager_G"
    files = sorted(folder.iterdir(), key=lambda path: int(path.stem.split("time")[1][:9]))
    frames = np.stack([tifffile.imread(file) for file in files])
    recording = open_recording(folder, channels=2)
    np.testing.assert_array_equal(recording.movie.compute(), frames[::2])
    assert recording.reference is not None
    np.testing.assert_array_equal(recording.reference.compute(), frames[1::2])
    # 488 nm, the movie, is brighter than 405 nm in this recording
    assert recording.movie.mean().compute() > 1.5 * recording.reference.mean().compute()
    assert recording.frame_rate == pytest.approx(1.0, abs=0.01)
    np.testing.assert_allclose(np.diff(recording.times), 1.0, atol=0.01)


def test_the_time_index_orders_micromanager_frames_and_not_the_text(tmp_path: Path) -> None:
    movie = movie_of(frames=4)
    # beyond nine digits the text order is another
    times = [999_999_998, 999_999_999, 1_000_000_000, 1_000_000_001]
    micromanager(tmp_path, times, movie, [0, 100, 200, 300])
    recording = open_recording(tmp_path)
    np.testing.assert_array_equal(recording.movie.compute(), movie)
    assert recording.frame_rate == pytest.approx(10)
    assert recording.metadata["Camera"] == "Zyla"


def test_a_frame_that_micromanager_lost_does_not_swap_the_colours(tmp_path: Path) -> None:
    movie = movie_of(frames=9)
    times = [0, 1, 2, 3, 4, 6, 7, 8, 9]  # 5, of the reference, is lost
    micromanager(tmp_path, times, movie, [50.0 * time for time in times])
    recording = open_recording(tmp_path, channels=2)
    assert recording.reference is not None
    np.testing.assert_array_equal(recording.movie.compute(), movie[[0, 2, 5, 7]])
    np.testing.assert_array_equal(recording.reference.compute(), movie[[1, 3, 6, 8]])
    np.testing.assert_allclose(recording.times, [0, 0.1, 0.3, 0.4])
    said = " ".join(recording.warnings)
    assert "1 frames have no partner" in said and "missing" in said


def test_two_colours_of_micromanager_1_become_movie_and_reference(tmp_path: Path) -> None:
    movie = movie_of(frames=8)
    for index, frame in enumerate(movie):
        name = f"img_{index // 2:09d}_{('GCaMP', 'violet')[index % 2]}_000.tif"
        tifffile.imwrite(tmp_path / name, frame)
    recording = open_recording(tmp_path)
    np.testing.assert_array_equal(recording.movie.compute(), movie[::2])
    assert recording.reference is not None
    np.testing.assert_array_equal(recording.reference.compute(), movie[1::2])


def test_numbers_missing_in_the_names_are_lost_frames(tmp_path: Path) -> None:
    movie = movie_of(frames=10)
    one_file_a_frame(tmp_path, movie)
    (tmp_path / "frame12.tif").unlink()
    recording = open_recording(tmp_path, frame_rate=20)
    assert recording.n_frames == 9
    np.testing.assert_allclose(recording.times[4:6], [0.2, 0.3])
    assert "1 frame seems to be missing in 1 place, first after frame 4" in recording.warnings[0]


def test_files_of_one_session_are_joined_as_people_count(tmp_path: Path) -> None:
    movie = movie_of(frames=36)
    paths = [tmp_path / f"night{'' if part == 0 else f'_{part}'}.tif" for part in range(12)]
    for part, path in enumerate(paths):
        tifffile.imwrite(path, movie[3 * part : 3 * part + 3], photometric="minisblack")
    for given in (sorted(map(str, paths)), tmp_path):
        recording = open_recording(given, frame_rate=30)
        np.testing.assert_array_equal(recording.movie.compute(), movie)
        np.testing.assert_array_equal(recording.movie[4:30:5].compute(), movie[4:30:5])
    assert len(recording.metadata["files"]) == 12


def test_a_micromanager_stack_says_its_rate(tmp_path: Path) -> None:
    movie = movie_of(frames=21)
    with tifffile.TiffWriter(tmp_path / "m.tif") as writer:
        for index, frame in enumerate(movie):
            info = json.dumps({"ElapsedTime-ms": 500 + 40.0 * index}).encode()
            tags = [(51123, "s", 0, info, False)]
            writer.write(frame, contiguous=False, metadata=None, extratags=tags)
    recording = open_recording(tmp_path / "m.tif")
    np.testing.assert_array_equal(recording.movie.compute(), movie)
    assert recording.frame_rate == pytest.approx(25)


def test_one_part_of_a_longer_acquisition_says_so_and_all_parts_do_not(tmp_path: Path) -> None:
    movie = movie_of(frames=6)
    uuids = ["urn:uuid:1", "urn:uuid:2"]
    blocks = "".join(
        f'<TiffData FirstT="{t}" IFD="{t % 3}" PlaneCount="1">'
        f'<UUID FileName="m_{t // 3}.ome.tif">{uuids[t // 3]}</UUID></TiffData>'
        for t in range(6)
    )
    for part, uuid in enumerate(uuids):
        xml = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{uuid}">'
            '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" '
            'SizeX="31" SizeY="20" SizeC="1" SizeZ="1" SizeT="6" TimeIncrement="0.1">'
            f"{blocks}</Pixels></Image></OME>"
        )
        tifffile.imwrite(
            tmp_path / f"m_{part}.ome.tif",
            movie[3 * part : 3 * part + 3],
            description=xml.encode(),
            metadata=None,
            photometric="minisblack",
        )
    both = [tmp_path / "m_0.ome.tif", tmp_path / "m_1.ome.tif"]
    for given in (both, *both, tmp_path):
        whole = open_recording(given)
        np.testing.assert_array_equal(whole.movie.compute(), movie)
        assert whole.warnings == () and whole.frame_rate == pytest.approx(10)
    both[0].unlink()
    alone = open_recording(both[1])
    np.testing.assert_array_equal(alone.movie.compute(), movie[3:])
    assert "3 of the 6 frames" in alone.warnings[0] and "m_0.ome.tif" in alone.warnings[0]


def test_files_of_different_sessions_are_not_joined(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", movie_of(rows=20), photometric="minisblack")
    tifffile.imwrite(tmp_path / "b.tif", movie_of(rows=21), photometric="minisblack")
    with pytest.raises(ValueError, match=r"b\.tif: it differs from a\.tif in its frames"):
        open_recording(tmp_path)


def test_a_broken_frame_of_a_folder_is_named_when_it_is_met(tmp_path: Path) -> None:
    one_file_a_frame(tmp_path, movie_of(frames=5))
    tifffile.imwrite(tmp_path / "frame9.tif", np.zeros((40, 40), "u2"))
    recording = open_recording(tmp_path)
    recording.movie[1].compute()
    with pytest.raises(ValueError, match=r"frame9\.tif: this frame is \(40, 40\)"):
        recording.movie[2].compute()
    (tmp_path / "frame9.tif").write_bytes(b"")
    with pytest.raises(ValueError, match=r"frame9\.tif: the file is truncated"):
        open_recording(tmp_path)


# -- arrays ------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("axes", ["tyx", "yxt", "xyt", "txy"])
def test_an_array_of_any_axes_comes_back_as_frames(tmp_path: Path, axes: str, order: str) -> None:
    movie = movie_of(frames=150, rows=12, columns=15)
    stored = movie.transpose(["tyx".index(axis) for axis in axes])
    np.save(tmp_path / "m.npy", np.asarray(stored, order=order))
    recording = open_recording(tmp_path / "m.npy", axes=axes)
    np.testing.assert_array_equal(recording.movie.compute(), movie)
    np.testing.assert_array_equal(recording.movie[77:3:-9].compute(), movie[77:3:-9])


def test_axes_that_would_give_absurd_frames_are_turned_and_told(tmp_path: Path) -> None:
    movie = movie_of(frames=300, rows=20, columns=24)
    np.save(tmp_path / "m.npy", movie.transpose(1, 2, 0))
    recording = open_recording(tmp_path / "m.npy")
    np.testing.assert_array_equal(recording.movie.compute(), movie)
    assert "'yxt'" in recording.warnings[0]
    assert "its axes cannot be 'abc'" in refused(tmp_path / "m.npy", axes="abc")


@pytest.mark.parametrize("stored", [">u2", "<f4", "i1"])
def test_numpy_pixels_come_in_native_order(tmp_path: Path, stored: str) -> None:
    movie = (movie_of() // 2).astype(stored)
    np.save(tmp_path / "m.npy", movie)
    recording = open_recording(tmp_path / "m.npy")
    assert recording.movie.dtype == movie.dtype.newbyteorder("=")
    np.testing.assert_array_equal(recording.movie.compute(), movie)


def test_two_colours_in_an_array_of_four_axes_are_split(tmp_path: Path) -> None:
    movie = movie_of(frames=40).reshape(20, 2, 20, 31)
    np.save(tmp_path / "m.npy", movie)
    scipy.io.savemat(tmp_path / "m.mat", {"mov": movie.transpose(2, 3, 1, 0), "fps": 10.0})
    for name in ("m.npy", "m.mat"):
        recording = open_recording(tmp_path / name)
        np.testing.assert_array_equal(recording.movie.compute(), movie[:, 0])
        assert recording.reference is not None
        np.testing.assert_array_equal(recording.reference.compute(), movie[:, 1])
    assert recording.frame_rate == 10


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.zeros((5, 4, 4), "c8"), "complex64"),
        (np.array([[["a"]]], dtype=object), "not numbers"),
        (np.zeros((5, 4)), "no movie, and traces of areas"),
        (np.zeros((0, 4, 4)), "no frame"),
        (np.zeros((1, 4, 4)), "one frame"),
        (np.zeros((5, 3, 4, 4)), "no movie of one or two colours"),
        (np.zeros((5, 4, 4), "M8[s]"), "datetime64"),
        (np.zeros((5, 4, 4), bool), "bool"),
        (np.array(3.0), "a single number"),
    ],
    ids=["complex", "objects", "2-D", "no frame", "one frame", "RGB", "dates", "bool", "scalar"],
)
def test_arrays_that_are_no_movie_are_refused(tmp_path: Path, array: Movie, sentence: str) -> None:
    np.save(tmp_path / "m.npy", array, allow_pickle=True)
    assert sentence in refused(tmp_path / "m.npy")


def test_a_truncated_array_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "m.npy", movie_of())
    content = (tmp_path / "m.npy").read_bytes()
    (tmp_path / "m.npy").write_bytes(content[:-1])
    assert "truncated" in refused(tmp_path / "m.npy")
    (tmp_path / "m.npy").write_bytes(b"")
    assert "empty" in refused(tmp_path / "m.npy")


# -- raw ---------------------------------------------------------------------------------------


def test_wfields_name_says_colours_shape_and_type(tmp_path: Path) -> None:
    movie = movie_of(frames=40, dtype="int16")
    path = tmp_path / "frames_average 2024-05-06_2_20_31_int16.dat"
    movie.tofile(path)
    recording = open_recording(path)
    np.testing.assert_array_equal(recording.movie.compute(), movie[::2])
    assert recording.reference is not None
    np.testing.assert_array_equal(recording.reference.compute(), movie[1::2])


@pytest.mark.parametrize("shape", [(23, 20, 31), (20, 31)], ids=str)
def test_a_raw_file_opens_with_the_shape_given(tmp_path: Path, shape: tuple[int, ...]) -> None:
    movie = movie_of(dtype="float32")
    movie.tofile(tmp_path / "m.bin")
    recording = open_recording(tmp_path / "m.bin", shape=shape, dtype="float32")
    np.testing.assert_array_equal(recording.movie.compute(), movie)


@pytest.mark.parametrize(
    ("name", "given", "sentence"),
    [
        ("m.bin", {}, "does not say its shape"),
        ("m_1_20_32_uint16.dat", {}, "not whole frames"),
        ("m_3_20_31_uint16.dat", {}, "3 colours"),
        ("m_1_20_31_text.dat", {}, "no type of a pixel"),
        ("m_1_0_31_uint16.dat", {}, "0 x 31"),
        ("m.bin", {"shape": (24, 20, 30)}, "not 24 frames"),
        ("m.bin", {"shape": (20, -31)}, "20 x -31"),
        ("m.bin", {"shape": (1, 2, 3, 4)}, "(frames, rows, columns)"),
        ("m.bin", {"shape": (20, 31), "dtype": "complex64"}, "no type of a pixel"),
        ("m.bin", {"shape": (20, 31), "axes": "xy"}, "axes cannot be 'xy'"),
    ],
    ids=str,
)
def test_raw_files_of_impossible_shape_are_refused(
    tmp_path: Path, name: str, given: dict[str, object], sentence: str
) -> None:
    movie_of().tofile(tmp_path / name)
    assert sentence in refused(tmp_path / name, **given)


# -- HDF5 and MATLAB ---------------------------------------------------------------------------


def test_hdf5_says_times_pixel_size_and_axes(tmp_path: Path) -> None:
    movie = movie_of(frames=30)
    times = np.arange(30) / 20 + (np.arange(30) >= 12) * 0.5
    with h5py.File(tmp_path / "m.h5", "w") as file:
        array = file.create_dataset("movie", data=movie.transpose(1, 2, 0))
        for axis, label in enumerate(("row", "column", "time")):
            array.dims[axis].label = label
        array.attrs["pixel_size_um"] = 36
        file["frame_times"] = times
    recording = open_recording(tmp_path / "m.h5")
    np.testing.assert_array_equal(recording.movie.compute(), movie)
    np.testing.assert_allclose(recording.times, times)
    assert recording.pixel_size == pytest.approx(0.036)
    assert recording.frame_rate == pytest.approx(20)
    assert "10 frames seem to be missing" in recording.warnings[0]


def test_one_of_several_datasets_is_named(tmp_path: Path) -> None:
    movie = movie_of()
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["a/raw"], file["b"] = movie, movie + 1
    sentence = refused(tmp_path / "m.h5")
    assert "2 arrays" in sentence and "a/raw (23 x 20 x 31)" in sentence
    for name in ("a/raw", "/a/raw"):
        recording = open_recording(tmp_path / "m.h5", dataset=name)
        np.testing.assert_array_equal(recording.movie.compute(), movie)
    assert "no movie called 'c'" in refused(tmp_path / "m.h5", dataset="c")


def test_hdf5_without_a_movie_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["trace"], file["label"] = np.zeros(100), "text"
    assert "no movie in it" in refused(tmp_path / "m.h5")


def test_cyclic_broken_and_outgoing_links_lead_nowhere(tmp_path: Path) -> None:
    movie = movie_of()
    hdf5(tmp_path, movie)
    (tmp_path / "m.h5").rename(tmp_path / "other.h5")
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["group/round"] = h5py.SoftLink("/group")
        file["group/self"] = file["group"]
        file["gone"] = h5py.SoftLink("/nowhere")
        file["out"] = h5py.ExternalLink("other.h5", "session/movie")
    sentence = refused(tmp_path / "m.h5")
    assert "no movie in it" in sentence and "/out lies in the file 'other.h5'" in sentence
    assert "no movie called 'gone'" in refused(tmp_path / "m.h5", dataset="gone")
    with h5py.File(tmp_path / "m.h5", "a") as file:
        file["movie"] = movie
    np.testing.assert_array_equal(open_recording(tmp_path / "m.h5").movie.compute(), movie)


def test_chunks_too_large_to_look_at_are_refused(tmp_path: Path) -> None:
    shape = (2**20, 64, 64)
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.create_dataset("movie", shape=shape, chunks=(2**18, 64, 64), dtype="u1")
    assert "chunks of about 64 frames" in refused(tmp_path / "m.h5")


def test_chunks_of_many_frames_open_and_are_told(tmp_path: Path) -> None:
    shape, chunks = (2**14, 128, 128), (2**13, 8, 8)
    with h5py.File(tmp_path / "m.h5", "w") as file:
        array = file.create_dataset("movie", shape=shape, chunks=chunks, dtype="u2")
        array[9000:9002] = 7
    recording = open_recording(tmp_path / "m.h5")
    assert "8192 frames each" in recording.warnings[0]
    assert recording.movie[8999:9003].sum(axis=(1, 2)).compute().tolist() == [0, 114688, 114688, 0]


@pytest.mark.parametrize("suffix", [".h5", ".mat", ".nwb", ".npy", ".avi", ".mp4"])
def test_a_text_file_by_any_name_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"notes{suffix}"
    path.write_text("these are notes, and not a movie " * 40)
    refused(path)
    path.write_bytes(b"")
    assert "empty" in refused(path)


@pytest.mark.parametrize("compressed", [True, False])
def test_a_truncated_matlab_file_is_refused(tmp_path: Path, compressed: bool) -> None:
    content = {"mov": movie_of().transpose(1, 2, 0)}
    scipy.io.savemat(tmp_path / "m.mat", content, do_compression=compressed)
    whole = (tmp_path / "m.mat").read_bytes()
    (tmp_path / "m.mat").write_bytes(whole[: len(whole) // 2])
    assert "cut off" in refused(tmp_path / "m.mat")


def test_a_matlab_file_with_other_variables_opens_its_movie(tmp_path: Path) -> None:
    movie = movie_of()
    content = {"mov": movie.transpose(1, 2, 0), "note": "text", "mask": np.ones((20, 31))}
    scipy.io.savemat(tmp_path / "m.mat", content)
    np.testing.assert_array_equal(open_recording(tmp_path / "m.mat").movie.compute(), movie)


def test_a_complex_matlab_movie_is_none(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "m.mat", {"mov": movie_of().transpose(1, 2, 0) * 1j})
    assert "no movie in it" in refused(tmp_path / "m.mat")


# -- Zarr --------------------------------------------------------------------------------------


class Bomb:
    """What a pickle from a stranger could do."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path(self.target),))  # type: ignore[return-value]


@pytest.mark.parametrize("place", ["filters", "compressor"])
def test_a_zarr_whose_chunks_are_pickles_is_refused_and_runs_nothing(
    tmp_path: Path, place: str
) -> None:
    path, fired = tmp_path / "m.zarr", tmp_path / "fired"
    zarr.create_array(path, shape=(4, 5, 6), chunks=(4, 5, 6), dtype="u1", zarr_format=2)
    described = json.loads((path / ".zarray").read_text())
    codec = {"id": "pickle", "protocol": 4}
    described |= {"filters": None, "compressor": None}
    described |= {place: [codec] if place == "filters" else codec}
    (path / ".zarray").write_text(json.dumps(described))
    bomb = Bomb()
    bomb.target = str(fired)  # type: ignore[attr-defined]
    (path / "0.0.0").write_bytes(pickle.dumps(bomb))
    refused(path)
    assert not fired.exists()


def test_a_zarr_that_was_not_copied_whole_says_so(tmp_path: Path) -> None:
    path = tmp_path / "m.zarr"
    zarr.create_array(path, shape=(20, 8, 8), chunks=(5, 8, 8), dtype="u1")[:10] = 3
    recording = open_recording(path)
    assert "the last 10 of its 20 frames were never written" in recording.warnings[0]


def test_a_zarr_without_a_movie_or_a_path_out_of_it_is_refused(tmp_path: Path) -> None:
    group = zarr.create_group(tmp_path / "m.zarr")
    group.create_array("trace", shape=(9,), dtype="f4")
    assert "no movie in it" in refused(tmp_path / "m.zarr")
    np.save(tmp_path / "secret.npy", movie_of())
    zarr.create_array(tmp_path / "other.zarr", shape=(9, 8, 8), dtype="f4")
    dataset = {"path": "../other.zarr"}
    group.attrs["ome"] = {"multiscales": [{"axes": [], "datasets": [dataset]}]}
    refused(tmp_path / "m.zarr")


# -- NWB ---------------------------------------------------------------------------------------


def test_nwb_brings_the_reference_the_times_the_pixel_size_and_the_mouse(tmp_path: Path) -> None:
    movie, violet = movie_of(frames=12), movie_of(frames=12) + 1
    times = np.arange(12) / 10 + 5
    file, series = nwb_file()
    series("violet", violet, 405.0, timestamps=times + 0.05)
    series("blue", movie, 470.0, timestamps=times)
    recording = open_recording(write_nwb(tmp_path / "m.nwb", file))
    np.testing.assert_array_equal(recording.movie.compute(), movie)
    assert recording.reference is not None
    np.testing.assert_array_equal(recording.reference.compute(), violet)
    np.testing.assert_allclose(recording.times, times)
    assert recording.pixel_size == pytest.approx(0.036)
    assert recording.subject == "M7"
    swapped = open_recording(tmp_path / "m.nwb", dataset="violet")
    np.testing.assert_array_equal(swapped.movie.compute(), violet)
    assert swapped.reference is None


@pytest.mark.parametrize("dimension", [None, [31, 20], [20, 31]], ids=str)
def test_nwb_tells_rows_from_columns(tmp_path: Path, dimension: list[int] | None) -> None:
    movie = movie_of()
    file, series = nwb_file()
    extra = {"dimension": dimension, "rate": 10.0} if dimension else {"rate": 10.0}
    series("calcium", movie, 470.0, **extra)
    recording = open_recording(write_nwb(tmp_path / "m.nwb", file))
    # dimension is (x, y): an array of 20 x 31 with x = 20 has its columns first
    columns_first = dimension == [20, 31]
    expected = movie.transpose(0, 2, 1) if columns_first else movie
    np.testing.assert_array_equal(recording.movie.compute(), expected)


def test_nwb_with_several_movies_or_none_is_refused(tmp_path: Path) -> None:
    assert "no movie in it" in refused(write_nwb(tmp_path / "none.nwb", nwb_file()[0]))
    file, series = nwb_file()
    for name in ("one", "two"):
        series(name, movie_of(), 470.0)
    assert "2 arrays" in refused(write_nwb(tmp_path / "two.nwb", file))
    assert open_recording(tmp_path / "two.nwb", dataset="two").n_frames == 23


# -- SVD ---------------------------------------------------------------------------------------


def svd_pair(folder: Path, movie: Movie, names: tuple[str, str]) -> None:
    flat = movie.reshape(len(movie), -1).astype(float)
    left, values, right = np.linalg.svd(flat.T, full_matrices=False)
    space = left.reshape(*movie.shape[1:], -1)
    np.save(folder / names[0], space.astype("f4"))
    np.save(folder / names[1], (values[:, None] * right).astype("f4"))


def test_wfields_pair_is_rebuilt(tmp_path: Path) -> None:
    movie = movie_of()
    svd_pair(tmp_path, movie, ("U.npy", "SVT.npy"))
    for path in (tmp_path, tmp_path / "U.npy", tmp_path / "SVT.npy"):
        recording = open_recording(path, frame_rate=30)
        assert recording.format == "SVD"
        np.testing.assert_allclose(recording.movie.compute(), movie, atol=0.02)
        np.testing.assert_allclose(recording.movie[7:20:5].compute(), movie[7:20:5], atol=0.02)


def ibl(folder: Path, movie: Movie, kind: str) -> np.ndarray:
    svd_pair(folder, movie, ("widefieldU.images.npy", f"widefieldSVT.{kind}.npy"))
    times = np.arange(40) / 30 + 100
    np.save(folder / "imaging.times.npy", times)
    np.save(folder / "imaging.imagingLightSource.npy", np.tile([2, 1], 20))
    (folder / "imagingLightSource.properties.htsv").write_text(
        "channel_id\tcolor\twavelength\n0\tNone\t0\n1\tViolet\t405\n2\tBlue\t470\n"
    )
    return times


def test_the_ibls_light_sources_split_an_uncorrected_movie(tmp_path: Path) -> None:
    movie = movie_of(frames=40)
    times = ibl(tmp_path, movie, "uncorrected")
    recording = open_recording(tmp_path)
    np.testing.assert_allclose(recording.movie.compute(), movie[::2], atol=0.02)
    assert recording.reference is not None
    np.testing.assert_allclose(recording.reference.compute(), movie[1::2], atol=0.02)
    np.testing.assert_allclose(recording.times, times[::2])
    assert recording.frame_rate == pytest.approx(15)


def test_the_ibls_corrected_movie_has_the_times_of_blue_light(tmp_path: Path) -> None:
    movie = movie_of(frames=20)
    times = ibl(tmp_path, movie, "haemoCorrected")
    recording = open_recording(tmp_path)
    np.testing.assert_allclose(recording.movie.compute(), movie, atol=0.02)
    np.testing.assert_allclose(recording.times, times[::2])
    assert recording.reference is None


@pytest.mark.parametrize("kept", ["U.npy", "SVT.npy"])
def test_half_an_svd_pair_is_refused(tmp_path: Path, kept: str) -> None:
    svd_pair(tmp_path, movie_of(), ("U.npy", "SVT.npy"))
    (tmp_path / ({"U.npy", "SVT.npy"} - {kept}).pop()).unlink()
    assert "the other half of" in refused(tmp_path / kept)


def test_halves_of_two_recordings_are_refused(tmp_path: Path) -> None:
    svd_pair(tmp_path, movie_of(), ("U.npy", "SVT.npy"))
    np.save(tmp_path / "SVT.npy", np.zeros((7, 23), "f4"))
    assert "components" in refused(tmp_path)
    np.save(tmp_path / "SVT.npy", np.zeros(7, "f4"))
    assert "half of an SVD pair" in refused(tmp_path / "SVT.npy")


# -- video -------------------------------------------------------------------------------------


def eight_bit(frames: int = 60) -> Movie:
    return movie_of(frames=frames, rows=32, columns=48, dtype="uint8")


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("m.avi", "rawvideo", "gray"),
        ("m.avi", "ffv1", "gray"),
        ("m.avi", "rawvideo", "bgr24"),
        ("m.mov", "png", "gray"),
        ("m.mkv", "ffv1", "gray16le"),
        ("m.mp4", "libx264", "gray"),
        ("m.mp4", "libx264", "yuvj420p"),
    ],
)
def test_lossless_videos_are_exact(tmp_path: Path, name: str, codec: str, pixels: str) -> None:
    movie = eight_bit().astype("u2") * 257 if pixels == "gray16le" else eight_bit()
    options = {"qp": "0", "g": "12"} if codec == "libx264" else {}
    path = video(tmp_path / name, movie, codec, pixels, **options)
    recording = open_recording(path)
    assert recording.movie.dtype == movie.dtype and recording.frame_rate == RATE
    np.testing.assert_array_equal(recording.movie.compute(), movie)
    for frame in np.random.default_rng(1).permutation(60).tolist():
        np.testing.assert_array_equal(recording.movie[frame].compute(), movie[frame])


def test_seeking_among_frames_stored_out_of_order_is_exact(tmp_path: Path) -> None:
    # groups of 20 with frames that refer forwards: what OpenCV seeks wrongly
    options = {"g": "20", "qp": "5", "x264-params": "b-adapt=0:bframes=3:scenecut=0"}
    path = video(tmp_path / "m.mp4", eight_bit(), "libx264", "yuv420p", **options)
    with av.open(str(path)) as file:
        packets = [packet.pts for packet in file.demux(video=0) if packet.size]
    assert packets != sorted(packets), "the test needs reordered frames"
    with av.open(str(path)) as file:
        one_by_one = np.stack([f.to_ndarray()[:32] for f in file.decode(video=0)])
    recording = open_recording(path)
    for frame in (0, 19, 20, 21, 37, 5, 59, 58):
        np.testing.assert_array_equal(recording.movie[frame].compute(), one_by_one[frame])
    np.testing.assert_array_equal(recording.movie.compute(), one_by_one)


def test_a_video_with_lost_frames_keeps_true_time(tmp_path: Path) -> None:
    movie = eight_bit(20)
    shown = [index for index in range(23) if index not in (5, 6, 12)]
    with av.open(str(tmp_path / "m.mkv"), "w") as file:
        stream = file.add_stream("ffv1", rate=20)
        stream.height, stream.width, stream.pix_fmt = 32, 48, "gray"
        stream.time_base = Fraction(1, 20)
        for index, image in zip(shown, movie, strict=True):
            frame = av.VideoFrame.from_ndarray(image, format="gray")
            frame.pts, frame.time_base = index, Fraction(1, 20)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    recording = open_recording(tmp_path / "m.mkv")
    np.testing.assert_array_equal(recording.movie.compute(), movie)
    np.testing.assert_allclose(recording.times, np.array(shown) / 20, atol=1e-3)
    assert "3 frames seem to be missing in 2 places" in recording.warnings[0]


def test_colour_videos_are_refused(tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 255, (5, 32, 48, 3), dtype="u1")
    for name, codec, pixels in (("a.avi", "rawvideo", "bgr24"), ("a.mp4", "libx264", "yuv420p")):
        with av.open(str(tmp_path / name), "w") as file:
            stream = file.add_stream(codec, rate=20)
            stream.height, stream.width, stream.pix_fmt = 32, 48, pixels
            for image in rgb:
                file.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            file.mux(stream.encode())
        assert "colour" in refused(tmp_path / name)


@pytest.mark.parametrize("name", ["m.avi", "m.mp4"])
@pytest.mark.parametrize("kept", [0.2, 0.7, 0.9])
def test_truncated_videos_are_refused(tmp_path: Path, name: str, kept: float) -> None:
    codec = {"m.avi": ("ffv1", "gray"), "m.mp4": ("libx264", "yuv420p")}[name]
    options = {"movflags": "faststart"} if name == "m.mp4" else {}
    path = video(tmp_path / name, eight_bit(), *codec, **options)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    refused(path)


def test_a_playlist_called_mp4_opens_no_other_file(tmp_path: Path) -> None:
    inner = video(tmp_path / "inner.avi", eight_bit(), "ffv1", "gray")
    (tmp_path / "m.mp4").write_text(f"ffconcat version 1.0\nfile '{inner}'\n")
    refused(tmp_path / "m.mp4")


def test_a_video_of_one_frame_is_refused(tmp_path: Path) -> None:
    path = video(tmp_path / "m.avi", eight_bit(1), "ffv1", "gray")
    assert "no movie" in refused(path)


def test_a_header_that_claims_a_huge_raw_video_is_refused(tmp_path: Path) -> None:
    path = video(tmp_path / "m.avi", eight_bit(), "rawvideo", "gray")
    content = path.read_bytes()
    small, huge = struct.pack("<II", 48, 32), struct.pack("<II", 60000, 60000)
    path.write_bytes(content.replace(small, huge))
    refused(path)
