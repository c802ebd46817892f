"""A decoder to test with."""

from __future__ import annotations

import pytest
from waves import make_network

from napari_cortex_decoder.decoder import Decoder, DecoderConfig, Preprocessing


@pytest.fixture(scope="session")
def small_config() -> DecoderConfig:
    """The paper's decoder on images of 32 × 32."""
    return DecoderConfig(preprocessing=Preprocessing(image_size=(32, 32), scale="centered-sd"))


@pytest.fixture(scope="session")
def decoder(small_config: DecoderConfig) -> Decoder:
    return Decoder(small_config, make_network(small_config), name="waves")
