"""The command line: the same verbs as the plugin, without a screen.

Bad input ends with exit code 2 and one sentence on standard error, never with a traceback; Ctrl-C
and SIGTERM likewise with 130 and 143; a defect of the program with a traceback and exit code 1.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import TextIO

import typer

from napari_cortex_decoder.cli.atlas import areas
from napari_cortex_decoder.cli.benchmarking import bench
from napari_cortex_decoder.cli.caching import cache
from napari_cortex_decoder.cli.common import ended_by_signals, guarded
from napari_cortex_decoder.cli.decoders import decoders
from napari_cortex_decoder.cli.decoding import decode
from napari_cortex_decoder.cli.evaluation import evaluate, reproduce
from napari_cortex_decoder.cli.explaining import explain
from napari_cortex_decoder.cli.labels import fine_tune, label
from napari_cortex_decoder.cli.recordings import info, preprocess
from napari_cortex_decoder.cli.simulation import demo, simulate
from napari_cortex_decoder.cli.training import train
from napari_cortex_decoder.errors import CortexDecoderError

app = typer.Typer(
    name="cortex-decoder",
    help="Decode behaviour from cortex-wide calcium movies.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for verb in (
    info,
    preprocess,
    decode,
    explain,
    label,
    areas,
    simulate,
    train,
    fine_tune,
    evaluate,
    reproduce,
    cache,
    bench,
    demo,
):
    app.command()(guarded(verb))
app.add_typer(decoders, name="decoders")


_usual_warning = warnings.showwarning


def main() -> None:
    """Run the command line; a user's error is one sentence and exit code 2."""
    try:
        with ended_by_signals("give the same command again."), warnings.catch_warnings():
            warnings.showwarning = _warn
            app()
    except CortexDecoderError as error:
        sys.exit(_refuse(str(error)))
    except OSError as error:
        if not _is_users(error.filename):
            raise
        sys.exit(_refuse(f"{error.filename}: {error.strerror}"))


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Say in one line what a function of ours warns of; what libraries say, as usual."""
    if Path(filename).is_relative_to(Path(__file__).parents[1]):
        print(f"warning: {message}", file=sys.stderr)
    else:
        _usual_warning(message, category, filename, lineno, file, line)


def _is_users(file: object) -> bool:
    """Whether an error names a file, and none of the program's own."""
    own = Path(__file__).parents[1], Path(sys.prefix)
    if not isinstance(file, str) or not file:
        return False
    return not any(Path(file).absolute().is_relative_to(folder) for folder in own)


def _refuse(sentence: str) -> int:
    """Say why on standard error; give the exit code of bad input."""
    print(f"cortex-decoder: {sentence}", file=sys.stderr)
    return 2
