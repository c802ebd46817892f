"""Compressed files that would unpack to gigabytes are refused, or not unpacked."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import zlib
from contextlib import suppress
from pathlib import Path

import h5py
import imagecodecs
import numcodecs
import numpy as np
import pytest
import tifffile
import zarr

from napari_cortex_decoder.containers.packed import check_packed
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording import open_recording

BOMB = 2**28 + 2**24
"""Bytes that come out of a bomb; what it is opened with must not take a quarter of that."""

CHUNK = (4, 64, 64)
CHUNK_BYTES = 4 * 64 * 64 * 2

# of each codec, what numcodecs writes and HDF5 or Zarr unpack
ENCODERS = {
    "gzip": numcodecs.GZip().encode,
    "zlib": numcodecs.Zlib().encode,
    "zstd": numcodecs.Zstd().encode,
    "blosc": numcodecs.Blosc(cname="zstd").encode,
    "lz4": numcodecs.LZ4().encode,
    "bz2": numcodecs.BZ2().encode,
    "lzma": numcodecs.LZMA().encode,
}


def tiff_bomb(folder: Path, codec: str, bomb: bytes) -> Path:
    path = folder / f"{codec}.tif"
    noise = np.random.default_rng(0).integers(0, 60000, (3, 300, 300), dtype="u2")
    tifffile.imwrite(path, noise, compression=codec, photometric="minisblack", metadata=None)
    with tifffile.TiffFile(path, mode="r+b") as tif:
        end = tif.filehandle.seek(0, 2)
        tif.filehandle.write(bomb)
        for page in tif.pages:
            page.tags["StripOffsets"].overwrite([end])
            page.tags["StripByteCounts"].overwrite([len(bomb)])
    return path


def hdf5_bomb(folder: Path, bomb: bytes) -> Path:
    path = folder / "bomb.h5"
    with h5py.File(path, "w") as file:
        movie = file.create_dataset(
            "movie", shape=(8, 64, 64), chunks=CHUNK, dtype="u2", compression="gzip"
        )
        for start in (0, 4):
            movie.id.write_direct_chunk((start, 0, 0), bomb)
    return path


def zarr_bomb(folder: Path, codec: str, bomb: bytes) -> Path:
    path = folder / f"{codec}.zarr"
    array = zarr.create_array(
        path,
        shape=(8, 64, 64),
        chunks=CHUNK,
        dtype="u2",
        zarr_format=2,
        compressors=numcodecs.get_codec({"id": codec}),
    )
    array[:] = 1
    for start in (0, 1):
        (path / f"{start}.0.0").write_bytes(bomb)
    return path


# in a process of its own: making the bombs takes more memory than opening them may
PROGRAM = """
import json, resource, sys
from napari_cortex_decoder.errors import CortexDecoderError
from napari_cortex_decoder.recording import open_recording
import h5py, tifffile, zarr

held = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
told = {}
for path in sys.argv[1:]:
    before = held()
    try:
        open_recording(path).movie[0].compute()
        said = ""
    except CortexDecoderError as error:
        said = str(error)
    told[path] = (said, held() - before)
print(json.dumps(told))
"""


@pytest.mark.slow
def test_bombs_are_not_unpacked(tmp_path: Path) -> None:
    nothing = bytes(BOMB)
    paths = [
        tiff_bomb(tmp_path, "zlib", imagecodecs.zlib_encode(nothing)),
        tiff_bomb(tmp_path, "zstd", imagecodecs.zstd_encode(nothing)),
        tiff_bomb(tmp_path, "lzw", imagecodecs.lzw_encode(nothing[: BOMB // 2])),
        hdf5_bomb(tmp_path, zlib.compress(nothing, 6)),
        zarr_bomb(tmp_path, "gzip", zlib.compress(nothing, 6, wbits=31)),
        zarr_bomb(tmp_path, "blosc", numcodecs.Blosc(cname="zstd").encode(nothing)),
    ]
    command = [sys.executable, "-c", PROGRAM, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    unit = 1 if sys.platform == "darwin" else 1024
    for path, (said, grown) in json.loads(done.stdout).items():
        assert grown * unit < BOMB / 4, (path, said)
        assert path.endswith(".tif") or "would become more than" in said, (path, said)


@pytest.mark.parametrize("codec", ENCODERS)
def test_what_is_as_large_as_its_chunks_passes(codec: str) -> None:
    noise = np.random.default_rng(0).bytes(CHUNK_BYTES)
    for content in (noise, bytes(CHUNK_BYTES)):
        check_packed(Path("m"), bytes(ENCODERS[codec](content)), codec, CHUNK_BYTES)


@pytest.mark.parametrize("codec", ENCODERS)
def test_what_is_larger_than_its_chunks_is_refused(codec: str) -> None:
    packed = bytes(ENCODERS[codec](bytes(BOMB if codec in ("gzip", "zlib") else 2**22)))
    with pytest.raises(RecordingError, match="would become more than"):
        check_packed(Path("m"), packed, codec, CHUNK_BYTES)


def test_a_zstd_frame_that_claims_no_size_is_measured() -> None:
    def unsized(blocks: int) -> bytes:
        """Make a frame of blocks of 128 KiB of zeros, as RFC 8878 has it, without a size."""
        block = (1 << 1 | 2**17 << 3).to_bytes(3, "little") + b"\0"
        last = (1 | 1 << 1 | 2**17 << 3).to_bytes(3, "little") + b"\0"
        return b"\x28\xb5\x2f\xfd\x00\x50" + (blocks - 1) * block + last

    assert len(imagecodecs.zstd_decode(unsized(3))) == 3 * 2**17
    check_packed(Path("m"), unsized(1), "zstd", 2**17)
    with pytest.raises(RecordingError, match="would become more than"):
        check_packed(Path("m"), unsized(1000), "zstd", 2**17)


# each chunk that was claimed was once looked for, from the last to the first
@pytest.mark.parametrize("claimed", [[10**12, 20, 31], [10**30, 20, 31], [12, 10**12, 31]])
def test_a_zarr_folder_that_claims_any_number_of_chunks_is_answered_at_once(
    tmp_path: Path, claimed: list[int]
) -> None:
    movie = zarr.create_array(tmp_path / "m.zarr", shape=(12, 20, 31), chunks=(5, 20, 31),
                              dtype="u2")  # fmt: skip
    movie[:] = 1
    about = tmp_path / "m.zarr" / "zarr.json"
    about.write_text(json.dumps(json.loads(about.read_text()) | {"shape": claimed}))
    begun = time.process_time()
    with suppress(RecordingError):
        open_recording(tmp_path / "m.zarr", frame_rate=30).movie[0].compute()
    assert time.process_time() - begun < 5
