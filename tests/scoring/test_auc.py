from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from napari_cortex_decoder.scoring.auc import auc, aucs


@settings(deadline=None)
@given(st.integers(2, 4), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_several_labels_of_the_same_scores_have_the_aucs_that_scikit_learn_gives_each(
    k: int, n: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 5, (n, k)) / 5  # many are tied
    labels = rng.integers(0, k, (3, n))
    found = aucs(scores, labels)
    for own, value in zip(labels, found, strict=True):
        expected = [
            roc_auc_score(own == column, scores[:, column])
            for column in ([1] if k == 2 else range(k))
            if len(np.unique(own == column)) == 2
        ]
        if expected:
            assert value == pytest.approx(np.mean(expected), abs=1e-12)
            assert auc(scores, own) == value
        else:
            assert np.isnan(value) and auc(scores, own) is None
