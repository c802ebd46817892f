"""Fine-tuning in a real window: end to end, with other recordings, and after kills."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import torch
from napari.utils.notifications import Notification
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QLabel, QProgressBar, QPushButton

from helpers.tuned_mice import (
    blank_decoder,
    epochs,
    kill_trainer,
    patchy_mouse,
    wait_until,
    write_labelled,
)
from helpers.windows import answer, child, click, visible_texts, wait_until_idle
from napari_cortex_decoder.compute import CPU
from napari_cortex_decoder.decoder import load_decoder
from napari_cortex_decoder.recording import open_recording, save_recording
from napari_cortex_decoder.tuning.fine_tune import fine_tune
from napari_cortex_decoder.tuning.folder import FineTuneFolder
from napari_cortex_decoder.tuning.held_out import HeldOut
from napari_cortex_decoder.tuning.preparation import Preparation
from napari_cortex_decoder.widgets.dock.labels_section import LabelsSection
from napari_cortex_decoder.widgets.dock.tuning_group import TuningGroup
from napari_cortex_decoder.widgets.main_widget import CortexDecoderWidget
from napari_cortex_decoder.widgets.timeline.timeline import TimelineWidget
from napari_cortex_decoder.widgets.workspace import Workspace


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a base decoder."""
    folder = tmp_path_factory.mktemp("base")
    blank_decoder(patchy_mouse()[0]).save(folder / "blank.safetensors")
    return folder


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """A labelled movie on the disk."""
    return write_labelled(*patchy_mouse(900), tmp_path / "m1.tif")


@pytest.fixture
def group(dock: CortexDecoderWidget) -> TuningGroup:
    return dock.findChild(TuningGroup)


@pytest.fixture
def open_movie(
    qtbot: QtBot, dock: CortexDecoderWidget, workspace: Workspace, files: Path
) -> Callable[[Path], None]:
    """Open a movie, choose the base and unfold what is tested here."""

    def open_it(movie: Path) -> None:
        workspace.movie.open(movie)
        qtbot.waitUntil(lambda: workspace.movie.recording is not None)
        workspace.choice.offer(files / "blank.safetensors")
        dock.findChild(LabelsSection).set_expanded(True)
        dock.findChild(TuningGroup).set_expanded(True)

    return open_it


def says(group: TuningGroup, words: str) -> bool:
    return any(words in text for text in visible_texts(group, QLabel))


@pytest.mark.slow
def test_end_to_end_from_the_section_is_cancelled_keeping_the_best_and_gives_its_memory_back(
    qtbot: QtBot, workspace: Workspace, group: TuningGroup, movie: Path,
    open_movie: Callable[[Path], None],
) -> None:  # fmt: skip
    open_movie(movie)
    workspace.decode.decode()  # so that torch is loaded, and has read one movie, before and after
    wait_until_idle(qtbot, workspace)
    process = psutil.Process()
    before = process.memory_info().rss
    depths = group.findChild(QComboBox)
    depths.setFocus()
    qtbot.keyClick(depths, Qt.Key.Key_End)
    assert workspace.tuning.depth == "end-to-end" and says(group, "in a process of its own")
    click(qtbot, group, "Fine-tune")
    tuning = workspace.tuning
    qtbot.waitUntil(lambda: (1, 1) in epochs(tuning.told) or not tuning.progress.running)
    assert group.findChild(QProgressBar).isVisible() and says(group, "Fitting")
    folder = FineTuneFolder(movie.with_name("m1.tif.cortex") / "fine-tune")
    assert folder.is_at_work
    click(qtbot, group, "Cancel")
    assert says(group, "the best so far is kept")
    qtbot.waitUntil(lambda: not tuning.progress.running)
    assert tuning.result is not None and len(epochs(tuning.told)) < 6
    assert says(group, "held-out frames")
    click(qtbot, group, "Discard")
    qtbot.waitUntil(lambda: not folder.path.exists())
    assert tuning.result is None and not says(group, "held-out frames")
    assert process.memory_info().rss < 1.1 * before


