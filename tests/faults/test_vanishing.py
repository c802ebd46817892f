"""Movies that go away, are cut short, written to or replaced while they are read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray

from helpers.movies import movie_of
from helpers.waves import make_network, moving_frames
from napari_cortex_decoder.compute import CPU, Compute
from napari_cortex_decoder.decoder import CnnRnnConfig, Decoder, Preprocessing, Window, make_decoder
from napari_cortex_decoder.decoder.cache.feature_cache import list_cache
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording import open_recording
from recording.test_mangled import FORMATS, Writer

FEW = Compute(device="cpu", batch_size=8)
SIZE = Preprocessing(image_size=(32, 32), scale="centered-sd")


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORTEX_DECODER_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def quick() -> Decoder:
    config = CnnRnnConfig(window=Window(past=1, future=1), preprocessing=SIZE)
    return make_decoder(config, make_network(config), name="quick")


def npy_columns_first(folder: Path, movie: NDArray[np.generic]) -> tuple[Path, None]:
    np.save(folder / "m.npy", np.asfortranarray(movie))
    return folder / "m.npy", None


def files_of(path: Path) -> list[Path]:
    return sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def cut(path: Path) -> None:
    for file in files_of(path):
        os.truncate(file, file.stat().st_size // 2)


def write_to(path: Path) -> None:
    for file in files_of(path):
        with file.open("ab") as opened:
            opened.write(b"more")


def replace(path: Path) -> None:
    """Put another movie of the same size there, as a second export would."""
    for file in files_of(path):
        other = file.with_name("other")
        other.write_bytes(file.read_bytes())
        later = file.stat().st_mtime_ns + 10**9
        os.utime(other, ns=(later, later))
        other.replace(file)


def remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def empty(path: Path) -> None:
    """What a network drive leaves that is no longer mounted: its folder."""
    for file in files_of(path):
        file.unlink()


def sentence_of(read: Callable[[], object]) -> str:
    with pytest.raises(RecordingError) as caught:
        read()
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence
    return sentence


@pytest.mark.parametrize("fault", [cut, write_to, replace, remove, empty])
@pytest.mark.parametrize(
    "write",
    [*FORMATS.values(), npy_columns_first],
    ids=[*FORMATS, "npy_columns_first"],
)
def test_no_frame_is_read_of_a_file_that_is_not_what_it_was(
    tmp_path: Path, write: Writer, fault: Callable[[Path], None]
) -> None:
    folder = tmp_path / "movie"
    folder.mkdir()
    path, _ = write(folder, (movie_of(frames=27, rows=20, columns=30) * 211).astype("uint16"))
    recording = open_recording(path)
    recording.movie[0].compute()
    fault(path)
    sentence = sentence_of(recording.movie[20:].compute)
    assert str(path) in sentence


def sparse(folder: Path, version: int, shards: bool, separator: str = "/") -> Path:
    """A movie whose dark frames Zarr does not write: frames 8 to 15, and half of 16 to 19."""
    movie = np.random.default_rng(0).integers(1, 999, (40, 16, 16)).astype(np.uint16)
    movie[8:16] = 0
    movie[16:20, :, 8:] = 0
    more = {"shards": (8, 16, 16)} if shards else {}
    key = {"name": "v2" if version == 2 else "default", "separator": separator}
    array = zarr.create_array(
        str(folder / "m.zarr"), shape=movie.shape, dtype=movie.dtype, chunks=(4, 16, 8),
        zarr_format=version, chunk_key_encoding=key, config={"write_empty_chunks": False}, **more,
    )  # fmt: skip
    array[:] = movie
    np.save(folder / "truth.npy", movie)
    return folder / "m.zarr"


LAYOUTS = [(2, False, "."), (2, False, "/"), (3, False, "/"), (3, False, "."), (3, True, "/")]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_frames_that_zarr_left_out_are_dark(tmp_path: Path, layout: tuple[int, bool, str]) -> None:
    path = sparse(tmp_path, *layout)
    movie = open_recording(path).movie.compute()
    np.testing.assert_array_equal(movie, np.load(tmp_path / "truth.npy"))


def test_a_part_that_goes_away_at_once_is_missed_too(tmp_path: Path) -> None:
    written = sparse(tmp_path, 3, shards=False)
    for number in range(10):
        path = Path(shutil.copytree(written, tmp_path / f"{number}.zarr"))
        recording = open_recording(path)
        [file for file in files_of(path) if file.name != "zarr.json"][-1].unlink()
        assert "is missing" in sentence_of(recording.movie.compute)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("gone", ["all", "chunks", "last chunk", "moved", "description"])
def test_a_part_of_a_zarr_movie_that_went_away_is_not_dark(
    tmp_path: Path, layout: tuple[int, bool, str], gone: str
) -> None:
    path = sparse(tmp_path, *layout)
    recording = open_recording(path)
    recording.movie[:4].compute()
    described = ("zarr.json", ".zarray", ".zattrs")
    chunks = [file for file in files_of(path) if file.name not in described]
    if gone == "all":
        shutil.rmtree(path)
    elif gone == "moved":
        path.rename(tmp_path / "elsewhere")
    elif gone == "description":
        for name in described:
            (path / name).unlink(missing_ok=True)
    else:
        for chunk in chunks[-1:] if gone == "last chunk" else chunks:
            chunk.unlink()
    read = sentence_of(recording.movie.compute)
    assert str(path) in read


@pytest.mark.parametrize("fault", [remove, empty, cut])
def test_nothing_of_a_movie_that_went_away_while_it_was_decoded_is_kept(
    quick: Decoder, tmp_path: Path, fault: Callable[[Path], None]
) -> None:
    frames = moving_frames(400, (32, 32))
    path = tmp_path / "m.zarr"
    array = zarr.create_array(
        str(path), shape=frames.shape, dtype=frames.dtype, chunks=(16, 32, 32)
    )
    array[:] = frames
    aside = tmp_path / "aside"
    shutil.copytree(path, aside)
    expected = quick.decode(
        open_recording(path, frame_rate=30), compute=CPU, cached=False
    ).probability

    def decode_and_lose() -> None:
        stream = quick.stream(open_recording(path, frame_rate=30), compute=FEW)
        for event in stream:
            if event.stage == "decoding" and event.done == 0:
                continue
            if event.stage == "decoding" and path.exists():
                fault(path)

    sentence_of(decode_and_lose)
    assert not [entry for entry in list_cache() if entry.kind != "statistics"]
    if path.exists():
        shutil.rmtree(path)
    shutil.copytree(aside, path)
    probability = quick.decode(open_recording(path, frame_rate=30), compute=CPU).probability
    np.testing.assert_allclose(probability, expected, atol=1e-5, rtol=0)


def test_a_movie_of_which_a_part_was_rewritten_while_it_was_decoded_is_told(
    quick: Decoder, tmp_path: Path
) -> None:
    frames = moving_frames(400, (32, 32))
    path = tmp_path / "m.zarr"
    array = zarr.create_array(
        str(path), shape=frames.shape, dtype=frames.dtype, chunks=(16, 32, 32)
    )
    array[:] = frames

    def decode_and_write() -> None:
        for event in quick.stream(open_recording(path, frame_rate=30), compute=FEW):
            if event.stage == "decoding" and event.done:
                array[200:216] = 0

    assert "changed" in sentence_of(decode_and_write)
    assert not [entry for entry in list_cache() if entry.kind != "statistics"]


def test_the_command_line_ends_with_one_sentence_and_writes_nothing(
    quick: Decoder,
    tmp_path: Path,
    run: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    quick.save(tmp_path / "quick.safetensors")
    path = tmp_path / "m.npy"
    np.save(path, moving_frames(400, (32, 32)))

    stream = Decoder.stream

    def lose(self: Decoder, *arguments: object, **options: object) -> object:
        for event in stream(self, *arguments, **options):  # type: ignore[arg-type]
            if event.stage == "decoding" and event.done:
                os.truncate(path, 300_000)
            yield event

    monkeypatch.setattr(Decoder, "stream", lose)
    code, _, error = run(
        "decode", path, "--frame-rate", 30, "--decoder", tmp_path / "quick.safetensors", "--out",
        tmp_path / "out",
    )  # fmt: skip
    assert code == 2 and str(path) in error and error.count("\n") == 1
    assert not list(tmp_path.rglob("*.csv")) and not list(tmp_path.rglob("*.part*"))


def test_a_file_put_into_the_folder_of_a_movie_is_no_change_of_it(
    quick: Decoder, tmp_path: Path
) -> None:
    frames = moving_frames(100, (32, 32))
    path = tmp_path / "m.zarr"
    array = zarr.create_array(
        str(path), shape=frames.shape, dtype=frames.dtype, chunks=(16, 32, 32)
    )
    array[:] = frames
    for event in quick.stream(open_recording(path, frame_rate=30), compute=FEW):
        if event.stage == "decoding":
            (path / ".DS_Store").write_bytes(b"a look at it in a file manager")
    assert event.prediction is not None
