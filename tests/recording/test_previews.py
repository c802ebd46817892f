"""Previews: near the real thing, and cheap."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.preprocessing import (
    Bin,
    Crop,
    DeltaF,
    Detrend,
    Hemodynamics,
    MotionCorrection,
    Previews,
    Step,
    preprocess,
)
from recording.test_preprocessing import RATE, cortex, counted, recording_of, with_reference


@pytest.mark.parametrize(
    ("steps", "frames"),
    [
        ([Bin(), DeltaF(), Hemodynamics(highpass=0.5, lowpass=6)], [400]),  # not thinned out
        ([DeltaF(), Hemodynamics(highpass=0.2)], [403]),
        ([DeltaF(), Detrend(window=10)], [403, 11]),
        ([DeltaF(baseline="moving", window=10)], [403, 11]),
        ([Crop(frames=(10, 800)), DeltaF(), Detrend(window=10)], [403]),
    ],
    ids=["short filters", "haemodynamics", "detrending", "moving baseline", "cropped"],
)
def test_a_preview_is_close_to_the_real_thing(steps: list[Step], frames: list[int]) -> None:
    recording = with_reference(800)
    first = steps[0].frames[0] if isinstance(steps[0], Crop) else 0
    movie, previews = preprocess(recording, steps).movie, Previews(recording)
    for frame in frames:
        shown, made = previews.frame(steps, frame), movie[frame - first].compute()
        assert shown.shape == made.shape
        assert np.abs(shown - made).mean() < 0.5 * made.std()


def test_a_preview_reads_a_small_part_of_a_long_movie() -> None:
    source, recording = counted(20_000, 10)
    steps = [MotionCorrection(), DeltaF(), Detrend(window=2)]
    Previews(recording).frame([Bin(), *steps], 10_000)
    assert source.n_read < 2500


@pytest.mark.parametrize(
    "step",
    [Detrend(window=600), DeltaF(baseline="moving", window=600), Hemodynamics(highpass=0.005)],
    ids=lambda step: step.name,
)
def test_a_step_that_looks_far_around_reads_few_frames_for_a_preview(step: Step) -> None:
    source, recording = counted(40_000, 1)  # windows of 12,000 frames
    recording = recording.replace(reference=recording.movie)
    Previews(recording).frame([step], 20_000)
    assert source.n_read < 2000


def test_what_was_found_is_kept_while_the_steps_stay_the_same() -> None:
    source, recording = counted(2000, 1)
    previews, steps = Previews(recording), [MotionCorrection(), DeltaF()]

    def n_read(steps: list[Any], frame: int) -> int:
        before = source.n_read
        previews.frame(steps, frame)
        return source.n_read - before

    assert n_read(steps, 1000) > 60
    assert n_read(steps, 1001) <= 2  # the frame, to be shifted by where it lies
    assert 60 < n_read([steps[0], DeltaF(dark=10)], 1001) < 140  # the average is known
    np.testing.assert_array_equal(
        previews.frame(steps[:1], 7), Previews(recording).frame(steps[:1], 7)
    )


@pytest.mark.parametrize("percentile", [0, 10, 99.9, 100])
@pytest.mark.parametrize("frames", [8, 9])
def test_single_frames_have_the_moving_percentile_of_the_whole(
    percentile: float, frames: int
) -> None:
    recording = recording_of(cortex(40, (3, 2)))
    step = DeltaF(baseline="moving", percentile=percentile, window=frames / RATE)
    movie = preprocess(recording, [step]).movie
    whole = movie.compute()
    for frame in (0, 1, 5, 20, 38, 39):
        np.testing.assert_allclose(movie[frame : frame + 1].compute()[0], whole[frame], atol=1e-6)


def test_a_preview_of_a_frame_that_is_cropped_away_is_refused() -> None:
    recording = recording_of(cortex())
    previews = Previews(recording)
    np.testing.assert_array_equal(
        previews.frame([Crop(frames=(5, 50))], 20), recording.movie[20].compute()
    )
    with pytest.raises(RecordingError, match="dropped by the step 'crop'"):
        previews.frame([Crop(frames=(5, 50))], 80)
    with pytest.raises(RecordingError, match="there is no frame 240"):
        previews.frame([], 240)


def test_steps_that_count_frames_see_all_of_them() -> None:
    recording = recording_of(cortex(400))
    steps = [Detrend(window=15), Bin(pixels=1, frames=4)]
    shown = Previews(recording).frame(steps, 201)
    np.testing.assert_allclose(shown, preprocess(recording, steps).movie[50].compute(), atol=1e-3)


@pytest.mark.parametrize("step", [Detrend(window=30), DeltaF(baseline="moving", window=30)])
def test_a_gap_near_a_previewed_frame_is_told_with_its_own_number(step: Step) -> None:
    movie = cortex(900).astype(np.float32)
    movie[400, 4, 6] = np.nan
    with pytest.raises(RecordingError, match="nan in frame 400 at row 4, column 6"):
        Previews(recording_of(movie)).frame([step], 409)  # the gap is seen, thinned out
