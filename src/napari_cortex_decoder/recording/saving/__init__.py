"""Saving recordings, and caching what preprocessing computes."""

from napari_cortex_decoder.recording.saving.writing import WRITERS, cached, save_recording

__all__ = ["WRITERS", "cached", "save_recording"]
