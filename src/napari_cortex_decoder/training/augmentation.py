"""Make one mouse look like another: pose, mirror, gain and noise, drawn anew for every example."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from napari_cortex_decoder.training.config import Augmentation


def vary_images(images: Tensor, by: Augmentation) -> Tensor:
    """Draw one variation of each image, or of each window of images.

    Parameters
    ----------
    images
        Shape (n, 3, y, x), or (n, length, 3, y, x): the images of a window are varied alike, but
        for the noise. Normalized: 0 is each pixel's mean, which fills what moves in.
    """
    n, shape = len(images), images.shape
    planes = images.reshape(n, -1, *shape[-2:])

    def uniform(limit: float) -> Tensor:
        return (torch.rand(n, device=images.device) * 2 - 1) * limit

    angle = uniform(math.radians(by.rotation))
    scale = 1 + uniform(by.zoom)
    flip = torch.ones(n, device=images.device)
    if by.mirror:
        flip = torch.where(torch.rand(n, device=images.device) < 0.5, -1.0, 1.0)
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    # affine_grid measures the image's edge as 2, hence the doubled shift
    rows = [
        torch.stack([cos * flip, -sin, uniform(2 * by.shift)], dim=1),
        torch.stack([sin * flip, cos, uniform(2 * by.shift)], dim=1),
    ]
    grid = functional.affine_grid(
        torch.stack(rows, dim=1).to(images.dtype), list(planes.shape), align_corners=False
    )
    moved = functional.grid_sample(planes, grid, align_corners=False)
    return _vary(moved, torch.zeros(1, device=images.device), by).reshape(shape)


def vary_traces(traces: Tensor, by: Augmentation) -> Tensor:
    """Draw other swings and other noise for each window of traces, shape (n, length, areas).

    The mean of each trace over its window stays: it is what the scaling of a session left.
    """
    return _vary(traces, traces.mean(dim=1, keepdim=True), by)


def _vary(examples: Tensor, middle: Tensor, by: Augmentation) -> Tensor:
    """Draw a gain about `middle` and white noise for each example, shape (n, ...)."""
    every = tuple(range(1, examples.ndim))
    shape = (len(examples), *[1] * len(every))
    factor = torch.exp(torch.randn(shape, device=examples.device) * by.gain)
    swings = examples - middle
    spread = swings.std(dim=every, keepdim=True)
    return middle + swings * factor + torch.randn_like(examples) * spread * by.noise
