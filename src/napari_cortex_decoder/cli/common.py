"""What the verbs have in common: options, progress, output for machines."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast, get_type_hints

import typer

from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.errors import CortexDecoderError
from napari_cortex_decoder.files import protected
from napari_cortex_decoder.progress import Estimate, Progress, Report

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite", help="Replace files that are there, whatever they are; never what is read."
    ),
]


def one_of(known: Mapping[str, str], what: str, *flags: str) -> Any:
    """Return an option for one name of a table of `choices`, which are told by what they mean."""
    names = "; ".join(f"{name}: {said}" for name, said in known.items())
    return typer.Option(*flags, metavar="|".join(known), help=f"{what} {names}.")


WRITTEN = object()
"""Marks the options that say where to write; everything else that a verb is given is read."""

Output = Annotated[
    Path, typer.Option("--out", help="Folder to write to; made if missing."), WRITTEN
]

_Verb = TypeVar("_Verb", bound=Callable[..., Any])


Option = tuple[object, object]
"""How a parameter is asked for, and its default."""

_COMPUTE: dict[str, Option] = {
    "device": (Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")], "auto"),
    "batch_size": (
        Annotated[
            int | None,
            typer.Option(min=1, help="Frames encoded at once; default: chosen by device."),
        ],
        None,
    ),
    "half": (
        Annotated[
            bool, typer.Option("--half", help="Encode in 16 bits on a GPU: faster; a CPU does not.")
        ],
        False,
    ),
    "threads": (
        Annotated[
            int | None, typer.Option(min=1, help="Threads that compute; default: PyTorch's choice.")
        ],
        None,
    ),
    "devices": (Annotated[int, typer.Option(min=1, help="GPUs to train on at once.")], 1),
    "workers": (
        Annotated[int, typer.Option(min=0, help="Processes that read examples, for each device.")],
        0,
    ),
}


def computing(*names: str) -> Callable[[_Verb], _Verb]:
    """Return what asks for the `compute` of a verb by options: the named ones of `_COMPUTE`."""

    def make(*, half: bool = False, **told: Any) -> Compute:
        return Compute(**told, precision="half" if half else "full")

    return spread("compute", {name: _COMPUTE[name] for name in names}, make)


def spread(
    parameter: str, options: Mapping[str, Option], make: Callable[..., object]
) -> Callable[[_Verb], _Verb]:
    """Return what asks for one parameter of a verb by several options, and `make`s it of these."""

    def wrap(verb: _Verb) -> _Verb:
        hints = get_type_hints(verb, include_extras=True)
        asked: list[Parameter] = []
        for name, own in signature(verb).parameters.items():
            if name == parameter:
                asked += [
                    Parameter(option, own.kind, annotation=hint, default=default)
                    for option, (hint, default) in options.items()
                ]
            else:
                asked.append(own.replace(annotation=hints[name]))

        @wraps(verb)
        def run(**given: Any) -> Any:
            made = make(**{option: given.pop(option) for option in options})
            return verb(**given, **{parameter: made})

        run.__signature__ = Signature(asked)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in asked}
        return cast("_Verb", run)

    return wrap


def guarded(verb: _Verb) -> _Verb:
    """Return a verb that writes over no file or folder that it was given to read."""
    hints = get_type_hints(verb, include_extras=True)
    written = {n for n, hint in hints.items() if WRITTEN in getattr(hint, "__metadata__", ())}

    @wraps(verb)
    def run(**given: Any) -> Any:
        with protected(_named(value for name, value in given.items() if name not in written)):
            return verb(**given)

    return cast("_Verb", run)


def _named(values: Iterable[Any]) -> Iterator[str | Path]:
    """Return what may be the name of a file, after an equals sign, too: ``mask:path=mask.tif``."""
    for value in values:
        if isinstance(value, Path):
            yield value
        elif isinstance(value, str):
            yield value
            yield from re.split("[=,]", value)[1:]
        elif isinstance(value, list | tuple):
            yield from _named(value)


_PATIENCE = 20.0  # s that a program may take to end


def check_folder(out: Path) -> None:
    """Refuse a folder that cannot be made or written to, before anything takes minutes."""
    there = next(place for place in (out, *out.absolute().parents) if place.exists())
    if not there.is_dir():
        raise CortexDecoderError(f"{there} is no folder; choose another one to write to.")
    if not os.access(there, os.W_OK):
        raise CortexDecoderError(f"{there} may not be written to; choose another folder.")


@contextmanager
def ended_by_signals(then: str) -> Iterator[None]:
    """End with exit code 130 on Ctrl-C and 143 on SIGTERM, and one sentence.

    Libraries make other things of both, so both are an exit of ours. Where they are at work in what
    swallows it, the second signal or a moment's patience ends the program all the same. `then` is
    the rest of the sentence: how to go on. What the program was begun to ignore stays ignored.
    """
    ended: list[int] = []
    sentence = [f"cortex-decoder: ended from outside; {then}"]  # said once, whoever comes first

    def leave(code: int) -> None:
        if sentence:
            os.write(2, f"{sentence.pop()}\n".encode())
        os._exit(code)

    def end(number: int, _: object) -> None:
        code = 128 + number
        if ended:
            os._exit(code)
        ended.append(code)
        patience = threading.Timer(_PATIENCE, leave, [code])
        patience.daemon = True
        patience.start()
        raise SystemExit(code)

    before = {
        number: signal.signal(number, end)
        for number in (signal.SIGINT, signal.SIGTERM)
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    except BaseException as exit_:  # pydantic makes an error of its own of our exit
        if ended:
            typer.echo(sentence.pop(), err=True)
            raise SystemExit(ended[0]) from exit_
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def progress_bar(name: str, *, quiet: bool) -> Iterator[Report | None]:
    """Show progress and the time left on a terminal; stay silent in pipes and with --json."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = TextColumn("{task.description}"), BarColumn()
    estimate = Estimate()
    with Bars(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(name)

        def show(event: Progress) -> None:
            text = f"{name}: {estimate.of(event)}"
            bars.update(task, description=text, completed=event.done, total=event.total)

        yield show


def warn(of: object, sentences: Iterable[object]) -> None:
    """Say on standard error what a user should know of something."""
    for sentence in sentences:
        typer.echo(f"warning: {of}: {sentence}", err=True)


def print_json(value: object) -> None:
    """Print one JSON value on standard output."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_result(value: object, lines: Iterable[object], *, as_json: bool) -> None:
    """Print a result on standard output: as one JSON value for machines, else as lines."""
    if as_json:
        print_json(value)
        return
    for line in lines:
        typer.echo(f"{line}")
