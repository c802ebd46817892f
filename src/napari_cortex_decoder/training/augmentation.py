"""Make one mouse look like another: pose, mirror, gain and noise, drawn anew for every image."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How far an image may be taken from what the camera saw.

    Attributes
    ----------
    shift
        Largest shift along each axis, as a share of the image's edge.
    rotation
        Largest rotation in degrees, either way.
    zoom
        Largest relative change of scale, either way.
    mirror
        Whether left and right may be swapped: the cortex is symmetric, and so is running.
    gain
        SD of the logarithm of a factor on the whole image (expression, window clarity).
    noise
        SD of white noise, as a share of the image's own SD.
    """

    shift: float = 0.06
    rotation: float = 8.0
    zoom: float = 0.08
    mirror: bool = True
    gain: float = 0.25
    noise: float = 0.2

    def __call__(self, images: Tensor) -> Tensor:
        """Draw one variation of each image.

        Parameters
        ----------
        images
            Shape (n, 3, y, x), normalised: 0 is each pixel's mean, which fills what moves in.

        Returns
        -------
        torch.Tensor
            Same shape.
        """
        n = images.shape[0]

        def uniform(limit: float) -> Tensor:
            return (torch.rand(n, device=images.device) * 2 - 1) * limit

        angle = uniform(math.radians(self.rotation))
        scale = 1 + uniform(self.zoom)
        flip = torch.ones(n, device=images.device)
        if self.mirror:
            flip = torch.where(torch.rand(n, device=images.device) < 0.5, -1.0, 1.0)
        cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
        # affine_grid measures the image's edge as 2, hence the doubled shift
        rows = [
            torch.stack([cos * flip, -sin, uniform(2 * self.shift)], dim=1),
            torch.stack([sin * flip, cos, uniform(2 * self.shift)], dim=1),
        ]
        grid = functional.affine_grid(
            torch.stack(rows, dim=1).to(images.dtype), list(images.shape), align_corners=False
        )
        moved = functional.grid_sample(images, grid, align_corners=False)
        factor = torch.exp(torch.randn(n, 1, 1, 1, device=images.device) * self.gain)
        spread = moved.std(dim=(1, 2, 3), keepdim=True)
        return moved * factor + torch.randn_like(moved) * spread * self.noise
