"""Chunks of any array of a Zarr folder are numbers, or they are not unpacked."""

from __future__ import annotations

import json
import pickle
import zlib
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording import open_recording


class Bomb:
    """What a pickle from a stranger could do."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path(self.target),))  # type: ignore[return-value]


def folder(path: Path, version: int) -> Path:
    group = zarr.create_group(path, zarr_format=version)
    movie = np.arange(6 * 20 * 30, dtype="u2").reshape(6, 20, 30)
    group.create_array("movie", data=movie, chunks=(2, 20, 30))
    group.create_array("frame_times", data=np.arange(6) / 30)
    return path


@pytest.mark.parametrize("member", ["movie", "frame_times"])
@pytest.mark.parametrize("codec", ["pickle", "vlen-utf8", "json2", "msgpack2", "categorize"])
@pytest.mark.parametrize("place", ["filters", "compressor"])
def test_objects_are_refused_in_every_array_and_nothing_runs(
    tmp_path: Path, member: str, codec: str, place: str
) -> None:
    path, fired = folder(tmp_path / "m.zarr", 2), tmp_path / "fired"
    described = json.loads((path / member / ".zarray").read_text())
    made = {"id": codec} | ({"labels": [], "dtype": "u2"} if codec == "categorize" else {})
    described[place] = [made] if place == "filters" else made
    (path / member / ".zarray").write_text(json.dumps(described))
    for chunk in (path / member).glob("[0-9]*"):
        chunk.write_bytes(pickle.dumps(Bomb(fired)))
    with pytest.raises(RecordingError, match=rf"m\.zarr: .*({codec}|cannot be read)"):
        open_recording(path).movie.compute()
    assert not fired.exists()


@pytest.mark.parametrize("version", [2, 3])
def test_times_that_would_become_gigabytes_are_refused(tmp_path: Path, version: int) -> None:
    path = folder(tmp_path / "m.zarr", version)
    group = zarr.open_group(path, mode="a", zarr_format=version)
    del group["frame_times"]
    codec = zarr.codecs.GzipCodec() if version == 3 else "gzip"
    if version == 2:
        import numcodecs

        codec = numcodecs.GZip()
    group.create_array("frame_times", data=np.arange(6) / 30, compressors=codec)
    place = path / "frame_times" / ("c/0" if version == 3 else "0")
    place.write_bytes(zlib.compress(bytes(2**29), 6, wbits=31))
    with pytest.raises(RecordingError, match="would become more than"):
        open_recording(path)


def test_times_that_only_claim_to_be_many_are_left_out_and_told(tmp_path: Path) -> None:
    path = folder(tmp_path / "m.zarr", 3)
    group = zarr.open_group(path, mode="a")
    del group["frame_times"]
    group.create_array("frame_times", shape=(10**12,), chunks=(10**6,), dtype="f8")
    recording = open_recording(path)
    assert recording.frame_times is None
    assert any("claims 1000000000000 times" in warning for warning in recording.warnings)
