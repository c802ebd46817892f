"""The verbs that evaluate: a cohort of one's own, and a paper's protocol."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, cast

import typer

from napari_cortex_decoder.choices import PROTOCOLS, Protocol
from napari_cortex_decoder.cli.common import (
    AsJson,
    Output,
    Overwrite,
    computing,
    ended_by_signals,
    one_of,
    print_result,
    progress_bar,
)
from napari_cortex_decoder.compute import HERE, Compute
from napari_cortex_decoder.errors import EvaluationError


class Paper(StrEnum):
    """Papers whose protocol is known."""

    AJIOKA_2024 = "ajioka2024"


@computing("device", "threads")
def reproduce(
    paper: Annotated[Paper, typer.Argument(help="Whose protocol.")],
    data: Annotated[Path, typer.Option(help="Folder with the data, laid out as on Zenodo.")],
    out: Output,
    rows: Annotated[
        str,
        typer.Option(
            help="Rows of the table, with commas; roi: all of ROI decoders; all: those of movies "
            "too, which take hours on a processor."
        ),
    ] = "roi",
    epochs: Annotated[int, typer.Option(min=1, help="Passes of an ROI decoder's training.")] = 30,
    stride: Annotated[
        int, typer.Option(min=1, help="Train ROI decoders on every so many-th frame.")
    ] = 1,
    learning_rate: Annotated[float, typer.Option(help="Of ROI decoders.")] = 1e-3,
    validations: Annotated[
        int | None,
        typer.Option(min=1, help="Models a test mouse; default: as many as there are other mice."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same table.")] = 1,
    compute: Compute = HERE,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Train and test a paper's decoders as it did; tables and figures beside the published ones.

    Killed and started again, it goes on.

    Example: `cortex-decoder reproduce ajioka2024 --data zenodo --out reproduced`
    """
    from napari_cortex_decoder import evaluation
    from napari_cortex_decoder.evaluation.report import check_report

    check_report(out, overwrite=overwrite)
    result = evaluation.reproduce(
        data,
        out,
        rows=[name.strip() for name in rows.split(",") if name.strip()],
        effort=evaluation.Effort(epochs=epochs, stride=stride, learning_rate=learning_rate),
        validations=validations,
        seed=seed,
        compute=compute,
        progress=lambda at: typer.echo(f"{at.stage}: {at.done} of {at.total} models", err=True),
    )
    report = evaluation.write_report(result, out, overwrite=overwrite)
    models = {row: [s.model_dump(mode="json") for s in own] for row, own in result.scores.items()}
    told = {"report": str(report), "simulated": result.simulated, "models": models}
    print_result(told, [report], as_json=as_json)


@computing("device", "threads")
def evaluate(
    cohort: Annotated[Path, typer.Argument(help="CSV that says which recording is whose.")],
    protocol: Annotated[str, one_of(PROTOCOLS, "Who is learned from and who is tested.")],
    decoder: Annotated[
        list[str],
        typer.Option(
            help="An architecture or a file of settings, learned here; or a bundled name or a "
            "decoder's file, tested as it is. May be given several times."
        ),
    ],
    out: Output,
    split: Annotated[
        Path | None, typer.Option(help="split.json of an earlier evaluation, used again.")
    ] = None,
    blocks: Annotated[int, typer.Option(min=4, help="Of a recording, within.")] = 5,
    minutes: Annotated[str, typer.Option(help="Of labels, transfer; with commas.")] = "1,2,5",
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes of each stage; default: the usual ones.")
    ] = None,
    run_speed: Annotated[
        float, typer.Option(min=0, help="Labels from speed: above so many cm/s it runs.")
    ] = 0.5,
    seed: Annotated[int, typer.Option(min=0, help="Of trainings.")] = 1,
    processes: Annotated[int, typer.Option(min=1, help="So many pieces at once here.")] = 1,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a dask scheduler: tcp://host:8786.")
    ] = None,
    compute: Compute = HERE,
    as_json: AsJson = False,
) -> None:
    """Learn and test decoders on a cohort: mouse by mouse, beside chance and the frame's mean.

    Killed and started again, it goes on.

    Example: `cortex-decoder evaluate mice.csv --protocol across-mice --decoder linear --out found`
    """
    from napari_cortex_decoder import evaluation

    known = cast("Protocol", protocol)
    with (
        ended_by_signals("give the same command again, and it goes on with what is left."),
        progress_bar("evaluating", quiet=as_json) as progress,
    ):
        report = evaluation.evaluate(
            cohort, protocol=known, decoder=decoder, out=out, split=split, blocks=blocks,
            minutes=_numbers(minutes), epochs=epochs, run_speed=run_speed, seed=seed,
            compute=compute, processes=processes, scheduler=scheduler, progress=progress,
        )  # fmt: skip
    page = out / "report.html"
    lines: list[object] = [page]
    for row, own in report.summaries().items():
        interval = "" if own.low is None else f" ({own.low:.3f}–{own.high:.3f} over mice)"
        lines.append(
            f"  {report.name_of(row)}: AUC {own.mean:.3f}{interval}, worst {own.worst:.3f}"
        )
    lines += [f"  {sentence}" for sentence in report.honest]
    over_mice = {report.name_of(row): own._asdict() for row, own in report.summaries().items()}
    told = {"report": str(page), "auc": over_mice, "said": report.honest}
    print_result(told, lines, as_json=as_json)


def _numbers(said: str) -> tuple[float, ...]:
    try:
        return tuple(float(cell) for cell in said.split(","))
    except ValueError as reason:
        raise EvaluationError(
            f"--minutes is {said!r}; write numbers with commas, such as 1,2,5."
        ) from reason
