"""What went wrong lately, whole: a toast is gone in a moment and shows one line."""

from __future__ import annotations

from collections import deque
from datetime import datetime

from psygnal import SignalInstance

from napari_cortex_decoder.widgets.parts.section import Said, Section
from napari_cortex_decoder.widgets.parts.ties import follow

_KEPT = 10


class MessagesSection(Section):
    """The last errors, newest first; hidden while there is none."""

    def __init__(self, failed: SignalInstance) -> None:
        super().__init__("Messages")
        self._lines: deque[str] = deque(maxlen=_KEPT)
        self._said = Said()
        self.add(self._said)
        self.hide()
        follow(self, self._tell, failed, now=False)

    def _tell(self, error: Exception) -> None:
        said = str(error) or type(error).__name__
        self._lines.appendleft(f"{datetime.now():%H:%M:%S}  {said}")
        self._said.setText("\n\n".join(self._lines))
        self.show()
