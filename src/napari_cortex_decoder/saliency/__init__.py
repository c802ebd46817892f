"""Which cortex a decoder reads: importance of areas, maps, and the controls that carry them."""

from napari_cortex_decoder.progress import Progress
from napari_cortex_decoder.saliency.importance.area_result import AreaImportance
from napari_cortex_decoder.saliency.importance.areas import area_importance
from napari_cortex_decoder.saliency.importance.cohort import combine_mice
from napari_cortex_decoder.saliency.importance.cutout import CutoutImportance, cutout_importance
from napari_cortex_decoder.saliency.maps.checking import MapCheck, check_maps, judge_maps
from napari_cortex_decoder.saliency.maps.deletion import Deletion, deletion_insertion
from napari_cortex_decoder.saliency.maps.onsets import OnsetAverage, onset_average, onset_frames
from napari_cortex_decoder.saliency.maps.randomization import Randomization, randomized_weights
from napari_cortex_decoder.saliency.maps.saliency_maps import (
    SaliencyMaps,
    fitting_range,
    saliency_map,
)
from napari_cortex_decoder.saliency.maps.trace_maps import (
    TraceSaliency,
    area_saliency,
    trace_saliency,
)
from napari_cortex_decoder.saliency.masking.frames import sample_frames, spread_frames
from napari_cortex_decoder.saliency.masking.regions import pairs_of
from napari_cortex_decoder.saliency.verdict import Verdict

__all__ = [
    "AreaImportance",
    "CutoutImportance",
    "Deletion",
    "MapCheck",
    "OnsetAverage",
    "Progress",
    "Randomization",
    "SaliencyMaps",
    "TraceSaliency",
    "Verdict",
    "area_importance",
    "area_saliency",
    "check_maps",
    "combine_mice",
    "cutout_importance",
    "deletion_insertion",
    "fitting_range",
    "judge_maps",
    "onset_average",
    "onset_frames",
    "pairs_of",
    "randomized_weights",
    "saliency_map",
    "sample_frames",
    "spread_frames",
    "trace_saliency",
]
