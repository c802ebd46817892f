"""Behaviour measured beside a movie: reading, alignment, run and rest from speed."""

from napari_cortex_decoder.recording.behavior.alignment import coverage_warnings, trace_at_frames
from napari_cortex_decoder.recording.behavior.reading import READERS, read_behavior

__all__ = ["READERS", "coverage_warnings", "read_behavior", "trace_at_frames"]
