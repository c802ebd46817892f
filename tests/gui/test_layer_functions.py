from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from magicgui import magicgui
from napari import Viewer
from napari.layers import Image, Layer
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QPushButton

from helpers.windows import child
from napari_cortex_decoder.decoder import load_decoder
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording import Recording, preprocess
from napari_cortex_decoder.recording.preprocessing import Bin, DeltaF
from napari_cortex_decoder.widgets.layer_functions import (
    area_traces_of_layer,
    decode_layer,
    preprocess_layer,
)
from napari_cortex_decoder.widgets.recording.layers import movie_layer, recording_of


@pytest.fixture
def layer(viewer: Viewer, recording: Recording) -> Layer:
    """A movie in a viewer without the dock."""
    return viewer.add_layer(Layer.create(*movie_layer(recording, (500.0, 1500.0))))


def test_a_layer_is_preprocessed_from_the_console(layer: Image, recording: Recording) -> None:
    made = Layer.create(*preprocess_layer(layer, ["bin", DeltaF()]))
    expected = preprocess(recording, [Bin(), DeltaF()]).movie
    np.testing.assert_allclose(made.data[40], expected[40])
    assert recording_of(made) is not None and recording_of(layer) is recording


def test_the_panel_of_the_plugins_menu_preprocesses_without_holding_the_window(
    qtbot: QtBot, viewer: Viewer, layer: Image
) -> None:
    _, panel = viewer.window.add_plugin_dock_widget(
        "napari-cortex-decoder", "Preprocess a movie layer"
    )
    child(panel.native, QPushButton, "Run").click()
    qtbot.waitUntil(lambda: len(viewer.layers) == 2)
    shown = recording_of(viewer.layers[1])
    assert shown is not None and [step["name"] for step in shown.steps] == ["delta-f"]


def test_a_layer_is_decoded_from_the_console(
    layer: Image, recording: Recording, decoder_file: Path
) -> None:
    found = decode_layer(layer, str(decoder_file), device="cpu")
    expected = load_decoder(decoder_file).decode(recording)
    np.testing.assert_allclose(found.probability, expected.probability, atol=1e-5)


def test_areas_become_columns_over_seconds(layer: Image, recording: Recording) -> None:
    table = area_traces_of_layer(layer)
    assert table.index.to_numpy() == pytest.approx(recording.times)
    assert table.notna().any().any() and len(table) == recording.n_frames


@pytest.mark.parametrize("function", [decode_layer, area_traces_of_layer])
def test_magicgui_makes_a_panel_of_each_function(
    viewer: Viewer, layer: Image, function: Callable[..., object]
) -> None:
    panel = magicgui(function)
    viewer.window.add_dock_widget(panel)
    panel.reset_choices()
    assert panel["movie"].value is layer
    assert panel["movie"].tooltip == "Layer of a recording."


def test_a_layer_that_is_no_recording_is_refused_with_its_name(viewer: Viewer) -> None:
    other = viewer.add_image(np.zeros((3, 4, 4)), name="noise")
    with pytest.raises(RecordingError, match="'noise' is no recording"):
        decode_layer(other)
