"""Make the real recording of *File ▸ Open Sample* from the published one.

    python tools/make_sample.py FOLDER

FOLDER holds the files of yulonglab/MesoscopicImaging (MIT): the red calcium indicator jRGECO1a, its
405 nm reference, and when frames were taken and what the treadmill said. Pixels are binned twice
more and the first minute and a half is kept: the mouse runs at 48 to 58 s, and the seizure that the
published recording is about begins.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import dask.array as da
import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_cortex_decoder.recording import BehaviorTrace, Recording, save_recording
from napari_cortex_decoder.recording.samples import REAL_MOUSE

FRAMES = 90
PIXEL_SIZE = 0.072  # mm, after binning


def main(folder: Path) -> None:
    """Write the recording and its licence into the package."""
    sync = np.load(folder / "sync.npz")
    times = sync["frame_times_561_488"][:FRAMES]
    seconds = sync["run_t0"] + sync["run_dt"] * np.arange(len(sync["run_v"]))
    kept = seconds < times[-1] + 1
    recording = Recording(
        movie=binned(folder / "jRGECO1a_561_256x256_200f_1Hz.tif"),
        reference=binned(folder / "F405_128x128_200f_1Hz.tif", 1),
        name="real_mouse",
        frame_rate=1.0,
        frame_times=times,
        pixel_size=PIXEL_SIZE,
        behavior={"treadmill": BehaviorTrace("treadmill", sync["run_v"][kept], seconds[kept], "V")},
    )
    save_recording(recording, REAL_MOUSE, overwrite=True)
    shutil.copyfile(folder / "LICENSE", REAL_MOUSE.with_name("LICENSE"))
    print(REAL_MOUSE, f"{REAL_MOUSE.stat().st_size / 1e6:.1f} MB")


def binned(file: Path, edge: int = 2) -> da.Array:
    """Return the mean of each edge × edge pixels, shape (t, y, x), uint16."""
    frames: NDArray[np.uint16] = tifffile.imread(file)[:FRAMES]
    t, rows, columns = frames.shape
    parts = frames.reshape(t, rows // edge, edge, columns // edge, edge)
    return da.from_array(np.rint(parts.mean(axis=(2, 4))).astype(np.uint16))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
