"""The windows that the section *Atlas* opens, with what a user chooses in them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Layer
from napari.utils.notifications import Notification
from pynwb import NWBHDF5IO
from pytestqt.qtbot import QtBot
from qtpy.QtGui import QAction
from qtpy.QtWidgets import (
    QDialog,
    QDoubleSpinBox,
    QFileDialog,
    QInputDialog,
    QLineEdit,
    QPushButton,
)

from helpers.brainglobe_files import write_atlas
from helpers.poses import pose, seen_landmarks
from helpers.windows import child
from napari_cortex_decoder.atlas import load_atlas
from napari_cortex_decoder.atlas.importers import brainglobe
from napari_cortex_decoder.atlas.landmarks import WFIELD
from napari_cortex_decoder.widgets.dock.atlas_section import AtlasSection
from napari_cortex_decoder.widgets.main_widget import CortexDecoderWidget
from napari_cortex_decoder.widgets.workspace import Workspace


@pytest.fixture
def section(
    qtbot: QtBot, dock: CortexDecoderWidget, workspace: Workspace, opened: Layer
) -> AtlasSection:
    """The unfolded section of an opened recording, ready to place an atlas."""
    atlas: AtlasSection = dock.findChild(AtlasSection)
    atlas.set_expanded(True)
    qtbot.waitUntil(lambda: workspace.atlas.obstacle is None)
    return atlas


def choose_in_menu(section: AtlasSection, text: str) -> None:
    next(action for action in section.findChildren(QAction) if action.text() == text).trigger()


def choose_file(section: AtlasSection, path: Path) -> None:
    """Accept the open file dialog with this path."""
    dialog = section.findChild(QFileDialog)
    dialog.fileSelected.emit(str(path))
    dialog.close()


def wait(qtbot: QtBot, workspace: Workspace) -> None:
    qtbot.waitUntil(lambda: not workspace.atlas.doing)


def square(acronym: str) -> str:
    ring = [[-1, 0], [-1, 1], [-2, 1], [-2, 0], [-1, 0]]
    feature = {
        "type": "Feature",
        "properties": {"acronym": acronym},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    return json.dumps({"type": "FeatureCollection", "features": [feature]})


def test_outlines_are_taken_from_a_chosen_file(
    qtbot: QtBot, section: AtlasSection, workspace: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "own.geojson"
    path.write_text(square("A"))
    choose_in_menu(section, "Outlines from a file…")
    choose_file(section, path)
    wait(qtbot, workspace)
    assert [area.label for area in workspace.atlas.atlas.areas] == ["A left"]


def test_a_chosen_file_without_outlines_is_a_notification(
    qtbot: QtBot,
    section: AtlasSection,
    workspace: Workspace,
    tmp_path: Path,
    notifications: list[Notification],
) -> None:
    path = tmp_path / "shopping.json"
    path.write_text('{"milk": 2}')
    choose_in_menu(section, "Outlines from a file…")
    choose_file(section, path)
    wait(qtbot, workspace)
    assert "shopping.json is no file of outlines" in notifications[-1].message
    assert workspace.atlas.atlas.name == "dorsal-cortex"


def test_a_brainglobe_atlas_is_taken_by_its_name(
    qtbot: QtBot,
    section: AtlasSection,
    workspace: Workspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("brainglobe_atlasapi", reason="the extra `atlas` is not installed")
    from brainglobe_atlasapi import config

    monkeypatch.setattr(brainglobe, "_cache_path", lambda stem: tmp_path / f"{stem}.json")
    write_atlas(tmp_path, "tiny_mouse_100um")
    settings = tmp_path / "bg_config.conf"
    settings.write_text(
        f"[default_dirs]\nbrainglobe_dir = {tmp_path}\ninterm_download_dir = {tmp_path}\n"
    )
    monkeypatch.setattr(config, "CONFIG_PATH", settings)
    choose_in_menu(section, "A BrainGlobe atlas…")
    dialog = section.findChild(QInputDialog)
    assert dialog.textValue() == "allen_mouse_25um"
    dialog.setTextValue("tiny_mouse_100um")
    dialog.accept()
    wait(qtbot, workspace)
    assert "VISp right" in [area.label for area in workspace.atlas.atlas.areas]


def test_a_label_image_is_taken_with_the_scale_that_is_typed(
    qtbot: QtBot, section: AtlasSection, workspace: Workspace, tmp_path: Path
) -> None:
    labels = np.zeros((40, 60), np.uint8)
    labels[10:20, 5:25], labels[10:20, 35:55] = 1, 2
    np.save(tmp_path / "labels.npy", labels)
    (tmp_path / "names.csv").write_text("label,acronym,name\n1,L,left box\n2,R,right box\n")
    choose_in_menu(section, "A label image…")
    dialog = section.findChild(QDialog)
    files = [one for one in dialog.findChildren(QPushButton) if one.text() == "Select file"]
    for button, name in zip(files, ("labels.npy", "names.csv"), strict=True):
        button.click()
        chooser = button.parentWidget().findChild(QFileDialog)
        chooser.fileSelected.emit(str(tmp_path / name))
        chooser.close()
        assert button.parentWidget().findChild(QLineEdit).text() == str(tmp_path / name)
    size = dialog.findChildren(QDoubleSpinBox)[0]
    size.setValue(0.1)
    dialog.accept()
    wait(qtbot, workspace)
    areas = workspace.atlas.atlas.areas
    assert [area.label for area in areas] == ["L left", "R right"]
    assert areas[0].size == pytest.approx(2.0)


def test_a_landmark_of_ones_own_is_named_and_placed_in_its_window(
    section: AtlasSection, workspace: Workspace
) -> None:
    workspace.atlas.place_upright()
    child(section, QPushButton, "Add").menu().aboutToShow.emit()
    choose_in_menu(section, "New landmark…")
    dialog = section.findChild(QDialog)
    dialog.findChild(QLineEdit).setText("whisker")
    right, behind = dialog.findChildren(QDoubleSpinBox)
    right.setValue(3.5)
    behind.setValue(1.2)
    dialog.accept()
    placed = workspace.placing.registration
    assert placed.atlas.landmarks["whisker"] == (3.5, 1.2)
    assert placed.landmarks["whisker"] == pytest.approx(tuple(placed.to_px([(3.5, 1.2)])[0]))


def wfield(folder: Path) -> Path:
    """A mouse that was placed in wfield on these frames of 32 × 32, 0.3 mm a pixel."""
    truth = pose(load_atlas("dorsal-cortex"), pixel_size=0.3, bregma=(14.0, 16.0), degrees=5)
    seen = seen_landmarks(truth, list(WFIELD))
    tables = {
        "landmarks": dict(WFIELD),
        "landmarks_match": {name: place[::-1] for name, place in seen.items()},
    }
    data = {
        key: {"name": list(table), "x": [p[0] for p in table.values()],
              "y": [p[1] for p in table.values()]}
        for key, table in tables.items()
    }  # fmt: skip
    path = folder / "m1_landmarks.json"
    path.write_text(json.dumps({**data, "bregma_offset": [320, 270], "resolution": 0.0194}))
    return path


def test_a_placing_made_in_wfield_is_taken_over_and_saved_as_ours(
    qtbot: QtBot,
    section: AtlasSection,
    workspace: Workspace,
    tmp_path: Path,
) -> None:
    child(section, QPushButton, "From file…").click()
    choose_file(section, wfield(tmp_path))
    wait(qtbot, workspace)
    placed = workspace.placing.registration
    assert placed.method == "imported from wfield"
    assert tuple(placed.to_px([(0.0, 0.0)])[0]) == pytest.approx((14.0, 16.0))
    assert placed.rotation == pytest.approx(5)
    save = child(section, QPushButton, "Save placing…")
    qtbot.waitUntil(save.isEnabled)
    for dialog in section.findChildren(QFileDialog):
        dialog.setParent(None)
        dialog.deleteLater()
    save.click()
    choose_file(section, tmp_path / "ours.json")
    wait(qtbot, workspace)
    assert json.loads((tmp_path / "ours.json").read_text())["direction"].startswith("atlas mm")


@pytest.mark.parametrize("suffix", [".csv", ".nwb"])
def test_traces_are_exported_as_the_suffix_says(
    qtbot: QtBot, section: AtlasSection, workspace: Workspace, tmp_path: Path, suffix: str
) -> None:
    workspace.atlas.place_upright()
    workspace.areas.compute()
    qtbot.waitUntil(lambda: workspace.areas.traces is not None)
    child(section, QPushButton, "Export…").click()
    dialog = section.findChild(QFileDialog)
    assert dialog.nameFilters() == ["Tables (*.csv)", "NWB (*.nwb)"]
    dialog.filterSelected.emit("NWB (*.nwb)")
    assert dialog.defaultSuffix() == "nwb"
    path = tmp_path / f"traces{suffix}"
    choose_file(section, path)
    qtbot.waitUntil(lambda: workspace.areas.message == f"Saved {path.name}.")
    values = workspace.areas.traces.values
    if suffix == ".csv":
        assert path.read_text().splitlines()[0].startswith("frame,time_s,OB left")
        return
    with NWBHDF5IO(str(path), "r") as io:
        file = io.read()
        series = file.processing["ophys"]["DfOverF"]["RoiResponseSeries"]
        seen = np.isfinite(values).all(axis=0)
        np.testing.assert_allclose(series.data[:], values[:, seen], atol=1e-6)
        assert series.rate == pytest.approx(30)
        assert "session_start_time" in file.notes
