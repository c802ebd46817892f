"""The section *Recording*: what is open, and what still has to be said about it."""

from __future__ import annotations

from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QWidget,
)

from napari_cortex_decoder.recording import Recording, movie_patterns
from napari_cortex_decoder.recording.behavior import READERS
from napari_cortex_decoder.widgets.clock import as_duration
from napari_cortex_decoder.widgets.movie_model import MovieModel
from napari_cortex_decoder.widgets.section import (
    Section,
    ask_file,
    ask_files,
    set_or_hide,
    wrapped_label,
)
from napari_cortex_decoder.widgets.ties import Ties

_UNKNOWN = "unknown"


class RecordingSection(Section):
    """Shows a `MovieModel`, and sends it: open this, its rate is that, here is its behaviour."""

    def __init__(self, movie: MovieModel) -> None:
        super().__init__("Recording")
        self._movie = movie
        self._changing_rate = False
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
        self._change = QPushButton("Change…")
        self._change.setFlat(True)
        self._change.clicked.connect(self._offer_change)
        rate = QHBoxLayout()
        rate.addWidget(self._rate)
        rate.addWidget(self._change)
        rate.addStretch()
        for title, value in (
            ("movie", self._name),
            ("size", self._size),
            ("frame rate", rate),
            ("duration", self._duration),
            ("pixel", self._pixel),
            ("behavior", self._traces),
        ):
            caption = QLabel(title)
            caption.setEnabled(False)
            form.addRow(caption, value)

        self._rate_question = QWidget()
        in_question = QHBoxLayout(self._rate_question)
        in_question.setContentsMargins(0, 0, 0, 0)
        self._rate_text = wrapped_label()
        self._rate_box = QDoubleSpinBox()
        self._rate_box.setRange(0.01, 10_000)
        self._rate_box.setDecimals(2)
        self._rate_box.setSuffix(" Hz")
        self._rate_box.setValue(30)
        self._set_rate = QPushButton("Set")
        self._set_rate.clicked.connect(self._say_rate)
        in_question.addWidget(self._rate_box)
        in_question.addWidget(self._set_rate)
        in_question.addStretch()
        self._warnings = wrapped_label()

        self.content.addWidget(self._hint)
        self.content.addLayout(buttons)
        self.content.addWidget(self._facts)
        self.content.addWidget(self._rate_text)
        self.content.addWidget(self._rate_question)
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
        asks = recording is not None and (recording.frame_rate is None or self._changing_rate)
        self._rate_question.setVisible(asks)
        set_or_hide(
            self._rate_text,
            _rate_question(recording, known=self._changing_rate)
            if recording is not None and asks
            else None,
        )
        done = recording is not None and recording.frame_rate is not None
        self.set_done(recording.name if recording is not None and done else None)
        set_or_hide(
            self._warnings,
            "\n".join(f"⚠ {text}" for text in recording.warnings)
            if recording is not None
            else None,
        )
        if recording is not None:
            self._show_facts(recording)

    def _show_facts(self, recording: Recording) -> None:
        rows, columns = recording.shape
        self._name.setText(recording.name)
        self._name.setToolTip(str(recording.path or recording.format))
        self._size.setText(f"{rows} × {columns} px, {recording.n_frames:,} frames")
        rate = recording.frame_rate
        self._rate.setText(_UNKNOWN if rate is None else f"{rate:g} Hz")
        self._change.setVisible(rate is not None and not self._changing_rate)
        self._duration.setText(_UNKNOWN if rate is None else as_duration(_seconds(recording, rate)))
        size = recording.pixel_size
        self._pixel.setText(_UNKNOWN if size is None else f"{1000 * size:g} µm")
        self._traces.setText(", ".join(recording.behavior) or "none")

    def _offer_change(self) -> None:
        assert self._movie.recording is not None and self._movie.recording.frame_rate is not None
        self._rate_box.setValue(self._movie.recording.frame_rate)
        self._changing_rate = True
        self._update()

    def _say_rate(self) -> None:
        self._changing_rate = False
        self._movie.set_frame_rate(self._rate_box.value())
        self._update()

    def _ask_movie(self) -> None:
        patterns = " ".join(movie_patterns())
        ask_files(
            self,
            "Open a movie, or the files of one session",
            f"Movies ({patterns});;All files (*)",
            lambda paths: self._movie.open(*paths),
        )

    def _ask_behavior(self) -> None:
        patterns = " ".join(f"*{suffix}" for suffix in READERS)
        ask_file(self, "Add behavior", f"Behavior ({patterns})", self._movie.add_behavior)


def _seconds(recording: Recording, rate: float) -> float:
    """Give how long a recording is, frames that were lost in it too."""
    return float(recording.times[-1] - recording.times[0]) + 1 / rate


def _rate_question(recording: Recording, *, known: bool) -> str:
    if known:
        return (
            "How many frames a second does this movie have? "
            "A file that says its rate says it again when it is next opened."
        )
    return f"{recording.name} does not say how many frames a second it has."
