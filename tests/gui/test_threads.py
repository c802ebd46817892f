"""Threads beside the window: they leave it a core, and free nothing that Qt knows of."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QObject, QThreadPool

from napari_cortex_decoder.widgets.parts.background import Background
from napari_cortex_decoder.widgets.parts.long_task import LongTask
from napari_cortex_decoder.widgets.workspace import Workspace


def test_garbage_that_qt_knows_of_goes_in_the_thread_of_the_windows(
    workspace: Workspace, qtbot: QtBot, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(gc.disable)  # as all these tests have it
    freed_in: list[int] = []

    class Cycle(QObject):
        def __init__(self) -> None:
            super().__init__()
            self.itself = self
            weakref.finalize(self, lambda: freed_in.append(threading.get_ident()))

    def allocate() -> None:
        kept = []
        while not freed_in and len(kept) < 300_000:
            kept.append([kept])

    gc.enable()  # as any library may
    for _ in range(3):
        Cycle()
        thread = threading.Thread(target=allocate)
        thread.start()
        thread.join()
        qtbot.waitUntil(lambda: bool(freed_in))
        assert freed_in.pop() == threading.get_ident()


def test_work_leaves_the_window_a_core(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for cores, threads in ((2, None), (3, 2), (16, 15)):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        assert workspace.choice.compute.threads == threads


def test_short_work_does_not_wait_for_the_end_of_long_work(
    workspace: Workspace, qtbot: QtBot, request: pytest.FixtureRequest
) -> None:
    ended, told = threading.Event(), []
    request.addfinalizer(ended.set)
    begun = [threading.Event() for _ in range(QThreadPool.globalInstance().maxThreadCount() + 1)]

    def work(own: threading.Event) -> None:
        own.set()
        ended.wait(60)

    tasks = [LongTask(lambda progress: None, told.append) for _ in begun]
    for task, own in zip(tasks, begun, strict=True):
        task.start("working", lambda report, own=own: work(own), lambda result: None)
    qtbot.waitUntil(lambda: all(own.is_set() for own in begun))
    Background(told.append).run(lambda: "done", then=told.append)
    qtbot.waitUntil(lambda: told == ["done"])
    assert not ended.is_set()
