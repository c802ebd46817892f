from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_cortex_decoder.decoder import CnnRnnConfig
from napari_cortex_decoder.decoder.engine.recurrence import ProjectedHead
from napari_cortex_decoder.decoder.networks import RecurrentHead

KINDS = st.sampled_from(["gru", "lstm", "rnn"])
FEW = st.integers(1, 6)


@settings(deadline=None)
@given(KINDS, FEW, FEW, FEW, FEW, FEW)
def test_windows_of_projected_inputs_give_what_windows_of_inputs_give(
    kind: str, n_inputs: int, hidden: int, layers: int, length: int, logits: int
) -> None:
    torch.manual_seed(length)
    config = CnnRnnConfig(
        behaviors=tuple("abcdef"[: max(2, logits)]),
        recurrent=kind,
        hidden_size=hidden,
        n_layers=layers,
    )
    head = RecurrentHead(config, n_inputs).eval()
    projected = ProjectedHead(head)
    inputs = 3 * torch.randn(length + 4, n_inputs)
    windows = inputs.unfold(0, length, 1).transpose(1, 2)
    own = projected.project(inputs).unfold(0, length, 1).transpose(1, 2)
    with torch.no_grad():
        states = head.rnn(windows)[0][:, -1]
        torch.testing.assert_close(projected(own), head(windows), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(projected.last_state(own), states, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["gru", "lstm", "rnn"])
def test_gradients_reach_the_inputs(kind: str) -> None:
    torch.manual_seed(0)
    head = RecurrentHead(CnnRnnConfig(recurrent=kind, hidden_size=4), 3).eval()
    projected = ProjectedHead(head)
    inputs = torch.randn(2, 5, 3, requires_grad=True)
    (expected,) = torch.autograd.grad(head(inputs).sum(), inputs)
    (found,) = torch.autograd.grad(projected(projected.project(inputs)).sum(), inputs)
    torch.testing.assert_close(found, expected)
    assert not any(parameter.requires_grad for parameter in projected.parameters())
