"""The movie as a napari layer: true scale and units, and the recording tied to it."""

from __future__ import annotations

from typing import Any

import dask
import dask.array as da
import numpy as np
from napari.layers import Image, Layer
from napari.utils import Colormap
from numpy.typing import NDArray
from psygnal import SignalInstance

from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.sessions.preprocessed import Patch, steps_between
from napari_cortex_decoder.widgets.parts.colors import ORANGE, SKY_BLUE, as_floats

LayerData = tuple[Any, dict[str, Any], str]
"""What napari's readers give: data, keyword arguments, and the kind of layer."""

RECORDING_KEY = "cortex-decoder/recording"
"""Key in a layer's metadata that holds the `Recording` shown by the layer."""

RAW_KEY = "cortex-decoder/raw"
"""Key in a layer's metadata that holds the `Recording` that the one shown was made of."""

arriving = SignalInstance((), name="arriving")
"""The next layer that napari adds shows another recording."""

_N_SAMPLED_FRAMES = 5
_N_SAMPLED_TIMES = 2000
_SIGNED_SHARE = 0.05  # of the values of traces below 0, from which on they vary around it
_LOW, _HIGH = 0.5, 99.8  # percentiles shown as black and white: spares a few hot or dead pixels

SIGNED = Colormap(
    [as_floats(SKY_BLUE), (0.16, 0.16, 0.16, 1.0), as_floats(ORANGE)], name="signed traces"
)
"""Gray at 0, so that an area at 0 is seen where others have no trace."""


def movie_layer(recording: Recording, contrast_limits: tuple[float, float]) -> LayerData:
    """Describe the layer of a recording as napari's readers do.

    Black and white are in the movie's own numbers.
    """
    scale, units = scale_and_units(recording)
    low, high = contrast_limits
    signed = recording.traces is not None and low == -high
    return (
        recording.movie,
        {
            "name": recording.name,
            "scale": scale,
            "units": units,
            "axis_labels": ("t", "y", "x"),
            "contrast_limits": contrast_limits,
            "colormap": SIGNED if signed else "gray",
            "rgb": False,
            "metadata": {RECORDING_KEY: recording},
        },
        "image",
    )


def layer_of(recording: Recording) -> LayerData:
    """Describe the layer of a recording, with black and white as its movie has them."""
    return movie_layer(recording, sample_contrast_limits(recording))


def layers_to_add(recording: Recording) -> list[LayerData]:
    """Describe the layers of a recording that napari adds next; the window makes room for them."""
    layers = [layer_of(recording)]
    arriving.emit()
    return layers


def load_for_layers() -> None:
    """Load what napari loads with its first layer; not for the GUI thread."""
    import pint
    import scipy.ndimage  # noqa: F401

    pint.Unit("mm")  # which reads the table of all units


def scale_and_units(
    recording: Recording,
) -> tuple[tuple[float, float, float], tuple[str, str, str]]:
    """Return size and unit of one step along t, y and x.

    An axis whose true step is unknown counts frames or pixels: napari's unit ``"pixel"``.
    """
    rate, mm = recording.frame_rate, recording.pixel_size
    seconds, time = (1.0, "pixel") if rate is None else (1.0 / rate, "s")
    mm, space = (1.0, "pixel") if mm is None else (mm, "mm")
    return (seconds, mm, mm), (time, space, space)


def sample_contrast_limits(recording: Recording) -> tuple[float, float]:
    """Find black and white of a recording's movie: see `sample_movie`.

    Of traces, most times are looked at: they are small, and each area is as large as its pixels
    are not. Traces around 0, such as ΔF/F, have limits at the same distance from it.
    """
    if recording.traces is None:
        return sample_movie(recording.movie)
    every = max(1, recording.n_frames // _N_SAMPLED_TIMES)
    values = np.asarray(recording.traces[::every].compute(), np.float64)
    low, high = contrast_limits_of(values)
    if np.nanmean(values < 0) < _SIGNED_SHARE:
        return low, high
    farthest = max(-low, high)
    return -farthest, farthest


def sample_movie(movie: da.Array) -> tuple[float, float]:
    """Find black and white from a few frames spread over a movie, so that no movie is read whole.

    Returns
    -------
    tuple of float
        Percentiles .5 and 99.8 of the finite pixels; at least 1 apart where all are the same.
    """
    frames = np.linspace(0, movie.shape[0] - 1, _N_SAMPLED_FRAMES + 2).astype(int)[1:-1]
    sampled = dask.compute(*(movie[int(frame)] for frame in np.unique(frames)))
    pixels: NDArray[np.floating] = np.stack(sampled).astype(np.float64)
    return contrast_limits_of(pixels)


def contrast_limits_of(pixels: NDArray[np.floating]) -> tuple[float, float]:
    """Find black and white for some pixels, as `sample_contrast_limits` does for a movie."""
    finite = pixels[np.isfinite(pixels)]
    if not finite.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(finite, (_LOW, _HIGH)))
    return (low, high) if high > low else (low, low + 1.0)


