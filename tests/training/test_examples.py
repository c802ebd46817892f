"""What a network learns from: windows of cached arrays, in an order that can be resumed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_cortex_decoder.training.examples import (
    CachedArray,
    Examples,
    RandomStretch,
    ResumableBatches,
    steps_per_epoch,
)


def cached(tmp_path: Path, values: NDArray[np.floating], labels: NDArray[np.int64]) -> CachedArray:
    file = tmp_path / f"{len(list(tmp_path.iterdir()))}.npy"
    np.save(file, values)
    return CachedArray(file, labels, 0, len(labels))


def test_an_image_has_its_channels_and_frames_without_a_label_are_left_out(tmp_path: Path) -> None:
    frames = np.arange(10, dtype=np.float16)[:, None, None] * np.ones((1, 4, 4), np.float16)
    labels = np.array([0, 0, -1, 1, 1, 1, -1, 0, 0, 0])
    examples = Examples([cached(tmp_path, frames, labels)], np.array([-1, 0, 1]))
    inputs, drawn = examples.__getitems__(range(len(examples)))
    wanted = (1, 3, 4, 5, 7, 8)
    np.testing.assert_array_equal(inputs[:, :, 0, 0], [[t - 1, t, t + 1] for t in wanted])
    np.testing.assert_array_equal(drawn, labels[list(wanted)])


def test_a_window_of_images_repeats_the_frames_that_its_images_share(tmp_path: Path) -> None:
    frames = np.arange(10, dtype=np.float16)[:, None, None] * np.ones((1, 4, 4), np.float16)
    offsets = np.arange(-2, 1)[:, None] + np.array([-1, 0, 1])
    examples = Examples([cached(tmp_path, frames, np.zeros(10, np.int64))], offsets)
    inputs, _ = examples.__getitems__([0])
    assert inputs.shape == (1, 3, 3, 4, 4)
    np.testing.assert_array_equal(inputs[0, :, :, 0, 0], [[0, 1, 2], [1, 2, 3], [2, 3, 4]])


def test_windows_stay_in_their_recording_and_out_of_its_warm_up(tmp_path: Path) -> None:
    labels = np.where(np.arange(20) % 2, 1, 0)
    arrays = []
    for number in range(2):
        one = cached(tmp_path, 100.0 * number + np.arange(20.0)[:, None], labels)
        arrays.append(CachedArray(one.file, labels, 4, 16))
    examples = Examples(arrays, np.arange(-2, 2), stride=3)
    inputs, drawn = examples.__getitems__(range(len(examples)))
    assert inputs[:, 2, 0].tolist() == [6, 9, 12, 106, 109, 112]
    assert inputs[3, :, 0].tolist() == [104, 105, 106, 107]
    assert drawn.tolist() == [0, 1, 0, 0, 1, 0]
    np.testing.assert_array_equal(examples.labels, drawn)


@given(
    n=st.integers(1, 60),
    batch_size=st.integers(1, 16),
    position=st.integers(0, 40),
    world_size=st.integers(1, 3),
)
def test_batches_from_any_position_are_the_tail_of_all_batches(
    n: int, batch_size: int, position: int, world_size: int
) -> None:
    def batches(
        start: int, length: int, rank: int = 0, devices: int = world_size
    ) -> list[list[int]]:
        return list(
            ResumableBatches(
                n,
                batch_size,
                length=length,
                seed=3,
                position=lambda: start,
                rank=rank,
                world_size=devices,
            )
        )

    assert batches(0, position + 5)[position:] == batches(position, 5)
    # what the devices get together is what one device with a batch as large would have got
    parts = [batches(position, 5, rank=rank) for rank in range(world_size)]
    for step in range(5):
        together = sorted(item for part in parts for item in part[step])
        assert len(together) == len(set(together))
    per_epoch = steps_per_epoch(n, batch_size * world_size)
    epoch = [i for rank in range(world_size) for b in batches(0, per_epoch, rank=rank) for i in b]
    assert len(set(epoch)) == len(epoch) <= n
    assert all(item // n == 0 for item in epoch)


def test_every_epoch_has_an_order_of_its_own() -> None:
    batches = list(ResumableBatches(32, 32, length=2, seed=1, position=lambda: 0))
    first, second = np.array(batches[0]) % 32, np.array(batches[1]) % 32
    assert sorted(first) == sorted(second) == list(range(32))
    assert list(first) != list(second)


@pytest.mark.parametrize("scaling", ["sd", "min-max", "mean"])
def test_a_random_stretch_normalizes_as_if_it_were_the_recording(
    scaling: str, tmp_path: Path
) -> None:
    values = np.random.default_rng(0).normal(3, 2, (500, 4)).astype(np.float32)
    stretch = RandomStretch(100, seed=5, scaling=scaling)
    examples = Examples(
        [cached(tmp_path, values, np.zeros(500, np.int64))], np.array([0]), stretch=stretch
    )
    n = len(examples)
    first, _ = examples.__getitems__(range(n))
    again, _ = examples.__getitems__(range(n))
    other, _ = examples.__getitems__(range(n, 2 * n))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)  # another epoch, another stretch
    whole = first[:, 0].numpy()
    # an affine change of each trace, and one that would be the usual one on some stretch
    subtracted, divided = stretch.measure(values, 0, 0)
    np.testing.assert_allclose(whole * divided + subtracted, values, atol=1e-4)
    if scaling == "min-max":
        inside = (whole >= -1e-6) & (whole <= 1 + 1e-6)
        assert inside.all(axis=1).sum() >= 100
    else:
        assert np.abs(whole.mean(axis=0)).max() < (0.6 if scaling == "sd" else 1.2)
    if scaling == "mean":
        np.testing.assert_array_equal(divided, 1)


def test_a_stretch_of_one_value_is_not_divided_by_zero() -> None:
    subtracted, divided = RandomStretch(10, 1, "sd").measure(np.ones((50, 2), np.float32), 0, 0)
    assert (subtracted == 1).all()
    assert (divided == 1).all()
