"""Which cortex a decoder reads: importance of areas, maps, and the controls that carry them."""

from napari_cortex_decoder.saliency.areas import AreaImportance, area_importance
from napari_cortex_decoder.saliency.controls import (
    Deletion,
    Randomization,
    deletion_insertion,
    randomized_weights,
)
from napari_cortex_decoder.saliency.cutout import CutoutImportance, cutout_importance
from napari_cortex_decoder.saliency.frames import Progress, sample_frames
from napari_cortex_decoder.saliency.maps import SaliencyMaps, saliency
from napari_cortex_decoder.saliency.regions import pairs_of
from napari_cortex_decoder.saliency.verdict import Verdict, judge_maps

__all__ = [
    "AreaImportance",
    "CutoutImportance",
    "Deletion",
    "Progress",
    "Randomization",
    "SaliencyMaps",
    "Verdict",
    "area_importance",
    "cutout_importance",
    "deletion_insertion",
    "judge_maps",
    "pairs_of",
    "randomized_weights",
    "saliency",
    "sample_frames",
]
