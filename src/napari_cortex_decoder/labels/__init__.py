"""Labels: what the animal did, frame by frame; editing, files, review and cleaning."""

from napari_cortex_decoder.bouts import UNKNOWN
from napari_cortex_decoder.labels.behaviors import Behavior, Labels
from napari_cortex_decoder.labels.cleaning import Cleaning, clean
from napari_cortex_decoder.labels.edits import (
    Edit,
    Erase,
    Flip,
    Merge,
    MoveBorder,
    Paint,
    Replace,
    SetBehaviors,
    Split,
    Verify,
)
from napari_cortex_decoder.labels.ethogram import Bout, Ethogram, Source
from napari_cortex_decoder.labels.exporting import Format, write_labels
from napari_cortex_decoder.labels.importing import Imported, import_labels, read_labels
from napari_cortex_decoder.labels.review import ReviewItem, review_queue
from napari_cortex_decoder.labels.session import LabelSession, journal_ethogram

__all__ = [
    "UNKNOWN",
    "Behavior",
    "Bout",
    "Cleaning",
    "Edit",
    "Erase",
    "Ethogram",
    "Flip",
    "Format",
    "Imported",
    "LabelSession",
    "Labels",
    "Merge",
    "MoveBorder",
    "Paint",
    "Replace",
    "ReviewItem",
    "SetBehaviors",
    "Source",
    "Split",
    "Verify",
    "clean",
    "import_labels",
    "journal_ethogram",
    "read_labels",
    "review_queue",
    "write_labels",
]
