"""A training run from its configuration and cohort to its decoder; started again, it goes on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from napari_cortex_decoder.compute import HERE, Compute
from napari_cortex_decoder.decoder import Decoder, load_decoder
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.progress import Cancelled
from napari_cortex_decoder.runs.marker import CANCEL
from napari_cortex_decoder.training.config import TrainingConfig
from napari_cortex_decoder.training.run_folder import TrainingFolder
from napari_cortex_decoder.training.sessions import Session, cohort_sessions
from napari_cortex_decoder.training.split import split_mice

TRAINING_LIBRARIES = ("lightning", "torchmetrics", "sklearn")
"""What the extra `train` brings."""


def train(
    config: TrainingConfig | None,
    cohort: str | Path | Sequence[Session],
    out: str | Path,
    *,
    compute: Compute = HERE,
    cache: str | Path | None = None,
) -> Decoder:
    """Train a decoder in a run folder, or go on with the run that was begun there.

    The process may be killed at any moment: the same call goes on from the last checkpoint, and
    on a CPU comes to the same decoder as if nothing had happened.

    Parameters
    ----------
    config
        What to do; None: what the run folder says.
    cohort
        CSV as `recording.read_cohort` takes it, or the sessions themselves.
    out
        The run folder; made if need be.
    compute
        Where to train.
    cache
        Folder for what recordings are read into, which several runs may share; None: one in the
        run folder, removed when the run is finished.

    Returns
    -------
    Decoder
        As saved in ``out/decoder.safetensors``.

    Raises
    ------
    TrainingError
        If the run folder holds another run, the cohort has too few mice or shows one behavior
        only, a checkpoint is damaged, or the disk is full.
    RecordingError, AtlasError, LabelError
        If a recording, registration or label file is unusable.
    """
    missing = next((name for name in TRAINING_LIBRARIES if find_spec(name) is None), None)
    if missing is not None:
        raise TrainingError(
            f"training needs {missing}, which is not installed; "
            "pip install 'napari-cortex-decoder[train]'."
        )
    folder = TrainingFolder(out)
    if config is None:
        config = folder.read_config()
    if isinstance(cohort, (str, Path)):
        cohort = cohort_sessions(cohort, run_speed=config.run_speed)
    split = split_mice([session.subject for session in cohort], config.split, config.seed)
    read_into = None if cache is None else Path(cache)
    if int(os.environ.get("LOCAL_RANK", "0")):  # Lightning has started this process for a GPU
        from napari_cortex_decoder.training.pipeline import Pipeline

        Pipeline(folder, config, cohort, split, compute, read_into).train_network()
        raise SystemExit(0)
    with folder.claim():
        folder.settle(config)
        fingerprints = {session.name: session.fingerprint for session in cohort}
        folder.settle_split(split, fingerprints)
        folder.remove(CANCEL)
        if not folder.is_finished:
            from napari_cortex_decoder.training.pipeline import Pipeline  # takes seconds

            folder.forget_after(float("inf"), 0)
            try:
                Pipeline(folder, config, cohort, split, compute, read_into).finish()
            except Cancelled as end:
                folder.remove(CANCEL)
                raise TrainingError(
                    f"{folder.path}: the training was stopped; start it again, and it goes on."
                ) from end
        folder.remove_within("cache")
    return load_decoder(folder.decoder_file)
