"""Placings of other tools: the right way round, at the right size."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from helpers.poses import pose, seen_landmarks
from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.atlas.importers.transforms import (
    MESONET_BREGMA,
    MESONET_SCALE,
    read_mesonet,
    read_wfield,
)
from napari_cortex_decoder.atlas.landmarks import WFIELD
from napari_cortex_decoder.errors import AtlasError


def wfield_file(path, truth: Registration, *, inverted=False, **changes):
    """Write what wfield's allen.save_allen_landmarks does for a mouse in a known pose."""
    resolution, offset = 0.0194, [320, 270]
    names = list(WFIELD)
    mm = np.array([WFIELD[name] for name in names])
    reference = mm / resolution + offset
    seen = np.array([place[::-1] for place in seen_landmarks(truth, names).values()])
    to_reference = np.array(
        [[1 / resolution, 0, offset[0]], [0, 1 / resolution, offset[1]], [0, 0, 1]]
    )
    transform = truth.matrix @ np.linalg.inv(to_reference)
    if inverted:
        transform = np.linalg.inv(transform)

    def table(xy):
        return {
            "name": names,
            "x": xy[:, 0].tolist(),
            "y": xy[:, 1].tolist(),
            "color": ["#fff"] * 4,
        }

    data = {
        "landmarks": table(mm),
        "landmarks_im": table(reference),
        "landmarks_match": table(seen),
        "bregma_offset": offset,
        "resolution": resolution,
        "transform": transform.tolist(),
        "transform_type": "similarity",
    }
    data = {key: value for key, value in (data | changes).items() if value is not None}
    path.write_text(json.dumps(data))
    return path


def test_a_wfield_transform_gives_the_pose_it_was_made_from(atlas, tmp_path):
    truth = pose(atlas, degrees=9)
    placed = read_wfield(wfield_file(tmp_path / "m_landmarks.json", truth))
    assert placed.matrix == pytest.approx(truth.matrix)
    assert placed.method == "imported from wfield"
    assert placed.warnings == ()
    assert max(residual.px for residual in placed.residuals()) < 1e-6


def test_matched_landmarks_alone_are_fitted(atlas, tmp_path):
    truth = pose(atlas, degrees=-9)
    placed = read_wfield(wfield_file(tmp_path / "m.json", truth, transform=None))
    assert placed.matrix == pytest.approx(truth.matrix)


def test_a_transform_without_matched_landmarks_is_taken_as_it_is(atlas, tmp_path):
    truth = pose(atlas, degrees=9)
    placed = read_wfield(wfield_file(tmp_path / "m.json", truth, landmarks_match=None))
    assert placed.matrix == pytest.approx(truth.matrix)


def test_an_inverted_wfield_transform_is_told_by_its_landmarks_and_turned_round(atlas, tmp_path):
    truth = pose(atlas, degrees=9)
    placed = read_wfield(wfield_file(tmp_path / "m.json", truth, inverted=True))
    assert placed.matrix == pytest.approx(truth.matrix)
    assert "turned round" in placed.warnings[0]


def test_landmarks_moved_in_wfield_replace_the_usual_ones(atlas, tmp_path):
    truth = pose(atlas)
    path = wfield_file(tmp_path / "m.json", truth, transform=None)
    data = json.loads(path.read_text())
    data["landmarks"]["y"][3] = 3.6
    data["landmarks_match"]["y"][3] = float(truth.to_px([(0, 3.6)])[0, 0])
    path.write_text(json.dumps(data))
    placed = read_wfield(path)
    assert placed.atlas.landmarks["RSP_base"] == (0.0, 3.6)
    assert placed.matrix == pytest.approx(truth.matrix)


WRONG = {
    "reference only": ({"transform": None, "landmarks_match": None}, "reference landmarks only"),
    "flat": ({"transform": [[0, 0, 1], [0, 0, 1], [0, 0, 1]]}, "onto a line"),
    "short": ({"transform": [[1, 0, 0]]}, "cannot be meant"),
    "resolution": ({"resolution": 0}, "cannot be meant"),
    "no offset": ({"bregma_offset": None}, "cannot be read as a landmarks file of wfield"),
    "text": ({"landmarks": "here"}, "cannot be read as a landmarks file of wfield"),
}


