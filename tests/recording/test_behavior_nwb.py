"""Behaviour in NWB files, written by pynwb."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import dask.array as da
import h5py
import numpy as np
import pytest
from pynwb import NWBHDF5IO, NWBFile, TimeSeries
from pynwb.behavior import BehavioralTimeSeries
from pynwb.epoch import TimeIntervals
from pynwb.event import EventsTable

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording import Recording, add_behavior, read_behavior


@pytest.fixture
def recording() -> Recording:
    return Recording(movie=da.zeros((10, 4, 4)), name="m", frame_rate=2.0)


@pytest.fixture
def nwb() -> NWBFile:
    return NWBFile("a mouse on a wheel", "id", datetime(2024, 1, 1, tzinfo=UTC))


def save(nwb: NWBFile, path: Path) -> Path:
    with NWBHDF5IO(path, "w") as io:
        io.write(nwb)
    return path


def test_time_series_become_traces_in_the_units_they_state(tmp_path, recording, nwb):
    nwb.add_acquisition(
        TimeSeries(
            name="wheel",
            data=np.arange(50),
            unit="m/s",
            conversion=0.5,
            offset=1.0,
            rate=10.0,
            starting_time=0.25,
        )
    )
    behavior = BehavioralTimeSeries()
    behavior.add_timeseries(
        TimeSeries(name="speed", data=[1.0, 2.0, 4.0], unit="cm/s", timestamps=[0.0, 2.0, 4.5])
    )
    nwb.create_processing_module("behavior", "processed").add(behavior)

    traces = read_behavior(save(nwb, tmp_path / "b.nwb"), recording)

    assert set(traces) == {"wheel", "speed"}
    np.testing.assert_allclose(traces["wheel"].values, np.arange(50) * 0.5 + 1)
    np.testing.assert_allclose(traces["wheel"].times, 0.25 + np.arange(50) / 10)
    assert traces["wheel"].unit == "m/s"
    np.testing.assert_array_equal(traces["speed"].times, [0, 2, 4.5])


def test_intervals_become_zero_and_one_a_frame_by_label(tmp_path, recording, nwb):
    table = TimeIntervals(name="states", description="what the mouse did")
    table.add_column("label", "behaviour")
    table.add_row(start_time=0.0, stop_time=1.0, label="rest")
    table.add_row(start_time=1.0, stop_time=2.6, label="run")
    table.add_row(start_time=4.0, stop_time=9.0, label="run")
    nwb.add_time_intervals(table)
    traces = read_behavior(save(nwb, tmp_path / "b.nwb"), recording)
    # a frame of 0.5 s is run if its middle is
    np.testing.assert_array_equal(traces["states: run"].values, [0, 0, 1, 1, 1, 0, 0, 0, 1, 1])
    np.testing.assert_array_equal(traces["states: rest"].values, [1, 1] + [0] * 8)


def test_events_mark_the_frame_they_happen_in(tmp_path, recording, nwb):
    licks = EventsTable(name="licks", description="licks")
    for time in (0.1, 2.4, 4.99, 30.0):
        licks.add_event(timestamp=time)
    nwb.add_events_table(licks)
    with_licks = add_behavior(recording, save(nwb, tmp_path / "b.nwb"))
    np.testing.assert_array_equal(np.flatnonzero(with_licks.behavior["licks"].values), [0, 4, 9])
    assert any("1 of 4 intervals of 'licks' lie outside" in said for said in with_licks.warnings)


def test_labelled_events_of_ndx_events_are_read(tmp_path, recording, nwb):
    ndx_events = pytest.importorskip("ndx_events", reason="ndx-events is not installed")
    nwb.add_acquisition(
        ndx_events.LabeledEvents(
            name="ttl", description="rewards and licks", timestamps=[0.6, 1.1, 3.2],
            resolution=1e-3, data=np.array([0, 1, 0], np.uint8), labels=["reward", "lick"],
        )
    )  # fmt: skip
    traces = read_behavior(save(nwb, tmp_path / "b.nwb"), recording)
    np.testing.assert_array_equal(np.flatnonzero(traces["ttl: reward"].values), [1, 6])
    np.testing.assert_array_equal(np.flatnonzero(traces["ttl: lick"].values), [2])


def test_only_the_objects_asked_for_are_read(tmp_path, recording, nwb):
    for name in ("speed", "pupil"):
        nwb.add_acquisition(TimeSeries(name=name, data=np.arange(10.0), unit="a.u.", rate=2.0))
    path = save(nwb, tmp_path / "b.nwb")
    assert set(read_behavior(path, recording, fields=["pupil"])) == {"pupil"}
    with pytest.raises(RecordingError, match=r"no behaviour called \['wheel'\]"):
        read_behavior(path, recording, fields=["wheel"])


def test_the_same_name_in_two_places_is_told_apart(tmp_path, recording, nwb):
    nwb.add_acquisition(TimeSeries(name="speed", data=np.arange(10.0), unit="V", rate=2.0))
    behavior = BehavioralTimeSeries(name="processed")
    behavior.add_timeseries(TimeSeries(name="speed", data=np.ones(10), unit="cm/s", rate=2.0))
    nwb.create_processing_module("behavior", "processed").add(behavior)
    traces = read_behavior(save(nwb, tmp_path / "b.nwb"), recording)
    assert {trace.unit for trace in traces.values()} == {"V", "cm/s"}


def test_an_nwb_file_without_behavior_is_refused(tmp_path, recording, nwb):
    nwb.add_acquisition(TimeSeries(name="matrix", data=np.ones((10, 30)), unit="V", rate=2.0))
    with pytest.raises(RecordingError, match="no behaviour in this NWB file"):
        read_behavior(save(nwb, tmp_path / "b.nwb"), recording)


def test_series_on_another_clock_are_refused_with_both_ranges(tmp_path, recording, nwb):
    nwb.add_acquisition(
        TimeSeries(name="speed", data=np.ones(10), unit="cm/s", rate=2.0, starting_time=500.0)
    )
    path = save(nwb, tmp_path / "b.nwb")
    with pytest.raises(
        RecordingError, match=r"from 500 s to 504\.5 s, the movie from 0 s to 4\.5 s"
    ):
        read_behavior(path, recording)
    trace = read_behavior(path, recording, offset=-500)["speed"]
    np.testing.assert_allclose(trace.times, recording.times)


def test_texts_that_the_hdf5_library_would_read_for_ever_are_refused(tmp_path, recording, nwb):
    nwb.add_acquisition(TimeSeries(name="speed", data=np.ones(10), unit="cm/s", rate=2.0))
    path = save(nwb, tmp_path / "b.nwb")
    content = bytearray(path.read_bytes())
    heap = content.index(b"GCOL")
    content[heap + 24 : heap + 32] = b"\xff" * 8  # the size of its first text
    path.write_bytes(content)
    with pytest.raises(RecordingError, match="the heap of its texts is damaged"):
        read_behavior(path, recording)


@pytest.mark.parametrize("content", [b"", b"not an HDF5 file", b"\x89HDF\r\n\x1a\n" + bytes(200)])
def test_what_is_no_nwb_file_is_refused(tmp_path, recording, content):
    path = tmp_path / "b.nwb"
    path.write_bytes(content)
    with pytest.raises(
        RecordingError, match=r"b\.nwb: (this (cannot be|is no HDF5)|the file is empty)"
    ):
        read_behavior(path, recording)


def test_series_that_are_linked_are_read_under_either_name(tmp_path, recording, nwb):
    times = np.arange(40) / 10
    first = TimeSeries(name="wheel", data=np.linspace(0, 5, 40), unit="V", timestamps=times)
    nwb.add_acquisition(first)
    module = nwb.create_processing_module("behavior", "processed")
    module.add(TimeSeries(name="speed", data=first, unit="V", timestamps=first))
    path = save(nwb, tmp_path / "b.nwb")
    with h5py.File(path, "a") as file:
        file["processing/behavior/running"] = h5py.SoftLink("/acquisition/wheel")
        file["processing/behavior/elsewhere"] = h5py.ExternalLink("other.nwb", "/acquisition/x")
    whole = add_behavior(recording, path)
    assert {"wheel", "speed"} <= set(whole.behavior)
    np.testing.assert_allclose(whole.behavior["speed"].times, times)
    assert "other.nwb" in " ".join(whole.warnings)
    asked = add_behavior(recording, path, fields=["running"])
    np.testing.assert_allclose(asked.behavior["running"].values, np.linspace(0, 5, 40))


def test_columns_become_traces_and_what_is_left_out_is_told(tmp_path, recording, nwb):
    nwb.add_acquisition(TimeSeries(name="place", data=np.ones((10, 2)), unit="m", rate=2.0))
    nwb.add_acquisition(TimeSeries(name="spectrum", data=np.ones((10, 64)), unit="V", rate=2.0))
    nwb.add_acquisition(
        TimeSeries(name="later", data=np.ones(10), unit="V", rate=2.0, starting_time=900.0)
    )
    path = save(nwb, tmp_path / "b.nwb")
    whole = add_behavior(recording, path)
    assert set(whole.behavior) == {"place x", "place y"}
    told = " ".join(whole.warnings)
    assert "'spectrum' holds 10 x 64 values" in told and "'later' runs from 900 s" in told
    with pytest.raises(RecordingError, match="'later' runs from 900 s"):
        add_behavior(recording, path, fields=["later"])
