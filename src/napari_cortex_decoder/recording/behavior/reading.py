"""Read behaviour files of every kind onto a recording's clock."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.clock import clock_warnings, rate_of, same_rate
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.reading import readable, reads
from napari_cortex_decoder.recording.behavior.alignment import (
    ClockOptions,
    align,
    choose_frame_times,
)
from napari_cortex_decoder.recording.behavior.arrays import read_npy, read_npz
from napari_cortex_decoder.recording.behavior.content import BehaviorContent
from napari_cortex_decoder.recording.behavior.matlab import read_matlab
from napari_cortex_decoder.recording.behavior.nwb import read_nwb_behavior
from napari_cortex_decoder.recording.behavior.tables import read_text_table
from napari_cortex_decoder.recording.recording import BehaviorTrace, Recording

Reader = Callable[[Path, Sequence[str] | None], BehaviorContent]
"""Reads of a file the traces of some names, all if None, or raises `RecordingError`."""

READERS: dict[str, Reader] = {
    ".mat": read_matlab,
    ".csv": read_text_table,
    ".tsv": read_text_table,
    ".txt": read_text_table,
    ".npy": read_npy,
    ".npz": read_npz,
    ".nwb": read_nwb_behavior,
}
"""Reader of a kind of behaviour file, by its suffix."""


def read_behavior(
    path: str | Path,
    recording: Recording,
    *,
    fields: Sequence[str] | None = None,
    **clock: Unpack[ClockOptions],
) -> dict[str, BehaviorTrace]:
    """Return the traces that were measured during a recording by name, on its clock.

    The paper's ``speed_rs`` is called ``speed`` (cm/s), its ``runrest`` keeps its name (1 = run, 0
    = rest).

    Parameters
    ----------
    path
        A file of one of the kinds in `READERS`.
    fields
        Variables, columns or objects to read, as the file names them; all if None.
    **clock
        ``rate``, ``offset``, ``clock``, ``first_frame``, ``frame_times``: see `ClockOptions`.

    Raises
    ------
    RecordingError
        If the file cannot be read or does not fit the recording; `FrameRateError` if its frame
        times are needed and unknown. What else is odd is a warning.
    """
    path = Path(path)
    with readable(path, "behavior"):
        traces, said = align(read_content(path, fields), recording, path, clock)
    for sentence in said:
        warnings.warn(sentence, stacklevel=2)
    return traces


def add_behavior(
    recording: Recording,
    path: str | Path,
    *,
    fields: Sequence[str] | None = None,
    **clock: Unpack[ClockOptions],
) -> Recording:
    """Return a recording with the behavior of a file, and what does not fit among its warnings.

    Frame times of the file are taken where the recording has none of its own or `frame_times` names
    them; the frame rate too, where it was unknown or is another. Options and errors are those of
    `read_behavior`.
    """
    path = Path(path)
    # what was said of the file before was of another reading
    kept = tuple(one for one in recording.warnings if not one.startswith(f"{path.name}: "))
    recording = recording.replace(warnings=kept)
    with readable(path, "behavior"):
        content, chosen = read_content(path, fields), clock.get("frame_times")
        frame_times = choose_frame_times(content, recording, path, chosen)
        if frame_times is not None and (recording.frame_times is None or chosen is not None):
            recording = _with_frame_times(recording, frame_times, path)
        traces, said = align(content, recording, path, clock)
    return recording.replace(
        behavior={**recording.behavior, **traces}, warnings=(*recording.warnings, *said)
    )


def _with_frame_times(
    recording: Recording, frame_times: NDArray[np.float64], path: Path
) -> Recording:
    rate, given = rate_of(frame_times), recording.frame_rate
    warnings = (*recording.warnings, *clock_warnings(frame_times))
    if given is not None and not same_rate(rate, given):
        warnings += (
            f"{path.name}: its frame times say {rate:.4g} Hz, not the {given:.4g} Hz known so far; "
            "they count.",
        )
        given = None
    return recording.replace(frame_times=frame_times, frame_rate=given or rate, warnings=warnings)


@reads("behavior")
def read_content(path: Path, fields: Sequence[str] | None = None) -> BehaviorContent:
    """Return what a behavior file holds on its own clock; raise `RecordingError` if that fails."""
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise RecordingError(
            f"{path}: behaviour is read from {', '.join(READERS)} files, not from "
            f"{path.suffix or 'a file without suffix'!r}; export it as one of these."
        )
    if not path.is_file():
        raise RecordingError(f"{path}: there is no such file; check the path.")
    return replace(reader(path, fields), asked=fields is not None)
