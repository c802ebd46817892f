"""Registrations on disk: whole, with their direction by name, or refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from helpers.poses import pose, seen_landmarks
from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.atlas.landmarks import MESONET
from napari_cortex_decoder.atlas.registration_file import load_registration
from napari_cortex_decoder.errors import AtlasError


@pytest.fixture
def placed(atlas) -> Registration:
    seen = seen_landmarks(pose(atlas, degrees=40), list(MESONET), 0.1, np.random.default_rng(0))
    return atlas.register(seen, kind="hemispheres", pixel_size=0.05, shape=(256, 256))


def test_a_registration_comes_back_as_it_was(placed, tmp_path):
    placed.save(tmp_path / "mouse.json")
    back = load_registration(tmp_path / "mouse.json")
    assert (back.matrix == placed.matrix).all()
    assert (back.right_matrix == placed.right_matrix).all()
    assert back.landmarks == placed.landmarks
    assert back.pixel_size == 0.05
    assert back.shape == (256, 256)
    assert back.method == "hemispheres"
    assert back.warnings == placed.warnings
    assert len(back.warnings) == 1
    assert back.atlas.name == "dorsal-cortex"
    assert back.residuals() == placed.residuals()
    assert (back.label_image((256, 256)) == placed.label_image((256, 256))).all()


def test_the_file_says_which_way_its_numbers_go(placed, tmp_path):
    placed.save(tmp_path / "mouse.json")
    data = json.loads((tmp_path / "mouse.json").read_text())
    assert data["direction"] == "atlas mm (x, y) -> movie px (x, y)"
    assert np.array(data["matrix"]) @ (0, 0, 1) == pytest.approx(
        [*placed.to_px([(0, 0)])[0, ::-1], 1]
    )


def test_saving_replaces_the_file_and_leaves_nothing_beside_it(placed, tmp_path):
    placed.save(tmp_path / "mouse.json")
    placed.nudged(rows=1).save(tmp_path / "mouse.json")
    assert [path.name for path in tmp_path.iterdir()] == ["mouse.json"]


def test_a_folder_that_is_not_there_is_said_in_one_sentence(placed, tmp_path):
    with pytest.raises(AtlasError, match="there is no folder"):
        placed.save(tmp_path / "missing" / "mouse.json")


def edited(**changes):
    return lambda data: data | changes


def without(key):
    return lambda data: {name: value for name, value in data.items() if name != key}


BROKEN = {
    "other direction": (
        edited(direction="movie px (x, y) -> atlas mm (x, y)"),
        "its 'direction' is 'movie px",
    ),
    "newer": (edited(version=9), "version 9.*update"),
    "other format": (edited(format="wfield"), "not a registration"),
    "no matrix": (without("matrix"), "cannot be read as a registration .*matrix"),
    "text for a matrix": (edited(matrix="here"), "cannot be read as a registration"),
    "flat matrix": (edited(matrix=[[1, 1, 0], [1, 1, 0], [0, 0, 1]]), "onto a line"),
    "not finite": (edited(matrix=[[float("nan"), 0, 0], [0, 1, 0], [0, 0, 1]]), "not finite"),
    "unknown landmark": (edited(landmarks_row_column_px={"nose": [1, 2]}), "no landmark 'nose'"),
    "short landmark": (
        edited(landmarks_row_column_px={"bregma": [1]}),
        "cannot be read as a registration",
    ),
    "no areas": (lambda d: d | {"atlas": d["atlas"] | {"areas": []}}, "has no areas"),
    "shape of text": (edited(movie_shape="ab"), "cannot be read as a registration"),
    "a list": (lambda data: [data], "not a registration"),
}


@pytest.mark.parametrize(("change", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_a_file_that_cannot_be_meant_is_refused_by_name(placed, tmp_path, change, said):
    path = tmp_path / "mouse.json"
    placed.save(path)
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(AtlasError, match=rf"mouse\.json.*{said}"):
        load_registration(path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[" * 100_000, b"{"])
def test_what_is_not_json_is_refused(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(AtlasError, match="is not JSON"):
        load_registration(tmp_path / "x.json")


def test_a_missing_file_is_said_in_one_sentence(tmp_path):
    with pytest.raises(AtlasError, match="cannot be read"):
        load_registration(tmp_path / "nowhere.json")
