"""Preprocessing of movies: each step a value, applied lazily, in any order."""

from napari_cortex_decoder.recording.preprocessing.delta_f import DeltaF
from napari_cortex_decoder.recording.preprocessing.frame_steps import Bin, Crop, FillGaps, Mask
from napari_cortex_decoder.recording.preprocessing.hemodynamics import Hemodynamics
from napari_cortex_decoder.recording.preprocessing.motion import MotionCorrection
from napari_cortex_decoder.recording.preprocessing.moving import Detrend
from napari_cortex_decoder.recording.preprocessing.pipeline import (
    STEPS,
    frame_origins,
    preprocess,
    reshaped,
    steps_from_provenance,
)
from napari_cortex_decoder.recording.preprocessing.previews import Previews
from napari_cortex_decoder.recording.preprocessing.resampling import Resample
from napari_cortex_decoder.recording.preprocessing.step import Step

__all__ = [
    "STEPS",
    "Bin",
    "Crop",
    "DeltaF",
    "Detrend",
    "FillGaps",
    "Hemodynamics",
    "Mask",
    "MotionCorrection",
    "Previews",
    "Resample",
    "Step",
    "frame_origins",
    "preprocess",
    "reshaped",
    "steps_from_provenance",
]
