"""How to read a movie whose file does not say it, as it is typed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_cortex_decoder.errors import RecordingError

if TYPE_CHECKING:
    from napari_cortex_decoder.recording import Recording

ReadAs = Annotated[
    list[str] | None,
    typer.Option(
        "--as",
        metavar="SETTING=VALUE",
        help="How to read a movie that does not say it: dataset=NAME, axes=tyx, "
        "shape=FRAMES,ROWS,COLUMNS (or ROWS,COLUMNS), dtype=uint16; of traces areas=FILE (a name a "
        "line) and atlas=NAME. Repeat for more.",
    ),
]

_SETTINGS = ("dataset", "axes", "shape", "dtype", "areas", "atlas")


def open_as_told(
    movie: Path,
    frame_rate: float | None,
    channels: int | None,
    settings: list[str] | None,
    pixel_size: float | None = None,
) -> Recording:
    """Open a movie as the options of a verb say; errors are those of `open_recording`."""
    from napari_cortex_decoder.recording import open_recording

    return open_recording(
        movie,
        frame_rate=frame_rate,
        pixel_size=pixel_size,
        channels=channels,
        **read_as(settings),
    )


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
