from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import tifffile
from pytestqt.qtbot import QtBot

from napari_cortex_decoder.atlas import load_atlas
from napari_cortex_decoder.errors import AtlasError
from napari_cortex_decoder.recording import open_recording, preprocess, sidecar_folder
from napari_cortex_decoder.recording.preprocessing import Bin, Crop
from napari_cortex_decoder.simulation import SimulatedRecording, simulate_recording
from napari_cortex_decoder.widgets.atlas.atlas_model import AtlasModel
from napari_cortex_decoder.widgets.atlas.placing_model import PlacingModel
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel


@dataclass
class Models:
    """The models of the section Atlas without any window."""

    movie: MovieModel = field(default_factory=MovieModel)
    failures: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.placing = PlacingModel(self.movie)
        self.atlas = AtlasModel(self.movie, self.placing)
        for model in (self.placing, self.atlas):
            model.failed.connect(self.failures.append)

    def bregma(self) -> tuple[float, float]:
        assert self.placing.registration is not None
        return tuple(self.placing.registration.to_px([(0.0, 0.0)])[0])


@pytest.fixture
def models(qtbot: QtBot) -> Iterator[Models]:
    made = Models()
    yield made
    made.atlas.close()


def wait(qtbot: QtBot, models: Models) -> None:
    """Wait until nothing goes on in the background."""
    qtbot.waitUntil(lambda: not models.atlas.doing)


@pytest.fixture(scope="module")
def mouse() -> SimulatedRecording:
    return simulate_recording(seed=2, seconds=1.0)


@pytest.fixture
def movie_file(tmp_path: Path) -> Path:
    path = tmp_path / "m1.tif"
    frames = np.random.default_rng(0).integers(0, 999, (6, 48, 64), dtype=np.uint16)
    info = {"axes": "TYX", "fps": 30.0, "unit": "um"}
    tifffile.imwrite(path, frames, imagej=True, resolution=(1 / 150, 1 / 150), metadata=info)
    return path


def kept_file(movie: Path) -> Path:
    return sidecar_folder(movie) / "registration.json"


def test_the_atlas_of_the_package_is_loaded_with_the_first_recording(
    qtbot: QtBot, models: Models, mouse: SimulatedRecording
) -> None:
    assert models.atlas.obstacle == "Open a recording first."
    models.movie.show(mouse)
    assert models.atlas.obstacle == "Wait: loading dorsal-cortex …"
    wait(qtbot, models)
    assert models.atlas.obstacle is None
    assert models.atlas.atlas is not None and models.atlas.atlas.name == "dorsal-cortex"


def test_a_guess_is_near_the_true_pose_and_ready_to_adjust(
    qtbot: QtBot, models: Models, mouse: SimulatedRecording
) -> None:
    models.movie.show(mouse)
    wait(qtbot, models)
    models.atlas.guess()
    assert models.placing.placing is None and models.atlas.doing
    wait(qtbot, models)
    placed, truth = models.placing.registration, mouse.truth.registration
    assert placed is not None and placed.method == "guess" and len(placed.landmarks) == 9
    off_px = np.linalg.norm(np.subtract(models.bregma(), truth.to_px([(0.0, 0.0)])[0]))
    assert off_px / truth.scale < 0.8
    assert abs(placed.rotation - truth.rotation) < 10


def test_an_upright_placing_has_the_scale_of_the_recording(
    qtbot: QtBot, models: Models, mouse: SimulatedRecording
) -> None:
    models.movie.show(mouse)
    wait(qtbot, models)
    models.atlas.place_upright()
    assert models.bregma() == (63.5, 63.5)
    assert models.placing.registration.scale == pytest.approx(1 / mouse.pixel_size)


