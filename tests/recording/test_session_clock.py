"""One clock a session: what counts from its start, from the first frame, or does not say."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from pathlib import Path

import dask.array as da
import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pynwb import NWBHDF5IO, NWBFile, TimeSeries
from pynwb.ophys import OnePhotonSeries, OpticalChannel
from typer.testing import CliRunner

from napari_cortex_decoder.cli import app
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.labels import Bout, Ethogram, Format, read_labels, write_labels
from napari_cortex_decoder.recording import (
    Recording,
    add_behavior,
    open_recording,
    remember_metadata,
    trace_at_frames,
)

N = 40


def late(first: float = 12.5, rate: float = 10.0, uneven: bool = False) -> Recording:
    """A movie of two colours whose first frame was taken `first` seconds into the session."""
    times = first + np.arange(N) / rate + (0.8 * (np.arange(N) > 20) if uneven else 0.0)
    pixels = da.from_array(np.arange(N, dtype=np.uint16)[:, None, None] + np.zeros((1, 6, 8), "u2"))
    return Recording(
        movie=pixels, reference=pixels + 1000, name="m", frame_rate=rate, frame_times=times
    )


def nwb_of(path: Path, **clock: object) -> NWBFile:
    """An NWB file with a one-photon movie on a clock."""
    file = NWBFile("s", "i", datetime(2024, 1, 1, tzinfo=UTC))
    light = OpticalChannel(name="light", description="green", emission_lambda=525.0)
    plane = file.create_imaging_plane(
        name="plane", optical_channel=light, description="cortex", excitation_lambda=470.0,
        device=file.create_device(name="scope"), indicator="GCaMP6s", location="cortex",
    )  # fmt: skip
    movie = np.zeros((N, 6, 8), np.uint16)
    file.add_acquisition(
        OnePhotonSeries(name="movie", imaging_plane=plane, data=movie, unit="n.a.", **clock)
    )
    return file


def save_nwb(file: NWBFile, path: Path) -> Path:
    with NWBHDF5IO(str(path), "w") as io:
        io.write(file)
    return path


def test_an_nwb_movie_begins_at_its_starting_time_and_traces_stay_where_they_were(tmp_path):
    file = nwb_of(tmp_path, rate=10.0, starting_time=100.0)
    lick = np.where(np.arange(N) >= 10, 5.5, 0.5)
    file.add_acquisition(
        TimeSeries(name="speed", data=lick, unit="cm/s", rate=10.0, starting_time=101.0)
    )
    path = save_nwb(file, tmp_path / "m.nwb")
    recording = open_recording(path)
    assert recording.times[0] == 100.0
    speed = trace_at_frames(add_behavior(recording, path).behavior["speed"], recording)
    assert np.isnan(speed[:9]).all() and np.flatnonzero(speed > 1)[0] == 20


def test_the_time_of_the_first_frame_is_told_and_remembered_where_a_file_does_not_say_it(tmp_path):
    path = tmp_path / "m.npy"
    np.save(path, np.zeros((N, 6, 8), np.uint16))
    (tmp_path / "speed.csv").write_text("speed\n" + "".join(f"{i}.5\n" for i in range(N)))
    told = open_recording(path, frame_rate=10, first_frame_time=12.5)
    np.testing.assert_allclose(told.times, 12.5 + np.arange(N) / 10)
    assert add_behavior(told, tmp_path / "speed.csv").behavior["speed"].times[0] == 12.5
    with pytest.raises(RecordingError, match="give its time in seconds"):
        open_recording(path, frame_rate=10, first_frame_time=np.nan)
    with pytest.raises(RecordingError, match="frame rate"):
        open_recording(path, first_frame_time=12.5)
    how = ["--frame-rate", "10", "--first-frame-time", "-3", "--remember"]
    assert CliRunner().invoke(app, ["info", str(path), *how]).exit_code == 0
    assert open_recording(path).times[0] == -3
    assert open_recording(path, first_frame_time=0).times[0] == 0
    with pytest.raises(RecordingError, match="first_frame_time is inf; give a number"):
        remember_metadata(path, first_frame_time=np.inf)


def test_a_trace_with_only_a_rate_begins_with_the_first_frame(tmp_path):
    path = tmp_path / "speed.csv"
    path.write_text("speed\n" + "".join(f"{i}.5\n" for i in range(2 * N)))
    trace = add_behavior(late(), path, rate=20).behavior["speed"]
    assert trace.times[0] == 12.5
    assert add_behavior(late(), path, rate=20, offset=0.25).behavior["speed"].times[0] == 12.75


def test_a_file_that_does_not_say_what_its_times_count_from_is_told_and_can_be_said(tmp_path):
    path = tmp_path / "speed.csv"
    path.write_text("time,speed\n" + "".join(f"{13 + i / 10},{i}.5\n" for i in range(N)))
    whole = add_behavior(late(), path)
    assert whole.behavior["speed"].times[0] == 13
    assert any("session's start" in said and "first-frame" in said for said in whole.warnings)
    path.write_text("time,speed\n" + "".join(f"{i / 10},{i}.5\n" for i in range(N)))
    counted = add_behavior(late(), path, clock="first-frame")
    np.testing.assert_allclose(counted.behavior["speed"].times, late().times)
    assert not any("session's start" in said for said in counted.warnings)
    at_zero = late(first=0.0)
    assert not add_behavior(at_zero, path).warnings


def test_dates_begin_with_the_movie_and_that_is_told(tmp_path):
    path = tmp_path / "speed.csv"
    rows = "".join(f"2024-03-01T10:00:{i / 10:06.3f}+00:00,{i}.5\n" for i in range(N))
    path.write_text("Timestamp,speed\n" + rows)
    whole = add_behavior(late(), path)
    np.testing.assert_allclose(whole.behavior["speed"].times, late().times, atol=1e-6)
    assert any("dates" in said for said in whole.warnings)


def test_bouts_in_seconds_say_whose_clock_they_are_on(tmp_path):
    path = tmp_path / "bouts.csv"
    path.write_text("Start (ms),Stop (ms),Behavior\n1000,2000,run\n")
    assert read_labels(path, late(), clock="first-frame").bouts == (Bout(10, 20, "run"),)
    path.write_text("start,stop,behavior\n00:00:13.5,00:00:14.5,run\n")
    with pytest.warns(UserWarning, match="session's start"):
        assert read_labels(path, late()).bouts == (Bout(10, 20, "run"),)


@pytest.mark.parametrize("form", list(Format))
@given(
    first=st.sampled_from([0.0, 0.35, 12.5, 5400.0, -3.0]),
    uneven=st.booleans(),
    rate=st.sampled_from([10.0, 29.97]),
    border=st.integers(5, 30),
)
@settings(max_examples=12, deadline=None)
def test_every_export_comes_back_on_the_same_frames_wherever_the_movie_begins(
    tmp_path_factory, form, first, uneven, rate, border
):
    recording = late(first, rate, uneven)
    wanted = Ethogram(("run", "rest"), (Bout(2, border, "run"), Bout(border + 1, N, "rest")), N)
    path = tmp_path_factory.mktemp("labels") / f"l.{'nwb' if form == Format.NWB else 'csv'}"
    write_labels(wanted, path, recording, format=form)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = read_labels(path, recording)
    assert [(b.start, b.stop, b.behavior) for b in again.bouts if b.behavior != "background"] == [
        (b.start, b.stop, b.behavior) for b in wanted.bouts
    ]


@pytest.mark.parametrize(
    ("unit", "factor", "place"),
    [
        ("ms", 1e3, "attribute"), ("microseconds", 1e6, "attribute"), ("ms", 1e3, "name"),
        ("us", 1e6, "beside"), ("Milliseconds", 1e3, "group"), ("s", 1.0, "attribute"),
    ],
)  # fmt: skip
def test_frame_times_in_hdf5_count_in_the_unit_that_stands_beside_them(
    tmp_path, unit, factor, place
):
    path = tmp_path / "m.h5"
    name = f"frame_times_{unit}" if place == "name" else "timestamps"
    with h5py.File(path, "w") as file:
        file["frames"] = np.zeros((20, 6, 8), np.uint16)
        file[name] = np.round((0.35 + np.arange(20) / 25) * factor, 3)
        if place == "attribute":
            file[name].attrs["units"] = unit
        elif place == "beside":
            file[f"{name}_unit"] = unit
        elif place == "group":
            file.attrs["time_units"] = unit
    recording = open_recording(path)
    assert recording.frame_rate == pytest.approx(25, rel=1e-3)
    assert recording.times[0] == pytest.approx(0.35)


def test_frame_times_without_a_unit_are_ms_where_the_rate_says_so_and_unknown_units_are_told(
    tmp_path,
):
    for name, unit, rate in (("a.h5", None, 25.0), ("b.h5", "ticks", None), ("c.h5", None, None)):
        with h5py.File(tmp_path / name, "w") as file:
            file["frames"] = np.zeros((20, 6, 8), np.uint16)
            file["timestamps"] = np.arange(20) * 40
            if unit:
                file["timestamps"].attrs["unit"] = unit
            if rate:
                file.attrs["frame_rate"] = rate
    known = open_recording(tmp_path / "a.h5")
    assert known.frame_rate == pytest.approx(25) and "ms" in " ".join(known.warnings)
    for name in ("b.h5", "c.h5"):
        unknown = open_recording(tmp_path / name)
        assert unknown.frame_rate is None and unknown.warnings
