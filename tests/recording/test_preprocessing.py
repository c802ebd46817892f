"""Preprocessing steps: their numbers against plain loops, their laziness, their provenance."""

from __future__ import annotations

import json
import pickle
import tracemalloc
from typing import Any

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, filtfilt

from napari_cortex_decoder.errors import FrameRateError, RecordingError
from napari_cortex_decoder.progress import Cancelled, Progress
from napari_cortex_decoder.recording import BehaviorTrace, Recording
from napari_cortex_decoder.recording.preprocessing import (
    STEPS,
    Bin,
    Crop,
    DeltaF,
    Detrend,
    FillGaps,
    Hemodynamics,
    Mask,
    MotionCorrection,
    Previews,
    preprocess,
    steps_from_provenance,
)

RATE = 20.0


def cortex(n_frames: int = 240, shape: tuple[int, int] = (12, 10), seed: int = 0) -> np.ndarray:
    """Make a bleaching, beating movie in camera counts."""
    rng = np.random.default_rng(seed)
    t = np.arange(n_frames) / RATE
    brightness = rng.uniform(3000, 12_000, shape)
    course = 1 + 0.1 * np.exp(-t / 5) + 0.02 * np.sin(2 * np.pi * 0.7 * t)
    frames = brightness * course[:, None, None] * rng.normal(1, 0.005, (n_frames, *shape))
    return frames.astype(np.uint16)


def recording_of(frames: np.ndarray, chunk: int = 32, **others: Any) -> Recording:
    settings = {"name": "m", "frame_rate": RATE, "pixel_size": 0.05} | others
    return Recording(movie=da.from_array(frames, chunks=(chunk, -1, -1)), **settings)


def with_reference(n_frames: int = 900) -> Recording:
    frames, blood = cortex(n_frames), cortex(n_frames, seed=1)
    return recording_of(frames, reference=da.from_array(blood, chunks=(50, -1, -1)))


def test_crop_keeps_a_rectangle_of_both_colours_and_a_stretch_of_time():
    recording = with_reference(100)
    out = preprocess(recording, [Crop(rows=(2, 7), columns=(1, 9), frames=(10, 60))])
    np.testing.assert_array_equal(out.movie, recording.movie[10:60, 2:7, 1:9])
    np.testing.assert_array_equal(out.reference, recording.reference[10:60, 2:7, 1:9])
    assert out.movie.dtype == np.uint16


def test_crop_in_time_takes_behavior_along_on_the_new_clock():
    trace = BehaviorTrace("speed", np.arange(100.0), np.arange(100) / RATE)
    recording = recording_of(cortex(100), behavior={"speed": trace})
    out = preprocess(recording, [Crop(frames=(10, 60))])
    kept = out.behavior["speed"]
    at_zero = np.searchsorted(kept.times, out.times[0])
    assert kept.values[at_zero] == 10
    assert kept.times[at_zero] == pytest.approx(0)
    assert kept.times[-1] <= out.times[-1] + 1 / RATE + 1e-9


