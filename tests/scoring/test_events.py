"""Averages around events: what was put there comes out, with as much doubt as there is."""

from __future__ import annotations

from pathlib import Path

import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.recording import BehaviorTrace, Recording
from napari_cortex_decoder.scoring.around_events import event_average, event_maps
from napari_cortex_decoder.scoring.events import Around, crossings, find_events

N, RATE = 600, 10.0
AROUND = Around(before=1.0, after=1.0, baseline=0.5, quiet=0.5)


def recording(movie: np.ndarray | None = None, **more: object) -> Recording:
    frames = np.ones((N, 2, 3), np.uint16) if movie is None else movie
    return Recording(movie=da.from_array(frames), name="m1", frame_rate=RATE, **more)  # type: ignore[arg-type]


def bumps(events: np.ndarray, height: float, level: float = 5.0) -> np.ndarray:
    """A trace that rises by a height for five frames from each event on."""
    trace = np.full(N, level)
    for event in events:
        trace[event : event + 5] += height
    return trace


EVENTS = np.arange(30, 560, 40)


def test_what_follows_an_event_comes_out_less_its_baseline() -> None:
    found = event_average(recording(), EVENTS, {"a": bumps(EVENTS, 2.0)}, around=AROUND)
    assert found.seconds[[0, -1]] == pytest.approx([-1.0, 1.0])
    expected = np.where((found.seconds > -0.05) & (found.seconds < 0.45), 2.0, 0.0)
    for line in (found.mean[0], found.low[0], found.high[0]):
        np.testing.assert_allclose(line, expected, atol=1e-9)
    assert found.n.tolist() == [len(EVENTS)]
    assert any("from -1.00 to -0.60 s" in said for said in found.said)


def test_without_a_baseline_the_level_stays() -> None:
    around = Around(before=1.0, after=1.0, baseline=0.0)
    found = event_average(recording(), EVENTS, {"a": bumps(EVENTS, 2.0)}, around=around)
    assert found.mean[0][0] == 5.0


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng, hits = np.random.default_rng(0), []
    for seed in range(40):
        heights = rng.normal(1.0, 1.0, len(EVENTS))
        trace = np.zeros(N)
        trace[EVENTS] = heights
        found = event_average(recording(), EVENTS, {"a": trace}, around=AROUND, seed=seed)
        zero = int(np.argmin(np.abs(found.seconds)))
        hits.append(found.low[0, zero] <= 1.0 <= found.high[0, zero])
    assert 0.8 <= np.mean(hits) <= 1.0


def test_too_few_events_have_no_interval_and_it_is_said() -> None:
    found = event_average(recording(), EVENTS[:4], {"a": bumps(EVENTS, 2.0)}, around=AROUND)
    assert np.isfinite(found.mean).all() and np.isnan(found.low).all()
    assert any("too few for an interval" in said for said in found.said)


def test_what_is_left_out_and_what_overlaps_is_said() -> None:
    events = [3, 100, 115, 300, 595]
    known = np.ones(N)
    known[295] = np.nan
    found = event_average(recording(), events, {"a": known, "b": np.ones(N)}, around=AROUND)
    text = " ".join(found.said)
    assert found.frames.tolist() == [100, 115, 300] and found.n.tolist() == [2, 3]
    assert "2 more are too near" in text and "1 begin within the window" in text
    assert "fewer of them: a (2)" in text


def test_a_window_over_lost_frames_is_left_out() -> None:
    times = np.arange(N) / RATE
    times[305:] += 3.0
    found = event_average(
        recording(frame_times=times), [100, 300], {"a": np.ones(N)}, around=AROUND
    )
    assert found.frames.tolist() == [100]
    assert any("1 more have lost frames" in said for said in found.said)


