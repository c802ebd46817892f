"""What the models behind the sections of the dock have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from psygnal import EventedModel, Signal
from pydantic import ConfigDict, PrivateAttr

from napari_cortex_decoder.progress import Progress
from napari_cortex_decoder.widgets.parts.background import Background
from napari_cortex_decoder.widgets.parts.long_task import LongTask
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

    def change(self, **fields: Any) -> None:
        """Set fields, by name."""
        for name, value in fields.items():
            setattr(self, name, value)

    def close(self) -> None:
        """Stop working for a viewer that is gone."""
        self._background.drop()
        self._ties.undo()

    def _fail(self, error: Exception) -> None:
        """Hear of a function in the background that raised."""
        self.failed.emit(error)

    def _say(self, message: str) -> Callable[[object], None]:
        """Return what tells, once something is done, that it is."""
        return lambda _: setattr(self, "message", message)


class TaskModel(SectionModel):
    """A section that has one long task at a time."""

    progress: Progress = Progress()  # how far it is
    message: str = ""  # a sentence about what was done last

    stopped: ClassVar[str] = "Stopped."
    """The sentence once somebody has stopped it."""

    _task: LongTask = PrivateAttr()

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        self._task = LongTask(self._show_progress, self._fail)

    def cancel(self) -> None:
        """Stop the task; what was there before stays."""
        self._stop(self.stopped)

    def close(self) -> None:
        """Stop working for a viewer that is gone."""
        self._task.cancel()
        super().close()

    def _stop(self, message: str) -> None:
        """Stop the task, if it runs, and say why."""
        if self._task.running:
            self._task.cancel()
            self.message = message

    def _show_progress(self, progress: Progress) -> None:
        self.progress = progress
