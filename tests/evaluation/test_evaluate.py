"""Evaluations of small cohorts on disk: scores, what is left behind, and how they go on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import napari_cortex_decoder as ncd
from napari_cortex_decoder.errors import EvaluationError

Written = Callable[..., Path]


@pytest.fixture(scope="module")
def cohort(written: Written, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the CSV of four mice; one of them has a name that a browser could take for code."""
    csv = written(tmp_path_factory.mktemp("cohort"), mice=4, sessions=2)
    csv.write_text(csv.read_text().replace("m4,m4", "<script>alert(4)</script>,m4"))
    return csv


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the evaluation."""
    return tmp_path_factory.mktemp("work") / "found"


@pytest.fixture(scope="module")
def report(cohort: Path, out: Path) -> ncd.EvaluationReport:
    """Evaluate the linear baseline across mice."""
    return ncd.evaluate(cohort, protocol="across-mice", decoder="linear", out=out)


def stamps(out: Path) -> dict[str, int]:
    """Return when each piece was made."""
    pieces = [*out.glob("predictions/*"), *out.glob("decoders/*"), *out.glob("looked/*")]
    return {file.name: file.stat().st_mtime_ns for file in pieces}


def test_mice_whose_brightness_tells_are_read_and_labels_of_other_times_are_not(
    report: ncd.EvaluationReport,
) -> None:
    (own,) = report.summaries().values()
    (null,) = report.summaries(of="AUC, labels shifted").values()
    assert own.mice == 4 and own.worst > 0.95
    assert null.mean < 0.7
    assert (report.table["AUC, the frame's mean"] > 0.95).all()


def test_a_baseline_that_is_no_worse_is_said(report: ncd.EvaluationReport) -> None:
    sentences = " ".join(report.honest)
    assert "4 mice: intervals are wide" in sentences
    assert "No frame was drawn at random" in sentences


def test_the_page_holds_pictures_and_no_code_of_a_mouse_name(
    report: ncd.EvaluationReport, out: Path
) -> None:
    text = (out / "report.html").read_text()
    assert text.count("<svg") == 2 and "src=" not in text
    assert "&lt;script&gt;alert(4)" in text and "<script" not in text


def test_tables_open_in_a_spreadsheet_without_a_formula(
    report: ncd.EvaluationReport, out: Path
) -> None:
    lines = (out / "mice.csv").read_text().splitlines()
    assert len(lines) == 5 and lines[0].startswith("decoder,kind,at,mouse,group")
    assert any(",'=cmd" in line for line in lines) and not any(",=cmd" in line for line in lines)


def test_groups_are_compared_over_mice(report: ncd.EvaluationReport, out: Path) -> None:
    assert "Groups of mice" in (out / "report.html").read_text()


def test_asked_again_nothing_is_done_twice(
    report: ncd.EvaluationReport, cohort: Path, out: Path
) -> None:
    before = stamps(out)
    again = ncd.evaluate(cohort, protocol="across-mice", decoder="linear", out=out)
    assert stamps(out) == before and again == report


def test_only_what_is_missing_is_done(
    report: ncd.EvaluationReport, cohort: Path, out: Path
) -> None:
    before = stamps(out)
    gone = sorted(out.glob("predictions/*"))[3]
    gone.unlink()
    told: list[ncd.Progress] = []
    again = ncd.evaluate(
        cohort, protocol="across-mice", decoder="linear", out=out, progress=told.append
    )
    assert {name for name, at in stamps(out).items() if before[name] != at} == {gone.name}
    assert [(e.done, e.total) for e in told if e.stage == "testing"] == [(7, 8), (8, 8)]
    assert again == report


def test_a_folder_of_another_evaluation_is_refused(
    report: ncd.EvaluationReport, cohort: Path, out: Path
) -> None:
    with pytest.raises(EvaluationError, match="another evaluation, of other settings"):
        ncd.evaluate(cohort, protocol="within", decoder="linear", out=out)


def test_a_split_is_used_again(
    report: ncd.EvaluationReport, cohort: Path, out: Path, tmp_path: Path
) -> None:
    given = json.loads((out / "split.json").read_text())
    given["folds"] = given["folds"][:1]
    (tmp_path / "split.json").write_text(json.dumps(given))
    again = ncd.evaluate(
        cohort, protocol="across-mice", decoder="linear", split=tmp_path / "split.json"
    )
    assert [one.mouse for one in again.results] == [report.results[0].mouse]
    assert again.results[0].scores == report.results[0].scores


def test_a_split_that_leaks_is_refused_before_anything_is_learned(
    report: ncd.EvaluationReport, cohort: Path, out: Path, tmp_path: Path
) -> None:
    given = json.loads((out / "split.json").read_text())
    given["folds"][0]["learn"] += given["folds"][0]["test"]
    (tmp_path / "split.json").write_text(json.dumps(given))
    with pytest.raises(EvaluationError, match="is learned from and tested"):
        ncd.evaluate(
            cohort,
            protocol="across-mice",
            decoder="linear",
            out=tmp_path / "out",
            split=tmp_path / "split.json",
        )
    assert not (tmp_path / "out" / "decoders").exists()


def test_a_damaged_piece_is_named(report: ncd.EvaluationReport, cohort: Path, out: Path) -> None:
    piece = sorted(out.glob("predictions/*"))[0]
    whole = piece.read_bytes()
    piece.write_bytes(whole[:50])
    try:
        with pytest.raises(EvaluationError, match=f"{piece.name} is damaged; remove it"):
            ncd.evaluate(cohort, protocol="across-mice", decoder="linear", out=out)
    finally:
        piece.write_bytes(whole)


@pytest.mark.slow
def test_processes_give_the_same_numbers(
    report: ncd.EvaluationReport, cohort: Path, tmp_path: Path
) -> None:
    again = ncd.evaluate(
        cohort, protocol="across-mice", decoder="linear", out=tmp_path / "o", processes=2
    )
    assert again.results == report.results


def test_a_decoder_that_is_ready_is_tested_as_it_is_on_every_mouse(
    report: ncd.EvaluationReport, cohort: Path, out: Path
) -> None:
    ready = next(out.glob("decoders/*"))
    found = ncd.evaluate(cohort, protocol="across-mice", decoder=ready)
    assert len(found.results) == 4 and {one.frames for one in found.results} != {0}


def test_what_a_decoder_cannot_read_is_said_and_the_rest_goes_on(
    written: Written, tmp_path: Path
) -> None:
    csv, atlas = written(tmp_path, mice=3, sessions=1), ncd.load_atlas("dorsal-cortex")
    near = ncd.Registration.upright(atlas, pixel_size=0.1, bregma=(14, 15.5))  # half out of view
    near.save(tmp_path / "m1s1.json")
    found = ncd.evaluate(csv, protocol="across-mice", decoder=["run-rest-areas", "linear"])
    read = {one.mouse for one in found.results if one.decoder == "run-rest-areas"}
    assert read == {"m2", "m3"}
    assert [one.decoder for one in found.results].count("linear") == 3
    assert any(s.startswith("run-rest-areas, m1: ") and "covers no pixel" in s for s in found.said)


def test_labels_that_have_nothing_to_do_with_cortex_are_read_at_chance(
    written: Written, tmp_path: Path
) -> None:
    csv = written(tmp_path, mice=4, sessions=1, n_frames=900)
    for mouse in range(4):
        rng = np.random.default_rng(mouse)
        frames = np.repeat(rng.permutation(np.arange(30) % 2), 30)
        labels = ncd.Ethogram.from_frames(frames, ("rest", "run"))
        labels.to_csv(tmp_path / f"m{mouse + 1}s1.csv")
    found = ncd.evaluate(csv, protocol="across-mice", decoder="linear")
    (own,) = found.summaries().values()
    assert abs(own.mean - 0.5) < 0.12
    assert any("at chance" in sentence for sentence in found.honest)


@pytest.mark.parametrize("protocol", ["within", "across-sessions", "ageing", "transfer"])
def test_every_protocol_goes_from_files_to_a_page(
    protocol: str, written: Written, tmp_path: Path
) -> None:
    n_frames = 2700 if protocol == "transfer" else 900  # some bouts to tune on, and a rest
    csv = written(tmp_path, mice=3, sessions=2, n_frames=n_frames)
    found = ncd.evaluate(
        csv, protocol=protocol, decoder="linear", out=tmp_path / "out", minutes=(1,)
    )  # type: ignore[arg-type]
    assert min(found.table["AUC"]) > 0.9
    assert (tmp_path / "out" / "report.html").is_file()
    places = {one.at for one in found.results}
    assert places == {"ageing": {7.0}, "transfer": {0.0, 1.0}}.get(protocol, {None})


@pytest.mark.slow
def test_a_network_is_learned_in_each_fold_and_goes_on_from_its_run_folder(
    written: Written, tmp_path: Path
) -> None:
    csv, out = written(tmp_path, mice=3, sessions=1), tmp_path / "out"
    (tmp_path / "small.toml").write_text(
        '[decoder]\narchitecture = "roi-rnn"\nhidden_size = 4\nwindow = {past = 5, future = 5}\n'
        '[[stages]]\nkind = "windows"\nepochs = 2\nstride = 3\nlearning_rate = 0.02\n'
    )
    asked = {"protocol": "across-mice", "decoder": tmp_path / "small.toml", "out": out}
    found = ncd.evaluate(csv, **asked)  # type: ignore[arg-type]
    assert [one.decoder for one in found.results] == ["small"] * 3 + ["linear"] * 3
    runs = list(out.glob("decoders/small-*/decoder.safetensors"))
    assert len(runs) == 3
    for run in runs:
        learned = json.loads((run.parent / "split.json").read_text())["split"]
        assert {name.split()[0] for name in learned["training"]} == {"learn"}
        assert len({name.split()[1] for part in learned.values() for name in part}) == 2
    runs[0].unlink()
    assert ncd.evaluate(csv, **asked) == found  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"protocol": "by-day"}, "by-day"),
        ({"decoder": []}, "at least one decoder"),
        ({"decoder": ["linear", "linear"]}, "one name"),
        ({"minutes": (0,)}, "minutes of labels above 0"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    options: dict[str, object], said: str, cohort: Path
) -> None:
    asked = {"protocol": "across-mice", "decoder": "linear"} | options
    with pytest.raises(EvaluationError, match=said):
        ncd.evaluate(cohort, **asked)  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_scheduler_that_is_not_there_is_named(cohort: Path) -> None:
    nowhere = "tcp://127.0.0.1:9"
    with pytest.raises(EvaluationError, match=f"no dask scheduler at {nowhere}"):
        ncd.evaluate(cohort, protocol="across-mice", decoder="linear", scheduler=nowhere)


@pytest.fixture
def dask_workers() -> Iterator[object]:
    """Give a dask cluster of two processes on this machine."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.mark.slow
def test_workers_of_a_dask_scheduler_give_the_same_numbers(
    report: ncd.EvaluationReport, cohort: Path, tmp_path: Path, dask_workers: object
) -> None:
    again = ncd.evaluate(
        cohort, protocol="across-mice", decoder="linear", out=tmp_path / "o", client=dask_workers
    )
    assert again.results == report.results