def test_events_outside_all_windows_are_refused_in_one_sentence() -> None:
    with pytest.raises(LabelError, match=r"of 1 events .* none has 10 frames before"):
        event_average(recording(), [2], {"a": np.ones(N)}, around=AROUND)
    with pytest.raises(LabelError, match="one value a frame"):
        event_average(recording(), [100], {"a": np.ones(N - 1)}, around=AROUND)


@pytest.mark.parametrize("level", [0.0, 1000.0])
def test_maps_are_percent_of_fluorescence_and_else_the_movies_own_unit(level: float) -> None:
    rng = np.random.default_rng(0)
    movie = level + 1e-3 * rng.standard_normal((N, 2, 3))
    movie[:, 0, 0] = bumps(EVENTS, 20.0, level)
    shown = recording(movie)
    average = event_average(shown, EVENTS, {}, around=AROUND)
    found = event_maps(shown, average, around=AROUND)
    maps, seconds = found.maps, found.seconds
    assert found.unit == ("ΔF/F, %" if level else "the movie's unit")
    after = (seconds > -0.05) & (seconds < 0.45)
    np.testing.assert_allclose(maps[after, 0, 0], 2.0 if level else 20.0, rtol=1e-3)
    np.testing.assert_allclose(maps[~after], 0.0, atol=0.01)
    assert abs(maps[:, 1, 1]).max() < 0.01


def test_maps_of_a_long_window_are_means_of_frames_in_a_row() -> None:
    movie = np.zeros((N, 1, 1))
    movie[:, 0, 0] = np.arange(N)
    shown, around = recording(movie), Around(before=10.0, after=10.0, baseline=0.0)
    average = event_average(shown, [200, 300], {}, around=around)
    found = event_maps(shown, average, around=around)
    maps, seconds = found.maps, found.seconds
    assert len(maps) < 41
    np.testing.assert_allclose(maps[:, 0, 0], 250 + seconds * RATE, rtol=1e-6)


@given(st.lists(st.sampled_from([0.0, 1.0, float("nan")]), min_size=3, max_size=60),
       st.integers(1, 4))  # fmt: skip
def test_a_crossing_is_known_and_below_before_and_above_after(
    values: list[float], quiet: int
) -> None:
    found = crossings(values, 0.5, quiet).tolist()
    expected = [
        i for i in range(quiet, len(values))
        if values[i] == 1.0 and all(v == 0.0 for v in values[i - quiet : i])
    ]  # fmt: skip
    assert found == expected


def test_events_are_found_by_name() -> None:
    times = np.arange(N) / RATE
    speed = BehaviorTrace("speed", np.where((times > 20) & (times < 25), 3.0, 0.0), times, "cm/s")
    shown = recording(behavior={"speed": speed})
    labels = Ethogram.from_frames((times > 30).astype(int), ("rest", "run"))
    assert find_events("speed>1", shown, None, AROUND).tolist() == [201]
    assert find_events("run", shown, labels, AROUND).tolist() == [301]
    for wrong, why in (("wheel>1", "no trace 'wheel'"), ("speed>fast", "no number"),
                       ("groom", "know no 'groom'")):  # fmt: skip
        with pytest.raises(LabelError, match=why):
            find_events(wrong, shown, labels, AROUND)
    with pytest.raises(LabelError, match="no labels to find the onsets"):
        find_events("run", shown, None, AROUND)


def test_the_table_has_a_row_a_trace_and_lag(tmp_path: Path) -> None:
    found = event_average(
        recording(), EVENTS[:3], {"a": np.ones(N)}, around=AROUND, units={"a": "%"}
    )
    found.to_csv(tmp_path / "events.csv")
    rows = (tmp_path / "events.csv").read_text().splitlines()
    assert rows[0] == "trace,unit,seconds,mean,low,high,events"
    assert rows[1] == "a,%,-1.0000,0,,,3" and len(rows) == 22
    (tmp_path / "other.csv").write_text("mine\n")
    with pytest.raises(LabelError, match=r"other\.csv"):
        found.to_csv(tmp_path / "other.csv")
