from __future__ import annotations

from collections.abc import Callable

import dask.array as da
import numpy as np
import pytest
from napari import Viewer
from napari.layers import Layer

from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.widgets.recording.layers import (
    frame_at_point,
    movie_layer,
    point_of_frame,
    recording_of,
    sample_contrast_limits,
    scale_and_units,
)


def test_a_movie_layer_has_seconds_and_millimetres(recording: Recording) -> None:
    layer = Layer.create(*movie_layer(recording, (0, 1)))
    assert tuple(layer.scale) == pytest.approx((1 / 30, 0.3, 0.3))
    assert [str(unit) for unit in layer.units] == ["second", "millimeter", "millimeter"]
    assert recording_of(layer) is recording


@pytest.mark.parametrize(
    ("known", "scale", "units"),
    [
        ({}, (1, 1, 1), ("pixel", "pixel", "pixel")),
        ({"frame_rate": 20.0}, (0.05, 1, 1), ("s", "pixel", "pixel")),
        ({"pixel_size": 0.07}, (1, 0.07, 0.07), ("pixel", "mm", "mm")),
    ],
    ids=["nothing known", "only the rate known", "only the pixel known"],
)
def test_an_axis_whose_step_is_unknown_counts_frames_or_pixels(
    known: dict[str, float], scale: tuple[float, ...], units: tuple[str, ...]
) -> None:
    recording = Recording(movie=da.zeros((4, 3, 2)), name="m", **known)
    assert scale_and_units(recording) == (scale, units)


def test_contrast_limits_come_from_a_few_frames_only() -> None:
    read = []

    def frame(block_info: dict) -> np.ndarray:
        read.append(block_info[None]["array-location"][0][0])
        return np.arange(100.0).reshape(1, 10, 10)

    movie = da.map_blocks(
        frame, chunks=((1,) * 1000, 10, 10), dtype=float, meta=np.empty((0, 0, 0))
    )
    low, high = sample_contrast_limits(Recording(movie=movie, name="m"))
    assert len(set(read)) <= 6
    assert 0 <= low < 2 and 97 < high <= 99


@pytest.mark.parametrize("value", [7.0, np.nan], ids=["one value", "no finite value"])
def test_contrast_limits_of_a_movie_without_contrast_are_still_a_range(value: float) -> None:
    low, high = sample_contrast_limits(Recording(movie=da.full((5, 4, 4), value), name="m"))
    assert np.isfinite([low, high]).all() and low < high


def test_contrast_limits_pass_over_pixels_that_are_not_finite() -> None:
    frames = np.full((5, 10, 10), 3.0)
    frames[:, 0, 0], frames[:, 5:] = np.inf, 9.0
    limits = sample_contrast_limits(Recording(movie=da.from_array(frames), name="m"))
    assert limits == (3.0, 9.0)


@pytest.mark.parametrize("other_units", [None, ("ms", "mm", "mm"), ("s", "um", "um")])
def test_slider_and_frame_agree_whatever_units_other_layers_bring(
    make_napari_viewer: Callable[..., Viewer],
    recording: Recording,
    other_units: tuple[str, ...] | None,
) -> None:
    viewer = make_napari_viewer()
    layer = viewer.add_layer(Layer.create(*movie_layer(recording, (0, 1))))
    if other_units is not None:
        viewer.add_points(np.zeros((1, 3)), units=other_units)
    for frame in (0, 1, 77, recording.n_frames - 1):
        viewer.dims.set_point(0, point_of_frame(layer, frame, viewer.dims.units))
        assert frame_at_point(layer, viewer.dims.point, viewer.dims.units) == frame
        np.testing.assert_array_equal(layer._data_view, np.asarray(recording.movie[frame]))


def test_the_slider_of_a_shifted_layer_still_finds_its_frames(
    make_napari_viewer: Callable[..., Viewer], recording: Recording
) -> None:
    viewer = make_napari_viewer()
    layer = viewer.add_layer(Layer.create(*movie_layer(recording, (0, 1))))
    layer.translate = (10.0, 0.0, 0.0)
    viewer.dims.set_point(0, point_of_frame(layer, 42, viewer.dims.units))
    assert viewer.dims.point[0] == pytest.approx(10 + 42 / 30)
    assert frame_at_point(layer, viewer.dims.point, viewer.dims.units) == 42
