"""Which areas of a recording tell of behavior: weights found in what they do, without any label.

Areas that carry a signal differ between mice and rigs, and what tells them is in the recording: how
skewed and how fast a trace is, what it has in common with the others and with its mirror, how it
lies in the main patterns of the cortex. A small network reads these numbers of each area, beside
all others, and gives the area's weight in each of some mixtures. Two mixtures are fixed: the mean
of areas of one SD each, and the mean of the frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from scipy.ndimage import uniform_filter1d
from torch import Tensor, nn

from napari_cortex_decoder.arrays import Bools, Floats, Ints

N_FIXED = 2
"""Mixtures that have nothing learned in them."""

MEAN_OF_FRAME = 1
"""Which of them the mean of the frame is."""

_SMOOTHING = (5, 20, 80)  # samples: .5, 2 and 8 s at 10 Hz
_PATTERNS = 4
_LIMIT = 30.0  # SD
_HIDDEN, _OWN = 64, 8


class AreaMixing(nn.Module):
    """Mixes areas, each as it is and detrended, into a few signals."""

    mean: Tensor
    spread: Tensor

    def __init__(self, areas: Sequence[str], n_mixtures: int) -> None:
        super().__init__()
        self._mirror = mirrored(areas)
        self.register_buffer("mean", torch.zeros(N_DESCRIBED))
        self.register_buffer("spread", torch.ones(N_DESCRIBED))
        self.own = nn.Parameter(0.1 * torch.randn(len(areas), _OWN))
        self.each = nn.Sequential(
            nn.Linear(N_DESCRIBED + _OWN, _HIDDEN),
            nn.GELU(),
            nn.Linear(_HIDDEN, _HIDDEN),
            nn.GELU(),
        )
        self.among = nn.Sequential(
            nn.Linear(2 * _HIDDEN, _HIDDEN), nn.GELU(), nn.Linear(_HIDDEN, n_mixtures)
        )

    def described(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return inputs scaled to each area's own SD, and the areas' descriptions.

        Inputs of a whole recording, shape (t, 2 · areas), are as they are, then detrended, all by
        one factor; 0 of an area that is not seen. Descriptions have shape (areas, numbers); the
        first is an area's SD over that of all, 0 if it is not seen.
        """
        both = inputs.double().cpu().numpy()
        raw, steady = np.split(both, 2, axis=1)
        sd = steady.std(axis=0)
        seen = sd > 0
        divisor = np.tile(np.where(seen, sd, 1), 2)
        scaled = np.clip(both / divisor, -_LIMIT, _LIMIT)
        relative = sd / sd[seen].mean() if seen.any() else sd
        raw, steady = np.split(scaled, 2, axis=1)
        numbers = np.column_stack(
            [relative, np.log(relative + 0.05), _describe(raw, steady, seen, self._mirror)]
        )
        numbers[~seen] = 0
        return torch.from_numpy(scaled).float(), torch.from_numpy(numbers).float()

    def weights(self, descriptions: Tensor, own: Tensor | None = None) -> Tensor:
        """Return what each area weighs in each mixture, shape (n, areas, mixtures).

        `descriptions` have shape (n, areas, numbers); `own` is what is known of an area itself,
        shape (n, areas, …), None: of the areas in their order.
        """
        seen = (descriptions[..., :1] > 0).float()
        n = seen.sum(dim=1, keepdim=True).clamp(min=1)
        known = self.own.expand(len(descriptions), -1, -1) if own is None else own
        read = torch.cat([(descriptions - self.mean) / self.spread, known], dim=-1)
        each = self.each(read)
        among = (each * seen).sum(dim=1, keepdim=True) / n
        free = self.among(torch.cat([each, among.expand_as(each)], dim=-1)) * seen
        length = torch.sqrt((free**2).sum(dim=1, keepdim=True) + 0.1)
        return torch.cat(
            [seen / n, descriptions[..., :1] / n, 2 * free / length / torch.sqrt(n)], dim=-1
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Mix the inputs of a whole recording, shape (t, 2 · areas), to (t, 2 · mixtures)."""
        scaled, descriptions = self.described(inputs)
        weights = self.weights(descriptions[None].to(inputs.device))
        return mixed(scaled[None].to(inputs.device), weights)[0]


def mixed(scaled: Tensor, weights: Tensor) -> Tensor:
    """Return sums over areas by weight: (n, t, 2 · areas), (n, areas, k) to (n, t, 2 k)."""
    raw, steady = scaled.chunk(2, dim=-1)
    return torch.cat([raw @ weights, steady @ weights], dim=-1)


def mirrored(areas: Sequence[str]) -> Ints:
    """Return the place of each area's other side; of one without any, its own."""
    sides = {"left": "right", "right": "left"}
    places = {label: number for number, label in enumerate(areas)}
    found = []
    for number, label in enumerate(areas):
        name, _, side = label.rpartition(" ")
        found.append(places.get(f"{name} {sides.get(side, side)}", number))
    return np.array(found, dtype=np.int64)


def _describe(raw: Floats, steady: Floats, seen: Bools, mirror: Ints) -> Floats:
    """Return numbers of each area that no factor and no offset changes, shape (areas, numbers)."""
    used = seen if seen.any() else ~seen
    bands, smooth = _bands(steady, raw)
    of_mean, smooth_mean = _bands(
        steady[:, used].mean(axis=1, keepdims=True), raw[:, used].mean(axis=1, keepdims=True)
    )
    found: list[Floats] = []
    for own, mean in zip(bands, of_mean, strict=True):
        found += [_log_variance(own), _likeness(own, mean)]
        found += [_likeness(own, own[:, mirror]) * seen[mirror]]
    fast, slower, mean = smooth[1], smooth[2], smooth_mean[1]
    centered = fast - fast.mean(axis=0)
    unit = (mean - mean.mean()) / max(float(mean.std()), 1e-6)
    left = centered - unit * (fast * unit).mean(axis=0)
    slow_left = _moving(left, 20)
    for values in (fast, slower, left, slow_left):
        found += [_skew(values), _peak(values)]
    for values in (fast, left):
        change = values[5:] - values[:-5]
        found += [_skew(change), _peak(change)]
    found += [_log_variance(left), _log_variance(slow_left)]
    of_all = [_skew(mean), _peak(mean), _log_variance(mean), _log_variance(smooth_mean[3])]
    found += [np.full(len(seen), float(value[0])) for value in of_all]
    return np.nan_to_num(np.stack([*found, *_in_patterns(centered * seen, seen)], axis=1))


def _in_patterns(centered: Floats, seen: Bools) -> list[Floats]:
    """Return how areas lie in the main patterns of the cortex, and of what kind those are."""
    n = len(seen)
    variance, patterns = np.linalg.eigh(centered.T @ centered / len(centered))
    found = []
    for rank in range(1, _PATTERNS + 1):
        share = variance[-rank] / max(float(variance.sum()), 1e-9)
        course = centered @ patterns[:, -rank]
        skew = float((course**3).mean() / (course.std() ** 3 + 1e-9))
        # a pattern has no sign of its own: the first raises most areas, the others are skewed up
        sign = np.sign(patterns[seen, -rank].sum()) if rank == 1 else np.sign(skew) or 1.0
        peak = float((course**4).mean() / (course.var() ** 2 + 1e-9))
        slow = _moving(course, 20).var() / max(float(course.var()), 1e-9)
        found.append(patterns[:, -rank] * sign * np.sqrt(seen.sum()))
        of_it = np.tanh(sign * skew / 2), np.tanh(peak / 4 - 0.75), share, slow
        found += [np.full(n, float(value)) for value in of_it]
    return found


def _bands(steady: Floats, raw: Floats) -> tuple[list[Floats], list[Floats]]:
    """Return what is fast to slow in traces (t, n), the last of it before detrending; smoothed."""
    smooth = [steady, *(_moving(steady, n) for n in _SMOOTHING)]
    between = [fast - slow for fast, slow in pairwise(smooth)]
    return [*between, smooth[-1], _moving(raw, _SMOOTHING[-1])], smooth


def _moving(values: Floats, n: int) -> Floats:
    return np.asarray(uniform_filter1d(values, min(n, len(values)), axis=0))


def _unit(values: Floats) -> Floats:
    centered = values - values.mean(axis=0)
    return np.asarray(centered / np.maximum(centered.std(axis=0), 1e-6))


def _skew(values: Floats) -> Floats:
    unit = _unit(values)
    return np.asarray(np.tanh((unit * unit * unit).mean(axis=0) / 2))


def _peak(values: Floats) -> Floats:
    squared = _unit(values) ** 2
    return np.asarray(np.tanh((squared * squared).mean(axis=0) / 4 - 0.75))


def _likeness(one: Floats, other: Floats) -> Floats:
    return np.asarray((_unit(one) * _unit(other)).mean(axis=0))


def _log_variance(values: Floats) -> Floats:
    return np.asarray(np.log(values.var(axis=0) + 1e-4))


N_DESCRIBED = 2 + 3 * 5 + 2 * 4 + 2 * 2 + 2 + 4 + 5 * _PATTERNS
"""Numbers that an area is described by."""
