"""The recipe of the bundled decoder, run small from end to end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from napari_cortex_decoder.decoder import load_decoder
from napari_cortex_decoder.training.run_rest import FIRST_TEST_SUBJECT, Recipe, make
from napari_cortex_decoder.training.stages import classification_loss

TINY = Recipe(
    seconds=3,
    encoder_mice=2,
    head_mice=2,
    validation_mice=2,
    test_mice=1,
    stride=6,
    image_size=32,
    encoder_epochs=1,
    head_epochs=1,
    head_seconds=2,
    batch_size=8,
)


@pytest.mark.slow
def test_the_recipe_leaves_a_decoder_that_says_what_it_learned_from(tmp_path: Path) -> None:
    out = tmp_path / "run-rest.safetensors"
    make(tmp_path / "work", out, TINY)
    card = load_decoder(out).provenance
    assert card.simulated
    assert "simulated mice" in card.trained_on
    assert card.settings["encoder_mice"] == 2
    assert 0 <= card.metrics["AUC, worst unseen simulated mouse"] <= 1


def test_no_training_may_see_a_mouse_kept_for_testing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="test"):
        make(tmp_path, tmp_path / "out.safetensors", replace(TINY, encoder_mice=FIRST_TEST_SUBJECT))


def test_two_behaviours_with_one_logit_lose_as_much_as_with_two() -> None:
    logits = torch.randn(20, 1)
    labels = torch.randint(0, 2, (20,))
    both = torch.cat([torch.zeros_like(logits), logits], dim=1)
    torch.testing.assert_close(
        classification_loss(logits, labels), classification_loss(both, labels)
    )
