"""Verbs about labels: import and export them, fine-tune a decoder on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from napari_cortex_decoder.choices import CLOCKS, DECODER, DEPTH, DEPTHS, Depth
from napari_cortex_decoder.cli.common import (
    WRITTEN,
    AsJson,
    Output,
    Overwrite,
    computing,
    ended_by_signals,
    one_of,
    print_json,
    progress_bar,
    warn,
)
from napari_cortex_decoder.cli.reading import AS_SAID, Movie, Placings, Reading, opening, placings
from napari_cortex_decoder.compute import HERE, Compute
from napari_cortex_decoder.errors import LabelError

if TYPE_CHECKING:
    from napari_cortex_decoder.labels import Ethogram


@opening
def label(
    movie: Movie,
    take: Annotated[
        Path | None,
        typer.Option(
            "--import",
            help="Labels to take: BORIS events, DeepEthogram labels, a CSV of bouts or frames, a "
            "table of `decode`, or NWB intervals. They replace those of the movie; the plugin can "
            "undo that.",
        ),
    ] = None,
    export: Annotated[
        Path | None, typer.Option("--export", help="File to write the movie's labels to."), WRITTEN
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="Of the exported file: bouts, frames, boris-tabular, boris-aggregated, "
            "deepethogram or nwb. Default: nwb for .nwb, else bouts.",
        ),
    ] = None,
    offset: Annotated[float, typer.Option(help="Seconds to add to the imported times.")] = 0.0,
    rate: Annotated[
        float | None,
        typer.Option(
            help="Labelled frames a second, where the labels are those of a video beside the movie."
        ),
    ] = None,
    clock: Annotated[
        str | None,
        one_of(CLOCKS, "What the imported times count from, where the file does not say."),
    ] = None,
    first_frame: Annotated[
        int | None,
        typer.Option(help="Number that an imported table gives to the movie's first frame."),
    ] = None,
    observation: Annotated[str | None, typer.Option(help="Which one of a file of BORIS.")] = None,
    media: Annotated[
        str | None, typer.Option(help="Which medium or video of the imported file this movie is.")
    ] = None,
    subject: Annotated[str | None, typer.Option(help="Which animal of the imported file.")] = None,
    table: Annotated[str | None, typer.Option(help="Which table of an NWB file.")] = None,
    reading: Reading = AS_SAID,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Import labels of a movie, export them, or say what is labelled.

    Labels are kept beside the movie, in `<movie>.cortex/labels.jsonl`, where the plugin finds
    them.

    Example: `cortex-decoder label m1.tif --import boris.csv --export m1.nwb`
    """
    from napari_cortex_decoder.labels import LabelSession, Replace, import_labels, write_labels
    from napari_cortex_decoder.labels.exporting import check_export
    from napari_cortex_decoder.recording.sidecar import sidecar_folders

    recording = reading.open(movie)
    if export is not None:
        check_export(export, form, overwrite=overwrite)
    unmatched: list[str] = []
    imported = None
    if take is not None:  # nobody is kept from editing while it is read
        imported = import_labels(
            take,
            recording,
            offset=offset,
            rate=rate,
            clock=clock,
            first_frame=first_frame,
            observation=observation,
            media=media,
            subject=subject,
            table=table,
        )
        unmatched = [str(row) for row in imported.unmatched]
        warn(take, imported.said)
    kept = sidecar_folders(movie)
    session = LabelSession(
        recording.n_frames, recording.name, kept.folder, kept.other, away=kept.away
    )
    try:
        if imported is not None:
            if session.read_only:
                raise LabelError(f"{movie}: {session.notice}")
            bouts = imported.ethogram.bouts
            session.edit(Replace(start=0, stop=recording.n_frames, bouts=bouts))
        if session.notice:
            warn(recording.name, [session.notice])
        ethogram = session.labels.ethogram
    finally:
        session.close()
    if export is not None:
        write_labels(ethogram, export, recording, format=form, overwrite=overwrite)
    warn(take, unmatched)
    kind = None if imported is None else imported.kind
    summary = _summary(ethogram) | {"imported_as": kind, "unmatched": unmatched}
    if export is not None:
        summary["file"] = str(export)
    if as_json:
        print_json(summary)
        return
    for behavior, said in summary["behaviors"].items():
        typer.echo(f"{behavior:>14}  {said['bouts']} bouts, {said['frames']} frames")
    typer.echo(f"{'unknown':>14}  {summary['unknown_frames']} of {summary['frames']} frames")
    if unmatched:
        rows = "row" if len(unmatched) == 1 else "rows"
        typer.echo(f"{len(unmatched)} {rows} did not match, listed above.")
    if export is not None:
        typer.echo(f"{export}")


