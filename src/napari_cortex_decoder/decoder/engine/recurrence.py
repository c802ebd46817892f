"""Recurrent heads as they run: what windows share is done once, before anything recurrent."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from napari_cortex_decoder.decoder.networks import RecurrentHead, RoiRnn

_Cell = Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


class ProjectedHead(nn.Module):
    """A copy of a recurrent head, equal to it up to rounding, that takes inputs once an image.

    The first recurrent layer multiplies its input with a matrix before anything recurrent happens.
    That product, `project`, is the same in all windows that see an image. PyTorch's own layers
    cannot be given it: they would multiply it with an identity, half of their work.
    """

    def __init__(self, head: RecurrentHead | RoiRnn) -> None:
        super().__init__()
        rnn = head.rnn
        assert isinstance(rnn, nn.RNNBase)
        self._cell = _CELLS[rnn.mode]
        layers = [
            [getattr(rnn, f"{name}_l{layer}") for name in _NAMES] for layer in range(rnn.num_layers)
        ]
        self.project = _linear(*layers[0][:2])
        self._inner = nn.ModuleList(_linear(*layer[:2]) for layer in layers[1:])
        self._recurrent = nn.ModuleList(_linear(*layer[2:]) for layer in layers)
        self.out = _linear(head.linear_out.weight, head.linear_out.bias)
        self.eval().requires_grad_(False)

    def forward(self, windows: Tensor) -> Tensor:
        """Return logits, (n, n_logits), of windows of projected inputs, (n, length, inputs)."""
        logits: Tensor = self.out(self.last_state(windows))
        return logits

    def last_state(self, windows: Tensor) -> Tensor:
        """Return what the last layer says at the end of each window, shape (n, hidden)."""
        given = list(windows.unbind(1))
        states = self._layer(given, self._recurrent[0])
        for inner, recurrent in zip(self._inner, self._recurrent[1:], strict=True):
            states = self._layer([inner(state) for state in states], recurrent)
        return states[-1]

    def _layer(self, given: list[Tensor], recurrent: nn.Module) -> list[Tensor]:
        """Return the state after each step of one layer."""
        assert isinstance(recurrent, nn.Linear)
        hidden = memory = given[0].new_zeros(len(given[0]), recurrent.in_features)
        states: list[Tensor] = []
        for step in given:
            # what is not there yet has nothing to multiply
            own = recurrent(hidden) if states else recurrent.bias.expand(len(step), -1)
            hidden, memory = self._cell(step, own, hidden, memory)
            states.append(hidden)
        return states


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], device="meta")  # no time for random numbers
    own = {"weight": weight.detach().clone(), "bias": bias.detach().clone()}
    layer.load_state_dict(own, assign=True)
    return layer


def _gru(given: Tensor, own: Tensor, hidden: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
    size = hidden.shape[1]
    gates = (given[:, : 2 * size] + own[:, : 2 * size]).sigmoid_()
    reset, keep = gates.chunk(2, dim=1)
    new = torch.addcmul(given[:, 2 * size :], reset, own[:, 2 * size :])
    # this is tanh, in half of the time that PyTorch's takes
    new = new.mul_(2).sigmoid_().mul(2).sub_(1)
    return torch.lerp(new, hidden, keep), memory


def _lstm(given: Tensor, own: Tensor, hidden: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
    let_in, keep, new, let_out = (given + own).chunk(4, dim=1)
    memory = keep.sigmoid() * memory + let_in.sigmoid() * new.tanh()
    return let_out.sigmoid() * memory.tanh(), memory


def _rnn(given: Tensor, own: Tensor, hidden: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
    return (given + own).tanh(), memory


_CELLS: dict[str, _Cell] = {"GRU": _gru, "LSTM": _lstm, "RNN_TANH": _rnn}
_NAMES = ("weight_ih", "bias_ih", "weight_hh", "bias_hh")
