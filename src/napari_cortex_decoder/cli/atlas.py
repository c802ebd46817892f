"""Verbs about areas of the cortex."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_cortex_decoder.cli.common import (
    WRITTEN,
    AsJson,
    Overwrite,
    print_json,
    progress_bar,
    warn,
)
from napari_cortex_decoder.cli.reading import AS_SAID, Placed, Reading, opening, place_atlas
from napari_cortex_decoder.errors import AtlasError
from napari_cortex_decoder.files import check_place


@opening
def areas(
    movie: Annotated[Path, typer.Argument(help="Movie: a file or a folder.")],
    out: Annotated[Path, typer.Option("--out", help="File to write: .csv or .nwb."), WRITTEN],
    registration: Placed = None,
    baseline: Annotated[
        float | None,
        typer.Option(min=0, max=100, help="Percentile over time that is F0; default: the mean."),
    ] = None,
    dark: Annotated[
        float, typer.Option(help="What the camera reads without light, in counts: no fluorescence.")
    ] = 0.0,
    behavior: Annotated[
        list[Path] | None, typer.Option(help="Behavior measured beside the movie; repeat for more.")
    ] = None,
    correlations: Annotated[
        Path | None,
        typer.Option(help="CSV to write: Pearson's r of each area with each behavior."),
        WRITTEN,
    ] = None,
    reading: Reading = AS_SAID,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Write the mean ΔF/F of each area of an atlas over time, and how it goes with behavior.

    Example: `cortex-decoder areas m1.tif --registration m1.json --out areas.csv`
    """
    from napari_cortex_decoder import atlas
    from napari_cortex_decoder.atlas.nwb_export import TRACES_NWB, write_traces_nwb
    from napari_cortex_decoder.atlas.traces import CORRELATIONS, traces_kind
    from napari_cortex_decoder.recording import add_behavior, trace_at_frames
    from napari_cortex_decoder.recording.saving.nwb import session_start

    if out.suffix.lower() not in (".csv", ".nwb"):
        raise AtlasError(f"{out} is neither .csv nor .nwb; choose one of them.")
    recording = reading.open(movie)
    for path in behavior or ():
        recording = add_behavior(recording, path)
    has_clock = recording.frame_rate is not None or recording.frame_times is not None
    if not has_clock and (correlations is not None or out.suffix.lower() == ".nwb"):
        raise AtlasError(f"{movie} has no frame rate, which this needs; give --frame-rate.")
    if correlations is not None and not recording.behavior:
        raise AtlasError(f"{movie} comes with no behavior to correlate with; give --behavior.")
    placed = place_atlas(recording, registration)
    labels = placed.label_image(recording.shape)
    if recording.label_image is not None:
        labels[recording.label_image == 0] = 0
    shown = placed.atlas.areas
    names = [area.label for area in shown]
    is_nwb = out.suffix.lower() == ".nwb"
    kind = TRACES_NWB if is_nwb else traces_kind(names)
    check_place(out, AtlasError, kind=kind, overwrite=overwrite)
    if correlations is not None:
        check_place(correlations, AtlasError, kind=CORRELATIONS, overwrite=overwrite)
    with progress_bar(recording.name, quiet=as_json) as show:
        traces = atlas.area_traces(recording.movie, labels, len(names), show)
    unseen = [name for i, name in enumerate(names) if not (labels == i + 1).any()]
    said = [*placed.atlas.warnings, *placed.warnings]
    missing = "Outside the movie" if recording.traces is None else "Without a trace"
    said += [f"{missing}, so without values: {', '.join(unseen)}."] if unseen else []
    relative = atlas.has_baseline(traces)
    if relative:
        traces = atlas.relative_change(traces, baseline, dark=dark)
    else:
        said.append("The movie varies around 0: its mean is written as it is, not ΔF/F.")
    if is_nwb:
        start, notes = session_start(recording)
        write_traces_nwb(
            out, traces, labels, shown, recording.times, session_start=start, name=recording.name,
            subject=recording.subject, pixel_size=recording.pixel_size, relative=relative,
            notes=[*notes, *said], overwrite=overwrite,
        )  # fmt: skip
    else:
        times = recording.times if has_clock else None
        atlas.write_traces(out, traces, names, times, overwrite=overwrite)
    written = {"areas": str(out)}
    if correlations is not None:
        r = {
            name: atlas.correlate_behavior(traces, trace_at_frames(trace, recording))
            for name, trace in recording.behavior.items()
        }
        atlas.write_correlations(correlations, shown, r, overwrite=overwrite)
        written["correlations"] = str(correlations)
    warn(recording.name, said)
    if as_json:
        print_json({"files": written, "areas": names, "outside": unseen, "relative": relative})
    else:
        for name in written.values():
            typer.echo(name)
