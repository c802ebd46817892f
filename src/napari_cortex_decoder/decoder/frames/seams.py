"""Blocks of a movie decoded in any order, each image encoded once: what neighbours lend another."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Run:
    """Frames that follow one another and have been encoded: what the next block needs of them."""

    # first frame, and the first one after it
    start: int
    stop: int
    # shape (n, y, x): as many as images at the seam share, or all if there are fewer
    first_frames: Tensor
    last_frames: Tensor
    # shape (n, inputs), of images: as many as windows across the seam share, or all
    first_inputs: Tensor
    last_inputs: Tensor


class Seams:
    """The runs of a movie so far; neighbours grow together.

    Image k begins with frame k and window k with image k, so that all of them are numbered by the
    first frame that has a part in them. What is shared is how many more frames than one an image
    needs, and how many more images than one a window.
    """

    def __init__(
        self, shared_frames: int, shared_images: int, empty_frames: Tensor, empty_inputs: Tensor
    ) -> None:
        self._shared_frames = shared_frames
        self._shared_images = shared_images
        self._empty = empty_frames, empty_inputs
        self._by_start: dict[int, Run] = {}
        self._by_stop: dict[int, Run] = {}

    def around(self, start: int, stop: int) -> tuple[Run, Run]:
        """Return the runs that end where a block begins, and begin where it ends; empty if none."""
        frames, inputs = self._empty
        left = self._by_stop.get(start) or Run(start, start, frames, frames, inputs, inputs)
        right = self._by_start.get(stop) or Run(stop, stop, frames, frames, inputs, inputs)
        return left, right

    def add(self, start: int, frames: Tensor, inputs: Tensor) -> None:
        """Join a block to its neighbours: frames, and inputs, (m, inputs), of its images."""
        left, right = self.around(start, start + len(frames))
        self._by_stop.pop(left.stop, None)
        self._by_start.pop(left.start, None)
        self._by_stop.pop(right.stop, None)
        self._by_start.pop(right.start, None)
        run = Run(
            left.start,
            right.stop,
            _first(self._shared_frames, left.first_frames, frames, right.first_frames),
            _last(self._shared_frames, left.last_frames, frames, right.last_frames),
            _first(self._shared_images, left.first_inputs, inputs, right.first_inputs),
            _last(self._shared_images, left.last_inputs, inputs, right.last_inputs),
        )
        self._by_start[run.start] = self._by_stop[run.stop] = run


def _first(n: int, *parts: Tensor) -> Tensor:
    return torch.cat(parts)[:n].clone()


def _last(n: int, *parts: Tensor) -> Tensor:
    whole = torch.cat(parts)
    return whole[len(whole) - min(n, len(whole)) :].clone()
