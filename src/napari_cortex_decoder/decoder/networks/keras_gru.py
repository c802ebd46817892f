"""The GRU of Keras before 2.3 with its defaults: the cell of the published ROI decoder.

It resets the state before the recurrent product (``reset_after=False``), and its gates are
piecewise linear (``hard_sigmoid``); torch's GRU does neither.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def hard_sigmoid(x: Tensor) -> Tensor:
    """Return clip(0.2 x + 0.5, 0, 1), as Keras defines it (torch's has slope 1/6)."""
    return torch.clamp(0.2 * x + 0.5, 0.0, 1.0)


class KerasGru(nn.Module):
    """One recurrent layer; tensors are named, shaped and ordered (z, r, h) as Keras has them."""

    def __init__(self, n_inputs: int, hidden_size: int) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.kernel = nn.Parameter(torch.empty(n_inputs, 3 * hidden_size))
        self.recurrent_kernel = nn.Parameter(torch.empty(hidden_size, 3 * hidden_size))
        self.bias = nn.Parameter(torch.zeros(3 * hidden_size))
        nn.init.xavier_uniform_(self.kernel)
        nn.init.orthogonal_(self.recurrent_kernel)

    def forward(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Return states, (n, length, units), and the last one, of windows, (n, length, inputs)."""
        inputs = windows @ self.kernel + self.bias
        update_in, reset_in, candidate_in = inputs.split(self.hidden_size, dim=-1)
        update_u, reset_u, candidate_u = self.recurrent_kernel.split(self.hidden_size, dim=-1)
        state = windows.new_zeros(len(windows), self.hidden_size)
        states = []
        for t in range(windows.shape[1]):
            update = hard_sigmoid(update_in[:, t] + state @ update_u)
            reset = hard_sigmoid(reset_in[:, t] + state @ reset_u)
            candidate = torch.tanh(candidate_in[:, t] + (reset * state) @ candidate_u)
            state = update * state + (1 - update) * candidate
            states.append(state)
        return torch.stack(states, dim=1), state
