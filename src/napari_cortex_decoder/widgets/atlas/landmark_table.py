"""The landmarks as a small table: how far each lies from where the fit puts it."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QAbstractItemView, QTableWidget, QTableWidgetItem

from napari_cortex_decoder.atlas.fit import MAX_RESIDUAL
from napari_cortex_decoder.widgets.atlas.placing_model import Placing
from napari_cortex_decoder.widgets.parts.colors import ORANGE
from napari_cortex_decoder.widgets.parts.controls import whole_rows

_COLUMNS = ("landmark", "off by mm", "off by px")
_MOST_ROWS = 9  # shown without scrolling


class LandmarkTable(QTableWidget):
    """Shows the residuals of a placing; those too large to be an accident are orange."""

    def __init__(self) -> None:
        super().__init__(0, len(_COLUMNS))
        self.setHorizontalHeaderLabels(_COLUMNS)
        whole_rows(self, 0)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)

    @property
    def selected_names(self) -> tuple[str, ...]:
        """Names in the selected rows."""
        rows = {index.row() for index in self.selectedIndexes()}
        return tuple(self.item(row, 0).text() for row in sorted(rows))

    def show_placing(self, placing: Placing | None) -> None:
        """Show another placing."""
        residuals = () if placing is None else placing.registration.residuals()
        if self.rowCount() != len(residuals):
            self.setRowCount(len(residuals))
            self._fit_height()
        fits = placing is not None and not placing.problem
        for row, residual in enumerate(residuals):
            far = fits and residual.mm > MAX_RESIDUAL
            numbers = (f"{residual.mm:.2f}", f"{residual.px:.1f}") if fits else ("–", "–")
            for column, text in enumerate((residual.name, *numbers)):
                self._write(row, column, text, far)

    def _write(self, row: int, column: int, text: str, far: bool) -> None:
        item = self.item(row, column)
        if item is None:
            item = QTableWidgetItem()
            side = Qt.AlignmentFlag.AlignLeft if column == 0 else Qt.AlignmentFlag.AlignRight
            item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
            self.setItem(row, column, item)
        if item.text() != text:
            item.setText(text)
        if bool(item.data(Qt.ItemDataRole.UserRole)) != far:
            item.setData(Qt.ItemDataRole.UserRole, far)
            item.setData(Qt.ItemDataRole.ForegroundRole, QColor(*ORANGE) if far else None)

    def _fit_height(self) -> None:
        rows = min(max(self.rowCount(), 1), _MOST_ROWS)
        height = rows * self.verticalHeader().defaultSectionSize()
        self.setFixedHeight(height + self.horizontalHeader().sizeHint().height() + 4)
