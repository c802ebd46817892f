"""A session that decodes, explains and labels is killed at any moment, and nothing is lost.

``FAULT_ROUNDS`` says how often; three times without it.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import tifffile
import torch

from helpers import nursery
from helpers.work_until_killed import digest
from napari_cortex_decoder.decoder import CnnRnnConfig, Decoder, ImageDecoder, Preprocessing
from napari_cortex_decoder.decoder.networks import CnnRnn
from napari_cortex_decoder.kept import kept
from napari_cortex_decoder.labels import journal_ethogram
from napari_cortex_decoder.recording.sidecar import sidecar_folders
from napari_cortex_decoder.saliency import SaliencyMaps
from napari_cortex_decoder.sessions import kept_prediction

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "3"))
Count = Callable[..., None]


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    path = tmp_path / "m1.tif"
    frames = torch.randint(0, 4000, (100, 32, 32), generator=torch.Generator().manual_seed(0))
    tifffile.imwrite(path, frames.numpy().astype("uint16"), imagej=True,
                     metadata={"axes": "TYX", "fps": 30.0})  # fmt: skip
    return path


@pytest.fixture
def decoder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    config = CnnRnnConfig(preprocessing=Preprocessing(image_size=(32, 32), scale="centered-sd"))
    made: Decoder = ImageDecoder(config, CnnRnn(config).eval(), name="untrained")
    made.save(tmp_path / "untrained.safetensors", half_precision=True)
    return tmp_path / "untrained.safetensors"


@pytest.mark.slow
@pytest.mark.timeout(120 + 60 * ROUNDS)
def test_what_was_said_to_be_done_is_there_whole_after_kill_9(
    movie: Path, decoder: Path, count: Count, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = random.randrange(10**6)
    moments = random.Random(seed)
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    said: dict[str, str] = {}
    n_said = lost = 0
    for number in range(ROUNDS):
        told = tmp_path / f"told-{number}"
        session = nursery.begin("helpers.work_until_killed", movie, decoder, said=told)
        awaited = "decoded" if number % 2 == 0 else "labelled"  # importing takes a while
        while session.is_alive() and not (told.exists() and awaited in told.read_text()):
            time.sleep(0.01)
        session.join(moments.uniform(0, 4))
        session.kill()
        session.join()
        lines = told.read_text().splitlines()
        assert session.exitcode == -signal.SIGKILL, lines
        assert not [line for line in lines if line.startswith("failed")], (seed, lines)
        n_said += len(lines)
        said |= dict(line.split() for line in lines)
        kept_labels = sidecar_folders(movie)
        ethogram = journal_ethogram(kept_labels.folder, kept_labels.other)
        assert ethogram is not None, seed
        lost += len(ethogram.bouts) < int(said["labelled"])
        found = kept_prediction(movie)
        explained = kept(movie, "saliency", _classes())
        if "decoded" in said:
            assert found is not None, seed
            lost += digest(found[0].probability) != said["decoded"]
        if "explained" in said:
            # one more may have been kept than it could still say
            assert explained is not None and explained.content["maps"].maps.size, seed
    count("sessions, kill -9", rounds=ROUNDS, things_said=n_said, lost=lost)
    assert lost == 0 and n_said > ROUNDS, f"seed {seed}"


def _classes() -> tuple[type, ...]:
    from napari_cortex_decoder.labels import Bout, Ethogram, Source

    return (SaliencyMaps, Ethogram, Bout, Source)
