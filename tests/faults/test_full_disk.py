"""NWB files onto a disk that is full: one sentence, nothing left, and the program lives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from helpers.disks import small_disk
from napari_cortex_decoder.recording import open_recording, save_recording

# in a program of its own: what HDF5 cannot close ends it when it ends
PROGRAM = """
import resource, sys
from datetime import datetime, UTC
from pathlib import Path
import numpy as np
from napari_cortex_decoder.atlas import Area
from napari_cortex_decoder.atlas.nwb_export import write_traces_nwb
from napari_cortex_decoder.errors import CortexDecoderError
from napari_cortex_decoder.labels.content import Interval
from napari_cortex_decoder.labels.ethogram import Source
from napari_cortex_decoder.labels.nwb import write_nwb_intervals
from napari_cortex_decoder.recording import open_recording, save_recording

folder, movie, limit = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
recording = open_recording(movie, frame_rate=30)
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
rows = [Interval(i, "", "run", i, i + 0.5, Source.PERSON) for i in range(300)]
image = np.zeros((64, 64), np.int64)
image[:9] = 1
area = Area(acronym="MOp", name="motor", side="left", polygon=np.eye(3)[:, :2])
writers = {
    "movie": lambda path: save_recording(recording, path),
    "labels": lambda path: write_nwb_intervals(path, rows, "m"),
    "traces": lambda path: write_traces_nwb(
        path, np.random.rand(9_000, 1), image, [area], np.arange(9_000) / 30,
        session_start=datetime.now(UTC), name="m",
    ),
}
for name, write in writers.items():
    try:
        write(folder / f"{name}.nwb")
    except CortexDecoderError as error:
        assert str(folder) in str(error) and chr(10) not in str(error), error
        print("told", name)
    else:
        print("written", name)
        (folder / f"{name}.nwb").unlink()
    assert not list(folder.iterdir()), list(folder.iterdir())
"""


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    path = tmp_path / "m.npy"
    np.save(path, np.random.default_rng(0).integers(0, 60_000, (200, 64, 64), dtype=np.uint16))
    return path


def write_all(folder: Path, movie: Path, limit: int) -> list[str]:
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, folder, movie, str(limit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert not ended.stderr
    return ended.stdout.split("\n")[:-1]


@pytest.mark.parametrize("size", [16_384, 262_144, 1_048_576])
def test_an_nwb_file_that_does_not_fit_is_told_in_one_sentence(
    tmp_path: Path, movie: Path, size: int
) -> None:
    with small_disk(tmp_path / "disk", size) as disk:
        ended = write_all(disk, movie, 0)
    assert "told movie" in ended
    assert len(ended) == 3


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on the size of a file")
@pytest.mark.parametrize("size", [1, 5000, 100_000])
def test_a_file_that_may_not_grow_is_told_as_well(tmp_path: Path, movie: Path, size: int) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    assert "told movie" in write_all(folder, movie, size)


def test_an_nwb_file_that_fits_is_as_pynwb_alone_writes_it(tmp_path: Path, movie: Path) -> None:
    recording = open_recording(movie, frame_rate=30)
    path = save_recording(recording, tmp_path / "m.nwb")
    with h5py.File(path, "r") as file:
        np.testing.assert_array_equal(
            file["acquisition/OnePhotonSeries/data"][:].transpose(0, 2, 1), np.load(movie)
        )
    assert (open_recording(path).movie.compute() == recording.movie.compute()).all()
