from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from skimage.io import imread

from napari_cortex_decoder.widgets.parts.colors import behavior_colors


@pytest.mark.slow
def test_the_demo_leaves_a_picture_of_the_whole_window_and_the_decoded_table(
    tmp_path: Path,
) -> None:
    out = tmp_path / "demo"
    command = [sys.executable, "-m", "napari_cortex_decoder.cli", "demo"]
    command += ["--out", str(out), "--seconds", "15", "--screenshot"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr

    (table,) = out.glob("*.csv")
    rows = list(csv.DictReader(table.open()))
    assert len(rows) == 15 * 30
    assert {row["behavior"] for row in rows} >= {"rest", "run"}
    assert json.loads(table.with_suffix(".json").read_text())["decoder"]["name"] == "run-rest"

    picture = imread(out / "screenshot.png")[..., :3].astype(int)
    assert picture.shape[0] >= 800 and picture.shape[1] >= 1200
    run = np.abs(picture - behavior_colors(["run"])["run"]).sum(axis=-1) < 30
    timeline, canvas = run[-280:], run[:-280]
    assert timeline.sum() > 3_000, "the strips of labels and of what was decoded are not there"
    assert 200 < canvas.sum() < 10_000, "RUN does not stand on the canvas"
    brain = picture[200:500, 450:900].mean(axis=-1)
    assert brain.std() > 20, "the movie is not to be seen"
