"""A run that is killed at any moment goes on, and comes to the same end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from helpers import nursery
from napari_cortex_decoder.decoder import load_decoder
from napari_cortex_decoder.training import TrainingFolder


def steps(folder: TrainingFolder) -> dict[str, int]:
    """Last step of each stage."""
    return {f"{at.stage}{at.details['phase']}": at.done for at in folder.progress()}


@pytest.mark.slow
@pytest.mark.timeout(900)  # a dozen processes, which a busy machine lets wait
@pytest.mark.skipif(not nursery.FORKS, reason="the test forks")
def test_kills_at_random_moments_lead_to_the_decoder_of_an_unbroken_run(tmp_path: Path) -> None:
    code, said, error = nursery.run("helpers.kill_and_go_on", tmp_path)
    assert code == 0, error[-2000:]
    for kind, stopped_at in json.loads(said.splitlines()[-1]).items():
        places = set(map(tuple, stopped_at))
        assert len(places) > 1, f"kills came at the same place: {places}"
        whole, killed = (TrainingFolder(tmp_path / kind / name) for name in ("whole", "killed"))
        assert steps(killed) == steps(whole)
        assert killed.metrics_file.read_text() == whole.metrics_file.read_text()
        expected = load_decoder(whole.decoder_file)
        found = load_decoder(killed.decoder_file)
        assert found.config.temperature == expected.config.temperature
        for name, tensor in expected.network.state_dict().items():
            torch.testing.assert_close(found.network.state_dict()[name], tensor, atol=0, rtol=0)
        # the steps that were lost and done again are told once
        lines = [(at.details["phase"], at.done) for at in killed.progress() if "loss" in at.details]
        assert lines == sorted(set(lines))
