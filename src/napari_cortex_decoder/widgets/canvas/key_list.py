"""The list of all keys."""

from __future__ import annotations

from napari.utils.action_manager import action_manager
from napari.utils.interactions import Shortcut
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_cortex_decoder.widgets.canvas.key_acts import ACTS, KINDS, keys_of


class KeyList(QDialog):
    """Shows what each key does and when; a button leads to where napari lets it be changed."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys of Cortex Decoder")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(440, 620)
        rows = QTreeWidget()
        rows.setHeaderLabels(["what", "key"])
        rows.setSelectionMode(QTreeWidget.SelectionMode.NoSelection)
        for kind in reversed(KINDS):  # what always works comes first
            group = QTreeWidgetItem(rows, [kind.title])
            for name, act in ACTS.items():
                if act.kind is kind:
                    keys = " or ".join(
                        Shortcut(key).platform.replace("␣", "Space") for key in keys_of(name)
                    )
                    QTreeWidgetItem(group, [act.title, keys])
            group.setFirstColumnSpanned(True)
        rows.expandAll()
        rows.resizeColumnToContents(0)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        change = buttons.addButton("Change…", QDialogButtonBox.ButtonRole.ActionRole)
        change.clicked.connect(lambda: action_manager.trigger("napari:show_shortcuts"))
        buttons.rejected.connect(self.close)
        column = QVBoxLayout(self)
        column.addWidget(rows)
        column.addWidget(buttons)
