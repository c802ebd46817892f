"""What a file is, told by its bytes: one of ours, that may be written anew, or anything else."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection
from pathlib import Path

from napari_cortex_decoder.files.reading import MAX_BYTES

PROGRAM = "napari-cortex-decoder"

Kind = Callable[[Path], bool]
"""Whether an existing file is of the kind that is to be written in its place."""

_FAR = 2**23
"""A mark stands in so many bytes at the begin or the end of a file."""


def begins(*starts: str | bytes) -> Kind:
    """Return the kind of files that begin with one of these, such as the header of a table."""
    wanted = tuple(one.encode() if isinstance(one, str) else one for one in starts)

    def kind(path: Path) -> bool:
        with path.open("rb") as file:
            return file.read(max(map(len, wanted))).startswith(wanted)

    return kind


def mark(what: str) -> str:
    """Return the words that files say of themselves which this program wrote; see `marked`."""
    return f"{PROGRAM} {what}"


def marked(start: bytes, words: str, offset: int = 0) -> Kind:
    """Return the kind of files that have `start` at an offset, and words such as a `mark` in them.

    No parser looks at the file, which may be anybody's and damaged.
    """
    wanted = words.encode()

    def kind(path: Path) -> bool:
        with path.open("rb") as file:
            head = file.read(_FAR)
            if not head.startswith(start, offset):
                return False
            file.seek(max(0, os.fstat(file.fileno()).st_size - _FAR))
            return wanted in head or wanted in file.read(_FAR)

    return kind


def json_with(*fields: str) -> Kind:
    """Return the kind of JSON files that are an object with these fields."""
    return _json_object(lambda found: set(fields) <= found)


def json_like(fields: Collection[str]) -> Kind:
    """Return the kind of JSON files that are an object with these fields, some of them, or more."""
    wanted = set(fields)
    return _json_object(lambda found: found <= wanted or wanted <= found)


def _json_object(fits: Callable[[set[str]], bool]) -> Kind:
    def kind(path: Path) -> bool:
        if path.stat().st_size > MAX_BYTES:
            return False
        try:
            found = json.loads(path.read_bytes())
        except (ValueError, RecursionError):
            return False
        return isinstance(found, dict) and fits(set(found))

    return kind
