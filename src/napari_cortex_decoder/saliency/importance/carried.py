"""What areas carry of a behavior: decoders learned anew from one area alone, and from all but it.

Another question than what one decoder uses: of two areas that say the same both carry it, and a
decoder may read either. As the rows by region of Ajioka et al. 2024, but linear: ridge regression
on means of traces over stretches of a second, learned from four fifths of the bouts, read in the
fifth that is left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve

from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.decoder.config import DETREND_SECONDS
from napari_cortex_decoder.decoder.engine.traces import read_traces
from napari_cortex_decoder.decoder.linear_filters import stretch_means, stretches
from napari_cortex_decoder.progress import Progress, Report
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.recording.preprocessing.moving import MovingWindow
from napari_cortex_decoder.saliency.masking.regions import Target

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_REACH = 1.0
"""s that a filter sees to either side; as far apart again are what learns and what is read."""

_FOLDS = 5
_MOST = 4096
"""Frames that are learned from, at most: neighbors are near-copies."""

_STRENGTH = 0.1
"""Of the ridge, in units of the mean variance."""


def read_anew(
    recording: Recording,
    registration: Registration,
    targets: Sequence[Target],
    labels: Ints,
    bouts: Ints,
    scored: Ints,
    report: Report,
) -> Floats | None:
    """Return what decoders of area traces read that did not learn from these bouts.

    Parameters
    ----------
    recording, registration
        Whose areas are averaged, in one pass.
    targets
        What they learn from, or do without.
    labels, bouts
        Shape (t,): 1 for the behavior, 0 for another, −1 unknown; number of the bout.
    scored
        Shape (n,), rising: which frames are read.
    report
        Called with the progress.

    Returns
    -------
    numpy.ndarray or None
        Shape (1 + 2 · targets, n): of all areas, of each target alone, of all but each; NaN where
        nothing is left to learn from. None where too few bouts are left to learn from.
    """
    traces, seen = _traces(recording, registration, report)
    parts = stretches(*[round(_REACH * recording.known_frame_rate())] * 2)
    own = np.array([np.isin(seen, target.members) for target in targets])
    there = own.any(axis=1, keepdims=True)
    areas = np.concatenate([np.ones((1, len(seen)), bool), own, ~own & there])
    chosen = np.tile(areas, len(parts))
    rows = np.full((len(chosen), len(scored)), np.nan)
    known = np.flatnonzero(labels >= 0)
    gap = 2 * round(_REACH * recording.known_frame_rate())
    folds = [one for one in np.array_split(np.unique(bouts[scored]), _FOLDS) if len(one)]
    for number, fold in enumerate(folds):
        inside = np.isin(bouts[scored], fold)
        first, last = scored[inside][[0, -1]]
        learns = known[(known < first - gap) | (known > last + gap)]
        learns = learns[:: -(-len(learns) // _MOST) or 1]
        if len(np.unique(labels[learns])) < 2:
            return None
        design = stretch_means(traces, learns, parts)
        mean, wanted = design.mean(axis=0), labels[learns] - labels[learns].mean()
        design -= mean
        products, along = design.T @ design, design.T @ wanted
        others = stretch_means(traces, scored[inside], parts) - mean
        for row, columns in zip(rows, chosen, strict=True):
            if columns.any():
                square = products[np.ix_(columns, columns)]
                square.flat[:: len(square) + 1] += _STRENGTH * np.trace(square) / len(square)
                weight = solve(square, along[columns], assume_a="pos")
                row[inside] = others[:, columns] @ weight
        report(Progress("learning anew", number + 1, len(folds)))
    return rows


def _traces(
    recording: Recording, registration: Registration, report: Report
) -> tuple[Floats, Ints]:
    """Return traces, detrended, of mean 0 and SD 1, shape (t, k), and the places of their areas."""
    n, total = len(registration.atlas.areas), recording.n_frames
    blocks = []
    for start, block in read_traces(recording, registration.label_image(recording.shape), n):
        blocks.append(block)
        report(Progress("averaging areas", start + len(block), total))
    traces = np.concatenate(blocks)
    window = MovingWindow(round(DETREND_SECONDS * recording.known_frame_rate()))
    if total >= 2 * window.n:
        traces = traces - window.means(traces, slice(0, total))
    spread = traces.std(axis=0)
    seen = np.flatnonzero(spread > 0)  # neither out of view, which is NaN, nor still
    return (traces[:, seen] - traces[:, seen].mean(axis=0)) / spread[seen], seen
