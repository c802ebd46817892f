"""The group *Preprocessing* of the section *Recording*: steps, preview, apply, back to raw."""

from __future__ import annotations

from napari_cortex_decoder.progress import Progress
from napari_cortex_decoder.widgets.parts.controls import button, enable, row, switch
from napari_cortex_decoder.widgets.parts.progress_row import ProgressRow
from napari_cortex_decoder.widgets.parts.section import Said, Section
from napari_cortex_decoder.widgets.parts.ties import follow
from napari_cortex_decoder.widgets.preprocessing.step_rows import TITLES, HemodynamicsRow, StepRow
from napari_cortex_decoder.widgets.workspace import Workspace


class PreprocessingGroup(Section):
    """Shows a `PreprocessingModel` and a `PreviewModel`, and sends them what the user chooses."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__("Preprocessing", inner=True)
        self._movie, self._preview = workspace.movie, workspace.preview
        self._model = workspace.preprocessing
        self._rows = {
            name: HemodynamicsRow(self._model, self._movie)
            if name == "hemodynamics"
            else StepRow(self._model, name)
            for name in TITLES
        }
        self._caching = switch("", self._cache)
        self._look = button("Preview", lambda: self._preview.switch(self._look.isChecked()))
        self._look.setCheckable(True)
        self._apply = button("Apply", self._model.apply)
        self._cancel = button("Cancel", self._model.cancel)
        self._back = button("Back to raw", self._model.show_raw)
        self._progress = ProgressRow()
        self._obstacle = Said()
        self._message = Said()
        self.add(
            *self._rows.values(), self._caching,
            row(self._look, self._apply, self._cancel, self._back),
            self._obstacle, self._progress, self._message,
        )  # fmt: skip
        follow(self, self._update_rows, self._model.events.drafts, now=False)
        follow(self, self._update_state, self._model.events, self._preview.events, now=False)
        follow(self, self._update_recording, self._movie.events.recording)

    def _update_recording(self) -> None:
        """Show what there is to crop, and what can be done to this recording."""
        raw = self._movie.raw
        if raw is not None:
            self._rows["crop"].set_extent(raw)
        self._update_rows()
        self._update_state()

    def _update_rows(self) -> None:
        for name, draft in self._model.drafts.items():
            self._rows[name].show_draft(draft, self._model.step_obstacle(name))

    def _update_state(self) -> None:
        """Show what can be done now, how far it is, or why it cannot."""
        model, preview = self._model, self._preview
        progress, obstacle, applied = model.progress, model.obstacle, model.applied
        nothing_to_do = model.steps_obstacle
        size = model.cache_bytes
        said = f" ({size / 1e9:.1f} GB)" if size >= 1e8 else f" ({size / 1e6:.0f} MB)"
        self._caching.setText(f"Keep the frames on disk{said if size else ''}")
        self._caching.setVisible(nothing_to_do is None)
        self._caching.setChecked(model.caching or model.must_cache)
        must = "These steps look at many frames to compute one: they are computed once."
        tip = "Compute all frames once and read them from disk: scrubbing is smooth"
        enable(self._caching, must if model.must_cache else None, tip)
        enable(self._look, nothing_to_do, "Show the frame under the slider as it would be")
        self._look.setChecked(preview.on)
        enable(self._apply, obstacle, "Show and decode the preprocessed recording")
        self._cancel.setVisible(progress.running)
        self._back.setVisible(not progress.running)
        raw_obstacle = None if applied else "The raw recording is shown"
        enable(self._back, raw_obstacle, "Show and decode the recording as its file has it")
        self._obstacle.say(preview.problem if preview.on else None)
        looking = Progress("computing the preview") if preview.looking else progress
        self._progress.set(progress if progress.running else looking)
        self._message.say(model.message)
        self.set_done(", ".join(TITLES[step.name] for step in applied) if applied else None)

    def _cache(self, wanted: bool) -> None:
        if not self._model.must_cache:  # there the tick is not the user's
            self._model.caching = wanted
