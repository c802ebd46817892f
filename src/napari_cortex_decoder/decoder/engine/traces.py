"""From a movie to the traces that an area decoder sees: averaged, detrended, scaled.

The paper's traces are ΔF/F (Ajioka et al. 2024). They are not divided by F₀ here: F₀ is one number
a trace, and scaling takes any factor and any offset away again, so fluorescence and ΔF/F give the
same result.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import dask.array as da
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from napari_cortex_decoder.atlas import Atlas, Registration
from napari_cortex_decoder.decoder.config import TracePreprocessing
from napari_cortex_decoder.decoder.frames.detrending import detrending_window
from napari_cortex_decoder.errors import DecoderError, RecordingError
from napari_cortex_decoder.movie_blocks import read_blocks, seen_pixels
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.recording.preprocessing.moving import MovingWindow


def missing_areas(preprocessing: TracePreprocessing, atlas: Atlas) -> list[str]:
    """Return the areas that a decoder asks for and an atlas does not have."""
    known = {area.label for area in atlas.areas}
    return [label for label in preprocessing.areas if label not in known]


def registration_of(
    recording: Recording, registration: Registration | None, areas: Sequence[str] = ()
) -> Registration | None:
    """Return where areas lie on a recording.

    Traces of named areas are of those areas, wherever somebody places an atlas on their picture:
    their own registration counts for what it names.

    Parameters
    ----------
    recording, registration
        The recording, and what is said of it.
    areas
        Labels that are looked for.
    """
    own = recording.registration
    if own is None or registration is None:
        return registration or own
    of_traces = recording.traces is not None
    return own if of_traces and set(areas) <= {a.label for a in own.atlas.areas} else registration


def areas_in_view(recording: Recording, registration: Registration) -> tuple[str, ...]:
    """Return the labels of the areas that a recording shows, in the atlas' order."""
    labels = registration.label_image(recording.shape)
    measured = recording.label_image
    inside = seen_pixels(recording.movie) if measured is None else measured > 0
    seen = np.unique(labels[inside])
    return tuple(a.label for i, a in enumerate(registration.atlas.areas, start=1) if i in seen)


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
        return seen_pixels(recording.movie).astype(np.int32)
    registration = registration_of(recording, registration, preprocessing.areas)
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
    if recording.label_image is None:
        labels = np.where(seen_pixels(recording.movie), labels, 0)
    measured = labels if recording.label_image is None else labels * (recording.label_image > 0)
    pixels = np.bincount(measured.ravel(), minlength=len(preprocessing.areas) + 1)[1:]
    unseen = [label for label, n in zip(preprocessing.areas, pixels, strict=True) if n == 0]
    if unseen and recording.traces is not None:
        raise DecoderError(
            f"{where} has no trace of {', '.join(unseen)}, which this decoder reads; use a decoder "
            "of areas that were measured, or fine-tune or train one on them."
        )
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
    n_areas = int(labels.max())
    inside = np.flatnonzero(labels)
    pixels = csr_array(
        (np.ones(len(inside)), (labels.ravel()[inside] - 1, inside)), shape=(n_areas, labels.size)
    )
    counts, blocks = pixel_sums(recording, pixels)
    for start, sums in blocks:
        yield start, sums / counts


Blocks = Iterator[tuple[int, NDArray[np.float64]]]


def pixel_sums(recording: Recording, pixels: csr_array) -> tuple[NDArray[np.float64], Blocks]:
    """Add up groups of pixels: of a movie itself, and of traces by what is painted on them.

    Parameters
    ----------
    recording
        The recording.
    pixels
        Shape (groups, pixels of a frame): 1 where a pixel is of a group.

    Returns
    -------
    counts : numpy.ndarray
        Shape (groups,): how many pixels each sum is of.
    blocks : iterator
        Number of a block's first frame, and the sums in it, shape (n, groups). Raises
        `RecordingError` if a pixel, or a trace that is wanted, is NaN or infinite.
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


def _sums_of_traces(recording: Recording, traces: da.Array, shares: NDArray[np.float64]) -> Blocks:
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
