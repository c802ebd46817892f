"""CONTRIBUTING draws the house as it stands, and its worked examples work."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from test_house import FLOORS

PAGE = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"\*\*(A [^*]+)\*\* is.*?```python\n(.*?)```", PAGE, re.S))

USES = {
    "A format of movies": """
import napari_cortex_decoder as ncd
from napari_cortex_decoder.recording import formats
formats._FORMATS += (FORMAT,)
Path("m.sqr").write_bytes(bytes([3]) + bytes(range(36)))
recording = ncd.open_recording("m.sqr", frame_rate=30)
assert recording.movie.shape == (4, 3, 3) and recording.movie[1, 0, 0].compute() == 9
""",
    "A decoder": """
import numpy as np
traces = np.random.default_rng(0).normal(1, 0.1, (200, config.preprocessing.n_traces))
found = decoder.decode_traces(traces)
assert found.shape == (200, 2) and np.isfinite(found[20:150]).all()
""",
    "A map": """
import napari_cortex_decoder as ncd
from napari_cortex_decoder.saliency.maps import saliency_maps
mouse = ncd.simulate_recording(seconds=2, shape=(64, 64))
saliency_maps.occlusion = lambda *how: (*bands(*how)[:1], how[1], bands(*how)[1], (8, 1))
decoder = ncd.load_decoder("run-rest")
maps = ncd.saliency_map(decoder, mouse, 20, 22, behavior="run", method="occlusion")
assert maps.maps.shape == (2, 64, 64) and (maps.maps[:, 0, :1] == maps.maps[:, 0]).all()
""",
    "A section of the window": """
from qtpy.QtWidgets import QApplication, QPushButton
application = QApplication([])
model = CountingModel()
section = CountingSection(model)
section.findChild(QPushButton).click()
assert model.count == 1
""",
}


@pytest.mark.parametrize("name", USES)
def test_the_worked_example_works(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", EXAMPLES[name] + USES[name]],
        cwd=tmp_path,
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_every_room_stands_on_its_floor() -> None:
    drawn: dict[str, int] = {}
    for floor, rooms in re.findall(r"^\| (-?\d+) \| (.*) \|$", PAGE, re.M):
        drawn |= {room.rstrip("/"): int(floor) for room in re.findall(r"`(\w+/?)`", rooms)}
    assert drawn == FLOORS
