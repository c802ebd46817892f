"""The verb `bench`: how fast the program is on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain
from typing import TYPE_CHECKING, Annotated

import typer

from napari_cortex_decoder.cli.common import AsJson, print_json
from napari_cortex_decoder.errors import CortexDecoderError

if TYPE_CHECKING:
    from napari_cortex_decoder.benchmarking import Figure


_WINDOW = "window"


def _window() -> Iterator[Figure]:
    """Measure the window in a process of its own; says so, and goes on, where there is none."""
    from napari_cortex_decoder.benchmarking import judged

    module = "napari_cortex_decoder.widgets.benchmark"
    done = subprocess.run([sys.executable, "-m", module], capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        typer.echo(
            f"the window could not be measured (has this machine a display?): {reason}", err=True
        )
        return
    for name, value in json.loads(done.stdout.splitlines()[-1]).items():
        yield judged(_WINDOW, name, value)


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

    Groups: encoder, decode, end-to-end, cache, first-answer, reading, training, maps, memory, gpu,
    window.
    All together take ten minutes or so on two idle cores.

    Example: `cortex-decoder bench --only encoder --only decode`
    """
    import torch

    from napari_cortex_decoder.benchmarking import GROUPS, describe_machine, measure

    known = (*GROUPS, _WINDOW)
    groups = only or known
    for group in groups:
        if group not in known:
            raise CortexDecoderError(f"there is no group {group!r}; groups are {', '.join(known)}.")
    if threads is not None:
        torch.set_num_threads(threads)
    machine = describe_machine()
    figures = []
    headless = [group for group in groups if group != _WINDOW]
    window = _window() if _WINDOW in groups else ()
    for figure in chain(measure(headless, frames), window):
        figures.append(figure)
        if not as_json:
            told = {True: "✓", False: "✗", None: " "}[figure.met]
            typer.echo(f"{figure.name:45} {figure.value:12.4g}  {figure.goal:8} {told}")
    told_of = {figure.group for figure in figures}
    missing = [group for group in groups if group not in told_of]
    if missing:
        typer.echo(f"not measured, as this machine cannot: {', '.join(missing)}", err=True)
    if as_json:
        values = {figure.name: figure.value for figure in figures}
        print_json(
            {
                "figures": values,
                "missing": missing,
                "details": [asdict(f) for f in figures],
                "machine": machine,
            }
        )
