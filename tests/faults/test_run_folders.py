"""Folders that a verb is given to write to, crossed with everything that may lie in their place."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from faults.test_writers import Run, refused
from helpers.disks import fill as fill_but_for
from helpers.end_jobs import make_inputs
from helpers.places import disk, fill, snapshot, write_protect  # noqa: F401 (a fixture is there)

_TRAIN = ("train", "cohort.csv", "--config", "settings.toml", "--device", "cpu")
VERBS: dict[str, tuple[str, ...]] = {
    "train --out": (*_TRAIN, "--out"),
    "train --cache": (*_TRAIN, "--out", "trained", "--cache"),
    "fine-tune --out": (
        "fine-tune", "m0.tif", "--labels", "m0.csv", "--decoder", "blank.safetensors", "--depth",
        "threshold", "--device", "cpu", "--out",
    ),
    "evaluate --out": (
        "evaluate", "cohort.csv", "--protocol", "across-mice", "--decoder", "blank.safetensors",
        "--device", "cpu", "--out",
    ),
    "demo --out": ("demo", "--seconds", "10", "--screenshot", "--out"),
}  # fmt: skip
INPUTS = ("m0.tif", "m0.csv", "cohort.csv", "settings.toml", "blank.safetensors")
DEMO = ("simulated_mouse1_session1.csv", "simulated_mouse1_session1.json", "screenshot.png")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
    return folder


@pytest.fixture
def lab(inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "lab"
    shutil.copytree(inputs, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")  # what is refused never opens a window
    return folder


@pytest.fixture(scope="module")
def written(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[str]]:
    """Names of what a verb leaves in its folder, by running it once."""
    known: dict[str, list[str]] = {"demo --out": [*DEMO]}

    def written(verb: str, run: Run) -> list[str]:
        if verb not in known:
            out = tmp_path_factory.mktemp("sound") / "out"
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(shutil.copytree(inputs, out.parent / "lab"))
                code, _, said = run(*VERBS[verb], out)
            assert code == 0, said
            known[verb] = sorted(one.name for one in out.iterdir() if one.name != ".lock")
        return known[verb]

    return written


@pytest.mark.parametrize("verb", VERBS)
def test_what_lies_where_a_verb_would_write_stays_as_it_is(
    run: Run, lab: Path, verb: str, written: Callable[..., list[str]]
) -> None:
    names = written(verb, run)
    assert names
    for name in names:
        place = lab / "out" / name

        def a_folder(place: Path = place) -> None:
            place.mkdir()
            (place / "years of work.txt").write_text("mine")

        victims: dict[str, Callable[[], object]] = {
            "a file": lambda place=place: place.write_text("my notes"),
            "an empty file": place.touch,
            "a folder": a_folder,
            "a link to nothing": lambda place=place: place.symlink_to(lab / "not there"),
            "a link to an input": lambda place=place: place.symlink_to(lab / "m0.tif"),
            "a hard link to an input": lambda place=place: os.link(lab / "m0.csv", place),
        }
        for victim, make in victims.items():
            place.parent.mkdir()
            make()
            before = snapshot(place.parent)
            said = refused(run, (*VERBS[verb], "out"))
            after = snapshot(place.parent)
            if verb == "train --cache":  # of other recordings it may have been read already
                after = {one: after[one] for one in after if one in before}
            assert after == before, (name, victim, said)
            shutil.rmtree(place.parent)
    shutil.rmtree(lab / "trained", ignore_errors=True)
    assert snapshot(lab) == snapshot(lab.parent / "lab")


@pytest.mark.parametrize("verb", VERBS)
def test_a_file_in_the_place_of_the_folder_stays(run: Run, lab: Path, verb: str) -> None:
    (lab / "link").symlink_to("m0.tif")
    (lab / "nowhere").symlink_to("not there")
    os.link(lab / "m0.csv", lab / "hard link")
    before = snapshot(lab)
    for named in (*INPUTS, "link", "nowhere", "hard link", "m0.tif/below", "/dev/null"):
        refused(run, (*VERBS[verb], named))
        shutil.rmtree(lab / "trained", ignore_errors=True)
        assert snapshot(lab) == before, named


@pytest.mark.parametrize("verb", ["train --out", "fine-tune --out"])
def test_a_folder_in_use_and_a_folder_of_another_job_stay(
    run: Run, lab: Path, verb: str, written: Callable[..., list[str]]
) -> None:
    other = {"train --out": "fine-tune --out", "fine-tune --out": "train --out"}[verb]
    assert run(*VERBS[other], "theirs")[0] == 0
    assert run(*VERBS[verb], "ours")[0] == 0
    before = snapshot(lab)
    refused(run, (*VERBS[verb], "theirs"))
    assert snapshot(lab) == before
    with FileLock(lab / "ours" / ".lock"):
        again = (*VERBS[verb], "ours", *(("--anew",) if verb.startswith("fine") else ()))
        assert "another process is at work" in refused(run, again)
    assert snapshot(lab) == before


@pytest.mark.slow
@pytest.mark.skipif("FAULT_ROUNDS" not in os.environ, reason="a window of its own: `make faults`")
def test_a_demo_that_has_room_for_its_table_alone_keeps_that(disk: Path) -> None:  # noqa: F811
    filler = fill_but_for(disk, 100_000)
    command = [sys.executable, "-m", "napari_cortex_decoder.cli", *VERBS["demo --out"]]
    done = subprocess.run([*command, disk / "out"], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "screenshot.png cannot be written: the disk is full" in done.stderr
    filler.unlink()
    assert set(snapshot(disk)) == {"out", *(f"out/{name}" for name in DEMO[:2])}


@pytest.mark.parametrize("verb", VERBS)
def test_where_nothing_can_be_written_nothing_is(
    run: Run,
    lab: Path,
    disk: Path,  # noqa: F811
    verb: str,
) -> None:
    (disk / "kept.txt").write_text("mine")
    write_protect(disk)
    for place in (disk, disk / "out"):
        said = refused(run, (*VERBS[verb], place))
        assert "writ" in said or "Read-only" in said
        assert snapshot(disk) == {"kept.txt": b"mine"}
    write_protect(disk, False)
    fill(disk)
    said = refused(run, (*VERBS[verb], disk / "out"))
    assert "the disk" in said or "No space" in said
    (disk / "filler").unlink()
    if verb.startswith("demo"):
        return  # it would open a window
    code, _, said = run(*VERBS[verb], disk / "out")
    assert code == 0 or verb.startswith("fine-tune"), said  # its decoder needs a larger disk
    assert not list(disk.rglob(".*.part*"))
