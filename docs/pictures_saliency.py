"""Take the pictures of docs/saliency.md from the real program, on a simulated mouse.

python docs/pictures_saliency.py

needs a display: ``bash tools/with-display.sh …`` makes one.
"""

from __future__ import annotations

from picture_window import FOLDER, IMAGES, PictureWindow, read, save_small  # isort: skip

import numpy as np
from napari.layers import Layer
from qtpy.QtWidgets import QScrollArea

from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.labels.edits import Replace
from napari_cortex_decoder.simulation import simulate_recording
from napari_cortex_decoder.widgets.dock.recording_section import RecordingSection
from napari_cortex_decoder.widgets.dock.saliency_section import SaliencySection
from napari_cortex_decoder.widgets.parts.section import Section
from napari_cortex_decoder.widgets.recording.layers import movie_layer, sample_contrast_limits

SUBJECT, SECONDS, SHAPE = 9104, 600.0, (64, 64)  # as long as the paper's sessions


class Pictures(PictureWindow):
    """The window of which pictures are taken, asked what a decoder reads."""

    def explain(self) -> None:
        """Run what is asked, and wait for it."""
        model = self.workspace.saliency
        if model.obstacle is not None:
            raise RuntimeError(model.obstacle)
        model.run()
        self.until(lambda: not model.progress.running)

    def export(self, name: str) -> None:
        """Keep the figure of the result as one of the images."""
        model, raw = self.workspace.saliency, FOLDER / name
        model.export(raw)
        self.until(lambda: model.message == f"Saved {name}.")
        save_small(read(raw), IMAGES / name)


def main() -> None:
    """Explain the bundled decoder on a simulated mouse, and take a picture of each state."""
    pictures = Pictures()
    workspace, dock, viewer = pictures.workspace, pictures.dock, pictures.viewer
    mouse = simulate_recording(seed=1, subject=SUBJECT, seconds=SECONDS, shape=SHAPE)
    viewer.add_layer(Layer.create(*movie_layer(mouse, sample_contrast_limits(mouse))))
    pictures.until(lambda: workspace.movie.recording is not None)
    workspace.placing.begin(mouse.truth.registration)
    for section in dock.findChildren(Section):
        section.set_expanded(isinstance(section, SaliencySection))
    dock.findChild(RecordingSection).set_expanded(False)
    workspace.choice.choose(next(c for c in workspace.choice.cards if c.name == "run-rest"))
    workspace.choice.device = "cpu"
    model = workspace.saliency

    run = next(bout for bout in mouse.truth.ethogram.bouts if bout.behavior == "run")
    scroll = dock.findChild(QScrollArea)
    workspace.movie.seek((run.start + run.stop) // 2)
    model.change(behavior="run", method="grad-cam", span="onsets")
    pictures.explain()
    lags = model.result.onsets.seconds
    viewer.dims.set_point(0, float(lags[lags.searchsorted(0.3)]))
    scroll.ensureWidgetVisible(dock.findChild(SaliencySection))
    pictures.take("saliency-onsets.png")
    pictures.export("saliency-onsets-figure.png")

    model.change(method="integrated-gradients", span="frame")
    pictures.explain()
    scroll.ensureWidgetVisible(dock.findChild(SaliencySection))
    pictures.take("saliency-map.png")

    workspace.choice.choose(next(c for c in workspace.choice.cards if c.name == "run-rest-areas"))
    model.change(method="pairs", span="bouts", score="log-odds")
    pictures.explain()
    model.pick(int(model.result.areas.ranked().index[0]))
    scroll.ensureWidgetVisible(dock.findChild(SaliencySection))
    pictures.take("saliency.png")
    pictures.export("saliency-figure.png")

    # a verdict that does not hold: the labels of another time
    model.keep()
    turned = np.roll(mouse.truth.ethogram.frames(), mouse.n_frames // 2)
    other = Ethogram.from_frames(turned, mouse.truth.ethogram.behaviors)
    workspace.labels.edit(Replace(start=0, stop=mouse.n_frames, bouts=other.bouts))
    pictures.explain()
    scroll.ensureWidgetVisible(dock.findChild(SaliencySection))
    pictures.take("saliency-not.png")
    pictures.export("saliency-figure-not.png")
    viewer.close()


if __name__ == "__main__":
    main()
