"""ROI traces and labels of a cohort in the layout of Ajioka et al. 2024."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.arrays import Floats, Ints
from napari_cortex_decoder.containers import matlab
from napari_cortex_decoder.errors import EvaluationError
from napari_cortex_decoder.simulation.cohort import LABELS, SIGNALS

N_ROIS = 50

_MOUSE = re.compile(r"(\d+)$")


@dataclass(frozen=True, eq=False)
class RoiSession:
    """One session: ``traces`` (t, 50), ΔF/F, and ``running`` (t,), 1 = run."""

    traces: Floats
    running: Ints


RoiCohort = dict[str, tuple[RoiSession, ...]]
"""Sessions of each mouse, by the number that the files give it."""


def read_roi_cohort(folder: str | Path) -> RoiCohort:
    """Read ``signal_5mice.mat`` and ``runrest_5mice.mat``.

    Each holds one cell array a mouse, whose name ends in the mouse's number (``signal1`` …
    ``signal5``), and each cell is a session: 50 × T ΔF/F, and 1 × T labels (1 = run). Raises
    EvaluationError if one is missing, or they do not fit together; names mouse and session;
    RecordingError if a file is damaged.
    """
    folder = Path(folder)
    signals, labels = (_by_mouse(folder / name) for name in (SIGNALS, LABELS))
    if set(signals) != set(labels):
        raise EvaluationError(
            f"{folder}: {SIGNALS} has mice {sorted(signals)} and {LABELS} {sorted(labels)}; "
            "put the files of one cohort there."
        )
    mice = {}
    for mouse in sorted(signals, key=int):
        if len(signals[mouse]) != len(labels[mouse]):
            raise EvaluationError(
                f"{folder}: mouse {mouse} has {len(signals[mouse])} sessions in {SIGNALS} and "
                f"{len(labels[mouse])} in {LABELS}; put the files of one cohort there."
            )
        both = zip(signals[mouse], labels[mouse], strict=True)
        mice[mouse] = tuple(
            _session(*one, f"{folder}: mouse {mouse}, session {number}")
            for number, one in enumerate(both, start=1)
        )
    return mice


def _by_mouse(path: Path) -> dict[str, tuple[NDArray[np.generic], ...]]:
    if not path.is_file():
        raise EvaluationError(
            f"{path}: there is no such file; give the folder of the paper's data (--data), with "
            f"{SIGNALS} and {LABELS} for the rows of ROI decoders."
        )
    cells = matlab.cells(path)
    found = {}
    for name, content in cells.items():
        number = _MOUSE.search(name)
        if number is not None:
            found[str(int(number[1]))] = content
    if not found:
        raise EvaluationError(
            f"{path}: no cell array of numbers is called signal1, signal2 … or runrest1, "
            f"runrest2 …; it has {sorted(cells)}."
        )
    return found


def _session(traces: NDArray[np.generic], labels: NDArray[np.generic], where: str) -> RoiSession:
    if traces.ndim != 2 or traces.shape[0] != N_ROIS:
        raise EvaluationError(
            f"{where}: the traces have shape {traces.shape}; the paper's are {N_ROIS} × frames."
        )
    values, running = traces.T.astype(np.float64), labels.ravel().astype(np.float64)
    if running.size != len(values):
        raise EvaluationError(
            f"{where}: {running.size} labels for {len(values)} frames; correct {LABELS}."
        )
    if not np.isfinite(values).all() or not np.isin(running, (0, 1)).all():
        raise EvaluationError(
            f"{where}: a trace is NaN or infinite, or a label neither 0 (rest) nor 1 (run); "
            "correct it."
        )
    return RoiSession(values, running.astype(np.int64))
