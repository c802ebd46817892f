"""Nothing of ours keeps the window, whatever it is asked for first, while work runs beside it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import tifffile

from helpers.tuned_mice import blank_decoder
from napari_cortex_decoder.labels import Behavior, LabelSession, Replace, SetBehaviors
from napari_cortex_decoder.recording import remember_metadata, sidecar_folder
from napari_cortex_decoder.simulation import simulate_recording

from .test_responsiveness import LONGEST, slowness


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux tells what a thread waited for"
)
def test_a_day_with_work_running_beside_it(tmp_path: Path) -> None:
    mouse = simulate_recording(seed=7, subject=7, seconds=20, shape=(64, 64))
    for name in ("m7", "placed"):
        movie = tmp_path / f"{name}.tif"
        tifffile.imwrite(movie, mouse.movie.compute(), photometric="minisblack")
        remember_metadata(movie, frame_rate=30.0)
    mouse.truth.registration.save(sidecar_folder(movie) / "registration.json")
    session = LabelSession(mouse.n_frames, "m7", sidecar_folder(tmp_path / "m7.tif"))
    behaviors = tuple(Behavior(name=name) for name in mouse.truth.ethogram.behaviors)
    session.edit(SetBehaviors(behaviors=behaviors))
    session.edit(Replace(start=0, stop=mouse.n_frames, bouts=mouse.truth.ethogram.bouts))
    session.close()
    blank_decoder(mouse).save(tmp_path / "blank.safetensors")
    program = [sys.executable, "-m", "helpers.freezes", str(tmp_path)]
    slow = slowness()
    ran = subprocess.run(program, stdout=subprocess.PIPE, text=True, timeout=1000, check=True)
    held = json.loads(ran.stdout.splitlines()[-1])
    longest = LONGEST * max(slow, slowness())
    print({name: [round(1000 * s) for s in told[:2]] for name, told in held.items()}, longest)
    late = {name: told for name, told in held.items() if told[0] > longest}
    assert not late, "\n\n".join(
        f"{name}: {spent:.3f} s, {waited:.3f} of them waiting, not {longest:.3f}\n{where}"
        for name, (spent, waited, where) in late.items()
    )
