"""The verb about training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_cortex_decoder.cli.common import (
    WRITTEN,
    AsJson,
    computing,
    ended_by_signals,
    print_result,
)
from napari_cortex_decoder.compute import HERE, Compute
from napari_cortex_decoder.errors import TrainingError


@computing("device", "devices", "workers", "threads")
def train(
    cohort: Annotated[
        Path | None, typer.Argument(help="CSV that says which recording is whose.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="Settings, TOML or JSON; default: the usual ones, or the run's own."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder; one that was begun is gone on with."), WRITTEN
    ] = None,
    compute: Compute = HERE,
    cache: Annotated[
        Path | None,
        typer.Option(help="Folder to read recordings into, kept; several runs may share it."),
        WRITTEN,
    ] = None,
    print_config: Annotated[
        str | None,
        typer.Option(
            metavar="ARCHITECTURE",
            help="Print all settings as TOML and end: cnn, cnn-rnn, roi-rnn or linear.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train a decoder on a cohort; killed at any moment and started again, it goes on.

    Example: `cortex-decoder train cohort.csv --config run.toml --out runs/first`
    """
    from napari_cortex_decoder import training
    from napari_cortex_decoder.training.config import as_toml, parse_config

    if print_config is not None:
        asked = {"decoder": {"architecture": print_config}}
        typer.echo(as_toml(parse_config(asked, f"--print-config {print_config}")), nl=False)
        return
    if cohort is None or out is None:
        raise TrainingError(
            "train: give a cohort's CSV and --out with the run folder, "
            "such as: cortex-decoder train cohort.csv --out runs/first."
        )
    folder = training.TrainingFolder(out)
    settings = training.TrainingConfig()
    if config is not None:
        settings = training.read_config(config)
    elif folder.asked() is not None:
        settings = folder.read_config()
    with ended_by_signals(
        "give the same command again, and the training goes on from its last checkpoint."
    ):
        decoder = training.train(settings, cohort, out, compute=compute, cache=cache)
    metrics, file = decoder.provenance.metrics, folder.decoder_file
    lines = [file, *(f"  {name}: {value:.3f}" for name, value in metrics.items())]
    print_result({"decoder": str(file), "metrics": metrics}, lines, as_json=as_json)
