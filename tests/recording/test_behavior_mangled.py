"""Mangled behaviour files: the named exception or a valid trace, and nothing else."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import dask.array as da
import h5py
import numpy as np
import pytest
from pynwb import NWBHDF5IO, NWBFile, TimeSeries
from scipy.io import savemat

from napari_cortex_decoder.errors import CortexDecoderError
from napari_cortex_decoder.recording import Recording, read_behavior

TABLE = "".join(f"{i},{i / 2}\n" for i in range(40))
SPEED = np.abs(np.sin(np.arange(40.0)))


def write_nwb(path: Path) -> None:
    nwb = NWBFile("s", "id", datetime(2024, 1, 1, tzinfo=UTC))
    nwb.add_acquisition(TimeSeries(name="speed", data=SPEED, unit="cm/s", rate=2.0))
    with NWBHDF5IO(path, "w") as io:
        io.write(nwb)


def write_mat_73(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["runrest"] = SPEED[:, None]


WRITERS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "mat-5": (".mat", lambda p: savemat(p, {"runrest": SPEED[None]}, do_compression=False)),
    "mat-5-deflated": (".mat", lambda p: savemat(p, {"runrest": SPEED}, do_compression=True)),
    "mat-7.3": (".mat", write_mat_73),
    "csv": (".csv", lambda p: p.write_text("time,speed\n" + TABLE)),
    "npy": (".npy", lambda p: np.save(p, SPEED)),
    "npz": (".npz", lambda p: np.savez_compressed(p, speed=SPEED, speed_dt=0.5)),
    "nwb": (".nwb", write_nwb),
}  # fmt: skip


def mangled(original: bytes, rng: np.random.Generator) -> bytes:
    """Flip, cut, repeat or zero a stretch: what broken disks, copies and people do."""
    data = bytearray(original)
    start = int(rng.integers(len(data)))
    stop = start + int(rng.integers(1, 64))
    match rng.integers(5):
        case 0:
            for at in rng.integers(len(data), size=8):
                data[at] ^= int(rng.integers(1, 256))
        case 1:
            del data[start:]
        case 2:
            data[start:stop] = bytes(stop - start)
        case 3:
            data[start:stop] = b"\xff" * (stop - start)
        case 4:
            data[start:start] = data[start:stop]
    return bytes(data)


@pytest.mark.parametrize("kind", WRITERS)
def test_a_mangled_file_is_read_or_refused_by_the_named_exception(tmp_path, kind):
    suffix, write = WRITERS[kind]
    good, bad = tmp_path / f"good{suffix}", tmp_path / f"bad{suffix}"
    write(good)
    original = good.read_bytes()
    recording = Recording(movie=da.zeros((40, 2, 2)), name="m", frame_rate=2.0)
    assert read_behavior(good, recording)
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range({"nwb": 15, "mat-5": 8, "mat-5-deflated": 8}.get(kind, 60)):
        bad.write_bytes(mangled(original, rng))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                read_behavior(bad, recording)
            except CortexDecoderError as error:
                assert "bad" in str(error)
                refused += 1
    assert refused > 0
