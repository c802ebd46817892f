from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from napari.layers import Layer, Points
from napari.utils.notifications import Notification
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QApplication,
    QCheckBox,
    QDoubleSpinBox,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableView,
    QToolButton,
)

from helpers.windows import child, press, row_at, visible_texts
from napari_cortex_decoder.atlas import Area, Atlas, Registration
from napari_cortex_decoder.recording import preprocess
from napari_cortex_decoder.recording.preprocessing import Crop
from napari_cortex_decoder.widgets.atlas.landmark_table import LandmarkTable
from napari_cortex_decoder.widgets.dock.atlas_section import AtlasSection
from napari_cortex_decoder.widgets.main_widget import CortexDecoderWidget
from napari_cortex_decoder.widgets.recording.layers import movie_layer
from napari_cortex_decoder.widgets.session import workspace_of
from napari_cortex_decoder.widgets.timeline.timeline import TimelineWidget
from napari_cortex_decoder.widgets.workspace import Workspace

NO_KEY = Qt.KeyboardModifier.NoModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
PRESS, MOVE, RELEASE = (
    QEvent.Type.MouseButtonPress,
    QEvent.Type.MouseMove,
    QEvent.Type.MouseButtonRelease,
)


@pytest.fixture
def placed(qtbot: QtBot, viewer: Viewer, workspace: Workspace, opened: Layer) -> Points:
    """wfield's landmarks of an atlas that lies upright in the middle of the movie."""
    qtbot.waitUntil(lambda: workspace.atlas.obstacle is None)
    workspace.placing.choose_landmarks("wfield's four")
    workspace.atlas.place_upright()
    viewer.reset_view()
    qtbot.wait(50)
    return viewer.layers["Landmarks"]


def canvas(viewer: Viewer) -> Any:
    return viewer.window._qt_viewer.canvas


def on_canvas(viewer: Viewer, layer: Layer, row: float, column: float) -> QPointF:
    """Where on the canvas a pixel of a layer is drawn."""
    world = layer.data_to_world((0,) * (layer.ndim - 2) + (row, column))[-2:]
    view = canvas(viewer).view
    x, y = (view.transform * view.scene.transform).map([world[1], world[0]])[:2]
    return QPointF(float(x), float(y))


def mouse(viewer: Viewer, kind: QEvent.Type, at: QPointF, keys: Any = NO_KEY) -> None:
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    button = none if kind == MOVE else left
    event = QMouseEvent(kind, at, at, button, none if kind == RELEASE else left, keys)
    QApplication.sendEvent(canvas(viewer).native, event)
    QTest.qWait(30)  # napari throttles moves


def click(viewer: Viewer, at: QPointF, keys: Any = NO_KEY) -> None:
    for kind in (MOVE, PRESS, RELEASE):
        mouse(viewer, kind, at, keys)


def selected(workspace: Workspace) -> list[str]:
    areas = workspace.areas
    return [areas.areas[i].label for i in areas.selected]


def middle(workspace: Workspace, acronym: str, side: str) -> tuple[float, float]:
    """A pixel well inside an area."""
    placed = workspace.placing.registration
    labels = placed.label_image((32, 32)) == placed.atlas.index(acronym, side) + 1
    row, column = np.argwhere(labels).mean(axis=0)
    return float(row), float(column)


def test_the_dock_opens_with_recording_atlas_and_decode_in_sight(
    qtbot: QtBot, viewer: Viewer, dock: CortexDecoderWidget, workspace: Workspace, opened: Layer
) -> None:
    viewer.window.resize(1600, 1000)
    qtbot.waitUntil(lambda: workspace.atlas.obstacle is None)
    decode = child(dock, QPushButton, "Decode")
    qtbot.waitUntil(lambda: not decode.visibleRegion().isEmpty())
    assert dock.findChild(AtlasSection).visibleRegion().boundingRect().height() > 10
    assert not dock.findChild(LandmarkTable).isVisible()
    guess = child(dock, QPushButton, "Guess")
    assert not guess.isVisible()
    child(dock.findChild(AtlasSection), QToolButton, "Atlas").click()
    assert guess.isVisible()


