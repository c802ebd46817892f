"""Which cortex a decoder reads: importance of areas, maps, and the controls that carry them."""

from napari_cortex_decoder.saliency.areas import AreaImportance, area_importance
from napari_cortex_decoder.saliency.cutout import CutoutImportance, cutout_importance
from napari_cortex_decoder.saliency.frames import Progress, sample_frames
from napari_cortex_decoder.saliency.regions import pairs_of
from napari_cortex_decoder.saliency.verdict import Verdict

__all__ = [
    "AreaImportance",
    "CutoutImportance",
    "Progress",
    "Verdict",
    "area_importance",
    "cutout_importance",
    "pairs_of",
    "sample_frames",
]
