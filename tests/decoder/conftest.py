"""A decoder to test with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from waves import make_network

from napari_cortex_decoder.decoder import CnnRnnConfig, Decoder, Preprocessing


@pytest.fixture(scope="session")
def small_config() -> CnnRnnConfig:
    """The paper's decoder on images of 32 × 32."""
    return CnnRnnConfig(preprocessing=Preprocessing(image_size=(32, 32), scale="centered-sd"))


@pytest.fixture(scope="session")
def decoder(small_config: CnnRnnConfig) -> Decoder:
    return Decoder(small_config, make_network(small_config), name="waves")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Small tensors gain nothing from more, and threads that spin for a busy core lose all."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
