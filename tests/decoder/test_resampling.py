from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_cortex_decoder.decoder.frames.resampling import Resampling

SIZE = (32, 32)


def test_shrinking_by_a_whole_factor_averages_blocks_of_pixels() -> None:
    frames = np.random.default_rng(0).integers(0, 65535, (3, 128, 128), dtype=np.uint16)
    blocks = frames.reshape(3, 32, 4, 32, 4).mean(axis=(2, 4))
    np.testing.assert_allclose(Resampling((128, 128), SIZE).resample(frames), blocks, rtol=1e-6)


@given(rows=st.integers(33, 90))
@settings(max_examples=20, deadline=None)
def test_shrinking_by_any_factor_weighs_pixels_by_the_area_they_share(rows: int) -> None:
    frame = np.random.default_rng(rows).uniform(0, 9, (1, rows, rows))
    fine = frame.repeat(32, axis=1).repeat(32, axis=2)  # pixels that both grids divide
    exact = fine.reshape(1, 32, rows, 32, rows).mean(axis=(2, 4))
    np.testing.assert_allclose(Resampling((rows, rows), SIZE).resample(frame), exact, rtol=1e-4)


def test_enlarging_is_bilinear() -> None:
    frames = np.random.default_rng(0).uniform(0, 9, (2, 20, 20)).astype(np.float32)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(frames)[None], size=SIZE, mode="bilinear", align_corners=False
    )[0]
    np.testing.assert_allclose(Resampling((20, 20), SIZE).resample(frames), expected, rtol=1e-5)
