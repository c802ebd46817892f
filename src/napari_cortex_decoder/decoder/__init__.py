"""Decoders: network, file and the engine that reads behaviour from a movie."""

from napari_cortex_decoder.decoder.config import (
    DecoderConfig,
    Preprocessing,
    Provenance,
    Window,
)
from napari_cortex_decoder.decoder.decoder import Decoder, list_decoders, load_decoder
from napari_cortex_decoder.decoder.prediction import DecodeEvent, Prediction

__all__ = [
    "DecodeEvent",
    "Decoder",
    "DecoderConfig",
    "Prediction",
    "Preprocessing",
    "Provenance",
    "Window",
    "list_decoders",
    "load_decoder",
]
