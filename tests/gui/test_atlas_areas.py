from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import dask.array as da
import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from napari_cortex_decoder.atlas import Registration, load_atlas
from napari_cortex_decoder.labels import Ethogram, Replace
from napari_cortex_decoder.recording import BehaviorTrace, Recording, preprocess
from napari_cortex_decoder.recording.preprocessing import DeltaF
from napari_cortex_decoder.widgets.atlas.areas_model import AreasModel
from napari_cortex_decoder.widgets.atlas.placing_model import PlacingModel
from napari_cortex_decoder.widgets.parts.colors import palette_color
from napari_cortex_decoder.widgets.recording.labels_model import LabelsModel
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel
from napari_cortex_decoder.widgets.recording.speed_model import SpeedModel

N_FRAMES, SHAPE, PIXEL = 40, (64, 64), 0.16


def recording() -> Recording:
    """Frames around 1000 counts, whose right half follows a speed trace, the left its opposite."""
    rng = np.random.default_rng(0)
    times = np.arange(N_FRAMES) / 10
    speed = np.abs(np.sin(times))
    side = np.where(np.arange(SHAPE[1]) < SHAPE[1] / 2, -1, 1)
    frames = 1000 + 50 * speed[:, None, None] * side + rng.normal(0, 1, (N_FRAMES, *SHAPE))
    return Recording(
        movie=da.from_array(frames.astype(np.float32), chunks=(7, *SHAPE)),
        name="m",
        frame_rate=10.0,
        pixel_size=PIXEL,
        behavior={"speed": BehaviorTrace("speed", speed, times, "cm/s")},
    )


class Models:
    def __init__(self) -> None:
        self.movie = MovieModel()
        self.placing = PlacingModel(self.movie)
        self.labels = LabelsModel(self.movie, SpeedModel(self.movie))
        self.areas = AreasModel(self.movie, self.placing, self.labels)
        self.failures: list[Exception] = []
        self.areas.failed.connect(self.failures.append)

    def index(self, acronym: str, side: str) -> int:
        return load_atlas("dorsal-cortex").index(acronym, side)


@pytest.fixture
def models(qtbot: QtBot) -> Iterator[Models]:
    """A recording with the atlas in its middle."""
    made = Models()
    made.movie.show(recording())
    made.placing.begin(Registration.upright(load_atlas("dorsal-cortex"), PIXEL, (31.5, 31.5)))
    yield made
    made.areas.close()


def compute(qtbot: QtBot, models: Models) -> None:
    models.areas.compute()
    qtbot.waitUntil(lambda: models.areas.traces is not None)


def test_traces_are_the_plain_mean_of_each_area(qtbot: QtBot, models: Models) -> None:
    compute(qtbot, models)
    frames = models.movie.recording.movie.compute()
    labels = models.placing.registration.label_image(SHAPE)
    assert models.areas.traces.is_relative
    for area in (models.index("MOs", "left"), models.index("VISp", "right")):
        plain = frames[:, labels == area + 1].mean(axis=1)
        np.testing.assert_allclose(
            models.areas.traces.values[:, area], plain / plain.mean() - 1, atol=1e-5
        )


def test_nothing_is_computed_before_the_atlas_is_placed(qtbot: QtBot) -> None:
    models = Models()
    assert models.areas.obstacle == "Open a recording first."
    models.movie.show(recording())
    assert models.areas.obstacle == "Place the atlas first."
    models.areas.compute()
    assert not models.areas.progress.running
    models.areas.close()


def test_a_computation_can_be_stopped(qtbot: QtBot, models: Models) -> None:
    go_on = Event()

    def slowly(block: np.ndarray) -> np.ndarray:
        go_on.wait(20)
        return block

    whole = models.movie.recording
    slow = whole.movie.map_blocks(slowly, meta=np.empty((0, 0, 0), np.float32))
    models.movie.show(whole.replace(movie=slow))
    models.areas.compute()
    assert models.areas.progress.running
    assert models.areas.obstacle == "The traces are being computed."
    models.areas.cancel()
    assert not models.areas.progress.running and models.areas.message == "Stopped."
    go_on.set()
    qtbot.wait(100)
    assert models.areas.traces is None


def test_moving_the_atlas_takes_the_traces_away_and_undo_brings_them_back(
    qtbot: QtBot, models: Models
) -> None:
    compute(qtbot, models)
    traces = models.areas.traces
    models.placing.nudge(right=0.1)
    assert models.areas.traces is None and "compute" in models.areas.message
    models.placing.undo()
    assert models.areas.traces is traces


def test_another_set_of_landmarks_leaves_the_traces(qtbot: QtBot, models: Models) -> None:
    compute(qtbot, models)
    models.placing.choose_landmarks("wfield's four")
    assert models.areas.traces is not None


def test_a_computation_ends_when_the_atlas_is_moved_under_it(qtbot: QtBot, models: Models) -> None:
    models.areas.compute()
    models.placing.nudge(down=0.5)
    assert not models.areas.progress.running and "moved" in models.areas.message


