"""Protocols that compare decoders across mice, and the tables and figures that come of them.

Importing this package loads no torch.
"""

from napari_cortex_decoder.evaluation.cohort import read_roi_cohort
from napari_cortex_decoder.evaluation.protocol import ROWS, Effort, pairs
from napari_cortex_decoder.evaluation.report import write_report
from napari_cortex_decoder.evaluation.reproduce import reproduce

__all__ = ["ROWS", "Effort", "pairs", "read_roi_cohort", "reproduce", "write_report"]
