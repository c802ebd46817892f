"""The section *Sessions*: the table of recordings, and what is done to all that are checked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from qtpy.QtCore import QModelIndex
from qtpy.QtWidgets import QAbstractItemView, QFileDialog, QHeaderView, QInputDialog, QTableView

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording import movie_patterns
from napari_cortex_decoder.widgets.parts.controls import button, enable, menu_button, row
from napari_cortex_decoder.widgets.parts.progress_row import ProgressRow
from napari_cortex_decoder.widgets.parts.section import Said, Section, ask_file, ask_files
from napari_cortex_decoder.widgets.parts.ties import Ties
from napari_cortex_decoder.widgets.sessions.queue_model import QueueModel
from napari_cortex_decoder.widgets.sessions.session_files import recent_cohorts
from napari_cortex_decoder.widgets.sessions.sessions_model import SessionsModel
from napari_cortex_decoder.widgets.sessions.sessions_table import CHECK, SessionsTable

_MOST_ROWS = 8
"""Rows that are in sight before the table scrolls."""


def follow_unfolding(sessions: SessionsModel, sections: Sequence[Section]) -> None:
    """Remember which sections of the dock are unfolded, and unfold those that were."""

    def show() -> None:
        unfolded = sessions.unfolded
        if unfolded is not None:
            for section in sections:
                section.set_expanded(section.title in unfolded)

    def tell() -> None:
        sessions.unfold(one.title for one in sections if one.expanded)

    ties = Ties()
    ties.tie(show, sessions.events.unfolded)
    ties.undo_with(sections[0])
    for section in sections:
        section.folded.connect(tell)


_CSV = "Cohorts (*.csv)"


class SessionsSection(Section):
    """Shows a `SessionsModel` and a `QueueModel`, and sends them what the user asks for."""

    def __init__(self, sessions: SessionsModel, queue: QueueModel) -> None:
        super().__init__("Sessions")
        self._sessions, self._queue = sessions, queue
        self._compose()
        ties = Ties()
        ties.tie(
            self._update,
            sessions.events.rows,
            sessions.events.current,
            sessions.events.asking,
            sessions.events.message,
            queue.events.progress,
            queue.events.message,
        )
        ties.undo_with(self)
        self._update()

    def _compose(self) -> None:
        self._open, menu = menu_button("Open")
        menu.addAction("Movies…", self._ask_movies)
        menu.addAction("All movies of a folder…", self._ask_folder)
        menu.addAction("A cohort (CSV)…", self._ask_cohort)
        self._recent = menu.addMenu("Recent cohorts")
        menu.aboutToShow.connect(self._list_recent)
        self._all, for_all = menu_button("All checked")
        for_all.addAction("Set the frame rate…", partial(self._ask_number, "frame rate", "Hz"))
        for_all.addAction("Set the pixel size…", partial(self._ask_number, "pixel size", "µm"))
        self._place = for_all.addAction(
            "Place the atlas as on the open session", self._queue.place_on_checked
        )
        for_all.addAction("Take out of the table", self._sessions.remove_checked)
        for_all.addSeparator()
        for_all.addAction("Check all", partial(self._sessions.check_all, True))
        for_all.addAction("Check none", partial(self._sessions.check_all, False))
        for_all.aboutToShow.connect(self._say_whether_to_place)
        self._save = button("Save cohort…", self._ask_save)
        self._decode = button("Decode all checked", self._queue.decode_checked)
        self._cancel = button("Cancel", self._queue.cancel)

        self._question = Said()
        self._answers = row(
            button("One each", partial(self._sessions.answer, one=False)),
            button("One recording", partial(self._sessions.answer, one=True)),
            button("Leave them", self._sessions.dismiss),
            None,
        )
        self._table = QTableView()
        self._table.setModel(SessionsTable(self._sessions, self._queue))
        self._table.model().setParent(self._table)
        self._table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self._table.verticalHeader().hide()
        self._table.setShowGrid(False)
        header = self._table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setMinimumSectionSize(18)
        header.setHighlightSections(False)
        self._table.clicked.connect(self._on_click)
        self._progress = ProgressRow()
        self._message = Said()
        self.content.addWidget(row(self._open, self._all, self._save, None))
        for part in (self._question, self._answers, self._table):
            self.content.addWidget(part)
        self.content.addWidget(row(self._decode, self._cancel, None))
        self.content.addWidget(self._progress)
        self.content.addWidget(self._message)

    def _update(self) -> None:
        """Show the models' state."""
        sessions, queue = self._sessions, self._queue
        rows, asking = sessions.rows, sessions.asking
        n = len(asking)
        question = f"{n} files: are they {n} recordings, or one in {n} files?"
        self._question.say(question if asking else None)
        self._answers.setVisible(bool(asking))
        self._table.setVisible(bool(rows))
        height = self._table.horizontalHeader().sizeHint().height() + 4
        shown = min(len(rows), _MOST_ROWS)
        scroll = self._table.horizontalScrollBar().sizeHint().height()
        self._table.setFixedHeight(height + scroll + sum(map(self._table.rowHeight, range(shown))))
        enable(self._all, None if sessions.checked else "Check some sessions first.", "")
        enable(self._save, None if rows else "There is no session yet.", "List them in one CSV")
        tip = "One after the other, with the decoder that is chosen below"
        enable(self._decode, queue.decode_obstacle, tip)
        enable(self._cancel, None if queue.progress.running else "Nothing is running", "")
        self._progress.set(queue.progress)
        said = "\n".join(text for text in (sessions.message, queue.message) if text)
        self._message.say(said)
        decoded = sum(bool(one.facts and one.facts.decoded) for one in rows)
        in_files = sum(one.entry is not None for one in rows)
        self.set_done(f"{decoded} of {in_files} decoded" if in_files else None)

    def _on_click(self, index: QModelIndex) -> None:
        if index.column() != CHECK:
            self._sessions.choose(index.row())

    def _say_whether_to_place(self) -> None:
        obstacle = self._queue.place_obstacle
        self._place.setEnabled(obstacle is None)
        self._place.setToolTip(obstacle or "On sessions of the same mouse, by their pictures")

    def _list_recent(self) -> None:
        self._recent.clear()
        try:
            cohorts = recent_cohorts()
        except RecordingError as error:
            self._sessions.failed.emit(error)
            return
        for csv in cohorts:
            self._recent.addAction(str(csv), partial(self._sessions.open_cohort, csv))
        self._recent.setEnabled(bool(cohorts))

    def _ask_movies(self) -> None:
        patterns = f"Movies ({' '.join(movie_patterns())});;All files (*)"
        ask_files(self, "Open movies", patterns, lambda paths: self._sessions.add(*paths))

    def _ask_folder(self) -> None:
        mode = QFileDialog.FileMode.Directory
        ask_file(self, "Open all movies of a folder", "", self._sessions.add_folder, mode=mode)

    def _ask_cohort(self) -> None:
        ask_file(self, "Open a cohort", _CSV, self._sessions.open_cohort)

    def _ask_save(self) -> None:
        proposed = str(self._sessions.proposed_csv)
        ask_file(self, "Save the cohort", _CSV, self._sessions.save_cohort, save_as=proposed)

    def _ask_number(self, what: str, unit: str) -> None:
        sessions = self._sessions

        def tell(value: float) -> None:
            if unit == "µm":
                sessions.set_pixel_size(value / 1000)
            else:
                sessions.set_frame_rate(value)

        dialog = QInputDialog(self)
        dialog.setInputMode(QInputDialog.InputMode.DoubleInput)
        dialog.setDoubleRange(0.01, 10_000)
        dialog.setDoubleDecimals(2)
        dialog.setDoubleValue(70.0 if unit == "µm" else 30.0)
        n = len(self._sessions.checked)
        dialog.setLabelText(f"The {what} of {n} sessions ({unit}), where no file says it:")
        dialog.doubleValueSelected.connect(tell)
        dialog.open()
