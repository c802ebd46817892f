from __future__ import annotations

import gc
import subprocess
import sys
import textwrap
import weakref
from collections.abc import Callable
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from napari import Viewer
from napari.layers import Layer
from napari.utils.notifications import Notification
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QThreadPool
from qtpy.QtWidgets import QApplication, QLabel

from helpers.windows import ScriptedDecoder, loads, visible_texts, wait_until_idle
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.widgets import main_widget, session
from napari_cortex_decoder.widgets.canvas.overlay import WrittenText
from napari_cortex_decoder.widgets.decode import decode_job
from napari_cortex_decoder.widgets.recording.layers import movie_layer
from napari_cortex_decoder.widgets.session import workspace_of
from napari_cortex_decoder.widgets.workspace import Workspace


def open_dock(viewer: Viewer) -> Workspace:
    viewer.window.add_plugin_dock_widget("napari-cortex-decoder", "Cortex Decoder")[1].finish()
    return workspace_of(viewer)


def add(viewer: Viewer, recording: Recording) -> Layer:
    return viewer.add_layer(Layer.create(*movie_layer(recording, (500.0, 1500.0))))


def text(viewer: Viewer) -> str | None:
    """What stands on the canvas now."""
    written = written_text(viewer)
    return None if written.isHidden() else written.text


def written_text(viewer: Viewer) -> WrittenText:
    return viewer.window._qt_viewer.canvas.native.findChild(WrittenText)


def decode_scripted(
    qtbot: QtBot, workspace: Workspace, decoder_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode_job, "load_decoder", loads(ScriptedDecoder()))
    workspace.choice.offer(decoder_file)
    workspace.decode.decode()
    wait_until_idle(qtbot, workspace)


def test_a_viewer_has_one_workspace_also_through_the_proxy_that_plugins_get(viewer: Viewer) -> None:
    from napari.utils._proxies import PublicOnlyProxy

    assert workspace_of(viewer) is workspace_of(PublicOnlyProxy(viewer)) is workspace_of(viewer)


def test_a_recording_that_was_open_before_the_dock_is_found(
    viewer: Viewer, recording: Recording
) -> None:
    add(viewer, recording)
    assert open_dock(viewer).movie.recording is recording


