"""Recordings: movies, behaviour, preprocessing and the formats they come in."""

from napari_cortex_decoder.recording.recording import BehaviorTrace, Recording

__all__ = ["BehaviorTrace", "Recording"]
