"""Recordings: movies, behaviour, preprocessing and the formats they come in."""

from napari_cortex_decoder.recording.behavior import (
    coverage_warnings,
    read_behavior,
    trace_at_frames,
)
from napari_cortex_decoder.recording.cohort import CohortEntry, read_cohort
from napari_cortex_decoder.recording.recording import BehaviorTrace, Recording

__all__ = [
    "BehaviorTrace",
    "CohortEntry",
    "Recording",
    "coverage_warnings",
    "read_behavior",
    "read_cohort",
    "trace_at_frames",
]
