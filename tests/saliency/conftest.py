"""A linear decoder in place of the network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from helpers.toys import Linear, linear_decoder
from napari_cortex_decoder.decoder import Decoder
from napari_cortex_decoder.saliency.masking import encoding


@pytest.fixture
def linear(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Decoder, Linear]]:
    """Make a linear decoder; its network is run as it is, not rearranged."""

    def make(weights: np.ndarray, **window: int) -> tuple[Decoder, Linear]:
        monkeypatch.setattr(encoding, "InferenceNetwork", lambda network: network)
        return linear_decoder(weights, **window)

    return make
