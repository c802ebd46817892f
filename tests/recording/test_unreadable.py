"""What happens where bytes are no movie: one sentence of one line, whoever tripped over them."""

from __future__ import annotations

from pathlib import Path

import pytest
import tifffile

from helpers.movies import movie_of, refused
from napari_cortex_decoder.recording import open_recording
from napari_cortex_decoder.recording.formats import tiff_metadata

KINDS = [
    AssertionError("odd"),
    AttributeError("no such thing"),
    TypeError("'NoneType' object"),
    RecursionError("too deep"),
    MemoryError("too large"),
    type("LibraryError", (Exception,), {})("of a kind that nobody listed"),
]


@pytest.fixture
def ome(tmp_path: Path) -> Path:
    tifffile.imwrite(tmp_path / "m.ome.tif", movie_of(), metadata={"axes": "TYX"})
    return tmp_path / "m.ome.tif"


@pytest.mark.parametrize("error", KINDS, ids=lambda error: type(error).__name__)
def test_what_a_library_raises_on_a_file_is_one_sentence(
    ome: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(tifffile.TiffFile, "__init__", fail)
    assert f"cannot be read as a TIFF movie ({error})" in refused(ome)


def test_what_a_library_no_longer_finds_in_a_description_costs_the_description_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.tif"
    tifffile.imwrite(path, movie_of(), photometric="minisblack")
    monkeypatch.setattr(tifffile.tifffile, "shaped_description_metadata", None)
    recording = open_recording(path)
    assert recording.n_frames == len(movie_of())
    assert "description cannot be read" in recording.warnings[0]


def test_what_the_reading_code_of_this_program_trips_over_is_one_sentence_too(
    ome: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiff_metadata, "OmeImage", 3)
    assert "cannot be read as OME-XML" in open_recording(ome).warnings[0]
