"""Protocols that compare decoders across mice, and the tables and figures that come of them.

Importing this package loads no torch.
"""

from napari_cortex_decoder.evaluation.cohort import RoiCohort, read_roi_cohort
from napari_cortex_decoder.evaluation.protocol import ROWS, Effort, Pair, Row, pairs
from napari_cortex_decoder.evaluation.report import write_report
from napari_cortex_decoder.evaluation.reproduce import Reproduction, reproduce
from napari_cortex_decoder.evaluation.scores import ModelScore

__all__ = [
    "ROWS",
    "Effort",
    "ModelScore",
    "Pair",
    "Reproduction",
    "RoiCohort",
    "Row",
    "pairs",
    "read_roi_cohort",
    "reproduce",
    "write_report",
]
