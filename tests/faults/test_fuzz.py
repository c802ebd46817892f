"""A part of the damaged files of every kind, as `fuzz.py` makes them by the thousand."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import dask.array as da
import pytest

from helpers.fuzz import held_by_children
from helpers.fuzz_targets import label_picture
from napari_cortex_decoder.atlas.importers.label_image import read_label_image
from napari_cortex_decoder.errors import CortexDecoderError
from napari_cortex_decoder.recording import Recording, read_behavior
from napari_cortex_decoder.units import centimetres_a_second

FUZZ = [sys.executable, "-m", "helpers.fuzz"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it looks at a process in /proc")
def test_a_damaged_file_of_any_kind_is_read_or_refused_in_one_sentence() -> None:
    command = [*FUZZ, "--inputs", "50", "--seed", "7", "--workers", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "50 inputs" in done.stdout


# of 10,000 inputs one that took half a minute
def test_a_page_of_ten_thousand_tags_of_no_type_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "l.tif"
    label_picture(path)
    content = path.read_bytes()
    path.write_bytes(content[:78] + content[14:])  # a stretch of its tags is there twice
    begun = time.process_time()
    with suppress(CortexDecoderError):
        read_label_image(path, pixel_size=0.1)
    assert time.process_time() - begun < 5


@pytest.mark.skipif(sys.platform != "linux", reason="it looks at a process in /proc")
def test_the_memory_of_a_process_that_a_reader_begins_is_counted() -> None:
    child = "x = bytearray(3 * 10**8); print(flush=True); input()"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as reader:
        assert reader.stdout is not None
        reader.stdout.readline()
        assert 3 * 10**8 < held_by_children(reader.pid) < 4 * 10**8
        reader.communicate(b"\n")
    assert not held_by_children(reader.pid)


LONG = 60_000
NAMES = {
    "blanks": " " * LONG, "brackets": "(" * LONG, "open and closed": "()" * LONG,
    "a unit": f"speed ({'c' * LONG})", "digits": "1" * LONG, "blank and bracket": f"x{' ' * LONG}(",
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_name_of_any_length_costs_no_more_than_its_length(tmp_path: Path, name: str) -> None:
    recording = Recording(movie=da.zeros((9, 2, 2)), name="m", frame_rate=2.0)
    (tmp_path / "b.csv").write_text(f"frame,{name}x\n" + "".join(f"{i},{i}\n" for i in range(9)))
    begun = time.process_time()
    try:
        read_behavior(tmp_path / "b.csv", recording)
    except CortexDecoderError as refusal:
        assert len(str(refusal)) < 3000
    centimetres_a_second(name)
    assert time.process_time() - begun < 5  # minutes, where an expression looks back at each sign
