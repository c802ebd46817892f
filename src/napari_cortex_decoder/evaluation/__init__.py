"""Protocols that compare decoders across mice, sessions and days, and what comes of them.

Importing this package loads no torch.
"""

from napari_cortex_decoder.evaluation.cohort import read_roi_cohort
from napari_cortex_decoder.evaluation.protocol import ROWS, Effort, pairs
from napari_cortex_decoder.evaluation.report import write_report
from napari_cortex_decoder.evaluation.reproduce import reproduce
from napari_cortex_decoder.evaluation.run import evaluate
from napari_cortex_decoder.evaluation.saving import EvaluationReport

__all__ = [
    "ROWS",
    "Effort",
    "EvaluationReport",
    "evaluate",
    "pairs",
    "read_roi_cohort",
    "reproduce",
    "write_report",
]
