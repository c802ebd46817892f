"""Outlines, landmarks, registration, and what each area does over time."""

from napari_cortex_decoder.atlas.area import Area
from napari_cortex_decoder.atlas.atlas import Atlas, Registration
from napari_cortex_decoder.atlas.fit import Residual
from napari_cortex_decoder.atlas.guess import guess_registration
from napari_cortex_decoder.atlas.importers.label_image import read_label_image
from napari_cortex_decoder.atlas.importers.transforms import read_mesonet, read_wfield
from napari_cortex_decoder.atlas.library import load_atlas
from napari_cortex_decoder.atlas.registration_file import load_registration
from napari_cortex_decoder.atlas.traces import (
    area_traces,
    correlate_behavior,
    has_baseline,
    relative_change,
    write_correlations,
    write_traces,
)

__all__ = [
    "Area",
    "Atlas",
    "Registration",
    "Residual",
    "area_traces",
    "correlate_behavior",
    "guess_registration",
    "has_baseline",
    "load_atlas",
    "load_registration",
    "read_label_image",
    "read_mesonet",
    "read_wfield",
    "relative_change",
    "write_correlations",
    "write_traces",
]