@pytest.mark.parametrize(("changes", "said"), WRONG.values(), ids=WRONG.keys())
def test_wfield_files_without_a_placing_are_refused(atlas, tmp_path, changes, said):
    path = wfield_file(tmp_path / "m.json", pose(atlas), **changes)
    with pytest.raises(AtlasError, match=rf"m\.json.*{said}"):
        read_wfield(path)


def mesonet_matrix(truth: Registration, shape: tuple[int, int]) -> np.ndarray:
    """Return the 2 × 3 matrix between MesoNet's atlas image and a movie scaled to 512 × 512."""
    s, (x, y) = 1 / MESONET_SCALE, MESONET_BREGMA
    to_reference = np.array([[s, 0, x], [0, s, y], [0, 0, 1]])
    rows, columns = (512 / length for length in shape)
    to_512 = np.array([[columns, 0, columns / 2 - 0.5], [0, rows, rows / 2 - 0.5], [0, 0, 1]])
    return (to_512 @ truth.matrix @ np.linalg.inv(to_reference))[:2]


SHAPE = (256, 200)


@pytest.fixture
def truth(atlas) -> Registration:
    return pose(atlas, degrees=6, bregma=(120, 100))


def test_a_mesonet_text_file_gives_the_pose_it_was_made_from(truth, tmp_path):
    path = tmp_path / "0_atlas_transform.txt"
    np.savetxt(path, mesonet_matrix(truth, SHAPE), fmt="%f")
    placed = read_mesonet(path, SHAPE)
    assert placed.matrix == pytest.approx(truth.matrix, abs=1e-3)
    assert placed.right_matrix is None
    assert placed.warnings == ()


@pytest.mark.parametrize("kind", ["h5", "mat"])
@pytest.mark.parametrize("separate", [False, True], ids=["one matrix", "one a side"])
def test_a_mesoscaler_file_gives_the_pose_it_was_made_from(truth, tmp_path, kind, separate):
    matrix = mesonet_matrix(truth, SHAPE)
    path = tmp_path / f"mouse_mesoscaler.{kind}"
    key = "affine_ref_to_data512"
    if kind == "mat":
        savemat(path, {key: {"left": matrix, "right": matrix} if separate else matrix})
    else:
        with h5py.File(path, "w") as file:
            if separate:
                group = file.create_group(key)
                group["left"], group["right"] = matrix, matrix
            else:
                file[key] = matrix
    assert read_mesonet(path, SHAPE).matrix == pytest.approx(truth.matrix)


def test_hemispheres_placed_one_by_one_are_joined_and_the_change_is_said(truth, tmp_path):
    left = mesonet_matrix(truth, SHAPE)
    right = left + np.array([[0.05, 0, 3.0], [0.0, 0, 0.0]])
    for side, matrix in (("left", left), ("right", right)):
        np.savetxt(tmp_path / f"0_atlas_transform_{side}.txt", matrix, fmt="%f")
    for side in ("left", "right"):
        placed = read_mesonet(tmp_path / f"0_atlas_transform_{side}.txt", SHAPE)
        assert placed.right_matrix is not None
        assert "joined along the midline" in placed.warnings[0]
        # three of 512 px apart are 1.2 of the movie's 200: no outline may move by more
        moved = placed.to_px([(-3, 0)]) - truth.to_px([(-3, 0)])
        assert np.abs(moved).max() < 1.2


@pytest.mark.parametrize("name", ["x.txt", "x.h5", "x.mat", "x.csv", "missing.txt", "missing.h5"])
def test_files_without_a_mesonet_transform_are_refused(tmp_path, name):
    if not name.startswith("missing"):
        (tmp_path / name).write_bytes(b"no numbers here")
    with pytest.raises(AtlasError, match=name.replace(".", r"\.")):
        read_mesonet(tmp_path / name, SHAPE)


def test_a_matrix_of_another_size_is_refused(tmp_path):
    np.savetxt(tmp_path / "x.txt", np.eye(2))
    with pytest.raises(AtlasError, match=r"x\.txt"):
        read_mesonet(tmp_path / "x.txt", SHAPE)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("affine_ref_to_data512", shape=(10**6, 10**6), chunks=(100, 100))
    with pytest.raises(AtlasError, match="not 2 × 3"):
        read_mesonet(tmp_path / "x.h5", SHAPE)
