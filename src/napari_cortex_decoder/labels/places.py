"""The journals of one recording in two places: beside it, and where the user's own data are.

Labels are written beside the recording where that is possible, else among the user's own data; on
another day or another computer it may be the other way around. Neither hides the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.labels.behaviors import Labels
from napari_cortex_decoder.labels.edits import Replace, SetBehaviors
from napari_cortex_decoder.labels.journal import (
    NAME,
    EditLine,
    JournalContent,
    Numbered,
    applied,
    read_journal,
)


def labels_of(content: JournalContent) -> Labels | None:
    """Return the labels that a journal ends with; None for an empty one."""
    labels = content.start
    for group in content.past:
        labels = applied(labels, group)
    return labels


def read_fitting(folder: Path | None, n_frames: int | None = None) -> JournalContent:
    """Read the journal in a folder.

    Raises LabelError if it is damaged, or of a recording of another length.
    """
    content = JournalContent() if folder is None else read_journal(folder / NAME)
    header = content.header
    if header is not None and n_frames is not None and header.n_frames != n_frames:
        raise LabelError(
            f"{folder}/{NAME} labels a recording of {header.n_frames} frames and this one has "
            f"{n_frames}; open the recording that was labelled, or move the file away to start "
            "anew."
        )
    return content


def brought_together(
    mine: JournalContent, theirs: JournalContent
) -> tuple[JournalContent, list[str], bool]:
    """Return all that two journals of one recording say; `mine` is of the place written to.

    The content is `mine` itself, if it has all of `theirs`; `theirs`, if that has all of `mine`;
    else the newer one, in which the labels of the older one are one undo away. With it come the
    SHA-256 of the journals that it was made of (none if it is `mine` as it is), and whether each
    had something that the other had not.
    """
    if mine.has(theirs):
        return mine, [], False
    digests = [one.digest for one in (mine, theirs) if one.header is not None]
    if theirs.has(mine):
        return theirs, digests, False
    older, newer = sorted((mine, theirs), key=lambda one: one.last)
    shown, hidden = labels_of(newer), labels_of(older)
    assert newer.header is not None and older.header is not None
    assert shown is not None and hidden is not None
    newer.past += [_all_of(hidden, newer.last), _all_of(shown, newer.last)]
    newer.future, newer.run = [], None
    return newer, [*older.header.taken, *digests], True


def _all_of(labels: Labels, time: str) -> list[Numbered]:
    """Return the edits that make these labels out of any other ones."""
    edits: Iterable[SetBehaviors | Replace] = (
        SetBehaviors(behaviors=labels.behaviors),
        Replace(start=0, stop=labels.ethogram.n_frames, bouts=labels.ethogram.bouts),
    )
    return [Numbered(0, EditLine(time=time, edit=edit)) for edit in edits]
