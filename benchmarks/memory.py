"""How much memory a decode takes, and that it does not grow with the movie.

python benchmarks/memory.py
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from napari_cortex_decoder.benchmarking.movie import FRAME_RATE, write_movie
from napari_cortex_decoder.compute import CPU

SHORT, LONG = 2_000, 20_000


def peak_memory(folder: Path) -> dict[str, float]:
    """Measure the peak above what a process held before it decoded, for 2,000 and 20,000 frames.

    On Linux only, which tells memory from mapped files; each decode has a process.
    """
    peaks = {}
    for n in (SHORT, LONG):
        path = folder / "movie.tif"
        write_movie(path, n)
        done = subprocess.run(
            [sys.executable, __file__, path], capture_output=True, text=True, check=True
        )
        peaks[n] = json.loads(done.stdout)
    return {
        "peak_memory_mb": peaks[LONG],
        "peak_memory_2000_frames_mb": peaks[SHORT],
        "peak_memory_20000_over_2000_frames": peaks[LONG] / peaks[SHORT],
    }


def peak_of(path: str) -> float:
    """Decode a movie and return the peak of memory above what was held before, in MB."""
    from napari_cortex_decoder.benchmarking.decoding import first_images, random_decoder
    from napari_cortex_decoder.recording import open_recording

    recording = open_recording(path, frame_rate=FRAME_RATE)
    start = recording.replace(movie=recording.movie[:100])
    decoder = random_decoder(first_images(start, 26))
    decoder.decode(start, compute=CPU, cached=False)  # libraries load and threads start
    idle, peak, done = _held(), 0.0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.01):
            peak = max(peak, _held())

    watcher = threading.Thread(target=watch)
    watcher.start()
    decoder.decode(recording, compute=CPU, cached=False)
    done.set()
    watcher.join()
    return peak - idle


def _held() -> float:
    """Return the memory of this process in MB, without mapped files, which are the disk's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) / 1000


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(peak_of(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as made:
            print(json.dumps(peak_memory(Path(made))))
