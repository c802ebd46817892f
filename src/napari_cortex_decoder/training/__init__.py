"""Training: from a cohort of labeled recordings to a decoder, in a run folder that survives a kill.

`train` does it in this process, `start` in another. Importing this package loads no torch.
"""

from napari_cortex_decoder.training.config import (
    Augmentation,
    SplitRule,
    Stage,
    TrainingConfig,
    read_config,
)
from napari_cortex_decoder.training.process import start
from napari_cortex_decoder.training.run import train
from napari_cortex_decoder.training.run_folder import TrainingFolder
from napari_cortex_decoder.training.sessions import LabeledRecording, Session, cohort_sessions
from napari_cortex_decoder.training.split import Split

__all__ = [
    "Augmentation",
    "LabeledRecording",
    "Session",
    "Split",
    "SplitRule",
    "Stage",
    "TrainingConfig",
    "TrainingFolder",
    "cohort_sessions",
    "read_config",
    "start",
    "train",
]
