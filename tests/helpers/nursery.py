"""Programs that begin at once, forked from one process that has imported what they need.

Importing torch, Lightning and Qt costs seconds; a fork is a process like any other to a signal.
Where there are no forks, programs begin as all do.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
import tempfile
from multiprocessing.process import BaseProcess
from pathlib import Path

FORKS = "forkserver" in multiprocessing.get_all_start_methods()
_NURSERY = multiprocessing.get_context("forkserver" if FORKS else "spawn")
_NURSERY.set_forkserver_preload(
    [
        "lightning",
        "pandas",
        "napari_cortex_decoder.cli",
        "napari_cortex_decoder.decoder.engine.image_engine",
        "napari_cortex_decoder.saliency.maps.saliency_maps",
        "napari_cortex_decoder.training.pipeline",
        "napari_cortex_decoder.tuning.fit",
        "napari_cortex_decoder.widgets.workspace",
    ]
)


def begin(module: str, *arguments: object, said: Path) -> BaseProcess:
    """Begin ``python -m module arguments``; what it prints comes into the file `said`.

    What goes to standard error comes into a file beside it, ``.err``.
    """
    words = [module, *map(str, arguments)]
    process = _NURSERY.Process(target=_program, args=(words, dict(os.environ), Path.cwd(), said))
    process.start()
    return process


def run(module: str, *arguments: object) -> tuple[int, str, str]:
    """Run ``python -m module arguments``; give exit code, standard output and standard error."""
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder, "said")
        process = begin(module, *arguments, said=said)
        process.join()
        assert process.exitcode is not None
        return process.exitcode, said.read_text(), said.with_suffix(".err").read_text()


def _program(words: list[str], environment: dict[str, str], where: Path, said: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(where)
    for descriptor, file in ((1, said), (2, said.with_suffix(".err"))):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    sys.argv = words
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)
