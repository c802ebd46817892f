"""What the section *Atlas* asks in windows of their own, which block nothing.

magicgui reads what the arguments are, which therefore are types and no text.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from magicgui.signature import magic_signature
from magicgui.widgets import Dialog, Label
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QInputDialog, QWidget

from napari_cortex_decoder.widgets.parts.section import FileField

_EXAMPLE = "allen_mouse_25um"
_IMAGES = {"widget_type": FileField, "filter": "*.tif *.tiff *.png *.npy", "nullable": True}
_NAMES = {"widget_type": FileField, "filter": "*.csv", "nullable": True}
_MM = {"min": -20.0, "max": 20.0, "step": 0.1}
_SIZE = {"min": 0.0, "max": 10.0, "step": 0.00001, "label": "edge of a pixel (mm)"}
_PX = {"min": -1.0, "max": 10_000.0}

LabelImageTaker = Callable[[Path, Path | None, float, tuple[float, float] | None], None]


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

    def take(
        name: str = "",
        right_of_bregma: Annotated[float, {**_MM, "label": "right of bregma (mm)"}] = 0.0,
        behind_bregma: Annotated[float, {**_MM, "label": "behind bregma (mm)"}] = 0.0,
    ) -> None:
        then(name, right_of_bregma, behind_bregma)

    _ask(parent, "New landmark", take)


def ask_label_image(parent: QWidget, then: LabelImageTaker) -> None:
    """Ask for a label image, its scale, and the names of its labels."""

    def take(
        image: Annotated[Path | None, _IMAGES] = None,
        names: Annotated[Path | None, _NAMES] = None,
        pixel_size: Annotated[float, _SIZE] = 0.02,
        row_of_bregma: Annotated[float, _PX] = -1.0,
        column_of_bregma: Annotated[float, _PX] = -1.0,
    ) -> None:
        known = row_of_bregma >= 0 and column_of_bregma >= 0
        if image is not None:
            then(image, names, pixel_size, (row_of_bregma, column_of_bregma) if known else None)

    said = (
        "The nose is up; 0 is no area; names are a table with the columns label and acronym (name, "
        "side). A bregma at −1 is the middle."
    )
    _ask(parent, "Atlas of a label image", take, Label(value=said))


def _ask(parent: QWidget, title: str, take: Callable[..., None], *more: Label) -> None:
    """Ask in a window for the arguments of a function, and call it with them."""
    asked = Dialog()
    fields = magic_signature(take).widgets()
    asked.extend([*fields.values(), *more])
    dialog = asked.native
    dialog.setParent(parent, dialog.windowFlags() | Qt.WindowType.Dialog)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setWindowTitle(title)
    dialog.accepted.connect(lambda: take(**{name: asked[name].value for name in fields}))
    dialog.open()
