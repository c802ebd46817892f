"""Behaviour files of the paper and text tables, read onto a recording's clock."""

from __future__ import annotations

from pathlib import Path

import dask.array as da
import h5py
import numpy as np
import pytest
from scipy.io import savemat

from napari_cortex_decoder.errors import FrameRateError, RecordingError
from napari_cortex_decoder.recording import Recording, read_behavior

RUNREST = np.array([0, 0, 1, 1, 1, 0], np.uint8)
SPEED = np.array([0.0, 0.1, 2.5, 3.0, 1.0, 0.2])


@pytest.fixture
def recording() -> Recording:
    return Recording(movie=da.zeros((6, 4, 4)), name="m", frame_rate=2.0)


def write_mat_73(path: Path, **variables: np.ndarray) -> None:
    """Write as MATLAB does: HDF5 behind a 512-byte header, dimensions in reverse order."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in variables.items():
            file.create_dataset(name, data=values.T).attrs["MATLAB_class"] = np.bytes_("double")
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(508) + b"\x00\x02IM")


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_the_papers_mat_file_gives_runrest_and_speed_frame_by_frame(tmp_path, recording, version):
    path = tmp_path / "20180125_Emx1G6_LR_1_behavior.mat"
    variables = {"runrest": RUNREST[None], "speed_rs": SPEED[None]}
    if version == "5":
        savemat(path, variables, do_compression=True)
    else:
        write_mat_73(path, **variables)

    traces = read_behavior(path, recording)

    assert set(traces) == {"runrest", "speed"}
    np.testing.assert_array_equal(traces["runrest"].values, RUNREST)
    np.testing.assert_array_equal(traces["speed"].values, SPEED)
    assert traces["speed"].unit == "cm/s"
    np.testing.assert_array_equal(traces["speed"].times, np.arange(6) / 2)


@pytest.mark.parametrize("fields", [None, ["wheel"]])
@pytest.mark.parametrize("version", ["5", "7.3"])
def test_single_numbers_of_a_mat_file_are_the_clock_of_a_trace(
    tmp_path, recording, version, fields
):
    path = tmp_path / "b.mat"
    clock = {"wheel_t0": np.array([[0.5]]), "wheel_dt": np.array([[0.25]])}
    write = savemat if version == "5" else lambda file, held: write_mat_73(file, **held)
    write(path, {"wheel": SPEED[None], **clock})
    traces = read_behavior(path, recording, fields=fields)
    np.testing.assert_allclose(traces["wheel"].times, 0.5 + 0.25 * np.arange(6))


@pytest.mark.parametrize("length", [5, 7, 600])
def test_a_trace_of_another_length_is_refused_with_both_numbers(tmp_path, recording, length):
    path = tmp_path / "b.mat"
    savemat(path, {"runrest": np.ones((1, length))})
    with pytest.raises(RecordingError, match=f"b.mat.*runrest.* {length} values.* 6 frames"):
        read_behavior(path, recording)


def test_one_frame_off_is_named_as_such(tmp_path, recording):
    path = tmp_path / "b.mat"
    savemat(path, {"runrest": np.ones((1, 7))})
    with pytest.raises(RecordingError, match="one frame off"):
        read_behavior(path, recording)


def test_a_csv_with_seconds_keeps_its_own_times_and_unit(tmp_path, recording):
    path = tmp_path / "speed ü.csv"
    path.write_text("time_ms,speed (cm/s)\n0,1.5\n750,2.5\n2500,\n", encoding="utf-8")
    trace = read_behavior(path, recording)["speed"]
    np.testing.assert_allclose(trace.times, [0, 0.75, 2.5])
    np.testing.assert_array_equal(trace.values, [1.5, 2.5, np.nan])
    assert trace.unit == "cm/s"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_that_counts_frames_is_put_at_their_times(tmp_path, recording, separator):
    path = tmp_path / "b.csv"
    path.write_text(separator.join(["frame", "speed"]) + f"\n1{separator}5\n4{separator}7\n")
    trace = read_behavior(path, recording)["speed"]
    np.testing.assert_array_equal(trace.times, [0.5, 2.0])


def test_decimal_commas_are_numbers_where_a_comma_does_not_separate(tmp_path, recording):
    path = tmp_path / "b.csv"
    path.write_text("time;speed\n0,0;0,5\n1,5;-2\n")
    trace = read_behavior(path, recording)["speed"]
    np.testing.assert_array_equal(trace.times, [0, 1.5])
    np.testing.assert_array_equal(trace.values, [0.5, -2])


def test_frames_that_count_from_one_are_refused_until_that_is_said(tmp_path, recording):
    path = tmp_path / "b.csv"
    path.write_text("frame,speed\n" + "\n".join(f"{i},{i}" for i in range(1, 7)))
    with pytest.raises(RecordingError, match="first_frame=1"):
        read_behavior(path, recording)
    trace = read_behavior(path, recording, first_frame=1)["speed"]
    np.testing.assert_array_equal(trace.times, recording.times)


def test_a_column_of_text_becomes_one_trace_a_label(tmp_path, recording):
    path = tmp_path / "b.tsv"
    path.write_text("frame\tbehavior\n0\trest\n1\trun\n2\t\n3\trest\n")
    traces = read_behavior(path, recording)
    np.testing.assert_array_equal(traces["run"].values, [0, 1, np.nan, 0])
    np.testing.assert_array_equal(traces["rest"].values, [1, 0, np.nan, 1])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ("speed\n", "no rows"),
        ("speed\n1\n2\nfast\n4\n5\n6\n", "'speed' holds 'fast' in row 3"),
        ("time,speed\n0,1\n2,1\n1,1\n", "goes from 2 s to 1 s at sample 2"),
        ("time,speed\n0,1\n0,1\n", "times must increase"),
        ("time,speed\n0,1\n,1\n", "'time' has no number in row 2"),
        ("time (ticks),speed\n0,1\n1,1\n", "convert them to seconds"),
        ("time,frame\n0,1\n1,1\n", "2 times for the movie's 6 frames"),
        ("frame,speed\n0,1\n6,1\n", "counts frames 0…6, the movie's are 0…5"),
        ("frame,speed\n0.5,1\n", "whole numbers"),
        ("frame,speed\n1e300,1\n", "whole numbers"),
        ("time,speed\n100,1\n101,2\n", "runs from 100 s to 101 s, the movie from 0 s to 2.5 s"),
        ("time,timestamp,speed\n0,0,1\n", "several time columns"),
        ("speed,wheel\n1,2,3\n3,4,5\n", "more cells than the header"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_in_one_sentence(tmp_path, recording, text, sentence):
    path = tmp_path / "b.csv"
    path.write_text(text)
    with pytest.raises(RecordingError) as caught:
        read_behavior(path, recording)
    assert sentence in str(caught.value)
    assert "b.csv" in str(caught.value)


def test_fields_that_are_not_there_are_named(tmp_path, recording):
    mat, csv = tmp_path / "b.mat", tmp_path / "b.csv"
    savemat(mat, {"runrest": RUNREST[None], "text": "run"})
    csv.write_text("speed\n1\n")
    with pytest.raises(RecordingError, match=r"no vector 'speed_rs'.*\['runrest'\]"):
        read_behavior(mat, recording, fields=["speed_rs"])
    with pytest.raises(RecordingError, match=r"no column 'wheel'.*\['speed'\]"):
        read_behavior(csv, recording, fields=["wheel"])


def test_a_mat_file_without_vectors_is_refused(tmp_path, recording):
    path = tmp_path / "b.mat"
    savemat(path, {"text": "run", "matrix": np.ones((3, 3)), "z": np.ones((1, 6)) * 1j})
    with pytest.raises(RecordingError, match="no numeric vector"):
        read_behavior(path, recording)


def test_a_mat_73_file_opens_no_other_file(tmp_path, recording):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["runrest"] = RUNREST
    path = tmp_path / "b.mat"
    with h5py.File(path, "w") as file:
        file["runrest"] = h5py.ExternalLink("secret.h5", "runrest")
        file["loop"] = h5py.SoftLink("/loop")
    with pytest.raises(RecordingError, match=r"/runrest lies in the file 'secret\.h5'"):
        read_behavior(path, recording)


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_a_truncated_mat_file_is_refused(tmp_path, recording, version):
    path = tmp_path / "b.mat"
    if version == "5":
        savemat(path, {"runrest": RUNREST[None], "speed_rs": SPEED[None]})
    else:
        write_mat_73(path, runrest=RUNREST[None], speed_rs=SPEED[None])
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(RecordingError, match=r"b\.mat: .*(cannot be read|cut off)"):
        read_behavior(path, recording)


def test_an_unknown_kind_and_a_missing_file_are_named(tmp_path, recording):
    with pytest.raises(RecordingError, match=r"not from '\.docx'"):
        read_behavior(tmp_path / "b.docx", recording)
    with pytest.raises(RecordingError, match="no such file"):
        read_behavior(tmp_path / "b.csv", recording)


def test_an_unknown_frame_rate_is_asked_for(tmp_path):
    path = tmp_path / "b.csv"
    path.write_text("speed\n" + "1\n" * 6)
    silent = Recording(movie=da.zeros((6, 4, 4)), name="m")
    with pytest.raises(FrameRateError, match="frame_rate"):
        read_behavior(path, silent)
