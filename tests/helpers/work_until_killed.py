"""Decode, explain and label in a window's workspace until a signal comes: for test_sessions_ended.

Arguments: a movie, a decoder file. Each thing that the workspace has said to be done is told in a
line: ``decoded <digest>``, ``explained <digest>``, ``labelled <bouts>``.
"""

from __future__ import annotations

import hashlib
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtWidgets import QApplication

from napari_cortex_decoder.labels import Paint
from napari_cortex_decoder.widgets.recording.layers import RECORDING_KEY
from napari_cortex_decoder.widgets.workspace import Workspace


def digest(values: Any) -> str:
    """Return what tells results apart."""
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()[:16]


class Work:
    """A workspace without a viewer: what is opened is shown at once."""

    def __init__(self, movie: Path) -> None:
        self.workspace = Workspace()
        self.workspace.failed.connect(self._fail)
        self.workspace.movie.opened.connect(
            lambda data: self.workspace.movie.show(data[1]["metadata"][RECORDING_KEY])
        )
        self.workspace.movie.open(movie)
        self.wait(lambda: self.workspace.movie.recording is not None)

    def _fail(self, error: Exception) -> None:
        print("failed", type(error).__name__, error, flush=True)

    def wait(self, done: Any) -> None:
        """Let the event loop run until something is so."""
        while not done():
            QApplication.processEvents()
            time.sleep(0.002)  # else it takes from the work what it waits for

    def label(self, n: int) -> None:
        """Make one more edit."""
        labels = self.workspace.labels
        if labels.labels is not None and not labels.labels.behaviors:
            self.workspace.labelling.add_behavior("run")
        behavior = labels.labels.behaviors[0].name if labels.labels else ""
        start = 3 * (n % 30)
        if labels.edit(Paint(start=start, stop=start + 2, behavior=behavior)):
            assert labels.labels is not None
            print("labelled", len(labels.labels.ethogram.bouts), flush=True)

    def decode(self) -> None:
        """Decode to the end."""
        decode = self.workspace.decode
        decode.decode()
        self.wait(lambda: not decode.progress.running)
        if decode.complete and decode.prediction is not None:
            print("decoded", digest(decode.prediction.probability), flush=True)

    def explain(self, frame: int) -> None:
        """Explain a frame."""
        saliency = self.workspace.saliency
        self.workspace.movie.frame = 20 + frame % 20
        saliency.change(behavior="run", method="occlusion", span="frame")
        before = saliency.result
        saliency.run()
        self.wait(lambda: not saliency.progress.running)
        if saliency.result is not None and saliency.result is not before:
            print("explained", digest(saliency.result.maps.maps), flush=True)


def main() -> None:
    """Work until killed."""
    application = QApplication([])
    movie, decoder = map(Path, sys.argv[1:3])
    work = Work(movie)
    work.workspace.choice.offer(decoder)
    n = 0
    while application is not None:
        work.label(n)
        work.decode()
        work.label(n + 1)
        work.explain(n)
        n += 2


if __name__ == "__main__":
    main()
