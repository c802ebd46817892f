"""napari's way from a movie layer to a file: *File ▸ Save Selected Layers*, `layer.save`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
from pint import Unit
from qtpy.QtCore import QEventLoop
from qtpy.QtWidgets import QApplication, QProgressDialog

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.progress import Progress
from napari_cortex_decoder.recording import Recording, save_recording
from napari_cortex_decoder.widgets.parts.long_task import LongTask
from napari_cortex_decoder.widgets.recording.layers import RECORDING_KEY
from napari_cortex_decoder.widgets.recording.saving_model import save

_FIRST_SHOWN = 500  # ms until a dialog tells of the progress


def write_movie(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write an image layer of shape (t, y, x) as NWB, OME-Zarr or TIFF, as the suffix says.

    The user has agreed to replace the file. `data` are what the layer shows; one whose `attributes`
    carry a `Recording` is written with all that is known of it. Returns the file; nothing if the
    user has cancelled. Raises RecordingError if the layer is no movie, or the file cannot be
    written.
    """
    recording = attributes.get("metadata", {}).get(RECORDING_KEY)
    if not isinstance(recording, Recording):
        recording = _of_layer(data, attributes)
    if QApplication.instance() is None:
        return [str(save_recording(recording, path, overwrite=True))]
    return _save_and_answer(recording, Path(path))


def _of_layer(data: Any, attributes: dict[str, Any]) -> Recording:
    """Make a recording of any image layer; its scale tells the rate where it is in seconds."""
    name = str(attributes.get("name", "layer"))
    shape = np.shape(data)
    if len(shape) != 3 or attributes.get("rgb"):
        raise RecordingError(
            f"layer {name!r} has shape {shape}; only a movie of (frames, rows, columns) is saved."
        )
    seconds, *mm = (
        _magnitude(step, unit, wanted)
        for step, unit, wanted in zip(
            attributes["scale"], attributes["units"], ("s", "mm", "mm"), strict=True
        )
    )
    return Recording(
        movie=da.asarray(data),
        name=name,
        frame_rate=None if seconds is None else 1 / seconds,
        pixel_size=mm[0] if mm[0] == mm[1] else None,
    )


def _magnitude(step: float, unit: Any, wanted: str) -> float | None:
    """Return a layer's step along an axis in a wanted unit; None where it is in pixels."""
    known = Unit(str(unit))
    if not known.is_compatible_with(wanted):
        return None
    return float((float(step) * known).to(wanted).magnitude)


def _save_and_answer(recording: Recording, path: Path) -> list[str]:
    """Write in a thread; napari waits for the file, its windows do not.

    napari calls a writer on the thread of its windows, and takes the file for written when that
    returns: so windows are served here until it is.
    """
    dialog = QProgressDialog(f"Saving {path.name} …", "Cancel", 0, recording.n_frames)
    dialog.setModal(True)
    dialog.setMinimumDuration(_FIRST_SHOWN)
    dialog.setAutoClose(False)
    waiting = QEventLoop()
    written: list[str] = []
    failures: list[Exception] = []

    def show(progress: Progress) -> None:
        if progress.running:
            dialog.setValue(progress.done)
        else:
            waiting.quit()

    task = LongTask(show, failures.append)
    dialog.canceled.connect(task.cancel)
    work = partial(save, recording, path)
    task.start("writing", work, lambda file: written.append(str(file)))
    if task.running:
        waiting.exec()
    dialog.close()
    dialog.deleteLater()
    if failures:
        raise failures[0]
    return written
