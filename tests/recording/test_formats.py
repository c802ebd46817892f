"""A movie written by each format's own library comes back frame for frame, with its rate."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import av
import h5py
import numpy as np
import pytest
import scipy.io
import tifffile
import zarr
from numpy.typing import NDArray
from pynwb import NWBHDF5IO, NWBFile
from pynwb.file import Subject
from pynwb.ophys import OnePhotonSeries, OpticalChannel

from helpers.movies import movie_of
from napari_cortex_decoder.recording import movie_formats, open_recording

RATE = 25.0
Movie = NDArray[np.generic]


def npy(folder: Path, movie: Movie) -> tuple[Path, float | None]:
    np.save(folder / "m.npy", movie)
    return folder / "m.npy", None


def hdf5(folder: Path, movie: Movie) -> tuple[Path, float | None]:
    with h5py.File(folder / "m.h5", "w") as file:
        file.create_dataset("session/movie", data=movie, chunks=(5, 8, 8), compression="gzip")
        file.attrs["frame_rate"] = RATE
    return folder / "m.h5", RATE


def hdf5_contiguous(folder: Path, movie: Movie) -> tuple[Path, float | None]:
    with h5py.File(folder / "m.hdf5", "w") as file:
        file["movie"] = movie
        file["fps"] = RATE
    return folder / "m.hdf5", RATE


def matlab_7(folder: Path, movie: Movie) -> tuple[Path, float | None]:
    # what MATLAB writes for movie(y, x, t): a block of its own in front, and the axes reversed
    path = folder / "m.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file.create_dataset("mov", data=movie.transpose(0, 2, 1), chunks=True)
        file["mov"].attrs["MATLAB_class"] = np.bytes_("uint16")
        file["frameRate"] = np.array([[RATE]])
        file["frameRate"].attrs["MATLAB_class"] = np.bytes_("double")
    content = bytearray(path.read_bytes())
    header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64"
    content[:128] = header.ljust(124) + b"\x00\x02IM"
    path.write_bytes(content)
    return path, RATE


def matlab_5(folder: Path, movie: Movie) -> tuple[Path, float | None]:
    content = {"mov": movie.transpose(1, 2, 0), "frameRate": RATE}
    scipy.io.savemat(folder / "m.mat", content, do_compression=True)
    return folder / "m.mat", RATE


def raw(folder: Path, movie: Movie) -> tuple[Path, float | None]:
    path = folder / f"frames_1_{movie.shape[1]}_{movie.shape[2]}_uint16.dat"
    movie.tofile(path)
    return path, None


def zarr_2(folder: Path, movie: Movie) -> tuple[Path, float | None]:
    array = zarr.create_array(
        folder / "m.zarr", shape=movie.shape, chunks=(5, 8, 8), dtype=movie.dtype, zarr_format=2
    )
    array[:] = movie
    array.attrs["frame_rate"] = RATE
    return folder / "m.zarr", RATE


def zarr_3(folder: Path, movie: Movie) -> tuple[Path, float | None]:
    group = zarr.create_group(folder / "m.zarr")
    array = group.create_array(
        "movie",
        shape=movie.shape,
        chunks=(5, 20, 31),
        shards=(10, 20, 31),
        dtype=movie.dtype,
        dimension_names=("time", "row", "column"),
    )
    array[:] = movie
    group.attrs["fps"] = RATE
    return folder / "m.zarr", RATE


def ome_attributes(version: str) -> dict[str, object]:
    """Metadata of an image in micrometres and milliseconds, as the specification has it."""
    image = {
        "axes": [
            {"name": "t", "type": "time", "unit": "millisecond"},
            {"name": "c", "type": "channel"},
            {"name": "y", "type": "space", "unit": "micrometer"},
            {"name": "x", "type": "space", "unit": "micrometer"},
        ],
        "datasets": [
            {
                "path": str(level),
                "coordinateTransformations": [
                    {"type": "scale", "scale": [1.0, 1.0, 18.0 * 2**level, 18.0 * 2**level]}
                ],
            }
            for level in range(2)
        ],
        "coordinateTransformations": [{"type": "scale", "scale": [1000 / RATE, 1.0, 2.0, 2.0]}],
    }
    if version == "0.4":
        return {"multiscales": [{**image, "version": "0.4"}]}
    return {"ome": {"version": "0.5", "multiscales": [image]}}


def ome_zarr(folder: Path, movie: Movie, version: str = "0.5") -> tuple[Path, float | None]:
    path = folder / "m.ome.zarr"
    group = zarr.create_group(path, zarr_format=2 if version == "0.4" else 3)
    group.attrs.update(ome_attributes(version))
    for level, image in enumerate((movie, movie[:, ::2, ::2])):
        chunks = (1, 1, *image.shape[1:])
        group.create_array(str(level), data=image[:, np.newaxis], chunks=chunks)
    return path, RATE


def ome_zarr_4(folder: Path, movie: Movie) -> tuple[Path, float | None]:
    return ome_zarr(folder, movie, "0.4")


def nwb_file() -> tuple[NWBFile, Callable[..., OnePhotonSeries]]:
    start = datetime(2024, 5, 6, tzinfo=UTC)
    file = NWBFile(session_description="test", identifier="1", session_start_time=start)
    file.subject = Subject(subject_id="M7", species="Mus musculus")
    camera = file.create_device(name="camera")

    def series(name: str, movie: Movie, excitation: float, **clock: object) -> OnePhotonSeries:
        plane = file.create_imaging_plane(
            name=f"{name} plane",
            optical_channel=OpticalChannel(
                name=f"{name} light", description="green", emission_lambda=520.0
            ),
            description="dorsal cortex",
            device=camera,
            excitation_lambda=excitation,
            indicator="GCaMP6f",
            location="cortex",
            grid_spacing=[36e-6, 36e-6],
            grid_spacing_unit="meters",
        )
        made = OnePhotonSeries(
            name=name, data=movie, imaging_plane=plane, unit="n.a.", **(clock or {"rate": RATE})
        )
        file.add_acquisition(made)
        return made

    return file, series


def write_nwb(path: Path, file: NWBFile) -> Path:
    with NWBHDF5IO(path, "w") as io:
        io.write(file)
    return path


def nwb(folder: Path, movie: Movie) -> tuple[Path, float | None]:
    file, series = nwb_file()
    series("calcium", movie, 470.0)
    return write_nwb(folder / "m.nwb", file), RATE


def video(path: Path, movie: Movie, codec: str, pixels: str, **options: str) -> Path:
    container = {"format": "mov"} if path.suffix == ".mj2" else {}
    kind = "gray16le" if movie.dtype == np.uint16 else "gray"
    with av.open(str(path), "w", **container) as file:
        stream = file.add_stream(codec, rate=int(RATE), options=options)
        stream.height, stream.width, stream.pix_fmt = *movie.shape[1:], pixels
        for frame in movie:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format=kind)))
        file.mux(stream.encode())
    return path


def avi(folder: Path, movie: Movie) -> tuple[Path, float | None]:
    return video(folder / "m.avi", movie, "ffv1", "gray16le", g="6"), RATE


def mkv(folder: Path, movie: Movie) -> tuple[Path, float | None]:
    return video(folder / "m.mkv", movie, "ffv1", "gray16le", g="6"), RATE


def mj2(folder: Path, movie: Movie) -> tuple[Path, float | None]:
    return video(folder / "m.mj2", movie, "jpeg2000", "gray16le", pred="dwt53"), RATE


def one_file_a_frame(folder: Path, movie: Movie) -> tuple[Path, float | None]:
    for index, frame in enumerate(movie):
        tifffile.imwrite(folder / f"frame{index + 7}.tif", frame)
    return folder, None


def parts(folder: Path, movie: Movie) -> tuple[Path, float | None]:
    for index, start in enumerate(range(0, len(movie), 2)):
        part = movie[start : start + 2 if start + 4 <= len(movie) else None]
        metadata = {"axes": "TYX", "finterval": 1 / RATE}
        tifffile.imwrite(folder / f"part{index}.tif", part, imagej=True, metadata=metadata)
        if start + 4 > len(movie):
            break
    return folder, RATE


WRITERS = (
    npy, hdf5, hdf5_contiguous, matlab_7, matlab_5, raw, zarr_2, zarr_3, ome_zarr,
    ome_zarr_4, nwb, avi, mkv, mj2, one_file_a_frame, parts,
)  # fmt: skip


@pytest.fixture(params=WRITERS, ids=[writer.__name__.replace("_", " ") for writer in WRITERS])
def written(
    request: pytest.FixtureRequest, tmp_path: Path
) -> tuple[Path, float | None, NDArray[np.generic]]:
    movie = (movie_of(frames=27, rows=20, columns=30) * 211).astype("uint16")
    return *request.param(tmp_path, movie), movie


def test_a_movie_comes_back_frame_for_frame_with_its_rate(
    written: tuple[Path, float | None, Movie],
) -> None:
    path, rate, movie = written
    recording = open_recording(path)
    assert recording.movie.dtype == movie.dtype
    np.testing.assert_array_equal(recording.movie.compute(), movie)
    assert recording.frame_rate == (rate and pytest.approx(rate))
    assert recording.warnings == ()


@pytest.mark.parametrize(
    "index", [9, slice(4, 21), slice(5, 5), slice(25, 1, -5), (slice(3, 9), 4, 5)], ids=str
)
def test_any_slice_equals_the_slice_of_the_whole(
    written: tuple[Path, float | None, Movie], index: object
) -> None:
    path, _, movie = written
    np.testing.assert_array_equal(open_recording(path).movie[index].compute(), movie[index])


def test_two_colours_in_turns_split_without_a_copy(
    written: tuple[Path, float | None, Movie],
) -> None:
    path, rate, movie = written
    recording = open_recording(path, channels=2)
    np.testing.assert_array_equal(recording.movie.compute(), movie[::2])
    assert recording.reference is not None
    np.testing.assert_array_equal(recording.reference.compute(), movie[1::2])
    assert recording.frame_rate == (rate and pytest.approx(rate / 2))


def test_a_movie_travels_to_another_process_after_it_was_read(
    written: tuple[Path, float | None, Movie],
) -> None:
    path, _, movie = written
    lazy = open_recording(path).movie
    lazy[3].compute()
    travelled = pickle.loads(pickle.dumps(lazy))  # noqa: S301 (our own bytes)
    np.testing.assert_array_equal(travelled[-2:].compute(), movie[-2:])


def test_nothing_stays_open(written: tuple[Path, float | None, Movie]) -> None:
    path, _, _ = written
    fds = Path("/proc/self/fd")
    if not fds.is_dir():
        pytest.skip("only Linux lists the files that a process has open")
    recording = open_recording(path)
    recording.movie[[0, 9]].compute()
    held = [fd.resolve() for fd in fds.iterdir()]
    assert not [file for file in held if file == path or path in file.parents]


def test_every_format_is_among_the_round_trips(tmp_path: Path) -> None:
    opened = set()
    for writer in WRITERS:
        folder = tmp_path / writer.__name__
        folder.mkdir()
        movie = movie_of(frames=27, rows=20, columns=30)
        opened.add(open_recording(writer(folder, movie)[0]).format)
    assert {f.name for f in movie_formats()} - opened == {
        "TIFF",
        "SVD",
        "NDTiff",
        "table of traces",
    }  # with tests of their own
