"""What results are on disk: the files that a writer of results may write anew."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.files import Kind, begins, check_place, json_with, mark, marked

MARK = mark("saliency")

RESULTS: dict[str, Kind] = {
    ".csv": begins("acronym,side,", "row,column,importance,", "area,lag,amount,"),
    ".json": json_with("decoder", "behavior", "verdict", "whole", "software"),
    ".tif": marked(b"II", MARK),
    ".nwb": marked(b"\x89HDF", MARK),
    ".mp4": marked(b"ftyp", MARK, offset=4),
    ".png": marked(b"\x89PNG", MARK),
    ".svg": marked(b"<?xml", MARK),
    ".pdf": marked(b"%PDF", MARK),
}
"""Kinds of files of results, by suffix."""


def check_results(paths: Iterable[Path], *, overwrite: bool = False) -> None:
    """Refuse files of results that may not be written, before minutes are spent on computing them.

    Raises
    ------
    DecoderError
        Naming what is in the way.
    """
    for path in paths:
        check_place(path, DecoderError, kind=RESULTS[path.suffix], overwrite=overwrite)
