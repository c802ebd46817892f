"""How exact, and how costly, a camera beside the movie is: seeks, and playing in the real window.

``bash tools/with-display.sh python benchmarks/camera.py`` writes a video (10 minutes) of 640 x 480
at 60 Hz whose pictures show their numbers as bars, even or with uneven times and B-frames, beside a
movie at 30 Hz. It tells how many of 500 random moments showed the picture whose stamp is nearest,
by how many frames the pane was late while the movie played, looked at as each frame ends (early
is not late, and evens nothing out), and the processor time that a picture took of the window's
thread: how much more it was than for as many frames without camera.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import dask.array as da
import napari
import numpy as np
from napari.layers import Layer
from numpy.typing import NDArray
from qtpy.QtGui import QImage
from qtpy.QtWidgets import QApplication

from napari_cortex_decoder.cameras import open_camera
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.widgets.cameras.camera_pane import CameraPane
from napari_cortex_decoder.widgets.recording.layers import movie_layer
from napari_cortex_decoder.widgets.session import workspace_of

_BITS, _BAR = 16, 40
_SEEKS = 500


def write_video(path: Path, ticks: NDArray[np.int64], b_frames: int) -> None:
    """Write pictures that show their numbers, at times in ms."""
    with av.open(str(path), "w") as video:
        stream = video.add_stream("libx264", rate=60, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = _BITS * _BAR, 480, "yuv420p"
        stream.codec_context.max_b_frames = b_frames
        stream.gop_size = 250
        stream.codec_context.time_base = Fraction(1, 1000)
        picture = np.full((480, _BITS * _BAR), 90, np.uint8)
        for number, tick in enumerate(ticks.tolist()):
            bits = [255 * (number >> bit & 1) for bit in range(_BITS)]
            picture[:64] = np.repeat(np.array(bits, np.uint8), _BAR)
            picture[100:300] = 60 + number % 120  # something that moves
            frame = av.VideoFrame.from_ndarray(picture, format="gray")
            frame.pts, frame.time_base = tick, Fraction(1, 1000)
            video.mux(stream.encode(frame))
        video.mux(stream.encode())


def number_in(picture: NDArray[np.uint8]) -> int:
    """Read the number off a picture."""
    grey = picture if picture.ndim == 2 else picture.mean(axis=2)
    bars = grey[8:56].reshape(48, _BITS, _BAR)[:, :, 8:-8].mean(axis=(0, 2))
    return sum(int(bar > 128) << bit for bit, bar in enumerate(bars))


def seek(path: Path, ticks: NDArray[np.int64], recording: Recording) -> dict[str, float]:
    """Look at random moments."""
    camera, stamps = open_camera(path, recording), (ticks - ticks[0]) / 1000
    rng, right, spent = np.random.default_rng(0), 0, []
    with camera.pictures.opened() as read:
        for moment in rng.uniform(0, stamps[-1], _SEEKS):
            wanted = camera.frame_at(float(moment))
            assert wanted is not None
            began = time.perf_counter()
            shown = number_in(read(wanted))
            spent.append(time.perf_counter() - began)
            off = abs(stamps[shown] - moment) - np.abs(stamps - moment).min()
            right += bool(off <= 0.001)  # a time stamp of the file is rounded
    return {"seeks": _SEEKS, "nearest": right, "ms a seek": 1000 * float(np.median(spent))}


def play(path: Path, recording: Recording, seconds: float) -> dict[str, float]:
    """Play in the real window, without the camera and with it."""
    viewer = napari.Viewer()
    viewer.window.add_plugin_dock_widget("napari-cortex-decoder", "Cortex Decoder")[1].finish()
    workspace = workspace_of(viewer)
    viewer.add_layer(Layer.create(*movie_layer(recording, (0.0, 1.0))))
    late: list[float] = []  # at the end of each frame of the movie
    frames: list[int] = []
    pictures: list[float] = []  # the moments of those that were shown
    shown = CameraPane._show

    def end_frame(following: int) -> None:
        if frames and pictures:
            late.append(max((float(recording.times[frames[-1]]) - pictures[-1]) * 30, 0.0))
        frames.append(following)

    workspace.movie.events.frame.connect(end_frame)

    def show(pane: CameraPane, number: int, picture: NDArray[np.uint8], image: QImage) -> None:
        shown(pane, number, picture, image)
        (camera,) = workspace.cameras.cameras
        pictures.append(float(camera.times[number_in(picture)]))

    def computed() -> tuple[float, int]:
        """Play; return the processor time of this thread, and how many frames were shown."""
        workspace.movie.seek(0)
        serve(2.0)  # what opening began ends
        for counted in (late, frames, pictures):
            counted.clear()
        workspace.playback.play()
        began = time.thread_time()
        serve(seconds)
        spent = time.thread_time() - began
        workspace.playback.stop()
        return spent, len(frames)

    without, n_without = computed()
    CameraPane._show = show  # type: ignore[method-assign]
    workspace.cameras.add(path)
    serve(30.0, until=lambda: bool(workspace.cameras.cameras))
    spent, n_frames = computed()
    CameraPane._show = shown  # type: ignore[method-assign]
    return {
        "seconds": seconds,
        "movie frames": n_frames,
        "movie frames without a camera": n_without,
        "pictures": len(pictures),
        "late on average (frames)": float(np.mean(late)),
        "more than 2 frames late (share)": float(np.mean(np.array(late) > 2)),
        "late at most (frames)": float(np.max(late)),
        "ms of the window's thread a picture": 1000
        * (spent - without * n_frames / n_without)
        / len(pictures),
    }


def serve(seconds: float, until: Callable[[], bool] = lambda: False) -> None:
    """Serve the window for some seconds, or until something is so."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not until():
        QApplication.processEvents()
        time.sleep(0.001)


def main() -> None:
    """Write the videos, measure, tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--play", type=float, default=20.0, help="seconds")
    given = parser.parse_args()
    n = round(given.minutes * 60 * 60)
    even = np.round(np.arange(n) * 1000 / 60).astype(np.int64)
    uneven = np.cumsum(np.resize([16, 17, 17, 30, 5, 15], n)).astype(np.int64)
    recording = Recording(
        movie=da.zeros((n // 2, 128, 128), chunks=(100, 128, 128)), name="m", frame_rate=30.0
    )
    with tempfile.TemporaryDirectory() as folder:
        told: dict[str, object] = {}
        for name, ticks, b_frames in (("even", even, 0), ("uneven, B-frames", uneven, 3)):
            path = Path(folder, f"{name.split(',')[0]}.mp4")
            write_video(path, ticks, b_frames)
            told[name] = seek(path, ticks, recording)
        told["playing"] = play(Path(folder, "even.mp4"), recording, given.play)
        print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
