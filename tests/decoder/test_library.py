"""Decoders that the user keeps are found by their names, and a damaged one hides no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_cortex_decoder.decoder import list_decoders, load_decoder, read_card
from napari_cortex_decoder.decoder.library import library_folder
from napari_cortex_decoder.errors import DecoderError


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    library_folder().mkdir(parents=True)
    return library_folder()


def test_a_kept_decoder_is_listed_after_the_bundled_ones_and_loaded_by_name(library: Path) -> None:
    before = list(list_decoders())
    load_decoder("run-rest").save(library / "m1-tuned.safetensors")
    assert list(list_decoders()) == [*before, "m1-tuned"]
    assert read_card("m1-tuned").behaviors == load_decoder("m1-tuned").behaviors


def test_a_damaged_file_in_the_library_is_told_and_the_others_are_listed(library: Path) -> None:
    (library / "half.safetensors").write_bytes(b"\x00" * 50)
    refused: list[DecoderError] = []
    assert "run-rest" in list_decoders(refused=refused.append)
    assert len(refused) == 1 and "half.safetensors" in str(refused[0])
    with pytest.raises(DecoderError, match="half"):
        list_decoders()


def test_a_kept_decoder_does_not_hide_a_bundled_one_of_its_name(library: Path) -> None:
    own = load_decoder("run-rest").hash
    (library / "run-rest.safetensors").write_bytes(b"\x00" * 50)
    assert load_decoder("run-rest").hash == own
