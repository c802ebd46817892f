"""What chance is worth: labels of other times and of other sessions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_cortex_decoder.scoring.auc import aucs
from napari_cortex_decoder.scoring.nulls import permuted_sessions, shifted_labels


@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=30), min_size=1, max_size=4))
def test_shifted_labels_stay_within_their_stretch(stretches: list[list[int]]) -> None:
    shifted = shifted_labels([np.array(own) for own in stretches])
    first = 0
    for own in stretches:
        part = shifted[:, first : first + len(own)]
        assert (np.sort(part, axis=1) == np.sort(own)).all()
        first += len(own)
    assert first == shifted.shape[1]


def test_a_perfect_decoder_of_long_bouts_is_worth_nothing_against_shifted_labels() -> None:
    labels = np.tile(np.repeat([0, 1], 50), 20)
    scores = np.column_stack([1 - labels, labels])
    assert np.mean(aucs(scores, shifted_labels([labels]))) == pytest.approx(0.5, abs=0.1)


def test_two_sessions_lend_each_other_their_labels() -> None:
    def decoded(labels: list[int]) -> tuple[np.ndarray, np.ndarray]:
        return np.column_stack([1 - np.array(labels), labels]).astype(float), np.array(labels)

    alike = [decoded([0, 0, 1, 1]), decoded([0, 0, 1, 1, 1])]
    assert permuted_sessions(alike) == 1
    assert permuted_sessions([alike[0], decoded([1, 1, 0, 0])]) == 0
    assert permuted_sessions(alike[:1]) is None
    assert permuted_sessions([alike[0], decoded([0, 0, 0, 0])]) == pytest.approx(0.5, abs=0.5)
