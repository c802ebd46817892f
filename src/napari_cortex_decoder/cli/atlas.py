"""Verbs about areas of the cortex."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_cortex_decoder.cli.common import (
    WRITTEN,
    AsJson,
    Overwrite,
    print_result,
    progress_bar,
    warn,
)
from napari_cortex_decoder.cli.reading import (
    AS_SAID,
    Movie,
    Placed,
    Reading,
    labels_of,
    opening,
    place_atlas,
)
from napari_cortex_decoder.errors import AtlasError
from napari_cortex_decoder.files import check_place


@opening
def areas(
    movie: Movie,
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
    around: Annotated[
        str | None,
        typer.Option(
            metavar="EVENT",
            help="Average around events, too: onsets of a labelled behavior such as run, or a "
            "behavior trace that comes to a threshold, such as 'speed>1'.",
        ),
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option(help="File for that average: .csv, or a figure (.png, .svg, .pdf)."),
        WRITTEN,
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Labels; default: those kept beside the movie.")
    ] = None,
    before: Annotated[float, typer.Option(min=0.01, help="Seconds before an event.")] = 2.0,
    after: Annotated[float, typer.Option(min=0.01, help="Seconds after it.")] = 4.0,
    reading: Reading = AS_SAID,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Write the mean ΔF/F of each area of an atlas over time, and how it goes with behavior.

    `--around` averages areas and behavior around events: mean and 95 % interval over events, less
    the mean of the first second.

    Example: `cortex-decoder areas m1.tif --registration m1.json --out areas.csv`
    """
    import numpy as np

    from napari_cortex_decoder import atlas
    from napari_cortex_decoder.atlas.nwb_export import TRACES_NWB
    from napari_cortex_decoder.atlas.traces import CORRELATIONS, traces_kind
    from napari_cortex_decoder.evaluation.event_figure import event_kind, write_events
    from napari_cortex_decoder.recording import add_behavior, trace_at_frames
    from napari_cortex_decoder.scoring.around_events import event_average, known_traces
    from napari_cortex_decoder.scoring.events import Around, find_events
    from napari_cortex_decoder.sessions.areas import area_traces_of, write_area_traces

    if out.suffix.lower() not in (".csv", ".nwb"):
        raise AtlasError(f"{out} is neither .csv nor .nwb; choose one of them.")
    recording = reading.open(movie)
    for path in behavior or ():
        recording = add_behavior(recording, path)
    has_clock = recording.frame_rate is not None or recording.frame_times is not None
    if (around is None) != (events is None):
        raise AtlasError("--around says around which events, --events where to write: give both.")
    needs_clock = (correlations, events, *([out] if out.suffix.lower() == ".nwb" else []))
    if not has_clock and any(needs_clock):
        raise AtlasError(f"{movie} has no frame rate, which this needs; give --frame-rate.")
    if correlations is not None and not recording.behavior:
        raise AtlasError(f"{movie} comes with no behavior to correlate with; give --behavior.")
    placed = place_atlas(recording, registration)
    shown = placed.atlas.areas
    names = [area.label for area in shown]
    kind = TRACES_NWB if out.suffix.lower() == ".nwb" else traces_kind(names)
    check_place(out, AtlasError, kind=kind, overwrite=overwrite)
    if correlations is not None:
        check_place(correlations, AtlasError, kind=CORRELATIONS, overwrite=overwrite)
    how, found = Around(before=before, after=after, quiet=before), None
    if events is not None and around is not None:
        found = find_events(around, recording, labels_of(recording, labels), how)
        check_place(events, AtlasError, kind=event_kind(events), overwrite=overwrite)
    with progress_bar(recording.name, quiet=as_json) as show:
        given = area_traces_of(recording, placed, baseline=baseline, dark=dark, progress=show)
    traces, relative = given.values, given.is_relative
    unseen = [n for n, values in zip(names, traces.T, strict=True) if np.isnan(values).all()]
    said = [*placed.atlas.warnings, *placed.warnings]
    missing = "Outside the movie" if recording.traces is None else "Without a trace"
    said += [f"{missing}, so without values: {', '.join(unseen)}."] if unseen else []
    if not relative:
        said.append("The movie varies around 0: its mean is written as it is, not ΔF/F.")
    write_area_traces(out, given, recording, said=said, overwrite=overwrite)
    written = {"areas": str(out)}
    if correlations is not None:
        r = {
            name: atlas.correlate_behavior(traces, trace_at_frames(trace, recording))
            for name, trace in recording.behavior.items()
        }
        atlas.write_correlations(correlations, shown, r, overwrite=overwrite)
        written["correlations"] = str(correlations)
    if events is not None and found is not None:
        known, units = known_traces(recording, traces, names, relative=relative)
        average = event_average(
            recording, found, known, around=how, event=f"onset of {around}", units=units
        )
        said += average.said
        write_events(average, events, name=recording.name, overwrite=overwrite)
        written["events"] = str(events)
    warn(recording.name, said)
    told = {"files": written, "areas": names, "outside": unseen, "relative": relative}
    print_result(told, written.values(), as_json=as_json)
