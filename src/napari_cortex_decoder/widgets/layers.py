"""The movie as a napari layer: true scale and units, and the recording tied to it."""

from __future__ import annotations

from typing import Any

import dask
import numpy as np
from napari.layers import Image, Layer
from numpy.typing import NDArray

from napari_cortex_decoder.recording import Recording

RECORDING_KEY = "cortex-decoder/recording"
"""Key in a layer's metadata that holds the `Recording` shown by the layer."""

_N_SAMPLED_FRAMES = 5
_LOW, _HIGH = 0.5, 99.8  # percentiles shown as black and white: spares a few hot or dead pixels


def movie_layer(
    recording: Recording, contrast_limits: tuple[float, float]
) -> tuple[Any, dict[str, Any], str]:
    """Describe the layer of a recording as napari's readers do.

    Parameters
    ----------
    recording
        What to show.
    contrast_limits
        Black and white, in the movie's own numbers: see `sample_contrast_limits`.

    Returns
    -------
    tuple
        The movie (t, y, x), the keyword arguments of the layer, and ``"image"``.
    """
    scale, units = scale_and_units(recording)
    return (
        recording.movie,
        {
            "name": recording.name,
            "scale": scale,
            "units": units,
            "axis_labels": ("t", "y", "x"),
            "contrast_limits": contrast_limits,
            "colormap": "gray",
            "rgb": False,
            "metadata": {RECORDING_KEY: recording},
        },
        "image",
    )


def scale_and_units(
    recording: Recording,
) -> tuple[tuple[float, float, float], tuple[str, str, str]]:
    """Give size and unit of one step along t, y and x.

    An axis whose true step is unknown counts frames or pixels: napari's unit ``"pixel"``.
    """
    seconds, unit_of_time = (
        (1.0, "pixel") if recording.frame_rate is None else (1.0 / recording.frame_rate, "s")
    )
    mm, unit_of_space = (
        (1.0, "pixel") if recording.pixel_size is None else (recording.pixel_size, "mm")
    )
    return (seconds, mm, mm), (unit_of_time, unit_of_space, unit_of_space)


def sample_contrast_limits(recording: Recording) -> tuple[float, float]:
    """Find black and white from a few frames spread over the movie, so that no movie is read whole.

    Returns
    -------
    tuple of float
        Percentiles .5 and 99.8 of the finite pixels; at least 1 apart where all are the same.
    """
    frames = np.linspace(0, recording.n_frames - 1, _N_SAMPLED_FRAMES + 2).astype(int)[1:-1]
    sampled = dask.compute(*(recording.movie[int(frame)] for frame in np.unique(frames)))
    pixels: NDArray[np.floating] = np.stack(sampled).astype(np.float64)
    finite = pixels[np.isfinite(pixels)]
    if not finite.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(finite, (_LOW, _HIGH)))
    return (low, high) if high > low else (low, low + 1.0)


def recording_of(layer: Layer) -> Recording | None:
    """Give the recording that a layer shows; None for any other layer."""
    recording = layer.metadata.get(RECORDING_KEY) if isinstance(layer, Image) else None
    return recording if isinstance(recording, Recording) else None


def refresh_recording(layer: Layer, recording: Recording) -> None:
    """Give a layer the changed recording: its clock, its scale, its name stay in step."""
    scale, units = scale_and_units(recording)
    layer.metadata = {**layer.metadata, RECORDING_KEY: recording}
    layer.units = units
    layer.scale = scale


def frame_at_point(layer: Layer, point: tuple[float, ...], units: tuple[Any, ...] | None) -> int:
    """Tell which frame of a layer the viewer's slider stands on.

    Parameters
    ----------
    layer
        The movie.
    point
        The viewer's `dims.point`, in world coordinates.
    units
        The viewer's `dims.units`; None where the layers' units do not fit together.

    Returns
    -------
    int
        Frame, clipped to the movie.
    """
    world = np.asarray(point[-layer.ndim :], dtype=float) / _viewer_units_per_layer_unit(
        layer, units
    )
    frame = round(float(layer.world_to_data(world)[0]))
    return int(np.clip(frame, 0, layer.data.shape[0] - 1))


def point_of_frame(layer: Layer, frame: int, units: tuple[Any, ...] | None) -> float:
    """Give the slider's world coordinate of a frame: the inverse of `frame_at_point`."""
    world = layer.data_to_world([frame] + [0.0] * (layer.ndim - 1))
    return float(world[0] * _viewer_units_per_layer_unit(layer, units)[0])


def _viewer_units_per_layer_unit(
    layer: Layer, units: tuple[Any, ...] | None
) -> NDArray[np.float64]:
    """Give the factors from the layer's units to the viewer's.

    napari converts between them when it slices, but not in `world_to_data`: another layer in
    milliseconds puts the whole slider into milliseconds.
    """
    if units is None:
        return np.ones(layer.ndim)
    return np.array(
        [
            (1 * of_layer).to(of_viewer).magnitude
            for of_layer, of_viewer in zip(layer.units, units[-layer.ndim :], strict=True)
        ],
        dtype=float,
    )
