"""Area traces: a plain mean, in one pass, in memory that does not grow with the movie."""

from __future__ import annotations

import csv
import tracemalloc

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.atlas.traces import (
    area_traces,
    correlate_behavior,
    has_baseline,
    relative_change,
    write_correlations,
    write_traces,
)
from napari_cortex_decoder.errors import AtlasError
from napari_cortex_decoder.progress import Progress


def plain(movie: np.ndarray, labels: np.ndarray, n: int) -> np.ndarray:
    return np.stack(
        [movie[:, labels == i + 1].astype(np.float64).mean(axis=1) for i in range(n)], axis=1
    )


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.int16, np.uint8])
@pytest.mark.parametrize("chunk", [1, 7, 50])
def test_traces_equal_a_plain_mean_over_each_area(atlas, dtype, chunk):
    labels = Registration.upright(atlas, 0.1, (60, 64)).label_image((128, 128))
    rng = np.random.default_rng(0)
    movie = rng.integers(0, 120, (50, 128, 128)).astype(dtype)
    found = area_traces(da.from_array(movie, chunks=(chunk, -1, 64)), labels, len(atlas.areas))
    assert np.abs(found - plain(movie, labels, len(atlas.areas))).max() < 1e-5


@settings(max_examples=30)
@given(
    movie=arrays(np.float64, (5, 4, 3), elements=st.floats(1, 1e4)),  # 0 in all frames is a mask
    labels=arrays(np.int64, (4, 3), elements=st.integers(0, 3)),
)
def test_any_labels_and_any_pixels_give_the_plain_mean(movie, labels):
    found = area_traces(da.from_array(movie, chunks=(2, -1, -1)), labels, 3)
    for i in range(3):
        pixels = movie[:, labels == i + 1]
        if pixels.size:
            assert found[:, i] == pytest.approx(pixels.mean(axis=1), rel=1e-5, abs=1e-5)
        else:
            assert np.isnan(found[:, i]).all()


def counted_movie(frames: int, chunk: int, reads: list[int]) -> da.Array:
    def read(block_info=None) -> np.ndarray:
        start, stop = block_info[None]["array-location"][0]
        reads.extend(range(start, stop))
        return np.ones((stop - start, 64, 64), np.uint16)

    return da.map_blocks(
        read,
        chunks=((chunk,) * (frames // chunk), (64,), (64,)),
        dtype=np.uint16,
        meta=np.empty((0, 0, 0), np.uint16),
    )


def test_every_frame_is_read_once_and_the_first_ones_to_see_a_mask():
    reads: list[int] = []
    area_traces(counted_movie(3000, 100, reads), np.ones((64, 64), int), 1)
    assert sorted(reads) == sorted([*range(3000), *range(100)])


def test_memory_does_not_grow_with_the_length_of_the_movie():
    def peak(frames: int) -> int:
        movie = counted_movie(frames, 100, [])
        tracemalloc.start()
        area_traces(movie, np.ones((64, 64), int), 1)
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    peak(200)  # imports and caches
    # 2,000 frames hold 16 MB, several blocks; the traces and dask's list of chunks do grow
    longer = 6_000 * 64 * 64 * 2
    assert peak(8_000) - peak(2_000) < 0.02 * longer


def test_the_dark_level_is_no_part_of_the_baseline():
    light = np.array([[100.0], [110.0], [90.0]])
    assert relative_change(light + 300, dark=300) == pytest.approx(relative_change(light))
    assert relative_change(light + 300)[1, 0] == pytest.approx(0.025)
    assert np.isnan(relative_change(light, dark=200)).all()


def test_progress_ends_at_all_frames_and_can_stop_the_pass():
    seen: list[tuple[int, int]] = []
    movie = da.zeros((6000, 64, 64), chunks=(500, -1, -1), dtype=np.uint16)
    area_traces(movie, np.ones((64, 64), int), 1, lambda at: seen.append((at.done, at.total)))
    assert seen[-1] == (6000, 6000)
    assert len(seen) > 2

    class Stop(Exception):
        pass

    def stop(_: Progress) -> None:
        raise Stop

    with pytest.raises(Stop):
        area_traces(movie, np.ones((64, 64), int), 1, stop)


WRONG = {
    "size": (np.ones((4, 5), int), 1, "frames have shape"),
    "type": (np.ones((4, 4)), 1, "float64"),
    "beyond": (np.full((4, 4), 3), 2, "labels 3 to 3 for 2 areas"),
    "negative": (np.full((4, 4), -1), 2, "labels -1"),
}


@pytest.mark.parametrize(("labels", "n", "said"), WRONG.values(), ids=WRONG.keys())
def test_labels_that_do_not_fit_are_refused(labels, n, said):
    with pytest.raises(AtlasError, match=said):
        area_traces(da.zeros((3, 4, 4)), labels, n)


def test_relative_change_is_measured_from_each_areas_own_baseline():
    traces = np.array([[100.0, 10], [110, 10], [90, 40]])
    assert relative_change(traces) == pytest.approx(np.array([[0, -0.5], [0.1, -0.5], [-0.1, 1.0]]))
    assert relative_change(traces, 0)[:, 1] == pytest.approx([0, 0, 3])
    with pytest.raises(AtlasError, match="percentile 101"):
        relative_change(traces, 101)


def test_what_varies_around_zero_has_no_baseline():
    rng = np.random.default_rng(0)
    fluorescence = 1000 + rng.normal(0, 50, (100, 3))
    fluorescence[:, 1] = np.nan  # an area with no pixel
    assert has_baseline(fluorescence)
    assert not has_baseline(relative_change(fluorescence))
    assert not has_baseline(fluorescence - 990)


def test_correlations_are_written_with_names_and_empty_where_unknown(tmp_path, atlas):
    r = {"speed": np.linspace(-1, 1, 44), "run": np.full(44, np.nan)}
    write_correlations(tmp_path / "r.csv", atlas.areas, r)
    lines = (tmp_path / "r.csv").read_text().splitlines()
    assert lines[0] == "acronym,side,name,r_speed,r_run"
    assert lines[1] == "OB,left,Main olfactory bulb,-1,"
    assert len(lines) == 45


def test_no_fluorescence_gives_no_relative_change():
    assert np.isnan(relative_change(np.zeros((4, 1)))).all()


def test_correlation_takes_only_the_frames_that_are_known():
    rng = np.random.default_rng(1)
    speed = rng.normal(size=500)
    traces = np.stack([3 * speed + 7, -speed, rng.normal(size=500), np.ones(500)], axis=1)
    speed[::7] = np.nan
    traces[3::11, 0] = np.nan
    r = correlate_behavior(traces, speed)
    assert r[:2] == pytest.approx([1, -1])
    assert abs(r[2]) < 0.2
    assert np.isnan(r[3])


def test_a_behavior_of_another_length_is_refused():
    with pytest.raises(AtlasError, match="one value a frame"):
        correlate_behavior(np.zeros((5, 2)), np.zeros(4))


def test_traces_are_written_with_frame_time_and_area(tmp_path):
    traces = np.array([[1.5, np.nan], [2.25, 3.0]])
    path = tmp_path / "areas.csv"
    write_traces(path, traces, ["MOs left", "VISp right"], np.array([0.0, 1 / 30]))
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["frame", "time_s", "MOs left", "VISp right"],
        ["0", "0.000000", "1.5", ""],
        ["1", "0.033333", "2.25", "3"],
    ]


def test_a_heading_too_few_is_refused(tmp_path):
    with pytest.raises(AtlasError, match="1 headings"):
        write_traces(tmp_path / "x.csv", np.zeros((2, 2)), ["MOs"])
