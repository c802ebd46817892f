"""Real windows for the tests of the plugin: isolated, and nothing may be left behind."""
# ruff: noqa: E402 - napari reads its environment when it is imported

from __future__ import annotations

import gc
import itertools
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import dask.array as da
import numpy as np
import pytest
import tifffile

# Read when napari is imported: no test may touch the settings of whoever runs it.
_ISOLATED = tempfile.TemporaryDirectory(prefix="cortex-decoder-gui-")
os.environ |= {
    "NAPARI_CONFIG": str(Path(_ISOLATED.name, "napari.yaml")),
    "XDG_DATA_HOME": str(Path(_ISOLATED.name, "data")),
    "NAPARI_ASYNC": "0",
    "NAPARI_ENSURE_PLUGIN_MAIN_THREAD": "1",
}

from napari import Viewer
from napari.layers import Layer
from napari.utils.notifications import Notification, notification_manager
from npe2 import PluginManifest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QThreadPool
from qtpy.QtWidgets import QApplication, QWidget

from helpers.windows import FRAME_RATE, N_FRAMES, waves
from napari_cortex_decoder.decoder import (
    CnnRnnConfig,
    Preprocessing,
    Provenance,
    make_decoder,
)
from napari_cortex_decoder.recording import BehaviorTrace, Recording
from napari_cortex_decoder.widgets.main_widget import CortexDecoderWidget
from napari_cortex_decoder.widgets.recording.layers import movie_layer
from napari_cortex_decoder.widgets.session import workspace_of
from napari_cortex_decoder.widgets.timeline.timeline import NAME as TIMELINE
from napari_cortex_decoder.widgets.timeline.timeline import TimelineWidget
from napari_cortex_decoder.widgets.workspace import Workspace

_TESTS = itertools.count()


def _has_display() -> bool:
    return (
        not sys.platform.startswith("linux")
        or os.environ.get("QT_QPA_PLATFORM") == "offscreen"
        or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.gui)
            if not _has_display():
                why = "windows need a display: run `make test`, which starts one, or xvfb-run"
                item.add_marker(pytest.mark.skip(reason=why))


@pytest.fixture(autouse=True, scope="session")
def garbage_is_collected_in_this_thread() -> Iterator[None]:
    """Qt's objects may only go in the thread of the windows; a worker that collects would crash."""
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


@pytest.fixture(autouse=True)
def what_stays_is_not_looked_through() -> None:
    """napari collects garbage whenever a layer goes: 0.3 s each time, with all that is imported."""
    if next(_TESTS) % 25 in (0, 1):  # the first of all imports the most
        gc.unfreeze()
        gc.collect()
        gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def manifests_are_read_once() -> Iterator[None]:
    """napari looks through all that is installed for each viewer of a test: 0.3 s a time."""
    found = list(PluginManifest.discover())
    with mock.patch.object(PluginManifest, "discover", lambda paths=(): found):
        yield


@pytest.fixture(autouse=True)
def nothing_left_behind(qapp: QApplication) -> Iterator[None]:
    """Fail a test that leaves a window or a running thread."""
    before = set(qapp.topLevelWidgets())
    yield
    assert QThreadPool.globalInstance().waitForDone(60_000), "a worker thread is still running"
    for _ in range(3):  # late signals, then deletions they cause
        qapp.sendPostedEvents()
        qapp.processEvents()
    gc.collect(1)
    if _left(qapp, before):
        gc.collect()  # a plot of pyqtgraph and the forms it keeps hold each other
        qapp.processEvents()
    ours = _left(qapp, before)
    assert not ours, f"windows left behind: {ours}"


def _left(qapp: QApplication, before: set[QWidget]) -> list[QWidget]:
    """Return our windows that were not there before."""
    left = set(qapp.topLevelWidgets()) - before
    ours = [widget for widget in left if widget.objectName() != "handled_widget"]
    # vispy's canvas outlives its window; it is napari's, with or without this plugin
    return [widget for widget in ours if type(widget).__name__ != "CanvasBackendDesktop"]


