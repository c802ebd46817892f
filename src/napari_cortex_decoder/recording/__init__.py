"""Recordings: movies, behaviour, preprocessing and the formats they come in."""

from napari_cortex_decoder.recording.behavior.coverage import coverage_warnings, trace_at_frames
from napari_cortex_decoder.recording.behavior.reading import add_behavior, read_behavior
from napari_cortex_decoder.recording.behavior.speed import (
    RunAndRest,
    run_and_rest,
    speed_from_counts,
    speed_from_voltage,
    speed_in_cm,
)
from napari_cortex_decoder.recording.formats import movie_formats, movie_patterns
from napari_cortex_decoder.recording.opening import open_recording
from napari_cortex_decoder.recording.preprocessing import (
    Previews,
    preprocess,
    steps_from_provenance,
)
from napari_cortex_decoder.recording.recording import BehaviorTrace, Recording
from napari_cortex_decoder.recording.saving.writing import cached, save_recording
from napari_cortex_decoder.recording.sidecar import (
    remember_metadata,
    remembered_metadata,
    sidecar_folder,
)

__all__ = [
    "BehaviorTrace",
    "Previews",
    "Recording",
    "RunAndRest",
    "add_behavior",
    "cached",
    "coverage_warnings",
    "movie_formats",
    "movie_patterns",
    "open_recording",
    "preprocess",
    "read_behavior",
    "remember_metadata",
    "remembered_metadata",
    "run_and_rest",
    "save_recording",
    "sidecar_folder",
    "speed_from_counts",
    "speed_from_voltage",
    "speed_in_cm",
    "steps_from_provenance",
    "trace_at_frames",
]