def _summary(ethogram: Ethogram) -> dict[str, Any]:
    """Count bouts and frames of each behavior."""
    import numpy as np

    starts, stops, values = ethogram.arrays
    n = len(ethogram.behaviors)
    n_bouts = np.bincount(values, minlength=n).tolist()
    n_frames = np.bincount(values, weights=stops - starts, minlength=n).astype(int).tolist()
    return {
        "frames": ethogram.n_frames,
        "unknown_frames": ethogram.n_frames - sum(n_frames),
        "behaviors": {
            name: {"bouts": n_bouts[place], "frames": n_frames[place]}
            for place, name in enumerate(ethogram.behaviors)
        },
    }


@opening
@computing("device", "threads")
def fine_tune(
    movies: Annotated[list[Path], typer.Argument(help="Labelled movies: files or folders.")],
    out: Output,
    labels: Annotated[
        list[Path] | None,
        typer.Option(
            help="Labels of each movie, in their order; without it, those kept beside the movies."
        ),
    ] = None,
    decoder: Annotated[
        str, typer.Option(help="The base: name of a bundled decoder, or a .safetensors file.")
    ] = DECODER,
    depth: Annotated[str, one_of(DEPTHS, "What is fitted.")] = DEPTH,
    compute: Compute = HERE,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same decoder.")] = 1,
    registration: Placings = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Remove first what another fine-tune has made in OUT.")
    ] = False,
    reading: Reading = AS_SAID,
    as_json: AsJson = False,
) -> None:
    """Fit a decoder to labels: `OUT/decoder.safetensors`, and scores before and after.

    It always starts from the base and learns from all labels given; part of them is held out to
    measure on: whole mice where there are several, else blocks of time.

    Example: `cortex-decoder fine-tune m1.tif --out tuned`
    """
    from napari_cortex_decoder.labels import read_labels
    from napari_cortex_decoder.sessions import kept_labels
    from napari_cortex_decoder.tuning.fine_tune import fine_tune as tune
    from napari_cortex_decoder.tuning.result import candidate_lines

    if labels is not None and len(labels) != len(movies):
        raise LabelError(
            f"--labels: {len(labels)} given, and {len(movies)} of movies; give one for each movie, "
            "or none."
        )
    labelled = []
    for number, (movie, lies) in enumerate(
        zip(movies, placings(registration, len(movies)), strict=True)
    ):
        recording = reading.open(movie)
        if lies is not None:
            recording = recording.replace(registration=lies)
        ethogram = kept_labels(movie) if labels is None else read_labels(labels[number], recording)
        if ethogram is None:
            raise LabelError(
                f"{movie} has no labels beside it; import some first (cortex-decoder label), or "
                "name a file with --labels."
            )
        labelled.append((recording, ethogram))
    goes_on = "goes on from where it was" if depth == "end-to-end" else "begins again"
    with (
        ended_by_signals(f"give the same command again, and the fine-tune {goes_on}."),
        progress_bar("fine-tune", quiet=as_json) as progress,
    ):
        result = tune(
            decoder,
            labelled,
            out=out,
            depth=cast("Depth", depth),  # one that does not exist is refused with a sentence
            compute=compute,
            seed=seed,
            progress=progress,
            anew=anew,
        )
    for warning in result.warnings:
        typer.echo(f"warning: {warning}", err=True)
    written = out / "decoder.safetensors"
    if as_json:
        print_json({"decoder": str(written), **result.as_dict()})
        return
    typer.echo(f"{'held out':>22}  {'before':>7}  {'after':>7}")
    for name in ("auc", "accuracy", "balanced_accuracy", "bout_f1", "calibration_error"):
        before, after = getattr(result.before, name), getattr(result.after, name)
        typer.echo(f"{name.replace('_', ' '):>22}  {before:7.3f}  {after:7.3f}")
    if result.candidates:
        typer.echo("compared inside what was learned from:")
        for line in candidate_lines(result.candidates):
            typer.echo(f"  {line}")
    typer.echo(f"{written}")
