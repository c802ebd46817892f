"""What the models behind the sections of the dock have in common."""

from __future__ import annotations

from typing import Any, ClassVar

from psygnal import EventedModel, Signal
from pydantic import ConfigDict, PrivateAttr

from napari_cortex_decoder.widgets.parts.background import Background
from napari_cortex_decoder.widgets.parts.ties import Ties


class SectionModel(EventedModel):
    """State and intents of a section: views show its fields, whose changes are events."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    failed: ClassVar[Signal] = Signal(Exception)
    """Something that was asked for did not work."""

    _ties: Ties = PrivateAttr(default_factory=Ties)
    _background: Background = PrivateAttr()

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        self._background = Background(self._fail)

    def close(self) -> None:
        """Stop working for a viewer that is gone."""
        self._background.drop()
        self._ties.undo()

    def _fail(self, error: Exception) -> None:
        """Hear of a function in the background that raised."""
        self.failed.emit(error)
