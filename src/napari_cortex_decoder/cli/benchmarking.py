"""The verb `bench`: how fast the program is on this machine."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from napari_cortex_decoder.cli.common import AsJson, print_result
from napari_cortex_decoder.errors import CortexDecoderError


def bench(
    only: Annotated[
        list[str] | None, typer.Option(help="A group of figures; may be given again.")
    ] = None,
    frames: Annotated[
        int, typer.Option(min=1000, help="Length of the movie that is decoded.")
    ] = 3000,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads that compute; default: PyTorch's choice.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure this machine: each figure beside what it should be.

    Groups: encoder, decode, end-to-end, cache, first-answer, reading, training, maps, gpu. All
    together take ten minutes or so on two idle cores.

    Example: `cortex-decoder bench --only encoder --only decode`
    """
    import torch

    from napari_cortex_decoder.benchmarking import GROUPS, describe_machine, measure

    groups = only or [*GROUPS]
    for group in groups:
        if group not in GROUPS:
            raise CortexDecoderError(f"there is no group {group!r}; take of {', '.join(GROUPS)}.")
    if threads is not None:
        torch.set_num_threads(threads)
    machine = describe_machine()
    figures = []
    for figure in measure(groups, frames):
        figures.append(figure)
        if not as_json:
            told = {True: "✓", False: "✗", None: " "}[figure.met]
            typer.echo(f"{figure.name:45} {figure.value:12.4g}  {figure.goal:8} {told}")
    told_of = {figure.group for figure in figures}
    missing = [group for group in groups if group not in told_of]
    if missing:
        typer.echo(f"not measured, as this machine cannot: {', '.join(missing)}", err=True)
    result = {
        "figures": {figure.name: figure.value for figure in figures},
        "missing": missing,
        "details": [asdict(f) for f in figures],
        "machine": machine,
    }
    print_result(result, [], as_json=as_json)
