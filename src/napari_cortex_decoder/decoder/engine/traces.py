"""From a movie to the traces that an area decoder sees: averaged, detrended, scaled.

The paper's traces are ΔF/F (Ajioka et al. 2024). They are not divided by F₀ here: F₀ is one number
a trace, and scaling takes any factor and any offset away again, so fluorescence and ΔF/F give the
same result.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.atlas import Atlas, Registration, area_traces
from napari_cortex_decoder.decoder.config import TracePreprocessing
from napari_cortex_decoder.decoder.frames.detrending import detrending_window
from napari_cortex_decoder.errors import DecoderError, RecordingError
from napari_cortex_decoder.movie_blocks import read_blocks
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.recording.preprocessing.moving import MovingWindow


def missing_areas(preprocessing: TracePreprocessing, atlas: Atlas) -> list[str]:
    """Return the areas that a decoder asks for and an atlas does not have."""
    known = {area.label for area in atlas.areas}
    return [label for label in preprocessing.areas if label not in known]


def locate_areas(
    preprocessing: TracePreprocessing, recording: Recording, registration: Registration | None
) -> NDArray[np.int32]:
    """Paint the areas that a decoder asks for on a frame.

    Parameters
    ----------
    preprocessing
        Names them; none: the whole frame is the area.
    recording, registration
        What lies where.

    Returns
    -------
    numpy.ndarray
        Shape (y, x), int32: i + 1 where the decoder's area i is, else 0.

    Raises
    ------
    DecoderError
        If there is no registration, if its atlas lacks an area, or if one lies outside the movie.
    AtlasError
        If the registration was made on frames of another shape.
    """
    where = recording.path or recording.name
    if not preprocessing.areas:
        return np.ones(recording.shape, dtype=np.int32)
    wanted = f" {preprocessing.atlas!r}" if preprocessing.atlas else " that it learned from"
    if registration is None:
        raise DecoderError(
            f"this decoder reads {len(preprocessing.areas)} areas, and nothing says where they lie "
            f"on {where}; give a registration of the atlas{wanted} (command line: --registration)."
        )
    if missing := missing_areas(preprocessing, registration.atlas):
        more = f" and {len(missing) - 1} more areas" if len(missing) > 1 else ""
        raise DecoderError(
            f"atlas {registration.atlas.name!r} on {where} has no {missing[0]!r}{more}, which this "
            f"decoder reads; place the atlas{wanted}."
        )
    places = {area.label: i + 1 for i, area in enumerate(registration.atlas.areas)}
    column = np.zeros(len(registration.atlas.areas) + 1, dtype=np.int32)
    for i, label in enumerate(preprocessing.areas):
        column[places[label]] = i + 1
    labels = column[registration.label_image(recording.shape)]
    pixels = np.bincount(labels.ravel(), minlength=len(preprocessing.areas) + 1)[1:]
    unseen = [label for label, n in zip(preprocessing.areas, pixels, strict=True) if n == 0]
    if unseen:
        more = f" and {len(unseen) - 1} more areas" if len(unseen) > 1 else ""
        raise DecoderError(
            f"{unseen[0]!r}{more}, which this decoder reads, covers no pixel of {where}; check "
            "where the atlas lies, or use a decoder of areas that are in view."
        )
    return labels


def read_traces(
    recording: Recording, labels: NDArray[np.int32]
) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Average a movie over areas, block by block.

    Parameters
    ----------
    recording
        Whose movie.
    labels
        As `locate_areas` gives them.

    Yields
    ------
    start : int
        Number of the block's first frame.
    traces : numpy.ndarray
        Shape (n, areas), in the movie's own unit.

    Raises
    ------
    RecordingError
        If an area has pixels that are NaN or infinite (names the frame).
    """
    for start, frames in read_blocks(recording.movie):
        block = area_traces(da.from_array(frames, chunks=-1), labels, int(labels.max()))
        finite = np.isfinite(block).all(axis=1)
        if not finite.all():
            raise RecordingError(
                f"{recording.path or recording.name}: frame {start + int(np.argmin(finite))} has "
                "pixels that are NaN or infinite; repair the frame or crop it away."
            )
        yield start, block