def test_an_atlas_from_a_file_takes_the_place_of_the_one_before(
    qtbot: QtBot, models: Models, mouse: SimulatedRecording, tmp_path: Path
) -> None:
    square = [[-1, 0], [-1, 1], [-2, 1], [-2, 0], [-1, 0]]
    feature = {
        "type": "Feature",
        "properties": {"acronym": "A"},
        "geometry": {"type": "Polygon", "coordinates": [square]},
    }
    path = tmp_path / "own.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    models.movie.show(mouse)
    wait(qtbot, models)
    models.atlas.place_upright()
    models.atlas.choose(path)
    wait(qtbot, models)
    assert [area.label for area in models.placing.registration.atlas.areas] == ["A left"]
    assert models.bregma() == (63.5, 63.5)
    models.placing.undo()
    assert models.atlas.atlas is not None and models.atlas.atlas.name == "dorsal-cortex"


def test_a_label_image_becomes_an_atlas(
    qtbot: QtBot, models: Models, mouse: SimulatedRecording, tmp_path: Path
) -> None:
    labels = np.zeros((40, 60), np.uint8)
    labels[10:20, 5:25], labels[10:20, 35:55] = 1, 2
    np.save(tmp_path / "labels.npy", labels)
    models.movie.show(mouse)
    wait(qtbot, models)
    models.atlas.choose_label_image(tmp_path / "labels.npy", None, 0.1, (20.0, 29.5))
    wait(qtbot, models)
    assert models.atlas.atlas is not None
    assert [area.side for area in models.atlas.atlas.areas] == ["left", "right"]


def test_an_atlas_that_cannot_be_read_ends_in_one_sentence(
    qtbot: QtBot, models: Models, mouse: SimulatedRecording, tmp_path: Path
) -> None:
    models.movie.show(mouse)
    wait(qtbot, models)
    models.atlas.choose(tmp_path / "missing.json")
    wait(qtbot, models)
    assert len(models.failures) == 1 and "missing.json" in str(models.failures[0])
    assert models.atlas.atlas is not None and models.atlas.atlas.name == "dorsal-cortex"


def test_outlines_drawn_on_the_movie_become_an_atlas_and_can_be_renamed(
    qtbot: QtBot, models: Models, mouse: SimulatedRecording
) -> None:
    models.movie.show(mouse)
    wait(qtbot, models)
    models.atlas.place_upright()
    left, right = (
        np.array([[60, 20], [60, 40], [80, 30]]),
        np.array([[60, 80], [60, 100], [80, 90]]),
    )
    models.atlas.take_drawn([("whisker", left), ("whisker", right)])
    areas = models.placing.registration.atlas.areas
    assert [area.label for area in areas] == ["whisker left", "whisker right"]
    np.testing.assert_allclose(models.placing.registration.outlines()[0], left, atol=1e-9)
    models.atlas.rename(1, "tail")
    assert models.atlas.atlas.areas[1].label == "tail right"
    models.atlas.take_drawn([("bow tie", np.array([[0, 0], [9, 9], [0, 9], [9, 0]]))])
    assert isinstance(models.failures[-1], AtlasError) and "bow tie" in str(models.failures[-1])


def test_areas_of_a_published_atlas_keep_their_names(
    qtbot: QtBot, models: Models, mouse: SimulatedRecording
) -> None:
    models.movie.show(mouse)
    wait(qtbot, models)
    models.atlas.rename(0, "mine")
    assert models.atlas.atlas is not None and models.atlas.atlas.areas[0].acronym == "OB"


def test_a_saved_registration_is_loaded_again_as_one_step_of_undo(
    qtbot: QtBot, models: Models, mouse: SimulatedRecording, tmp_path: Path
) -> None:
    models.movie.show(mouse)
    wait(qtbot, models)
    models.placing.begin(mouse.truth.registration)
    truth = models.bregma()
    models.atlas.save(tmp_path / "pose.json")
    wait(qtbot, models)
    assert models.atlas.message == "Saved pose.json."
    assert json.loads((tmp_path / "pose.json").read_text())["direction"] == (
        "atlas mm (x, y) -> movie px (x, y)"
    )
    models.placing.nudge(right=1.0)
    models.atlas.load(tmp_path / "pose.json")
    wait(qtbot, models)
    assert models.bregma() == pytest.approx(truth)
    models.placing.undo()
    assert models.bregma() != pytest.approx(truth)


