"""From labels to a better decoder in one window, and the same by the API."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyqtgraph as pg
import pytest
import tifffile
import torch
from napari import Viewer
from pyqtgraph import PlotDataItem
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QCheckBox, QLabel, QPushButton

from helpers.tuned_mice import blank_decoder, boris_file
from helpers.windows import (
    FRAME_RATE,
    answer,
    bouts,
    child,
    click,
    place_of,
    press,
    visible_texts,
    wait_until_idle,
)
from napari_cortex_decoder.decoder import load_decoder
from napari_cortex_decoder.labels import (
    Behavior,
    Flip,
    LabelSession,
    Paint,
    Replace,
    SetBehaviors,
    journal_ethogram,
    read_labels,
)
from napari_cortex_decoder.recording import open_recording, remember_metadata
from napari_cortex_decoder.simulation import simulate_recording
from napari_cortex_decoder.tuning.fine_tune import fine_tune
from napari_cortex_decoder.widgets.dock.decode_section import DecodeSection
from napari_cortex_decoder.widgets.dock.labels_section import LabelsSection
from napari_cortex_decoder.widgets.dock.tuning_group import TuningGroup
from napari_cortex_decoder.widgets.main_widget import CortexDecoderWidget
from napari_cortex_decoder.widgets.parts.small_plot import SmallPlot
from napari_cortex_decoder.widgets.timeline.timeline import TimelineWidget
from napari_cortex_decoder.widgets.workspace import Workspace

UNDO = Qt.KeyboardModifier.ControlModifier
REDO = UNDO | Qt.KeyboardModifier.ShiftModifier


@pytest.mark.slow
def test_labels_from_keys_mouse_and_a_file_make_the_decoder_that_the_api_makes(
    qtbot: QtBot, viewer: Viewer, workspace: Workspace, dock: CortexDecoderWidget,
    timeline: TimelineWidget, tmp_path: Path,
) -> None:  # fmt: skip
    mouse = simulate_recording(seed=7, subject=7, seconds=30, shape=(64, 64))
    movie = tmp_path / "m7.tif"
    tifffile.imwrite(movie, mouse.movie.compute(), photometric="minisblack")
    remember_metadata(movie, frame_rate=FRAME_RATE)
    base = tmp_path / "base.safetensors"
    blank_decoder(mouse).save(base)
    boris = boris_file(tmp_path / "boris.csv", mouse.truth.ethogram)
    kept = tmp_path / "m7-decoder.safetensors"

    workspace.movie.open(movie)
    qtbot.waitUntil(lambda: workspace.movie.recording is not None)
    workspace.choice.offer(base)
    section, group = dock.findChild(LabelsSection), dock.findChild(TuningGroup)
    section.set_expanded(True)
    group.set_expanded(True)
    child(section, QCheckBox, "Label with keys and mouse").click()

    shown = timeline._graphics.ci.items
    (label,) = (a.label for a in shown if isinstance(a, pg.AxisItem) and a.orientation == "bottom")
    lowest = label.mapRectToScene(label.boundingRect()).bottom() - label.document().documentMargin()
    assert lowest <= timeline._graphics.height()  # else the time's label is cut off

    # three bouts while it plays, by real time
    viewer.dims.set_current_step(0, 10)
    play = viewer.window._qt_viewer.dims.slider_widgets[0].play_button
    qtbot.mouseClick(play, Qt.MouseButton.LeftButton)
    pressed = []
    for key, after in ((Qt.Key.Key_1, 4), (Qt.Key.Key_2, 14), (Qt.Key.Key_1, 24)):
        qtbot.waitUntil(lambda after=after: workspace.movie.frame >= 10 + after)
        pressed.append(workspace.movie.frame)
        press(qtbot, viewer, key)
    qtbot.waitUntil(lambda: workspace.movie.frame >= pressed[-1] + 8)
    pressed.append(workspace.movie.frame)
    press(qtbot, viewer, Qt.Key.Key_1)
    qtbot.mouseClick(play, Qt.MouseButton.LeftButton)
    by_api = LabelSession(mouse.n_frames, "m7")
    by_api.edit(SetBehaviors(behaviors=(Behavior(name="rest"), Behavior(name="run"))))
    for start, stop, behavior in zip(pressed, pressed[1:], ("rest", "run", "rest"), strict=False):
        by_api.edit(Paint(start=start, stop=stop + 1, behavior=behavior))
    assert len(bouts(workspace)) == 3
    assert workspace.labels.ethogram == by_api.labels.ethogram

    press(qtbot, viewer, Qt.Key.Key_Z, UNDO)
    press(qtbot, viewer, Qt.Key.Key_Z, UNDO)
    press(qtbot, viewer, Qt.Key.Key_Z, REDO)
    for step in (by_api.undo, by_api.undo, by_api.redo):
        step()
    assert [behavior for _, _, behavior in bouts(workspace)] == ["rest", "run"]
    assert workspace.labels.ethogram == by_api.labels.ethogram

    click(qtbot, section, "Import…")
    answer(section, boris)
    qtbot.waitUntil(lambda: workspace.labelling.imported is not None)
    assert any("blink, POINT" in text for text in visible_texts(section, QLabel))
    recording = open_recording(movie)
    with pytest.warns(UserWarning, match="blink"):
        imported = read_labels(boris, recording)
    by_api.edit(Replace(start=0, stop=mouse.n_frames, bouts=imported.bouts))

    # the mouse puts the slider on a bout, a key says that it is the other behavior
    short = imported.bouts[2]
    place = place_of(timeline, (short.start + short.stop) / 2 / FRAME_RATE)
    QTest.mouseClick(timeline._graphics.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.waitUntil(lambda: short.start <= workspace.movie.frame < short.stop)
    press(qtbot, viewer, Qt.Key.Key_F)
    by_api.edit(Flip(frame=short.start, behavior="run"))
    ethogram = by_api.labels.ethogram
    assert workspace.labels.ethogram == ethogram
    assert journal_ethogram(tmp_path / "m7.tif.cortex") == ethogram

    assert len(workspace.tuning.planned()) == 2 == len(timeline._marks.regions)
    assert any("2 stretches of m7, shaded" in text for text in visible_texts(group, QLabel))
    drawn: list[int] = []

    def count_points() -> None:
        plots = group._curve.findChildren(SmallPlot)
        items = [item for plot in plots for item in plot.view.addedItems]
        curves = [item.xData for item in items if isinstance(item, PlotDataItem)]
        drawn.append(sum(len(x) for x in curves if x is not None))

    workspace.tuning._timer.setInterval(10)
    workspace.tuning.events.told.connect(count_points)
    workspace.tuning.depth = "head"
    click(qtbot, group, "Fine-tune")
    assert child(group, QPushButton, "Cancel").isEnabled()
    qtbot.waitUntil(lambda: workspace.tuning.result is not None)
    for plot in group.findChildren(SmallPlot):
        assert "(x" not in plot.left.labelString()  # as pyqtgraph writes small numbers
    assert drawn == sorted(drawn) and len(set(drawn)) > 2 and drawn[-1] > 30
    assert any("balanced accuracy" in text for text in visible_texts(group, QLabel))
    result = workspace.tuning.result
    workspace.review.set_cleaning(shortest_bout=0.2)
    click(qtbot, group, "Keep…")
    answer(group, kept)
    assert workspace.tuning.result is None and workspace.choice.card.name == "m7-decoder"

    workspace.review.set_cleaning(shortest_bout=0.9)
    click(qtbot, dock.findChild(DecodeSection), "Decode")
    wait_until_idle(qtbot, workspace)
    assert workspace.review.cleaning.shortest_bout == 0.2  # kept with the decoder

    same = fine_tune(base, [(recording, ethogram)], depth="head", name="base-m7")
    assert same.before == result.before and same.after == result.after
    ours, theirs = load_decoder(kept), same.decoder
    assert ours.config == theirs.config.model_copy(update={"cleaning": workspace.review.cleaning})
    expected = theirs.network.state_dict()
    for name, tensor in ours.network.state_dict().items():
        assert torch.equal(tensor, expected[name]), name
    assert workspace.decode.prediction.decoder_hash == ours.hash
    again = theirs.decode(recording)
    np.testing.assert_array_equal(workspace.decode.prediction.probability, again.probability)
