"""Verbs about recordings: what one is, and preprocessing it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_cortex_decoder.cli.common import (
    WRITTEN,
    AsJson,
    Overwrite,
    print_result,
    progress_bar,
    warn,
)
from napari_cortex_decoder.cli.reading import AS_SAID, Movie, Movies, Reading, opening
from napari_cortex_decoder.errors import RecordingError

if TYPE_CHECKING:
    from napari_cortex_decoder.recording import Recording


@opening
def info(
    movies: Movies,
    reading: Reading = AS_SAID,
    remember: Annotated[
        bool,
        typer.Option(
            "--remember",
            help="Keep frame rate, pixel size, first frame's time and --as in the folder beside "
            "each movie: every verb and the plugin then know them.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what a recording is: format, size, clock, warnings.

    Example: `cortex-decoder info m1.tif`

    Example: `cortex-decoder info m1.h5 --as dataset=raw/green --frame-rate 30 --remember`
    """
    from napari_cortex_decoder.recording import remember_metadata

    opened = [reading.open(movie) for movie in movies]
    if remember:
        for movie in movies:
            remember_metadata(movie, **reading.said)
    described = [_describe(recording) for recording in opened]
    lines: list[str] = []
    for one in described:
        known = {key: value for key, value in one.items() if value not in (None, [], {}, "")}
        lines += [f"{key.replace('_', ' '):>14}  {value}" for key, value in known.items()]
        lines.append("")
    print_result(described, lines, as_json=as_json)


def _describe(recording: Recording) -> dict[str, Any]:
    """Return what `info` shows of a recording."""
    known = recording.frame_rate is not None
    return {
        "name": recording.name,
        "path": str(recording.path) if recording.path else None,
        "format": recording.format,
        "frames": recording.n_frames,
        "rows": recording.shape[0],
        "columns": recording.shape[1],
        "pixels": str(recording.movie.dtype),
        "frame_rate_hz": recording.frame_rate,
        "duration_s": round(_duration(recording), 3) if known else None,
        "pixel_size_mm": recording.pixel_size,
        "subject": recording.subject,
        "reference": recording.reference is not None,
        "traces_of": list(recording.areas),
        "warnings": list(recording.warnings),
    }


def _duration(recording: Recording) -> float:
    """Return the seconds from the first frame to the end of the last, lost frames too."""
    times = recording.times
    return float(times[-1] - times[0]) + 1 / recording.known_frame_rate()


@opening
def preprocess(
    movie: Movie,
    out: Annotated[
        Path,
        typer.Option("--out", help="File to write: .nwb, .zarr or .tif; of traces .nwb or .csv."),
        WRITTEN,
    ],
    step: Annotated[
        list[str] | None,
        typer.Option(
            "--step",
            metavar="NAME[:SETTING=VALUE,…]",
            help="A step; steps are applied in the order given. Names: crop, "
            "fill-gaps, bin, motion-correction, mask, delta-f, hemodynamics, detrend, "
            "resample. Ranges of a crop are FIRST-STOP; none switches a setting off.",
        ),
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="Movie of the second color, where it is another file.")
    ] = None,
    reading: Reading = AS_SAID,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Preprocess a movie and save it with what was done; without steps, only save it anew.

    Example: `cortex-decoder preprocess m1.tif --channels 2 --step bin:pixels=2 --step delta-f
    --step hemodynamics --step detrend:window=33 --out m1.nwb`
    """
    from napari_cortex_decoder.recording import (
        open_recording,
        save_recording,
        steps_from_provenance,
    )
    from napari_cortex_decoder.recording import preprocess as apply_steps
    from napari_cortex_decoder.recording.saving.writing import check_saving

    steps = steps_from_provenance(_parsed(text) for text in step or ())
    recording = reading.open(movie)
    if reference is not None:
        second = open_recording(reference, frame_rate=recording.frame_rate)
        recording = recording.with_reference(second)
    with progress_bar(recording.name, quiet=as_json) as show:
        check_saving(recording, out, overwrite=overwrite)
        done = apply_steps(recording, steps, progress=show)
        written = save_recording(done, out, overwrite=overwrite, progress=show)
    warn(recording.name, done.warnings)
    told = {"file": str(written), **_describe(done), "steps": list(done.steps)}
    print_result(told, [written], as_json=as_json)


def _parsed(text: str) -> dict[str, Any]:
    """Read a step as it is typed: ``bin:pixels=2,frames=3``.

    Raises RecordingError if a setting has no value.
    """
    name, _, settings = text.partition(":")
    # a comma may stand in the name of a file: only one before `key=` separates
    parts = re.split(r",(?=\w+=)", settings) if settings else []
    parsed: dict[str, Any] = {"name": name}
    for part in parts:
        setting, equals, value = part.partition("=")
        if not equals:
            raise RecordingError(
                f"--step {text}: {part!r} is no setting; write {name}:SETTING=VALUE,…."
            )
        stretch = re.fullmatch(r"(\d+)-(\d+)", value)
        none = value.lower() == "none"
        parsed[setting] = stretch.groups() if stretch else None if none else value
    return parsed
