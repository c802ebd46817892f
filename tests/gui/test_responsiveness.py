"""The window answers: nothing of ours keeps its thread for long."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari import Viewer
from pytestqt.qtbot import QtBot
from watchdog import OURS, Watchdog
from windows import wait_until_idle, waves

from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.widgets.session import workspace_of

LONGEST = 0.1
"""Seconds of processor time: what a user notices as a hitch."""

OPENING = 0.5
"""Seconds that opening the dock may take, which is one call."""

_MILLION = 0.025
"""Seconds that counting to a million takes on a machine with nothing else to do."""

linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux tells a thread's processor time"
)


def spin(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def slowness() -> float:
    """Tell how many times slower than that this machine computes now: others share its caches."""
    start = time.thread_time()
    for _ in range(1_000_000):
        pass
    return max(1.0, (time.thread_time() - start) / _MILLION)


def function_in(folder: str) -> Callable[[], None]:
    """Give a slow function that looks as if it stood in a module of a folder."""
    names = {"spin": spin}
    exec(compile("def slow():\n    spin(0.3)\n", f"{folder}/slow.py", "exec"), names)
    return names["slow"]  # type: ignore[return-value]


@linux
def test_the_watchdog_sees_what_is_slow_and_whose_it_is() -> None:
    from watchdog import NAPARI

    with Watchdog() as watchdog:
        function_in(OURS)()
    assert watchdog.longest > LONGEST
    assert "slow.py" in watchdog.where
    with Watchdog() as watchdog:
        function_in(NAPARI)()
    assert watchdog.longest == 0


@linux
def test_nothing_of_ours_keeps_the_window_from_opening_the_dock_to_closing_it(
    viewer: Viewer, tmp_path: Path, decoder_file: Path, qtbot: QtBot
) -> None:
    path = tmp_path / "m1.tif"
    tifffile.imwrite(path, waves(600), photometric="minisblack")
    with Watchdog() as opening:
        viewer.window.add_plugin_dock_widget("napari-cortex-decoder", "Cortex Decoder")
    assert opening.longest < OPENING * slowness(), opening.where
    longest = LONGEST * slowness()
    with Watchdog() as watchdog:
        workspace = workspace_of(viewer)
        workspace.movie.open(path)
        qtbot.waitUntil(lambda: workspace.movie.recording is not None, timeout=60_000)
        workspace.movie.set_frame_rate(30.0)
        workspace.choice.offer(decoder_file)
        workspace.choice.set_device("cpu")
        workspace.movie.seek(300)
        workspace.decode.decode()
        wait_until_idle(qtbot, workspace)
        assert workspace.decode.complete
        for frame in np.linspace(0, 599, 20, dtype=int).tolist():
            workspace.movie.seek(frame)
            qtbot.wait(5)
        for name in list(viewer.window.dock_widgets):
            if "Cortex Decoder" in name:
                viewer.window.remove_dock_widget(viewer.window.dock_widgets[name])
        qtbot.wait(20)
    longest = max(longest, LONGEST * slowness())
    assert watchdog.longest < longest, watchdog.where


def test_the_frame_that_is_looked_at_is_answered_first_and_as_provisional(
    viewer: Viewer, recording: Recording, opened: object, decoder_file: Path, qtbot: QtBot
) -> None:
    workspace = workspace_of(viewer)
    workspace.choice.offer(decoder_file)
    workspace.choice.set_device("cpu")
    workspace.movie.seek(100)
    seen: list[tuple[int, int, bool]] = []
    workspace.decode.predicted.connect(
        lambda start, stop: seen.append((start, stop, workspace.decode.is_provisional(start)))
    )
    workspace.decode.decode()
    wait_until_idle(qtbot, workspace)
    start, stop, provisional = seen[0]
    assert start <= 100 < stop and provisional
    assert not workspace.decode.is_provisional(100)
    prediction = workspace.decode.prediction
    assert prediction is not None and np.isfinite(prediction.probability[6:-6]).all()
