"""What the tests of the plugin have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QWidget

from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.decoder import DecodeEvent, Prediction
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.widgets.workspace import Workspace

N_FRAMES, FRAME_RATE = 150, 30.0


def waves(n_frames: int = N_FRAMES) -> NDArray[np.uint16]:
    """Give frames of 32 × 32 that vary in space and time."""
    rng = np.random.default_rng(0)
    t = np.arange(n_frames)[:, None, None] / FRAME_RATE
    y, x = np.mgrid[:32, :32] / 32
    wave = 1000 + 300 * np.sin(2 * np.pi * (t + x)) * y
    return (wave + 20 * rng.standard_normal(wave.shape)).astype(np.uint16)


def probabilities(n_frames: int = N_FRAMES) -> NDArray[np.float32]:
    """Give probabilities of rest and run: rest first, run from the middle on, NaN at the ends."""
    run = np.linspace(0.1, 0.9, n_frames, dtype=np.float32)
    both = np.stack([1 - run, run], axis=1)
    both[:6] = both[-6:] = np.nan
    return both


@dataclass
class ScriptedDecoder:
    """Stands in for a decoder whose engine must wait or fail just when a test says so.

    Attributes
    ----------
    name
        Of the decoder.
    probability
        What it will have read, shape (t, 2).
    go_on
        Held back at half of the frames until this is set.
    failure
        Raised at half of the frames.
    closed
        Set when the stream has been closed or has ended.
    """

    name: str = "scripted"
    probability: NDArray[np.float32] = field(default_factory=probabilities)
    go_on: Event | None = None
    failure: Exception | None = None
    closed: Event = field(default_factory=Event)
    behaviors: tuple[str, ...] = ("rest", "run")
    hash: str = "0" * 64

    def stream(
        self,
        recording: Recording,
        device: str = "auto",
        any_rate: bool = False,
        registration: Registration | None = None,
        looked_at: Callable[[], int] | None = None,
    ) -> Iterator[DecodeEvent]:
        n = len(self.probability)
        try:
            yield DecodeEvent("statistics", n, n)
            yield DecodeEvent("decoding", n // 2, n, 0, self.probability[: n // 2])
            if self.failure is not None:
                raise self.failure
            # as the engine does: a batch, then a look whether anybody wants more
            while self.go_on is not None and not self.go_on.wait(0.05):
                yield DecodeEvent("decoding", n // 2, n)
            yield DecodeEvent("decoding", n, n, n // 2, self.probability[n // 2 :])
            yield DecodeEvent("decoding", n, n, prediction=self.whole(recording))
        finally:
            self.closed.set()

    def whole(self, recording: Recording) -> Prediction:
        return Prediction(
            probability=self.probability,
            behaviors=self.behaviors,
            times=recording.times,
            decoder=self.name,
            decoder_hash=self.hash,
            device="cpu",
            warnings=(),
            settings={},
        )


def wait_until_idle(qtbot: QtBot, workspace: Workspace) -> None:
    qtbot.waitUntil(lambda: not workspace.decode.progress.running, timeout=60_000)


def child(widget: QWidget, kind: type, text: str) -> Any:
    """Find the one visible or hidden child of a kind that says this."""
    found = [part for part in widget.findChildren(kind) if part.text() == text]
    assert len(found) == 1, f"{len(found)} of {kind.__name__} say {text!r}"
    return found[0]


def visible_texts(widget: QWidget, kind: type) -> list[str]:
    return [part.text() for part in widget.findChildren(kind) if part.isVisible() and part.text()]


def loads(decoder: object) -> Callable[[object], object]:
    """Give a stand-in for `load_decoder`."""
    return lambda source: decoder
