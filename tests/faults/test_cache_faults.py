"""The cache in folders that are in use, unusable or full, and beside programs that are killed."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

from helpers import nursery
from helpers.disks import fill, small_disk
from helpers.waves import make_network, moving_frames
from napari_cortex_decoder.compute import CPU, Compute
from napari_cortex_decoder.decoder import CnnRnnConfig, Decoder, Preprocessing, Window, make_decoder
from napari_cortex_decoder.decoder.cache import feature_cache
from napari_cortex_decoder.decoder.cache.feature_cache import cache_folder, list_cache
from napari_cortex_decoder.recording import Recording, open_recording

Run = Callable[..., tuple[int, str, str]]

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "1"))
SIZE = Preprocessing(image_size=(32, 32), scale="centered-sd")
FEATURES = "features-0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in use, in which the cache is to be."""
    root = tmp_path / "scratch"
    root.mkdir()
    monkeypatch.setenv("CORTEX_DECODER_CACHE", str(root))
    return root


@pytest.fixture(scope="module")
def quick() -> Decoder:
    config = CnnRnnConfig(window=Window(past=1, future=1), preprocessing=SIZE)
    return make_decoder(config, make_network(config), name="quick")


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    path = tmp_path / "m1.tif"
    tifffile.imwrite(path, moving_frames(30, (32, 32)), photometric="minisblack")
    return open_recording(path, frame_rate=30)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def write_h5(path: Path, **datasets: object) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["recording"] = "m0"
        for name, values in datasets.items():
            file[name] = values


