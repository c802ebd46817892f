"""How far some work is, on screen: a thin bar and a line of words."""

from __future__ import annotations

from qtpy.QtWidgets import QProgressBar

from napari_cortex_decoder.progress import Progress
from napari_cortex_decoder.widgets.parts.controls import Column
from napari_cortex_decoder.widgets.parts.section import Said


class ProgressRow(Column):
    """Shows a `Progress`; takes no room while nothing is under way."""

    def __init__(self) -> None:
        super().__init__()
        self._bar, self._said = QProgressBar(), Said()
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(8)
        self.add(self._bar, self._said)

    def set(self, progress: Progress, otherwise: str = "") -> None:
        """Show how far it is; while nothing is under way, another sentence."""
        said = str(progress) if progress.running else otherwise
        self.setVisible(bool(said))
        self._bar.setVisible(progress.running)
        self._bar.setRange(0, progress.total)
        self._bar.setValue(progress.done)
        self._said.say(said)
