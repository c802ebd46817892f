"""Behaviour in NumPy files."""

from __future__ import annotations

import zipfile

import dask.array as da
import numpy as np
import pytest
from scipy.io import savemat

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording import (
    Recording,
    RunAndRest,
    add_behavior,
    read_behavior,
    run_and_rest,
    speed_from_voltage,
    trace_at_frames,
)


@pytest.fixture
def recording() -> Recording:
    return Recording(movie=da.zeros((6, 4, 4)), name="m", frame_rate=2.0)


@pytest.mark.parametrize("shape", [(6,), (1, 6), (6, 1)])
def test_an_npy_file_holds_one_trace_named_after_it(tmp_path, recording, shape):
    np.save(tmp_path / "wheel.npy", np.arange(6, dtype=np.int16).reshape(shape))
    trace = read_behavior(tmp_path / "wheel.npy", recording)["wheel"]
    np.testing.assert_array_equal(trace.values, np.arange(6))
    np.testing.assert_array_equal(trace.times, recording.times)


def test_a_structured_npy_file_holds_a_trace_a_field(tmp_path, recording):
    table = np.zeros(9, [("times", "f8"), ("speed", "f4")])
    table["times"] = np.arange(9) * 0.3
    np.save(tmp_path / "b.npy", table)
    traces = read_behavior(tmp_path / "b.npy", recording)
    assert list(traces) == ["speed"]
    np.testing.assert_allclose(traces["speed"].times, np.arange(9) * 0.3)


def test_a_rate_and_an_offset_place_a_trace_without_times(tmp_path, recording):
    np.save(tmp_path / "speed.npy", np.arange(400) / 100)
    trace = read_behavior(tmp_path / "speed.npy", recording, rate=100, offset=-0.5)["speed"]
    np.testing.assert_allclose(trace.times, np.arange(400) / 100 - 0.5)
    # the trace counts its own seconds; each frame sees the mean of its 0.5 s
    np.testing.assert_allclose(trace_at_frames(trace, recording), np.arange(6) / 2 + 0.745)


def test_an_npz_file_gives_each_trace_its_own_clock(tmp_path, recording):
    np.savez_compressed(
        tmp_path / "b.npz",
        wheel_v=np.ones(30),
        wheel_dt=0.1,
        wheel_t0=0.05,
        pupil=np.ones(3),
        pupil_times=[0.0, 1.0, 2.0],
        lick=np.zeros(6),
    )
    traces = read_behavior(tmp_path / "b.npz", recording)
    np.testing.assert_allclose(traces["wheel"].times, 0.05 + np.arange(30) / 10)
    assert traces["wheel"].unit == "V"
    np.testing.assert_array_equal(traces["pupil"].times, [0, 1, 2])
    np.testing.assert_array_equal(traces["lick"].times, recording.times)


def test_frame_times_of_the_file_become_the_movies_true_time_axis(tmp_path, recording):
    frame_times = np.array([10.0, 10.5, 11.0, 12.5, 13.0, 13.5])
    np.savez(
        tmp_path / "sync.npz",
        frame_times=frame_times,
        wheel=np.arange(6.0),
        wheel_times=frame_times,
    )
    aligned = add_behavior(recording.replace(frame_rate=None), tmp_path / "sync.npz")
    np.testing.assert_array_equal(aligned.times, frame_times)
    assert aligned.frame_rate == pytest.approx(2.0)
    np.testing.assert_array_equal(trace_at_frames(aligned.behavior["wheel"], aligned), np.arange(6))
    # a recording that keeps its own clock gets the trace frame by frame on that clock
    trace = read_behavior(tmp_path / "sync.npz", recording)["wheel"]
    np.testing.assert_allclose(trace.times, recording.times)


def test_frame_times_that_contradict_the_frame_rate_are_told(tmp_path, recording):
    np.savez(tmp_path / "s.npz", frame_times=np.arange(6) / 30)
    aligned = add_behavior(recording, tmp_path / "s.npz")
    assert aligned.frame_rate == pytest.approx(30)
    assert any("say 30 Hz, not the 2 Hz" in said for said in aligned.warnings)


