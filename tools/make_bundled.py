"""Make the bundled decoders from simulated mice, each in a run folder of its own.

Many short, varied mice teach an encoder more than a few long ones. So: a cohort of one-minute mice,
every sixth frame, varied in pose and gain; then the recurrent head on features of *other* mice,
because an encoder is surer of the mice it has seen than of the next one. Images are 64 × 64 px,
half of the paper's edge: a frame costs a quarter, and on a processor that is the difference between
a decoder that has learned and one that has not. The causal decoder takes the same encoder, whose
images are shifted by a frame, and learns a head for running statistics.

    python tools/make_bundled.py --work runs/bundled
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from napari_cortex_decoder.compute import HERE, Compute
from napari_cortex_decoder.decoder import (
    CnnRnnConfig,
    Decoder,
    Preprocessing,
    Provenance,
    RoiRnnConfig,
    Window,
)
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.training.config import (
    Augmentation,
    SplitRule,
    Stage,
    TrainingConfig,
)
from napari_cortex_decoder.training.run import train
from napari_cortex_decoder.training.sessions import Session
from napari_cortex_decoder.training.simulated_mice import FIRST_TEST_SUBJECT, simulated_session

logger = logging.getLogger(__name__)

FIRST_SUBJECT = 1001

NAMES = ("run-rest", "run-rest-causal", "run-rest-areas")

LIMITS = (
    "Learned from simulated mice only: train or fine-tune it before you trust it on a real one.",
    "Knows rest and run on a wheel, dorsal cortex from above, at 30 frames a second.",
)


class Recipe(BaseModel):
    """Sizes of the runs; subjects are numbered 1001, 1002, … in the order of their use."""

    model_config = ConfigDict(frozen=True)

    seed: int = 1
    seconds: float = 60.0
    encoder_mice: int = 80
    head_mice: int = 16
    validation_mice: int = 4
    test_mice: int = 6
    frame_size: int = 128
    image_size: int = 64
    encoder_epochs: int = 4
    head_epochs: int = 4
    copies: int = 2
    area_epochs: int = 20
    batch_size: int = 64


def make(
    work: Path,
    recipe: Recipe,
    *,
    names: Sequence[str] = NAMES,
    encoder_from: str = "",
    compute: Compute = HERE,
) -> dict[str, Decoder]:
    """Make bundled decoders; what is finished in `work` is not done again.

    Parameters
    ----------
    work
        Folder for the run folders, ``work/<name>``, and what recordings are read into, about 30 MB
        a mouse: ``work/cache``. Take another one after the simulation has changed.
    recipe
        Sizes.
    names
        Which, of `NAMES`.
    encoder_from
        Decoder whose CNN is taken as it is; empty: ``run-rest`` trains one, and
        ``run-rest-causal`` takes that.
    compute
        Where to train.

    Returns
    -------
    dict
        The decoders by name, as in ``work/<name>/decoder.safetensors``.

    Raises
    ------
    TrainingError
        If the recipe asks for so many mice that it would learn from test mice.
    """
    decoders = {}
    for name in names:
        encoder = encoder_from
        if name == "run-rest-causal" and not encoder:
            encoder = str(work / "run-rest" / "decoder.safetensors")
        config, sessions = plan(name, recipe, encoder_from=encoder)
        logger.info("%s: %d simulated mice", name, len(sessions))
        decoders[name] = train(config, sessions, work / name, compute=compute, cache=work / "cache")
        logger.info("%s: %s", name, decoders[name].provenance.metrics)
    return decoders


def plan(
    name: str, recipe: Recipe, *, encoder_from: str = ""
) -> tuple[TrainingConfig, tuple[Session, ...]]:
    """Return the run that makes one bundled decoder, and the mice that it needs."""
    encoder, head, validation, test = _mice(recipe)
    areas = name == "run-rest-areas"
    learning = (*encoder, *head) if areas else head if encoder_from else (*encoder, *head)
    head_stage = Stage(
        kind="features",
        epochs=recipe.head_epochs,
        batch_size=recipe.batch_size,
        copies=recipe.copies,
    )
    stages: tuple[Stage, ...] = (
        Stage(
            kind="frames",
            epochs=recipe.encoder_epochs,
            batch_size=recipe.batch_size,
            stride=6,
            learning_rate=3e-3,
        ),
        head_stage,
    )
    if areas:
        stages = (
            Stage(
                kind="windows",
                epochs=recipe.area_epochs,
                batch_size=4 * recipe.batch_size,
                stride=3,
                learning_rate=3e-3,
                patience=5,
            ),
        )
    elif encoder_from:
        stages = (head_stage,)
    config = TrainingConfig(
        decoder=_decoder(name, recipe, len(learning), bool(encoder_from)),
        seed=recipe.seed,
        split=SplitRule(validation=validation, test=test, head=head if len(stages) > 1 else ()),
        stages=stages,
        augmentation=Augmentation(),
        encoder_from="" if areas else encoder_from,
        half_precision=True,
    )
    return config, tuple(_session(subject, recipe) for subject in (*learning, *validation, *test))


def _mice(recipe: Recipe) -> tuple[tuple[str, ...], ...]:
    """Number the mice: for the encoder, the head, validation, testing."""
    groups, first = [], FIRST_SUBJECT
    for count in (recipe.encoder_mice, recipe.head_mice, recipe.validation_mice):
        groups.append(tuple(str(subject) for subject in range(first, first + count)))
        first += count
    if first > FIRST_TEST_SUBJECT:
        raise TrainingError(
            f"the recipe asks for mice up to subject {first - 1}, but those from "
            f"{FIRST_TEST_SUBJECT} on are kept for testing; ask for fewer."
        )
    tested = range(FIRST_TEST_SUBJECT, FIRST_TEST_SUBJECT + recipe.test_mice)
    return (*groups, tuple(str(subject) for subject in tested))


def _decoder(
    name: str, recipe: Recipe, mice: int, encoder_given: bool
) -> CnnRnnConfig | RoiRnnConfig:
    """Describe a bundled decoder and what may be said of it before it is trained."""
    size = (recipe.image_size, recipe.image_size)
    start = "encoder of an earlier decoder" if encoder_given else "encoder from random weights"
    card = Provenance(
        simulated=True,
        trained_on=(
            f"{mice} simulated mice, {recipe.seconds:g} s each at 30 Hz, {recipe.validation_mice} "
            f"others to stop by; scored on {recipe.test_mice} simulated mice that no training saw"
        ),
        limits=LIMITS,
    )
    if name == "run-rest-areas":
        summary = "Rest or run, from a GRU on the areas of the dorsal-cortex atlas (± 15 frames)."
        return RoiRnnConfig(
            provenance=card.model_copy(update={"summary": f"{summary} Needs a registration."}),
        )
    described = card.model_copy(update={"trained_on": f"{card.trained_on}; {start}"})
    if name == "run-rest-causal":
        summary = "Rest or run as it happens: no frame after the one that is decoded is used."
        return CnnRnnConfig(
            window=Window(past=10, future=0),
            preprocessing=Preprocessing(
                image_size=size,
                channel_offsets=(-2, -1, 0),
                scale="centered-sd",
                statistics="running",
            ),
            provenance=described.model_copy(update={"summary": summary}),
        )
    summary = "Rest or run, from the paper's CNN-RNN (± 5 images)."
    return CnnRnnConfig(
        preprocessing=Preprocessing(image_size=size, scale="centered-sd"),
        provenance=described.model_copy(update={"summary": summary}),
    )


def _session(subject: str, recipe: Recipe) -> Session:
    return simulated_session(
        int(subject), seed=recipe.seed, seconds=recipe.seconds, frame_size=recipe.frame_size
    )


def main() -> None:
    """Read the command line and run the recipe."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="folder for the runs")
    parser.add_argument(
        "--only", action="append", choices=NAMES, help="make this one (may be repeated)"
    )
    parser.add_argument(
        "--encoder-from", default="", metavar="FILE", help="decoder whose CNN is taken as it is"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    for name, field in Recipe.model_fields.items():
        option = "--" + name.replace("_", "-")
        parser.add_argument(option, type=type(field.default), default=field.default)
    arguments = vars(parser.parse_args())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    make(
        arguments.pop("work"),
        names=arguments.pop("only") or NAMES,
        encoder_from=arguments.pop("encoder_from"),
        compute=Compute(device=arguments.pop("device")),
        recipe=Recipe(**arguments),
    )


if __name__ == "__main__":
    main()
