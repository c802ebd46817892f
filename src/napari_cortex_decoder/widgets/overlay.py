"""The behaviour at the current frame, written on the canvas."""

from __future__ import annotations

import numpy as np
from napari import Viewer
from napari.components.overlays import TextOverlay

from napari_cortex_decoder.widgets.colors import Color, as_floats
from napari_cortex_decoder.widgets.workspace import Workspace

_NAME = "cortex_decoder_behavior"
"""Of our own overlay: `viewer.canvas.overlays.text` stays the user's."""


class BehaviorText:
    """Shows behaviour and probability of the frame under the slider, such as ``RUN  0.97``.

    ``RUN  ≈ 0.97`` is provisional: the movie is still being measured.
    """

    def __init__(self, viewer: Viewer, workspace: Workspace) -> None:
        self._workspace = workspace
        self._color: Color | None = None
        self._overlay = TextOverlay(position="bottom_right", font_size=22, box=True, visible=False)
        viewer.canvas.overlays[_NAME] = self._overlay
        workspace.movie.events.frame.connect(self._update)
        workspace.decode.events.prediction.connect(self._update)
        workspace.decode.predicted.connect(self._update)

    def close(self) -> None:
        """Listen no more; the text goes with the viewer."""
        self._workspace.movie.events.frame.disconnect(self._update)
        self._workspace.decode.events.prediction.disconnect(self._update)
        self._workspace.decode.predicted.disconnect(self._update)

    def _update(self) -> None:
        """Write what is predicted here; the canvas is touched only if that differs."""
        prediction, frame = self._workspace.decode.prediction, self._workspace.movie.frame
        if prediction is None or np.isnan(prediction.probability[frame]).any():
            self._overlay.visible = False
            return
        best = int(prediction.probability[frame].argmax())
        name = prediction.behaviors[best]
        about = "≈ " if self._workspace.decode.is_provisional(frame) else ""
        text = f"{name.upper()}  {about}{prediction.probability[frame, best]:.2f}"
        color = self._workspace.behavior_colors[name]
        if self._color != color:  # each of the three makes napari lay out the box anew
            self._overlay.color, self._color = as_floats(color), color
        if self._overlay.text != text:
            self._overlay.text = text
        if not self._overlay.visible:
            self._overlay.visible = True
