"""Damaged files of every format: one sentence or a movie, never anything else, never a hang."""

from __future__ import annotations

import random
import resource
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from helpers.fuzz_damage import mangle_bytes
from helpers.movies import movie_of
from napari_cortex_decoder.errors import CortexDecoderError
from napari_cortex_decoder.recording import open_recording
from recording.test_format_details import svd_pair
from recording.test_formats import WRITERS
from recording.test_tiff import WAYS

Writer = Callable[[Path, NDArray[np.generic]], tuple[Path, float | None]]
FILES_PER_FORMAT = 14
MOST_SECONDS = 5.0  # of this process's own time, whatever else the machine does
MOST_MEMORY = 2**30


def tiff(way: str) -> Writer:
    def write(folder: Path, movie: NDArray[np.generic]) -> tuple[Path, None]:
        tifffile.imwrite(folder / "m.tif", movie, **WAYS[way])
        return folder / "m.tif", None

    return write


def svd(folder: Path, movie: NDArray[np.generic]) -> tuple[Path, None]:
    svd_pair(folder, movie, ("U.npy", "SVT.npy"))
    return folder, None


FORMATS: dict[str, Writer] = {
    **{writer.__name__: writer for writer in WRITERS},
    **{way: tiff(way) for way in WAYS},
    "svd": svd,
}


def test_the_corpus_has_at_least_300_files() -> None:
    assert len(FORMATS) * FILES_PER_FORMAT >= 300


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_file_is_refused_in_one_sentence_or_is_a_movie(tmp_path: Path, name: str) -> None:
    rng = random.Random(f"cortex {name}")
    movie = (movie_of(frames=27, rows=20, columns=30) * 211).astype("uint16")
    whole = tmp_path / "whole"
    whole.mkdir()
    written, _ = FORMATS[name](whole, movie)
    for case in range(FILES_PER_FORMAT):
        folder = shutil.copytree(whole, tmp_path / str(case))
        path = folder / written.relative_to(whole)
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        victim = rng.choice(files)
        victim.write_bytes(mangle_bytes(victim.read_bytes(), rng))
        began, held = time.process_time(), most_memory()
        try:
            opened = open_recording(path).movie
            opened[0].compute()
            opened[-1].compute()
        except CortexDecoderError as error:
            assert "\n" not in str(error) and str(error).endswith("."), error
        assert time.process_time() - began < MOST_SECONDS, (victim, case)
        assert most_memory() - held < MOST_MEMORY, (victim, case)


def most_memory() -> int:
    """Most bytes that this process ever held."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
