"""Verbs about decoders: decode movies, list what is bundled."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_cortex_decoder.choices import DECODER
from napari_cortex_decoder.cli.common import (
    AsJson,
    Output,
    Overwrite,
    check_folder,
    computing,
    print_json,
    progress_bar,
    warn,
)
from napari_cortex_decoder.cli.reading import (
    AS_SAID,
    DecoderName,
    Movies,
    Placings,
    Reading,
    opening,
    placings,
)
from napari_cortex_decoder.compute import HERE, Compute
from napari_cortex_decoder.errors import DecoderError, RecordingError
from napari_cortex_decoder.files import check_place, make_folder


@opening
@computing("device", "batch_size", "half", "threads")
def decode(
    movies: Movies,
    out: Output,
    decoder: DecoderName = DECODER,
    registration: Placings = None,
    compute: Compute = HERE,
    reading: Reading = AS_SAID,
    any_rate: Annotated[
        bool,
        typer.Option(
            "--any-rate",
            help="Decode although the frame rate is not the decoder's; the result says so.",
        ),
    ] = False,
    resample: Annotated[
        bool,
        typer.Option(
            "--resample",
            help="Bring a movie of another frame rate to the decoder's first; the times in the "
            "result are those of the resampled frames.",
        ),
    ] = False,
    fill_gaps: Annotated[
        bool,
        typer.Option(
            "--fill-gaps",
            help="Give pixels that are NaN or infinite their mean over time; the result says so.",
        ),
    ] = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Read behaviour from movies: `<stem>.csv` and `<stem>.json` for each.

    Example: `cortex-decoder decode m1.tif --frame-rate 30 --out decoded`

    Example: `cortex-decoder decode m1.tif --frame-rate 50 --resample --out decoded`

    Example: `cortex-decoder decode m1.tif --decoder areas.safetensors --registration m1.json
    --out decoded`
    """
    from napari_cortex_decoder.decoder import load_decoder
    from napari_cortex_decoder.decoder.prediction import RECORD, TABLE
    from napari_cortex_decoder.decoder.suitability import reads_rate
    from napari_cortex_decoder.recording import preprocess
    from napari_cortex_decoder.recording.preprocessing import FillGaps, Resample, Step

    recordings = [reading.open(movie) for movie in movies]
    names = [recording.name for recording in recordings]
    for name in names:
        if names.count(name) > 1:
            raise RecordingError(
                f"{name}: two of the movies have this name and would overwrite each other's "
                "result; decode them into different folders."
            )
    placed = placings(registration, len(movies))
    check_folder(out)
    if out.exists():
        for name in names:
            check_place(out / f"{name}.csv", DecoderError, kind=TABLE, overwrite=overwrite)
            check_place(out / f"{name}.json", DecoderError, kind=RECORD, overwrite=overwrite)
    reader = load_decoder(decoder)
    written = []
    for recording, lies in zip(recordings, placed, strict=True):
        steps: list[Step] = [FillGaps()] if fill_gaps else []
        if resample and not reads_rate(recording.known_frame_rate(), reader.config):
            steps.append(Resample(frame_rate=reader.frame_rate))
        recording = preprocess(recording, steps)
        with progress_bar(recording.name, quiet=as_json) as progress:
            prediction = reader.decode(
                recording, compute=compute, progress=progress, any_rate=any_rate, registration=lies
            )
        make_folder(out, DecoderError)
        table, record = out / f"{recording.name}.csv", out / f"{recording.name}.json"
        prediction.to_csv(table, overwrite=overwrite)
        prediction.to_json(record, overwrite=overwrite)
        warn(recording.name, prediction.warnings)
        written.append({"movie": recording.name, "csv": str(table), "json": str(record)})
        if not as_json:
            typer.echo(f"{table}")
    if as_json:
        print_json(written)
