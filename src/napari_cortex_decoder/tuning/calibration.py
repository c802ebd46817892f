"""A decoder whose probabilities were put right by labels."""

from __future__ import annotations

import numpy as np

from napari_cortex_decoder.arrays import Floats, Ints
from napari_cortex_decoder.scoring.calibration import fit_calibration
from napari_cortex_decoder.tuning.tunable import Model


def calibrate(model: Model, logits: Floats, labels: Ints) -> Model:
    """Set the shift of a network, in place, and the temperature by its logits and labels."""
    scale, shift = fit_calibration(logits, labels)
    layer = model.network.head.linear_out
    layer.bias.data += layer.bias.new_tensor(shift / scale)
    temperature = float(np.clip(1 / scale, 0.01, 100))
    return Model(model.network, model.config.model_copy(update={"temperature": temperature}))
