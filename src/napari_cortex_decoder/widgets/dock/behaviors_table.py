"""The table of behaviors: colour, key, name; the chosen row is what dragging paints."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QTableWidget,
    QTableWidgetItem,
)

from napari_cortex_decoder.labels import Behavior
from napari_cortex_decoder.widgets.parts.colors import Color
from napari_cortex_decoder.widgets.parts.controls import whole_rows
from napari_cortex_decoder.widgets.parts.ties import follow
from napari_cortex_decoder.widgets.workspace import Workspace

_KEY, _NAME, _BOUTS = range(3)
_ROW_HEIGHT = 24


class BehaviorsTable(QTableWidget):
    """Shows the behaviors of the labels; names and keys are typed over, colours clicked."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(0, 3)
        self._workspace = workspace
        self._labels, self._labelling = workspace.labels, workspace.labelling
        self.setHorizontalHeaderLabels(["key", "behavior", "bouts"])
        whole_rows(self, _NAME, _ROW_HEIGHT)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setIconSize(QSize(14, 14))
        self.itemChanged.connect(self._take)
        self.itemSelectionChanged.connect(self._choose)
        follow(self, self._update, self._labels.events.labels, self._labelling.events.brush)

    def sizeHint(self) -> QSize:
        """Ask for the height of all rows, up to eight."""
        rows = min(max(self.rowCount(), 2), 8)
        return QSize(260, self.horizontalHeader().sizeHint().height() + rows * _ROW_HEIGHT + 4)

    def minimumSizeHint(self) -> QSize:
        """Be no lower than the rows need."""
        return self.sizeHint()

    def pick_color(self) -> None:
        """Ask for the colour of the chosen behavior."""
        behavior = self._chosen()
        if behavior is None:
            return
        dialog = QColorDialog(QColor(*self._color(behavior)), self.window())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.colorSelected.connect(
            lambda color: self._labelling.set_color(behavior.name, color.getRgb()[:3])
        )
        dialog.open()

    def remove(self) -> None:
        """Remove the chosen behavior; its bouts become unknown."""
        behavior = self._chosen()
        if behavior is not None:
            self._labelling.remove_behavior(behavior.name)

    @property
    def _behaviors(self) -> tuple[Behavior, ...]:
        return self._labels.labels.behaviors if self._labels.labels is not None else ()

    def _color(self, behavior: Behavior) -> Color:
        return self._workspace.behavior_colors[behavior.name]

    def _chosen(self) -> Behavior | None:
        row = self.currentRow()
        return self._behaviors[row] if 0 <= row < len(self._behaviors) else None

    def _update(self) -> None:
        """Show the behaviors, and which one is painted."""
        labels = self._labels.labels
        values = labels.ethogram.arrays[2] if labels else np.empty(0, np.int64)
        counts = np.bincount(values, minlength=len(self._behaviors))
        self.setCurrentItem(None)  # else another row takes the place of one that goes
        self.setRowCount(len(self._behaviors))
        for row, behavior in enumerate(self._behaviors):
            pixmap = QPixmap(14, 14)
            pixmap.fill(QColor(*self._color(behavior)))
            name = QTableWidgetItem(QIcon(pixmap), behavior.name)
            bouts = QTableWidgetItem(str(counts[row]))
            bouts.setFlags(bouts.flags() & ~Qt.ItemFlag.ItemIsEditable)
            for column, item in ((_KEY, QTableWidgetItem(behavior.key)), (_NAME, name)):
                self.setItem(row, column, item)
            self.setItem(row, _BOUTS, bouts)
            if behavior.name == self._labelling.brush:
                self.selectRow(row)
        self.updateGeometry()

    def _choose(self) -> None:
        behavior = self._chosen() if self.selectedItems() else None
        if behavior is not None:
            self._labelling.brush = behavior.name

    def _take(self, item: QTableWidgetItem) -> None:
        """Take a name or a key that was typed; what cannot be is put back."""
        behavior, text = self._behaviors[item.row()], item.text().strip()
        if item.column() == _KEY and text != behavior.key:
            self._labelling.set_key(behavior.name, text)
        elif item.column() == _NAME and text != behavior.name:
            self._labelling.rename(behavior.name, text)
        else:
            return
        self._update()
