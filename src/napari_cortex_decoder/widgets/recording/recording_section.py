"""The section *Recording*: what is open, and what still has to be said about it."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QPushButton, QWidget

from napari_cortex_decoder.progress import as_duration
from napari_cortex_decoder.recording import Recording, movie_patterns
from napari_cortex_decoder.recording.behavior import READERS
from napari_cortex_decoder.widgets.parts.controls import caption, row
from napari_cortex_decoder.widgets.parts.number_question import NumberQuestion
from napari_cortex_decoder.widgets.parts.section import (
    Section,
    ask_file,
    ask_files,
    begin_dialogs_beside,
    set_or_hide,
    wrapped_label,
)
from napari_cortex_decoder.widgets.parts.ties import Ties
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel

_UNKNOWN = "unknown"
_USUAL_RATE, _USUAL_PIXEL = 30.0, 70.0  # Hz, µm: proposed where nothing is known
_AGAIN = "A file that says it itself says it again when it is next opened."


class RecordingSection(Section):
    """Shows a `MovieModel`, and sends it: its rate is that, here is its behavior.

    Parameters
    ----------
    movie
        The open recording.
    add
        Is given the movies that somebody wants to open.
    """

    def __init__(self, movie: MovieModel, add: Callable[..., None]) -> None:
        super().__init__("Recording")
        self._movie, self._add = movie, add
        self._rate_asked_of: object = None  # the movie whose rate the user wants to change
        self._pixel_asked_of: object = None
        self._compose()
        ties = Ties()
        ties.tie(self._update, movie.events.recording, movie.events.opening)
        ties.undo_with(self)
        self._update()

    def _compose(self) -> None:
        self._hint = wrapped_label("Open a movie, or drop one on the window.")
        self._open = QPushButton("Open…")
        self._open.setToolTip("Open a wide-field movie")
        self._open.clicked.connect(self._ask_movie)
        self._behavior = QPushButton("Add behavior…")
        self._behavior.clicked.connect(self._ask_behavior)
        buttons = QHBoxLayout()
        buttons.addWidget(self._open)
        buttons.addWidget(self._behavior)
        buttons.addStretch()

        self._facts = QWidget()
        form = QFormLayout(self._facts)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(3)
        self._name, self._size, self._duration = QLabel(), QLabel(), QLabel()
        self._pixel, self._traces = QLabel(), QLabel()
        self._rate = QLabel()
        self._change_rate = _flat("frame rate", self._offer_rate)
        self._change_pixel = _flat("pixel", self._offer_pixel)
        for title, value in (
            ("movie", self._name),
            ("size", self._size),
            ("frame rate", row(self._rate, self._change_rate, None)),
            ("duration", self._duration),
            ("pixel", row(self._pixel, self._change_pixel, None)),
            ("behavior", self._traces),
        ):
            form.addRow(caption(title), value)

        self._rate_question = NumberQuestion(
            self._say_rate, low=0.01, high=10_000, decimals=2, suffix=" Hz"
        )
        self._rate_question.propose(_USUAL_RATE)
        self._pixel_question = NumberQuestion(
            self._say_pixel, low=0.01, high=1_000, decimals=2, suffix=" µm"
        )
        self._warnings = wrapped_label()

        self.content.addWidget(self._hint)
        self.content.addLayout(buttons)
        self.content.addWidget(self._facts)
        self.content.addWidget(self._rate_question)
        self.content.addWidget(self._pixel_question)
        self.content.addWidget(self._warnings)

    def _update(self) -> None:
        """Show the model's state."""
        movie, recording = self._movie, self._movie.recording
        if movie.opening:
            self._hint.setText(f"Opening {movie.opening} …")
        else:
            self._hint.setText("Open a movie, or drop one on the window.")
        self._hint.setVisible(bool(movie.opening) or recording is None)
        self._behavior.setEnabled(recording is not None and recording.frame_rate is not None)
        self._behavior.setToolTip(
            "Read speed or labels that were measured beside the movie"
            if self._behavior.isEnabled()
            else "Needs a recording whose frame rate is known"
        )
        self._facts.setVisible(recording is not None)
        self._update_questions(recording)
        done = recording is not None and recording.frame_rate is not None
        self.set_done(recording.name if recording is not None and done else None)
        set_or_hide(
            self._warnings,
            "\n".join(f"⚠ {text}" for text in recording.warnings)
            if recording is not None
            else None,
        )
        if recording is not None:
            if recording.path is not None:
                begin_dialogs_beside(recording.path)
            self._show_facts(recording)

    def _show_facts(self, recording: Recording) -> None:
        rows, columns = recording.shape
        frame = f"{rows} × {columns} px" if recording.traces is None else _areas(recording)
        self._name.setText(recording.name)
        self._name.setToolTip(str(recording.path or recording.format))
        self._size.setText(f"{frame}, {recording.n_frames:,} frames")
        rate = recording.frame_rate
        self._rate.setText(_UNKNOWN if rate is None else f"{rate:g} Hz")
        self._change_rate.setVisible(rate is not None and not self._asks(self._rate_asked_of))
        self._duration.setText(_UNKNOWN if rate is None else as_duration(_seconds(recording, rate)))
        size = recording.pixel_size
        self._pixel.setText(_UNKNOWN if size is None else f"{1000 * size:g} µm")
        self._change_pixel.setText("Set…" if size is None else "Change…")
        drawn = recording.registration is not None  # the pixels of traces are those of a picture
        self._change_pixel.setVisible(not drawn and not self._asks(self._pixel_asked_of))
        self._traces.setText(", ".join(recording.behavior) or "none")

    def _update_questions(self, recording: Recording | None) -> None:
        """Ask what has to be known, and what the user wants to say anew."""
        rate = pixel = None
        if recording is not None and recording.frame_rate is None:
            rate = f"{recording.name} does not say how many frames a second it has."
        elif recording is not None and self._asks(self._rate_asked_of):
            rate = f"How many frames a second does this movie have? {_AGAIN}"
        if recording is not None and self._asks(self._pixel_asked_of):
            pixel = f"How wide is a pixel of the raw movie on the cortex? {_AGAIN}"
        self._rate_question.ask(rate)
        self._pixel_question.ask(pixel)

    def _asks(self, movie: object) -> bool:
        """Whether the user wants to say something of this movie, and it is still the open one."""
        return movie is not None and self._movie.raw is not None and movie is self._movie.raw.movie

    def _offer_rate(self) -> None:
        raw, shown = self._movie.raw, self._movie.recording
        assert raw is not None and shown is not None and shown.frame_rate is not None
        self._rate_question.propose(shown.frame_rate)
        self._rate_asked_of = raw.movie
        self._update()

    def _offer_pixel(self) -> None:
        raw = self._movie.raw
        assert raw is not None
        size = raw.pixel_size
        self._pixel_question.propose(_USUAL_PIXEL if size is None else 1000 * size)
        self._pixel_asked_of = raw.movie
        self._update()

    def _say_rate(self, rate: float) -> None:
        self._rate_asked_of = None
        self._movie.set_frame_rate(rate)
        self._update()

    def _say_pixel(self, micrometres: float) -> None:
        self._pixel_asked_of = None
        self._movie.set_pixel_size(micrometres / 1000)
        self._update()

    def _ask_movie(self) -> None:
        patterns = " ".join(movie_patterns())
        ask_files(
            self,
            "Open movies, or the files of one session",
            f"Movies ({patterns});;All files (*)",
            lambda paths: self._add(*paths),
        )

    def _ask_behavior(self) -> None:
        patterns = " ".join(f"*{suffix}" for suffix in READERS)
        ask_file(self, "Add behavior", f"Behavior ({patterns})", self._movie.add_behavior)


def _areas(recording: Recording) -> str:
    n = len(recording.areas)
    return "traces of 1 area" if n == 1 else f"traces of {n} areas"


def _seconds(recording: Recording, rate: float) -> float:
    """Return how long a recording is, frames that were lost in it too."""
    return float(recording.times[-1] - recording.times[0]) + 1 / rate


def _flat(what: str, then: Callable[[], None]) -> QPushButton:
    """Make the button beside a fact that offers to say it anew."""
    change = QPushButton("Change…")
    change.setFlat(True)
    change.setToolTip(f"Say the {what} of this movie")
    change.clicked.connect(lambda: then())
    return change
