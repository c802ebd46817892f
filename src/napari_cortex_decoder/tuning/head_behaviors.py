"""A network for other behaviors than its base knows."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_cortex_decoder.decoder.networks import CnnRnn, build_network
from napari_cortex_decoder.tuning.tunable import Model, Network


def with_behaviors(base: Model, behaviors: tuple[str, ...]) -> Model:
    """Return a model of other behaviors; known ones keep their odds.

    The head is a copy; the encoder, too, unless the behaviors are the same.
    """
    network, config = base
    if behaviors == config.behaviors:
        same = base.like(config)
        same.head.load_state_dict(network.head.state_dict())
        return Model(same.eval(), config)
    changed = config.model_copy(update={"behaviors": behaviors})
    new = build_network(changed)
    assert isinstance(new, Network)
    own = {k: v for k, v in network.state_dict().items() if not _is_output(k)}
    new.load_state_dict(own, strict=False)
    layers = [(network.head.linear_out, new.head.linear_out)]
    if isinstance(network, CnnRnn) and isinstance(new, CnnRnn):
        layers.append((network.cnn._fc, new.cnn._fc))
    for old, layer in layers:
        weight, bias = _logits_of_each(old.weight, old.bias, len(config.behaviors))
        with torch.no_grad():
            rows = torch.zeros(len(behaviors), weight.shape[1])
            offsets = torch.zeros(len(behaviors))
            for place, name in enumerate(behaviors):
                if name in config.behaviors:
                    rows[place] = weight[config.behaviors.index(name)]
                    offsets[place] = bias[config.behaviors.index(name)]
            if len(behaviors) == 2:  # one logit: that of the second
                rows, offsets = (rows[1] - rows[0])[None], (offsets[1] - offsets[0])[None]
            layer.weight.copy_(rows)
            layer.bias.copy_(offsets)
    return Model(new.eval(), changed)


def _is_output(name: str) -> bool:
    return name.startswith(("linear_out.", "head.linear_out.", "cnn._fc."))


def _logits_of_each(weight: Tensor, bias: Tensor, n_behaviors: int) -> tuple[Tensor, Tensor]:
    """Return one row a behavior; of two, the first one's logit is 0."""
    if n_behaviors == 2:
        return torch.cat([0 * weight, weight]), torch.cat([0 * bias, bias])
    return weight, bias
