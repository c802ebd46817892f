"""Files are written whole or not at all, and read as data from anywhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.files import (
    check_version,
    read_bytes,
    read_json,
    write_json,
    write_whole,
)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "größe 1.json"
    write_json(path, {"área": [1, 2.5, None]}, DecoderError)
    assert read_json(path, DecoderError) == {"área": [1, 2.5, None]}
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "d.safetensors"
    write_whole(path, b"old", DecoderError)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DecoderError, match="cannot be written: the disk is full"):
        write_whole(path, b"new", DecoderError, overwrite=True)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("folder", ["none", "a-file"])
def test_a_folder_that_is_not_there_is_one_sentence(tmp_path: Path, folder: str) -> None:
    (tmp_path / "a-file").touch()
    with pytest.raises(DecoderError, match=r"d\.json cannot be written: there is no folder"):
        write_whole(tmp_path / folder / "d.json", b"new", DecoderError)


def test_a_file_larger_than_its_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(DecoderError, match=r"large\.json has more than 64 MiB"):
        read_json(path, DecoderError)
    assert len(read_bytes(_small(tmp_path), DecoderError, limit=4)) == 4


def _small(folder: Path) -> Path:
    (folder / "small").write_bytes(b"1234")
    return folder / "small"


@pytest.mark.parametrize("content", ["{", "[" * 100_000, "\x00"])
def test_what_is_not_json_is_refused_in_one_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(DecoderError, match=r"x\.json is not JSON"):
        read_json(tmp_path / "x.json", DecoderError)


@pytest.mark.parametrize("version", [0, -1, True, None, "1", 1.0])
def test_a_version_that_is_no_version_is_refused(version: object) -> None:
    with pytest.raises(DecoderError, match="whole number from 1"):
        check_version("f", version, 2, DecoderError)


def test_a_newer_version_asks_for_an_update() -> None:
    check_version("f", 2, 2, DecoderError)
    with pytest.raises(DecoderError, match="version 3, this program reads up to 2; update"):
        check_version("f", 3, 2, DecoderError)
