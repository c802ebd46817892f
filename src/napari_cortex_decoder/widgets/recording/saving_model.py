"""State and intents of *Save as…*: the shown recording, written in the background."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import ClassVar

from napari_cortex_decoder.progress import Report, renamed
from napari_cortex_decoder.recording import Recording, save_recording
from napari_cortex_decoder.widgets.parts.section_model import TaskModel
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel


class SavingModel(TaskModel):
    """Writes the open recording to a file."""

    stopped: ClassVar[str] = "Cancelled: nothing was written."

    _movie: MovieModel

    def __init__(self, movie: MovieModel) -> None:
        super().__init__()
        self._movie = movie
        self._ties.tie(self._on_recording, movie.events.recording)

    @property
    def obstacle(self) -> str | None:
        """Why nothing can be saved now; None if it can."""
        if self._movie.recording is None:
            return "Open a recording first."
        return "Wait: a recording is being saved." if self._task.running else None

    def save(self, path: str | Path) -> None:
        """Write the shown recording; the suffix says as what. The user has agreed to replace."""
        recording, path = self._movie.recording, Path(path)
        if recording is None or self.obstacle is not None:
            return
        self.message = ""
        work = partial(save, recording, path)
        self._task.start(f"saving {path.name}", work, self._say(f"Saved {path.name}."))

    def _on_recording(self, recording: Recording | None) -> None:
        if not self._task.running:
            self.message = ""


def save(recording: Recording, path: Path, report: Report) -> Path:
    """Write a recording in place of what is there; runs in a thread."""
    told = renamed(report, lambda _: f"saving {path.name}")
    return save_recording(recording, path, overwrite=True, progress=told)