def test_layers_lie_on_the_movie_in_order_and_in_its_units(
    qtbot: QtBot,
    viewer: Viewer,
    dock: CortexDecoderWidget,
    workspace: Workspace,
    opened: Layer,
    placed: Points,
) -> None:
    assert [layer.name for layer in viewer.layers] == ["m1", "Atlas outlines", "Landmarks"]
    for name in ("Atlas outlines", "Landmarks"):
        layer = viewer.layers[name]
        assert layer.ndim == 2
        np.testing.assert_array_equal(layer.scale, opened.scale[-2:])
        assert layer.units == opened.units[-2:]
    assert [str(unit) for unit in viewer.dims.units] == ["second", "millimeter", "millimeter"]
    assert list(placed.features["name"]) == ["OB_left", "OB_center", "OB_right", "RSP_base"]

    show = child(dock, QPushButton, "Show mean image")
    qtbot.waitUntil(show.isEnabled)
    show.click()
    qtbot.waitUntil(lambda: "Mean image" in viewer.layers)
    viewer.layers.remove("Atlas outlines")  # they come back with the next move
    workspace.placing.nudge(right=0.1)
    names = [layer.name for layer in viewer.layers]
    assert names == ["m1", "Mean image", "Atlas outlines", "Landmarks"]


def test_outlines_follow_a_landmark_while_the_mouse_drags_it(
    qtbot: QtBot, viewer: Viewer, workspace: Workspace, placed: Points
) -> None:
    outlines = viewer.layers["Atlas outlines"]
    array, before = outlines.data, outlines.data.copy()
    start = on_canvas(viewer, placed, *placed.data[3])
    mouse(viewer, MOVE, start)
    mouse(viewer, PRESS, start)
    mouse(viewer, MOVE, start + QPointF(0, 12))
    mouse(viewer, MOVE, start + QPointF(0, 24))
    assert outlines.data is array, "the layer is written in place"
    halfway = outlines.data.copy()
    assert np.abs(halfway - before).max() > 0.1
    assert workspace.placing.registration.method == "similarity"
    mouse(viewer, MOVE, start + QPointF(0, 40))
    mouse(viewer, RELEASE, start + QPointF(0, 40))
    assert np.abs(outlines.data - halfway).max() > 0.1
    assert workspace.placing.registration.landmarks["RSP_base"] == tuple(placed.data[3])

    workspace.placing.undo()
    np.testing.assert_allclose(outlines.data, before, atol=1e-4)
    assert workspace.placing.registration.landmarks["RSP_base"] == tuple(placed.data[3])
    assert not workspace.placing.can_undo


