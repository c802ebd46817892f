"""JSON files: read as data that somebody else may have made, written whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

from napari_cortex_decoder.errors import AtlasError

MAX_BYTES = 64 * 2**20
"""More than the outlines of any atlas need; a larger file is something else."""


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    AtlasError
        If it is missing, not readable, too large, or not JSON.
    """
    return parse_json(read_bytes(path), str(path))


def read_bytes(path: str | Path, limit: int = MAX_BYTES) -> bytes:
    """Read a whole file of at most `limit` bytes.

    Raises
    ------
    AtlasError
        If it is missing, not readable, or larger.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise AtlasError(f"{path} cannot be read ({error.strerror}); check the path.") from error
    if len(content) > limit:
        raise AtlasError(
            f"{path} has more than {limit // 2**20} MiB, more than an atlas or a registration "
            "needs; give another file."
        )
    return content


def parse_json(text: str | bytes, where: str) -> Any:
    """Parse JSON of the file that `where` names.

    Raises
    ------
    AtlasError
        If it is not JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AtlasError(f"{where} is not JSON ({error}); give a JSON file.") from error


def check_version(where: str, version: object, newest: int) -> None:
    """Refuse a file of a version that this program does not know.

    Raises
    ------
    AtlasError
        If `version` is no whole number from 1 to `newest`.
    """
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise AtlasError(f"{where}: 'version' is {version!r}; it must be a whole number from 1.")
    if version > newest:
        raise AtlasError(
            f"{where} is of version {version}, this program reads up to {newest}; "
            "update napari-cortex-decoder."
        )


def write_json(data: object, path: str | Path) -> None:
    """Write a JSON file so that a crash leaves the old one or the new one, never half of it.

    Raises
    ------
    AtlasError
        If the folder cannot be written to.
    """
    path = Path(path)
    text = json.dumps(data, indent=1, ensure_ascii=False)
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with scratch.open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise AtlasError(
            f"{path} cannot be written ({error.strerror}); save it elsewhere."
        ) from error
