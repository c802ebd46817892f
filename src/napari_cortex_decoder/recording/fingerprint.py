"""Telling a recording from any other, and from what it was before somebody wrote to its files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path

import numpy as np

from napari_cortex_decoder.reading import readable
from napari_cortex_decoder.recording.recording import Recording

_PLACES, _BYTES, _FILES = 64, 4096, 10_000


def content_hash(recording: Recording) -> str:
    """Return what changes with the content of a recording's files, and with its steps.

    Looks at the sizes and at a few thousand bytes of the files, so that it stays when they are
    copied or moved, and costs next to nothing. If a file is gone, that raises `RecordingError`.
    """
    return hashlib.sha256(about_content(recording)).hexdigest()


def files_hash(files: Iterable[Path]) -> str:
    """Return what changes with the content of files: as `content_hash`, of any files."""
    return _sampled({file: (file.stat().st_size, 0) for file in files}).hexdigest()


def about_content(recording: Recording) -> bytes:
    """Return what `content_hash` digests."""
    with readable(recording.where, "the recording that it was"):
        digest = _sampled(files_of(recording))
    steps = [dict(step) for step in recording.steps]
    movie = recording.movie
    about = json.dumps([steps, movie.shape, movie.dtype.str], default=str)
    return digest.digest() + about.encode()


def _sampled(files: Mapping[Path, tuple[int, int]]) -> hashlib._Hash:
    """Digest the sizes of files, and a few thousand bytes of them."""
    digest = hashlib.sha256()
    every = max(1, -(-len(files) // _PLACES))
    for number, (file, (size, _)) in enumerate(files.items()):
        digest.update(f"{size}\n".encode())
        if number % every == 0:
            places = np.linspace(0, size, max(1, _PLACES // len(files)), dtype=int)
            with file.open("rb") as content:
                for place in places.tolist():
                    content.seek(max(0, place - _BYTES))
                    digest.update(content.read(_BYTES))
    return digest


def files_of(recording: Recording) -> dict[Path, tuple[int, int]]:
    """Return size and time of last change (ns) of the files that a recording came from."""
    files = []
    with readable(recording.where, "the recording that it was"):
        for place in _places(recording):
            inside = (path for path in place.rglob("*") if path.is_file())
            files += sorted(islice(inside, _FILES)) if place.is_dir() else [place]
        states = [file.stat() for file in files]
    return {f: (s.st_size, s.st_mtime_ns) for f, s in zip(files, states, strict=True)}


def _places(recording: Recording) -> list[Path]:
    if recording.path is None:
        return []
    names = recording.metadata.get("files")  # of one session, beside each other
    others = [recording.path.with_name(n) for n in names] if isinstance(names, list) else []
    return [recording.path, *(other for other in others if other != recording.path)]
