"""How to read a movie whose file does not say it, as it is typed."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from napari_cortex_decoder.cli.common import spread
from napari_cortex_decoder.errors import AtlasError, RecordingError

if TYPE_CHECKING:
    from napari_cortex_decoder.atlas import Registration
    from napari_cortex_decoder.labels import Ethogram
    from napari_cortex_decoder.recording import Recording

Movie = Annotated[Path, typer.Argument(help="Movie: a file or a folder.")]
Movies = Annotated[list[Path], typer.Argument(help="Movies: files or folders.")]
DecoderName = Annotated[
    str, typer.Option("--decoder", help="Name of a bundled decoder, or a .safetensors file.")
]

Placed = Annotated[
    Path | None,
    typer.Option(
        "--registration", help="Where the atlas lies on it (JSON); traces of named areas need none."
    ),
]

_SETTINGS = ("dataset", "axes", "shape", "dtype", "areas", "atlas")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a movie is read whose file does not say it: options of all verbs that open one."""

    frame_rate: Annotated[
        float | None, typer.Option(help="Frames a second (Hz), where the file does not say it.")
    ] = None
    pixel_size: Annotated[
        float | None, typer.Option(help="Edge of a pixel in mm, where the file does not say it.")
    ] = None
    first_frame_time: Annotated[
        float | None, typer.Option(help="When (s) the first frame was, on the session's clock.")
    ] = None
    channels: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=2,
            help="2: the camera took two colors in turns; every other frame becomes the reference.",
        ),
    ] = None
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--as",
            metavar="SETTING=VALUE",
            help="How to read a movie that does not say it: dataset=NAME, axes=tyx, "
            "shape=FRAMES,ROWS,COLUMNS (or ROWS,COLUMNS), dtype=uint16; of traces areas=FILE (a "
            "name a line) and atlas=NAME. Repeat for more.",
        ),
    ] = None

    @property
    def said(self) -> dict[str, Any]:
        """Keywords of `open_recording` that `remember_metadata` knows, too."""
        numbers = ("frame_rate", "pixel_size", "first_frame_time")
        return {name: getattr(self, name) for name in numbers} | read_as(self.settings)

    def open(self, movie: Path) -> Recording:
        """Open a movie; errors are those of `open_recording`."""
        from napari_cortex_decoder.recording import open_recording

        return open_recording(movie, channels=self.channels, **self.said)


AS_SAID = Reading()
"""As the files say."""

_HINTS = get_type_hints(Reading, include_extras=True)
opening = spread("reading", {f.name: (_HINTS[f.name], f.default) for f in fields(Reading)}, Reading)
"""Asks for the `reading` of a verb by options."""


def place_atlas(recording: Recording, registration: Path | None) -> Registration:
    """Return where the atlas lies: as a file says, or traces of named areas.

    Raises AtlasError if neither says it, or the file cannot be read.
    """
    from napari_cortex_decoder.atlas import load_registration
    from napari_cortex_decoder.decoder.engine.area_places import registration_of

    given = None if registration is None else load_registration(registration)
    placed = registration_of(recording, given)
    if placed is None:
        raise AtlasError(
            f"{recording.path or recording.name}: nothing says where the atlas lies on it; give "
            "--registration FILE."
        )
    return placed


def labels_of(recording: Recording, path: Path | None) -> Ethogram | None:
    """Read the labels asked for, or those kept beside the movie; None without either."""
    from napari_cortex_decoder.labels import read_labels
    from napari_cortex_decoder.sessions import kept_labels

    if path is not None:
        return read_labels(path, recording)
    return None if recording.path is None else kept_labels(recording.path)


def read_as(settings: list[str] | None) -> dict[str, Any]:
    """Read what was typed after ``--as`` into keywords of `open_recording`.

    Raises RecordingError if a setting is unknown or has no value.
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


Placings = Annotated[
    list[Path] | None,
    typer.Option(
        "--registration",
        help="Where the atlas lies (JSON), for a decoder of area traces: one file for all "
        "movies, or the option once a movie, in their order.",
    ),
]


def placings(files: list[Path] | None, n_movies: int) -> list[Registration | None]:
    """Read where the atlas lies on each movie; None where no file was given.

    Raises AtlasError if a file cannot be read; RecordingError if there are neither one nor as many
    as movies.
    """
    from napari_cortex_decoder.atlas import load_registration

    if not files:
        return [None] * n_movies
    if len(files) not in (1, n_movies):
        raise RecordingError(
            f"{len(files)} registrations for {n_movies} movies; give one for all of them, or "
            "one a movie."
        )
    placed = [load_registration(file) for file in files]
    return [*placed] * (n_movies // len(placed))
