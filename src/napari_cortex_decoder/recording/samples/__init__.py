"""A real recording to try the program on; its licence lies beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_cortex_decoder.recording.recording import Recording

REAL_MOUSE = Path(__file__).with_name("real_mouse.nwb")
"""A minute and a half of dorsal cortex, one frame a second: yulonglab/MesoscopicImaging, MIT."""


def open_real_mouse() -> Recording:
    """Return the recording, with its 405 nm reference and the voltage of the treadmill.

    It has no path: labels of a sample are not kept beside it, where the program is installed.
    """
    from napari_cortex_decoder.recording.behavior.reading import add_behavior
    from napari_cortex_decoder.recording.opening import open_recording

    recording = add_behavior(open_recording(REAL_MOUSE), REAL_MOUSE)
    return recording.replace(path=None, subject=None)
