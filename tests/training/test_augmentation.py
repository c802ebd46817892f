"""Augmentation changes how a mouse looks, not what it does."""

from __future__ import annotations

import pytest
import torch

from napari_cortex_decoder.training.augmentation import vary_images, vary_traces
from napari_cortex_decoder.training.config import Augmentation

STILL = {"shift": 0.0, "rotation": 0.0, "zoom": 0.0, "mirror": False, "gain": 0.0, "noise": 0.0}


def vary(images: torch.Tensor, **by: object) -> torch.Tensor:
    return vary_images(images, Augmentation(**(STILL | by)))


@pytest.fixture
def images() -> torch.Tensor:
    images = torch.zeros(64, 3, 32, 32)
    images[:, :, 8:12, 4:10] = 1.0  # upper left
    return images


def center(images: torch.Tensor) -> torch.Tensor:
    """Centre of mass of the first channel, (n, 2) as row and column."""
    weight = images[:, 0]
    axis = torch.arange(32.0)
    total = weight.sum((1, 2))
    rows = (weight.sum(2) * axis).sum(1) / total
    return torch.stack([rows, (weight.sum(1) * axis).sum(1) / total], dim=1)


def test_nothing_is_changed_when_all_is_zero(images: torch.Tensor) -> None:
    torch.testing.assert_close(vary(images), images, atol=1e-5, rtol=0)


def test_a_shift_moves_no_further_than_asked(images: torch.Tensor) -> None:
    moved = center(vary(images, shift=0.1)) - center(images)
    assert moved.abs().max() <= 3.3
    assert moved.abs().max() > 2


def test_a_mirror_swaps_left_and_right_of_about_half(images: torch.Tensor) -> None:
    columns = center(vary(images, mirror=True))[:, 1]
    swapped = columns > 16
    assert 10 < int(swapped.sum()) < 54
    torch.testing.assert_close(columns[swapped], 31 - center(images)[swapped, 1])


def test_the_channels_of_an_image_move_together(images: torch.Tensor) -> None:
    moved = vary(images, shift=0.1, rotation=20, mirror=True)
    torch.testing.assert_close(moved[:, 0], moved[:, 2])


def test_gain_and_noise_are_of_the_size_asked_for() -> None:
    images = torch.randn(256, 3, 32, 32)
    louder = vary(images, gain=0.3)
    logarithms = torch.log(louder.std(dim=(1, 2, 3)))
    assert float(logarithms.std()) == pytest.approx(0.3, rel=0.2)
    noisier = vary(images, noise=0.5)
    assert float((noisier - images).std()) == pytest.approx(0.5, rel=0.05)


def test_the_images_of_a_window_move_together() -> None:
    still = torch.zeros(8, 5, 3, 32, 32)
    still[..., 8:12, 4:10] = 1.0
    moved = vary(still, shift=0.1, rotation=20, mirror=True, gain=0.3)
    torch.testing.assert_close(moved[:, 0], moved[:, 4])
    assert not torch.allclose(moved[0], moved[1])


def test_traces_swing_more_or_less_about_the_mean_that_their_scaling_left() -> None:
    traces = torch.randn(256, 31, 4) + 5
    louder = vary_traces(traces, Augmentation(**(STILL | {"gain": 0.3})))
    torch.testing.assert_close(louder.mean(dim=1), traces.mean(dim=1))
    ratio = louder.std(dim=1) / traces.std(dim=1)
    torch.testing.assert_close(ratio[:, 0], ratio[:, 3])  # one gain a window
    assert float(torch.log(ratio).std()) == pytest.approx(0.3, rel=0.2)
