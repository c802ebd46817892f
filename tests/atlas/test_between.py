"""An atlas placed in one session of a mouse lies right in the next."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import affine_transform

from napari_cortex_decoder.atlas import Registration, load_atlas
from napari_cortex_decoder.atlas.between import placed_like
from napari_cortex_decoder.errors import AtlasError
from napari_cortex_decoder.simulation import SimulatedRecording, simulate_recording


@pytest.fixture(scope="module")
def mouse() -> SimulatedRecording:
    return simulate_recording(seed=1, subject=1, seconds=3.0)


def picture(recording: SimulatedRecording) -> np.ndarray:
    return recording.movie[::10].mean(axis=0).compute()


def farthest(one: Registration, other: Registration) -> float:
    """mm between the outlines of two placings, the mean of the worst area."""
    return max(
        float(np.hypot(*(one.to_px(a.polygon) - other.to_px(a.polygon)).T).mean()) / other.scale
        for a in one.atlas.areas
    )


@pytest.mark.parametrize(
    ("degrees", "shift", "zoom"), [(0, (0, 0), 1), (9, (11, -7), 1), (-14, (-3, 6), 2)]
)
def test_a_turned_shifted_and_binned_picture_carries_its_atlas_along(mouse, degrees, shift, zoom):
    turn = np.deg2rad(degrees)
    placed = replace(mouse.truth.registration, pixel_size=mouse.pixel_size)
    before = picture(mouse)
    middle = (np.array(before.shape) - 1) / 2
    linear = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])  # row, column
    size = tuple(n // zoom for n in before.shape)
    back = linear * zoom
    offset = middle - back @ ((np.array(size) - 1) / 2 + shift)
    after = affine_transform(before, back, offset, output_shape=size, order=1, mode="nearest")
    forward = np.eye(3)
    inverse = np.linalg.inv(back)
    forward[:2, :2] = inverse[::-1, ::-1]
    forward[:2, 2] = (-inverse @ offset)[::-1]
    truth = placed.moved(forward)
    noisy = after + np.random.default_rng(0).normal(0, 0.02 * after.std(), after.shape)
    found = placed_like(placed, before, noisy, pixel_size=mouse.pixel_size * zoom)
    assert farthest(found, truth) < 0.05
    assert found.shape == size and found.pixel_size == pytest.approx(mouse.pixel_size * zoom)
    assert set(found.landmarks) == set(placed.landmarks)


def test_the_next_session_of_a_simulated_mouse_is_placed_to_a_fiftieth_of_a_mm(mouse):
    then = simulate_recording(seed=2, subject=1, seconds=3.0)
    found = placed_like(
        mouse.truth.registration, picture(mouse), picture(then), pixel_size=then.pixel_size
    )
    assert farthest(found, then.truth.registration) < 0.02
    assert "alike" in found.warnings[-1]


def test_another_mouse_and_a_picture_of_nothing_are_refused(mouse):
    other = simulate_recording(seed=1, subject=2, seconds=3.0)
    flat = np.zeros((64, 64))
    for there in (picture(other), np.random.default_rng(0).normal(100, 5, (90, 70)), flat):
        with pytest.raises(AtlasError, match="too unlike"):
            placed_like(mouse.truth.registration, picture(mouse), there, pixel_size=None)


def test_what_was_said_of_the_placing_stays_said(mouse):
    placed = replace(mouse.truth.registration, warnings=("the midline is unclear.",))
    found = placed_like(placed, picture(mouse), picture(mouse))
    assert found.warnings[0] == "the midline is unclear." and found.pixel_size == placed.pixel_size
    assert found.atlas.name == load_atlas("dorsal-cortex").name
