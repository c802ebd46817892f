"""The verb that explains a decoder: which cortex it reads, and whether that may be believed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_cortex_decoder.choices import FILLS, GROUPINGS, MAP_METHODS, SCORES
from napari_cortex_decoder.cli.common import (
    AsJson,
    Output,
    Overwrite,
    check_folder,
    computing,
    one_of,
    print_json,
    progress_bar,
    warn,
)
from napari_cortex_decoder.cli.explained import Job
from napari_cortex_decoder.cli.reading import AS_SAID, Placed, Reading, opening, place_atlas
from napari_cortex_decoder.compute import HERE, Compute
from napari_cortex_decoder.errors import CortexDecoderError, DecoderError
from napari_cortex_decoder.files import make_folder

if TYPE_CHECKING:
    from napari_cortex_decoder.labels import Ethogram
    from napari_cortex_decoder.recording import Recording


@opening
@computing("device", "batch_size", "threads")
def explain(
    movie: Annotated[Path, typer.Argument(help="Movie: a file or a folder.")],
    out: Output,
    registration: Placed = None,
    behavior: Annotated[str, typer.Option(help="Which of the decoder's behaviors.")] = "run",
    decoder: Annotated[
        str, typer.Option(help="Name of a bundled decoder, or a .safetensors file.")
    ] = "run-rest",
    labels: Annotated[
        Path | None,
        typer.Option(help="Labels; default: those kept beside the movie, else none."),
    ] = None,
    targets: Annotated[str, one_of(GROUPINGS, "What is taken away at once.")] = "areas",
    score: Annotated[str, one_of(SCORES, "What areas are counted in, with labels.")] = "auc",
    fill: Annotated[
        list[str] | None,
        one_of(FILLS, "What stands there instead (default: mean); several are compared."),
    ] = None,
    frames: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Score about so many frames, of as many bouts as possible; 0: all of them. "
            "Default: as many as the plugin.",
        ),
    ] = None,
    patches: Annotated[
        int, typer.Option(min=0, help="Random places, of the areas' sizes, to compare with.")
    ] = 30,
    cutout: Annotated[
        bool, typer.Option("--cutout", help="Cut squares out all over the image, too.")
    ] = False,
    maps: Annotated[
        str | None,
        one_of(
            MAP_METHODS,
            "Maps, too, averaged around the onsets of the behavior, or of --map-frames.",
            "--map",
        ),
    ] = None,
    map_frames: Annotated[
        str | None,
        typer.Option(help="Frames to map, as first:stop, such as 300:360; makes a video, too."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Hold the maps against their controls; minutes.")
    ] = False,
    nwb: Annotated[bool, typer.Option("--nwb", help="Write all results as NWB, too.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of bootstrap, patches and shuffle.")] = 0,
    compute: Compute = HERE,
    reading: Reading = AS_SAID,
    any_rate: Annotated[
        bool,
        typer.Option("--any-rate", help="Go on although the frame rate is not the decoder's."),
    ] = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Return which areas a decoder reads a behavior from, with intervals, controls and a verdict.

    Writes `<movie>_areas.csv`, `.json`, `.png` and `.svg`, and with `--cutout` the same of
    `<movie>_cutouts`. With labels, importance is the AUC lost without an area, or with
    `--score log-odds` the log-odds; without labels, these. `--map` writes `<movie>_onsets.tif`,
    or `<movie>_maps.tif` and `.mp4`, with a figure. Of a decoder of area traces it writes
    `<movie>_lags.csv` and a figure, too: what each area gives, and when.

    Example: `cortex-decoder explain m1.tif --registration m1.json --behavior run --out explained`
    """
    from napari_cortex_decoder.decoder import TraceDecoder, load_decoder
    from napari_cortex_decoder.saliency.output.kinds import check_results

    mapped = _range(map_frames)
    if (map_frames or check) and maps is None:
        raise CortexDecoderError("--map-frames and --check are for maps; say which with --map.")
    check_folder(out)
    recording = reading.open(movie)
    job = Job(
        recording,
        place_atlas(recording, registration),
        load_decoder(decoder),
        _labels(recording, labels),
        behavior,
        {"compute": compute, "any_rate": any_rate},
        seed,
    )
    # the figures and tables of each part, before anything takes minutes
    reads_traces = isinstance(job.decoder, TraceDecoder)
    kinds = {"areas": (".csv", ".json", ".png", ".svg", *([".nwb"] if nwb else []))}
    if reads_traces:
        kinds["lags"] = (".csv", ".png", ".svg")
    if cutout:
        kinds["cutouts"] = kinds["areas"]
    if maps is not None:
        suffixes = (".tif", ".png", ".svg", *([".nwb"] if nwb else []))
        kinds["onsets" if mapped is None else "maps"] = suffixes + (".mp4",) * (mapped is not None)
    if out.exists():
        places = (out / f"{recording.name}_{k}{s}" for k, ends in kinds.items() for s in ends)
        check_results(places, overwrite=overwrite)
    taken = {"targets": targets, "score": score, "fills": tuple(fill or ("mean",))}
    with progress_bar(recording.name, quiet=as_json) as progress:
        if reads_traces:
            if cutout or maps is not None:
                raise DecoderError(
                    f"decoder {job.decoder.name!r} reads area traces: --cutout and --map are for "
                    "decoders of images."
                )
            found = [
                job.areas(job.scored(frames), taken, patches, progress),
                job.lags(progress),
            ]
        else:
            if maps is not None:
                job.check_maps_wanted(maps, mapped)  # before anything takes minutes
            scored = job.scored(frames)
            found = [job.areas(scored, taken, patches, progress)]
            if cutout:
                found.append(job.cutouts(scored, progress))
            if maps is not None:
                found.append(job.maps(maps, mapped, check, progress))
        make_folder(out, DecoderError)
        written = [path for one in found for path in one.write(out, job, nwb, overwrite, progress)]
    warn(recording.name, dict.fromkeys(text for one in found for text in one.result.warnings))
    if as_json:
        print_json([one.described for one in found])
        return
    for one in found:
        typer.echo(one.said)
    for path in written:
        typer.echo(f"{path}")


def _range(text: str | None) -> tuple[int, int] | None:
    """Read frames written as first:stop."""
    if text is None:
        return None
    first, _, stop = text.partition(":")
    if not (first.isdecimal() and stop.isdecimal() and int(first) < int(stop)):
        raise CortexDecoderError(
            f"--map-frames is {text!r}; write the first frame and the one after the last, such as "
            "300:360."
        )
    return int(first), int(stop)


def _labels(recording: Recording, path: Path | None) -> Ethogram | None:
    """Read the labels asked for, or those kept beside the movie."""
    from napari_cortex_decoder.labels import read_labels
    from napari_cortex_decoder.sessions import kept_labels

    if path is not None:
        return read_labels(path, recording)
    return None if recording.path is None else kept_labels(recording.path)
