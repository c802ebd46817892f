"""Train and test the paper's image decoders, or test the bundled one, on movies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from napari_cortex_decoder.cohort import read_cohort
from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.decoder import (
    CnnConfig,
    CnnRnnConfig,
    Decoder,
    ImageDecoder,
    Window,
    load_decoder,
)
from napari_cortex_decoder.decoder.image_decoder import reads_images
from napari_cortex_decoder.decoder.networks import Cnn
from napari_cortex_decoder.evaluation.protocol import Pair, Row
from napari_cortex_decoder.evaluation.scores import ModelScore, score_model
from napari_cortex_decoder.simulation.cohort import TABLE
from napari_cortex_decoder.training import (
    LabeledRecording,
    Session,
    SplitRule,
    Stage,
    TrainingConfig,
    cohort_sessions,
    train,
)
from napari_cortex_decoder.training.scoring import decode_mice

BUNDLED = "run-rest"
FRAME_RATE = 30.0


def movie_sessions(data: Path) -> tuple[Session, ...]:
    """Return the sessions of the paper's table; their TIFFs may not say that they have 30 Hz."""

    def at_30_hz(load: Callable[[], LabeledRecording]) -> Callable[[], LabeledRecording]:
        def loaded() -> LabeledRecording:
            given = load()
            if given.recording.frame_rate is not None:
                return given
            return given._replace(recording=replace(given.recording, frame_rate=FRAME_RATE))

        return loaded

    sessions = cohort_sessions(data / TABLE, run_speed=0.5)
    return tuple(replace(session, load=at_30_hz(session.load)) for session in sessions)


def movie_mice(data: Path) -> tuple[str, ...]:
    """Name the mice of the paper's table, as it does."""
    return tuple(dict.fromkeys(entry.subject for entry in read_cohort(data / TABLE)))


def score_on_movies(
    row: Row, data: Path, out: Path, pair: Pair, *, seed: int, compute: Compute
) -> ModelScore:
    """Score a CNN or CNN-RNN on one mouse: the bundled one, or one trained in a folder in `out`.

    Settings of a training are the paper's, but that the encoder starts from random weights where it
    started from ImageNet's.
    """
    sessions = movie_sessions(data)
    if row.kind == "bundled":
        decoder = load_decoder(BUNDLED)
        decoder = decoder if row.recurrent else single_image_decoder(decoder)
    else:
        config = _config(row, pair, seed)
        name = f"{row.recurrent or 'single'}-{pair.validation}-{pair.test}"
        decoder = train(config, sessions, out / name, compute=compute, cache=out / "frames")
    own = [session for session in sessions if session.subject == pair.test]
    (mouse,) = decode_mice(decoder, own, compute=compute)
    return score_model(mouse.probability[:, 1], mouse.labels, pair)


def _config(row: Row, pair: Pair, seed: int) -> TrainingConfig:
    frames = Stage(kind="frames", epochs=3, batch_size=512, learning_rate=1e-3, weight_decay=0.0)
    windows = Stage(kind="windows", epochs=3, batch_size=32, learning_rate=1e-3, weight_decay=0.0)
    window = Window(past=row.half_window, future=row.half_window)
    network = CnnRnnConfig(recurrent=row.recurrent, window=window) if row.recurrent else CnnConfig()
    return TrainingConfig(
        decoder=network,
        stages=(frames, windows) if row.recurrent else (frames,),
        split=SplitRule(validation=(pair.validation,), test=(pair.test,)),
        seed=seed,
        statistics_seconds=0,
        calibrate=False,
    )


def single_image_decoder(decoder: Decoder) -> Decoder:
    """Return a CNN-RNN's encoder with its own classifier, as it was after the first stage."""
    giver = reads_images(decoder)
    config = CnnConfig(preprocessing=giver.config.preprocessing)
    network = Cnn(config)
    network.cnn.load_state_dict(giver.network.cnn.state_dict())
    return ImageDecoder(config, network, name=f"{decoder.name}-cnn")
