"""Area traces as NWB: read back by pynwb, and with nothing for the inspector to say."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pynwb
import pytest
from nwbinspector import Importance, inspect_nwbfile

from napari_cortex_decoder.atlas import Registration, area_traces, relative_change
from napari_cortex_decoder.atlas.nwb_export import write_traces_nwb
from napari_cortex_decoder.errors import AtlasError
from napari_cortex_decoder.simulation import simulate_recording

START = datetime(2024, 5, 1, 10, tzinfo=UTC)


@pytest.fixture(scope="module")
def measured():
    mouse = simulate_recording(seed=1, seconds=2)
    placed: Registration = mouse.truth.registration
    labels = placed.label_image(mouse.shape)
    traces = relative_change(area_traces(mouse.movie, labels, len(placed.atlas.areas)))
    return mouse, labels, placed.atlas.areas, traces


def test_traces_masks_and_names_come_back(measured, tmp_path):
    mouse, labels, areas, traces = measured
    path = tmp_path / "areas.nwb"
    write_traces_nwb(
        path, traces, labels, areas, mouse.times, session_start=START, name="m1", pixel_size=0.08
    )
    seen = [i for i in range(len(areas)) if (labels == i + 1).any()]
    with pynwb.NWBHDF5IO(str(path), "r") as io:
        module = io.read().processing["ophys"]
        series = module["DfOverF"]["RoiResponseSeries"]
        table = module["ImageSegmentation"]["Areas"].to_dataframe()
        assert series.data[:] == pytest.approx(traces[:, seen], abs=1e-6)
        assert series.rate == pytest.approx(mouse.frame_rate)
        assert list(table["acronym"]) == [areas[i].acronym for i in seen]
        assert list(table["side"]) == [areas[i].side for i in seen]
        assert (table["image_mask"].iloc[5].T.astype(bool) == (labels == seen[5] + 1)).all()


def test_the_inspector_finds_nothing_to_correct(measured, tmp_path):
    mouse, labels, areas, traces = measured
    path = tmp_path / "areas.nwb"
    write_traces_nwb(path, traces, labels, areas, mouse.times, session_start=START, name="m1")
    found = list(
        inspect_nwbfile(
            nwbfile_path=str(path), importance_threshold=Importance.BEST_PRACTICE_VIOLATION
        )
    )
    assert [f"{message.check_function_name}: {message.message}" for message in found] == []


def test_uneven_times_are_kept_frame_by_frame(measured, tmp_path):
    _, labels, areas, traces = measured
    times = np.cumsum(np.random.default_rng(0).uniform(0.01, 0.05, len(traces)))
    path = tmp_path / "areas.nwb"
    write_traces_nwb(path, traces, labels, areas, times, session_start=START, name="m1")
    with pynwb.NWBHDF5IO(str(path), "r") as io:
        series = io.read().processing["ophys"]["DfOverF"]["RoiResponseSeries"]
        assert series.timestamps[:] == pytest.approx(times)


def test_a_start_without_a_time_zone_is_refused(measured, tmp_path):
    mouse, labels, areas, traces = measured
    with pytest.raises(AtlasError, match="no time zone"):
        write_traces_nwb(
            tmp_path / "x.nwb",
            traces,
            labels,
            areas,
            mouse.times,
            session_start=datetime(2024, 5, 1),
            name="m1",
        )


def test_traces_that_do_not_fit_are_refused(measured, tmp_path):
    mouse, labels, areas, traces = measured
    with pytest.raises(AtlasError, match="for 60 times and 44 areas"):
        write_traces_nwb(
            tmp_path / "x.nwb",
            traces[:-1],
            labels,
            areas,
            mouse.times,
            session_start=START,
            name="m1",
        )
