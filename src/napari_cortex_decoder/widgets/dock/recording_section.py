"""The section *Recording*: what is open, and what still has to be said about it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from qtpy.QtWidgets import QFormLayout, QLabel, QPushButton, QWidget

from napari_cortex_decoder.progress import as_duration
from napari_cortex_decoder.recording import Recording, movie_patterns
from napari_cortex_decoder.recording.behavior.reading import READERS
from napari_cortex_decoder.widgets.parts.controls import button, caption, enable, row, switch
from napari_cortex_decoder.widgets.parts.number_question import NumberQuestion
from napari_cortex_decoder.widgets.parts.section import (
    Said,
    Section,
    ask_file,
    ask_files,
    warned,
)
from napari_cortex_decoder.widgets.parts.ties import follow
from napari_cortex_decoder.widgets.workspace import Workspace

_UNKNOWN = "unknown"
_BEGIN = "time of the first frame"
_HINT = "Open a movie, or drop one on the window."
_USUAL_RATE, _USUAL_PIXEL = 30.0, 70.0  # Hz, µm: proposed where nothing is known
_AGAIN = "A file that says it itself says it again when it is next opened."


class RecordingSection(Section):
    """Shows a `MovieModel`, and sends it: its rate is that, here is its behavior."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__("Recording")
        self._movie, self._sessions = workspace.movie, workspace.sessions
        self._activity = workspace.activity
        self._asked_of: dict[str, object] = {}  # the movie of which the user wants to change what
        self._hint = Said(_HINT)
        self._open = button("Open…", self._ask_movie, "Open a wide-field movie")
        self._behavior = button("Add behavior…", self._ask_behavior)
        self._facts = QWidget()
        form = QFormLayout(self._facts)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(3)
        self._name, self._size, self._duration = QLabel(), QLabel(), QLabel()
        self._pixel, self._traces, self._begin = QLabel(), QLabel(), QLabel()
        self._rate = QLabel()
        self._change_rate = _flat("frame rate", self._offer)
        self._change_pixel = _flat("pixel", self._offer)
        self._change_begin = _flat(_BEGIN, self._offer)
        self._change_clock = button(
            "Clock…", self._movie.ask_clock, "Say how the clock of the behavior file runs"
        )
        self._change_clock.setFlat(True)
        for title, value in (
            ("movie", self._name),
            ("size", self._size),
            ("frame rate", row(self._rate, self._change_rate, None)),
            ("duration", self._duration),
            ("begins at", row(self._begin, self._change_begin, None)),
            ("pixel", row(self._pixel, self._change_pixel, None)),
            ("behavior", row(self._traces, self._change_clock, None)),
        ):
            form.addRow(caption(title), value)

        self._rate_question = NumberQuestion(
            partial(self._say, "frame rate"), low=0.01, high=10_000, suffix=" Hz"
        )
        self._rate_question.propose(_USUAL_RATE)
        self._pixel_question = NumberQuestion(
            partial(self._say, "pixel"), low=0.01, high=1_000, suffix=" µm"
        )
        self._begin_question = NumberQuestion(
            partial(self._say, _BEGIN), low=-1e6, high=1e9, decimals=3, suffix=" s"
        )
        self._warnings = Said()
        self._active = switch("Show activity (ΔF/F in %)", self._activity.switch)

        self.add(self._hint, row(self._open, self._behavior, None), self._facts)
        self.add(self._rate_question, self._pixel_question, self._begin_question)
        self.add(self._warnings, self._active)
        movie = self._movie.events
        follow(self, self._update, movie.recording, movie.opening, self._activity.events.on)

    def _update(self) -> None:
        """Show the model's state."""
        movie, recording = self._movie, self._movie.recording
        self._hint.setText(f"Opening {movie.opening} …" if movie.opening else _HINT)
        self._hint.setVisible(bool(movie.opening) or recording is None)
        timed = recording is not None and recording.frame_rate is not None
        none = None if timed else "Needs a recording whose frame rate is known"
        enable(self._behavior, none, "Read speed or labels that were measured beside the movie")
        none = None if recording is not None else "Open a recording first"
        tip = "How far each pixel is from its own mean; a raw movie looks like a still picture"
        enable(self._active, none, tip)
        self._active.setChecked(self._activity.on)
        self._facts.setVisible(recording is not None)
        self._update_questions(recording)
        self.set_done(recording.name if recording is not None and timed else None)
        self._warnings.say(warned(() if recording is None else recording.warnings))
        if recording is not None:
            self._show_facts(recording)

    def _show_facts(self, recording: Recording) -> None:
        rows, columns = recording.shape
        n = len(recording.areas)
        of_areas = "traces of 1 area" if n == 1 else f"traces of {n} areas"
        frame = f"{rows} × {columns} px" if recording.traces is None else of_areas
        self._name.setText(recording.name)
        self._name.setToolTip(str(recording.path or recording.format))
        self._size.setText(f"{frame}, {recording.n_frames:,} frames")
        rate = recording.frame_rate
        self._rate.setText(_UNKNOWN if rate is None else f"{rate:g} Hz")
        self._change_rate.setVisible(rate is not None and not self._asks("frame rate"))
        times = recording.times if rate is not None else None  # frames that were lost in it too
        seconds = None if times is None or rate is None else times[-1] - times[0] + 1 / rate
        self._duration.setText(_UNKNOWN if seconds is None else as_duration(seconds))
        self._begin.setText(_UNKNOWN if rate is None else f"{recording.times[0]:.6g} s")
        self._change_begin.setVisible(rate is not None and not self._asks(_BEGIN))
        size = recording.pixel_size
        self._pixel.setText(_UNKNOWN if size is None else f"{1000 * size:g} µm")
        self._change_pixel.setText("Set…" if size is None else "Change…")
        drawn = recording.registration is not None  # the pixels of traces are those of a picture
        self._change_pixel.setVisible(not drawn and not self._asks("pixel"))
        self._traces.setText(", ".join(recording.behavior) or "none")
        self._change_clock.setVisible(bool(recording.behavior) and recording.path is not None)

    def _update_questions(self, recording: Recording | None) -> None:
        """Ask what has to be known, and what the user wants to say anew."""
        rate = pixel = begin = None
        if recording is not None and recording.frame_rate is None:
            rate = f"{recording.name} does not say how many frames a second it has."
        elif recording is not None and self._asks("frame rate"):
            rate = f"How many frames a second does this movie have? {_AGAIN}"
        if recording is not None and self._asks("pixel"):
            pixel = f"How wide is a pixel of the raw movie on the cortex? {_AGAIN}"
        if recording is not None and self._asks(_BEGIN):
            begin = (
                "When was the first frame taken, in seconds of the session's clock? Behavior with "
                "a value a frame goes along; what has times of its own stays."
            )
        self._rate_question.ask(rate)
        self._pixel_question.ask(pixel)
        self._begin_question.ask(begin)

    def _asks(self, what: str) -> bool:
        """Whether the user wants to say something, and its movie is still the open one."""
        movie, raw = self._asked_of.get(what), self._movie.raw
        return movie is not None and raw is not None and movie is raw.movie

    def _offer(self, what: str) -> None:
        """Ask anew, beginning with what is known."""
        raw, shown = self._movie.raw, self._movie.recording
        assert raw is not None and shown is not None  # else there is no button
        if what == "pixel":
            self._pixel_question.propose(1000 * raw.pixel_size if raw.pixel_size else _USUAL_PIXEL)
        elif what == _BEGIN:
            self._begin_question.propose(raw.times[0])
        else:
            self._rate_question.propose(shown.frame_rate or _USUAL_RATE)
        self._asked_of[what] = raw.movie
        self._update()

    def _say(self, what: str, value: float) -> None:
        self._asked_of.pop(what, None)
        if what == "pixel":
            self._movie.set_pixel_size(value / 1000)
        elif what == _BEGIN:
            self._movie.set_first_frame(value)
        else:
            self._movie.set_frame_rate(value)
        self._update()

    def _ask_movie(self) -> None:
        title = "Open movies, or the files of one session"
        patterns = f"Movies ({' '.join(movie_patterns())});;All files (*)"
        ask_files(self, title, patterns, lambda paths: self._sessions.add(*paths))

    def _ask_behavior(self) -> None:
        patterns = " ".join(f"*{suffix}" for suffix in READERS)
        ask_file(self, "Add behavior", f"Behavior ({patterns})", self._movie.add_behavior)


def _flat(what: str, then: Callable[[str], None]) -> QPushButton:
    """Make the button beside a fact that offers to say it anew."""
    change = button("Change…", partial(then, what), f"Say the {what} of this movie")
    change.setFlat(True)
    return change