def test_what_else_lies_in_the_folder_is_never_removed_counted_or_listed(
    quick: Decoder, recording: Recording, root: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_h5(root / "session.h5", data=np.zeros((9, 9)))
    write_h5(root / f"{FEATURES}.h5", data=np.zeros((9, 9)))  # of another tool, by its content
    (root / "features-old.h5.part").write_bytes(b"mine")
    cache_folder().mkdir()
    mine = cache_folder() / "notes.txt"
    mine.write_text("in the very folder of the cache")
    quick.decode(recording, compute=CPU)
    assert list(cache_folder().iterdir()) == [mine], "it is not taken for the cache's"
    mine.rename(root / "aside")
    quick.decode(recording, compute=CPU)
    assert list_cache()
    (root / "aside").rename(mine)
    (cache_folder() / f"{FEATURES}.records").write_bytes(b"named like an entry")
    before = contents(root)
    ours = {entry.path for entry in list_cache()}
    monkeypatch.setattr(feature_cache, "LIMIT_BYTES", 160_000)
    tifffile.imwrite(recording.path, moving_frames(30, (32, 32), 3), photometric="minisblack")
    quick.decode(open_recording(recording.path, frame_rate=30), compute=CPU)
    assert not ours & {entry.path for entry in list_cache()}, "old entries make room"
    assert run("cache", "--clear")[0] == 0
    kept = {name: content for name, content in before.items() if root / name not in ours}
    assert contents(root) == kept
    assert FEATURES not in run("cache", "--json")[1]


def test_an_entry_s_place_that_a_foreign_file_has_is_left_to_it(
    quick: Decoder, recording: Recording, caplog: pytest.LogCaptureFixture
) -> None:
    expected = quick.decode(recording, compute=CPU).probability
    path = next(entry.path for entry in list_cache() if entry.kind == "features")
    path.write_bytes(b"something else")
    for _ in range(2):
        probability = quick.decode(recording, compute=CPU).probability
        np.testing.assert_allclose(probability, expected, atol=1e-6, rtol=0)
    assert path.read_bytes() == b"something else"
    assert caplog.text.count("nothing is kept in the cache") == 1


def test_entries_of_the_earlier_layout_are_listed_and_cleared(root: Path, run: Run) -> None:
    write_h5(root / f"{FEATURES}.h5", features=np.zeros((9, 1280)), means=np.zeros(9))
    write_h5(root / "statistics-0123456789abcdef0123456789abcdef.h5", mean=np.zeros(9), sd=1.0)
    write_h5(root / "m0.h5", features=np.zeros((9, 1280)), means=np.zeros(9))
    assert {entry.kind for entry in list_cache()} == {"features", "statistics"}
    assert run("cache", "--clear")[0] == 0
    assert [path.name for path in root.iterdir()] == ["m0.h5"]


def test_a_cache_without_its_mark_is_taken_up_again(quick: Decoder, recording: Recording) -> None:
    quick.decode(recording, compute=CPU)
    (cache_folder() / "CACHEDIR.TAG").unlink()
    assert not list_cache()
    (next(cache_folder().glob("features*"))).unlink()
    quick.decode(recording, compute=CPU)
    assert len(list_cache()) == 2


# as two programs leave it that make the folder at the same moment
def test_a_mark_that_was_written_twice_is_still_the_cache_s(
    quick: Decoder, recording: Recording, encoded: Callable[[], int]
) -> None:
    quick.decode(recording, compute=CPU)
    mark = cache_folder() / "CACHEDIR.TAG"
    mark.write_bytes(2 * mark.read_bytes())
    encoded()
    quick.decode(recording, compute=CPU)
    assert encoded() == 0 and len(list_cache()) == 2


@contextmanager
def another_user(folder: Path) -> Iterator[None]:
    """Become somebody whom the permissions of a folder bind, as they do not bind root."""
    if not hasattr(os, "geteuid"):
        pytest.skip("folders have no such permissions here")
    if os.geteuid():
        yield
        return
    for place in (folder, *folder.rglob("*")):
        os.chown(place, 65534, 65534)
    above = [place for place in folder.parents if place.stat().st_mode & 0o777 == 0o700]
    for place in above:
        place.chmod(0o711)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        for place in above:
            place.chmod(0o700)


@pytest.mark.parametrize("mode", [0o000, 0o400, 0o500])
@pytest.mark.parametrize("which", ["root", "cache"])
def test_a_folder_that_may_not_be_used_costs_the_cache_and_one_sentence(
    quick: Decoder,
    recording: Recording,
    root: Path,
    caplog: pytest.LogCaptureFixture,
    mode: int,
    which: str,
) -> None:
    expected = quick.decode(recording, compute=CPU).probability
    for entry in list_cache():
        entry.path.unlink()
    chosen = root if which == "root" else cache_folder()
    with another_user(root):
        chosen.chmod(mode)
        try:
            for _ in range(2):
                probability = quick.decode(recording, compute=CPU).probability
                np.testing.assert_allclose(probability, expected, atol=1e-6, rtol=0)
        finally:
            chosen.chmod(0o700)
    kept = mode == 0o500 and which == "root"  # its own folder may be written
    assert caplog.text.count("nothing is kept in the cache") == (0 if kept else 1)


def test_a_cache_that_can_only_be_read_still_serves(
    quick: Decoder, recording: Recording, root: Path, encoded: Callable[[], int]
) -> None:
    quick.decode(recording, compute=CPU)
    encoded()
    with another_user(root):
        cache_folder().chmod(0o500)
        try:
            quick.decode(recording, compute=CPU)
        finally:
            cache_folder().chmod(0o700)
    assert encoded() == 0


@pytest.mark.parametrize("left", [0, 3000, 60_000])
def test_a_disk_that_fills_up_while_decoding_is_no_failure_of_it(
    quick: Decoder,
    recording: Recording,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    left: int,
) -> None:
    expected = quick.decode(recording, compute=CPU, cached=False).probability
    monkeypatch.setattr(feature_cache, "SPARED_BYTES", 0)
    with small_disk(root / "disk", 2**20) as disk:
        monkeypatch.setenv("CORTEX_DECODER_CACHE", str(disk))
        stream = quick.stream(recording, compute=Compute(device="cpu", batch_size=4))
        probability = np.full_like(expected, np.nan)
        full = False
        for event in stream:
            if event.stage == "decoding" and event.probability is not None:
                rows = slice(event.start, event.start + len(event.probability))
                probability[rows] = event.probability
                if not full:
                    fill(disk, left)
                    full = True
        np.testing.assert_allclose(probability, expected, atol=1e-5, rtol=0)
        assert "No space left" in caplog.text
        assert caplog.text.count("nothing is kept in the cache") == 1
        assert not [entry for entry in list_cache() if entry.kind != "statistics"]


@pytest.fixture
def begin(tmp_path: Path, quick: Decoder) -> Callable[[Path], BaseProcess]:
    """Decodes a movie of some seconds in a program of its own, into a folder."""
    decoder, movie = tmp_path / "quick.safetensors", tmp_path / "long.npy"
    quick.save(decoder)
    np.save(movie, moving_frames(900, (32, 32)))
    words = ("decode", movie, "--frame-rate", 30, "--decoder", decoder, "--out")
    return lambda out: nursery.begin(
        "napari_cortex_decoder.cli", *words, out, said=out.with_suffix(".said")
    )


def finish(process: BaseProcess) -> None:
    process.join()
    assert process.exitcode == 0


def leftovers() -> list[Path]:
    return [entry.path for entry in list_cache() if entry.kind == "unfinished"]


@pytest.mark.slow
@pytest.mark.timeout(300 + 60 * ROUNDS)
def test_a_decode_that_is_killed_leaves_nothing_that_the_next_does_not_sweep(
    begin: Callable[[Path], BaseProcess], tmp_path: Path, root: Path
) -> None:
    whole = tmp_path / "whole"
    begun = time.monotonic()
    finish(begin(whole))
    seconds = time.monotonic() - begun
    found = 0
    for number in range(ROUNDS):
        for entry in list_cache():
            entry.path.unlink()
        out = tmp_path / f"round-{number}"
        process = begin(out)
        until = time.monotonic() + random.uniform(0, 1.0) * seconds
        while process.is_alive() and (not leftovers() if number % 2 else time.monotonic() < until):
            time.sleep(0.01)
        process.kill()
        process.join()
        found += bool(leftovers())
        finish(begin(out))
        assert not leftovers()
        assert sorted(p.name for p in out.iterdir()) == ["long.csv", "long.json"]
        ours, theirs = (
            np.genfromtxt(folder / "long.csv", delimiter=",", names=True) for folder in (out, whole)
        )
        for column in ours.dtype.names:
            np.testing.assert_allclose(ours[column], theirs[column], atol=1e-5)
    if ROUNDS > 1:
        assert found, "no kill fell into the writing"


def test_a_leftover_of_a_killed_program_is_listed_and_cleared_but_not_what_is_being_written(
    quick: Decoder, recording: Recording, run: Run
) -> None:
    quick.decode(recording, compute=CPU)
    program = (
        "import sys, numpy as np\n"
        "from napari_cortex_decoder.decoder.cache.feature_cache import EntryWriter, entry_path\n"
        "kind = np.dtype([('mean', '<f4', (9,))])\n"
        "writer = EntryWriter(entry_path('features', 'f' * 32), 'killed', kind, 99)\n"
        "writer.write(0, mean=np.ones((9, 9)))\n"
        "print('written', flush=True)\n"
        "sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None and process.stdout.readline()
        assert "unfinished" in run("cache")[1]
        assert run("cache", "--clear")[0] == 0
        assert [entry.recording for entry in list_cache()] == ["killed"]
    finally:
        process.kill()
        process.wait()
    assert "unfinished" in run("cache")[1]
    assert run("cache", "--clear")[0] == 0
    assert not list_cache() and len(list(cache_folder().iterdir())) == 1


@pytest.mark.slow
def test_two_programs_on_one_cache_give_the_same_and_leave_one_entry(
    begin: Callable[[Path], BaseProcess], tmp_path: Path
) -> None:
    outs = [tmp_path / "a", tmp_path / "b"]
    for process in [begin(out) for out in outs]:
        finish(process)
    assert len({(out / "long.csv").read_bytes() for out in outs}) == 1
    assert sorted(entry.kind for entry in list_cache()) == ["features", "statistics"]
    assert not leftovers()