@dataclass(frozen=True, eq=False)
class TraceScaling:
    """How the traces of one recording are detrended and scaled.

    Attributes
    ----------
    center, spread
        What is subtracted after detrending, and what is divided by: shape (1, areas), or
        (t, areas) with running statistics.
    warm_up
        Frames at the start that nothing is predicted from.
    window
        Of the moving mean that is subtracted; None for none.
    """

    center: NDArray[np.float64]
    spread: NDArray[np.float64]
    warm_up: int
    window: MovingWindow | None

    def apply(self, traces: NDArray[np.floating]) -> NDArray[np.float32]:
        """Detrend and scale traces, shape (t, areas); NaN in the frames of the warm-up."""
        values = _detrended(traces, self.window)
        scaled = np.full(values.shape, np.nan, dtype=np.float32)
        kept = slice(self.warm_up, None)
        scaled[kept] = ((values - self.center) / np.where(self.spread > 0, self.spread, 1))[kept]
        return scaled


def measure_traces(
    traces: NDArray[np.floating],
    preprocessing: TracePreprocessing,
    frame_rate: float,
    where: str = "the traces",
) -> TraceScaling:
    """Find out how traces are to be scaled.

    Parameters
    ----------
    traces
        Shape (t, areas): fluorescence or ΔF/F, it makes no difference.
    preprocessing
        How.
    frame_rate
        Frames a second (Hz).
    where
        Names them in a refusal.

    Raises
    ------
    RecordingError
        If a trace does not vary.
    """
    window = detrending_window(preprocessing, frame_rate)
    values = _detrended(traces, window)
    center, spread = (_running if preprocessing.causal else _session)(values, preprocessing.scaling)
    warm_up = preprocessing.warm_up_frames(frame_rate)
    # of rounding, a trace of one value keeps a spread of some 1e-16 of it
    still = spread[warm_up:] <= 1e-12 * np.abs(np.asarray(traces)).max(axis=0)
    if still.any():
        names = preprocessing.areas or ("the mean of the frame",)
        column = int(still.any(axis=0).argmax())
        raise RecordingError(
            f"{where}: the trace of {names[column]} does not vary, so there is nothing to decode "
            "from; check that the right file was exported and that the atlas lies on the brain."
        )
    return TraceScaling(center, spread, warm_up, window)


def preprocess_traces(
    traces: NDArray[np.floating],
    preprocessing: TracePreprocessing,
    frame_rate: float,
    where: str = "the traces",
) -> NDArray[np.float32]:
    """Detrend and scale traces, shape (t, areas), as `measure_traces` finds for themselves."""
    return measure_traces(traces, preprocessing, frame_rate, where).apply(traces)


def _detrended(traces: NDArray[np.floating], window: MovingWindow | None) -> NDArray[np.float64]:
    values = np.asarray(traces, dtype=np.float64)
    return values if window is None else values - window.means(values, slice(0, len(values)))


def _session(
    values: NDArray[np.float64], scaling: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what is subtracted and what is divided by, shape (1, areas), of all frames."""
    if scaling == "min-max":
        low = values.min(axis=0, keepdims=True)
        return low, values.max(axis=0, keepdims=True) - low
    return values.mean(axis=0, keepdims=True), values.std(axis=0, keepdims=True)


def _running(
    values: NDArray[np.float64], scaling: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the same for each frame, of the frames up to it, shape (t, areas)."""
    if scaling == "min-max":
        low = np.minimum.accumulate(values)
        return low, np.maximum.accumulate(values) - low
    counts = np.arange(1, len(values) + 1)[:, None]
    deviations = values - values[0]  # from any one frame, so that no digits are lost to an offset
    means = np.cumsum(deviations, axis=0) / counts
    variance = np.cumsum(deviations**2, axis=0) / counts - means**2
    return means + values[0], np.sqrt(np.maximum(variance, 0))
