"""Any verb that is ended from outside says so in one sentence and leaves no half file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel, field_serializer

from napari_cortex_decoder.cli.common import ended_by_signals

# it ends itself as soon as it writes a part of a file, once: the second signal needs no words
PROGRAM = """
import os, sys
from napari_cortex_decoder import cli
signals = [int(sys.argv.pop(1))]
def end(event, given):
    if event == "open" and ".part" in str(given[0]) and signals:
        os.kill(os.getpid(), signals.pop())
sys.addaudithook(end)
cli.main()
"""
VERBS = {
    "label": "label m.npy --frame-rate 30 --import l.csv --export out.csv",
    "preprocess": "preprocess m.npy --frame-rate 30 --step bin:pixels=2 --out out.tif",
    "simulate": "simulate --mice 1 --seconds 2 --no-movies --out out",
}


@pytest.mark.skipif(sys.platform == "win32", reason="a signal ends a program there at once")
@pytest.mark.parametrize(
    ("verb", "number"), [("label", signal.SIGINT), ("preprocess", signal.SIGTERM),
                         ("simulate", signal.SIGINT)],
)  # fmt: skip
def test_a_verb_that_is_ended_while_it_writes_says_so_and_leaves_no_half_file(
    tmp_path: Path, verb: str, number: signal.Signals
) -> None:
    np.save(tmp_path / "m.npy", np.zeros((60, 8, 8), np.uint8))
    (tmp_path / "l.csv").write_text("start_s,stop_s,behavior\n0.1,1,run\n")
    command = [sys.executable, "-c", PROGRAM, str(int(number)), *VERBS[verb].split()]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 128 + number, done.stderr
    sentence = "cortex-decoder: ended from outside; give the same command again.\n"
    assert done.stderr.endswith(sentence) and "Traceback" not in done.stderr
    assert not [file for file in tmp_path.rglob("out*") if file.is_file()]


class Slow(BaseModel):
    """Is written while Ctrl-C is pressed, of which pydantic makes an error of its own."""

    a: int = 1

    @field_serializer("a")
    def write(self, a: int) -> int:
        os.kill(os.getpid(), signal.SIGINT)
        return a


@pytest.mark.skipif(sys.platform == "win32", reason="a signal ends a program there at once")
def test_ctrl_c_that_a_library_makes_an_error_of_ends_all_the_same(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("threading.Timer.start", lambda _: None)  # nobody needs patience here
    with pytest.raises(SystemExit) as end, ended_by_signals("go on."):
        Slow().model_dump_json()
    assert end.value.code == 130
    assert capsys.readouterr().err == "cortex-decoder: ended from outside; go on.\n"


SWALLOWS = """
seen = False
import os, signal, time
from napari_cortex_decoder.cli import common
common._PATIENCE = 0.2
with common.ended_by_signals("go on."):
    while True:
        try:
            os.kill(os.getpid(), signal.SIGTERM) if not seen else time.sleep(0.01)
        except BaseException:
            seen = True
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a signal ends a program there at once")
def test_a_program_whose_library_swallows_the_end_says_so_too() -> None:
    done = subprocess.run([sys.executable, "-c", SWALLOWS], capture_output=True, text=True)
    assert done.returncode == 143, done.stderr
    assert done.stderr == "cortex-decoder: ended from outside; go on.\n"
