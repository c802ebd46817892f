"""How long the window is busy with a recording: frame changes, playing, a long timeline."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from statistics import fmean, median

import dask.array as da
import numpy as np
from napari import Viewer
from napari.layers import Layer
from qtpy.QtCore import QThreadPool
from qtpy.QtWidgets import QApplication

from napari_cortex_decoder.compute import CPU
from napari_cortex_decoder.decoder import Prediction
from napari_cortex_decoder.recording import BehaviorTrace, Recording
from napari_cortex_decoder.saliency import Answer, Question, SaliencyMaps
from napari_cortex_decoder.widgets.canvas.saliency_layers import NAME as SALIENCY
from napari_cortex_decoder.widgets.recording.layers import movie_layer
from napari_cortex_decoder.widgets.recording.movie_model import LABEL_TRACE
from napari_cortex_decoder.widgets.session import _SESSIONS, workspace_of
from napari_cortex_decoder.widgets.timeline.timeline import NAME as TIMELINE
from napari_cortex_decoder.widgets.timeline.timeline import TimelineWidget

_SESSION, _LONG = 18_000, 1_000_000
_RATE = 30.0
_ROUNDS = 60
_PLAYED, _PLAYING_S = 600, 2.0
_TURNS = 4


def make_recording(n: int) -> Recording:
    """Return a movie of nothing, with speed and label of every frame."""
    times = np.arange(n) / _RATE
    speed = BehaviorTrace("speed", 10 * np.sin(times / 3) ** 2, times, "cm/s")
    labels = BehaviorTrace(LABEL_TRACE, (speed.values > 5).astype(np.float64), times, "")
    return Recording(
        movie=da.zeros((n, 32, 32), np.uint16, chunks=(1000, 32, 32)),
        name="benchmark",
        frame_rate=_RATE,
        behavior={"speed": speed, LABEL_TRACE: labels},
    )


def make_prediction(recording: Recording) -> Prediction:
    """Return a probability that changes from frame to frame."""
    rng = np.random.default_rng(0)
    run = rng.random(recording.n_frames, np.float32)
    return Prediction(
        probability=np.stack([1 - run, run], axis=1),
        behaviors=("rest", "run"),
        times=recording.times,
        decoder="benchmark",
        decoder_hash="",
        device="cpu",
        warnings=(),
        settings={},
    )


def make_playable() -> Recording:
    """Return a movie in memory, of the usual size of images."""
    frames = np.random.default_rng(2).integers(0, 255, (_PLAYED, 128, 128), np.uint8)
    return replace(make_recording(_PLAYED), movie=da.from_array(frames, chunks=(100, 128, 128)))


def make_maps(recording: Recording) -> Answer:
    """Return a map for every frame."""
    n = recording.n_frames
    question = Question(
        decoder="benchmark", recording=recording, behavior="run", method="occlusion",
        span="session", compute=CPU,
    )  # fmt: skip
    rng = np.random.default_rng(3)
    maps = SaliencyMaps(
        maps=rng.normal(0, 0.1, (n, 128, 128)).astype(np.float32),
        frames=np.arange(n),
        scored=(0, n),
        log_odds=np.zeros(n, np.float32),
        scale=1.0,
        grid=(8, 8),
        gap=np.nan,
        method="occlusion",
        behavior="run",
        decoder="benchmark",
        recording=recording.name,
        settings={},
        warnings=(),
    )
    return Answer(question, maps=maps)


def _play(viewer: Viewer) -> float:
    """Play the movie at 30 frames a second, and give how many are shown a second."""
    shown = set()

    def count() -> None:
        shown.add(viewer.dims.current_step[0])

    dims = viewer.window._qt_viewer.dims
    viewer.dims.set_current_step(0, 0)
    viewer.dims.events.current_step.connect(count)
    start = time.monotonic()
    dims.play(axis=0, fps=_RATE)
    while time.monotonic() - start < _PLAYING_S:
        QApplication.processEvents()
        time.sleep(0.001)
    dims.stop()
    viewer.dims.events.current_step.disconnect(count)
    return len(shown) / (time.monotonic() - start)


def _play_in_turns(viewer: Viewer, plain: Viewer) -> tuple[float, float]:
    """Play in two viewers by turns, so that a busy machine is so for both; frames a second."""
    speeds = [(_play(viewer), _play(plain)) for _ in range(_TURNS)]
    return fmean(speed for speed, _ in speeds), fmean(speed for _, speed in speeds)


def _ms(function: Callable[[], object]) -> float:
    """Time a call by this thread's processor: other work on the machine is not the program's."""
    start = time.thread_time()
    function()
    return 1000 * (time.thread_time() - start)


def _handlers(viewer: Viewer, frame: int) -> float:
    """Time what this program does when the slider moves to a frame, without what napari does."""
    with viewer.dims.events.blocker_all():
        viewer.dims.set_current_step(0, frame)
    return _ms(_SESSIONS[viewer]._read_slider)


def _show(timeline: TimelineWidget, left: float, width: float) -> None:
    timeline._rows[0].view.setXRange(left, left + width, padding=0)
    timeline._graphics.viewport().grab()  # of it alone: not what the system does with the window


def measure_frames() -> dict[str, float]:
    """Open a viewer with the dock, and measure; see the names of the figures."""
    plain = Viewer(show=True)
    plain.add_layer(Layer.create(*movie_layer(make_playable(), (0.0, 255.0))))
    viewer = Viewer(show=True)
    window = viewer.window
    window.add_plugin_dock_widget("napari-cortex-decoder", "Cortex Decoder")[1].finish()
    QApplication.processEvents()
    figures: dict[str, float] = {}
    workspace = workspace_of(viewer)
    timeline = window.dock_widgets[TIMELINE]
    graphics = timeline._graphics
    for n in (_SESSION, _LONG):
        recording = make_recording(n)
        viewer.layers.clear()
        viewer.add_layer(Layer.create(*movie_layer(recording, (0.0, 1.0))))
        workspace.decode.prediction = make_prediction(recording)
        for _ in range(5):
            QApplication.processEvents()
        rng = np.random.default_rng(1)
        frames = rng.integers(0, n, _ROUNDS).tolist()
        handlers, paints, pans = [], [], []
        for frame in frames:
            handlers.append(_handlers(viewer, frame))
            paints.append(_ms(graphics.viewport().grab))
        seconds = n / _RATE
        for step in range(_ROUNDS):  # pan at one zoom, then zoom
            width = seconds / 3 if step < _ROUNDS // 2 else seconds * 0.9 ** (step - _ROUNDS // 2)
            left = (seconds - width) * step / _ROUNDS
            pans.append(_ms(partial(_show, timeline, left, width)))
        name = "" if n == _SESSION else "_of_a_million"
        figures[f"frame_handlers_ms{name}"] = median(handlers[5:])
        figures[f"timeline_paint_ms{name}"] = median(paints[5:])
        figures[f"timeline_pan_zoom_fps{name}"] = 1000 / median(pans)
    recording = make_playable()
    viewer.layers.clear()
    viewer.add_layer(Layer.create(*movie_layer(recording, (0.0, 255.0))))
    workspace.decode.prediction = make_prediction(recording)
    QApplication.processEvents()
    shown, figures["playback_fps_without"] = _play_in_turns(viewer, plain)
    figures["playback_fps"] = shown
    figures["playback_over_playback_without"] = shown / figures["playback_fps_without"]
    workspace.saliency.result = make_maps(recording)
    QApplication.processEvents()
    handlers = [_handlers(viewer, frame) for frame in range(_ROUNDS)]
    figures["frame_handlers_ms_with_a_map"] = median(handlers[5:])
    maps = viewer.layers[SALIENCY]
    plain.add_layer(Layer.create(*maps.as_layer_data_tuple()))
    shown, without = _play_in_turns(viewer, plain)
    figures["playback_fps_with_a_map"] = shown
    figures["playback_with_a_map_over_two_layers_without"] = shown / without
    figures["closing_s"] = _ms(viewer.close) / 1000
    plain.close()
    QThreadPool.globalInstance().waitForDone(60_000)
    return figures
