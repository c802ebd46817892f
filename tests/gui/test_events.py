"""Averages around events in a real window: asked, drawn, shown on the movie, exported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyqtgraph as pg
import pytest
from napari import Viewer
from napari.layers import Layer
from napari.utils.theme import get_theme
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QComboBox, QLabel, QPushButton

from helpers.toys import quarters
from helpers.windows import FRAME_RATE, N_FRAMES, answer, child, click, visible_texts
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.labels.edits import Replace
from napari_cortex_decoder.widgets.canvas.saliency_layers import EVENTS
from napari_cortex_decoder.widgets.dock.events_section import EventsSection
from napari_cortex_decoder.widgets.main_widget import CortexDecoderWidget
from napari_cortex_decoder.widgets.parts.colors import contrast
from napari_cortex_decoder.widgets.parts.small_plot import SmallPlot
from napari_cortex_decoder.widgets.workspace import Workspace

WAVE = 30
"""Frames of one wave of the movie: whatever comes once in it sees the same course."""


@pytest.fixture
def section(
    dock: CortexDecoderWidget, opened: Layer, workspace: Workspace, qtbot: QtBot
) -> EventsSection:
    qtbot.waitUntil(lambda: workspace.atlas.obstacle is None)
    section = dock.findChild(EventsSection)
    section.set_expanded(True)
    return section


@pytest.fixture
def labelled(workspace: Workspace, section: EventsSection) -> EventsSection:
    """A run begins once in each wave."""
    frames = (np.arange(N_FRAMES) % WAVE >= 20).astype(int)
    bouts = Ethogram.from_frames(frames, ("rest", "run")).bouts
    assert workspace.labels.edit(Replace(start=0, stop=N_FRAMES, bouts=bouts))
    workspace.placing.begin(quarters())
    workspace.events.set(before=0.5, after=0.5, baseline=0.2, quiet=0.5)
    return section


def average(qtbot: QtBot, section: EventsSection, workspace: Workspace, event: str) -> None:
    (box,) = (box for box in section.findChildren(QComboBox) if box.findText(event) >= 0)
    box.setCurrentIndex(box.findText(event))
    click(qtbot, section, "Average")
    qtbot.waitUntil(lambda: not workspace.events.progress.running)


def test_the_button_says_what_is_missing(section: EventsSection, workspace: Workspace) -> None:
    assert workspace.events.offered == ("speed",)  # that comes with the recording
    assert child(section, QPushButton, "Average").toolTip() == "Choose an event."
    assert "Choose an event." in visible_texts(section, QLabel)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_curves_are_seen_in_every_theme(
    labelled: EventsSection, workspace: Workspace, viewer: Viewer, qtbot: QtBot, theme: str
) -> None:
    viewer.theme = theme
    average(qtbot, labelled, workspace, "labelled: run")
    background = get_theme(theme).background.as_rgb_tuple()[:3]
    curves = [
        item.opts["pen"].color().getRgb()[:3]
        for plot in labelled.findChildren(SmallPlot)
        for item in plot.view.allChildren()
        if isinstance(item, pg.PlotDataItem) and item.opts["pen"].width() == 2
    ]
    assert curves and min(contrast(color, background) for color in curves) >= 3


def test_areas_behavior_and_movie_are_averaged_around_onsets_and_shown(
    labelled: EventsSection, workspace: Workspace, viewer: Viewer, qtbot: QtBot
) -> None:
    average(qtbot, labelled, workspace, "labelled: run")
    result = workspace.events.result
    assert result is not None and result.average.frames.tolist() == [20, 50, 80, 110]
    assert set(result.average.units) == {"ΔF/F, %", "cm/s"}
    assert any(
        "4 events: onset of run, labelled." in text for text in visible_texts(labelled, QLabel)
    )
    assert any("too few for an interval" in text for text in visible_texts(labelled, QLabel))
    assert len(labelled.findChildren(SmallPlot)) == 2
    layer = viewer.layers[EVENTS]
    assert layer.axis_labels[0] == "s from onset" and layer.data.shape[2:] == (32, 32)
    waves = workspace.movie.recording.movie.compute().astype(float)
    windows = np.stack([waves[f - 15 : f + 16] for f in (20, 50, 80, 110)])
    before = windows[:, :6].mean(axis=1)
    expected = 100 * (windows - before[:, None]).sum(axis=0) / before.sum(axis=0)
    np.testing.assert_allclose(layer.data[:, 0], expected, atol=0.01)


def test_a_trace_that_comes_to_a_threshold_is_an_event(
    labelled: EventsSection, workspace: Workspace, qtbot: QtBot
) -> None:
    average(qtbot, labelled, workspace, "speed")
    speed = workspace.movie.recording.behavior["speed"].values
    (event,) = workspace.events.result.average.frames
    assert speed[event - 1] < 1.0 <= speed[event]
    assert event / FRAME_RATE > 0.5
    workspace.events.change(threshold=1e3)
    click(qtbot, labelled, "Average")
    qtbot.waitUntil(lambda: "there is no speed" in workspace.events.message)


def test_the_average_is_exported_as_table_and_vector_figure(
    labelled: EventsSection, workspace: Workspace, qtbot: QtBot, tmp_path: Path
) -> None:
    average(qtbot, labelled, workspace, "labelled: run")
    for name, begins in (("events.csv", b"trace,unit,"), ("events.svg", b"<?xml")):
        click(qtbot, labelled, "Export…")
        answer(labelled, tmp_path / name)
        qtbot.waitUntil(lambda name=name: workspace.events.message == f"Saved {name}.")
        assert (tmp_path / name).read_bytes().startswith(begins)


def test_a_result_goes_with_its_movie(
    labelled: EventsSection, workspace: Workspace, viewer: Viewer, qtbot: QtBot
) -> None:
    average(qtbot, labelled, workspace, "labelled: run")
    viewer.layers.clear()
    assert workspace.events.result is None and EVENTS not in viewer.layers
    assert workspace.events.obstacle == "Open a recording first."
