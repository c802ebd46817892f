from __future__ import annotations

from dataclasses import replace
from threading import Event

import dask.array as da
import numpy as np
import pytest
from napari import Viewer
from napari.layers import Layer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtWidgets import QApplication, QLabel, QLineEdit

from helpers.windows import (
    N_FRAMES,
    ScriptedDecoder,
    loads,
    probabilities,
    row_at,
    visible_texts,
    wait_until_idle,
)
from napari_cortex_decoder.decoder import Prediction
from napari_cortex_decoder.labels import Bout, Ethogram, Replace
from napari_cortex_decoder.progress import as_duration
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.widgets.decode import decode_job
from napari_cortex_decoder.widgets.parts.clock import Clock
from napari_cortex_decoder.widgets.parts.colors import behavior_colors
from napari_cortex_decoder.widgets.timeline.timeline import NAME, TimelineWidget, show_timeline
from napari_cortex_decoder.widgets.workspace import Workspace


def names(timeline: TimelineWidget) -> list[str]:
    return [row.title for row in timeline._rows]


def place_of(timeline: TimelineWidget, time: float, row: int = 0) -> QPoint:
    """Where a time stands on the screen, in the middle of a row."""
    view = timeline._rows[row].view
    middle = view.mapViewToScene(QPointF(time, sum(view.viewRange()[1]) / 2))
    return timeline._graphics.mapFromScene(middle)


def colors_across(timeline: TimelineWidget, row: int, times: list[float]) -> list[tuple[int, ...]]:
    """The colours that a strip really shows at some times."""
    QApplication.processEvents()  # new rows find their places
    picture = timeline._graphics.grab().toImage()
    pixels = [picture.pixelColor(place_of(timeline, time, row)) for time in times]
    return [(pixel.red(), pixel.green(), pixel.blue()) for pixel in pixels]


def test_it_opens_below_the_canvas_with_the_dock_and_can_be_brought_back(
    qtbot: QtBot, viewer: Viewer, timeline: TimelineWidget, opened: Layer
) -> None:
    window = viewer.window._qt_window
    assert window.dockWidgetArea(timeline.parent()) == Qt.DockWidgetArea.BottomDockWidgetArea
    gone = []
    timeline.destroyed.connect(lambda: gone.append(True))
    timeline.parent().destroyOnClose()
    qtbot.waitUntil(lambda: bool(gone))
    viewer.dims.set_current_step(0, 3)  # nobody who is gone may hear this
    assert NAME not in viewer.window.dock_widgets
    show_timeline(viewer)
    again = viewer.window.dock_widgets[NAME]
    assert again is not timeline and names(again) == ["speed"]


def test_without_a_recording_it_says_what_will_be_here(timeline: TimelineWidget) -> None:
    assert any("appear here" in text for text in visible_texts(timeline, QLabel))


