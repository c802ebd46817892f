"""The whole protocol runs on a small simulated cohort in the paper's layout."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_cortex_decoder.compute import CPU
from napari_cortex_decoder.errors import EvaluationError
from napari_cortex_decoder.evaluation import ROWS, Effort, read_roi_cohort, reproduce
from napari_cortex_decoder.evaluation.roi_models import RoiModels
from napari_cortex_decoder.simulation import simulate_cohort

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("zenodo")
    simulate_cohort(folder, mice=3, sessions=2, seconds=40, seed=6, movies=False)
    return folder


def test_the_command_writes_tables_and_figures_and_says_that_mice_are_simulated(
    run: Run, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "reproduced"
    command = ["reproduce", "ajioka2024", "--data", data, "--out", out, "--device", "cpu"]
    command += ["--rows", "roi-gru,motor", "--epochs", "2", "--stride", "12"]
    command += ["--learning-rate", "0.01", "--validations", "1"]
    code, printed, said = run(*command)
    assert code == 0, said
    assert printed.strip() == str(out / "report.md")
    report = (out / "report.md").read_text()
    assert "SIMULATED" in report
    assert "| roi-gru | ROI GRU ± 15, detrended | 3 |" in report
    assert "not independent" in report
    with (out / "models.csv").open(encoding="utf-8") as file:
        models = list(csv.DictReader(file))
    assert len(models) == 6
    assert all(0 <= float(model["AUC"]) <= 1 for model in models)
    # it learns: by so little training far from the paper's, and far from chance
    assert np.mean([float(m["AUC"]) for m in models if m["row"] == "roi-gru"]) > 0.6
    with (out / "rois.csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 50
    for figure in ("auc.png", "thresholds.png", "rois.png"):
        assert (out / figure).read_bytes().startswith(b"\x89PNG")

    # what is known is not measured again: change it, and the report repeats it
    kept = out / "models" / "motor.json"
    content = json.loads(kept.read_text())
    content["scores"][0]["auc"] = 0.123
    kept.write_text(json.dumps(content))
    assert run(*command)[0] == 0
    assert "0.1230" in (out / "models.csv").read_text()

    code, _, said = run(*command, "--seed", "9")
    assert code == 2
    assert "was made with" in said


def test_restricted_rows_see_their_rois_alone_and_null_labels_come_from_another_session(
    data: Path,
) -> None:
    cohort = read_roi_cohort(data)

    def models(row: str) -> RoiModels:
        return RoiModels(ROWS[row], cohort, Effort(), seed=1, compute=CPU)

    for traces in models("motor").traces["1"]:
        shown = {i + 1 for i in range(50) if traces[:, i].any()}
        assert shown == {1, 2, 3, 4, 26, 27, 28, 29}
        assert traces.min() == 0
        assert traces.max() == 1
    own = [session.running for session in cohort["1"]]
    swapped = models("null").labels["1"]
    np.testing.assert_array_equal(swapped[0], own[1])
    np.testing.assert_array_equal(swapped[1], own[0])


def test_not_detrended_traces_drift_more(data: Path) -> None:
    cohort = read_roi_cohort(data)

    def slow(row: str) -> float:
        models = RoiModels(ROWS[row], cohort, Effort(), seed=1, compute=CPU)
        traces = models.traces["1"][0]
        return float(abs(traces[:600].mean(axis=0) - traces[600:].mean(axis=0)).mean())

    assert slow("roi-gru-raw") > 2 * slow("roi-gru")


@pytest.mark.parametrize(
    ("rows", "said"), [(["nonsense"], "no row"), (["bundled-cnn"], "data_64_5mice")]
)
def test_what_is_not_there_is_refused_in_one_sentence(
    tmp_path: Path, rows: list[str], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        reproduce(tmp_path, tmp_path / "out", rows=rows)


def test_damaged_scores_are_refused(data: Path, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "motor.json").write_text("{")
    with pytest.raises(EvaluationError, match="damaged"):
        reproduce(data, tmp_path, rows=["motor"])
