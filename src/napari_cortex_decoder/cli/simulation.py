"""Verbs about simulated mice: make a cohort, look at one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from napari_cortex_decoder.cli.common import AsJson, Output, print_result
from napari_cortex_decoder.errors import CortexDecoderError


def simulate(
    out: Output,
    mice: Annotated[int, typer.Option(min=1, help="Number of mice.")] = 3,
    sessions: Annotated[int, typer.Option(min=1, help="Sessions of each mouse.")] = 1,
    seconds: Annotated[float, typer.Option(min=1, help="Length of a session.")] = 60.0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same cohort.")] = 1,
    movies: Annotated[
        bool, typer.Option(help="Write the movies; without them there are ROI traces and labels.")
    ] = True,
    alternating: Annotated[
        bool,
        typer.Option(
            "--alternating",
            help="Film a second color, which calcium does not change, in turns with the first.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a cohort of simulated mice, laid out as the paper's data are.

    Example: `cortex-decoder simulate --mice 3 --sessions 2 --seconds 60 --out cohort`
    """
    from napari_cortex_decoder.simulation import simulate_cohort

    table = simulate_cohort(
        out,
        mice=mice,
        sessions=sessions,
        seconds=seconds,
        seed=seed,
        movies=movies,
        alternating=alternating,
    )
    print_result({"cohort": str(table)}, [table], as_json=as_json)


def demo(
    out: Output = Path("demo"),
    seconds: Annotated[float, typer.Option(min=10, help="Length of the simulated movie.")] = 60.0,
    seed: Annotated[int, typer.Option(min=0, help="Which simulated session.")] = 1,
    screenshot: Annotated[
        bool,
        typer.Option(
            "--screenshot",
            help="Decode, save the window as OUT/screenshot.png and the result as CSV, and end.",
        ),
    ] = False,
) -> None:
    """Open napari with a simulated mouse, decoded and playing.

    Without a display it does the same on a virtual one and leaves OUT/screenshot.png.

    Example: `cortex-decoder demo`
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # no handler of Python's ends a window of Qt
    if _has_display():
        from napari_cortex_decoder.widgets.demo import run_demo

        run_demo(out, seed=seed, seconds=seconds, screenshot=screenshot)
        return
    server = shutil.which("xvfb-run")
    if server is None:
        raise CortexDecoderError(
            "demo: there is no display, and xvfb-run, which makes a virtual one, is not installed; "
            "install the package xvfb or set DISPLAY."
        )
    command = [server, "--auto-servernum", "--server-args=-screen 0 1600x1000x24"]
    command += [sys.executable, "-m", "napari_cortex_decoder.cli", "demo", "--screenshot"]
    command += ["--out", str(out), "--seconds", str(seconds), "--seed", str(seed)]
    raise typer.Exit(subprocess.run(command, check=False).returncode)


def _has_display() -> bool:
    """Return whether a window can be opened; only Linux can be without."""
    return (
        not sys.platform.startswith("linux")
        or bool(os.environ.get("DISPLAY"))
        or bool(os.environ.get("WAYLAND_DISPLAY"))
        or os.environ.get("QT_QPA_PLATFORM") == "offscreen"
    )
