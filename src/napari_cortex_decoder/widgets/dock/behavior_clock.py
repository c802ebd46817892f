"""What the section *Recording* asks about a behaviour file: how its clock runs."""

from __future__ import annotations

from typing import Any

from napari_cortex_decoder.choices import CLOCKS
from napari_cortex_decoder.recording.behavior.alignment import ClockOptions
from napari_cortex_decoder.widgets.parts.controls import Column, button, row
from napari_cortex_decoder.widgets.parts.form import Form
from napari_cortex_decoder.widgets.parts.section import Said
from napari_cortex_decoder.widgets.parts.ties import follow
from napari_cortex_decoder.widgets.workspace import Workspace

_ZEROS = [(zero.replace("-", " "), zero) for zero in CLOCKS]


class BehaviorClockForm(Column):
    """Asks how the clock of a behaviour file runs: a refused one, or one that is to be read anew.

    Hidden while there is none.
    """

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._movie = workspace.movie
        self._made = False  # once something is asked: the fields take a moment to make
        follow(self, self._update, self._movie.events.refused)

    def _compose(self) -> None:
        self._made = True
        self._question = Said()
        self._lists: tuple[str, ...] = ()
        self._clock: dict[str, Any] = {}
        self._form = Form(
            ClockOptions,
            self._clock.update,
            ("frame_times", "clock", "rate", "offset", "first_frame"),
            frame_times={"choices": lambda _: self._lists},
            clock={"choices": [("as in the file", None), *_ZEROS], "label": "times from"},
            rate={"min": 0, "none": "as in the file", "unit": "Hz", "decimals": 3},
            offset={"unit": "s", "decimals": 3},
            first_frame={"min": -(10**8)},
        )
        leave_it = button("Leave it", lambda: self._movie.change(refused=None))
        self.add(self._question, self._form, row(button("Add", self._add), leave_it, None))

    def _update(self) -> None:
        """Ask about another file, or about none."""
        refused = self._movie.refused
        if refused is not None and not self._made:
            self._compose()
        self.setVisible(refused is not None)
        if refused is None:
            return
        self._question.setText(f"How does the clock of {refused.path.name} run?")
        self._lists = refused.frame_times
        first = self._lists[0] if self._lists else None
        unsaid = {"clock": None, "rate": None, "offset": 0.0, "first_frame": 0}
        self._clock |= {**unsaid, "frame_times": first, **refused.clock}
        self._form.reset_choices()
        self._form.show_values(self._clock)
        self._form["frame_times"].visible = bool(self._lists)

    def _add(self) -> None:
        refused = self._movie.refused
        if refused is not None:
            given = {name: value for name, value in self._clock.items() if value is not None}
            self._movie.add_behavior(refused.path, **given)
