"""Decoders: network, file and the engine that reads behaviour from a movie."""

from napari_cortex_decoder.decoder.card import Calibration, MouseScore, Provenance
from napari_cortex_decoder.decoder.config import (
    CnnConfig,
    CnnRnnConfig,
    DecoderConfig,
    LinearConfig,
    Preprocessing,
    RoiRnnConfig,
    TracePreprocessing,
    Window,
)
from napari_cortex_decoder.decoder.decoder import Decoder
from napari_cortex_decoder.decoder.image_decoder import ImageDecoder
from napari_cortex_decoder.decoder.library import (
    list_decoders,
    load_decoder,
    make_decoder,
    read_card,
)
from napari_cortex_decoder.decoder.prediction import DecodeEvent, Prediction
from napari_cortex_decoder.decoder.trace_decoder import TraceDecoder

__all__ = [
    "Calibration",
    "CnnConfig",
    "CnnRnnConfig",
    "DecodeEvent",
    "Decoder",
    "DecoderConfig",
    "ImageDecoder",
    "LinearConfig",
    "MouseScore",
    "Prediction",
    "Preprocessing",
    "Provenance",
    "RoiRnnConfig",
    "TraceDecoder",
    "TracePreprocessing",
    "Window",
    "list_decoders",
    "load_decoder",
    "make_decoder",
    "read_card",
]
