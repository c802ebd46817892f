"""A mouse does one thing only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.training.config import SplitRule
from napari_cortex_decoder.training.split import split_mice


@given(
    n=st.integers(1, 12),
    validation=st.integers(0, 4),
    test=st.integers(0, 4),
    head=st.integers(0, 4),
    seed=st.integers(0, 99),
)
def test_every_mouse_has_one_part_or_the_split_is_refused(
    n: int, validation: int, test: int, head: int, seed: int
) -> None:
    subjects = [f"m{i}" for i in range(n) for _ in range(2)]
    rule = SplitRule(validation=validation, test=test, head=head)
    if validation < 1 or validation + test + head >= n:
        with pytest.raises(TrainingError, match="asks for"):
            split_mice(subjects, rule, seed)
        return
    split = split_mice(subjects, rule, seed)
    parts = [split.training, split.head, split.validation, split.test]
    assert sorted(mouse for part in parts for mouse in part) == sorted(set(subjects))
    assert [len(part) for part in parts[1:]] == [head, validation, test]
    assert split == split_mice(subjects[::-1], rule, seed)  # the order of the CSV has no part in it


def test_named_mice_do_what_they_are_named_for() -> None:
    rule = SplitRule(validation=("b",), test=1, head=("d",))
    split = split_mice(["a", "b", "c", "d"], rule, seed=1)
    assert split.validation == ("b",)
    assert split.head == ("d",)
    assert len(split.training) == len(split.test) == 1


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (SplitRule(validation=("z",)), "no mouse 'z'"),
        (SplitRule(validation=("a",), test=("a",)), "named twice"),
        (SplitRule(validation=("a",), test=("b", "c")), "asks for"),
    ],
)
def test_mice_that_cannot_do_it_are_told(rule: SplitRule, sentence: str) -> None:
    with pytest.raises(TrainingError, match=sentence):
        split_mice(["a", "b", "c"], rule, seed=1)
