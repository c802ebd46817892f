"""Raw frames that a file beside them describes, as cameras' programs and ENVI write it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

from helpers.movies import movie_of, refused
from napari_cortex_decoder.recording import open_recording

MOVIE = movie_of(frames=12) + 1
VIOLET = MOVIE + 300

ENVI = """ENVI
description = {{
  a movie, exported }}
samples = 31
lines   = 20
bands   = 12
header offset = 16
file type = ENVI Standard
data type = 12
interleave = {interleave}
byte order = {order}
"""
TEXT = "Image height: 20\nImage width: 31\nPixel type: uint16\nFrame rate (Hz): 25\n"
JSON = {"height": 20, "width": 31, "dtype": "uint16", "frameRate": 25, "pixel_size_um": 20}
DESCRIPTIONS = {
    "m.json": json.dumps(JSON),
    "m.raw.json": json.dumps({"camera": {"Rows": 20, "Cols": 31}, "dataType": "unsigned short"}),
    "m.txt": TEXT,
    "m.ini": "[movie]\nrows = 20\ncolumns=31\nbit depth = 12\nframe_rate = 25\n",
    "m.yaml": "shape: [12, 20, 31]\ndtype: uint16\nfps: 25\n",
    "m.xml": '<rec><Image Width="31" Height="20"/><PixelFormat>Mono16</PixelFormat></rec>',
    "m.mhd": "ObjectType = Image\nNDims = 3\nDimSize = 31 20 12\nElementType = MET_USHORT\n",
    "m.cfg": "ny\t20\nnx\t31\ntype\tushort\nnframes\t12\n",
}


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_shape_and_type_are_taken_from_the_file_beside(tmp_path: Path, name: str) -> None:
    MOVIE.tofile(tmp_path / "m.raw")
    (tmp_path / name).write_text(DESCRIPTIONS[name], "utf-8")
    recording = open_recording(tmp_path / "m.raw")
    np.testing.assert_array_equal(recording.movie.compute(), MOVIE)
    assert recording.warnings == ()
    told = "25" in DESCRIPTIONS[name]
    assert recording.frame_rate == (25 if told else None)
    assert recording.pixel_size == (pytest.approx(0.02) if "_um" in DESCRIPTIONS[name] else None)


@pytest.mark.parametrize("interleave", ["bsq", "bil", "bip"])
@pytest.mark.parametrize("order", [0, 1])
def test_envi_in_any_interleave_and_byte_order(tmp_path: Path, interleave, order) -> None:
    (tmp_path / "m.hdr").write_text(ENVI.format(interleave=interleave, order=order))
    turned = MOVIE.transpose({"bsq": (0, 1, 2), "bil": (1, 0, 2), "bip": (1, 2, 0)}[interleave])
    content = turned.astype(">u2" if order else "<u2").tobytes()
    (tmp_path / "m.dat").write_bytes(bytes(16) + content)
    recording = open_recording(tmp_path / "m.dat")
    np.testing.assert_array_equal(recording.movie.compute(), MOVIE)
    np.testing.assert_array_equal(recording.movie[7].compute(), MOVIE[7])


@pytest.mark.parametrize(
    ("said", "in_file"),
    [
        ({"order": "F"}, "txy"),
        ({"memory_order": "column-major"}, "txy"),
        ({"axes": "yxt", "shape": [20, 31, 12]}, "yxt"),
        ({"axes": "yxt", "shape": [20, 31, 12], "order": "F"}, "txy"),
        ({"dims": ["time", "y", "x"], "shape": [12, 20, 31], "order": "C"}, "tyx"),
        ({"dims": ["x", "y", "time"], "shape": [31, 20, 12]}, "xyt"),
        ({"shape": [12, 20, 31], "endianness": "big"}, "tyx"),
    ],
)
def test_the_order_that_is_told_counts(tmp_path: Path, said, in_file: str) -> None:
    stored = ">u2" if "endianness" in said else "<u2"
    turned = MOVIE.transpose(["tyx".index(axis) for axis in in_file]).astype(stored)
    (tmp_path / "m.bin").write_bytes(np.ascontiguousarray(turned).tobytes())
    sizes = {} if "shape" in said else {"rows": 20, "columns": 31, "frames": 12}
    (tmp_path / "m.json").write_text(json.dumps({"dtype": "uint16", **sizes, **said}))
    np.testing.assert_array_equal(open_recording(tmp_path / "m.bin").movie.compute(), MOVIE)


def test_two_colours_that_are_told_are_split(tmp_path: Path) -> None:
    np.stack([MOVIE, VIOLET], 1).tofile(tmp_path / "m.dat")
    (tmp_path / "m.json").write_text(json.dumps({**JSON, "channels": 2}))
    recording = open_recording(tmp_path / "m.dat")
    np.testing.assert_array_equal(recording.movie.compute(), MOVIE)
    np.testing.assert_array_equal(recording.reference.compute(), VIOLET)


@pytest.mark.parametrize("promised", [9, 20])
def test_more_or_fewer_frames_than_described_are_shown_and_told(tmp_path, promised) -> None:
    MOVIE.tofile(tmp_path / "m.dat")
    (tmp_path / "m.json").write_text(json.dumps({**JSON, "frames": promised}))
    recording = open_recording(tmp_path / "m.dat")
    np.testing.assert_array_equal(recording.movie.compute(), MOVIE)
    assert "12" in recording.warnings[0] and str(promised) in recording.warnings[0]


def test_what_the_user_says_counts_before_the_description(tmp_path: Path) -> None:
    MOVIE.tofile(tmp_path / "m.dat")
    (tmp_path / "m.json").write_text(json.dumps({**JSON, "width": 30}))
    assert "20 x 30 px" in refused(tmp_path / "m.dat")
    recording = open_recording(tmp_path / "m.dat", shape=(20, 31), dtype="uint16")
    np.testing.assert_array_equal(recording.movie.compute(), MOVIE)


@pytest.mark.parametrize("text", ["{broken", '{"height": 20}', "[1, 2]", '{"type": "mouse"}', ""])
def test_a_description_that_tells_nothing_costs_itself_only(tmp_path: Path, text: str) -> None:
    MOVIE.tofile(tmp_path / "m_1_20_31_uint16.dat")
    (tmp_path / "m_1_20_31_uint16.json").write_text(text)
    recording = open_recording(tmp_path / "m_1_20_31_uint16.dat")
    np.testing.assert_array_equal(recording.movie.compute(), MOVIE)
    assert bool(recording.warnings) == (text in ("{broken", ""))


def test_an_array_of_numpy_takes_axes_and_rate_from_the_file_beside(tmp_path: Path) -> None:
    np.save(tmp_path / "m.npy", MOVIE.transpose(1, 2, 0))
    (tmp_path / "m.json").write_text(json.dumps({"axes": "yxt", "fps": 25, "pixel_size_mm": 0.02}))
    recording = open_recording(tmp_path / "m.npy")
    np.testing.assert_array_equal(recording.movie.compute(), MOVIE)
    assert (recording.frame_rate, recording.pixel_size) == (25, 0.02)
    assert recording.warnings == ()


def _shared(last: int) -> str:
    """Mappings of ten references each to the one before: a billion entries of a few bytes."""
    lines = ["a0: &a0 {x: 1}"]
    lines += [
        f"a{n}: &a{n} {{" + ", ".join(f"k{k}: *a{n - 1}" for k in range(10)) + "}"
        for n in range(1, last)
    ]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.hdr", "{" * 2**20),
        ("m.hdr", " " * 2**20 + "x"),
        ("m.txt", "a: b" + " " * 2**20 + "c"),
        ("m.ini", ("a" * 99 + " ") * 20_000),
        ("m.yaml", _shared(12)),
        ("m.yaml", _shared(12).replace("k0: ", "<<: ")),
        ("m.yaml", "x: &a [*a]"),
        ("m.yml", "a: 1\n" * 2**19),
        ("m.json", '{"dtype": ","}'),
        ("m.json", '{"dtype": "f4,("}'),
        ("m.json", '{"dtype": "\\ud800"}'),
    ],
)
def test_a_description_made_to_cost_time_costs_itself_only(
    tmp_path: Path, name: str, text: str
) -> None:
    MOVIE.tofile(tmp_path / "m.raw")
    (tmp_path / name).write_text(text)
    begun = time.process_time()
    recording = open_recording(tmp_path / "m.raw", shape=(20, 31), dtype="uint16")
    np.testing.assert_array_equal(recording.movie[3].compute(), MOVIE[3])
    assert time.process_time() - begun < 5  # hours, where all of it is looked at again and again
