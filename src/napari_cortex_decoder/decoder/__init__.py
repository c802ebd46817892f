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
from napari_cortex_decoder.decoder.library import list_decoders, load_decoder, read_card
from napari_cortex_decoder.decoder.prediction import DecodeEvent, Prediction

__all__ = [
    "Calibration",
    "CnnConfig",
    "CnnRnnConfig",
    "DecodeEvent",
    "Decoder",
    "DecoderConfig",
    "LinearConfig",
    "MouseScore",
    "Prediction",
    "Preprocessing",
    "Provenance",
    "RoiRnnConfig",
    "TracePreprocessing",
    "Window",
    "list_decoders",
    "load_decoder",
    "read_card",
]
