"""Behaviour measured beside a movie: reading, alignment, run and rest from speed."""

from napari_cortex_decoder.recording.behavior.coverage import coverage_warnings, trace_at_frames
from napari_cortex_decoder.recording.behavior.reading import READERS, add_behavior, read_behavior
from napari_cortex_decoder.recording.behavior.speed import (
    RunAndRest,
    run_and_rest,
    speed_from_counts,
    speed_from_voltage,
    speed_in_cm,
)

__all__ = [
    "READERS",
    "RunAndRest",
    "add_behavior",
    "coverage_warnings",
    "read_behavior",
    "run_and_rest",
    "speed_from_counts",
    "speed_from_voltage",
    "speed_in_cm",
    "trace_at_frames",
]