def recording_of(layer: Layer, key: str = RECORDING_KEY) -> Recording | None:
    """Return the recording that a layer shows, or by `RAW_KEY` what that was made of, if any."""
    recording = layer.metadata.get(key) if isinstance(layer, Image) else None
    return recording if isinstance(recording, Recording) else None


def replace_movie(layer: Layer, layer_data: LayerData, raw: Recording | None) -> None:
    """Let a layer show another movie, described as by `movie_layer`, made of a raw recording."""
    movie, described, _ = layer_data
    visible, layer.visible = layer.visible, False  # else each change reads the frame anew
    layer.data = movie
    low, high = described["contrast_limits"]
    layer.contrast_limits_range = (low - (high - low), high + (high - low))
    layer.contrast_limits = (low, high)
    if described["metadata"][RECORDING_KEY].traces is not None:
        layer.colormap = described["colormap"]
    refresh_recording(layer, described["metadata"][RECORDING_KEY], raw)
    layer.visible = visible


def refresh_recording(layer: Layer, recording: Recording, raw: Recording | None) -> None:
    """Show the changed recording in a layer: its clock and its scale stay in step.

    A preprocessed recording lies where its pixels were in the raw one.
    """
    (seconds, *mm), units = scale_and_units(recording)
    made_of = {} if raw is None or raw is recording else {RAW_KEY: raw}
    kept = {key: value for key, value in layer.metadata.items() if key != RAW_KEY}
    layer.metadata = {**kept, RECORDING_KEY: recording, **made_of}
    patch = Patch() if raw is None else Patch.of(steps_between(raw, recording))
    if recording.pixel_size is None:
        mm = [patch.pixel, patch.pixel]
    corner = (np.array([patch.top, patch.left]) + (patch.pixel - 1) / 2) * mm / patch.pixel
    layer.units = units
    for name, value in (("scale", (seconds, *mm)), ("translate", (0.0, *corner))):
        if not np.array_equal(getattr(layer, name), value):
            setattr(layer, name, value)


def frame_at_point(layer: Layer, point: tuple[float, ...], units: tuple[Any, ...] | None) -> int:
    """Return which frame of a layer the viewer's slider stands on.

    `point` and `units` are the viewer's `dims.point` and `dims.units`: None where the layers' units
    do not fit together. It is clipped to the movie.
    """
    frame = round(float(_data_at(layer, point, units)[0]))
    return int(np.clip(frame, 0, layer.data.shape[0] - 1))


def point_of_frame(layer: Layer, frame: int, units: tuple[Any, ...] | None) -> float:
    """Return the slider's world coordinate of a frame: the inverse of `frame_at_point`."""
    world = layer.data_to_world([frame] + [0.0] * (layer.ndim - 1))
    return float(world[0] * _viewer_units_per_layer_unit(layer, units)[0])


def pixel_at_point(
    layer: Layer, point: tuple[float, ...], units: tuple[Any, ...] | None
) -> tuple[float, float]:
    """Return the (row, column) of a layer at a point of the viewer, as `frame_at_point` does."""
    row, column = _data_at(layer, point, units)[-2:]
    return float(row), float(column)


def _data_at(layer: Layer, point: tuple[float, ...], units: tuple[Any, ...] | None) -> Any:
    """Return where in a layer's data a point of the viewer lies."""
    world = np.asarray(point[-layer.ndim :], dtype=float)
    return layer.world_to_data(world / _viewer_units_per_layer_unit(layer, units))


def _viewer_units_per_layer_unit(
    layer: Layer, units: tuple[Any, ...] | None
) -> NDArray[np.float64]:
    """Return the factors from the layer's units to the viewer's.

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
