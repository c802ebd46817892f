"""The verb that explains a decoder: which cortex it reads, and whether that may be believed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_cortex_decoder.choices import (
    DECODER,
    FILLS,
    GROUPINGS,
    MAP_METHODS,
    SCORES,
    check_choice,
)
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
from napari_cortex_decoder.cli.reading import (
    AS_SAID,
    DecoderName,
    Movie,
    Placed,
    Reading,
    labels_of,
    opening,
    place_atlas,
)
from napari_cortex_decoder.compute import HERE, Compute
from napari_cortex_decoder.errors import CortexDecoderError, DecoderError, LabelError
from napari_cortex_decoder.files import make_folder

if TYPE_CHECKING:
    from napari_cortex_decoder.saliency import Answer


@opening
@computing("device", "batch_size", "threads")
def explain(
    movie: Movie,
    out: Output,
    registration: Placed = None,
    behavior: Annotated[str, typer.Option(help="Which of the decoder's behaviors.")] = "run",
    decoder: DecoderName = DECODER,
    labels: Annotated[
        Path | None, typer.Option(help="Labels; default: those kept beside the movie, else none.")
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
        int | None,
        typer.Option(
            min=0,
            help="Random places, of the areas' sizes, to compare with (default: 12; where area "
            "traces are read, 30).",
        ),
    ] = None,
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
        bool, typer.Option("--any-rate", help="Go on although the frame rate is not the decoder's.")
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
    from napari_cortex_decoder.saliency import Question, answering
    from napari_cortex_decoder.saliency.masking.frames import SAMPLED
    from napari_cortex_decoder.saliency.output.files import SUFFIXES, described, write_answer
    from napari_cortex_decoder.saliency.output.kinds import check_results

    mapped = _range(map_frames)
    if (map_frames or check) and maps is None:
        raise CortexDecoderError("--map-frames and --check are for maps; say which with --map.")
    if maps is not None:
        check_choice("method", maps, MAP_METHODS, DecoderError)
    check_folder(out)
    recording = reading.open(movie)
    placed, loaded = place_atlas(recording, registration), load_decoder(decoder)
    ethogram = labels_of(recording, labels)
    asked = Question(
        decoder=decoder, recording=recording, registration=placed, ethogram=ethogram,
        behavior=behavior, method=targets, score=score,  # type: ignore[arg-type]
        span="bouts" if ethogram is not None and frames != 0 else "session",
        frames=None if frames == 0 else frames or SAMPLED, fills=tuple(fill or ("mean",)),  # type: ignore[arg-type]
        patches=patches, seed=seed, compute=compute, any_rate=any_rate,
    )  # fmt: skip
    questions = [asked]
    if isinstance(loaded, TraceDecoder):
        if cutout or maps is not None:
            raise DecoderError(
                f"decoder {loaded.name!r} reads area traces: --cutout and --map are for decoders "
                "of images."
            )
        if not loaded.config.mixes_areas:
            lags = replace(asked, method="lags-integrated-gradients", span="session", frames=None)
            questions.append(lags)
    if cutout:
        questions.append(replace(asked, method="cutouts"))
    if maps is not None and mapped is not None:
        start, stop = mapped
        questions.append(replace(asked, method=maps, span="range", start=start, stop=stop))  # type: ignore[arg-type]
    elif maps is not None and ethogram is None:
        raise LabelError(
            "onsets need labels: give --labels, or say which frames to map with --map-frames."
        )
    elif maps is not None:
        questions.append(replace(asked, method=maps, span="onsets"))  # type: ignore[arg-type]
    # the files of each part, before anything takes minutes
    left_out = {".pdf"} if nwb else {".pdf", ".nwb"}
    places = {
        one.kind: [
            out / f"{recording.name}_{one.kind}{suffix}"
            for suffix in SUFFIXES[one.kind] if suffix not in left_out
        ]
        for one in questions
    }  # fmt: skip
    if out.exists():
        check_results((path for paths in places.values() for path in paths), overwrite=overwrite)
    for one in questions:
        answering.check_question(one, loaded)
    with progress_bar(recording.name, quiet=as_json) as progress:
        answers = []
        for one in questions:
            given = answering.answer(one, loaded, progress)
            if check and (given.maps or given.onsets) is not None:
                given = answering.check_answer(given, loaded, progress)
            answers.append(given)
        make_folder(out, DecoderError)
        for given in answers:
            for path in places[given.question.kind]:
                write_answer(given, path, overwrite=overwrite, progress=progress)
    warn(recording.name, dict.fromkeys(text for given in answers for text in given.warnings))
    if as_json:
        print_json([described(given) for given in answers])
        return
    for given in answers:
        typer.echo(_said(given))
    for path in (path for paths in places.values() for path in paths):
        if path.suffix not in (".png", ".svg", ".json"):
            typer.echo(f"{path}")


def _said(given: Answer) -> str:
    """Say what came out, as a table or in a sentence."""
    if given.areas is not None:
        columns = [
            "acronym", "side", "importance", "low", "high", "control", "p", "alone", "others",
        ]  # fmt: skip
        table = given.areas.ranked()[columns].head(10)
        return f"{table.to_string(index=False, float_format='%.3f')}\n{given.verdict}"
    if given.lags is not None:
        return str(given.lags.table.head(10).to_string(index=False, float_format="%.3f"))
    checked = given.cutouts is not None or given.check is not None
    verdict = given.verdict if checked else "an illustration, not checked (--check)"
    return f"{given.question.kind}: {verdict}"


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