@pytest.mark.parametrize("frame", [0, 40, 111, N_FRAMES - 1])
def test_a_click_seeks(
    qtbot: QtBot,
    viewer: Viewer,
    timeline: TimelineWidget,
    workspace: Workspace,
    opened: Layer,
    frame: int,
) -> None:
    place = place_of(timeline, frame / 30)
    qtbot.mouseClick(timeline._graphics.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert workspace.movie.frame == pytest.approx(frame, abs=1)
    assert viewer.dims.current_step[0] == workspace.movie.frame
    assert timeline._rows[0].cursor.value() == pytest.approx(workspace.movie.frame / 30)


def test_a_click_beside_the_rows_does_nothing(
    qtbot: QtBot, viewer: Viewer, timeline: TimelineWidget, workspace: Workspace, opened: Layer
) -> None:
    viewer.dims.set_current_step(0, 70)
    place = QPoint(10, 40)
    qtbot.mouseClick(timeline._graphics.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert workspace.movie.frame == 70


def test_the_cursor_and_the_readout_follow_the_slider(
    viewer: Viewer, timeline: TimelineWidget, opened: Layer
) -> None:
    viewer.dims.set_current_step(0, 60)
    assert {row.cursor.value() for row in timeline._rows} == {2.0}
    assert "2.00 s   frame 60" in visible_texts(timeline, QLineEdit)


def test_a_double_click_shows_all_and_a_zoomed_view_turns_the_page(
    qtbot: QtBot, viewer: Viewer, timeline: TimelineWidget, opened: Layer
) -> None:
    view = timeline._rows[0].view
    view.setXRange(0, 1, padding=0)
    viewer.dims.set_current_step(0, 90)
    left, right = view.viewRange()[0]
    assert left <= 3 <= right and right - left == pytest.approx(1)
    place = place_of(timeline, 3.2)
    viewport = timeline._graphics.viewport()
    qtbot.mouseDClick(viewport, Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=place)
    left, right = view.viewRange()[0]
    assert left <= 0 and right >= (N_FRAMES - 1) / 30


def test_rows_fill_while_a_decode_streams(
    qtbot: QtBot,
    timeline: TimelineWidget,
    workspace: Workspace,
    opened: Layer,
    decoder_file: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scripted = ScriptedDecoder(go_on=Event())
    monkeypatch.setattr(decode_job, "load_decoder", loads(scripted))
    workspace.choice.offer(str(decoder_file))
    workspace.decode.decode()
    qtbot.waitUntil(lambda: workspace.decode.progress.stage == "decoding")
    assert names(timeline) == ["speed", "decoded", "p(run)"]
    rest = behavior_colors(["rest"])["rest"]
    early, late = colors_across(timeline, 1, [1.0, 4.0])
    assert early == rest and late != rest
    assert np.isnan(row_at(timeline, "p(run)").shown[1].getData()[1][N_FRAMES // 2 :]).all()
    scripted.go_on.set()
    wait_until_idle(qtbot, workspace)
    colors = behavior_colors(["rest", "run"])
    assert colors_across(timeline, 1, [1.0, 4.0]) == [colors["rest"], colors["run"]]
    np.testing.assert_array_equal(
        row_at(timeline, "p(run)").shown[1].getData()[1], probabilities()[:, 1]
    )


def test_label_and_decoded_share_one_colour_a_behavior(
    timeline: TimelineWidget, workspace: Workspace, opened: Layer
) -> None:
    recording = workspace.movie.recording
    assert recording is not None
    bouts = (Bout(0, 76, "run"), Bout(76, N_FRAMES, "groom"))
    workspace.labels.edit(Replace(start=0, stop=N_FRAMES, bouts=bouts))
    behaviors = ("groom", "rest", "run")
    probability = np.zeros((N_FRAMES, 3), dtype=np.float32)
    probability[:50, 0] = probability[50:100, 1] = probability[100:, 2] = 1
    workspace.decode.prediction = Prediction(
        probability, behaviors, recording.times, "d", "0", "cpu", (), {}
    )
    assert names(timeline) == ["speed", "label", "decoded", "probability"]
    colors = workspace.behavior_colors
    assert len(set(colors.values())) == 3
    assert colors_across(timeline, 1, [1.0, 4.0]) == [colors["run"], colors["groom"]]
    shown = colors_across(timeline, 2, [1.0, 2.4, 4.0])
    assert shown == [colors["groom"], colors["rest"], colors["run"]]


def test_a_picture_that_was_kept_for_the_cursor_follows_what_is_decoded_and_the_view(
    viewer: Viewer, timeline: TimelineWidget, workspace: Workspace, opened: Layer
) -> None:
    colors = behavior_colors(["rest", "run"])
    first = ScriptedDecoder().whole(workspace.movie.recording)
    workspace.decode.prediction = first
    for frame in (10, 11):
        viewer.dims.set_current_step(0, frame)
        assert colors_across(timeline, 1, [1.0, 4.0]) == [colors["rest"], colors["run"]]
    workspace.decode.prediction = replace(first, probability=1 - first.probability)
    assert colors_across(timeline, 1, [1.0, 4.0]) == [colors["run"], colors["rest"]]
    viewer.dims.set_current_step(0, 70)
    timeline._rows[0].view.setXRange(2.0, 3.0, padding=0)
    assert colors_across(timeline, 1, [2.2, 2.8]) == [colors["run"], colors["rest"]]
    viewer.dims.set_current_step(0, 69)
    assert colors_across(timeline, 1, [2.2, 2.8]) == [colors["run"], colors["rest"]]


def test_without_a_frame_rate_the_axis_counts_frames(
    qtbot: QtBot,
    viewer: Viewer,
    timeline: TimelineWidget,
    workspace: Workspace,
    recording: Recording,
) -> None:
    from napari_cortex_decoder.widgets.recording.layers import movie_layer

    bare = recording.replace(frame_rate=None, behavior={})
    viewer.add_layer(Layer.create(*movie_layer(bare, (0, 1))))
    place = place_of(timeline, 99)
    qtbot.mouseClick(timeline._graphics.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert workspace.movie.frame == pytest.approx(99, abs=1)
    assert any(text.startswith("frame ") for text in visible_texts(timeline, QLineEdit))


def test_uneven_frame_times_are_the_axis(
    qtbot: QtBot,
    viewer: Viewer,
    timeline: TimelineWidget,
    workspace: Workspace,
    recording: Recording,
) -> None:
    from napari_cortex_decoder.widgets.recording.layers import movie_layer

    times = np.arange(N_FRAMES) / 30 + np.where(np.arange(N_FRAMES) >= 100, 2.0, 0.0)
    uneven = recording.replace(frame_times=times, behavior={})
    viewer.add_layer(Layer.create(*movie_layer(uneven, (0, 1))))
    place = place_of(timeline, times[120])
    qtbot.mouseClick(timeline._graphics.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert workspace.movie.frame == pytest.approx(120, abs=1)


def test_a_million_frames_are_drawn_no_slower_than_their_pixels(
    viewer: Viewer, timeline: TimelineWidget, workspace: Workspace
) -> None:
    n = 1_000_000
    movie = da.zeros((n, 8, 8), chunks=(1000, 8, 8), dtype=np.uint16)
    workspace.movie.show(Recording(movie=movie, name="long", frame_rate=30.0))
    run = np.random.default_rng(0).random(n, dtype=np.float32)
    assert workspace.movie.recording is not None
    workspace.decode.prediction = Prediction(
        np.stack([1 - run, run], axis=1),
        ("rest", "run"),
        workspace.movie.recording.times,
        "d",
        "0",
        "cpu",
        (),
        {},
    )
    curve = row_at(timeline, "p(run)").shown[1]
    curve.updateItems(styleUpdate=False)
    drawn = curve.getData()[0]
    assert drawn.size < 20 * timeline._rows[0].view.width()


def test_the_clock_finds_the_nearest_frame() -> None:
    clock = Clock(np.array([0.0, 1.0, 4.0]), "s")
    assert [clock.frame_at(time) for time in (-9, 0.4, 0.6, 2.4, 2.6, 99)] == [0, 0, 1, 1, 2, 2]
    np.testing.assert_allclose(clock.edges, [-0.5, 0.5, 2.5, 5.5])
    assert Clock(np.array([7.0]), "s").edges.tolist() == [6.5, 7.5]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (3599, "59 min 59 s"),
        (3725, "1 h 02 min"),
    ],
)
def test_a_length_of_time_is_written_for_people(seconds: float, text: str) -> None:
    assert as_duration(seconds) == text


def test_many_behaviors_have_as_many_colours() -> None:
    many = [f"behavior {i}" for i in range(20)]
    assert len(set(behavior_colors(["rest", "run", *many]).values())) == 22
    assert behavior_colors(["run"])["run"] == behavior_colors(["x", "y", "run"])["run"]


def test_rows_are_added_and_not_made_anew(
    timeline: TimelineWidget, workspace: Workspace, opened: Layer
) -> None:
    speed = row_at(timeline, "speed")
    speed.view.setXRange(1.0, 3.0, padding=0)
    labels = np.arange(N_FRAMES) // 30 % 2
    workspace.labels.ethogram = Ethogram.from_frames(labels, ("rest", "run"))
    label = row_at(timeline, "label")
    workspace.decode.prediction = ScriptedDecoder().whole(workspace.movie.recording)
    assert [row.title for row in timeline._rows] == ["speed", "label", "decoded", "p(run)"]
    assert row_at(timeline, "label") is label
    tops = [row.view.geometry().top() for row in timeline._rows]
    assert tops == sorted(set(tops))
    again = workspace.movie.recording.replace(name="filtered")
    workspace.movie.show(again, workspace.movie.raw)
    assert row_at(timeline, "speed") is speed
    assert speed.view.viewRange()[0] == [1.0, 3.0]
    workspace.movie.show(again.replace(behavior={}), workspace.movie.raw)
    assert [row.title for row in timeline._rows] == ["decoded", "p(run)"]
    assert timeline._rows[0].view.viewRange()[0] == [1.0, 3.0]
    assert timeline._rows[1].view.viewRange()[0] == [1.0, 3.0]
    timeline._rows[0].view.setXRange(2.0, 4.0, padding=0)
    assert timeline._rows[1].view.viewRange()[0] == [2.0, 4.0]
