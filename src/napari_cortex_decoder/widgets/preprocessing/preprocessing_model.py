"""State and intents of the group *Preprocessing*: which steps, and what they make."""

from __future__ import annotations

import atexit
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import PrivateAttr

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.files import scratch
from napari_cortex_decoder.recording import Recording, steps_from_provenance
from napari_cortex_decoder.recording.preprocessing import STEPS, Hemodynamics, Step, reshaped
from napari_cortex_decoder.sessions import SessionState
from napari_cortex_decoder.sessions.preprocessed import looks_around, steps_between
from napari_cortex_decoder.widgets.parts.section_model import TaskModel
from napari_cortex_decoder.widgets.preprocessing.preprocessing_jobs import (
    preprocessed,
    shown_raw,
    split_colors,
    with_reference,
)
from napari_cortex_decoder.widgets.recording.layers import LayerData
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel

_FLOAT32 = 4  # bytes


@dataclass(frozen=True)
class Draft:
    """A step as the user has set it up: whether it is on, and its settings by name."""

    on: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)


def _defaults() -> dict[str, Draft]:
    return {
        name: Draft(
            settings={
                setting: None if info.is_required() else info.default
                for setting, info in step.model_fields.items()
            }
        )
        for name, step in STEPS.items()
    }


class PreprocessingModel(TaskModel):
    """The steps to apply to the raw recording, and the job that applies them."""

    # all steps by name, in the order in which they are applied
    drafts: dict[str, Draft] = {}  # noqa: RUF012
    caching: bool = False  # whether the user wants frames computed once, and kept on disk

    stopped: ClassVar[str] = "Cancelled."

    _movie: MovieModel
    _raw: Recording | None = None
    _scratch: Path | None = None
    _at_the_end: ExitStack = PrivateAttr(default_factory=ExitStack)

    def __init__(self, movie: MovieModel) -> None:
        super().__init__(drafts=_defaults())
        self._movie = movie
        self._ties.tie(self._on_recording, movie.events.recording)
        self._ties.tie(self._restore, movie.remembered)

    @property
    def chosen(self) -> tuple[Step, ...]:
        """The steps that are on, in order. Raises RecordingError if a setting is impossible."""
        return tuple(
            STEPS[name](**draft.settings) for name, draft in self.drafts.items() if draft.on
        )

    @property
    def applied(self) -> tuple[Step, ...]:
        """The steps that made what is shown of the raw recording."""
        raw, shown = self._movie.raw, self._movie.recording
        return () if raw is None or shown is None else steps_between(raw, shown)

    def step_obstacle(self, name: str) -> str | None:
        """Say why a step cannot be switched on; None if it can."""
        raw = self._movie.raw
        if raw is None:
            return "Open a recording first."
        if name == "hemodynamics" and raw.reference is None:
            return "There is no reference movie: add the second color's."
        if name == "fill-gaps" and np.issubdtype(raw.movie.dtype, np.integer):
            return "There are no gaps: the movie is of whole numbers."
        needs_rate = name in ("hemodynamics", "detrend", "resample")
        if needs_rate and raw.frame_rate is None:
            return "Say first how many frames a second the recording has."
        return None

    @property
    def steps_obstacle(self) -> str | None:
        """Why there is nothing to do to a recording; None if there is."""
        if self._movie.raw is None:
            return "Open a recording first."
        mask = self.drafts["mask"]
        if mask.on and mask.settings["path"] is None:
            return "Choose a mask file."
        try:
            chosen = self.chosen
        except RecordingError as error:
            return str(error)
        if self._movie.raw.traces is not None and any(step.of_pixels for step in chosen):
            named = next(step.name for step in chosen if step.of_pixels)
            return f"Traces of areas have no pixels for the step {named}: switch it off."
        return None if chosen else "Switch on a step first."

    @property
    def obstacle(self) -> str | None:
        """Why the steps cannot be applied now; None if they can."""
        if self.progress.running:
            return f"Wait: {self.progress.stage} …"
        if self.steps_obstacle is None and self.chosen == self.applied:
            return "These steps are applied."
        return self.steps_obstacle

    @property
    def must_cache(self) -> bool:
        """Whether frames have to be kept on disk, because one takes seconds to compute."""
        return self.steps_obstacle is None and any(map(looks_around, self.chosen))

    @property
    def cache_bytes(self) -> int:
        """What the frames take on disk after the chosen steps; 0 while these are impossible."""
        raw = self._movie.raw
        if raw is None or self.steps_obstacle is not None:
            return 0
        try:
            left = reshaped(raw, self.chosen)
        except RecordingError:  # a crop beyond the movie: said by whoever applies it
            return 0
        return int(left.movie.size) * _FLOAT32 * (1 if raw.reference is None else 2)

    def switch(self, name: str, on: bool) -> None:
        """Switch a step on or off."""
        if on and self.step_obstacle(name) is not None:
            return
        self._draft(name, replace(self.drafts[name], on=on))

    def set(self, name: str, **settings: Any) -> None:
        """Change settings of a step."""
        draft = self.drafts[name]
        self._draft(name, replace(draft, settings={**draft.settings, **settings}))

    def apply(self) -> None:
        """Make the preprocessed recording the one that is shown and decoded."""
        raw = self._movie.raw
        if self.obstacle is not None or raw is None:
            return
        keep_at = self._place(raw) if self.caching or self.must_cache else None
        work = partial(preprocessed, raw, self.chosen, keep_at)
        self._task.start("preprocessing", work, then=partial(self._show, raw))

    def resample(self, frame_rate: float) -> None:
        """Bring the recording to so many frames a second (Hz), besides the other steps."""
        self.set("resample", frame_rate=frame_rate)
        self.switch("resample", True)
        self.apply()

    def show_raw(self) -> None:
        """Go back to the recording as its file has it."""
        raw = self._movie.raw
        if raw is not None and self._movie.recording is not raw:
            self._task.start("opening", partial(shown_raw, raw), then=partial(self._show, None))

    def add_reference(self, path: str | Path) -> None:
        """Take a movie of the second colour, filmed frame by frame with this one."""
        raw = self._movie.raw
        if raw is not None:
            work = partial(with_reference, raw, Path(path))
            self._task.start("opening the reference", work, then=partial(self._show, None))

    def split_colors(self) -> None:
        """Take every other frame of the file as the reference."""
        raw = self._movie.raw
        if raw is not None and raw.path is not None:
            work = partial(split_colors, raw.path)
            self._task.start("splitting the colors", work, then=partial(self._show, None))

    def close(self) -> None:
        """Stop working for a viewer that is gone."""
        super().close()
        self._at_the_end.close()

    def _draft(self, name: str, draft: Draft) -> None:
        self.message = ""
        self.drafts = {**self.drafts, name: draft}

    def _place(self, raw: Recording) -> Path:
        """Return the path beside which frames are kept; of a recording without file, in scratch."""
        if raw.path is not None:
            return raw.path
        if self._scratch is None:
            self._scratch = self._at_the_end.enter_context(scratch())
            atexit.register(self._at_the_end.close)  # of a window that nobody closed
        return self._scratch / raw.name

    def _show(self, raw: Recording | None, layer_data: LayerData) -> None:
        """Hand over what the movie layer is to show, and the raw recording it was made of."""
        self._movie.replaced.emit(layer_data, raw)

    def _on_recording(self, recording: Recording | None) -> None:
        """Start anew with another movie; the steps stay, but for what does not suit it."""
        before, raw = self._raw, self._movie.raw
        if raw is before:
            return
        self._raw = raw
        self._stop("The recording changed: apply the steps again.")
        if raw is None:
            return
        if before is not None and before.movie is raw.movie:
            self.drafts = _without_idle_filter(self.drafts, raw)
            return
        drafts = {
            name: replace(draft, on=draft.on and self.step_obstacle(name) is None)
            for name, draft in self.drafts.items()
        }
        if before is not None and before.movie.shape != raw.movie.shape:
            drafts["crop"] = _defaults()["crop"]
        self.drafts = _without_idle_filter(drafts, raw)

    def _restore(self, state: SessionState) -> None:
        """Apply the steps that were applied to this recording when it was last looked at."""
        if not state.steps or self._task.running or self.applied:
            return
        try:
            steps = steps_from_provenance(state.steps)
        except RecordingError as error:
            self.failed.emit(error)
            return
        self.drafts = _defaults() | {step.name: Draft(True, step.model_dump()) for step in steps}
        self.caching = state.cached
        self.apply()


def _without_idle_filter(drafts: dict[str, Draft], raw: Recording) -> dict[str, Draft]:
    """Switch a low-pass off that a recording is too slow for, and the default one on again."""
    draft, rate = drafts["hemodynamics"], raw.frame_rate
    usual = Hemodynamics.model_fields["lowpass"].default
    given = draft.settings["lowpass"]
    chosen = usual if given is None else given
    if rate is None or given not in (None, usual):
        return drafts
    settings = {**draft.settings, "lowpass": chosen if 2 * chosen < rate else None}
    return {**drafts, "hemodynamics": replace(draft, settings=settings)}
