"""Verbs about areas of the cortex."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Annotated

import typer

from napari_cortex_decoder.cli.common import AsJson, FrameRate, print_json, progress_bar


def areas(
    movie: Annotated[Path, typer.Argument(help="Movie: a file or a folder.")],
    registration: Annotated[Path, typer.Option(help="Where the atlas lies on it (JSON).")],
    out: Annotated[Path, typer.Option("--out", help="CSV to write.")],
    baseline: Annotated[
        float | None,
        typer.Option(min=0, max=100, help="Percentile over time that is F0; default: the mean."),
    ] = None,
    frame_rate: FrameRate = None,
    as_json: AsJson = False,
) -> None:
    """Write the mean ΔF/F of each area of an atlas over time.

    Example: `cortex-decoder areas m1.tif --registration m1.json --out areas.csv`
    """
    from napari_cortex_decoder import atlas
    from napari_cortex_decoder.recording import open_recording

    recording = open_recording(movie, frame_rate=frame_rate)
    placed = atlas.load_registration(registration)
    labels = placed.label_image(recording.shape)
    names = [area.label for area in placed.atlas.areas]
    with progress_bar(recording.name, quiet=as_json) as show:

        def count(done: int, total: int) -> None:
            if show is not None:
                show(SimpleNamespace(stage="areas", done=done, total=total))

        traces = atlas.area_traces(recording.movie, labels, len(names), count)
    has_clock = recording.frame_rate is not None or recording.frame_times is not None
    change = atlas.relative_change(traces, baseline)
    atlas.write_traces(out, change, names, recording.times if has_clock else None)
    unseen = [name for i, name in enumerate(names) if not (labels == i + 1).any()]
    said = [*placed.atlas.warnings, *placed.warnings]
    said += [f"Outside the movie, so without values: {', '.join(unseen)}."] if unseen else []
    for warning in said:
        typer.echo(f"warning: {recording.name}: {warning}", err=True)
    if as_json:
        print_json({"csv": str(out), "areas": names, "outside": unseen})
    else:
        typer.echo(f"{out}")
