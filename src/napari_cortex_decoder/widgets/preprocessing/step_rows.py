"""The rows of the group *Preprocessing*: a step each, with a switch and its few settings."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from docstring_parser import parse

from napari_cortex_decoder.containers.picture import SUFFIXES
from napari_cortex_decoder.recording import Recording, movie_patterns
from napari_cortex_decoder.recording.preprocessing import STEPS
from napari_cortex_decoder.widgets.parts.controls import Column, button, enable, row, switch
from napari_cortex_decoder.widgets.parts.form import Form
from napari_cortex_decoder.widgets.parts.section import FileField, Said, ask_file
from napari_cortex_decoder.widgets.preprocessing.preprocessing_model import (
    Draft,
    PreprocessingModel,
)
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel

TITLES = {
    "crop": "Crop",
    "fill-gaps": "Fill gaps",
    "bin": "Bin",
    "motion-correction": "Motion correction",
    "mask": "Mask",
    "delta-f": "ΔF/F",
    "hemodynamics": "Hemodynamic correction",
    "detrend": "Detrend",
    "resample": "Resample",
}
"""What each step is called on screen."""

_CROPPED = {"rows": 1, "columns": 2, "frames": 0}  # axis of the movie

_FILES = " ".join(f"*{suffix}" for suffix in SUFFIXES)
_PATH = {"widget_type": FileField, "filter": _FILES, "nullable": True}
"""What magicgui should know of the mask's file beside what its step says."""


class StepRow(Column):
    """One step: a switch, its settings while it is on, and why it cannot be on."""

    def __init__(self, model: PreprocessingModel, name: str) -> None:
        super().__init__()
        self._model, self._name = model, name
        self._switch = switch(TITLES[name], lambda on: model.switch(name, on))
        self._obstacle = Said()
        self._obstacle.setEnabled(False)
        self._form: Form | None = None
        self._extent: tuple[int, ...] = ()
        self.column.setSpacing(2)
        self.add(self._switch, self._obstacle)

    def set_extent(self, recording: Recording) -> None:
        """Say how many rows, columns and frames there are to crop."""
        self._extent = recording.movie.shape
        self._limit()

    def show_draft(self, draft: Draft, obstacle: str | None) -> None:
        """Show how the step is set up, and why it cannot be on."""
        tip = parse(STEPS[self._name].__doc__ or "").short_description or ""
        enable(self._switch, obstacle, tip)
        self._obstacle.say(obstacle if self._name == "hemodynamics" else None)
        self._switch.setChecked(draft.on)
        if draft.on and self._form is None:  # not before: those of all steps take too long
            options = {"path": _PATH} if self._name == "mask" else {}
            self._form = Form(STEPS[self._name], partial(self._model.set, self._name), **options)
            self._form.margins = (22, 0, 0, 4)
            self.add(self._form)
            self._limit()
        if self._form is None:
            return
        self._form.native.setVisible(draft.on and bool(draft.settings))
        if draft.on:
            self._form.show_values(draft.settings)
            self._form.show_only(name for name in draft.settings if _matters(name, draft.settings))

    def _limit(self) -> None:
        """Say it to the form, once there is one."""
        if self._form is not None and self._extent:
            for setting, axis in _CROPPED.items():
                self._form.limit(setting, self._extent[axis])


class HemodynamicsRow(StepRow):
    """The step that needs a second colour, and the ways to come by one."""

    def __init__(self, model: PreprocessingModel, movie: MovieModel) -> None:
        super().__init__(model, "hemodynamics")
        self._movie = movie
        pattern = f"Movies ({' '.join(movie_patterns())});;All files (*)"
        add = button(
            "Add reference…",
            lambda: ask_file(self, "Add the reference movie", pattern, model.add_reference),
            "Open the movie of the second color, filmed frame by frame with this one",
        )
        self._split = button("Split colors", model.split_colors)
        self._sources = row(add, self._split, None)
        self.column.insertWidget(2, self._sources)

    def show_draft(self, draft: Draft, obstacle: str | None) -> None:
        """Show how the step is set up, and how to come by a reference."""
        super().show_draft(draft, obstacle)
        raw = self._movie.raw
        self._sources.setVisible(raw is not None and raw.reference is None)
        no_file = None if raw is not None and raw.path is not None else "It came from no file."
        enable(self._split, no_file, "Two colors in turns: make every other frame the reference")


def _matters(setting: str, settings: Mapping[str, Any]) -> bool:
    """Whether a setting changes anything, given the others."""
    baseline = settings.get("baseline")
    if setting == "percentile":
        return baseline != "mean"
    return baseline in (None, "moving") if setting == "window" else True
