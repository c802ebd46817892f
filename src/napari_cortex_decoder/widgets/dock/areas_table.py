"""The areas as a table that can be searched, sorted and selected from."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import (
    QAbstractTableModel,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QSortFilterProxyModel,
    Qt,
)
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QAbstractItemView, QTableView

from napari_cortex_decoder.atlas.drawn import DRAWN
from napari_cortex_decoder.widgets.atlas.areas_model import AreasModel
from napari_cortex_decoder.widgets.atlas.atlas_model import AtlasModel
from napari_cortex_decoder.widgets.parts.controls import whole_rows
from napari_cortex_decoder.widgets.parts.ties import follow
from napari_cortex_decoder.widgets.workspace import Workspace

_ACRONYM, _SIDE, _NAME, _R = range(4)
_TITLES = ("area", "side", "name", "r")
_SORT_ROLE = Qt.ItemDataRole.UserRole


class _Rows(QAbstractTableModel):
    """One row an area; in the last column its correlation with one behavior."""

    def __init__(self, atlas: AtlasModel, areas: AreasModel) -> None:
        super().__init__()
        self._atlas, self._areas = atlas, areas
        self._r: np.ndarray | None = None

    def reset(self) -> None:
        """Show the areas of another atlas."""
        self.beginResetModel()
        self._r = None
        self.endResetModel()

    def set_correlation(self, r: np.ndarray | None) -> None:
        """Show how each area goes with a behavior."""
        self._r = r
        self.repaint(_R)

    def repaint(self, column: int) -> None:
        """Say that a column looks different."""
        last = self.index(max(self.rowCount() - 1, 0), column)
        self.dataChanged.emit(self.index(0, column), last)

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Count areas."""
        return 0 if parent is not None and parent.isValid() else len(self._areas.areas)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Count columns."""
        return len(_TITLES)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        """Return the title of a column."""
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return _TITLES[section]
        return None

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Let areas that the user has drawn be renamed."""
        flags = super().flags(index)
        drawn = self._atlas.atlas is not None and self._atlas.atlas.name == DRAWN
        return flags | Qt.ItemFlag.ItemIsEditable if drawn and index.column() == 0 else flags

    def setData(self, index: QModelIndex, value: Any, role: int = 0) -> bool:
        """Rename an area."""
        self._atlas.rename(index.row(), str(value))
        return True

    def data(self, index: QModelIndex, role: int = 0) -> Any:
        """Return what a cell shows, sorts by, or looks like."""
        area, column = self._areas.areas[index.row()], index.column()
        r = None if self._r is None else float(self._r[index.row()])
        if role == Qt.ItemDataRole.EditRole:
            return area.acronym
        if role == Qt.ItemDataRole.DisplayRole:
            shown = "" if r is None or np.isnan(r) else f"{r:+.2f}"
            return (area.acronym, area.side, area.name, shown)[column]
        if role == _SORT_ROLE:
            value = -2.0 if r is None or np.isnan(r) else r
            return (area.acronym.lower(), area.side, area.name.lower(), value)[column]
        if role == Qt.ItemDataRole.DecorationRole and column == _ACRONYM:
            if index.row() in self._areas.selected:
                return QColor(*self._areas.color(index.row()))
            return QColor(0, 0, 0, 0)
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{area.label} · {area.name}, {area.size:.2f} mm²"
        if role == Qt.ItemDataRole.TextAlignmentRole and column == _R:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None


class AreasTable(QTableView):
    """Shows areas, and keeps the selected rows and the model's selection the same."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._areas = workspace.areas
        self._rows = _Rows(workspace.atlas, self._areas)
        self.show_correlation = self._rows.set_correlation
        self._sorted = QSortFilterProxyModel()
        self._sorted.setSourceModel(self._rows)
        self._sorted.setSortRole(_SORT_ROLE)
        self._sorted.setFilterKeyColumn(-1)
        self._sorted.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.setModel(self._sorted)
        self.setSortingEnabled(True)
        self.sortByColumn(-1, Qt.SortOrder.AscendingOrder)  # as in the atlas
        whole_rows(self, _NAME)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setWordWrap(False)
        self.selectionModel().selectionChanged.connect(self._on_selected)
        follow(self, self._rows.reset, self._areas.events.areas, now=False)
        follow(self, self._follow, self._areas.events.selected, now=False)

    def search(self, text: str) -> None:
        """Show only areas in whose row this text occurs."""
        self._sorted.setFilterFixedString(text)
        self._follow()

    def _follow(self) -> None:
        """Select the rows of the selected areas."""
        chosen = QItemSelection()
        for area in self._areas.selected:
            index = self._sorted.mapFromSource(self._rows.index(area, 0))
            if index.isValid():
                chosen.select(index, index)
        flags = QItemSelectionModel.SelectionFlag
        self.selectionModel().select(chosen, flags.ClearAndSelect | flags.Rows)
        if chosen.indexes():
            self.scrollTo(chosen.indexes()[-1])
        self._rows.repaint(_ACRONYM)

    def _on_selected(self) -> None:
        """Select the areas of the selected rows; areas that the search hides stay selected."""
        rows = self.selectionModel().selectedRows()
        picked = {self._sorted.mapToSource(index).row() for index in rows}
        hidden = {
            area
            for area in self._areas.selected
            if not self._sorted.mapFromSource(self._rows.index(area, 0)).isValid()
        }
        kept = [area for area in self._areas.selected if area in picked | hidden]
        self._areas.select([*kept, *sorted(picked.difference(kept))])
