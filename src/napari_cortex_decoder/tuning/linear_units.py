"""Recurrent heads that also carry a linear readout: units that average features over the window.

What a few minutes of labels can teach are some dozens of numbers, not the half million of a
recurrent layer. So a fit is a regression on the directions in which this mouse's features vary,
beside what the base reads; and for the decoder to stay what it is, a head of the usual form, the
directions become units of it that nothing else acts on.
"""

from __future__ import annotations

import torch
from torch import Tensor

from napari_cortex_decoder.arrays import Floats
from napari_cortex_decoder.tuning.tunable import Model, Recurrent, RecurrentConfig

_ALWAYS, _HARDLY = 20.0, -5.0  # into a sigmoid: 1 to rounding, and 1/150: so slow is an average
_SMALL = 0.05  # into a tanh, which is linear there
_LARGE = 10.0  # brings what 1/150 has left up again


def add_units(base: Model, weight: Floats, bias: Floats) -> Model:
    """Return a model with units that average ``weight @ features + bias``; it shares the encoder.

    Shapes are (units, features) and (units,); the product with features should be about 1. The new
    units are the last of each recurrent layer. Nothing reads them yet: logits stay what they were.
    """
    network, config = base
    assert isinstance(config, RecurrentConfig)
    units, old = len(bias), config.hidden_size
    changed = config.model_copy(update={"hidden_size": old + units})
    new = base.like(changed)
    assert isinstance(new, Recurrent) and isinstance(network, Recurrent)
    gates = {"gru": 3, "lstm": 4, "rnn": 1}[config.recurrent]
    # units without gates add up what others average
    small = _SMALL / 150 if config.recurrent == "rnn" else _SMALL
    tensors = network.head.rnn.state_dict()
    wide: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        blocks = tensor.reshape(gates, old, *tensor.shape[1:])
        inputs = tensor.shape[1:]
        if inputs and not name.startswith("weight_ih_l0"):
            inputs = (old + units,)
        grown = torch.zeros(gates, old + units, *inputs)
        grown[(slice(None), slice(old), *(slice(n) for n in tensor.shape[1:]))] = blocks
        layer, first = name.rpartition("_l")[2], name.endswith("_l0")
        values = grown[:, old:]
        if name.startswith("bias_ih"):
            values += _gates(config.recurrent, averaging=first)[:, None]
            if first:
                values[_candidate(config.recurrent)] += torch.from_numpy(small * bias)
        elif name.startswith("weight_ih"):
            place = _candidate(config.recurrent)
            values[place] = (
                torch.from_numpy(small * weight).float()
                if first
                else torch.cat([torch.zeros(units, old), _LARGE * torch.eye(units)], dim=1)
            )
        elif name.startswith("weight_hh") and config.recurrent == "rnn" and layer == "0":
            values[0, :, old:] = torch.eye(units)
        wide[name] = grown.reshape(gates * (old + units), *inputs)
    new.head.rnn.load_state_dict(wide)
    with torch.no_grad():
        new.head.linear_out.weight.zero_()
        new.head.linear_out.weight[:, :old] = network.head.linear_out.weight
        new.head.linear_out.bias.copy_(network.head.linear_out.bias)
    return Model(new.eval(), changed)


def _candidate(kind: str) -> int:
    """Return the place among the gates of what is to be remembered."""
    return {"gru": 2, "lstm": 2, "rnn": 0}[kind]


def _gates(kind: str, *, averaging: bool) -> Tensor:
    """Return the gates' biases of units that average, or that pass on what they get."""
    slow = _HARDLY if averaging else _ALWAYS
    if kind == "gru":  # reset, keep the old, candidate
        return torch.tensor([0.0, -slow, 0.0])
    if kind == "lstm":  # let in, keep the old, candidate, let out
        return torch.tensor([slow, -slow, 0.0, _ALWAYS])
    return torch.tensor([0.0])
