"""How the command line ends: one sentence for what a user can mend, a traceback for a defect."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

import napari_cortex_decoder

FAILING = """
import sys
import napari_cortex_decoder.recording as room
from napari_cortex_decoder.cli import main
def fail(*_, **__):
    raise {error}
room.open_recording = fail
sys.argv = ["cortex-decoder", "info", {movie!r}]
main()
"""


def ended(error: str, movie: Path) -> subprocess.CompletedProcess[str]:
    code = FAILING.format(error=error, movie=str(movie))
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ENAMETOOLONG])
def test_an_error_that_names_a_file_of_the_user_is_one_sentence(
    number: int, tmp_path: Path
) -> None:
    movie = tmp_path / "m.tif"
    movie.touch()
    done = ended(f"OSError({number}, 'It cannot be read', {str(movie)!r})", movie)
    assert done.returncode == 2
    assert done.stderr == f"cortex-decoder: {movie}: It cannot be read\n"


@pytest.mark.parametrize(
    "error",
    [
        f"OSError({errno.EBADF}, 'Bad file descriptor')",
        "BrokenPipeError('a child of the program has died')",
        f"FileNotFoundError({errno.ENOENT}, 'No such file', '')",
        f"FileNotFoundError({errno.ENOENT}, 'No such file', "
        f"{str(Path(napari_cortex_decoder.__file__).parent / 'atlas/none.json')!r})",
        f"FileNotFoundError({errno.ENOENT}, 'No such file', {sys.prefix + '/lib/none.so'!r})",
    ],
)
def test_an_error_that_names_none_is_a_defect_with_its_traceback(
    error: str, tmp_path: Path
) -> None:
    done = ended(error, tmp_path / "m.tif")
    assert done.returncode == 1
    assert "Traceback" in done.stderr and error.partition("(")[0] in done.stderr
