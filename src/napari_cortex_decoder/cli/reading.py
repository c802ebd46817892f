"""How to read a movie whose file does not say it, as it is typed."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from napari_cortex_decoder.errors import RecordingError

ReadAs = Annotated[
    list[str] | None,
    typer.Option(
        "--as",
        metavar="SETTING=VALUE",
        help="How to read a movie that does not say it: dataset=NAME, axes=tyx, "
        "shape=FRAMES,ROWS,COLUMNS (or ROWS,COLUMNS), dtype=uint16. Repeat for more.",
    ),
]

_SETTINGS = ("dataset", "axes", "shape", "dtype")


def read_as(settings: list[str] | None) -> dict[str, Any]:
    """Read what was typed after ``--as`` into keywords of `open_recording`.

    Raises
    ------
    RecordingError
        If a setting is unknown or has no value.
    """
    found: dict[str, Any] = {}
    for text in settings or ():
        name, _, value = text.partition("=")
        if name not in _SETTINGS or not value:
            raise RecordingError(
                f"--as {text}: write SETTING=VALUE; settings are {', '.join(_SETTINGS)}."
            )
        found[name] = _shape(text, value) if name == "shape" else value
    return found


def _shape(text: str, value: str) -> tuple[int, ...]:
    sizes = re.split("[,x×]", value)
    if len(sizes) not in (2, 3) or not all(size.strip().isdecimal() for size in sizes):
        raise RecordingError(
            f"--as {text}: give two or three whole numbers, such as shape=9000,512,512."
        )
    return tuple(int(size) for size in sizes)
