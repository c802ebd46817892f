"""Read behaviour files of every kind onto a recording's clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.behavior.alignment import align
from napari_cortex_decoder.recording.behavior.content import BehaviorContent
from napari_cortex_decoder.recording.behavior.matlab import read_matlab
from napari_cortex_decoder.recording.behavior.tables import read_text_table
from napari_cortex_decoder.recording.recording import BehaviorTrace, Recording

Reader = Callable[[Path, Sequence[str] | None], BehaviorContent]

READERS: dict[str, Reader] = {
    ".mat": read_matlab,
    ".csv": read_text_table,
    ".tsv": read_text_table,
    ".txt": read_text_table,
}
"""Reader of a kind of behaviour file, by its suffix."""


def read_behavior(
    path: str | Path,
    recording: Recording,
    *,
    fields: Sequence[str] | None = None,
    rate: float | None = None,
    offset: float = 0.0,
    first_frame: int = 0,
) -> dict[str, BehaviorTrace]:
    """Read the behaviour that was measured during a recording.

    Parameters
    ----------
    path
        A file of one of the kinds in `READERS`.
    recording
        The recording it belongs to.
    fields
        Variables or columns to read, as the file names them; all if None.
    rate
        Samples a second of traces that come without times; if None, such a trace must have exactly
        one value a frame.
    offset
        Seconds to add to the file's own times, or, with `rate`, the time of the first sample.
    first_frame
        Number that the file gives to the movie's first frame, where it counts frames.

    Returns
    -------
    dict of str to BehaviorTrace
        Traces by name, on the recording's clock. The paper's ``speed_rs`` is called ``speed``
        (cm/s), its ``runrest`` keeps its name (1 = run, 0 = rest).

    Raises
    ------
    RecordingError
        If the file cannot be read or does not fit the recording.
    FrameRateError
        If the recording's frame times are needed and unknown.
    """
    path = Path(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise RecordingError(
            f"{path}: behaviour is read from {', '.join(READERS)} files, not from "
            f"{path.suffix or 'a file without suffix'!r}; export it as one of these."
        )
    if not path.is_file():
        raise RecordingError(f"{path}: there is no such file; check the path.")
    try:
        content = reader(path, fields)
    except OSError as error:
        raise RecordingError(f"{path}: it cannot be read ({error}); check the file.") from error
    return align(content, recording, path, rate=rate, offset=offset, first_frame=first_frame)
