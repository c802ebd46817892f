"""What stands where an area was: how a decoder is kept from reading a part of the image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from napari_cortex_decoder.choices import FILLS, FillName
from napari_cortex_decoder.errors import DecoderError

Fill = Callable[[Tensor, int], Tensor]
"""Turns normalised frames, shape (n, y, x), of which the first has the given number, into frames
without a part."""

_BANK = 512
"""Frames at most that are kept as donors of a shuffle."""


def check_fills(fills: tuple[str, ...]) -> None:
    """Refuse fills that there are not.

    Raises
    ------
    DecoderError
        Naming those that there are.
    """
    unknown = [name for name in fills if name not in FILLS]
    if unknown or not fills or len(set(fills)) != len(fills):
        raise DecoderError(
            f"fills {list(fills)} are unknown, repeated or none; choose from {', '.join(FILLS)}."
        )


class Bank:
    """Frames from all over a recording, that stand in for others at the same place.

    Parameters
    ----------
    frames
        Shape (pieces, length, y, x), normalised.
    seed
        Decides which piece stands in for which.
    """

    def __init__(self, frames: Tensor, seed: int) -> None:
        self.frames = frames
        self._seed = seed

    def donors(self, start: int, n: int) -> Tensor:
        """Return the stand-ins of frames start … start + n, shape (n, y, x)."""
        pieces, length = self.frames.shape[:2]
        piece, offset = donor_frames(np.arange(start, start + n), pieces, length, self._seed)
        return self.frames[torch.from_numpy(piece), torch.from_numpy(offset)]


def donor_frames(
    numbers: NDArray[np.int64], pieces: int, length: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw which frame of which piece stands in for frames of a recording.

    Parameters
    ----------
    numbers
        Of the frames, shape (n,).
    pieces, length
        Of a `Bank`, as `bank_starts` chooses them.
    seed
        Decides which piece stands in for which.

    Returns
    -------
    piece, offset
        Shape (n,) each: number of the piece, and of the frame in it.
    """
    drawn = {
        piece: int(np.random.default_rng((seed, int(piece))).integers(pieces))
        for piece in np.unique(numbers // length)
    }
    return np.array([drawn[piece] for piece in numbers // length], np.int64), numbers % length


def bank_starts(n_frames: int, frame_rate: float) -> tuple[NDArray[np.int64], int]:
    """Choose the pieces of a `Bank`: where they start, evenly over a recording, and their length.

    Pieces last a second, so that the indicator's course in time stays what it is; of a recording
    under two seconds they are a quarter of it.
    """
    length = max(1, min(round(frame_rate), n_frames // 4, _BANK))
    pieces = max(1, min(_BANK // length, n_frames // length))
    starts = np.linspace(0, n_frames - length, pieces).round().astype(np.int64)
    return starts, length


def make_fill(
    name: FillName, mask: NDArray[np.bool_], device: torch.device, bank: Bank | None
) -> Fill:
    """Return what fills one part.

    Parameters
    ----------
    name
        How.
    mask
        Shape (y, x): the part, on images.
    device
        Where the frames are.
    bank
        For ``"shuffled"``.
    """
    part = torch.from_numpy(mask).to(device)
    if name == "mean":
        return lambda frames, start: frames.masked_fill(part, 0.0)
    if name == "blurred":
        return _Surroundings(part)
    assert bank is not None  # the caller makes it where it is asked for
    return lambda frames, start: torch.where(part, bank.donors(start, len(frames)), frames)


class _Surroundings:
    """Blur the outside of a part into it (normalised convolution, Knutsson & Westin 1993).

    The Gaussian is as wide as a disc of the part's size, so its middle is reached too.
    """

    def __init__(self, part: Tensor) -> None:
        self._part = part
        self._outside = (~part).float()
        sigma = max(1.0, float(part.sum()) ** 0.5 / np.pi**0.5)
        reach = int(4 * sigma) + 1
        x = torch.arange(-reach, reach + 1, device=part.device)
        kernel = torch.exp(-0.5 * (x / sigma) ** 2)
        self._kernel = kernel / kernel.sum()
        self._weight = self._blur(self._outside[None]).clamp_min(1e-12)

    def __call__(self, frames: Tensor, start: int) -> Tensor:
        """Return the frames with the part filled."""
        around = self._blur(frames * self._outside) / self._weight
        return torch.where(self._part, around, frames)

    def _blur(self, frames: Tensor) -> Tensor:
        reach = len(self._kernel) // 2
        down, across = self._kernel[None, None, :, None], self._kernel[None, None, None, :]
        x = functional.conv2d(frames[:, None], down, padding=(reach, 0))
        return functional.conv2d(x, across, padding=(0, reach))[:, 0]
