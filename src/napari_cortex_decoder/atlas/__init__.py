"""Outlines, landmarks, registration, and what each area does over time."""

from napari_cortex_decoder.atlas.atlas import Area, Atlas
from napari_cortex_decoder.atlas.library import load_atlas
from napari_cortex_decoder.atlas.registration import Registration

__all__ = ["Area", "Atlas", "Registration", "load_atlas"]
