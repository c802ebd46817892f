"""ROI traces in the paper's layout are read as what was simulated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from napari_cortex_decoder.atlas import correlate_behavior
from napari_cortex_decoder.errors import EvaluationError
from napari_cortex_decoder.evaluation import read_roi_cohort
from napari_cortex_decoder.simulation import simulate_cohort, simulate_recording

SHAPE = (50, 40)


def write(folder: Path, signals: dict[str, list], labels: dict[str, list]) -> None:
    for name, content in (("signal_5mice.mat", signals), ("runrest_5mice.mat", labels)):
        written = {}
        for key, matrices in content.items():
            written[key] = np.empty((1, len(matrices)), dtype=object)
            written[key][0, :] = matrices
        savemat(folder / name, written)


def test_a_simulated_cohort_is_read_as_it_was_written(tmp_path: Path) -> None:
    simulate_cohort(tmp_path, mice=2, sessions=2, seconds=3, seed=4, movies=False)
    assert not (tmp_path / "data_of_image_64_5mice").exists()
    cohort = read_roi_cohort(tmp_path)
    assert list(cohort) == ["1", "2"]
    for mouse, sessions in cohort.items():
        for number, session in enumerate(sessions, start=1):
            truth = simulate_recording(seed=number, subject=40_000 + int(mouse), seconds=3).truth
            np.testing.assert_array_equal(session.running, truth.ethogram.frames())
            assert session.traces.shape == (90, 50)
            assert abs(session.traces.mean(axis=0)).max() < 1e-6  # ΔF/F
            # ROI 8 lies in the forelimb's area
            limb = [a.acronym for a in truth.registration.atlas.areas].index("SSp-ul")
            assert correlate_behavior(session.traces, truth.area_traces[:, limb])[7] > 0.5


def test_mice_beyond_nine_are_told_apart(tmp_path: Path) -> None:
    write(
        tmp_path,
        {f"signal{i}": [np.full(SHAPE, float(i))] for i in range(1, 12)},
        {f"runrest{i}": [np.ones((1, 40))] for i in range(1, 12)},
    )
    mice = read_roi_cohort(tmp_path)
    assert list(mice) == [str(i) for i in range(1, 12)]
    assert mice["11"][0].traces[0, 0] == 11


@pytest.mark.parametrize(
    ("signals", "labels", "said"),
    [
        ({"signal1": [np.ones(SHAPE)]}, {"runrest2": [np.ones((1, 40))]}, "has mice"),
        ({"signal1": [np.ones(SHAPE)] * 2}, {"runrest1": [np.ones((1, 40))]}, "2 sessions"),
        ({"signal1": [np.ones((40, 50))]}, {"runrest1": [np.ones((1, 40))]}, "50 × frames"),
        ({"signal1": [np.ones(SHAPE)]}, {"runrest1": [np.ones((1, 39))]}, "39 labels"),
        ({"signal1": [np.ones(SHAPE)]}, {"runrest1": [np.full((1, 40), 2.0)]}, "neither 0"),
        ({"signal1": [np.full(SHAPE, np.nan)]}, {"runrest1": [np.ones((1, 40))]}, "NaN"),
        ({"traces": [np.ones(SHAPE)]}, {"runrest1": [np.ones((1, 40))]}, "no cell array"),
    ],
)
def test_files_that_do_not_fit_are_refused_in_one_sentence(
    tmp_path: Path, signals: dict[str, list], labels: dict[str, list], said: str
) -> None:
    write(tmp_path, signals, labels)
    with pytest.raises(EvaluationError, match=said):
        read_roi_cohort(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"signal_5mice\.mat"):
        read_roi_cohort(tmp_path)
