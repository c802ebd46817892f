"""A decoder whose probabilities were put right by labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.scoring.calibration import fit_calibration
from napari_cortex_decoder.tuning.tunable import Config, Network

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def calibrate(
    network: Network, config: Config, logits: Floats, labels: Ints
) -> tuple[Network, Config]:
    """Set the shift of a network, in place, and the temperature by its logits and labels."""
    scale, shift = fit_calibration(logits, labels)
    layer = network.head.linear_out
    layer.bias.data += layer.bias.new_tensor(shift / scale)
    return network, config.model_copy(update={"temperature": float(np.clip(1 / scale, 0.01, 100))})