@pytest.mark.slow
def test_a_killed_window_and_a_killed_trainer_lose_nothing(
    qtbot: QtBot, workspace: Workspace, dock: CortexDecoderWidget, group: TuningGroup, files: Path,
    movie: Path, notifications: list[Notification],
) -> None:  # fmt: skip
    tuning = workspace.tuning
    folder = FineTuneFolder(movie.with_name("m1.tif.cortex") / "fine-tune")
    program = [sys.executable, "-m", "helpers.tune_until_killed"]
    with subprocess.Popen([*program, movie, files / "blank.safetensors"]) as window:
        try:
            wait_until(lambda: (1, 0) in epochs(folder.progress()) or window.poll() is not None)
            assert window.poll() is None
        finally:
            window.kill()
    assert folder.is_at_work  # the trainer goes on

    # another window, in which another decoder is chosen
    workspace.movie.open(movie)
    qtbot.waitUntil(lambda: tuning.progress.running)
    assert dock.findChild(LabelsSection).findChild(TuningGroup).isVisible()
    qtbot.waitUntil(lambda: says(group, "Fitting"))
    qtbot.waitUntil(lambda: (1, 1) in epochs(tuning.told))
    kill_trainer(folder.path)
    qtbot.waitUntil(lambda: not tuning.progress.running)
    assert tuning.cut_short and says(group, "cut short")
    assert "ended from outside" in notifications[-1].message
    n_told = len(epochs(tuning.told))
    click(qtbot, group, "Go on")
    qtbot.waitUntil(lambda: len(epochs(tuning.told)) > n_told)
    click(qtbot, group, "Cancel")
    qtbot.waitUntil(lambda: not tuning.progress.running)
    told = epochs(tuning.told)
    assert told == list(dict.fromkeys(told))  # no epoch was learned twice
    assert tuning.result is not None
    assert tuning.result.decoder.provenance.settings["fine_tune.base"] == "blank"
    click(qtbot, group, "Discard")
    qtbot.waitUntil(lambda: not folder.path.exists())


def test_a_fine_tune_that_was_cut_short_is_offered_again_and_outlives_another_fine_tune(
    qtbot: QtBot, workspace: Workspace, group: TuningGroup, movie: Path, files: Path,
    open_movie: Callable[[Path], None],
) -> None:  # fmt: skip
    folder = movie.with_name("m1.tif.cortex") / "fine-tune"
    base = load_decoder(files / "blank.safetensors")
    labelled = [(open_recording(movie), patchy_mouse(900)[1])]
    job = Preparation(base, labelled, "end-to-end", None, CPU, 1, None)
    begun = FineTuneFolder(folder)
    with begun.claim():
        begun.ask(job.asked.model_dump(mode="json"))
        job.prepare(begun, lambda _: None)  # and then everything was killed
    open_movie(movie)
    tuning = workspace.tuning
    qtbot.waitUntil(lambda: tuning.cut_short)
    assert says(group, "cut short") and child(group, QPushButton, "Go on").isVisible()
    tuning.depth = "threshold"
    click(qtbot, group, "Fine-tune")
    qtbot.waitUntil(lambda: tuning.result is not None)
    click(qtbot, group, "Discard")
    assert tuning.cut_short and (folder / "config.json").is_file()
    click(qtbot, group, "Discard")
    qtbot.waitUntil(lambda: not folder.exists())
    assert not tuning.cut_short and not child(group, QPushButton, "Go on").isVisible()


def test_another_mouse_is_learned_from_too_and_one_of_them_is_held_out_whole(
    qtbot: QtBot, workspace: Workspace, group: TuningGroup, timeline: TimelineWidget,
    tmp_path: Path, files: Path, open_movie: Callable[[Path], None],
    notifications: list[Notification],
) -> None:  # fmt: skip
    mice = [patchy_mouse(400, "m1"), patchy_mouse(400, "m2", seed=2)]
    movies = [write_labelled(*mouse, tmp_path / f"{mouse[0].name}.nwb") for mouse in mice]
    save_recording(mice[0][0], tmp_path / "unlabelled.nwb")
    open_movie(movies[0])
    tuning = workspace.tuning
    assert len(timeline._marks.regions) == 2 and says(group, "2 stretches of m1, shaded")

    def add(path: Path) -> None:
        click(qtbot, group, "Add recording…")
        answer(group, path)

    add(movies[1])
    qtbot.waitUntil(lambda: len(tuning.others) == 1)
    assert says(group, "and from m2") and says(group, "Measured on all of m2.")
    assert timeline._marks.regions == []
    add(movies[1])
    qtbot.waitUntil(lambda: says(group, "m2 is learned from already"))
    add(tmp_path / "unlabelled.nwb")
    qtbot.waitUntil(lambda: len(notifications) > 0)
    assert "unlabelled.nwb has no labels beside it" in notifications[-1].message
    click(qtbot, group, "Only this one")
    assert len(timeline._marks.regions) == 2 and not says(group, "m2")
    add(movies[1])
    qtbot.waitUntil(lambda: len(tuning.others) == 1)

    assert tuning.depth == "best"
    click(qtbot, group, "Fine-tune")
    qtbot.waitUntil(lambda: tuning.result is not None)
    result = tuning.result
    assert says(group, "compared inside what was learned from") and says(group, "a baseline wins")
    labelled = [(open_recording(path), mouse[1]) for path, mouse in zip(movies, mice, strict=True)]
    same = fine_tune(files / "blank.safetensors", labelled, depth="best")
    assert result.held_out == same.held_out == (HeldOut(1, 0, mice[1][0].n_frames),)
    assert result.before == same.before and result.after == same.after
    assert "m1, m2" in result.decoder.provenance.summary
    expected = same.decoder.network.state_dict()
    for name, tensor in result.decoder.network.state_dict().items():
        assert torch.equal(tensor, expected[name]), name
