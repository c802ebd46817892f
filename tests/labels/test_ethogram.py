"""Ethograms say for each frame what is known, and nothing more."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.labels import Bout, Ethogram, Source

BEHAVIORS = ("rest", "run", "groom")
frame_labels = hnp.arrays(np.int64, st.integers(0, 200), elements=st.integers(-1, 2))


@given(frame_labels)
def test_frames_and_bouts_round_trip(frames: np.ndarray) -> None:
    ethogram = Ethogram.from_frames(frames, BEHAVIORS)
    np.testing.assert_array_equal(ethogram.frames(), frames)
    assert Ethogram(BEHAVIORS, ethogram.bouts, frames.size) == ethogram


@given(frame_labels.filter(lambda frames: frames.size > 0), st.data())
def test_a_crop_is_the_crop_of_the_frames(frames: np.ndarray, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, frames.size - 1))
    stop = data.draw(st.integers(start + 1, frames.size))
    cropped = Ethogram.from_frames(frames, BEHAVIORS).crop(start, stop)
    np.testing.assert_array_equal(cropped.frames(), frames[start:stop])


@given(frame_labels)
def test_neighbouring_bouts_differ_or_are_apart(frames: np.ndarray) -> None:
    bouts = Ethogram.from_frames(frames, BEHAVIORS).bouts
    for one, next_one in pairwise(bouts):
        assert one.stop < next_one.start or one.behavior != next_one.behavior


def test_unknown_is_not_rest() -> None:
    ethogram = Ethogram(BEHAVIORS, (Bout(2, 4, "rest"),), 6)
    assert ethogram.frames().tolist() == [-1, -1, 0, 0, -1, -1]


def test_a_bout_keeps_its_source_through_a_crop() -> None:
    ethogram = Ethogram(BEHAVIORS, (Bout(0, 10, "run", Source.VERIFIED),), 10)
    assert ethogram.crop(3, 5).bouts == (Bout(0, 2, "run", Source.VERIFIED),)


@pytest.mark.parametrize(
    ("bouts", "reason"),
    [
        ((Bout(0, 5, "sleep"),), "'sleep'"),
        ((Bout(3, 3, "run"),), "empty"),
        ((Bout(-1, 3, "run"),), "outside"),
        ((Bout(5, 11, "run"),), "outside"),
        ((Bout(0, 5, "run"), Bout(4, 6, "rest")), "overlaps"),
        ((Bout(6, 8, "run"), Bout(0, 2, "rest")), "out of order"),
    ],
    ids=["unknown behaviour", "empty", "before the start", "past the end", "overlap", "unsorted"],
)
def test_impossible_bouts_are_refused_with_a_reason(bouts: tuple[Bout, ...], reason: str) -> None:
    with pytest.raises(LabelError, match=reason):
        Ethogram(BEHAVIORS, bouts, 10)


@pytest.mark.parametrize(
    "frames",
    [np.zeros((2, 2), int), np.zeros(3), np.array([3]), np.array([-2])],
    ids=["two axes", "floats", "beyond the behaviours", "below unknown"],
)
def test_impossible_frame_labels_are_refused(frames: np.ndarray) -> None:
    with pytest.raises(LabelError):
        Ethogram.from_frames(frames, BEHAVIORS)


def test_two_behaviours_of_one_name_are_refused() -> None:
    with pytest.raises(LabelError, match="repeat"):
        Ethogram(("run", "run"), (), 3)


@pytest.mark.parametrize(("start", "stop"), [(3, 3), (-1, 2), (0, 11), (5, 2)])
def test_a_crop_outside_the_recording_is_refused(start: int, stop: int) -> None:
    with pytest.raises(LabelError, match="crop"):
        Ethogram(BEHAVIORS, (), 10).crop(start, stop)


def test_a_long_ethogram_is_spread_over_its_frames_bout_by_bout() -> None:
    bouts = (Bout(0, 2, "run"), Bout(2, 3, "rest"), Bout(5, 9, "run"))
    ethogram = Ethogram(("rest", "run"), bouts, 9)
    assert ethogram.frames().tolist() == [1, 1, 0, -1, -1, 1, 1, 1, 1]
    assert [column.tolist() for column in ethogram.arrays] == [[0, 2, 5], [2, 3, 9], [1, 0, 1]]
    assert Ethogram((), (), 4).frames().tolist() == [-1] * 4
