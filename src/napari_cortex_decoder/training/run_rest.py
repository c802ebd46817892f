"""Make the bundled decoder `run-rest` from simulated mice.

Many short, varied mice teach an encoder more than a few long ones. So: a cohort of one-minute mice,
every sixth frame, varied in pose and gain; then the recurrent head on features of *other* mice,
because an encoder is surer of the mice it has seen than of the next one. Images are 64 × 64 px,
half of the paper's edge: a frame costs a quarter, and on a processor that is the difference between
a decoder that has learned and one that has not.

    python -m napari_cortex_decoder.training.run_rest --work runs/rr --out run-rest.safetensors
"""

from __future__ import annotations

import argparse
import datetime
import logging
import platform
import warnings
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import lightning
import numpy as np
import torch
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from torch.utils.data import DataLoader, Dataset

from napari_cortex_decoder import __version__
from napari_cortex_decoder.decoder import CnnRnnConfig, Decoder, Preprocessing, Provenance
from napari_cortex_decoder.decoder.networks import CnnRnn, Encoder
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.simulation import SimulatedRecording, simulate_recording
from napari_cortex_decoder.training.augmentation import Augmentation
from napari_cortex_decoder.training.frames import (
    CachedRecording,
    ImageDataset,
    WindowDataset,
    cache_recording,
)
from napari_cortex_decoder.training.stages import FrameStage, WindowStage

logger = logging.getLogger(__name__)

FIRST_TEST_SUBJECT = 9001
"""Subjects from here on are for testing: no training may see them."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Sizes and settings of the run; subjects are numbered 1001, 1002, … in the order used."""

    seed: int = 1
    seconds: float = 60.0
    encoder_mice: int = 80
    head_mice: int = 24
    validation_mice: int = 4
    test_mice: int = 6
    stride: int = 6
    image_size: int = 64
    encoder_epochs: int = 4
    encoder_learning_rate: float = 3e-3
    head_seconds: float = 20.0
    head_epochs: int = 4
    head_learning_rate: float = 1e-3
    batch_size: int = 64


def make(work: Path, out: Path, recipe: Recipe) -> None:
    """Run the recipe; each finished step is kept in `work` and not done again.

    Parameters
    ----------
    work
        Folder for cached frames and the steps' results (about 15 MB a mouse).
    out
        Decoder file to write.
    recipe
        Sizes and settings.
    """
    size = recipe.image_size
    config = CnnRnnConfig(preprocessing=Preprocessing(image_size=(size, size), scale="centered-sd"))
    first = 1001
    encoder_mice = range(first, first + recipe.encoder_mice)
    head_mice = range(encoder_mice.stop, encoder_mice.stop + recipe.head_mice)
    validation_mice = range(head_mice.stop, head_mice.stop + recipe.validation_mice)
    if validation_mice.stop > FIRST_TEST_SUBJECT:
        raise TrainingError(
            f"the recipe asks for mice up to subject {validation_mice.stop - 1}, but those from "
            f"{FIRST_TEST_SUBJECT} on are kept for testing; ask for fewer."
        )
    lightning.seed_everything(recipe.seed, workers=True)
    network = CnnRnn(config)
    _prepare_from_scratch(network.cnn)
    validation = _cohort(validation_mice, config, work, recipe)

    encoder_file = work / "encoder.pt"
    if encoder_file.exists():
        network.cnn.load_state_dict(torch.load(encoder_file, weights_only=True))
    else:
        cohort = _cohort(encoder_mice, config, work, recipe)
        _fit_encoder(network.cnn, cohort, validation, config, work, recipe)
        torch.save(network.cnn.state_dict(), encoder_file)

    _fit_head(network, head_mice, validation_mice, config, work, recipe)

    decoder = Decoder(config, network, name="run-rest")
    metrics = score(decoder, recipe)
    provenance = Provenance(
        simulated=True,
        summary="Rest or run, from the paper's CNN-RNN (± 5 images), trained on simulated mice.",
        trained_on=(
            f"{recipe.encoder_mice} simulated mice for the CNN and {recipe.head_mice} others for "
            f"the RNN, {recipe.seconds:g} s each at {config.frame_rate:g} Hz; encoder from random "
            f"weights; scored on {recipe.test_mice} simulated mice that no training saw"
        ),
        software=(
            f"napari-cortex-decoder {__version__}, torch {torch.__version__}, "
            f"Python {platform.python_version()}"
        ),
        created=datetime.datetime.now(datetime.UTC).date().isoformat(),
        settings=asdict(recipe),
        metrics=metrics,
    )
    described = config.model_copy(update={"provenance": provenance})
    Decoder(described, network, name="run-rest").save(out, half_precision=True)
    logger.info("wrote %s: %s", out, metrics)


