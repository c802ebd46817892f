"""The verb that explains a decoder: which cortex it reads, and whether that may be believed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_cortex_decoder.cli.common import (
    AsJson,
    FrameRate,
    Output,
    PixelSize,
    print_json,
    progress_bar,
)

if TYPE_CHECKING:
    from napari_cortex_decoder.labels import Ethogram
    from napari_cortex_decoder.recording import Recording


def explain(
    movie: Annotated[Path, typer.Argument(help="Movie: a file or a folder.")],
    registration: Annotated[Path, typer.Option(help="Where the atlas lies on it (JSON).")],
    out: Output,
    behavior: Annotated[str, typer.Option(help="Which of the decoder's behaviors.")] = "run",
    decoder: Annotated[
        str, typer.Option(help="Name of a bundled decoder, or a .safetensors file.")
    ] = "run-rest",
    labels: Annotated[
        Path | None,
        typer.Option(help="Labels; default: those kept beside the movie, else none."),
    ] = None,
    targets: Annotated[
        str,
        typer.Option(help="What is taken away at once: areas, pairs (both sides), hemispheres."),
    ] = "areas",
    fill: Annotated[
        list[str] | None,
        typer.Option(
            help="What stands there instead: mean (default), blurred or shuffled; several are "
            "compared."
        ),
    ] = None,
    frames: Annotated[
        int,
        typer.Option(
            min=0,
            help="Score about so many frames, of as many bouts as possible; 0: all of them.",
        ),
    ] = 1800,
    patches: Annotated[
        int,
        typer.Option(
            min=0, help="Random patches to compare with each area whose interval is above 0."
        ),
    ] = 20,
    cutout: Annotated[
        bool, typer.Option("--cutout", help="Cut squares out all over the image, too.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of bootstrap, patches and shuffle.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Frames encoded at once; default: chosen by device.")
    ] = None,
    frame_rate: FrameRate = None,
    pixel_size: PixelSize = None,
    any_rate: Annotated[
        bool,
        typer.Option("--any-rate", help="Go on although the frame rate is not the decoder's."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tell which areas a decoder reads a behavior from, with intervals, controls and a verdict.

    Writes `<movie>_areas.csv`, `.json`, `.png` and `.svg`, and with `--cutout` the same of
    `<movie>_cutouts`. With labels, importance is the AUC lost without an area; without, the
    log-odds.

    Example: `cortex-decoder explain m1.tif --registration m1.json --behavior run --out explained`
    """
    from napari_cortex_decoder.atlas import load_registration
    from napari_cortex_decoder.decoder import load_decoder
    from napari_cortex_decoder.recording import open_recording
    from napari_cortex_decoder.saliency import (
        area_importance,
        cutout_importance,
        sample_frames,
        spread_frames,
    )
    from napari_cortex_decoder.saliency.export import describe, write_csv, write_json
    from napari_cortex_decoder.saliency.figure import draw_areas, draw_cutouts, save_figure

    recording = open_recording(movie, frame_rate=frame_rate, pixel_size=pixel_size)
    placed = load_registration(registration)
    reader = load_decoder(decoder)
    ethogram = _labels(recording, labels)
    scored = None
    if frames and ethogram is not None:
        scored = sample_frames(ethogram, frames, seed=seed)
    elif frames:
        scored = spread_frames(recording.n_frames, frames)
    common = {
        "frames": scored,
        "seed": seed,
        "device": device,
        "batch_size": batch_size,
        "any_rate": any_rate,
    }
    with progress_bar(recording.name, quiet=as_json) as progress:
        areas = area_importance(
            reader,
            recording,
            placed,
            ethogram,
            behavior,
            targets=targets,  # type: ignore[arg-type]
            fills=tuple(fill or ("mean",)),  # type: ignore[arg-type]
            patches=patches,
            progress=progress,
            **common,  # type: ignore[arg-type]
        )
        grid = None
        if cutout:
            grid = cutout_importance(
                reader,
                recording,
                ethogram,
                behavior,
                progress=progress,
                **common,  # type: ignore[arg-type]
            )
    out.mkdir(parents=True, exist_ok=True)
    written = []
    drawn = [(areas, f"{recording.name}_areas", draw_areas(areas, placed, recording.shape))]
    if grid is not None:
        shown = recording.movie[recording.n_frames // 2].compute()
        drawn.append((grid, f"{recording.name}_cutouts", draw_cutouts(grid, shown)))  # type: ignore[arg-type]
    for result, stem, figure in drawn:
        write_csv(result, out / f"{stem}.csv")
        write_json(result, out / f"{stem}.json")
        for suffix in ("png", "svg"):
            save_figure(figure, out / f"{stem}.{suffix}")
        written.append(out / f"{stem}.csv")
    for warning in areas.warnings:
        typer.echo(f"warning: {recording.name}: {warning}", err=True)
    if as_json:
        print_json([describe(result) for result, *_ in drawn])
        return
    typer.echo(areas.ranked().head(10).to_string(index=False, float_format="%.3f"))
    typer.echo(str(areas.verdict))
    if grid is not None:
        typer.echo(f"cutouts: {grid.verdict}")
    for table in written:
        typer.echo(f"{table}")


def _labels(recording: Recording, path: Path | None) -> Ethogram | None:
    """Read the labels asked for, or those kept beside the movie."""
    from napari_cortex_decoder.labels import journal_ethogram, read_labels
    from napari_cortex_decoder.recording.sidecar import sidecar_folder

    if path is not None:
        return read_labels(path, recording)
    if recording.path is None:
        return None
    return journal_ethogram(sidecar_folder(recording.path))
