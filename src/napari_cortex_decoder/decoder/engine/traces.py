"""From a movie to the traces that an area decoder sees: averaged, detrended, scaled.

The paper's traces are ΔF/F (Ajioka et al. 2024). They are not divided by F₀ here: F₀ is one number
a trace, and scaling takes any factor and any offset away again, so fluorescence and ΔF/F give the
same result.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import dask.array as da
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from napari_cortex_decoder.arrays import Floats, Singles
from napari_cortex_decoder.decoder.config import TraceConfig, TracePreprocessing
from napari_cortex_decoder.decoder.frames.detrending import detrending_window
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.movie_blocks import read_blocks
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.recording.preprocessing.moving import MovingWindow


def padded(inputs: Singles, config: TraceConfig) -> Singles:
    """Add zeros before and after inputs (t, n) where a decoder sees beyond their ends."""
    before = config.window.past - config.frames_before
    after = config.window.future - config.frames_after
    return np.pad(inputs, ((before, after), (0, 0))) if before or after else inputs


def read_traces(
    recording: Recording, labels: NDArray[np.int32], n_areas: int
) -> Iterator[tuple[int, Floats]]:
    """Average a movie over areas, as `locate_areas` labels them, block by block.

    Yields the number of a block's first frame, and traces of shape (n, areas) in the movie's own
    unit, NaN of an area without a pixel. Raises RecordingError if an area has pixels that are NaN
    or infinite (names the frame).
    """
    inside = np.flatnonzero(labels)
    pixels = csr_array(
        (np.ones(len(inside)), (labels.ravel()[inside] - 1, inside)), shape=(n_areas, labels.size)
    )
    counts, blocks = pixel_sums(recording, pixels)
    counts[counts == 0] = np.nan
    for start, sums in blocks:
        yield start, sums / counts


Blocks = Iterator[tuple[int, Floats]]


def pixel_sums(recording: Recording, pixels: csr_array) -> tuple[Floats, Blocks]:
    """Add up groups of pixels: of a movie itself, and of traces by what is painted on them.

    `pixels`, shape (groups, pixels of a frame), is 1 where a pixel is of a group. Gives how many
    pixels each sum is of, shape (groups,), and, block by block, the number of the first frame and
    sums, (n, groups). Raises RecordingError there if a pixel, or a trace that is wanted, is NaN or
    infinite.
    """
    if recording.traces is None or recording.label_image is None:
        return np.asarray(pixels.sum(axis=1), np.float64), _sums_of_movie(recording, pixels)
    seen = np.flatnonzero(recording.label_image)
    trace = recording.label_image.ravel()[seen] - 1
    shape = recording.label_image.size, len(recording.areas)
    shares = (pixels @ csr_array((np.ones(len(seen)), (seen, trace)), shape=shape)).toarray()
    return shares.sum(axis=1), _sums_of_traces(recording, recording.traces, shares)


def _sums_of_movie(recording: Recording, pixels: csr_array) -> Blocks:
    grouped = (pixels.sum(axis=0) > 0).reshape(recording.shape)
    for start, frames in read_blocks(recording.movie):
        # NaN outside a mask is of no group, and would spread by a product with 0
        used = frames if grouped.all() else np.where(grouped, frames, 0)
        sums = np.stack([pixels @ frame.ravel() for frame in used])
        finite = np.isfinite(sums).all(axis=1)
        if not finite.all():
            raise RecordingError(
                f"{recording.path or recording.name}: frame {start + int(np.argmin(finite))} has "
                "pixels that are NaN or infinite; repair the frame or crop it away."
            )
        yield start, sums


def _sums_of_traces(recording: Recording, traces: da.Array, shares: Floats) -> Blocks:
    wanted = np.flatnonzero(shares.any(axis=0))
    for start, block in read_blocks(traces):
        values = block[:, wanted].astype(np.float64)
        finite = np.isfinite(values)
        if not finite.all():
            frame, column = np.argwhere(~finite)[0].tolist()
            raise RecordingError(
                f"{recording.path or recording.name}: the trace of "
                f"{recording.areas[wanted[column]]} is NaN or infinite in frame {start + frame}; "
                "fill the gap (preprocessing step fill-gaps) or crop it away."
            )
        yield start, values @ shares[:, wanted].T


@dataclass(frozen=True, eq=False)
class TraceScaling:
    """How the traces of one recording are detrended and scaled."""

    # what is subtracted after detrending, and what is divided by: shape (1, areas), or (t, areas)
    # with running statistics
    center: Floats
    spread: Floats
    warm_up: int  # frames at the start that nothing is predicted from
    window: MovingWindow | None  # of the moving mean that is subtracted; None for none
    # what is subtracted of the traces before detrending, where those are inputs, too
    raw_center: Floats | None = None

    def of(self, areas: NDArray[np.integer]) -> TraceScaling:
        """Return the scaling of some areas, in this order."""
        raw = None if self.raw_center is None else self.raw_center[:, areas]
        return replace(
            self, center=self.center[:, areas], spread=self.spread[:, areas], raw_center=raw
        )

    def apply(self, traces: NDArray[np.floating]) -> Singles:
        """Detrend and scale traces, shape (t, areas), to inputs; NaN in the frames of the warm-up.

        What stands for areas that are not seen (NaN) is 0, and the others count for more.
        """
        parts = [_detrended(traces, self.window) - self.center]
        if self.raw_center is not None:
            parts.insert(0, traces - self.raw_center)
        spread = np.where(self.spread > 0, self.spread, 1)
        values = np.concatenate([part / spread for part in parts], axis=1)
        unseen = np.isnan(values).all(axis=0)
        values[:, unseen] = 0
        values *= len(unseen) / max(1, int((~unseen).sum()))
        values[: self.warm_up] = np.nan
        return values.astype(np.float32)


def measure_traces(
    traces: NDArray[np.floating],
    preprocessing: TracePreprocessing,
    frame_rate: float,
    where: str = "the traces",
) -> TraceScaling:
    """Find out how traces, (t, areas), are to be scaled: fluorescence or ΔF/F is no matter.

    Raises RecordingError if a trace does not vary.
    """
    window = detrending_window(preprocessing, frame_rate)
    values = _detrended(traces, window)
    statistics = _running if preprocessing.causal else _session
    center, spread = statistics(values, preprocessing.scaling)
    warm_up = preprocessing.warm_up_frames(frame_rate)
    # of rounding, a trace of one value keeps a spread of some 1e-16 of it
    with np.errstate(invalid="ignore"):  # areas that are not seen are NaN
        still = spread[warm_up:] <= 1e-12 * np.abs(np.asarray(traces)).max(axis=0)
    if still.any():
        names = preprocessing.areas or ("the mean of the frame",)
        column = int(still.any(axis=0).argmax())
        raise RecordingError(
            f"{where}: the trace of {names[column]} does not vary, so there is nothing to decode "
            "from; check that the right file was exported and that the atlas lies on the brain."
        )
    if preprocessing.scaling == "mean-sd":
        with np.errstate(invalid="ignore"):
            spread = np.where(np.isnan(spread), spread, np.nanmean(spread, axis=1, keepdims=True))
    raw = None
    if preprocessing.beside_raw:
        raw, _ = statistics(np.asarray(traces, np.float64), preprocessing.scaling)
    return TraceScaling(center, spread, warm_up, window, raw)


def preprocess_traces(
    traces: NDArray[np.floating],
    preprocessing: TracePreprocessing,
    frame_rate: float,
    where: str = "the traces",
) -> Singles:
    """Detrend and scale traces, shape (t, areas), as `measure_traces` finds for themselves."""
    return measure_traces(traces, preprocessing, frame_rate, where).apply(traces)


def _detrended(traces: NDArray[np.floating], window: MovingWindow | None) -> Floats:
    values = np.asarray(traces, dtype=np.float64)
    return values if window is None else values - window.means(values, slice(0, len(values)))


def _session(values: Floats, scaling: str) -> tuple[Floats, Floats]:
    """Return what is subtracted and what is divided by, shape (1, areas), of all frames."""
    if scaling == "min-max":
        low = values.min(axis=0, keepdims=True)
        return low, values.max(axis=0, keepdims=True) - low
    return values.mean(axis=0, keepdims=True), values.std(axis=0, keepdims=True)


def _running(values: Floats, scaling: str) -> tuple[Floats, Floats]:
    """Return the same for each frame, of the frames up to it, shape (t, areas)."""
    if scaling == "min-max":
        low = np.minimum.accumulate(values)
        return low, np.maximum.accumulate(values) - low
    counts = np.arange(1, len(values) + 1)[:, None]
    deviations = values - values[0]  # from any one frame, so that no digits are lost to an offset
    means = np.cumsum(deviations, axis=0) / counts
    variance = np.cumsum(deviations**2, axis=0) / counts - means**2
    return means + values[0], np.sqrt(np.maximum(variance, 0))
