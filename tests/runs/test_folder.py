"""A run folder: what is ours by name and by marker, and what is nobody's to touch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.progress import Progress
from napari_cortex_decoder.runs import RunFolder

Made = Callable[[RunFolder], None]


def held(folder: Path) -> dict[str, bytes]:
    """What a folder holds, but for what is ours by its marker."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@pytest.fixture
def job(tmp_path: Path) -> RunFolder:
    """A fine-tune that has asked, told, and left work and a decoder."""
    folder = RunFolder(tmp_path / "job", "fine-tune")
    with folder.claim():
        folder.ask({"seed": 1})
        folder.tell(Progress("encoding"))
        folder.place("work/frames-0.npy").write_bytes(b"frames")
        folder.decoder_file.write_bytes(b"decoder")
    return folder


@pytest.mark.parametrize(
    "name", ["decoder.safetensors", "config.json", "progress.jsonl", "work/notes.txt", ".lock"]
)
def test_a_folder_in_which_somebody_uses_a_name_of_ours_is_refused_untouched(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    before = held(tmp_path)
    with (
        pytest.raises(TrainingError, match="no fine-tune of this program has made it"),
        RunFolder(tmp_path, "fine-tune").claim(),
    ):
        pass
    assert held(tmp_path) == before


def test_a_folder_that_holds_other_things_is_only_added_to(tmp_path: Path) -> None:
    for name in ("a-1.npy", "base.safetensors", "checkpoint.pt", "notes.txt"):
        (tmp_path / name).write_text("mine")
    before = held(tmp_path)
    folder = RunFolder(tmp_path, "fine-tune")
    with folder.claim():
        folder.ask({})
        folder.place("work/frames-0.npy").write_bytes(b"frames")
    assert before.items() <= held(tmp_path).items()
    folder.forget()
    assert held(tmp_path) == before


@pytest.mark.parametrize("way", ["begin anew", "forget"])
def test_only_what_was_made_here_is_removed(job: RunFolder, way: str) -> None:
    (job.path / "notes.txt").write_text("mine")
    (job.path / "work/frames-1.npy").write_text("mine")
    if way == "forget":
        job.forget()
        assert set(held(job.path)) == {"notes.txt", "work/frames-1.npy"}
    else:
        with job.claim():
            job.begin_anew()
            job.ask({"seed": 2})
        assert job.asked() == {"seed": 2} and not job.decoder_file.exists()
        assert {"notes.txt", "work/frames-1.npy"} <= set(held(job.path))
        assert "work/frames-0.npy" not in held(job.path)


def test_a_name_that_somebody_took_after_the_job_began_is_not_written_over(job: RunFolder) -> None:
    (job.path / "work/labels-0.npy").write_text("mine")
    with pytest.raises(TrainingError, match=r"labels-0\.npy is there already"):
        job.place("work/labels-0.npy")


def test_another_kind_of_job_is_never_touched(job: RunFolder) -> None:
    other = RunFolder(job.path, "training")
    before = held(job.path)
    for touch in (other.asked, other.forget, other.claim().__enter__):
        with pytest.raises(TrainingError, match="is the run folder of a fine-tune, not of a train"):
            touch()
    assert held(job.path) == before


@pytest.mark.parametrize("name", ["../victim", "/victim", "work/../../victim", "a/b/c", "c:x", ""])
def test_a_marker_that_names_what_lies_elsewhere_is_refused(job: RunFolder, name: str) -> None:
    victim = job.path.parent / "victim"
    victim.write_text("mine")
    marker = job.path / "run-folder.json"
    said = json.loads(marker.read_text())
    marker.write_text(json.dumps({**said, "made": [*said["made"], name]}))
    with pytest.raises(TrainingError, match=r"run-folder\.json is damaged"):
        job.forget()
    assert victim.read_text() == "mine"


def test_a_folder_within_that_became_a_link_is_not_followed(job: RunFolder, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (job.path / "work").rename(elsewhere)
    (job.path / "work").symlink_to(elsewhere)
    job.forget()
    assert held(elsewhere) == {"frames-0.npy": b"frames"}


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"version": 1}', '{"version": 99}', "[" * 100_000, '{"version": "1"}'],
    ids=lambda text: text[:14] or "empty",
)
def test_a_damaged_marker_is_one_sentence(job: RunFolder, content: str) -> None:
    (job.path / "run-folder.json").write_text(content)
    with pytest.raises(TrainingError) as refusal:
        job.asked()
    assert "run-folder.json" in str(refusal.value) and "\n" not in str(refusal.value)


def test_what_a_killed_process_had_not_finished_is_swept_up(job: RunFolder) -> None:
    half = [
        job.path / name
        for name in (".cortex-decoder-01234567.part", "work/.cortex-decoder-0123abcd.part")
    ]
    for work in half:
        (work / "new").mkdir(parents=True)
        (work / "napari-cortex-decoder.lock").touch()
        (work / "new/frames-0.npy").write_bytes(b"half")
    empty = job.path / ".cortex-decoder-89abcdef.part"
    empty.mkdir()
    (job.path / ".others.0123abcd.part.npy").write_bytes(b"mine")
    with job.progress_file.open("a") as file:
        file.write('{"stage": "fit')
    with job.claim():
        job.tell(Progress("scoring"))
    assert [event.stage for event in job.progress()] == ["encoding", "scoring"]
    assert not empty.exists() and not any(work.exists() for work in half)
    assert (job.path / ".others.0123abcd.part.npy").read_bytes() == b"mine"


def test_two_processes_do_not_work_in_one_folder_and_looking_does_not_keep_one_out(
    job: RunFolder,
) -> None:
    assert not job.is_at_work
    with job.claim():
        assert job.is_at_work
        with (
            pytest.raises(TrainingError, match="another process is at work"),
            RunFolder(job.path, "fine-tune").claim(),
        ):
            pass
    assert not job.is_at_work


def test_looking_makes_nothing(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "none", "training")
    assert folder.asked() is None and not folder.is_at_work and not folder.is_finished
    assert folder.progress() == [] and not folder.path.exists()
    assert not RunFolder(tmp_path, "training").is_at_work and not any(tmp_path.iterdir())
