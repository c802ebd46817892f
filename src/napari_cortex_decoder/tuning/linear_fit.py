"""Linear decoders of area traces: what seconds of fitting can do, and what all else has to beat.

Each area has a filter over time: a weight for each of some stretches of the window, fine near the
frame and coarse away from it. Weights are those of a ridge regression on the labels, whose strength
is chosen, with the length of the window and the detrending, in folds of contiguous blocks inside
what is learned from. Scale and shift come from what the folds read without having learned it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from napari_cortex_decoder.arrays import Floats, Ints, Singles
from napari_cortex_decoder.decoder.config import (
    DecoderConfig,
    LinearConfig,
    TracePreprocessing,
    Window,
)
from napari_cortex_decoder.decoder.engine.traces import preprocess_traces
from napari_cortex_decoder.decoder.linear_filters import stretch_means, stretches
from napari_cortex_decoder.decoder.networks import Linear
from napari_cortex_decoder.scoring.calibration import cross_entropy, fit_calibration
from napari_cortex_decoder.tuning.detrended_base import DETREND_SECONDS
from napari_cortex_decoder.tuning.held_out import Chosen, Labels, Masks
from napari_cortex_decoder.tuning.task import AreaTraces
from napari_cortex_decoder.tuning.tunable import Model

REACHES = (1.0, 3.0)
"""s: how far a filter may see to either side."""

_STRENGTHS = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0)  # of the ridge, in units of the mean variance
_DETRENDED = (DETREND_SECONDS, 3 * DETREND_SECONDS, None)
_TOLERATED = 0.05
"""Cross-entropy that each step to less detrending has to win: between labels that are learned from
drift shows less than beyond them, and where detrending takes long bouts away it costs much more."""


@dataclass(eq=False)
class LinearFit:
    """Fits linear decoders of the same traces and labels to one choice of frames after another."""

    traces: AreaTraces  # what they read
    labels: Labels
    behaviors: tuple[str, ...]  # their names
    # whose statistics and cleaning are taken over: of a causal base nothing looks ahead
    like: DecoderConfig
    gap: int  # frames between what learns and what decides
    _read: dict[float | None, list[Singles]] = field(default_factory=dict)

    def _features(self, config: LinearConfig) -> list[Singles]:
        seconds = config.preprocessing.detrend_seconds
        if seconds not in self._read:
            self._read[seconds] = [
                np.nan_to_num(preprocess_traces(v, config.preprocessing, self.traces.frame_rate))
                for v in self.traces.values
            ]
        return self._read[seconds]

    def fit(self, learns: Masks, _: object) -> tuple[Model, list[Singles]]:
        """Fit to the frames that are learned from; give what the decoder reads, (t, areas), too."""
        with threadpool_limits(1):  # matrices this small are slower by many threads than by one
            return self._fit(learns)

    def _fit(self, learns: Masks) -> tuple[Model, list[Singles]]:
        chosen = Chosen(learns, self.labels)
        labels = chosen.labels
        targets = np.eye(len(self.behaviors))[labels]
        if len(self.behaviors) == 2:
            targets = targets[:, 1:]
        parts = chosen.folds_or_all(self.gap)
        decided = np.any([deciding for _, deciding in parts], axis=0)
        best: tuple[float, LinearConfig, int, float, Floats] | None = None
        for steps, config in self._configs():
            design = self._design(config, chosen.places)
            read = np.zeros((len(_STRENGTHS), len(labels), targets.shape[1]))
            for learning, deciding in parts:
                for row, (weight, bias) in zip(
                    read, _ridges(design[learning], targets[learning]), strict=True
                ):
                    row[deciding] = design[deciding] @ weight + bias
            for number in reversed(range(len(_STRENGTHS))):  # of equals the strongest
                logits = read[number][decided]
                scale, shift = fit_calibration(logits, labels[decided])
                loss = cross_entropy(logits * scale + shift, labels[decided])
                loss += steps * _TOLERATED
                if best is None or loss < best[0] - 1e-4:
                    best = loss, config, number, scale, shift
        assert best is not None  # there is always one configuration
        _, config, number, scale, shift = best
        weight, bias = _ridges(self._design(config, chosen.places), targets)[number]
        network = _network(config, weight * scale, bias * scale + shift)
        return Model(network, config), self._features(config)

    def _configs(self) -> list[tuple[int, LinearConfig]]:
        """Return what is tried, the plainest first, and by how many steps it detrends less."""
        rate, given = self.traces.frame_rate, self.like.preprocessing
        longest = max(len(values) for values in self.traces.values) / rate
        configs = []
        for steps, seconds in enumerate(_DETRENDED):
            if seconds is not None and longest < 2 * seconds:
                continue
            for reach in REACHES:
                n = max(1, round(reach * rate))
                config = LinearConfig(
                    behaviors=self.behaviors,
                    frame_rate=rate,
                    window=Window(past=n, future=0 if given.causal else n),
                    preprocessing=TracePreprocessing(
                        areas=self.traces.areas,
                        atlas=self.traces.atlas,
                        detrend_seconds=seconds,
                        scaling="sd",
                        statistics=given.statistics,
                        warm_up_seconds=given.warm_up_seconds,
                    ),
                    cleaning=self.like.cleaning,
                )
                configs.append((steps, config))
        return configs

    def _design(self, config: LinearConfig, places: Sequence[Ints]) -> Floats:
        """Return the mean of each trace over each stretch, shape (frames, stretches · areas)."""
        parts = stretches(config.window.past, config.window.future)
        read = zip(self._features(config), places, strict=True)
        return np.concatenate([stretch_means(values, own, parts) for values, own in read])


def _ridges(design: Floats, targets: Floats) -> list[tuple[Floats, Floats]]:
    """Return weights (inputs, outputs) and biases of ridge regressions, by strength."""
    mean, level = design.mean(axis=0), targets.mean(axis=0)
    centered = design - mean
    variances, directions = np.linalg.eigh(centered.T @ centered)
    along = directions.T @ (centered.T @ (targets - level))
    found = []
    for strength in _STRENGTHS:
        pull = strength * max(float(variances.mean()), 1e-12)
        weight = directions @ (along / (np.maximum(variances, 0) + pull)[:, None])
        found.append((weight, level - mean @ weight))
    return found


def _network(config: LinearConfig, weight: Floats, bias: Floats) -> Linear:
    """Return the decoder that gives each sample of a stretch its share of the weight."""
    n = config.preprocessing.n_traces
    samples = np.zeros((config.window.length, n, weight.shape[1]))
    parts = stretches(config.window.past, config.window.future)
    for number, (first, last) in enumerate(parts):
        own = slice(config.window.past + first, config.window.past + last + 1)
        samples[own] += weight[number * n : (number + 1) * n] / (last - first + 1)
    network = Linear(config)
    with torch.no_grad():
        network.linear_out.weight.copy_(torch.from_numpy(samples.reshape(-1, weight.shape[1]).T))
        network.linear_out.bias.copy_(torch.from_numpy(np.atleast_1d(bias)))
    return network.eval()
