"""The section *Saliency*: what is asked, bars with their controls, and whether they hold."""

from __future__ import annotations

from qtpy.QtWidgets import QLabel, QVBoxLayout

from napari_cortex_decoder.choices import METHODS, SCORES, SPANS
from napari_cortex_decoder.saliency.output.files import SUFFIXES
from napari_cortex_decoder.saliency.question import Question
from napari_cortex_decoder.widgets.parts.controls import button, enable, row
from napari_cortex_decoder.widgets.parts.form import Form
from napari_cortex_decoder.widgets.parts.progress_row import ProgressRow
from napari_cortex_decoder.widgets.parts.section import Said, Section, ask_file
from napari_cortex_decoder.widgets.parts.ties import follow
from napari_cortex_decoder.widgets.saliency.importance_bars import ImportanceBars
from napari_cortex_decoder.widgets.workspace import Workspace

_SIGNS = {"holds": "✓", "weak": "~", "not supported": "✗", "an illustration": "◐"}


class SaliencySection(Section):
    """Shows a `SaliencyModel`, and sends it what the user asks."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__("Saliency")
        self._model, self._areas = workspace.saliency, workspace.areas
        self._bars: ImportanceBars | None = None
        self._said: str | None = None
        self._compose()
        movie, saliency, choice = workspace.movie, self._model.events, workspace.choice.events
        follow(self, self._update_question, choice.card)
        follow(
            self, self._update_state, movie.events.recording, workspace.labels.events.ethogram,
            choice.card, choice.any_rate, workspace.placing.events.placing, saliency, now=False,
        )  # fmt: skip
        follow(self, self._follow_slider, movie.events.frame, now=False)
        follow(self, self._mark, self._areas.events.selected, now=False)
        follow(self, self._update_result, saliency.result, saliency.kept)

    def _compose(self) -> None:
        model = self._model
        self._form = Form(
            Question,
            model.change,
            ("behavior", "method", "span", "score"),
            behavior={"choices": lambda _: model.behaviors},
            method={"choices": lambda _: [(METHODS[one], one) for one in model.methods]},
            span={"choices": [(said, span) for span, said in SPANS.items()], "label": "frames"},
            score={"choices": [(said, score) for score, said in SCORES.items()]},
        )
        self._begin = button("Begin here", lambda: model.mark(begin=True))
        self._end = button("End here", lambda: model.mark(begin=False))
        self._marked = QLabel()
        self._marks = row(self._begin, self._end, self._marked, None)
        self._run = button("Explain", model.run)
        self._cancel = button("Cancel", model.cancel)
        self._check = button("Check", model.check)
        self._keep = button("Keep", model.keep)
        self._save = button("Export…", self._ask_file)
        self._obstacle = Said()
        self._verdict, self._kept = Said(), Said()
        self._message = Said()
        self._progress = ProgressRow()
        self._place = QVBoxLayout()
        self.add(self._form, self._marks, row(self._run, self._cancel), self._obstacle)
        self.add(self._progress, self._verdict, self._kept)
        self.content.addLayout(self._place)
        self.add(row(self._check, self._keep, self._save), self._message)

    def _update_question(self) -> None:
        """Offer what the chosen decoder can be asked."""
        self._form.reset_choices()
        self._update_state()

    def _follow_slider(self) -> None:
        """Say whether this frame can be asked about, if that differs from the one before."""
        if self._model.obstacle != self._said:
            self._update_state()

    def _update_state(self) -> None:
        """Show how far the work is, or why there is none."""
        model, progress = self._model, self._model.progress
        self._form.show_values(model)
        self._form["score"].visible = model.scores_differ
        obstacle = self._said = model.obstacle
        enable(self._run, obstacle, "See what the decoder reads this behavior from")
        self._obstacle.say(None if progress.running else obstacle)
        enable(self._cancel, None if progress.running else "Nothing runs.", "Stop; areas are kept")
        none = None if model.result else "There is no result yet."
        busy = "Wait until the work is done, or cancel it." if progress.running else None
        enable(self._save, none or busy, "Save the result")
        enable(self._keep, none, "Keep this result, to compare the next one with it")
        self._keep.setText("Forget" if model.kept and model.kept is model.result else "Keep")
        controls = "Hold the map against random weights and random places; takes minutes"
        enable(self._check, model.check_obstacle, controls)
        self._marks.setVisible(model.span == "range")
        start, stop = ("…" if edge is None else str(edge) for edge in model.marked)
        self._marked.setText(f"frames {start} to {stop}")
        self._progress.set(progress)
        if model.found:
            self._shown_bars().show_found(model.found)
        self._message.say(model.message)

    def _update_result(self) -> None:
        """Show the verdict and the bars."""
        result = self._model.result
        verdict = "" if result is None else result.verdict
        kind = verdict.partition(":")[0]
        self._verdict.say(f"{_SIGNS.get(kind, '')} {verdict}" if verdict else None)
        self.set_done(kind or None)
        kept = self._model.kept
        kept = None if kept is result else kept
        self._kept.say(f"◆ kept: {kept.title}; {kept.verdict}" if kept else None)
        has_bars = result is not None and (result.areas is not None or result.lags is not None)
        if result is not None and has_bars:
            self._shown_bars().show_result(result, kept)
            self._mark()
        if self._bars is not None:
            self._bars.setVisible(has_bars)
        self._update_state()

    def _shown_bars(self) -> ImportanceBars:
        if self._bars is None:
            self._bars = ImportanceBars()
            self._bars.picked.connect(self._model.pick)
            self._bars.hovered.connect(self._hover)
            self._place.addWidget(self._bars)
        self._bars.show()
        return self._bars

    def _hover(self, place: int | None) -> None:
        result = self._model.result
        members = () if place is None or result is None else result.members(place)
        self._areas.hovered = members[0] if members else None

    def _mark(self) -> None:
        if self._bars is not None:
            self._bars.mark(self._areas.selected)

    def _ask_file(self) -> None:
        result = self._model.result
        if result is None:
            return
        suffixes = SUFFIXES[result.question.kind]
        kinds = ";;".join(f"{suffix[1:].upper()} (*{suffix})" for suffix in suffixes)
        name = f"{result.question.recording.name}_{result.question.method}{suffixes[0]}"
        ask_file(self, "Export", kinds, self._model.export, save_as=name)
