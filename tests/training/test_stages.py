"""The loss is the usual one, whatever the number of behaviors."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from napari_cortex_decoder.training.loss import classification_loss
from napari_cortex_decoder.training.stages import feature_noise


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, torch.tensor([0.4, 1.6])], ids=["alike", "weighted"])
def test_two_behaviors_with_one_logit_lose_as_much_as_with_two(
    weights: torch.Tensor | None, smoothing: float
) -> None:
    logits = torch.randn(20, 1)
    labels = torch.randint(0, 2, (20,))
    both = torch.cat([torch.zeros_like(logits), logits], dim=1)
    loss = classification_loss(logits, labels, weights, smoothing)
    if weights is None or not smoothing:  # torch weights the smoothed part by its own class
        torch.testing.assert_close(loss, classification_loss(both, labels, weights, smoothing))
    assert loss > 0


def test_a_rare_behavior_counts_as_much_when_weighted() -> None:
    logits = torch.tensor([[2.0]] * 9 + [[2.0]])
    labels = torch.tensor([0] * 9 + [1])
    weights = torch.tensor([10 / 18, 10 / 2])
    each = functional.binary_cross_entropy_with_logits(
        logits[:, 0], labels.float(), reduction="none"
    )
    expected = (each[:9].mean() + each[9]) / 2
    torch.testing.assert_close(classification_loss(logits, labels, weights), expected)


def test_feature_noise_is_a_share_of_each_features_own_spread() -> None:
    windows = torch.randn(400, 5, 2) * torch.tensor([1.0, 100.0])
    added = feature_noise(windows, 0.1) - windows
    torch.testing.assert_close(added.std(dim=(0, 1)), torch.tensor([0.1, 10.0]), rtol=0.1, atol=0)