class PatientQtBot(QtBot):
    """Waits for what must come; how long that takes says something of the machine alone."""

    def waitUntil(self, callback: Callable[[], bool | None], *, timeout: int = 120_000) -> None:
        super().waitUntil(callback, timeout=timeout)

    def waitSignal(self, signal: Any, *, timeout: int = 120_000, **options: Any) -> Any:
        return super().waitSignal(signal, timeout=timeout, **options)


@pytest.fixture
def qtbot(qapp: QApplication, request: pytest.FixtureRequest) -> QtBot:
    return PatientQtBot(request)


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., Viewer]) -> Viewer:
    return make_napari_viewer(show=True)


@pytest.fixture
def dock(viewer: Viewer) -> CortexDecoderWidget:
    """The dock, opened as the menu does and built; the timeline comes with it."""
    dock = viewer.window.add_plugin_dock_widget("napari-cortex-decoder", "Cortex Decoder")[1]
    dock.finish()
    return dock


@pytest.fixture
def timeline(viewer: Viewer, dock: CortexDecoderWidget) -> TimelineWidget:
    return viewer.window.dock_widgets[TIMELINE]


@pytest.fixture
def workspace(viewer: Viewer, dock: CortexDecoderWidget) -> Workspace:
    return workspace_of(viewer)


@pytest.fixture
def notifications() -> Iterator[list[Notification]]:
    """What napari tells the user during the test."""
    shown: list[Notification] = []
    notification_manager.notification_ready.connect(shown.append)
    yield shown
    notification_manager.notification_ready.disconnect(shown.append)


@pytest.fixture
def recording() -> Recording:
    """Five seconds at 30 Hz with a speed trace."""
    times = np.arange(N_FRAMES) / FRAME_RATE
    speed = BehaviorTrace("speed", 10 * np.sin(times) ** 2, times, "cm/s")
    return Recording(
        movie=da.from_array(waves(), chunks=(16, 32, 32)),
        name="m1",
        frame_rate=FRAME_RATE,
        pixel_size=0.3,
        behavior={"speed": speed},
    )


@pytest.fixture
def opened(viewer: Viewer, workspace: Workspace, recording: Recording) -> Layer:
    """The movie layer of `recording`."""
    return viewer.add_layer(Layer.create(*movie_layer(recording, (500.0, 1500.0))))


@pytest.fixture
def tiff_without_rate(tmp_path: Path) -> Path:
    path = tmp_path / "no rate.tif"
    tifffile.imwrite(path, waves(), photometric="minisblack")
    return path


@pytest.fixture(scope="session")
def decoder_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real decoder of small images, with weights nobody trained."""
    import torch

    from napari_cortex_decoder.decoder.networks import CnnRnn

    torch.manual_seed(0)
    config = CnnRnnConfig(
        preprocessing=Preprocessing(image_size=(32, 32), scale="centered-sd"),
        provenance=Provenance(simulated=True, summary="For tests."),
    )
    path = tmp_path_factory.mktemp("decoder") / "untrained.safetensors"
    make_decoder(config, CnnRnn(config).eval(), name="untrained").save(path, half_precision=True)
    return path


@pytest.fixture(scope="session", autouse=True)
def thumbnails_own_their_pixels() -> Iterator[None]:
    """Keep napari from painting freed memory, which ends a whole run of the tests now and then.

    It gives Qt an image of bytes that only the image's Python object keeps, and Qt a copy of it.
    """
    from napari._qt.containers.qt_layer_model import QtLayerListModel
    from qtpy.QtGui import QImage

    data = QtLayerListModel.data

    def kept(self: QtLayerListModel, *arguments: Any) -> Any:
        found = data(self, *arguments)
        return found.copy() if isinstance(found, QImage) else found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(QtLayerListModel, "data", kept)
        yield