def test_frame_times_are_never_guessed_among_several(tmp_path, recording):
    np.savez(tmp_path / "s.npz", frame_times_a=np.arange(6.0), frame_times_b=np.arange(6.0) + 0.1)
    with pytest.raises(RecordingError, match="name one as frame_times"):
        add_behavior(recording, tmp_path / "s.npz")
    chosen = add_behavior(recording, tmp_path / "s.npz", frame_times="frame_times_b")
    np.testing.assert_allclose(chosen.times, np.arange(6) + 0.1)
    with pytest.raises(RecordingError, match="no frame times 'frame_times_c'"):
        add_behavior(recording, tmp_path / "s.npz", frame_times="frame_times_c")


def test_frame_times_that_are_one_off_are_refused(tmp_path, recording):
    np.savez(tmp_path / "s.npz", frame_times=np.arange(7.0))
    with pytest.raises(RecordingError, match=r"7 times for the movie's 6 frames \(one frame off"):
        add_behavior(recording, tmp_path / "s.npz")


def test_the_treadmill_of_the_real_recording_runs_at_48_to_58_seconds(shared_data):
    recording = Recording(movie=da.zeros((200, 4, 4)), name="m")
    path = shared_data / "recordings" / "yulonglab" / "sync.npz"
    aligned = add_behavior(recording, path, frame_times="frame_times_561_488")
    assert aligned.frame_rate == pytest.approx(1.0, rel=1e-3)
    volts = aligned.behavior["run"]
    assert volts.times.size == 20032
    assert volts.times[0] == pytest.approx(0.00901)
    speed = trace_at_frames(speed_from_voltage(volts, gain=100.0), aligned)
    runs = run_and_rest(speed, 1.0, RunAndRest(threshold=0.5, shortest_bout=3.0))
    np.testing.assert_array_equal(np.flatnonzero(runs), np.arange(47, 58))
    assert aligned.warnings == ()


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_pickled_objects_are_refused_unread(tmp_path, recording, suffix):
    path = tmp_path / f"b{suffix}"
    objects = np.array([{"a": 1}] * 6, dtype=object)
    (np.save if suffix == ".npy" else np.savez)(path, objects)
    with pytest.raises(RecordingError, match="not numbers"):
        read_behavior(path, recording)


@pytest.mark.parametrize("values", [np.array(list("abcdef")), np.ones(6) * 1j])
def test_text_and_complex_numbers_are_refused(tmp_path, recording, values):
    np.save(tmp_path / "b.npy", values)
    with pytest.raises(RecordingError, match="not numbers"):
        read_behavior(tmp_path / "b.npy", recording)


def test_a_matrix_is_refused_with_its_shape(tmp_path, recording):
    np.save(tmp_path / "b.npy", np.ones((6, 3)))
    with pytest.raises(RecordingError, match=r"\(6, 3\)"):
        read_behavior(tmp_path / "b.npy", recording)


def test_a_truncated_npy_and_npz_are_refused(tmp_path, recording):
    np.save(tmp_path / "b.npy", np.ones(600))
    np.savez_compressed(tmp_path / "b.npz", speed=np.random.default_rng(0).random(600))
    for name in ("b.npy", "b.npz"):
        path = tmp_path / name
        path.write_bytes(path.read_bytes()[:-2000])
        with pytest.raises(RecordingError, match=name.replace(".", r"\.")):
            read_behavior(path, recording)


def test_a_bomb_of_an_npz_is_refused_by_its_header(tmp_path, recording):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }"
    length = len(header).to_bytes(2, "little")
    with zipfile.ZipFile(tmp_path / "b.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("speed.npy", b"\x93NUMPY\x01\x00" + length + header + bytes(10_000_000))
    with pytest.raises(RecordingError, match="claims 1000000000000 samples"):
        read_behavior(tmp_path / "b.npz", recording)


@pytest.mark.parametrize("name", ["t_ms", "timestamps_ms", "wheel_times_ms"])
@pytest.mark.parametrize("kind", ["npz", "mat"])
def test_times_beside_a_vector_count_in_the_unit_of_their_name(tmp_path, name, kind):
    recording = Recording(movie=da.zeros((20, 2, 2)), name="m", frame_rate=10.0)
    vectors = {"wheel": np.linspace(0, 1, 50), name: 40.0 * np.arange(50)}
    path = tmp_path / f"b.{kind}"
    if kind == "npz":
        np.savez(path, **vectors)
    else:
        savemat(path, vectors)
    for fields in (None, ["wheel"]):
        trace = read_behavior(path, recording, fields=fields)["wheel"]
        np.testing.assert_allclose(trace.times, 0.04 * np.arange(50))