def test_keys_move_the_whole_atlas_while_it_is_adjusted(
    qtbot: QtBot, viewer: Viewer, workspace: Workspace, placed: Points
) -> None:
    frame, alt = workspace.movie.frame, Qt.KeyboardModifier.AltModifier
    for key, modifier, row, column, degrees, zoom in (
        (Qt.Key.Key_Right, NO_KEY, 0.0, 0.05 / 0.3, 0.0, 1.0),
        (Qt.Key.Key_Up, SHIFT, -0.25 / 0.3, 0.0, 0.0, 1.0),
        (Qt.Key.Key_Left, alt, 0.0, 0.0, -0.5, 1.0),
        (Qt.Key.Key_Up, alt, 0.0, 0.0, 0.0, 1.01),
    ):
        before = workspace.placing.registration
        press(qtbot, viewer, key, modifier)
        after = workspace.placing.registration
        moved = after.to_px([(0.0, 0.0)])[0] - before.to_px([(0.0, 0.0)])[0]
        assert moved == pytest.approx((row, column), abs=1e-9)
        assert after.rotation == pytest.approx(degrees, abs=1e-9)
        assert after.scale / before.scale == pytest.approx(zoom)
        press(qtbot, viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        assert workspace.placing.registration is before
    assert workspace.movie.frame == frame


def test_a_deleted_point_is_a_landmark_less_and_an_added_one_is_the_missing_one(
    workspace: Workspace, placed: Points
) -> None:
    where = placed.data[1].copy()
    placed.selected_data = {1}
    placed.remove_selected()
    assert list(workspace.placing.registration.landmarks) == ["OB_left", "OB_right", "RSP_base"]
    placed.add(where + 1)
    landmarks = workspace.placing.registration.landmarks
    assert landmarks["OB_center"] == tuple(where + 1)
    assert list(placed.features["name"]) == list(landmarks)
    placed.add(where + 8)
    assert list(placed.features["name"])[-1] == "pin 1"


def test_a_click_selects_an_area_and_shift_adds_another(
    viewer: Viewer, workspace: Workspace, opened: Layer, placed: Points
) -> None:
    left = on_canvas(viewer, opened, *middle(workspace, "VISp", "left"))
    right = on_canvas(viewer, opened, *middle(workspace, "VISp", "right"))
    click(viewer, left)
    assert selected(workspace) == ["VISp left"]
    click(viewer, right, SHIFT)
    assert selected(workspace) == ["VISp left", "VISp right"]
    click(viewer, right)
    assert selected(workspace) == ["VISp right"]
    click(viewer, on_canvas(viewer, opened, 1, 1))
    assert selected(workspace) == []

    viewer.layers.selection.active = opened  # a drag moves the camera
    for kind, by in ((MOVE, 0), (PRESS, 0), (MOVE, 20), (RELEASE, 20)):
        mouse(viewer, kind, left + QPointF(by, 0))
    assert selected(workspace) == []


def test_a_selected_area_is_painted_where_it_lies(
    qtbot: QtBot, viewer: Viewer, workspace: Workspace, opened: Layer, placed: Points
) -> None:
    area = workspace.placing.registration.atlas.index("MOs", "right")
    workspace.areas.select([area])
    qtbot.waitUntil(lambda: "Selected areas" in viewer.layers)
    picture = viewer.layers["Selected areas"]
    row, column = middle(workspace, "MOs", "right")
    world = opened.data_to_world((0, row, column))[-2:]
    at = tuple(np.round(picture.world_to_data(world)).astype(int))
    assert tuple(picture.data[at][:3]) == workspace.areas.color(area)
    mirrored = opened.data_to_world((0, row, 31 - column))[-2:]
    at = tuple(np.round(picture.world_to_data(mirrored)).astype(int))
    assert picture.data[at][3] == 0
    workspace.areas.select([])
    qtbot.waitUntil(lambda: "Selected areas" not in viewer.layers)


def test_the_area_under_the_mouse_is_named_with_its_side(
    viewer: Viewer, workspace: Workspace, opened: Layer, placed: Points
) -> None:
    overlay = viewer.canvas.overlays["cortex_decoder_area"]
    mouse(viewer, MOVE, on_canvas(viewer, opened, *middle(workspace, "VISp", "left")))
    assert overlay.visible and overlay.text.startswith("VISp left · Primary visual area")
    mouse(viewer, MOVE, on_canvas(viewer, opened, 1, 1))
    assert not overlay.visible


def test_a_lasso_is_drawn_once_and_leaves(
    qtbot: QtBot, viewer: Viewer, workspace: Workspace, opened: Layer, placed: Points
) -> None:
    workspace.areas.lasso_wanted.emit()
    lasso = viewer.layers.selection.active
    assert lasso.mode == "add_polygon_lasso"
    corners = [(2, 17), (30, 17), (30, 30), (2, 30), (2, 17)]
    path = [on_canvas(viewer, opened, *corner) for corner in corners]
    mouse(viewer, MOVE, path[0])
    mouse(viewer, PRESS, path[0])
    for at in path[1:]:
        mouse(viewer, MOVE, at)
    mouse(viewer, RELEASE, path[-1])
    qtbot.waitUntil(lambda: lasso not in viewer.layers)
    assert selected(workspace) and all(label.endswith("right") for label in selected(workspace))
    assert viewer.layers.selection.active is placed


def test_the_table_finds_selects_and_sorts_areas(
    qtbot: QtBot,
    dock: CortexDecoderWidget,
    workspace: Workspace,
    placed: Points,
) -> None:
    table = dock.findChild(QTableView, "areas")
    search = next(box for box in dock.findChildren(QLineEdit) if "areas" in box.placeholderText())
    assert table.model().rowCount() == 44
    search.setText("visual")
    shown = {table.model().index(row, 0).data() for row in range(table.model().rowCount())}
    assert "VISp" in shown and "MOs" not in shown
    search.setText("VISp")
    table.selectRow(0)
    assert len(selected(workspace)) == 1 and selected(workspace)[0].startswith("VISp")
    search.clear()
    assert len(table.selectionModel().selectedRows()) == 1

    workspace.areas.compute()
    qtbot.waitUntil(lambda: workspace.areas.correlations is not None)
    table.sortByColumn(3, Qt.SortOrder.DescendingOrder)
    shown = [table.model().index(row, 3).data() for row in range(44)]
    known = [float(text) for text in shown if text]
    assert known == sorted(known, reverse=True) and known


def test_the_section_shows_residuals_warnings_and_why_there_is_no_fit(
    qtbot: QtBot, dock: CortexDecoderWidget, workspace: Workspace, placed: Points
) -> None:
    dock.findChild(AtlasSection).set_expanded(True)
    table = dock.findChild(LandmarkTable)
    places = dict(workspace.placing.registration.landmarks)
    workspace.placing.move_landmarks({**places, "OB_left": (places["OB_left"][0] + 3, 9.0)})
    residual = workspace.placing.registration.residuals()[0]
    qtbot.waitUntil(lambda: table.item(0, 1).text() == f"{residual.mm:.2f}")
    assert table.item(0, 0).text() == "OB_left" and table.item(0, 2).text() == f"{residual.px:.1f}"

    def says(part: str) -> bool:
        return any(part in text for text in visible_texts(dock, QLabel))

    mirrored = {**places, "OB_left": places["OB_right"], "OB_right": places["OB_left"]}
    workspace.placing.move_landmarks(mirrored)
    qtbot.waitUntil(lambda: says("⚠ The brain lies mirrored"))
    workspace.placing.remove_landmarks("OB_left", "OB_center", "OB_right")
    qtbot.waitUntil(lambda: says("⚠ No fit"))


def test_an_atlas_without_landmarks_lies_on_the_movie_without_points(
    viewer: Viewer, workspace: Workspace, opened: Layer
) -> None:
    square = np.array([(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)])
    atlas = Atlas("square", (Area("A", "all there is", "left", square),))
    workspace.placing.begin(Registration.upright(atlas, 0.3, (16, 16)))
    assert workspace.placing.registration is not None
    workspace.placing.adjust(True)
    assert len(viewer.layers["Landmarks"].data) == 0
    assert "Atlas outlines" in viewer.layers


def test_a_button_that_cannot_be_pressed_says_why(
    qtbot: QtBot, dock: CortexDecoderWidget, workspace: Workspace
) -> None:
    reasons = {
        "Guess": "Open a recording first.",
        "By hand": "Open a recording first.",
        "Save placing…": "Place the atlas first.",
        "Undo": "Nothing to take back",
        "Lasso": "Place the atlas first.",
        "Compute traces": "Open a recording first.",
        "Export…": "Compute the traces first.",
        "Show mean image": "Open a recording first.",
    }
    section = dock.findChild(AtlasSection)
    for text, reason in reasons.items():
        pressed = child(section, QPushButton, text)
        assert not pressed.isEnabled() and pressed.toolTip() == reason, text


def test_acronyms_are_written_on_demand_and_follow(
    qtbot: QtBot, viewer: Viewer, dock: CortexDecoderWidget, workspace: Workspace, placed: Points
) -> None:
    box = child(dock, QCheckBox, "Acronyms on the movie")
    qtbot.waitUntil(box.isEnabled)
    box.click()
    qtbot.waitUntil(lambda: "Area names" in viewer.layers)
    names = viewer.layers["Area names"]
    assert len(names.data) == 44 and "VISp" in list(names.features["acronym"])
    before = names.data.copy()
    workspace.placing.nudge(down=0.6)
    qtbot.waitUntil(lambda: not np.allclose(names.data, before))
    np.testing.assert_allclose(names.data - before, [[2.0, 0.0]] * 44, atol=1e-6)
    box.click()
    qtbot.waitUntil(lambda: "Area names" not in viewer.layers)


def test_traces_of_selected_areas_stand_on_the_timeline_in_their_colors(
    qtbot: QtBot, timeline: TimelineWidget, workspace: Workspace, placed: Points
) -> None:
    assert [row.title for row in timeline._rows] == ["speed"]
    area = workspace.placing.registration.atlas.index("MOs", "right")
    workspace.areas.select([area])
    workspace.areas.compute()
    qtbot.waitUntil(lambda: workspace.areas.traces is not None)
    assert [row.title for row in timeline._rows] == ["speed", "areas"]
    curve, name = row_at(timeline, "areas").shown._drawn[area]
    assert name.toPlainText() == "MOs R"
    assert curve.opts["pen"].color().getRgb()[:3] == workspace.areas.color(area)
    x, y = curve.getOriginalDataset()
    expected = 100 * workspace.areas.traces.values[:, area]
    np.testing.assert_allclose(y, expected - expected.mean(), atol=1e-9)
    np.testing.assert_allclose(x, workspace.movie.clock.times)
    workspace.areas.select([area, 0, 3])
    assert set(row_at(timeline, "areas").shown._drawn) <= {0, 3, area}
    workspace.areas.select([])
    assert [row.title for row in timeline._rows] == ["speed"]


def test_drawn_shapes_become_an_atlas(
    viewer: Viewer,
    workspace: Workspace,
    placed: Points,
    notifications: list[Notification],
) -> None:
    workspace.atlas.drawn_wanted.emit()
    assert "draw areas" in notifications[-1].message
    workspace.atlas.drawing_wanted.emit()
    layer = viewer.layers.selection.active
    assert layer.mode == "add_polygon"
    layer.mode = "pan_zoom"
    triangle = np.array([[10.0, 4.0], [10.0, 12.0], [20.0, 8.0]])
    layer.add(triangle, shape_type="polygon")
    layer.add([[10, 20], [10, 26], [18, 26], [18, 20]], shape_type="ellipse")
    layer.features = {"acronym": ["A", "B"]}
    workspace.atlas.drawn_wanted.emit()
    placed_atlas = workspace.placing.registration
    assert [area.label for area in placed_atlas.atlas.areas] == ["A left", "B right"]
    np.testing.assert_allclose(placed_atlas.outlines()[0], triangle, atol=1e-6)
    assert placed_atlas.atlas.areas[1].size == pytest.approx(np.pi * 4 * 3 * 0.09, rel=0.01)
    layer.add([[0, 0], [5, 5]], shape_type="line")
    workspace.atlas.drawn_wanted.emit()
    assert "line" in notifications[-1].message


def test_the_layers_belong_to_one_viewer_and_go_with_its_movie(
    make_napari_viewer: Callable[..., Viewer],
    qtbot: QtBot,
    viewer: Viewer,
    workspace: Workspace,
    opened: Layer,
    placed: Points,
) -> None:
    other = make_napari_viewer()
    assert workspace_of(other).placing.placing is None and not other.layers
    workspace.areas.select([3])
    qtbot.waitUntil(lambda: "Selected areas" in viewer.layers)
    viewer.layers.remove(opened)
    qtbot.wait(100)
    assert list(viewer.layers) == []
    assert workspace.placing.placing is None and workspace.areas.selected == ()


def test_a_cropped_movie_takes_the_outlines_along(
    viewer: Viewer, workspace: Workspace, opened: Layer, placed: Points
) -> None:
    raw = workspace.movie.recording
    before = opened.data_to_world((0, *workspace.placing.registration.outlines()[5][0]))
    shown = preprocess(raw, [Crop(rows=(4, 30), columns=(6, 28))])
    workspace.movie.replaced.emit(movie_layer(shown, (0.0, 1.0)), raw)
    outlines = viewer.layers["Atlas outlines"]
    after = outlines.data_to_world(workspace.placing.registration.outlines()[5][0])
    np.testing.assert_allclose(after, before[-2:], atol=1e-6)


@pytest.mark.parametrize(
    "turn",
    [
        {"rotate": np.array([[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]]), "translate": (0, 3, -2)},
        {"affine": np.array([[1, 0, 0, 0], [0, 0.7, -0.7, 4], [0, 0.9, 0.7, 1], [0, 0, 0, 1]])},
    ],
    ids=["rotated", "sheared by an affine"],
)
def test_everything_follows_a_movie_that_the_user_turns(
    qtbot: QtBot, viewer: Viewer, workspace: Workspace, opened: Layer, placed: Points, turn: Any
) -> None:
    area = workspace.placing.registration.atlas.index("VISp", "left")
    workspace.areas.select([area])
    qtbot.waitUntil(lambda: "Selected areas" in viewer.layers)
    for name, value in turn.items():
        setattr(opened, name, value)
    pixel = np.array(middle(workspace, "VISp", "left"))
    world = np.array(opened.data_to_world((0, *pixel))[-2:])
    for layer in (viewer.layers["Atlas outlines"], placed):
        np.testing.assert_allclose(layer.data_to_world(pixel), world, atol=1e-9)
    picture = viewer.layers["Selected areas"]
    at = tuple(np.round(picture.world_to_data(world)).astype(int))
    assert tuple(picture.data[at][:3]) == workspace.areas.color(area)
    workspace.areas.select([])
    viewer.reset_view()
    qtbot.wait(50)
    view = canvas(viewer).view
    click(viewer, QPointF(*(view.transform * view.scene.transform).map(world[::-1])[:2]))
    assert selected(workspace) == ["VISp left"]


def test_the_dark_level_that_is_typed_is_no_part_of_the_baseline(
    qtbot: QtBot, dock: CortexDecoderWidget, workspace: Workspace, placed: Points
) -> None:
    section = dock.findChild(AtlasSection)
    section.set_expanded(True)
    found = []
    for dark in (0, 500):
        field = section.findChild(QDoubleSpinBox, "dark level")
        field.setValue(dark)
        child(section, QPushButton, "Compute traces").click()
        qtbot.waitUntil(lambda: not workspace.areas.progress.running)
        found.append(workspace.areas.traces.values)
    area = int(np.flatnonzero(np.isfinite(found[0]).all(axis=0))[0])
    light = workspace.movie.recording.movie.compute().astype(float)
    labels = workspace.placing.registration.label_image(light.shape[1:])
    mean = light[:, labels == area + 1].mean(axis=1)
    for dark, values in zip((0, 500), found, strict=True):
        expected = (mean - mean.mean()) / (mean.mean() - dark)
        np.testing.assert_allclose(values[:, area], expected, atol=1e-9)
