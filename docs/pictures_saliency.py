"""Take the pictures of docs/saliency.md from the real program, on a simulated mouse.

python docs/pictures_saliency.py

needs a display: ``bash tools/with-display.sh …`` makes one.
"""
# ruff: noqa: E402 - napari reads its environment when it is imported

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

# no user's settings are touched, and no settings of a user show in the pictures
_ISOLATED = tempfile.TemporaryDirectory(prefix="cortex-decoder-pictures-")
os.environ |= {"NAPARI_CONFIG": str(Path(_ISOLATED.name, "napari.yaml")), "NAPARI_ASYNC": "0"}

import napari
from napari.layers import Layer
from PIL import Image
from qtpy.QtWidgets import QApplication, QScrollArea

from napari_cortex_decoder.simulation import simulate_recording
from napari_cortex_decoder.widgets.parts.section import Section
from napari_cortex_decoder.widgets.recording.layers import movie_layer, sample_contrast_limits
from napari_cortex_decoder.widgets.recording.recording_section import RecordingSection
from napari_cortex_decoder.widgets.saliency.saliency_section import SaliencySection
from napari_cortex_decoder.widgets.session import workspace_of

IMAGES = Path(__file__).parent / "images"

SUBJECT, SECONDS, SHAPE = 9104, 24.0, (64, 64)
LONGEST = 3600.0  # s until a step counts as stuck


class Pictures:
    """One window, taken to one state after the other."""

    def __init__(self) -> None:
        self.viewer = napari.Viewer(title="Cortex Decoder", show=False)
        self.viewer.window.resize(1500, 950)
        _, self.dock = self.viewer.window.add_plugin_dock_widget(
            "napari-cortex-decoder", "Cortex Decoder"
        )
        self.dock.finish()
        self.viewer.show()
        self.workspace = workspace_of(self.viewer)
        self.workspace.failed.connect(self._fail)
        self._failure: Exception | None = None

    def _fail(self, error: Exception) -> None:
        self._failure = error

    def until(self, reached: Callable[[], object]) -> None:
        """Serve the window until something is so."""
        stuck = time.monotonic() + LONGEST
        while not reached():
            if self._failure is not None:
                raise self._failure
            if time.monotonic() > stuck:
                raise TimeoutError("the program does not get there")
            QApplication.processEvents()
            time.sleep(0.01)

    def explain(self) -> None:
        """Run what is asked, and wait for it."""
        model = self.workspace.saliency
        if model.obstacle is not None:
            raise RuntimeError(model.obstacle)
        model.run()
        self.until(lambda: not model.progress.running)

    def take(self, name: str) -> None:
        """Save the window, with 256 colours: a quarter of the bytes."""
        drawn = time.monotonic() + 3
        self.until(lambda: time.monotonic() > drawn)
        raw = Path(_ISOLATED.name, name)
        self.viewer.screenshot(str(raw), canvas_only=False, flash=False)
        _shrink(raw, IMAGES / name)

    def export(self, name: str) -> None:
        """Save the figure of the result, with 256 colours."""
        model, raw = self.workspace.saliency, Path(_ISOLATED.name, name)
        model.export(raw)
        self.until(lambda: model.message == f"Saved {name}.")
        _shrink(raw, IMAGES / name)


def _shrink(raw: Path, to: Path) -> None:
    with Image.open(raw) as picture:
        smaller = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
        smaller.save(to, optimize=True)


def main() -> None:
    """Explain the bundled decoder on a simulated mouse, and take a picture of each state."""
    pictures = Pictures()
    workspace, dock, viewer = pictures.workspace, pictures.dock, pictures.viewer
    mouse = simulate_recording(1, subject=SUBJECT, seconds=SECONDS, shape=SHAPE)
    viewer.add_layer(Layer.create(*movie_layer(mouse, sample_contrast_limits(mouse))))
    pictures.until(lambda: workspace.movie.recording is not None)
    workspace.placing.begin(mouse.truth.registration)
    for section in dock.findChildren(Section):
        section.set_expanded(isinstance(section, SaliencySection))
    dock.findChild(RecordingSection).set_expanded(False)
    viewer.layers["Landmarks"].visible = False
    workspace.choice.choose(next(c for c in workspace.choice.cards if c.name == "run-rest"))
    workspace.choice.set_device("cpu")
    model = workspace.saliency

    run = next(bout for bout in mouse.truth.ethogram.bouts if bout.behavior == "run")
    scroll = dock.findChild(QScrollArea)
    workspace.movie.seek((run.start + run.stop) // 2)
    model.choose(behavior="run", method="grad-cam", span="onsets")
    pictures.explain()
    lags = model.result.onsets.seconds
    viewer.dims.set_point(0, float(lags[lags.searchsorted(0.3)]))
    scroll.ensureWidgetVisible(dock.findChild(SaliencySection))
    pictures.take("saliency-onsets.png")
    pictures.export("saliency-onsets-figure.png")

    model.choose(method="integrated-gradients", span="frame")
    pictures.explain()
    scroll.ensureWidgetVisible(dock.findChild(SaliencySection))
    pictures.take("saliency-map.png")

    model.choose(method="pairs", span="bouts")
    pictures.explain()
    model.pick(int(model.importance.ranked().index[0]))
    scroll.ensureWidgetVisible(dock.findChild(SaliencySection))
    pictures.take("saliency.png")
    pictures.export("saliency-figure.png")
    viewer.close()


if __name__ == "__main__":
    main()
