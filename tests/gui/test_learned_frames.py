"""What a decoder has learned from never judges it: not in the window, nor after a restart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from napari import Viewer
from pytestqt.qtbot import QtBot
from sklearn.metrics import roc_auc_score

from helpers.tuned_mice import blank_decoder, patchy_mouse, write_labelled
from helpers.windows import row_at, wait_until_idle
from napari_cortex_decoder.cohort import CohortEntry
from napari_cortex_decoder.decoder import load_decoder, make_decoder
from napari_cortex_decoder.decoder.cache.recording_cache import frames_digest
from napari_cortex_decoder.decoder.learned_frames import said_of_learning
from napari_cortex_decoder.labels.edits import Erase
from napari_cortex_decoder.recording import open_recording
from napari_cortex_decoder.sessions import look_at
from napari_cortex_decoder.tuning.held_out import HeldOut
from napari_cortex_decoder.widgets.dock.labels_section import LabelsSection
from napari_cortex_decoder.widgets.dock.tuning_group import TuningGroup
from napari_cortex_decoder.widgets.session import workspace_of
from napari_cortex_decoder.widgets.timeline.timeline import NAME, TimelineWidget
from napari_cortex_decoder.widgets.workspace import Workspace

N = 900


class Window:
    """A window of its own on what lies on the disk: a start of the program."""

    def __init__(self, make: Callable[..., Viewer], qtbot: QtBot) -> None:
        self.viewer, self._qtbot = make(show=True), qtbot
        _, self.dock = self.viewer.window.add_plugin_dock_widget(
            "napari-cortex-decoder", "Cortex Decoder"
        )
        self.dock.finish()
        self.workspace: Workspace = workspace_of(self.viewer)
        self.timeline: TimelineWidget = self.viewer.window.dock_widgets[NAME]

    def open(self, movie: Path) -> None:
        self.workspace.movie.open(movie)
        shown, labels = self.workspace.movie, self.workspace.labels
        self._qtbot.waitUntil(lambda: shown.raw is not None and shown.raw.path == movie)
        self._qtbot.waitUntil(lambda: labels.ethogram is not None)
        self.dock.findChild(LabelsSection).set_expanded(True)
        self.dock.findChild(TuningGroup).set_expanded(True)

    def decoded(self) -> tuple[str, float | None, set[int]]:
        """Return the sentence, the score of the row, and the frames that are shaded as decoded."""
        workspace = self.workspace
        self._qtbot.waitUntil(lambda: workspace.decode.complete and workspace.agreement.said != "")
        workspace.sessions.look_again()
        self._qtbot.wait(1_100)  # until the row is looked at again
        self._qtbot.waitUntil(lambda: all(row.facts for row in workspace.sessions.rows))
        row = workspace.sessions.open_row
        assert row is not None and row.facts is not None and row.facts.decoded
        ends = [
            ends for view, ends in self.shades() if view is row_at(self.timeline, "decoded").view
        ]
        shaded = {frame for start, stop in ends for frame in range(start, stop)}
        return workspace.agreement.said, row.facts.score, shaded

    def shades(self) -> list[tuple[object, tuple[int, int]]]:
        """Return what is shaded: in which row, from which frame to the one after the last."""
        return [
            (view, tuple(round(30 * end + 0.5) for end in mark.getRegion()))  # type: ignore[misc]
            for view, mark in self.timeline._marks._drawn
        ]

    def tune_and_decode(self, base: Path) -> tuple[HeldOut, ...]:
        """Fine-tune, keep, decode again: two clicks."""
        tuning = self.workspace.tuning
        self.workspace.choice.offer(base)
        tuning.depth = "threshold"
        tuning.start()
        self._qtbot.waitUntil(lambda: tuning.result is not None)
        assert tuning.result is not None
        held_out = tuning.result.held_out
        tuning.keep()
        return held_out

    def close(self) -> None:
        self.workspace.sessions.close()
        self.viewer.close()
        self._qtbot.wait(50)


@pytest.fixture
def start(make_napari_viewer: Callable[..., Viewer], qtbot: QtBot) -> Callable[[], Window]:
    return lambda: Window(make_napari_viewer, qtbot)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    blank_decoder(patchy_mouse()[0]).save(tmp_path / "blank.safetensors")
    return tmp_path / "blank.safetensors"


def auc_of(window: Window, blocks: Sequence[HeldOut]) -> float:
    """Return the AUC of the prediction in these frames, by another library."""
    prediction = window.workspace.decode.prediction
    assert prediction is not None
    counted = np.zeros(N, bool)
    for block in blocks:
        counted[block.start : block.stop] = True
    run = prediction.probability[:, prediction.behaviors.index("run")]
    counted &= np.isfinite(run)
    return float(roc_auc_score(np.arange(N)[counted] // 20 % 2, run[counted]))


@pytest.mark.slow
def test_only_what_was_held_out_counts_and_is_shaded_before_and_after_a_restart(
    start: Callable[[], Window], base: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    movie = write_labelled(*patchy_mouse(N), tmp_path / "m1.tif")
    window = start()
    window.open(movie)
    held_out = window.tune_and_decode(base)
    before = window.decoded()
    assert before[1] == pytest.approx(auc_of(window, held_out))
    assert "held out" in before[0] and f"AUC {before[1]:.2f}" in before[0]
    assert before[2] == {i for block in held_out for i in range(block.start, block.stop)}
    window.close()

    entry = CohortEntry(movie, None, "m1", "m1")
    assert look_at(entry).score == before[1]  # without a window
    window = start()
    window.open(movie)
    assert window.decoded() == before
    assert window.workspace.choice.card.source == window.workspace.decode.card.source
    window.workspace.decode.decode()  # with what was kept in the library
    wait_until_idle(qtbot, window.workspace)
    assert window.decoded() == before

    # of labels that are no longer there nothing counts: what was learned from is no stand-in
    for block in held_out:
        window.workspace.labels.edit(Erase(start=block.start, stop=block.stop))
    qtbot.waitUntil(lambda: "nothing is left to judge it by" in window.workspace.agreement.said)
    assert window.decoded()[1] is None
    window.close()


@pytest.mark.slow
def test_of_another_mouse_nothing_was_learned_and_all_its_labels_count(
    start: Callable[[], Window], base: Path, tmp_path: Path
) -> None:
    mine, other = (
        write_labelled(*patchy_mouse(N, name, seed), tmp_path / f"{name}.tif")
        for seed, name in enumerate(("m1", "m2"))
    )
    window = start()
    window.open(mine)
    window.tune_and_decode(base)
    assert "held out" in window.decoded()[0]
    tuned = window.workspace.choice.card
    window.open(other)
    window.workspace.choice.choose(tuned)
    window.workspace.decode.decode()
    said, score, _ = window.decoded()
    assert "held out" not in said
    assert score == pytest.approx(auc_of(window, [HeldOut(0, 0, N)]))
    window.close()


@pytest.mark.slow
def test_of_a_recording_that_a_decoder_was_trained_on_nothing_is_left_to_judge_it_by(
    start: Callable[[], Window], base: Path, tmp_path: Path
) -> None:
    movie = write_labelled(*patchy_mouse(N), tmp_path / "m1.tif")
    blank = load_decoder(base)
    learned = said_of_learning({}, [frames_digest(open_recording(movie))], [()])  # as `train` does
    card = blank.provenance.model_copy(update={"settings": learned})
    trained = blank.config.model_copy(update={"provenance": card})
    make_decoder(trained, blank.network, name="trained").save(tmp_path / "trained.safetensors")
    for _ in range(2):
        window = start()
        window.open(movie)
        if not window.workspace.decode.complete:
            window.workspace.choice.offer(tmp_path / "trained.safetensors")
            window.workspace.decode.decode()
        said, score, shaded = window.decoded()
        assert "nothing is left to judge it by" in said and score is None and not shaded
        window.close()
