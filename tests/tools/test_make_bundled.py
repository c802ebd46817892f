"""The recipe of the bundled decoders, run small from end to end."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from napari_cortex_decoder.compute import CPU
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.training.simulated_mice import FIRST_TEST_SUBJECT

TOOL = Path(__file__).parents[2] / "tools/make_bundled.py"
spec = importlib.util.spec_from_file_location("make_bundled", TOOL)
assert spec is not None and spec.loader is not None
bundled = importlib.util.module_from_spec(spec)
spec.loader.exec_module(bundled)
NAMES, Recipe, make, plan = bundled.NAMES, bundled.Recipe, bundled.make, bundled.plan

TINY = Recipe(
    seed=4,
    seconds=20,
    encoder_mice=1,
    head_mice=1,
    validation_mice=1,
    test_mice=1,
    frame_size=32,
    image_size=32,
    encoder_epochs=1,
    head_epochs=1,
    copies=1,
    area_epochs=1,
    batch_size=16,
)


@pytest.mark.slow
def test_the_recipe_leaves_three_decoders_that_say_what_they_learned_from(tmp_path: Path) -> None:
    decoders = make(tmp_path, TINY, compute=CPU)
    assert tuple(decoders) == NAMES
    for decoder in decoders.values():
        assert decoder.provenance.simulated
        assert "simulated mice" in decoder.provenance.trained_on
        assert decoder.provenance.limits
        (scores,) = decoder.provenance.held_out
        assert scores.subject == str(FIRST_TEST_SUBJECT)
    causal = decoders["run-rest-causal"]
    assert causal.config.frames_after == 0
    assert causal.config.preprocessing.causal
    given = decoders["run-rest"].network.cnn.state_dict()
    assert all((given[n] == t).all() for n, t in causal.network.cnn.state_dict().items())
    assert decoders["run-rest-areas"].config.preprocessing.atlas == "dorsal-cortex"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("encoder_from", ["", "run-rest"])
def test_each_mouse_has_one_part_and_the_head_meets_mice_that_its_encoder_has_not(
    name: str, encoder_from: str
) -> None:
    recipe = Recipe(encoder_mice=5, head_mice=3)
    config, sessions = plan(name, recipe, encoder_from=encoder_from)
    subjects = [session.subject for session in sessions]
    assert len(set(subjects)) == len(subjects)
    tested = config.split.test
    assert isinstance(tested, tuple)
    assert all(int(subject) >= FIRST_TEST_SUBJECT for subject in tested)
    head = {"1006", "1007", "1008"}
    if encoder_from and name != "run-rest-areas":
        assert {s for s in subjects if int(s) < FIRST_TEST_SUBJECT} - head == set(
            config.split.validation
        )
        assert [stage.kind for stage in config.usual_stages] == ["features"]
    elif name != "run-rest-areas":
        assert set(config.split.head) == head


def test_no_training_may_see_a_mouse_kept_for_testing(tmp_path: Path) -> None:
    too_many = TINY.model_copy(update={"encoder_mice": FIRST_TEST_SUBJECT})
    with pytest.raises(TrainingError, match="kept for testing"):
        make(tmp_path, too_many)
