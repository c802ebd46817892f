"""The table of sessions, as Qt's model of it: one row a recording."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtGui import QFont

from napari_cortex_decoder.progress import as_duration
from napari_cortex_decoder.sessions import Facts
from napari_cortex_decoder.widgets.parts.ties import Ties
from napari_cortex_decoder.widgets.sessions.queue_model import QueueModel
from napari_cortex_decoder.widgets.sessions.session_files import SessionRow
from napari_cortex_decoder.widgets.sessions.sessions_model import SessionsModel

CHECK, SUBJECT, SESSION, DECODED, SCORE, LENGTH = range(6)
_Role = Qt.ItemDataRole


def _tick(there: object) -> str:
    return "✓" if there else "–"


def _length(facts: Facts) -> str:
    return f"{facts.n_frames} fr." if facts.seconds is None else as_duration(facts.seconds)


def _labelled(facts: Facts) -> str:
    return "–" if not facts.labelled else f"{100 * facts.labelled:.0f} %"


_COLUMNS: tuple[tuple[str, str, Callable[[Facts], str]], ...] = (
    ("", "What is done to all checked is done to it", lambda facts: ""),
    ("mouse", "Which mouse: a double click changes it", lambda facts: ""),
    ("session", "Its name in the cohort: a double click changes it", lambda facts: ""),
    (
        "decoded",
        "With which decoder; ⚠: something has changed since",
        lambda facts: ("⚠ " if facts.stale else "") + (facts.decoded or "–"),
    ),
    (
        "AUC",
        "Of the prediction against labels that its decoder has not learned from",
        lambda facts: "" if facts.score is None else f"{facts.score:.2f}".removeprefix("0"),
    ),
    (
        "length",
        "How long it is, or how many frames where the rate is unknown",
        _length,
    ),
    ("rate", "Whether its frame rate is known", lambda facts: _tick(facts.frame_rate)),
    ("beh.", "Whether behavior was measured beside it", lambda facts: _tick(facts.behavior)),
    ("cam.", "Cameras on the mouse", lambda facts: str(facts.cameras or "–")),
    ("atlas", "Whether the atlas is placed", lambda facts: _tick(facts.atlas)),
    ("labels", "Share of the frames that are labelled", _labelled),
)


class SessionsTable(QAbstractTableModel):
    """Shows a `SessionsModel` and a `QueueModel` to a view, and tells them what somebody edits."""

    def __init__(self, sessions: SessionsModel, queue: QueueModel) -> None:
        super().__init__()
        self._sessions, self._queue = sessions, queue
        self._shown = sessions.rows
        self._working = -1
        ties = Ties()
        ties.tie(self._update, sessions.events.rows, sessions.events.current)
        ties.tie(self._update_working, queue.events.progress, queue.events.working)
        ties.undo_with(self)

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return how many sessions there are."""
        return len(self._shown)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Return how many columns there are."""
        return len(_COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        """Return the title of a column, or what it means."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        title, tip, _ = _COLUMNS[section]
        return {_Role.DisplayRole: title, _Role.ToolTipRole: tip}.get(_Role(role))

    def data(self, index: QModelIndex, role: int = 0) -> Any:
        """Return what a cell shows."""
        row, column = self._shown[index.row()], index.column()
        if role == _Role.CheckStateRole and column == CHECK and row.entry is not None:
            return Qt.CheckState.Checked if row.checked else Qt.CheckState.Unchecked
        if role == _Role.FontRole and index.row() == self._sessions.current:
            bold = QFont()
            bold.setBold(True)
            return bold
        if role == _Role.ToolTipRole:
            return _tip(row, column)
        if role in (_Role.DisplayRole, _Role.EditRole):
            return self._text(row, index.row(), column)
        return None

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Say what can be done to a cell."""
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if self._shown[index.row()].entry is None:
            return flags
        if index.column() == CHECK:
            return flags | Qt.ItemFlag.ItemIsUserCheckable
        return flags | Qt.ItemFlag.ItemIsEditable if index.column() in (SUBJECT, SESSION) else flags

    def setData(self, index: QModelIndex, value: Any, role: int = 0) -> bool:
        """Pass on what somebody has checked or written."""
        place = index.row()
        if role == _Role.CheckStateRole:
            self._sessions.check(place, Qt.CheckState(value) == Qt.CheckState.Checked)
        elif role == _Role.EditRole:
            sessions = self._sessions
            say = sessions.set_subject if index.column() == SUBJECT else sessions.rename
            say(place, str(value))
        return True

    def _text(self, row: SessionRow, place: int, column: int) -> str:
        if column == SUBJECT:
            return row.subject
        if column == SESSION:
            return row.session
        if column == DECODED and place == self._working:
            progress = self._queue.progress
            done = f" {100 * progress.done / progress.total:.0f} %" if progress.total else " …"
            return progress.stage + done
        if column == LENGTH and (row.said.startswith("⚠") or (row.facts and row.facts.problems)):
            return "⚠ " + ("" if row.facts is None else _COLUMNS[column][2](row.facts))
        return "" if row.facts is None else _COLUMNS[column][2](row.facts)

    def _update(self) -> None:
        """Show other rows; only those that differ."""
        before, now = self._shown, self._sessions.rows
        if len(before) != len(now):
            self.beginResetModel()
            self._shown = now
            self.endResetModel()
            return
        self._shown = now
        if now:
            self.dataChanged.emit(self.index(0, 0), self.index(len(now) - 1, len(_COLUMNS) - 1))

    def _update_working(self) -> None:
        for place in {self._working, self._queue.working} - {-1}:
            if place < len(self._shown):
                cell = self.index(place, DECODED)
                self._working = self._queue.working
                self.dataChanged.emit(cell, cell)
        self._working = self._queue.working


def _tip(row: SessionRow, column: int) -> str:
    """Say all that is known of a session and does not fit into a cell."""
    facts = row.facts or Facts()
    stale = f"The {' and the '.join(facts.stale)} changed since it was decoded." * bool(facts.stale)
    files = [] if row.entry is None else [str(file) for file in row.entry.files[:3]]
    return "\n".join(line for line in (*files, row.said, stale, *facts.problems) if line)
