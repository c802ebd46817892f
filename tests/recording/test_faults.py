"""What counts as a damaged file, and what as a mistake of this program."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from movies import movie_of, refused

from napari_cortex_decoder.recording import open_recording
from napari_cortex_decoder.recording.formats import tiff_metadata

KINDS = [AssertionError("odd"), AttributeError("no such thing"), TypeError("'NoneType' object")]


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


def test_what_a_library_no_longer_finds_in_a_file_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.tif"
    tifffile.imwrite(path, movie_of(), photometric="minisblack")
    monkeypatch.setattr(tifffile.TiffFile, "shaped_metadata", None)  # as after a flipped bit
    assert "cannot be read as a TIFF movie" in refused(path)


def test_a_mistake_in_the_reading_code_is_not_blamed_on_the_file(
    ome: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.testing.assert_array_equal(open_recording(ome).movie.compute(), movie_of())
    monkeypatch.setattr(tiff_metadata, "OmeImage", 3)
    with pytest.raises(TypeError, match="not callable"):
        open_recording(ome)
