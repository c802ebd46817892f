"""Fit one stage with Lightning, from its last checkpoint where there is one."""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.accelerators import Accelerator
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins import TorchCheckpointIO
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import nn
from torch.utils.data import DataLoader

from napari_cortex_decoder.arrays import Ints
from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.decoder.engine.devices import select_device
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.files import written_whole
from napari_cortex_decoder.progress import Report
from napari_cortex_decoder.reading import readable
from napari_cortex_decoder.training.callbacks import BestWeights, Steps
from napari_cortex_decoder.training.config import Stage, TrainingConfig
from napari_cortex_decoder.training.examples import (
    Batch,
    Examples,
    ResumableBatches,
    steps_per_epoch,
)
from napari_cortex_decoder.training.stages import StageModule, Variation

CHECKPOINT_STEPS = 50
"""A kill costs at most about so many steps."""

ACCELERATORS: dict[str, str | Accelerator] = {"cpu": "cpu", "cuda": "gpu", "mps": "mps"}
"""What Lightning calls a kind of device."""

_NOT_FOR_USERS = (
    ".*does not have many workers.*",  # true of small data; `workers` is there for large
    ".*exists and is not empty.*",  # of course: that is where runs are gone on with
    ".*is_leaf.*",  # between Lightning and torch
)
logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)
logging.getLogger("lightning.fabric.utilities.rank_zero").setLevel(logging.WARNING)


def fit_stage(
    part: nn.Module,
    stage: Stage,
    config: TrainingConfig,
    training: Examples,
    validation: Examples,
    vary: Variation,
    checkpoint: Path,
    compute: Compute,
    *,
    seed: int,
    report: Report,
    begin: Callable[[int], None],
) -> None:
    """Train a part of a network; leave it with the weights of the lowest validation loss.

    `vary` varies training inputs. The checkpoint is written every so often, and gone on from if it
    is there already. `report` and `begin` are as `Steps` takes them. Raises TrainingError if the
    checkpoint is damaged or of another run, or the loss is not finite any more.
    """
    device = select_device(compute)
    per_epoch = steps_per_epoch(len(training), stage.batch_size * compute.devices)
    rounds = -(-per_epoch // CHECKPOINT_STEPS)
    # Lightning resumes surely where an epoch ends: so what it calls an epoch is a short round
    length = -(-per_epoch // rounds)
    total = length * rounds * stage.epochs
    best = BestWeights(stage.patience)
    module = StageModule(
        part,
        stage,
        config,
        total_steps=total,
        seed=seed,
        vary=vary,
        class_weights=_class_weights(training.labels, config),
    )
    trainer = lightning.Trainer(
        accelerator=ACCELERATORS[device.type],
        devices=[device.index] if device.index and compute.devices == 1 else compute.devices,
        strategy="ddp" if compute.devices > 1 else "auto",
        precision=config.precision,
        max_epochs=rounds * stage.epochs,
        check_val_every_n_epoch=rounds,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        deterministic=True if device.type == "cpu" else "warn",
        logger=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        default_root_dir=checkpoint.parent,
        plugins=[_WholeCheckpoints()],
        callbacks=[
            best,
            Steps(stage.kind, total, report, begin),
            ModelCheckpoint(
                dirpath=checkpoint.parent,
                filename=checkpoint.stem,
                every_n_epochs=1,
                save_on_train_epoch_end=True,
                save_top_k=1,
                enable_version_counter=False,
            ),
        ],
    )

    def loader(examples: Examples, batches: Any) -> DataLoader[Batch]:
        return DataLoader(
            examples,
            batch_sampler=batches,
            collate_fn=_as_it_is,
            num_workers=compute.workers,
            persistent_workers=compute.workers > 0,
            pin_memory=device.type == "cuda",
        )

    def training_batches() -> ResumableBatches:
        return ResumableBatches(
            len(training),
            stage.batch_size,
            length=length,
            seed=seed,
            position=lambda: trainer.global_step,
            rank=trainer.global_rank,
            world_size=trainer.world_size,
        )

    module.train_dataloader = lambda: loader(training, training_batches())  # type: ignore[method-assign]
    held_out = _in_turn(len(validation), 4 * stage.batch_size)
    if checkpoint.exists():
        _check(checkpoint, module)
    module.train()  # a stage before may have left the encoder fixed
    with warnings.catch_warnings():
        for message in _NOT_FOR_USERS:
            warnings.filterwarnings("ignore", message=message)
        try:
            trainer.fit(
                module,
                val_dataloaders=loader(validation, held_out),
                ckpt_path=checkpoint if checkpoint.exists() else None,
                weights_only=True,
            )
        except SIGTERMException as end:  # Lightning's own would end the program as if all was done
            raise SystemExit(128 + signal.SIGTERM) from end
        except SystemExit as end:  # made of Ctrl-C, which whoever called may want to know as such
            if isinstance(end.__context__, KeyboardInterrupt):
                raise KeyboardInterrupt from end
            raise
    part.load_state_dict(best.weights)


class _WholeCheckpoints(TorchCheckpointIO):
    """Writes checkpoints beside their place, not by way of the system's temporary folder.

    A kill leaves files there, and from there one does not come to another disk in one stroke.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        with written_whole(Path(path), TrainingError, overwrite=True) as part:
            torch.save(checkpoint, part)


def _as_it_is(batch: Any) -> Any:
    return batch


def _in_turn(n: int, size: int) -> list[list[int]]:
    return [list(range(start, min(start + size, n))) for start in range(0, n, size)]


def _class_weights(labels: Ints, config: TrainingConfig) -> list[float] | None:
    """Return what an example of each behavior counts, on average 1."""
    if config.class_weights == "none":
        return None
    counts = np.bincount(labels, minlength=len(config.decoder.behaviors))
    weights: list[float] = (len(labels) / (len(counts) * counts)).tolist()
    return weights


def _check(checkpoint: Path, module: StageModule) -> None:
    """Refuse a checkpoint that cannot be gone on from, before Lightning trips over it."""
    remedy = "remove it, and the run begins that stage anew"
    with readable(checkpoint, "a checkpoint of this program", TrainingError, remedy=remedy):
        content = torch.load(checkpoint, map_location="cpu", weights_only=True)
        found = {name: tensor.shape for name, tensor in content["state_dict"].items()}
        complete = {"callbacks", "loops", "optimizer_states", "lr_schedulers"} <= set(content)
    expected = {name: tensor.shape for name, tensor in module.state_dict().items()}
    if found != expected or not complete:
        raise TrainingError(f"{checkpoint} belongs to another network; {remedy}.")