def test_removing_the_layer_clears_the_workspace(
    qtbot: QtBot,
    viewer: Viewer,
    workspace: Workspace,
    opened: Layer,
    decoder_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decode_scripted(qtbot, workspace, decoder_file, monkeypatch)
    viewer.layers.remove(opened)
    assert workspace.movie.recording is None and workspace.decode.prediction is None
    assert text(viewer) is None


def test_the_newest_recording_counts_and_the_one_before_comes_back(
    viewer: Viewer, workspace: Workspace, opened: Layer, recording: Recording
) -> None:
    other = recording.replace(name="m2", movie=recording.movie[:50], behavior={})
    viewer.dims.set_current_step(0, 140)
    layer = add(viewer, other)
    viewer.add_points(np.zeros((1, 3)))  # no recording: changes nothing
    assert workspace.movie.recording is other and workspace.movie.frame == 49
    viewer.layers.remove(layer)
    assert workspace.movie.recording is recording


def test_text_on_the_canvas_follows_the_slider(
    qtbot: QtBot,
    viewer: Viewer,
    workspace: Workspace,
    opened: Layer,
    decoder_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert text(viewer) is None
    decode_scripted(qtbot, workspace, decoder_file, monkeypatch)
    viewer.dims.set_current_step(0, 10)
    assert text(viewer) == "REST  0.85"
    viewer.dims.set_current_step(0, 140)
    assert text(viewer) == "RUN  0.85"
    viewer.dims.set_current_step(0, 0)
    assert text(viewer) is None, "no window fits here, so nothing is said"


def test_text_on_the_canvas_changes_in_playback(
    qtbot: QtBot,
    viewer: Viewer,
    workspace: Workspace,
    opened: Layer,
    decoder_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decode_scripted(qtbot, workspace, decoder_file, monkeypatch)
    viewer.dims.set_current_step(0, 20)
    seen = set()
    written = written_text(viewer)
    workspace.movie.events.frame.connect(lambda: seen.add(written.text))
    viewer.window._qt_viewer.dims.play(axis=0, fps=60)
    qtbot.waitUntil(lambda: len(seen) >= 5)
    viewer.window._qt_viewer.dims.stop()


def test_text_that_does_not_change_is_not_written_again(
    qtbot: QtBot,
    viewer: Viewer,
    workspace: Workspace,
    opened: Layer,
    decoder_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decode_scripted(qtbot, workspace, decoder_file, monkeypatch)
    viewer.dims.set_current_step(0, 42)
    painted: list[object] = []
    monkeypatch.setattr(written_text(viewer), "update", lambda: painted.append("again"))
    viewer.dims.set_current_step(0, 43)  # another frame, the same two digits
    assert text(viewer) == "REST  0.67" and not painted
    viewer.dims.set_current_step(0, 60)
    assert text(viewer) != "REST  0.67" and len(painted) == 1


def test_the_text_stays_in_the_corner_of_a_canvas_that_changes_its_size(
    qtbot: QtBot,
    viewer: Viewer,
    workspace: Workspace,
    opened: Layer,
    decoder_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decode_scripted(qtbot, workspace, decoder_file, monkeypatch)
    written, canvas = written_text(viewer), viewer.window._qt_viewer.canvas.native
    before = canvas.width()
    viewer.window.resize(viewer.window._qt_window.width() + 120, 900)
    qtbot.waitUntil(lambda: canvas.width() > before)
    corner = canvas.rect().bottomRight() - written.geometry().bottomRight()
    assert 0 < corner.x() < 20 and 0 < corner.y() < 20


def test_two_viewers_are_independent(
    qtbot: QtBot,
    make_napari_viewer: Callable[..., Viewer],
    recording: Recording,
    decoder_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = make_napari_viewer(), make_napari_viewer()
    one, two = open_dock(first), open_dock(second)
    add(first, recording)
    add(second, recording.replace(name="m2"))
    decode_scripted(qtbot, one, decoder_file, monkeypatch)
    first.dims.set_current_step(0, 100)
    assert two.decode.prediction is None and text(second) is None and text(first) is not None
    assert two.movie.frame != 100 and two.movie.recording is not one.movie.recording
    assert two.choice.card is not one.choice.card
    first.close()
    second.dims.set_current_step(0, 3)
    assert two.movie.frame == 3


@pytest.mark.parametrize("how", ["viewer", "window"])
def test_closing_mid_run_ends_cleanly(
    qtbot: QtBot,
    make_napari_viewer: Callable[..., Viewer],
    recording: Recording,
    decoder_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    viewer = make_napari_viewer(show=True)
    workspace = open_dock(viewer)
    add(viewer, recording)
    scripted = ScriptedDecoder(go_on=Event())
    monkeypatch.setattr(decode_job, "load_decoder", loads(scripted))
    workspace.choice.offer(decoder_file)
    workspace.decode.decode()
    qtbot.waitUntil(lambda: workspace.decode.progress.stage == "decoding")
    with qtbot.captureExceptions() as raised:
        if how == "viewer":
            viewer.close()
        else:  # by its cross, which asks Qt and not the viewer
            viewer.window._qt_window.close()
            del viewer.window._qt_window  # as `viewer.close` would; the fixture asks for it
        for _ in range(5):
            QApplication.sendPostedEvents(None, 52)  # DeferredDelete
            qtbot.wait(50)
        assert scripted.closed.wait(2), "the decode went on without its viewer"
        assert QThreadPool.globalInstance().waitForDone(5_000)
        qtbot.wait(50)
        viewer.dims.point = (0.5, 0, 0)  # nobody who is gone may hear this
    assert not raised
    assert viewer not in session._SESSIONS


def test_a_workspace_goes_with_its_viewer(
    qtbot: QtBot, make_napari_viewer: Callable[..., Viewer], recording: Recording
) -> None:
    viewer = make_napari_viewer()
    workspace = weakref.ref(open_dock(viewer))
    movie = weakref.ref(add(viewer, recording))
    viewer.close()
    del viewer
    qtbot.wait(100)
    gc.collect()
    assert workspace() is None, gc.get_referrers(workspace())
    assert movie() is None


@pytest.mark.parametrize("parts", [0, 1, 4, 8])
def test_a_viewer_may_be_closed_while_its_dock_is_being_built(
    qtbot: QtBot, make_napari_viewer: Callable[..., Viewer], parts: int
) -> None:
    viewer = make_napari_viewer()
    dock = viewer.window.add_plugin_dock_widget("napari-cortex-decoder", "Cortex Decoder")[1]
    if parts:
        qtbot.waitUntil(lambda: dock._next.isActive())
    for _ in range(parts):
        dock._build_next()
    viewer.close()
    qtbot.wait(50)  # what would still be built raises here


def test_libraries_that_cannot_be_loaded_are_told(
    qtbot: QtBot,
    viewer: Viewer,
    notifications: list[Notification],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def load() -> None:
        raise ImportError("No module named 'pyqtgraph'")

    monkeypatch.setattr(main_widget, "_load", load)
    dock = viewer.window.add_plugin_dock_widget("napari-cortex-decoder", "Cortex Decoder")[1]
    qtbot.waitUntil(lambda: bool(notifications))
    assert "No module named 'pyqtgraph'" in notifications[0].message
    assert visible_texts(dock, QLabel) == ["The libraries could not be loaded."]


def run(script: str) -> subprocess.CompletedProcess[str]:
    code = textwrap.dedent(script)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)


def test_opening_the_dock_loads_its_libraries_in_a_thread_and_no_torch() -> None:
    done = run("""
        import sys, napari
        import napari_cortex_decoder.widgets.main_widget
        assert not {"dask.array", "pyqtgraph", "napari_cortex_decoder.recording"} & {*sys.modules}
        viewer = napari.Viewer(show=False)
        _, dock = viewer.window.add_plugin_dock_widget("napari-cortex-decoder", "Cortex Decoder")
        dock.finish()
        assert not {"torch", "monai", "scipy.signal"} & sys.modules.keys()
        viewer.close()
    """)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("stage", ["", "loading the decoder"], ids=["while loading", "mid-run"])
def test_a_script_that_ends_mid_run_ends_cleanly(
    decoder_file: Path, tmp_path: Path, stage: str
) -> None:
    done = run(f"""
        import dask.array as da, napari, numpy as np
        from napari.layers import Layer
        from qtpy.QtWidgets import QApplication, QLabel
        from napari_cortex_decoder.recording import Recording
        from napari_cortex_decoder.widgets.recording.layers import movie_layer
        from napari_cortex_decoder.widgets.session import workspace_of
        viewer = napari.Viewer(show=False)
        viewer.window.add_plugin_dock_widget("napari-cortex-decoder", "Cortex Decoder")
        workspace = workspace_of(viewer)
        movie = da.random.default_rng(0).random((3_000, 32, 32), chunks=(64, 32, 32))
        recording = Recording(movie=movie, name="m", frame_rate=30.0)
        viewer.add_layer(Layer.create(*movie_layer(recording, (0, 1))))
        workspace.choice.offer({str(decoder_file)!r})
        workspace.decode.decode()
        while workspace.decode.progress.stage == {stage!r}:
            QApplication.processEvents()
    """)
    assert done.returncode == 0, done.stderr
    assert "deleted" not in done.stderr and "Traceback" not in done.stderr