def test_crop_keeps_the_clock_of_frame_times():
    times = np.arange(100) / RATE + 7
    trace = BehaviorTrace("speed", np.arange(100.0), times)
    recording = recording_of(cortex(100), frame_times=times, behavior={"speed": trace})
    out = preprocess(recording, [Crop(frames=(10, 60))])
    np.testing.assert_array_equal(out.times, times[10:60])
    np.testing.assert_array_equal(out.behavior["speed"].times, times[9:61])


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.integers(1, 7), st.integers(1, 40))
def test_bin_averages_squares_and_frames(pixels, frames, chunk):
    movie = cortex(43)
    recording = recording_of(movie, chunk, frame_times=np.arange(43) / RATE)
    out = preprocess(recording, [Bin(pixels=pixels, frames=frames)])
    n, rows, columns = 43 // frames, 12 // pixels, 10 // pixels
    for i, y, x in [(0, 0, 0), (n - 1, rows - 1, columns - 1), (n // 2, rows // 2, columns // 2)]:
        group = movie[
            i * frames : (i + 1) * frames,
            y * pixels : (y + 1) * pixels,
            x * pixels : (x + 1) * pixels,
        ]
        assert out.movie[i, y, x].compute() == pytest.approx(group.mean(), rel=1e-6)
    assert out.movie.shape == (n, rows, columns)
    assert out.pixel_size == pytest.approx(0.05 * pixels)
    assert out.frame_rate == pytest.approx(RATE / frames)
    np.testing.assert_array_equal(out.times, recording.times[: n * frames : frames])


def test_mask_zeroes_what_is_outside_even_where_it_is_nan(tmp_path):
    inside = np.zeros((24, 20), np.uint8)
    inside[6:18, 4:16] = 255
    np.save(tmp_path / "mask.npy", inside)
    movie = cortex().astype(np.float32)
    movie[:, 0, 0] = np.nan
    out = preprocess(recording_of(movie), [Mask(path=tmp_path / "mask.npy")]).movie.compute()
    np.testing.assert_array_equal(out[:, 3:9, 2:8], movie[:, 3:9, 2:8])
    out[:, 3:9, 2:8] = 0
    assert not out.any()


def test_the_authors_mask_of_the_real_recording_fits_its_binned_frames(shared_data):
    folder = shared_data / "recordings" / "yulonglab"
    recording = recording_of(np.ones((4, 256, 256), np.uint16))
    out = preprocess(recording, [Mask(path=folder / "WholeCortexMask.tif")])
    assert 0.3 < out.movie[0].compute().mean() < 0.9


def test_delta_f_relates_to_the_mean_of_each_pixel_above_dark():
    movie = cortex()
    out = preprocess(recording_of(movie), [DeltaF(dark=300)]).movie.compute()
    for y, x in [(0, 0), (7, 3)]:
        baseline = movie[:, y, x].mean()
        expected = [(f - baseline) / (baseline - 300) for f in movie[:, y, x].astype(float)]
        np.testing.assert_allclose(out[:, y, x], expected, atol=1e-6)


def test_delta_f_relates_to_a_percentile():
    movie = cortex()
    out = preprocess(recording_of(movie), [DeltaF(baseline="percentile", percentile=20)])
    baseline = np.percentile(movie, 20, axis=0)
    np.testing.assert_allclose(out.movie, movie / baseline - 1, atol=1e-6)


def test_delta_f_relates_to_a_moving_percentile():
    movie = cortex(130, (3, 2))
    step = DeltaF(baseline="moving", percentile=25, window=1.05)
    out = preprocess(recording_of(movie), [step]).movie.compute()
    mirrored = np.concatenate([movie[9::-1], movie, movie[:-11:-1]]).astype(float)
    for t in (0, 3, 31, 32, 77, 129):
        window = np.sort(mirrored[t : t + 21], axis=0)  # 21 frames around t
        baseline = window[int(21 * 25 / 100)]
        np.testing.assert_allclose(out[t], movie[t] / baseline - 1, atol=1e-6)


def test_delta_f_of_pixels_without_light_is_zero():
    movie = cortex()
    movie[:, :3] = 0
    out = preprocess(recording_of(movie), [DeltaF()]).movie.compute()
    assert not out[:, :3].any()
    assert np.isfinite(out).all()


def test_delta_f_of_what_has_no_baseline_is_refused():
    recording = preprocess(recording_of(cortex()), [DeltaF(), Detrend(window=1)])
    with pytest.raises(RecordingError, match="take ΔF/F before"):
        preprocess(recording, [DeltaF(dark=1.0)])


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 150), st.integers(1, 60), st.sampled_from([np.uint16, np.float32, np.int8]))
def test_detrend_subtracts_the_moving_mean_of_a_plain_loop(n_window, chunk, dtype):
    movie = (cortex(100, (3, 2)) // 100).astype(dtype)
    out = preprocess(recording_of(movie, chunk), [Detrend(window=n_window / RATE)]).movie.compute()
    before = n_window // 2
    for t in range(100):
        window = movie[max(0, t - before) : t - before + n_window].astype(float)
        np.testing.assert_allclose(out[t], movie[t] - window.mean(axis=0), atol=1e-4)


def test_detrend_says_when_the_movie_is_shorter_than_its_window():
    out = preprocess(recording_of(cortex(100)), [Detrend()])
    assert any("shorter than the detrending window of 667" in said for said in out.warnings)


def corrected_by_scipy(movie: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Correct pixel by pixel with the filters as wfield's documentation gives them."""
    high = butter(2, 0.5 / (RATE / 2), "highpass")
    low = butter(2, 6 / (RATE / 2), "lowpass")
    out = np.empty(movie.shape)
    for y, x in np.ndindex(movie.shape[1:]):
        a = filtfilt(*high, movie[:, y, x].astype(float), padlen=50)
        b = filtfilt(*low, filtfilt(*high, reference[:, y, x].astype(float), padlen=50), padlen=50)
        a, b = a - a.mean(), b - b.mean()
        out[:, y, x] = a - (a * b).sum() / (b * b).sum() * b
    return out


def test_hemodynamic_correction_equals_filters_and_regression_of_a_plain_loop():
    recording = with_reference()
    movie, reference = recording.movie.compute(), recording.reference.compute()
    out = preprocess(recording, [Hemodynamics(highpass=0.5, lowpass=6)]).movie
    expected = corrected_by_scipy(movie, reference)
    # the filters are cut off where their response is 1e-4
    np.testing.assert_allclose(out, expected, atol=1e-3 * expected.std())
    # and one frame alone is the same frame
    np.testing.assert_allclose(out[433], expected[433], atol=1e-3 * expected.std())


def test_hemodynamic_correction_leaves_neural_activity_and_takes_blood():
    rng = np.random.default_rng(0)
    n = 1200
    blood = 0.02 * np.cumsum(rng.normal(0, 0.1, n))
    neural = 0.02 * (rng.random(n) < 0.05)
    share = rng.uniform(0.5, 1.5, (4, 4))
    movie = 1000 * (1 + neural[:, None, None] + share * blood[:, None, None])
    reference = 800 * (1 + blood[:, None, None] + rng.normal(0, 1e-4, (n, 4, 4)))
    recording = recording_of(movie, reference=da.from_array(reference))
    out = preprocess(recording, [DeltaF(), Hemodynamics()]).movie.compute()

    def correlation(frames: np.ndarray, course: np.ndarray) -> np.ndarray:
        return np.array([np.corrcoef(frames[:, y, x], course)[0, 1] for y, x in np.ndindex(4, 4)])

    high = butter(2, 0.1, "highpass", fs=RATE)
    assert correlation(out, filtfilt(*high, neural)).min() > 0.95
    assert np.abs(correlation(movie, blood)).min() > 0.9
    assert np.abs(correlation(out, filtfilt(*high, blood))).max() < 0.1


def test_hemodynamic_correction_says_when_the_low_pass_cannot_be():
    out = preprocess(with_reference(200), [Hemodynamics(lowpass=14)])
    assert any("14 Hz is beyond half the frame rate" in said for said in out.warnings)


def test_hemodynamic_correction_of_the_real_recording_takes_most_of_the_shared_variance(
    shared_data,
):
    import tifffile

    folder = shared_data / "recordings" / "yulonglab"
    red = tifffile.imread(folder / "jRGECO1a_561_256x256_200f_1Hz.tif")
    violet = tifffile.imread(folder / "F405_128x128_200f_1Hz.tif")
    recording = Recording(
        movie=da.from_array(red), reference=da.from_array(violet), name="yulonglab", frame_rate=1.0
    )
    steps = [Bin(pixels=4), DeltaF(), Hemodynamics()]
    out = preprocess(recording, steps)
    blood = preprocess(recording, steps[:2]).reference.compute()[20:-20].mean(axis=(1, 2))
    left = out.movie.compute()[20:-20].mean(axis=(1, 2))
    fast = np.diff(blood)
    assert abs(np.corrcoef(np.diff(left), fast)[0, 1]) < 0.35


def test_motion_correction_finds_shifts_to_a_tenth_of_a_pixel():
    from scipy import ndimage

    rng = np.random.default_rng(1)
    scene = ndimage.gaussian_filter(rng.random((80, 72)), 1.5)
    scene = 4000 + 40_000 * (scene - scene.min())
    true = rng.uniform(-3, 3, (60, 2))
    true -= np.median(true, axis=0)
    movie = np.stack([ndimage.shift(scene, s, order=3, mode="nearest") for s in true])
    movie *= rng.normal(1, 0.01, movie.shape) * rng.uniform(0.9, 1.1, (60, 1, 1))
    recording = recording_of(movie.astype(np.float32), reference=da.from_array(movie / 2))
    out = preprocess(recording, [MotionCorrection()])
    found = np.stack([out.behavior[f"shift {axis}"].values for axis in ("rows", "columns")], axis=1)
    off = found + true
    off -= off.mean(axis=0)
    assert np.sqrt((off**2).mean()) < 0.1

    inner = (slice(None), slice(8, -8), slice(8, -8))

    def jitter(frames: np.ndarray) -> float:
        level = frames[inner] / frames[inner].mean(axis=(1, 2), keepdims=True)
        return float(level.std(axis=0).mean())

    assert jitter(out.movie.compute()) < 0.35 * jitter(movie)
    assert jitter(out.reference.compute()) < 0.35 * jitter(movie)


def test_motion_that_is_implausibly_large_is_said():
    movie = np.tile(cortex(1, (60, 60)), (40, 1, 1))
    movie[25] = np.roll(movie[25], 12, axis=0)
    out = preprocess(recording_of(movie), [MotionCorrection()])
    (said,) = out.warnings
    assert "1 of 40 frames were shifted" in said
    assert "frame 25" in said


PIPELINE = [
    Crop(rows=(0, 12)),
    Bin(),
    DeltaF(),
    Hemodynamics(highpass=0.5, lowpass=6),
    Detrend(window=2),
]


def test_frames_computed_alone_or_in_any_order_are_those_of_the_whole():
    movie = preprocess(with_reference(), PIPELINE).movie
    whole = movie.compute()
    parts = np.s_[450], np.s_[3:9], np.s_[::97], np.s_[-1], np.s_[500:100:-50], np.s_[40:60, 2, 1:3]
    for part in parts:
        np.testing.assert_allclose(movie[part].compute(), whole[part], atol=1e-6)
    np.testing.assert_allclose(movie[[700, 5, 320]].compute(), whole[[700, 5, 320]], atol=1e-6)


class Counting:
    """An array that counts the frames read from it."""

    def __init__(self, frames: np.ndarray) -> None:
        self.frames, self.n_read = frames, 0
        self.shape, self.dtype, self.ndim = frames.shape, frames.dtype, 3

    def __getitem__(self, index: Any) -> np.ndarray:
        part = self.frames[index]
        self.n_read += len(part)
        return part


def counted(n_frames: int, chunk: int) -> tuple[Counting, Recording]:
    source = Counting(cortex(n_frames))
    movie = da.from_array(source, chunks=(chunk, -1, -1), asarray=True)
    return source, Recording(movie=movie, name="m", frame_rate=RATE)


def test_steps_without_statistics_read_nothing_until_a_frame_is_wanted():
    source, recording = counted(1000, 10)
    out = preprocess(recording, [Crop(rows=(1, 9)), Bin(), Detrend(window=2)])
    assert source.n_read == 0
    out.movie[500].compute()
    assert source.n_read <= 60  # 40 around it, in chunks of 10


def test_detrending_from_start_to_end_reads_each_frame_about_once():
    source, recording = counted(3000, 10)
    movie = preprocess(recording, [Detrend(window=20)]).movie
    for start in range(0, 3000, movie.chunks[0][0]):
        movie[start : start + movie.chunks[0][0]].compute(scheduler="synchronous")
    assert source.n_read <= 3200


def test_memory_does_not_grow_with_the_length_of_the_movie(monkeypatch):
    package = "napari_cortex_decoder.recording.preprocessing"
    monkeypatch.setattr(f"{package}.step.BLOCK_BYTES", 2**20)
    monkeypatch.setattr(f"{package}.blocks.CHUNK_BYTES", 2**20)

    def peak(n_frames: int) -> int:
        def frames(block_info: Any) -> np.ndarray:
            shape = block_info[None]["chunk-shape"]
            return np.full(shape, 1000 + block_info[None]["chunk-location"][0] % 7, np.uint16)

        chunks = ((50,) * (n_frames // 50), 64, 64)
        meta = np.empty((0, 0, 0), np.uint16)
        movie = da.map_blocks(frames, chunks=chunks, dtype=np.uint16, meta=meta)
        recording = Recording(movie=movie, name="m", frame_rate=RATE)
        tracemalloc.start()
        out = preprocess(recording, [DeltaF(), Detrend(window=2)])
        for start in range(0, n_frames, 200):
            out.movie[start : start + 200].compute()
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    peak(200)
    assert peak(1600) < 1.3 * peak(400)


def test_provenance_is_plain_json_that_makes_the_same_steps_again():
    recording = with_reference(200)
    out = preprocess(recording, PIPELINE)
    written = json.loads(json.dumps(out.steps))
    assert [entry["name"] for entry in written] == [step.name for step in PIPELINE]
    assert steps_from_provenance(written) == tuple(PIPELINE)
    again = preprocess(recording, steps_from_provenance(written))
    np.testing.assert_array_equal(again.movie, out.movie)
    assert again.movie.name == out.movie.name
    twice = preprocess(out, [Bin()])
    assert [entry["name"] for entry in twice.steps] == [*(e["name"] for e in written), "bin"]


def test_a_preprocessed_recording_travels_to_other_processes():
    out = preprocess(with_reference(200), PIPELINE)
    out.movie[50].compute()
    there = pickle.loads(pickle.dumps(out.movie))  # noqa: S301  our own bytes
    np.testing.assert_array_equal(there[50], out.movie[50])


def test_progress_reaches_the_end_and_what_it_raises_cancels():
    told = []
    preprocess(with_reference(200), PIPELINE, progress=told.append)
    assert {at.stage for at in told if at.done == at.total} == {
        "baseline of the movie", "baseline of the reference", "haemodynamic regression",
    }  # fmt: skip

    def cancel(_: Progress) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        preprocess(recording_of(cortex()), [DeltaF()], progress=cancel)


def test_a_coarser_reference_is_enlarged_to_the_movie():
    movie, small = cortex(60), cortex(60, (6, 5))
    recording = recording_of(movie, reference=da.from_array(small))
    out = preprocess(recording, [Crop(rows=(2, 12))])
    np.testing.assert_array_equal(out.reference, small.repeat(2, 1).repeat(2, 2)[:, 2:12])


def test_a_reference_that_lacks_the_last_frame_repeats_the_one_before():
    recording = recording_of(cortex(60), reference=da.from_array(cortex(59, seed=1)))
    out = preprocess(recording, [Crop(rows=(2, 12))])
    np.testing.assert_array_equal(out.reference[:59], recording.reference[:, 2:12])
    np.testing.assert_array_equal(out.reference[59], recording.reference[58, 2:12])
    assert any("lacks the last frame" in said for said in out.warnings)


@pytest.mark.parametrize("shape", [(60, 5, 5), (58, 12, 10), (61, 12, 10), (60, 24, 20)])
def test_a_reference_that_does_not_fit_is_refused(shape):
    recording = recording_of(cortex(60), reference=da.zeros(shape))
    with pytest.raises(RecordingError, match=r"the reference has shape"):
        preprocess(recording, [Bin()])


def with_gaps() -> np.ndarray:
    """A movie with a lost frame, a lost pixel, and a corner that was never measured."""
    movie = cortex(64).astype(np.float32)
    movie[17], movie[40, 4, 6], movie[:, 0, 0] = np.nan, np.inf, np.nan
    return movie


def test_gaps_are_filled_with_the_mean_of_their_pixel_and_that_is_told():
    movie = with_gaps()
    filled = preprocess(recording_of(movie, reference=da.from_array(movie)), [FillGaps()])
    measured = np.isfinite(movie)
    frames = filled.movie.compute()
    assert frames.dtype == movie.dtype
    np.testing.assert_array_equal(frames[measured], movie[measured])
    means = np.ma.masked_invalid(movie).astype(np.float64).mean(axis=0).filled(0)
    np.testing.assert_allclose(frames[~measured], np.broadcast_to(means, movie.shape)[~measured])
    np.testing.assert_array_equal(filled.reference.compute(), frames)
    for channel, said in zip(("movie", "reference"), filled.warnings, strict=True):
        assert f"of the {channel}'s pixels were NaN or infinite, in 64 frames" in said
    assert filled.steps == ({"name": "fill-gaps"},)
    assert np.isfinite(Previews(recording_of(movie)).frame([FillGaps()], 17)).all()


def test_a_movie_without_gaps_is_left_as_it_is():
    counts = recording_of(cortex(64))
    assert preprocess(counts, [FillGaps()]).movie is counts.movie
    real = recording_of(cortex(64).astype(np.float64))
    whole = preprocess(real, [FillGaps()])
    assert whole.warnings == ()
    np.testing.assert_array_equal(whole.movie, real.movie)


def test_a_movie_that_is_all_gaps_is_refused():
    with pytest.raises(RecordingError, match="the movie is NaN or infinite everywhere"):
        preprocess(recording_of(np.full((9, 4, 4), np.nan)), [FillGaps()])


def test_the_frame_of_a_gap_is_right_where_only_some_frames_are_looked_at(monkeypatch):
    monkeypatch.setattr(
        "napari_cortex_decoder.recording.preprocessing.delta_f.PERCENTILE_BYTES", 16 * 480
    )
    movie = cortex(64).astype(np.float32)
    movie[20, 4, 6] = np.nan
    with pytest.raises(RecordingError, match="nan in frame 20 at row 4, column 6; fill such gaps"):
        preprocess(recording_of(movie), [DeltaF(baseline="percentile")])


@pytest.mark.parametrize(
    "step", [DeltaF(), DeltaF(baseline="percentile"), MotionCorrection(), Hemodynamics()]
)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_pixel_that_is_not_finite_is_told_with_its_place(step, value):
    movie = cortex(64).astype(np.float32)
    movie[17, 4, 6] = value
    recording = recording_of(movie, reference=da.from_array(cortex(64)))
    with pytest.raises(RecordingError, match=rf"{value} in frame 17 at row 4, column 6"):
        preprocess(recording, [step])


@pytest.mark.parametrize("step", [Detrend(window=1), DeltaF(baseline="moving", window=1)])
def test_a_gap_that_would_spread_in_time_is_told_when_a_frame_near_it_is_read(step):
    movie = cortex(64).astype(np.float32)
    movie[40, 4, 6] = np.nan
    done = preprocess(recording_of(movie), [step])
    assert np.isfinite(done.movie[3].compute()).all()
    with pytest.raises(RecordingError, match="m: the movie is nan in frame 40 at row 4, column 6"):
        done.movie[35].compute()


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("crop", {"rows": (5, 5)}),
        ("crop", {"rows": (-1, 5)}),
        ("crop", {"rows": (1,)}),
        ("bin", {"pixels": 0}),
        ("bin", {"pixel": 2}),
        ("delta-f", {"baseline": "median"}),
        ("delta-f", {"percentile": 101}),
        ("delta-f", {"dark": float("nan")}),
        ("detrend", {"window": -1}),
        ("detrend", {"window": "long"}),
        ("hemodynamics", {"highpass": float("inf")}),
        ("motion-correction", {"upsampling": 0}),
        ("mask", {}),
    ],
)
def test_impossible_settings_are_refused_in_one_sentence(name, wrong):
    with pytest.raises(RecordingError) as caught:
        steps_from_provenance([{"name": name, **wrong}])
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_steps_are_refused():
    for entry in ({"name": "denoise"}, {}, "bin", {"name": ["bin"]}):
        with pytest.raises(RecordingError, match="is no preprocessing step"):
            steps_from_provenance([entry])
    assert len(STEPS) == 9


def test_steps_that_do_not_fit_the_recording_are_refused(tmp_path):
    recording = recording_of(cortex())
    for step, sentence in (
        (Crop(rows=(0, 13)), "ends at 13 of the movie's 12 rows"),
        (Bin(pixels=11), "bin less"),
        (Hemodynamics(), "no reference movie"),
        (Hemodynamics(highpass=10), "no reference movie"),
        (Mask(path=tmp_path / "none.tif"), "cannot be read"),
        (Mask(path=tmp_path / "none.txt"), "a mask is one of"),
    ):
        with pytest.raises(RecordingError, match=sentence):
            preprocess(recording, [step])
    with pytest.raises(RecordingError, match="needs more than 20 frames a second"):
        preprocess(with_reference(100), [Hemodynamics(highpass=10)])
    with pytest.raises(FrameRateError):
        preprocess(recording.replace(frame_rate=None), [Detrend()])


@pytest.mark.parametrize(
    ("mask", "sentence"),
    [
        (np.zeros((12, 10)), "keeps no pixel"),
        (np.ones((12, 11)), "draw it on such a frame"),
        (np.ones((6, 5)), "draw it on such a frame"),
        (np.ones((12, 10, 3)), "without colours"),
        (np.array([[{}]]), "cannot be read"),
    ],
)
def test_a_mask_that_cannot_be_meant_is_refused(tmp_path, mask, sentence):
    np.save(tmp_path / "mask.npy", mask)
    with pytest.raises(RecordingError, match=sentence):
        preprocess(recording_of(cortex()), [Mask(path=tmp_path / "mask.npy")])
