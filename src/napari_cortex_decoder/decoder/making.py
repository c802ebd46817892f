"""From a configuration and its network to a decoder: the one place where kinds are told apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cortex_decoder.decoder.config import DecoderConfig, TraceConfig
from napari_cortex_decoder.decoder.decoder import Decoder
from napari_cortex_decoder.decoder.image_decoder import ImageDecoder
from napari_cortex_decoder.decoder.trace_decoder import TraceDecoder

if TYPE_CHECKING:
    from torch import nn


def make_decoder(
    config: DecoderConfig, network: nn.Module, *, name: str, hash: str | None = None
) -> Decoder:
    """Return the decoder that a configuration and its network are; see `Decoder`."""
    kind = TraceDecoder if isinstance(config, TraceConfig) else ImageDecoder
    return kind(config, network, name=name, hash=hash)
