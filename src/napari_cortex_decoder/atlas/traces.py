"""What each area does over time: one pass over a movie, any number of areas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import dask.array as da
import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cortex_decoder.arrays import Floats
from napari_cortex_decoder.atlas.area import Area
from napari_cortex_decoder.errors import AtlasError
from napari_cortex_decoder.files import Kind, begins, csv_text, write_whole
from napari_cortex_decoder.movie_blocks import read_blocks, seen_pixels
from napari_cortex_decoder.progress import Progress, Report


def area_traces(
    movie: da.Array, label_image: NDArray[np.integer], n_areas: int, progress: Report | None = None
) -> Floats:
    """Average a movie, (t, y, x), over each area, frame by frame: shape (t, n_areas), float64.

    In the movie's own unit; NaN for an area with no pixel. Pixels outside a mask (`seen_pixels`)
    are no part of an area. `label_image`, (y, x), has 0 for no area and i + 1 for area i, as
    `Registration.label_image` gives it. The movie is read once, in blocks of about 16 MiB (or one
    dask chunk, where that is more), so memory does not grow with its length; an exception that
    `progress` raises ends the pass. Raises AtlasError if the label image is not the size of a
    frame, or has labels beyond `n_areas`.
    """
    labels = np.asarray(label_image)
    if labels.shape != movie.shape[1:] or not np.issubdtype(labels.dtype, np.integer):
        raise AtlasError(
            f"the label image has shape {labels.shape} and type {labels.dtype}, the movie's "
            f"frames have shape {movie.shape[1:]}; paint integers at the size of a frame."
        )
    if labels.min() < 0 or labels.max() > n_areas:
        raise AtlasError(
            f"the label image has labels {labels.min()} to {labels.max()} for {n_areas} areas; "
            "0 is no area, i + 1 is area i."
        )
    flat = np.where(seen_pixels(movie), labels, 0).ravel()
    counts = np.bincount(flat, minlength=n_areas + 1)
    traces = np.empty((movie.shape[0], n_areas))
    for start, frames in read_blocks(movie):
        for t, frame in enumerate(frames, start):
            sums = np.bincount(flat, weights=frame.ravel(), minlength=n_areas + 1)
            with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN of an area with no pixel
                traces[t] = sums[1:] / counts[1:]
        if progress is not None:
            progress(Progress("averaging areas", start + len(frames), movie.shape[0]))
    return traces


def has_baseline(traces: NDArray[np.floating]) -> bool:
    """Return whether traces, shape (t, n), are fluorescence that ΔF/F can be taken of.

    Fluorescence is measured from darkness: over time it varies by less than it is. A movie that was
    detrended or is ΔF/F already varies around 0. Areas with no pixel (NaN) do not count.
    """
    seen = np.asarray(traces, dtype=np.float64)
    seen = seen[:, np.isfinite(seen).all(axis=0)]
    return bool((seen.mean(axis=0) > seen.std(axis=0)).all())


def relative_change(
    traces: NDArray[np.floating], baseline: float | None = None, *, dark: float = 0.0
) -> Floats:
    """Express traces, (t, n), as ΔF/F, the change relative to each area's own baseline.

    A fraction: 0.01 is 1 %; NaN for an area with no pixel or no fluorescence. `baseline` is the
    percentile over time, 0 to 100, that is F₀; None: the mean over time. `dark` is what the camera
    reads without light, in counts: it is no fluorescence, and left in F₀ it makes every change look
    smaller.
    """
    if baseline is not None and not 0 <= baseline <= 100:
        raise AtlasError(f"the baseline is percentile {baseline}; give 0 to 100.")
    values = np.asarray(traces, dtype=np.float64)
    f0 = values.mean(axis=0) if baseline is None else np.percentile(values, baseline, axis=0)
    light = np.where(f0 > dark, f0 - dark, np.nan)
    return np.asarray((values - f0) / light)


def correlate_behavior(traces: NDArray[np.floating], behavior: ArrayLike) -> Floats:
    """Correlate each area with a behavior over the frames where both are known: shape (n,).

    Pearson's r of traces (t, n) with one value a frame (speed, or 0 and 1 for a label), NaN where
    unknown. NaN where fewer than three frames are known or one side does not vary. Neighboring
    frames are alike, so r has far fewer degrees of freedom than frames: it comes without a p value.
    """
    values = np.asarray(traces, dtype=np.float64)
    other = np.asarray(behavior, dtype=np.float64)
    if other.shape != values.shape[:1]:
        raise AtlasError(
            f"the behavior has shape {other.shape} for {len(values)} frames; "
            "give one value a frame."
        )
    r = np.full(values.shape[1], np.nan)
    for i, trace in enumerate(values.T):
        known = np.isfinite(trace) & np.isfinite(other)
        a, b = trace[known], other[known]
        if known.sum() > 2 and np.ptp(a) > 0 and np.ptp(b) > 0:
            r[i] = np.corrcoef(a, b)[0, 1]
    return r


def write_traces(
    path: str | Path,
    traces: NDArray[np.floating],
    labels: Sequence[str],
    times: NDArray[np.floating] | None = None,
    *,
    overwrite: bool = False,
) -> None:
    """Write traces, (t, n), as CSV: ``frame``, ``time_s`` where times are known, a column an area.

    `labels` are the headings, such as `Area.label`; such a table, with the same headings, is
    replaced. Raises AtlasError if headings or times (s) do not fit the traces, or the file cannot
    be written.
    """
    if traces.ndim != 2 or len(labels) != traces.shape[1]:
        raise AtlasError(f"{len(labels)} headings for traces of shape {traces.shape}.")
    if times is not None and times.shape != traces.shape[:1]:
        raise AtlasError(f"times of shape {times.shape} for {len(traces)} frames.")
    rows = [["frame", *([] if times is None else ["time_s"]), *labels]]
    for frame, values in enumerate(traces):
        time = [] if times is None else [f"{times[frame]:.6f}"]
        rows.append([str(frame), *time, *map(_cell, values)])
    write_whole(path, _text(rows), AtlasError, kind=traces_kind(labels), overwrite=overwrite)


def write_correlations(
    path: str | Path,
    areas: Sequence[Area],
    r: Mapping[str, NDArray[np.floating]],
    *,
    overwrite: bool = False,
) -> None:
    """Write correlations as CSV: ``acronym,side,name``, and a column ``r_<behavior>`` for each.

    `r` has shape (n,) by behavior, as `correlate_behavior` gives it; such a table is replaced.
    Raises AtlasError if the file cannot be written.
    """
    rows = [["acronym", "side", "name", *(f"r_{behavior}" for behavior in r)]]
    for i, area in enumerate(areas):
        rows.append([area.acronym, area.side, area.name, *(_cell(each[i]) for each in r.values())])
    write_whole(path, _text(rows), AtlasError, kind=CORRELATIONS, overwrite=overwrite)


def _cell(value: float) -> str:
    """Write a number; as the other tables do, an empty cell is a value that there is not."""
    return f"{value:.7g}" if np.isfinite(value) else ""


def traces_kind(labels: Sequence[str]) -> Kind:
    """Return the kind of table that `write_traces` writes of these areas."""
    return begins(_text([["frame", *labels]]), _text([["frame", "time_s", *labels]]))


CORRELATIONS = begins("acronym,side,name,r_")
"""What `write_correlations` writes."""

_text = partial(csv_text, end="\r\n")