def test_areas_are_correlated_with_speed_and_labels(qtbot: QtBot, models: Models) -> None:
    run = (models.movie.recording.behavior["speed"].values > 0.5).astype(np.int64)
    bouts = Ethogram.from_frames(run, ("rest", "run")).bouts
    models.labels.edit(Replace(start=0, stop=N_FRAMES, bouts=bouts))
    compute(qtbot, models)
    qtbot.waitUntil(lambda: models.areas.correlations is not None)
    assert models.areas.behaviors == ("speed", "rest", "run")
    r = models.areas.correlations
    left, right = models.index("VISp", "left"), models.index("VISp", "right")
    assert r["speed"][right] > 0.99 and r["speed"][left] < -0.99
    assert r["run"][right] > 0.5 and r["rest"][right] == pytest.approx(-r["run"][right])


def test_behavior_that_comes_later_is_correlated_too(qtbot: QtBot, models: Models) -> None:
    whole = models.movie.recording
    models.movie.show(whole.replace(behavior={}))
    compute(qtbot, models)
    assert models.areas.correlations is None
    models.movie.show(models.movie.recording.replace(behavior=whole.behavior))
    qtbot.waitUntil(lambda: models.areas.correlations is not None)
    assert models.areas.traces is not None


def test_a_movie_that_is_relative_already_is_not_divided_again(
    qtbot: QtBot, models: Models
) -> None:
    raw = models.movie.recording
    shown = preprocess(raw, [DeltaF()])
    models.movie.show(shown, raw)
    compute(qtbot, models)
    area = models.index("VISp", "right")
    labels = models.placing.registration.label_image(SHAPE)
    plain = shown.movie.compute()[:, labels == area + 1].mean(axis=1)
    np.testing.assert_allclose(models.areas.traces.values[:, area], plain, atol=1e-5)
    assert models.areas.traces.is_relative


def test_a_movie_around_zero_of_unknown_making_is_shown_as_it_is_and_said(
    qtbot: QtBot, models: Models
) -> None:
    raw = models.movie.recording
    models.movie.show(raw.replace(movie=raw.movie - 1000))
    compute(qtbot, models)
    assert not models.areas.traces.is_relative and "around 0" in models.areas.message
    assert np.isfinite(models.areas.traces.values[:, models.index("MOs", "left")]).all()


def test_traces_are_exported_with_time_and_a_column_an_area(
    qtbot: QtBot, models: Models, tmp_path: Path
) -> None:
    compute(qtbot, models)
    path = tmp_path / "areas.csv"
    models.areas.export(path)
    qtbot.waitUntil(lambda: models.areas.message == "Saved areas.csv.")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == N_FRAMES and float(rows[15]["time_s"]) == pytest.approx(1.5)
    area = models.index("VISp", "right")
    assert float(rows[15]["VISp right"]) == pytest.approx(
        models.areas.traces.values[15, area], rel=1e-5
    )


def test_an_export_that_cannot_be_written_ends_in_one_sentence(
    qtbot: QtBot, models: Models, tmp_path: Path
) -> None:
    compute(qtbot, models)
    models.areas.export(tmp_path / "no such folder" / "areas.csv")
    qtbot.waitUntil(lambda: bool(models.failures))
    assert "areas.csv" in str(models.failures[0])


def test_the_area_at_a_point_is_that_of_the_label_image(models: Models) -> None:
    labels = models.placing.registration.label_image(SHAPE)
    rng = np.random.default_rng(1)
    for row, column in rng.integers(0, 64, (200, 2)):
        found = models.areas.at(row, column)
        # centres of pixels: on a border either neighbour is right
        around = labels[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
        assert (0 if found is None else found + 1) in around


def test_an_area_keeps_its_color_as_long_as_it_is_selected(models: Models) -> None:
    areas = models.areas
    areas.select([3, 7, 9])
    assert [areas.color(i) for i in (3, 7, 9)] == [palette_color(i) for i in range(3)]
    areas.toggle(3)
    assert areas.selected == (7, 9) and areas.color(7) == palette_color(1)
    areas.toggle(20)
    assert areas.color(20) == palette_color(0)
    assert len({areas.color(i) for i in areas.selected}) == 3


def test_a_lasso_selects_what_lies_mostly_inside(models: Models) -> None:
    placed = models.placing.registration
    right = placed.to_px([(0.0, -6.0), (6.0, -6.0), (6.0, 6.0), (0.0, 6.0)])
    models.areas.select_inside(right)
    labels = {models.areas.areas[i].side for i in models.areas.selected}
    assert labels == {"right"} and len(models.areas.selected) == 22


def test_selected_areas_stay_so_in_another_atlas_that_has_them(models: Models) -> None:
    models.areas.select([models.index("MOs", "left"), models.index("OB", "right")])
    atlas = load_atlas("dorsal-cortex")
    kept = tuple(area for area in atlas.areas if area.acronym != "OB")
    models.placing.set_atlas(type(atlas)("fewer", kept, atlas.landmarks))
    assert [models.areas.areas[i].label for i in models.areas.selected] == ["MOs left"]


def test_all_goes_with_the_recording(qtbot: QtBot, models: Models) -> None:
    compute(qtbot, models)
    models.areas.select([1])
    models.placing.restart()
    models.movie.show(None)
    areas = models.areas
    assert (areas.areas, areas.selected, areas.traces, areas.correlations) == ((), (), None, None)
