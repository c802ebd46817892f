"""Sizes that a small HDF5 file claims, or unpacks to, are looked at before they cost anything."""

from __future__ import annotations

import resource
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from napari_cortex_decoder.errors import CortexDecoderError
from napari_cortex_decoder.labels.nwb import read_nwb_intervals
from napari_cortex_decoder.recording import open_recording
from napari_cortex_decoder.recording.behavior.nwb import read_nwb_behavior

MOVIE = np.arange(7 * 20 * 30, dtype="u2").reshape(7, 20, 30)
BOMB = zlib.compress(bytes(2**28), 9)  # as little as a quarter of a megabyte
MOST = 2**27


def held() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.parametrize("name", ["fps", "frame_times", "pixel_size_um"])
def test_a_bomb_beside_the_movie_is_refused(tmp_path: Path, name: str) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["movie"] = MOVIE
        small = file.create_dataset(name, (1,), "f8", chunks=(1,), compression="gzip")
        small.id.write_direct_chunk((0,), BOMB)
    before = held()
    with pytest.raises(CortexDecoderError, match=r"m\.h5: a compressed chunk"):
        open_recording(tmp_path / "m.h5")
    assert held() - before < MOST


@pytest.mark.parametrize("read", [read_nwb_intervals, read_nwb_behavior])
@pytest.mark.parametrize("column", ["start_time", "label"])
def test_a_table_that_claims_more_than_the_file_holds_is_refused(
    tmp_path: Path, read: object, column: str
) -> None:
    n = 40_000_000  # nothing of it is written: the file has a few kilobytes
    with h5py.File(tmp_path / "m.nwb", "w") as file:
        table = file.create_group("intervals/ethogram")
        for name in ("start_time", "stop_time"):
            table.create_dataset(name, (n,), "f8", chunks=(1000,))
        table.create_dataset("label", (n,), h5py.string_dtype(), chunks=(1000,))
    before = held()
    with pytest.raises(CortexDecoderError, match=r"m\.nwb.*claims"):
        read(tmp_path / "m.nwb")  # type: ignore[operator]
    assert held() - before < MOST