def test_a_placing_is_kept_beside_the_recording_and_comes_back(
    qtbot: QtBot, models: Models, movie_file: Path
) -> None:
    models.movie.show(open_recording(movie_file))
    wait(qtbot, models)
    models.atlas.place_upright()
    models.placing.nudge(down=0.6, degrees=0)
    placed = models.bregma()
    models.movie.show(None)
    assert models.placing.placing is None
    qtbot.waitUntil(kept_file(movie_file).exists)

    models.movie.show(open_recording(movie_file))
    wait(qtbot, models)
    assert models.bregma() == pytest.approx(placed)
    assert len(models.placing.registration.landmarks) == 9
    assert models.atlas.message == "The placing of last time."
    assert not models.placing.can_undo


def test_a_placing_is_kept_while_the_recording_is_open(
    qtbot: QtBot, models: Models, movie_file: Path
) -> None:
    models.movie.show(open_recording(movie_file))
    wait(qtbot, models)
    models.atlas.place_upright()
    qtbot.waitUntil(kept_file(movie_file).exists)


def test_a_kept_placing_that_cannot_be_read_is_said_and_not_overwritten(
    qtbot: QtBot, models: Models, movie_file: Path
) -> None:
    kept = kept_file(movie_file)
    kept.parent.mkdir()
    of_a_later_version = json.dumps({"format": "cortex-registration", "version": 99})
    kept.write_text(of_a_later_version)
    models.movie.show(open_recording(movie_file))
    wait(qtbot, models)
    assert "version 99" in str(models.failures[0])
    models.atlas.place_upright()
    models.movie.show(None)
    aside = kept.with_name("registration.unreadable.json")
    qtbot.waitUntil(lambda: aside.exists() and kept.exists())
    assert aside.read_text() == of_a_later_version
    assert "matrix" in json.loads(kept.read_text())


def test_the_atlas_stays_on_the_brain_when_the_movie_is_cropped_and_binned(
    qtbot: QtBot, models: Models, movie_file: Path
) -> None:
    raw = open_recording(movie_file)
    models.movie.show(raw)
    wait(qtbot, models)
    models.atlas.place_upright()
    row, column = models.bregma()
    shown = preprocess(raw, [Crop(rows=(8, 40), columns=(16, 64)), Bin(pixels=2)])
    models.movie.show(shown, raw)
    assert models.bregma() == pytest.approx(((row - 8.5) / 2, (column - 16.5) / 2))
    models.placing.nudge(right=0.3)
    moved = column + 0.3 / raw.pixel_size
    models.movie.show(raw)
    assert models.bregma() == pytest.approx((row, moved))

    models.movie.show(shown, raw)
    models.movie.show(None)  # what is kept is on raw pixels
    qtbot.waitUntil(kept_file(movie_file).exists)
    models.movie.show(raw)
    wait(qtbot, models)
    assert models.bregma() == pytest.approx((row, moved))


def test_the_mean_image_is_averaged_once(qtbot: QtBot, models: Models, movie_file: Path) -> None:
    recording = open_recording(movie_file)
    models.movie.show(recording)
    wait(qtbot, models)
    shown: list[np.ndarray] = []
    models.atlas.mean_ready.connect(shown.append)
    models.atlas.ask_mean()
    wait(qtbot, models)
    models.atlas.ask_mean()
    np.testing.assert_allclose(shown[0], recording.movie.compute().mean(axis=0), rtol=1e-6)
    assert shown[1] is shown[0]


def test_a_guess_for_another_recording_is_dropped(
    qtbot: QtBot, models: Models, mouse: SimulatedRecording, movie_file: Path
) -> None:
    models.movie.show(mouse)
    wait(qtbot, models)
    models.atlas.guess()
    models.movie.show(open_recording(movie_file))
    wait(qtbot, models)
    qtbot.wait(50)
    assert models.placing.placing is None


@pytest.mark.parametrize("name", ["dorsal-cortex", "ajioka-50"])
def test_every_bundled_atlas_has_landmarks_of_both_sets(name: str) -> None:
    assert len(load_atlas(name).landmarks) >= 13
