"""`cortex-decoder train`, and a run in a process of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_cortex_decoder.atlas import Registration, load_atlas
from napari_cortex_decoder.compute import CPU
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.labels import Behavior, LabelSession, Paint, SetBehaviors
from napari_cortex_decoder.recording import sidecar_folder
from napari_cortex_decoder.training import TrainingFolder, cohort_sessions, read_config, start

Run = Callable[..., tuple[int, str, str]]

SETTINGS = """
[decoder]
architecture = "linear"
window = {past = 1, future = 1}
[[stages]]
kind = "windows"
epochs = 4
learning_rate = 0.1
batch_size = 32
"""


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """Three mice in the plain layout: labels, runrest, and speed; no registrations."""
    rows = []
    for mouse, column in enumerate(("behavior", "runrest", "speed")):
        rng = np.random.default_rng(mouse)
        running = np.arange(120) // 20 % 2
        movie = rng.normal(1000, 10, (120, 32, 32)) + 15 * running[:, None, None]
        tifffile.imwrite(
            tmp_path / f"m{mouse}.tif",
            movie.astype(np.uint16),
            imagej=True,
            metadata={"axes": "TYX", "fps": 30.0, "finterval": 1 / 30},
        )
        file = tmp_path / f"m{mouse}.csv"
        if column == "behavior":
            said = np.array(["rest", "run"])[running]
            lines = [f"{frame},{name}" for frame, name in enumerate(said)]
            file.write_text("frame,behavior\n" + "\n".join(lines) + "\n")
            rows.append(f"m{mouse}.tif,,m{mouse}.csv,{mouse}")
        else:
            values = running if column == "runrest" else running * 5.0
            file.write_text(f"{column}\n" + "\n".join(map(str, values)) + "\n")
            rows.append(f"m{mouse}.tif,m{mouse}.csv,,{mouse}")
    csv = tmp_path / "cohort.csv"
    csv.write_text("recording,behavior,labels,subject\n" + "\n".join(rows) + "\n")
    return csv


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    file = tmp_path / "run.toml"
    file.write_text("all_areas = false\n" + SETTINGS)
    return file


def test_labels_come_from_a_label_file_from_runrest_or_from_speed(cohort: Path) -> None:
    for session in cohort_sessions(cohort, run_speed=0.5):
        ethogram = session.load().ethogram
        assert ethogram.behaviors == ("rest", "run")
        np.testing.assert_array_equal(ethogram.frames(), np.arange(120) // 20 % 2)


def test_labels_and_placing_kept_by_the_window_are_learned_from(cohort: Path) -> None:
    movie, table = cohort.with_name("m0.tif"), cohort.read_text()
    cohort.write_text(table.replace("m0.tif,,m0.csv,0", "m0.tif,,,0"))
    with pytest.raises(TrainingError, match="label it in the window"):
        cohort_sessions(cohort, run_speed=0.5)
    labels = LabelSession(120, "m0", sidecar_folder(movie))
    labels.edit(SetBehaviors(behaviors=(Behavior(name="rest"), Behavior(name="run"))))
    labels.edit(Paint(start=20, stop=40, behavior="run"))
    placed = Registration.upright(load_atlas("dorsal-cortex"), 0.3, (14, 15.5))
    placed.save(sidecar_folder(movie) / "registration.json")
    first = cohort_sessions(cohort, run_speed=0.5)[0]
    found = first.load()
    assert [(bout.start, bout.stop, bout.behavior) for bout in found.ethogram.bouts] == [
        (20, 40, "run")
    ]
    assert found.registration is not None
    np.testing.assert_array_equal(found.registration.matrix, placed.matrix)
    labels.edit(Paint(start=0, stop=20, behavior="rest"))
    labels.close()
    assert cohort_sessions(cohort, run_speed=0.5)[0].fingerprint != first.fingerprint


def test_the_command_trains_and_goes_on_without_being_told_the_settings_again(
    run: Run, cohort: Path, settings: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    code, printed, said = run(
        "train", cohort, "--config", settings, "--out", out, "--device", "cpu", "--json"
    )
    assert code == 0, said
    told = json.loads(printed)
    assert Path(told["decoder"]) == out / "decoder.safetensors"
    assert 0.5 < told["metrics"]["AUC, worst mouse"] <= 1
    code, printed, said = run("train", cohort, "--out", out)
    assert code == 0, said
    assert "AUC, worst mouse" in printed


def test_printed_settings_are_a_file_to_begin_with(run: Run, tmp_path: Path) -> None:
    code, printed, _ = run("train", "--print-config", "roi-rnn")
    assert code == 0
    file = tmp_path / "run.toml"
    file.write_text(printed, encoding="utf-8")
    assert read_config(file).decoder.architecture == "roi-rnn"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--config", "run.toml"], "give a cohort's CSV and --out"),
        (["--print-config", "transformer"], "--print-config transformer: decoder"),
        (["cohort.csv", "--out", "run", "--config", "gone.toml"], "gone.toml cannot be read"),
        (["gone.csv", "--out", "run"], "gone.csv: there is no such file"),
        (["short.csv", "--config", "run.toml", "--out", "run"], "119 values for the movie's 120"),
        (["two.csv", "--config", "run.toml", "--out", "run"], "the cohort has 2 mice"),
        (["cohort.csv", "--config", "areas.toml", "--out", "run"], "has no registration"),
        (["cohort.csv", "--config", "run.toml", "--out", "m0.tif"], "cannot be made"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_input_ends_with_exit_code_2_and_one_sentence(
    arguments: list[str], sentence: str, run: Run, cohort: Path, settings: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("areas.toml").write_text(SETTINGS)
    rows = cohort.read_text().splitlines()
    Path("two.csv").write_text("\n".join(rows[:3]) + "\n")
    short = Path("m1.csv").read_text().rstrip().rsplit("\n", 1)[0]
    Path("short.csv").write_text("\n".join(rows).replace("m1.csv", "cut.csv") + "\n")
    Path("cut.csv").write_text(short + "\n")
    code, _, said = run("train", *arguments)
    assert code == 2
    assert sentence in said
    assert said.count("\n") == 1


@pytest.mark.slow
def test_a_run_in_a_process_of_its_own_is_followed_stopped_and_gone_on_with(
    cohort: Path, settings: Path, tmp_path: Path
) -> None:
    config = read_config(settings)
    long = config.model_copy(
        update={"stages": (config.stages[0].model_copy(update={"epochs": 10_000}),)}
    )
    training = start(long, cohort, tmp_path / "run", compute=CPU)
    while training.is_running and not any("loss" in at.details for at in training.progress()):
        time.sleep(0.1)
    assert training.is_running
    training.cancel()
    assert not training.is_running
    assert TrainingFolder(tmp_path / "run").progress()[-1].done > 0
    assert not TrainingFolder(tmp_path / "run").is_finished
    with pytest.raises(TrainingError, match="ended from outside; ask for the same again"):
        training.wait()
    with pytest.raises(TrainingError, match="another configuration"):
        start(config, cohort, tmp_path / "run", compute=CPU)
