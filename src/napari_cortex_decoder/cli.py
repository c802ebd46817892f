"""The command line: the same verbs as the plugin, without a screen.

Bad input ends with exit code 2 and one sentence on standard error, never with a traceback.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_cortex_decoder.errors import CortexDecoderError, RecordingError

if TYPE_CHECKING:
    from napari_cortex_decoder.recording import Recording

app = typer.Typer(
    name="cortex-decoder",
    help="Decode behaviour from cortex-wide calcium movies.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

FrameRate = Annotated[
    float | None,
    typer.Option("--frame-rate", help="Frames a second (Hz), where the file does not say it."),
]
PixelSize = Annotated[
    float | None,
    typer.Option("--pixel-size", help="Edge of a pixel in mm, where the file does not say it."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Output = Annotated[Path, typer.Option("--out", help="Folder to write to; made if missing.")]


@app.command()
def info(
    movies: Annotated[list[Path], typer.Argument(help="Movies: files or folders.")],
    frame_rate: FrameRate = None,
    pixel_size: PixelSize = None,
    as_json: AsJson = False,
) -> None:
    """Say what a recording is: format, size, clock, warnings.

    Example: `cortex-decoder info m1.tif`
    """
    from napari_cortex_decoder.recording import open_recording

    described = [
        _describe(open_recording(movie, frame_rate=frame_rate, pixel_size=pixel_size))
        for movie in movies
    ]
    if as_json:
        _print_json(described)
        return
    for one in described:
        for key, value in one.items():
            if value not in (None, [], {}, ""):
                typer.echo(f"{key.replace('_', ' '):>14}  {value}")
        typer.echo()


def _describe(recording: Recording) -> dict[str, Any]:
    """Give what `info` shows of a recording."""
    known = recording.frame_rate is not None
    return {
        "name": recording.name,
        "path": str(recording.path) if recording.path else None,
        "format": recording.format,
        "frames": recording.n_frames,
        "rows": recording.shape[0],
        "columns": recording.shape[1],
        "pixels": str(recording.movie.dtype),
        "frame_rate_hz": recording.frame_rate,
        "duration_s": round(recording.n_frames / recording.known_frame_rate(), 3)
        if known
        else None,
        "pixel_size_mm": recording.pixel_size,
        "subject": recording.subject,
        "reference": recording.reference is not None,
        "warnings": list(recording.warnings),
    }


@app.command()
def decode(
    movies: Annotated[list[Path], typer.Argument(help="Movies: files or folders.")],
    out: Output,
    decoder: Annotated[
        str, typer.Option(help="Name of a bundled decoder, or a .safetensors file.")
    ] = "run-rest",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    frame_rate: FrameRate = None,
    pixel_size: PixelSize = None,
    any_rate: Annotated[
        bool,
        typer.Option(
            "--any-rate",
            help="Decode although the frame rate is not the decoder's; the result says so.",
        ),
    ] = False,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Frames encoded at once; default: chosen by device.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read behaviour from movies: `<stem>.csv` and `<stem>.json` for each.

    Example: `cortex-decoder decode m1.tif --frame-rate 30 --out decoded`
    """
    from napari_cortex_decoder.decoder import load_decoder
    from napari_cortex_decoder.recording import open_recording

    recordings = [
        open_recording(movie, frame_rate=frame_rate, pixel_size=pixel_size) for movie in movies
    ]
    names = [recording.name for recording in recordings]
    for name in names:
        if names.count(name) > 1:
            raise RecordingError(
                f"{name}: two of the movies have this name and would overwrite each other's "
                "result; decode them into different folders."
            )
    reader = load_decoder(decoder)
    written = []
    for recording in recordings:
        with _progress(recording.name, quiet=as_json) as progress:
            prediction = reader.decode(
                recording,
                device=device,
                progress=progress,
                any_rate=any_rate,
                batch_size=batch_size,
            )
        out.mkdir(parents=True, exist_ok=True)
        table, record = out / f"{recording.name}.csv", out / f"{recording.name}.json"
        prediction.to_csv(table)
        prediction.to_json(record)
        for warning in prediction.warnings:
            typer.echo(f"warning: {recording.name}: {warning}", err=True)
        written.append({"movie": recording.name, "csv": str(table), "json": str(record)})
        if not as_json:
            typer.echo(f"{table}")
    if as_json:
        _print_json(written)


