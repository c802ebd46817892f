"""The state behind labelling, without a window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from qtpy.QtWidgets import QApplication

from helpers.windows import FRAME_RATE, N_FRAMES, waves
from napari_cortex_decoder.decoder import Prediction
from napari_cortex_decoder.labels import Bout, Paint, Source
from napari_cortex_decoder.recording import Recording, open_recording, preprocess
from napari_cortex_decoder.recording.preprocessing import Crop
from napari_cortex_decoder.widgets.workspace import Workspace


@pytest.fixture
def shown(qapp: QApplication, recording: Recording) -> Iterator[Workspace]:
    """A workspace with a recording that is in no file."""
    workspace = Workspace()
    workspace.movie.show(recording)
    yield workspace
    workspace.close()


def bouts(workspace: Workspace) -> list[tuple[int, int, str]]:
    ethogram = workspace.labels.ethogram
    return [] if ethogram is None else [(b.start, b.stop, b.behavior) for b in ethogram.bouts]


def test_labels_by_speed_become_ones_own_with_the_first_edit(shown: Workspace) -> None:
    shown.speed.set_labelling(True)
    shown.speed.set(threshold=5)
    measured = shown.labels.ethogram
    assert measured is not None and shown.labels.labels is not None
    assert shown.labels.labels.ethogram == measured
    shown.labels.edit(Paint(start=0, stop=3, behavior="run"))
    assert not shown.speed.labelling
    edited = shown.labels.ethogram
    assert edited is not None
    assert edited.bouts[0] == Bout(0, 3, "run", Source.PERSON)
    np.testing.assert_array_equal(edited.frames()[3:], measured.frames()[3:])
    shown.labels.undo()
    assert shown.labels.ethogram is None  # nothing is labelled but by speed, which is off now


def test_a_cropped_movie_shows_its_labels_and_says_why_they_cannot_be_edited(
    shown: Workspace, recording: Recording
) -> None:
    shown.labels.edit(Paint(start=20, stop=60, behavior="run"))
    shown.movie.show(preprocess(recording, [Crop(frames=(30, 100))]), recording)
    assert bouts(shown) == [(0, 30, "run")]
    assert "show the raw movie" in (shown.labels.obstacle or "")
    assert not shown.labels.edit(Paint(start=0, stop=5, behavior="rest"))
    assert not shown.labels.can_undo
    shown.movie.show(recording)
    assert bouts(shown) == [(20, 60, "run")] and shown.labels.obstacle is None


def test_a_damaged_journal_is_told_and_left_alone(qapp: QApplication, tmp_path: Path) -> None:
    path = tmp_path / "m1.tif"
    tifffile.imwrite(path, waves(), photometric="minisblack")
    journal = tmp_path / "m1.tif.cortex" / "labels.jsonl"
    journal.parent.mkdir()
    journal.write_text("no journal\nat all\n")
    workspace = Workspace()
    told: list[Exception] = []
    workspace.failed.connect(told.append)
    workspace.movie.show(open_recording(path, frame_rate=FRAME_RATE))
    assert "line 1 is damaged" in str(told[0])
    assert "damaged" in (workspace.labels.obstacle or "")
    assert not workspace.labels.edit(Paint(start=0, stop=5, behavior="rest"))
    workspace.close()
    assert journal.read_text() == "no journal\nat all\n"


def test_verifying_goes_to_the_next_uncertain_bout_and_keeps_what_a_person_said(
    shown: Workspace, recording: Recording
) -> None:
    run = np.repeat(np.float32([0.02, 0.98, 0.55, 0.02]), [40, 40, 40, 30])
    probability = np.stack([1 - run, run], axis=1)
    seeks: list[int] = []
    shown.movie.seek_wanted.connect(seeks.append)
    shown.decode.prediction = Prediction(
        probability, ("rest", "run"), recording.times, "d", "0", "cpu", (), {}
    )
    shown.decode.complete = True
    shown.review.set_cleaning(threshold=0.7)  # rest, run, rest: the last one half uncertain
    shown.labels.edit(Paint(start=10, stop=20, behavior="run"))
    shown.review.verify_ahead()
    verified = [bout for bout in shown.labels.ethogram.bouts if bout.source == Source.VERIFIED]
    assert [(b.start, b.stop, b.behavior) for b in verified] == [
        (0, 10, "rest"), (20, 40, "rest"), (40, 80, "run"),
    ]  # fmt: skip
    assert bouts(shown)[1] == (10, 20, "run") and seeks == [80]
    shown.labels.undo()
    shown.review.doubt = 1.0
    shown.review.verify_ahead()
    assert bouts(shown)[-1] == (80, N_FRAMES, "rest") and seeks[-1] == N_FRAMES - 1


def test_a_recording_that_another_one_follows_lets_go_of_its_labels(
    shown: Workspace, recording: Recording
) -> None:
    shown.labels.edit(Paint(start=20, stop=60, behavior="run"))
    shown.movie.show(recording.replace(name="m2"))
    assert bouts(shown) == [] and not shown.labels.can_undo
