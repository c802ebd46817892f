"""What the section *Atlas* asks in windows of their own, which block nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QInputDialog,
    QLabel,
    QLineEdit,
    QPushButton,
    QWidget,
)

from napari_cortex_decoder.widgets.parts.controls import NumberBox
from napari_cortex_decoder.widgets.parts.section import ask_file

_EXAMPLE = "allen_mouse_25um"
_FARTHEST = 20.0  # mm from bregma
_LARGEST = 10_000.0  # px

LabelImageTaker = Callable[[str, str | None, float, tuple[float, float] | None], None]


def ask_brainglobe(parent: QWidget, then: Callable[[str], None]) -> None:
    """Ask for the name of a BrainGlobe atlas."""
    dialog = QInputDialog(parent)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setWindowTitle("A BrainGlobe atlas")
    dialog.setLabelText("Name of the atlas; BrainGlobe fetches it if it is not there yet:")
    dialog.setTextValue(_EXAMPLE)
    dialog.textValueSelected.connect(then)
    dialog.open()


def ask_landmark(parent: QWidget, then: Callable[[str, float, float], None]) -> None:
    """Ask for name and place on the atlas of a new landmark."""
    name = QLineEdit()
    x, y = _number(-_FARTHEST, _FARTHEST, "mm"), _number(-_FARTHEST, _FARTHEST, "mm")
    dialog, form = _dialog(parent, "New landmark", lambda: then(name.text(), x.value, y.value))
    form.insertRow(0, "name", name)
    form.insertRow(1, "right of bregma", x.native)
    form.insertRow(2, "behind bregma", y.native)
    dialog.open()


def ask_label_image(parent: QWidget, then: LabelImageTaker) -> None:
    """Ask for a label image, its scale, and the names of its labels."""
    image, names = _FileButton("image"), _FileButton("none: number them")
    image.clicked.connect(
        lambda: ask_file(
            image, "Label image", "Label images (*.tif *.tiff *.png *.npy)", image.choose
        )
    )
    names.clicked.connect(
        lambda: ask_file(names, "Names of the labels", "Tables (*.csv)", names.choose)
    )
    size = NumberBox(high=10.0, decimals=5, suffix=" mm", step=0.1)
    size.value = 0.02
    row, column = _number(-1.0, _LARGEST, "px"), _number(-1.0, _LARGEST, "px")
    for box in (row, column):
        box.native.setSpecialValueText("middle")
        box.value = -1.0

    def take() -> None:
        known = row.value >= 0 and column.value >= 0
        bregma = (row.value, column.value) if known else None
        if image.path is not None:
            then(image.path, names.path, size.value, bregma)

    dialog, form = _dialog(parent, "Atlas of a label image", take)
    for place, (title, part) in enumerate(
        (
            ("label image", image),
            ("names (CSV)", names),
            ("edge of a pixel", size.native),
            ("row of bregma", row.native),
            ("column of bregma", column.native),
        )
    ):
        form.insertRow(place, title, part)
    form.insertRow(5, QLabel("The nose is up; 0 is no area; columns label, acronym (name, side)."))
    dialog.open()


class _FileButton(QPushButton):
    """Shows and keeps the file that was chosen."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text} …")
        self.path: str | None = None

    def choose(self, path: str) -> None:
        self.path = path
        self.setText(Path(path).name)


def _number(low: float, high: float, unit: str) -> NumberBox:
    return NumberBox(low=low, high=high, step=0.1, suffix=f" {unit}")


def _dialog(parent: QWidget, title: str, then: Callable[[], None]) -> tuple[QDialog, QFormLayout]:
    dialog = QDialog(parent)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setWindowTitle(title)
    buttons = QDialogButtonBox(
        QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
    )
    buttons.accepted.connect(dialog.accept)
    buttons.rejected.connect(dialog.reject)
    dialog.accepted.connect(then)
    form = QFormLayout(dialog)
    form.addRow(buttons)
    return dialog, form
