"""Augmentation changes how a mouse looks, not what it does."""

from __future__ import annotations

import pytest
import torch

from napari_cortex_decoder.training.augmentation import Augmentation

STILL = {"shift": 0.0, "rotation": 0.0, "zoom": 0.0, "mirror": False, "gain": 0.0, "noise": 0.0}


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
    torch.testing.assert_close(Augmentation(**STILL)(images), images, atol=1e-5, rtol=0)


def test_a_shift_moves_no_further_than_asked(images: torch.Tensor) -> None:
    moved = center(Augmentation(**(STILL | {"shift": 0.1}))(images)) - center(images)
    assert moved.abs().max() <= 3.3
    assert moved.abs().max() > 2


def test_a_mirror_swaps_left_and_right_of_about_half(images: torch.Tensor) -> None:
    columns = center(Augmentation(**(STILL | {"mirror": True}))(images))[:, 1]
    swapped = columns > 16
    assert 10 < int(swapped.sum()) < 54
    torch.testing.assert_close(columns[swapped], 31 - center(images)[swapped, 1])


def test_the_channels_of_an_image_move_together(images: torch.Tensor) -> None:
    moved = Augmentation(**(STILL | {"shift": 0.1, "rotation": 20, "mirror": True}))(images)
    torch.testing.assert_close(moved[:, 0], moved[:, 2])


def test_gain_and_noise_are_of_the_size_asked_for() -> None:
    images = torch.randn(256, 3, 32, 32)
    louder = Augmentation(**(STILL | {"gain": 0.3}))(images)
    logarithms = torch.log(louder.std(dim=(1, 2, 3)))
    assert float(logarithms.std()) == pytest.approx(0.3, rel=0.2)
    noisier = Augmentation(**(STILL | {"noise": 0.5}))(images)
    assert float((noisier - images).std()) == pytest.approx(0.5, rel=0.05)
