"""Small things that people stumbled over in the window."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pyqtgraph as pg
import pytest
import tifffile
from hypothesis import example, given
from hypothesis import strategies as st
from napari import Viewer
from napari.layers import Layer
from napari.utils.theme import get_theme
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QCheckBox, QFileDialog, QLabel, QProgressBar, QPushButton, QScrollArea

from helpers.windows import (
    ScriptedDecoder,
    child,
    loads,
    visible_texts,
    wait_until_idle,
    waves,
)
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording import BehaviorTrace, Previews, Recording
from napari_cortex_decoder.sessions import remembered_state
from napari_cortex_decoder.widgets.canvas.companion_layers import ACTIVITY
from napari_cortex_decoder.widgets.decode import decode_job
from napari_cortex_decoder.widgets.dock.preprocessing_group import PreprocessingGroup
from napari_cortex_decoder.widgets.main_widget import CortexDecoderWidget
from napari_cortex_decoder.widgets.parts.colors import (
    TRACE,
    YELLOW,
    contrast,
    legible,
    palette_color,
)
from napari_cortex_decoder.widgets.parts.messages import MessagesSection
from napari_cortex_decoder.widgets.parts.section import Section, ask_file
from napari_cortex_decoder.widgets.recording.layers import movie_layer
from napari_cortex_decoder.widgets.timeline.timeline import TimelineWidget
from napari_cortex_decoder.widgets.workspace import Workspace


def add(viewer: Viewer, recording: Recording) -> Layer:
    return viewer.add_layer(Layer.create(*movie_layer(recording, (500.0, 1500.0))))


def test_a_pixel_size_or_a_rate_said_later_keeps_the_frame_and_the_pixels_in_view(
    viewer: Viewer, workspace: Workspace, recording: Recording
) -> None:
    layer = add(viewer, recording.replace(pixel_size=None, frame_rate=None, frame_times=None))
    viewer.reset_view()
    workspace.movie.seek(40)

    def in_view() -> list[float]:
        camera = viewer.camera
        return [*(np.array(camera.center[-2:]) / layer.scale[-2:]), camera.zoom * layer.scale[-1]]

    before = in_view()
    workspace.movie.set_pixel_size(0.07)
    assert layer.scale[-1] == pytest.approx(0.07)
    assert in_view() == pytest.approx(before)
    workspace.movie.set_frame_rate(25.0)
    assert in_view() == pytest.approx(before)
    assert workspace.movie.frame == 40


def test_an_error_stays_readable_in_the_dock_after_its_toast(
    dock: CortexDecoderWidget, workspace: Workspace
) -> None:
    messages = dock.findChild(MessagesSection)
    assert not messages.isVisible()
    long = "m1.tif: its frames are cut short after frame 12 of 1800; copy the file again, whole."
    workspace.failed.emit(RecordingError(long))
    workspace.failed.emit(RecordingError("another one"))
    (shown,) = [text for text in visible_texts(messages, QLabel) if long in text]
    assert shown.index("another one") < shown.index(long)


def test_dialogs_begin_beside_the_movie_and_the_name_ends_as_the_kind_does(
    qtbot: QtBot, viewer: Viewer, dock: CortexDecoderWidget, recording: Recording, tmp_path: Path
) -> None:
    add(viewer, recording.replace(path=tmp_path / "m1.tif"))
    chosen: list[str] = []
    kinds = "NWB (*.nwb);;OME-Zarr (*.zarr)"
    ask_file(dock, "Save", kinds, chosen.append, save_as="m1.session2.nwb")
    dialog = dock.findChild(QFileDialog)
    assert Path(dialog.directory().absolutePath()) == tmp_path
    assert Path(dialog.selectedFiles()[0]).name == "m1.session2.nwb"
    dialog.filterSelected.emit("OME-Zarr (*.zarr)")
    assert Path(dialog.selectedFiles()[0]).name == "m1.session2.zarr"
    dialog.close()


def test_dialogs_begin_where_this_window_is_at_whatever_another_one_has_shown(
    qtbot: QtBot, viewer: Viewer, dock: CortexDecoderWidget, recording: Recording,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def begins() -> Path:
        ask_file(dock, "Open", "All files (*)", lambda path: None)
        dialog = dock.findChild(QFileDialog)
        folder = Path(dialog.directory().absolutePath())
        dialog.close()
        qtbot.waitUntil(lambda: dock.findChild(QFileDialog) is None)
        return folder

    gone, here = tmp_path / "gone", tmp_path / "here"
    for folder in (gone, here):
        folder.mkdir()
    other = QFileDialog(None, "Of another window", str(gone))
    other.deleteLater()  # Qt keeps its folder for whatever dialog comes next
    monkeypatch.chdir(here)
    assert begins() == here
    layer = add(viewer, recording.replace(path=gone / "m1.tif"))
    assert begins() == gone
    viewer.layers.remove(layer)
    assert begins() == here


def test_a_recording_too_slow_for_the_low_pass_has_none(
    viewer: Viewer, workspace: Workspace, recording: Recording
) -> None:
    def lowpass() -> object:
        return workspace.preprocessing.drafts["hemodynamics"].settings["lowpass"]

    add(viewer, recording.replace(frame_rate=10.0, frame_times=None))
    assert lowpass() is None
    workspace.movie.set_frame_rate(30.0)
    assert lowpass() == 14.0
    workspace.preprocessing.set("hemodynamics", lowpass=3.0)
    workspace.movie.set_frame_rate(5.0)
    assert lowpass() == 3.0, "what somebody has entered stays"


def test_areas_correlate_with_a_speed_but_not_with_the_volts_it_is_made_of(
    viewer: Viewer, workspace: Workspace, recording: Recording
) -> None:
    times = recording.behavior["speed"].times
    volts = BehaviorTrace("treadmill", np.full(times.size, 1.5), times, "V")
    count = BehaviorTrace("wheel", np.arange(times.size, dtype=float), times, "counts")
    both = {trace.name: trace for trace in (volts, count)}
    add(viewer, recording.replace(behavior=recording.behavior | both))
    assert workspace.areas.behaviors == ("speed",)


def test_a_slow_preview_is_seen_to_be_computed(
    qtbot: QtBot,
    dock: CortexDecoderWidget,
    workspace: Workspace,
    opened: Layer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    group = dock.findChild(PreprocessingGroup)
    group.set_expanded(True)
    real, go = Previews.frame, threading.Event()

    def slow(*args: object) -> object:
        assert go.wait(20)
        return real(*args)

    monkeypatch.setattr(Previews, "frame", slow)
    workspace.preprocessing.switch("delta-f", True)
    workspace.preview.switch(True)
    bars = group.findChildren(QProgressBar)
    qtbot.waitUntil(lambda: any(bar.isVisible() for bar in bars))
    assert any("Computing the preview" in text for text in visible_texts(group, QLabel))
    go.set()
    qtbot.waitUntil(lambda: not any(bar.isVisible() for bar in bars))


def test_the_timeline_says_which_behavior_has_which_color(
    timeline: TimelineWidget, workspace: Workspace, opened: Layer
) -> None:
    workspace.speed.set_labelling(True)
    (legend,) = [text for text in visible_texts(timeline, QLabel) if "■" in text]
    assert "rest" in legend and "run" in legend


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_outlines_and_lines_are_seen_in_every_theme(
    qtbot: QtBot, viewer: Viewer, timeline: TimelineWidget, workspace: Workspace, opened: Layer,
    theme: str, decoder_file: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    workspace.atlas.place_upright()
    qtbot.waitUntil(lambda: "Atlas outlines" in viewer.layers)
    workspace.areas.compute()
    qtbot.waitUntil(lambda: workspace.areas.traces is not None)
    seen = np.flatnonzero(np.isfinite(workspace.areas.traces.values).all(axis=0))[:9]
    workspace.areas.select(seen.tolist())
    workspace.speed.set_labelling(True)
    monkeypatch.setattr(decode_job, "load_decoder", loads(ScriptedDecoder()))
    workspace.choice.offer(decoder_file)
    workspace.decode.decode()
    wait_until_idle(qtbot, workspace)
    viewer.theme = theme
    canvas = np.array(get_theme(theme).canvas.as_rgb_tuple()[:3]) / 255
    drawn = viewer.layers["Atlas outlines"].edge_color[0, :3]
    assert np.abs(drawn - canvas).max() > 0.5
    background = get_theme(theme).background.as_rgb_tuple()[:3]
    assert {row.title for row in timeline._rows} >= {"speed", "p(run)", "areas"}
    drawn = [item for row in timeline._rows for item in row.view.allChildren()]
    pens = [item.opts["pen"] for item in drawn if isinstance(item, pg.PlotDataItem)]
    pens += [item.pen for item in drawn if isinstance(item, pg.InfiniteLine)]
    written = [item.color for item in drawn if isinstance(item, pg.TextItem)]
    assert len(pens) > len(seen) == len(written) == 9
    for color in (*(pen.color() for pen in pens), *written):
        assert contrast(color.getRgb()[:3], background) >= 3, color.getRgb()


def test_contrast_is_that_of_the_web_s_guidelines() -> None:
    white = (255, 255, 255)
    assert contrast((0, 0, 0), white) == contrast(white, (0, 0, 0)) == pytest.approx(21)
    assert contrast((118, 118, 118), white) == pytest.approx(4.54, abs=0.01)
    assert contrast((255, 0, 0), white) == pytest.approx(4.0, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
@given(color=st.tuples(*[st.integers(0, 255)] * 3))
@example(color=YELLOW)
@example(color=TRACE)
def test_any_color_is_seen_as_a_line_on_any_theme_and_stays_if_it_was(
    theme: str, color: tuple[int, int, int]
) -> None:
    background = get_theme(theme).background.as_rgb_tuple()[:3]
    line = legible(color, background)
    assert contrast(line, background) >= 3
    assert line == color or contrast(color, background) < 3


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_colors_of_areas_stay_apart_on_every_theme(theme: str) -> None:
    background = get_theme(theme).background.as_rgb_tuple()[:3]
    lines = [legible(palette_color(place), background) for place in range(10)]
    assert len(set(lines)) == 10


def test_what_is_held_out_is_shaded_only_while_the_fine_tune_is_in_sight(
    dock: CortexDecoderWidget, workspace: Workspace, opened: Layer
) -> None:
    sections = {one.title: one for one in dock.findChildren(Section)}
    whole, group = sections["Label & fine-tune"], sections["Fine-tune the decoder"]
    whole.set_expanded(True)
    group.set_expanded(True)
    assert workspace.tuning.planning
    whole.set_expanded(False)
    assert not workspace.tuning.planning and workspace.tuning.held_out == ()
    whole.set_expanded(True)
    assert workspace.tuning.planning
    group.set_expanded(False)
    assert not workspace.tuning.planning


def test_an_open_movie_leaves_decode_in_sight_on_a_small_screen(
    qtbot: QtBot, dock: CortexDecoderWidget, workspace: Workspace, tmp_path: Path
) -> None:
    dock.findChild(QScrollArea).setFixedHeight(380)  # what 720 leave of the window
    decode = child(dock, QPushButton, "Decode")
    assert decode.visibleRegion().isEmpty()
    tifffile.imwrite(tmp_path / "m1.tif", waves())
    workspace.movie.open(tmp_path / "m1.tif")
    qtbot.waitUntil(lambda: workspace.movie.recording is not None)
    workspace.movie.set_frame_rate(30.0)
    qtbot.waitUntil(lambda: decode.visibleRegion().boundingRect().height() == decode.height())


def test_the_table_of_several_sessions_stays_in_sight_when_their_rate_is_set(
    qtbot: QtBot, dock: CortexDecoderWidget, workspace: Workspace, tmp_path: Path
) -> None:
    dock.findChild(QScrollArea).setFixedHeight(380)
    several = child(dock, QPushButton, "Decode all checked")
    for name in ("m1.tif", "m2.tif"):
        tifffile.imwrite(tmp_path / name, waves())
        workspace.sessions.add(tmp_path / name)
    qtbot.waitUntil(lambda: workspace.movie.recording is not None)
    qtbot.waitUntil(lambda: all(row.facts for row in workspace.sessions.rows))
    workspace.sessions.set_frame_rate(30.0)
    decode = child(dock, QPushButton, "Decode")
    qtbot.waitUntil(decode.isEnabled)
    qtbot.wait(50)  # the dock would scroll in the next turn of the loop
    assert several.visibleRegion().boundingRect().height() == several.height()


def test_activity_lies_on_the_movie_with_a_color_bar_and_is_remembered(
    qtbot: QtBot, viewer: Viewer, dock: CortexDecoderWidget, workspace: Workspace,
    recording: Recording, tmp_path: Path,
) -> None:  # fmt: skip
    path = tmp_path / "m1.tif"
    path.touch()
    kept = recording.replace(path=path)
    movie = add(viewer, kept)
    box = child(dock, QCheckBox, "Show activity (ΔF/F in %)")
    box.setChecked(True)
    qtbot.waitUntil(lambda: ACTIVITY in viewer.layers)
    layer = viewer.layers[ACTIVITY]
    low, high = layer.contrast_limits
    assert low == -high and layer.colorbar.visible
    np.testing.assert_allclose(layer.scale, movie.scale)
    assert layer.units == movie.units
    workspace.movie.set_pixel_size(0.05)
    np.testing.assert_allclose(layer.scale, movie.scale)
    qtbot.waitUntil(lambda: remembered_state(path).activity)
    viewer.layers.remove(movie)
    assert ACTIVITY not in viewer.layers
    add(viewer, kept)
    qtbot.waitUntil(lambda: ACTIVITY in viewer.layers and box.isChecked())
    box.setChecked(False)
    assert ACTIVITY not in viewer.layers
    qtbot.waitUntil(lambda: not remembered_state(path).activity)
