"""The verb that runs a paper's protocol."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from napari_cortex_decoder.cli.common import AsJson, Output, Overwrite, computing, print_result
from napari_cortex_decoder.compute import HERE, Compute


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