@app.command()
def areas(
    movie: Annotated[Path, typer.Argument(help="Movie: a file or a folder.")],
    registration: Annotated[Path, typer.Option(help="Where the atlas lies on it (JSON).")],
    out: Annotated[Path, typer.Option("--out", help="CSV to write.")],
    baseline: Annotated[
        float | None,
        typer.Option(min=0, max=100, help="Percentile over time that is F0; default: the mean."),
    ] = None,
    frame_rate: FrameRate = None,
    as_json: AsJson = False,
) -> None:
    """Write the mean ΔF/F of each area of an atlas over time.

    Example: `cortex-decoder areas m1.tif --registration m1.json --out areas.csv`
    """
    from napari_cortex_decoder import atlas
    from napari_cortex_decoder.recording import open_recording

    recording = open_recording(movie, frame_rate=frame_rate)
    placed = atlas.load_registration(registration)
    labels = placed.label_image(recording.shape)
    names = [area.label for area in placed.atlas.areas]
    with _progress(recording.name, quiet=as_json) as show:

        def count(done: int, total: int) -> None:
            if show is not None:
                show(SimpleNamespace(stage="areas", done=done, total=total))

        traces = atlas.area_traces(recording.movie, labels, len(names), count)
    has_clock = recording.frame_rate is not None or recording.frame_times is not None
    change = atlas.relative_change(traces, baseline)
    atlas.write_traces(out, change, names, recording.times if has_clock else None)
    unseen = [name for i, name in enumerate(names) if not (labels == i + 1).any()]
    said = [*placed.atlas.warnings, *placed.warnings]
    said += [f"Outside the movie, so without values: {', '.join(unseen)}."] if unseen else []
    for warning in said:
        typer.echo(f"warning: {recording.name}: {warning}", err=True)
    if as_json:
        _print_json({"csv": str(out), "areas": names, "outside": unseen})
    else:
        typer.echo(f"{out}")


@app.command()
def simulate(
    out: Output,
    mice: Annotated[int, typer.Option(min=1, help="Number of mice.")] = 3,
    sessions: Annotated[int, typer.Option(min=1, help="Sessions of each mouse.")] = 1,
    seconds: Annotated[float, typer.Option(min=1, help="Length of a session.")] = 60.0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same cohort.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Write a cohort of simulated mice, laid out as the paper's data are.

    Example: `cortex-decoder simulate --mice 3 --sessions 2 --seconds 60 --out cohort`
    """
    from napari_cortex_decoder.simulation import simulate_cohort

    table = simulate_cohort(out, mice=mice, sessions=sessions, seconds=seconds, seed=seed)
    if as_json:
        _print_json({"cohort": str(table)})
    else:
        typer.echo(f"{table}")


@app.command()
def decoders(as_json: AsJson = False) -> None:
    """List the bundled decoders and what may be said of them.

    Example: `cortex-decoder decoders`
    """
    from napari_cortex_decoder.decoder import list_decoders

    cards = {name: config.model_dump(mode="json") for name, config in list_decoders().items()}
    if as_json:
        _print_json(cards)
        return
    for name, card in cards.items():
        provenance = card["provenance"]
        typer.echo(f"{name}  ({' | '.join(card['behaviors'])}, {card['frame_rate']:g} Hz)")
        typer.echo(f"  {provenance['summary']}")
        if provenance["simulated"]:
            typer.echo("  It learned from simulated mice: fine-tune or train before you trust it.")
        for key, value in provenance["metrics"].items():
            typer.echo(f"  {key}: {value:.3f}")


@app.command()
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
    """Tell whether a window can be opened; only Linux can be without."""
    return (
        not sys.platform.startswith("linux")
        or bool(os.environ.get("DISPLAY"))
        or bool(os.environ.get("WAYLAND_DISPLAY"))
        or os.environ.get("QT_QPA_PLATFORM") == "offscreen"
    )


@contextmanager
def _progress(name: str, *, quiet: bool) -> Iterator[Callable[[Any], None] | None]:
    """Show progress and the time left on a terminal; stay silent in pipes and with --json."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(name)

        def show(event: Any) -> None:
            bar.update(
                task,
                description=f"{name} {event.stage}",
                completed=event.done,
                total=event.total,
            )

        yield show


def _print_json(value: object) -> None:
    """Print one JSON value on standard output."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def main() -> None:
    """Run the command line; a user's error is one sentence and exit code 2."""
    try:
        app()
    except CortexDecoderError as error:
        sys.exit(_refuse(str(error)))
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        sys.exit(_refuse(f"{name}{error.strerror or error}"))


def _refuse(sentence: str) -> int:
    """Say why on standard error; give the exit code of bad input."""
    print(f"cortex-decoder: {sentence}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