def score(decoder: Decoder, recipe: Recipe) -> dict[str, float]:
    """Decode mice that no training saw, with another session each.

    Returns
    -------
    dict
        AUC per mouse (mean, worst), AUC against labels shifted by half the session (the null),
        balanced accuracy at 0.5.
    """
    aucs, nulls, accuracies = [], [], []
    for mouse in test_mice(recipe):
        prediction = decoder.decode(mouse)
        known = np.isfinite(prediction.probability[:, 1])
        labels = mouse.truth.ethogram.frames()[known]
        p_run = prediction.probability[known, 1]
        aucs.append(roc_auc_score(labels, p_run))
        nulls.append(roc_auc_score(np.roll(labels, labels.size // 2), p_run))
        accuracies.append(balanced_accuracy_score(labels, p_run > 0.5))
        logger.info("%s: AUC %.3f, shifted %.3f", mouse.subject, aucs[-1], nulls[-1])
    return {
        "AUC, mean over unseen simulated mice": float(np.mean(aucs)),
        "AUC, worst unseen simulated mouse": float(np.min(aucs)),
        "AUC, labels shifted by half the session": float(np.mean(nulls)),
        "balanced accuracy at 0.5": float(np.mean(accuracies)),
    }


def test_mice(recipe: Recipe) -> list[SimulatedRecording]:
    """Give the mice kept for testing."""
    return [
        simulate_recording(seed=recipe.seed + 1, subject=subject, seconds=recipe.seconds)
        for subject in range(FIRST_TEST_SUBJECT, FIRST_TEST_SUBJECT + recipe.test_mice)
    ]


def _prepare_from_scratch(encoder: Encoder) -> None:
    """Undo two settings of MONAI's that only suit ImageNet weights."""
    for module in encoder.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.1  # .01 leaves running statistics hundreds of steps behind
    torch.nn.init.normal_(encoder._fc.weight, std=0.01)  # uniform ± 1 starts at a loss of 1.6
    torch.nn.init.zeros_(encoder._fc.bias)


def _cohort(
    subjects: range, config: CnnRnnConfig, work: Path, recipe: Recipe
) -> list[CachedRecording]:
    """Simulate and cache one session of each subject."""
    cohort = []
    for subject in subjects:
        mouse = simulate_recording(seed=recipe.seed, subject=subject, seconds=recipe.seconds)
        file = work / f"frames-{recipe.image_size}px" / f"{subject}.npy"
        cohort.append(cache_recording(mouse, mouse.truth.ethogram, config.preprocessing, file))
    return cohort


def _loader(dataset: Dataset[object], batch_size: int, *, shuffle: bool) -> DataLoader[object]:
    return DataLoader(dataset, batch_size, shuffle=shuffle, drop_last=shuffle)


def _trainer(work: Path, epochs: int) -> lightning.Trainer:
    return lightning.Trainer(
        max_epochs=epochs,
        default_root_dir=work,
        logger=lightning.pytorch.loggers.CSVLogger(work, name="logs"),
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        callbacks=[_Say()],
    )


class _Say(lightning.Callback):
    """Tell the log how each epoch ended."""

    def on_validation_epoch_end(
        self, trainer: lightning.Trainer, module: lightning.LightningModule
    ) -> None:
        said = {name: round(float(value), 4) for name, value in trainer.callback_metrics.items()}
        logger.info("step %d: %s", trainer.global_step, said)


def _fit_encoder(
    encoder: Encoder,
    cohort: list[CachedRecording],
    validation: list[CachedRecording],
    config: CnnRnnConfig,
    work: Path,
    recipe: Recipe,
) -> None:
    """Stage 1."""
    encoder.to(memory_format=torch.channels_last)
    training = ImageDataset(cohort, config.preprocessing, stride=recipe.stride)
    held_out = ImageDataset(validation, config.preprocessing, stride=15)
    logger.info("stage 1: %d images, %d epochs", len(training), recipe.encoder_epochs)
    stage = FrameStage(
        encoder, augmentation=Augmentation(), max_learning_rate=recipe.encoder_learning_rate
    )
    _trainer(work, recipe.encoder_epochs).fit(
        stage,
        _loader(training, recipe.batch_size, shuffle=True),
        _loader(held_out, recipe.batch_size, shuffle=False),
    )


def _features(
    encoder: Encoder, subjects: range, config: CnnRnnConfig, work: Path, recipe: Recipe
) -> WindowDataset:
    """Encode the middle of each subject's session."""
    cohort = _cohort(subjects, config, work, recipe)
    offsets = np.asarray(config.preprocessing.channel_offsets)
    features, valid = [], []
    encoder.eval()
    with torch.inference_mode():
        for recording in cohort:
            n_frames = len(recording.labels)
            wanted = round(recipe.head_seconds * config.frame_rate)
            first = max(-int(offsets.min()), (n_frames - wanted) // 2)
            stop = min(first + wanted, n_frames - int(offsets.max()))
            encoded = torch.zeros(n_frames, 1280)
            for start in range(first, stop, recipe.batch_size):
                index = np.arange(start, min(start + recipe.batch_size, stop))
                images = torch.from_numpy(recording.frames[index[:, None] + offsets]).float()
                encoded[index] = encoder.features(images.to(memory_format=torch.channels_last))
            features.append(encoded)
            valid.append((first, stop))
    return WindowDataset(features, [one.labels for one in cohort], config.window, valid)


def _fit_head(
    network: CnnRnn,
    head_mice: range,
    validation_mice: range,
    config: CnnRnnConfig,
    work: Path,
    recipe: Recipe,
) -> None:
    """Stage 2, on features of mice that the encoder has not seen."""
    training = _features(network.cnn, head_mice, config, work, recipe)
    held_out = _features(network.cnn, validation_mice, config, work, recipe)
    logger.info("stage 2: %d windows, %d epochs", len(training), recipe.head_epochs)
    stage = WindowStage(network.head, max_learning_rate=recipe.head_learning_rate)
    _trainer(work, recipe.head_epochs).fit(
        stage,
        _loader(training, recipe.batch_size, shuffle=True),
        _loader(held_out, 1024, shuffle=False),
    )


def main() -> None:
    """Read the command line and run the recipe."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="folder for intermediate steps")
    parser.add_argument("--out", type=Path, required=True, help="decoder file to write")
    for field in fields(Recipe):
        option = "--" + field.name.replace("_", "-")
        parser.add_argument(option, type=type(field.default), default=field.default)
    arguments = vars(parser.parse_args())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    work, out = arguments.pop("work"), arguments.pop("out")
    make(work, out, Recipe(**arguments))


if __name__ == "__main__":
    main()
