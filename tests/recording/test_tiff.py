"""TIFF movies, written by tifffile in every way that labs' software does, come back exactly."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from helpers.movies import movie_of, refused
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording import open_recording

WAYS = {
    "plain": {"photometric": "minisblack", "metadata": None},
    "shaped": {"photometric": "minisblack", "metadata": {"axes": "TYX"}},
    "ImageJ": {"imagej": True, "metadata": {"axes": "TYX"}},
    "OME": {"ome": True, "metadata": {"axes": "TYX"}},
    "BigTIFF": {"bigtiff": True, "photometric": "minisblack", "metadata": None},
    "big endian": {"byteorder": ">", "photometric": "minisblack", "metadata": None},
    "deflate": {"compression": "zlib", "photometric": "minisblack"},
    "deflate with predictor": {
        "compression": "zlib",
        "predictor": True,
        "photometric": "minisblack",
    },
    "LZW": {"compression": "lzw", "photometric": "minisblack"},
    "zstd": {"compression": "zstd", "photometric": "minisblack"},
    "strips": {"rowsperstrip": 3, "photometric": "minisblack", "metadata": None},
    "strips, LZW": {"rowsperstrip": 3, "compression": "lzw", "photometric": "minisblack"},
    "tiles": {"tile": (16, 16), "photometric": "minisblack"},
    "tiles, deflate": {"tile": (16, 16), "compression": "zlib", "photometric": "minisblack"},
}


@pytest.mark.parametrize("way", WAYS)
def test_a_movie_comes_back_frame_for_frame(tmp_path: Path, way: str) -> None:
    movie = movie_of()
    tifffile.imwrite(tmp_path / "m.tif", movie, **WAYS[way])
    recording = open_recording(tmp_path / "m.tif")
    assert recording.movie.dtype == np.uint16
    assert isinstance(recording.movie, da.Array)
    np.testing.assert_array_equal(recording.movie.compute(), movie)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint32", "float32", "float64"])
def test_a_movie_keeps_its_type_of_pixel(tmp_path: Path, dtype: str) -> None:
    movie = movie_of(dtype=dtype)
    tifffile.imwrite(tmp_path / "m.tif", movie, photometric="minisblack")
    recording = open_recording(tmp_path / "m.tif")
    assert recording.movie.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(recording.movie.compute(), movie)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_pages_written_one_at_a_time_come_back_in_order(
    tmp_path: Path, compression: str | None
) -> None:
    movie = movie_of(frames=200)
    with tifffile.TiffWriter(tmp_path / "m.tif") as writer:
        for frame in movie:
            writer.write(frame, contiguous=False, metadata=None, compression=compression)
    recording = open_recording(tmp_path / "m.tif")
    np.testing.assert_array_equal(recording.movie.compute(), movie)


def test_pages_of_uneven_distance_come_back_in_order(tmp_path: Path) -> None:
    movie = movie_of(frames=40)
    with tifffile.TiffWriter(tmp_path / "m.tif") as writer:
        for index, frame in enumerate(movie):
            note = "x" * (index * 7 % 41)
            writer.write(frame, contiguous=False, metadata=None, description=note)
    np.testing.assert_array_equal(open_recording(tmp_path / "m.tif").movie.compute(), movie)


@pytest.mark.parametrize(
    "index",
    [
        3,
        -1,
        slice(5, 5),
        slice(5, 19),
        slice(None, None, 3),
        slice(20, 2, -4),
        (slice(2, 9), 4),
        (7, ..., 5),
    ],
    ids=str,
)
@pytest.mark.parametrize("way", ["ImageJ", "deflate"])
def test_any_slice_equals_the_slice_of_the_whole(tmp_path: Path, way: str, index: object) -> None:
    movie = movie_of()
    tifffile.imwrite(tmp_path / "m.tif", movie, **WAYS[way])
    lazy = open_recording(tmp_path / "m.tif").movie
    np.testing.assert_array_equal(lazy[index].compute(), movie[index])


def test_an_imagej_stack_without_directories_beyond_the_first_opens(tmp_path: Path) -> None:
    # what ImageJ writes beyond 4 GB: one directory, and the data of all frames behind it
    movie = movie_of(frames=9)
    path = tmp_path / "big.tif"
    tifffile.imwrite(path, movie, imagej=True, metadata={"axes": "TYX", "finterval": 0.04})
    with tifffile.TiffFile(path) as tif:
        first = tif.pages[0]
        link = first.offset + 2 + 12 * len(first.tags)
        end = first.dataoffsets[0] + movie.nbytes
    content = bytearray(path.read_bytes()[:end])
    content[link : link + 4] = bytes(4)
    path.write_bytes(content)
    recording = open_recording(path)
    np.testing.assert_array_equal(recording.movie.compute(), movie)
    assert recording.frame_rate == pytest.approx(25)
    path.write_bytes(content[: -movie[0].nbytes * 2])
    stopped = open_recording(path)
    np.testing.assert_array_equal(stopped.movie.compute(), movie[:7])
    assert "7 of the 9 frames" in stopped.warnings[0]
    path.write_bytes(content[: -movie[0].nbytes * 2 - 5])
    with pytest.raises(RecordingError, match=r"truncated.* 9 frames.* 6"):
        open_recording(path)


# -- what the file says ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "rate"),
    [
        ({"finterval": 0.05}, 20),
        ({"finterval": 50, "tunit": "ms"}, 20),
        ({"fps": 12.5}, 12.5),
        ({"finterval": 0.1, "fps": 7}, 10),
        ({"finterval": 0}, None),
        ({"finterval": -1}, None),
        ({}, None),
    ],
    ids=str,
)
def test_imagej_says_the_frame_rate(
    tmp_path: Path, said: dict[str, object], rate: float | None
) -> None:
    tifffile.imwrite(tmp_path / "m.tif", movie_of(), imagej=True, metadata={"axes": "TYX", **said})
    assert open_recording(tmp_path / "m.tif").frame_rate == (rate and pytest.approx(rate))


@pytest.mark.parametrize(
    ("unit", "per_unit", "millimetres"),
    [("um", 1 / 36, 0.036), ("micron", 1 / 36, 0.036), ("mm", 20, 0.05), ("pixel", 1, None)],
)
def test_imagej_says_the_pixel_size(
    tmp_path: Path, unit: str, per_unit: float, millimetres: float | None
) -> None:
    tifffile.imwrite(
        tmp_path / "m.tif",
        movie_of(),
        imagej=True,
        resolution=(per_unit, per_unit),
        metadata={"axes": "TYX", "unit": unit},
    )
    found = open_recording(tmp_path / "m.tif").pixel_size
    assert found == (millimetres and pytest.approx(millimetres, rel=1e-4))


@pytest.mark.parametrize(
    ("unit", "per_unit", "millimetres"),
    [("CENTIMETER", 200, 0.05), ("INCH", 508, 0.05), ("INCH", 72, None), ("NONE", 72, None)],
)
def test_a_resolution_counts_only_with_a_real_unit(
    tmp_path: Path, unit: str, per_unit: float, millimetres: float | None
) -> None:
    tifffile.imwrite(
        tmp_path / "m.tif",
        movie_of(),
        photometric="minisblack",
        metadata=None,
        resolution=(per_unit, per_unit),
        resolutionunit=unit,
    )
    found = open_recording(tmp_path / "m.tif").pixel_size
    assert found == (millimetres and pytest.approx(millimetres, rel=1e-4))


def test_ome_says_rate_size_and_the_time_of_each_frame(tmp_path: Path) -> None:
    movie = movie_of(frames=6)
    times = [0.0, 0.1, 0.2, 0.5, 0.6, 0.7]
    tifffile.imwrite(
        tmp_path / "m.ome.tif",
        movie,
        metadata={
            "axes": "TYX",
            "PhysicalSizeX": 36.0,
            "PhysicalSizeXUnit": "µm",
            "TimeIncrement": 100,
            "TimeIncrementUnit": "ms",
            "Plane": {"DeltaT": times, "TheT": list(range(6)), "TheC": [0] * 6, "TheZ": [0] * 6},
        },
    )
    recording = open_recording(tmp_path / "m.ome.tif")
    assert recording.frame_rate == pytest.approx(10)
    assert recording.pixel_size == pytest.approx(0.036)
    np.testing.assert_allclose(recording.times, times)
    assert any("2 frames seem to be missing" in warning for warning in recording.warnings)


def test_ome_without_frame_times_says_its_increment(tmp_path: Path) -> None:
    metadata = {"axes": "TYX", "TimeIncrement": 0.02}
    tifffile.imwrite(tmp_path / "m.ome.tif", movie_of(), metadata=metadata)
    assert open_recording(tmp_path / "m.ome.tif").frame_rate == pytest.approx(50)


@pytest.mark.parametrize(
    ("axes", "extra"),
    [
        ("TCYX", {"ome": True}),
        ("CTYX", {"ome": True}),
        ("TCYX", {"imagej": True}),
        ("TCYX", {"photometric": "minisblack"}),
        ("CTYX", {"photometric": "minisblack", "compression": "zlib"}),
    ],
    ids=str,
)
def test_two_colours_that_the_file_names_become_movie_and_reference(
    tmp_path: Path, axes: str, extra: dict[str, object]
) -> None:
    green, violet = movie_of(frames=11), movie_of(frames=11) + 3
    both = np.stack([green, violet], axis=axes.index("C"))
    tifffile.imwrite(tmp_path / "m.tif", both, metadata={"axes": axes}, **extra)
    recording = open_recording(tmp_path / "m.tif")
    np.testing.assert_array_equal(recording.movie.compute(), green)
    assert recording.reference is not None
    np.testing.assert_array_equal(recording.reference.compute(), violet)


@pytest.mark.parametrize("way", ["plain", "deflate"])
def test_frames_taken_in_turns_split_into_movie_and_reference(tmp_path: Path, way: str) -> None:
    movie = movie_of(frames=150)
    tifffile.imwrite(tmp_path / "m.tif", movie, **WAYS[way])
    recording = open_recording(tmp_path / "m.tif", channels=2, frame_rate=15)
    np.testing.assert_array_equal(recording.movie.compute(), movie[::2])
    assert recording.reference is not None
    np.testing.assert_array_equal(recording.reference.compute(), movie[1::2])
    np.testing.assert_array_equal(recording.movie[70:20:-7].compute(), movie[::2][70:20:-7])
    assert recording.frame_rate == 15


def test_the_rate_in_the_file_is_shared_by_two_colours_taken_in_turns(tmp_path: Path) -> None:
    metadata = {"axes": "TYX", "finterval": 0.05}
    tifffile.imwrite(tmp_path / "m.tif", movie_of(frames=21), imagej=True, metadata=metadata)
    recording = open_recording(tmp_path / "m.tif", channels=2)
    assert recording.frame_rate == pytest.approx(10)
    assert any("no reference" in warning for warning in recording.warnings)


# -- laziness --------------------------------------------------------------------------------


def test_no_file_is_left_open_and_the_movie_can_be_deleted(tmp_path: Path) -> None:
    path = tmp_path / "m.tif"
    tifffile.imwrite(path, movie_of(), compression="zlib")
    recording = open_recording(path)
    recording.movie[3].compute()
    fds = Path("/proc/self/fd")
    if fds.is_dir():
        assert not [fd for fd in fds.iterdir() if fd.exists() and fd.resolve() == path.resolve()]
    path.unlink()
    with pytest.raises(RecordingError, match="no such file; check"):
        recording.movie[3].compute()


def test_a_movie_that_became_shorter_is_told_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "m.tif"
    tifffile.imwrite(path, movie_of(), imagej=True)
    recording = open_recording(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(RecordingError, match="bytes and has 2000"):
        recording.movie[-1].compute()


@pytest.mark.parametrize("way", ["ImageJ", "deflate"])
def test_a_lazy_movie_travels_to_another_process(tmp_path: Path, way: str) -> None:
    movie = movie_of()
    tifffile.imwrite(tmp_path / "m.tif", movie, **WAYS[way])
    lazy = open_recording(tmp_path / "m.tif").movie
    lazy[2].compute()
    travelled = pickle.loads(pickle.dumps(lazy))  # noqa: S301 (our own bytes)
    np.testing.assert_array_equal(travelled.compute(), movie)


# -- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["plain", "ImageJ", "shaped", "OME", "deflate", "strips, LZW"])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9, 0.99])
def test_a_truncated_tiff_is_refused_at_opening(tmp_path: Path, way: str, kept: float) -> None:
    path = tmp_path / "m.tif"
    tifffile.imwrite(path, movie_of(frames=60), **WAYS[way])
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    assert "truncated" in refused(path)


def test_pages_missing_at_the_end_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.tif"
    with tifffile.TiffWriter(path) as writer:
        for frame in movie_of(frames=10):
            writer.write(frame, contiguous=False, metadata=None)
    with tifffile.TiffFile(path) as tif:
        path.write_bytes(path.read_bytes()[: tif.pages[7].offset + 5])
    assert "truncated" in refused(path)


def test_a_cyclic_chain_of_pages_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.tif"
    tifffile.imwrite(path, movie_of(frames=300), photometric="minisblack", metadata=None)
    with tifffile.TiffFile(path) as tif:
        early, late = tif.pages[150], tif.pages[250]
        link = late.offset + 2 + 12 * len(late.tags)
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, link, early.offset)
    path.write_bytes(content)
    assert "damaged at page" in refused(path)


def test_a_text_file_called_tif_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.tif"
    path.write_text("not a movie")
    assert "not a TIFF" in refused(path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.tif"
    path.touch()
    assert "empty (0 bytes)" in refused(path)


@pytest.mark.parametrize(
    ("image", "extra", "sentence"),
    [
        (np.zeros((5, 8, 9, 3), "u1"), {"photometric": "rgb"}, "colour"),
        (np.zeros((8, 9), "u2"), {}, "one frame"),
        (np.zeros((1, 8, 9), "u2"), {"photometric": "minisblack"}, "one frame"),
        (np.zeros((5, 8, 9), "c8"), {"photometric": "minisblack"}, "complex64"),
        (
            np.zeros((4, 5, 8, 9), "u2"),
            {"imagej": True, "metadata": {"axes": "TZYX"}},
            "volume over time",
        ),
        (
            np.zeros((4, 3, 8, 9), "u2"),
            {"imagej": True, "metadata": {"axes": "TCYX"}},
            "3 colours",
        ),
    ],
    ids=["RGB", "2-D", "one frame", "complex", "volumes", "three colours"],
)
def test_what_is_no_movie_is_refused(
    tmp_path: Path, image: NDArray[np.generic], extra: dict[str, object], sentence: str
) -> None:
    tifffile.imwrite(tmp_path / "m.tif", image, **extra)
    assert sentence in refused(tmp_path / "m.tif")


def test_a_header_that_claims_a_huge_frame_is_refused_before_memory_is_taken(
    tmp_path: Path,
) -> None:
    path = tmp_path / "bomb.tif"
    zeros = np.zeros((3, 64, 64), "u2")
    tifffile.imwrite(path, zeros, compression="zlib", metadata=None, photometric="minisblack")
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tif:
        for page in tif.pages:
            for tag in (256, 257, 278):
                struct.pack_into("<I", content, page.tags[tag].offset + 8, 60000)
                struct.pack_into("<H", content, page.tags[tag].offset + 2, 4)
    path.write_bytes(content)
    assert "more than any camera has" in refused(path)


def test_the_published_layout_opens(shared_data: Path) -> None:
    folder = shared_data / "recordings/yulonglab"
    red = open_recording(folder / "jRGECO1a_561_256x256_200f_1Hz.tif", frame_rate=1)
    violet = open_recording(folder / "F405_128x128_200f_1Hz.tif", frame_rate=1)
    for recording, path in ((red, red.path), (violet, violet.path)):
        assert path is not None
        np.testing.assert_array_equal(recording.movie.compute(), tifffile.imread(path))


SMOOTH = (np.add.outer(np.arange(64), np.arange(48)) + 2 * np.arange(9)[:, None, None]).astype(
    np.uint8
)


@pytest.mark.parametrize("pieces", [{}, {"rowsperstrip": 16}, {"tile": (32, 32)}], ids=str)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize(
    "compression",
    ["jpeg", "jpeg2000", "jpegxl", "jpegxr", "png", "lerc", "lzw", "packbits", "lzma"],
)
def test_every_compression_that_tifffile_reads_is_read(
    tmp_path: Path, compression: str, dtype: str, pieces: dict[str, object]
) -> None:
    path = tmp_path / "m.tif"
    options = {"compression": compression, "photometric": "minisblack", **pieces}
    tifffile.imwrite(path, SMOOTH.astype(dtype), **options)
    with tifffile.TiffFile(path) as tif:
        expected = np.stack([page.asarray() for page in tif.pages])
    np.testing.assert_array_equal(open_recording(path).movie.compute(), expected)


def test_each_page_of_a_jpeg_movie_is_decoded_by_its_own_tables(tmp_path: Path) -> None:
    path = tmp_path / "m.tif"
    for number, frame in enumerate(SMOOTH):
        one = tmp_path / "one.tif"
        quality = 30 + 8 * number
        Image.fromarray(frame).save(one, compression="jpeg", quality=quality)
        with tifffile.TiffFile(one) as tif:
            page = tif.pages.first
            (segment,), tables = page.dataoffsets, page.jpegtables
            tif.filehandle.seek(segment)
            content = tif.filehandle.read(page.databytecounts[0])
        tifffile.imwrite(
            path, iter([content]), shape=frame.shape, dtype=frame.dtype, compression="jpeg",
            jpegtables=tables, rowsperstrip=len(frame), photometric="minisblack", metadata=None,
            append=number > 0,
        )  # fmt: skip
    with tifffile.TiffFile(path) as tif:
        assert len({page.jpegtables for page in tif.pages}) > 1
        expected = np.stack([page.asarray() for page in tif.pages])
    np.testing.assert_array_equal(open_recording(path).movie.compute(), expected)
    assert np.abs(expected.astype(int) - SMOOTH).max() < 20
