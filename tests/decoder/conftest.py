"""A decoder to test with."""

from __future__ import annotations

import pytest

from helpers.waves import make_network
from napari_cortex_decoder.decoder import CnnRnnConfig, Decoder, Preprocessing, make_decoder


@pytest.fixture(scope="session")
def small_config() -> CnnRnnConfig:
    """The paper's decoder on images of 32 × 32."""
    return CnnRnnConfig(preprocessing=Preprocessing(image_size=(32, 32), scale="centered-sd"))


@pytest.fixture(scope="session")
def decoder(small_config: CnnRnnConfig) -> Decoder:
    return make_decoder(small_config, make_network(small_config), name="waves")
