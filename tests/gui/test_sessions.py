"""The table of sessions: every recording at hand, one open, the same done to all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import tifffile
from napari import Viewer
from napari.layers import Layer
from napari.utils.notifications import Notification
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton, QTableView

from helpers.windows import ScriptedDecoder, child, loads, waves
from napari_cortex_decoder.atlas import Registration, load_atlas
from napari_cortex_decoder.cohort import read_cohort
from napari_cortex_decoder.compute import HERE, Compute
from napari_cortex_decoder.decoder import Prediction
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.labels.edits import Paint
from napari_cortex_decoder.progress import Progress, Report
from napari_cortex_decoder.recording import Recording, remember_metadata, sidecar_folder
from napari_cortex_decoder.widgets.main_widget import CortexDecoderWidget
from napari_cortex_decoder.widgets.recording.layers import recording_of
from napari_cortex_decoder.widgets.sessions import session_jobs
from napari_cortex_decoder.widgets.sessions.sessions_section import SessionsSection
from napari_cortex_decoder.widgets.sessions.sessions_table import DECODED, LENGTH, SUBJECT
from napari_cortex_decoder.widgets.workspace import Workspace


@pytest.fixture
def movies(tmp_path: Path) -> list[Path]:
    """Three movies at 30 Hz, each 30 frames shorter than the one before."""
    paths = []
    for number in range(3):
        path = tmp_path / f"s{number}.tif"
        frames = waves()[: 150 - 30 * number]
        tifffile.imwrite(path, frames, imagej=True, metadata={"axes": "TYX", "fps": 30.0})
        paths.append(path)
    return paths


@pytest.fixture
def section(dock: CortexDecoderWidget) -> SessionsSection:
    return dock.findChild(SessionsSection)


@pytest.fixture
def table(section: SessionsSection) -> QTableView:
    return section.findChild(QTableView)


@pytest.fixture
def listed(qtbot: QtBot, workspace: Workspace, movies: list[Path]) -> Iterator[list[Path]]:
    """The three movies in the table, the first one open, all of them looked at."""
    workspace.sessions.add(*movies)
    workspace.sessions.answer(one=False)
    qtbot.waitUntil(lambda: workspace.sessions.current == 0)
    qtbot.waitUntil(lambda: all(row.facts for row in workspace.sessions.rows))
    yield movies
    workspace.sessions._pause.cancel()


class QuickDecoder(ScriptedDecoder):
    """Decodes at once what the queue hands it, but for a movie of 120 frames."""

    config = None

    def decode(
        self,
        recording: Recording,
        *,
        compute: Compute = HERE,
        any_rate: bool = False,
        registration: Registration | None = None,
        progress: Report | None = None,
    ) -> Prediction:
        n = recording.n_frames
        if n == 120:
            raise RecordingError(f"{recording.path}: the file was cut.")
        while self.go_on is not None and not self.go_on.wait(0.02):
            assert progress is not None
            progress(Progress("decoding", n // 2, n))
        return replace(self.whole(recording), probability=self.probability[:n])


def shown(viewer: Viewer) -> list[str]:
    return [layer.name for layer in viewer.layers if recording_of(layer) is not None]


def cell(table: QTableView, row: int, column: int, role: Any = Qt.ItemDataRole.DisplayRole) -> Any:
    return table.model().data(table.model().index(row, column), role)


def test_several_files_are_asked_about_and_become_rows_of_which_one_is_open(
    qtbot: QtBot, viewer: Viewer, workspace: Workspace, section: SessionsSection,
    table: QTableView, movies: list[Path],
) -> None:  # fmt: skip
    workspace.take(*movies)
    one_each = child(section, QPushButton, "One each")
    assert one_each.isVisible() and not workspace.sessions.rows and shown(viewer) == []
    qtbot.mouseClick(one_each, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: shown(viewer) == ["s0"])
    assert [row.session for row in workspace.sessions.rows] == ["s0", "s1", "s2"]
    assert not one_each.isVisible() and table.model().rowCount() == 3


def test_files_of_one_recording_are_one_row(
    qtbot: QtBot, workspace: Workspace, section: SessionsSection, movies: list[Path]
) -> None:
    workspace.sessions.add(*movies)
    qtbot.mouseClick(child(section, QPushButton, "One recording"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: workspace.movie.recording is not None)
    (row,) = workspace.sessions.rows
    assert workspace.movie.recording is not None
    assert row.entry is not None and row.entry.files == tuple(movies)
    assert workspace.movie.recording.n_frames == 150 + 120 + 90


def test_a_click_on_a_row_opens_it_in_place_of_the_other_and_each_keeps_its_own(
    qtbot: QtBot, viewer: Viewer, workspace: Workspace, table: QTableView, listed: list[Path]
) -> None:
    placed = Registration.upright(load_atlas("dorsal-cortex"), 0.3, (14, 15.5))
    workspace.placing.begin(placed)
    viewer.dims.set_current_step(0, 42)
    place = table.visualRect(table.model().index(1, 2)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.waitUntil(lambda: workspace.sessions.current == 1)
    assert shown(viewer) == ["s1"] and workspace.placing.registration is None
    assert workspace.movie.recording is not None and workspace.movie.recording.n_frames == 120
    workspace.sessions.choose(0)
    qtbot.waitUntil(lambda: workspace.sessions.current == 0)
    assert shown(viewer) == ["s0"] and workspace.movie.frame == 42
    qtbot.waitUntil(lambda: workspace.placing.registration is not None)
    assert workspace.placing.registration is not None
    np.testing.assert_allclose(workspace.placing.registration.matrix, placed.matrix)


def test_the_queue_goes_on_after_an_error_keeps_what_it_decodes_and_says_so_in_the_rows(
    qtbot: QtBot, workspace: Workspace, table: QTableView, listed: list[Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(session_jobs, "load_decoder", loads(QuickDecoder()))
    workspace.queue.decode_checked()
    qtbot.waitUntil(lambda: "done" in workspace.queue.message)
    assert workspace.queue.message.startswith("2 of 3 sessions are done")
    first, second, third = workspace.sessions.rows
    assert second.said.startswith("⚠") and "the file was cut" in second.said
    assert first.said.startswith("Decoded with scripted.") and third.said == first.said
    qtbot.waitUntil(lambda: cell(table, 2, DECODED) == "scripted")
    assert "the file was cut" in cell(table, 1, DECODED, Qt.ItemDataRole.ToolTipRole)
    qtbot.waitUntil(lambda: workspace.decode.complete)  # the open one
    assert (sidecar_folder(listed[2]) / "prediction.safetensors").is_file()
    assert not (sidecar_folder(listed[1]) / "prediction.safetensors").exists()


def test_the_queue_shows_where_it_is_and_can_be_cancelled(
    qtbot: QtBot, workspace: Workspace, table: QTableView, listed: list[Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(session_jobs, "load_decoder", loads(QuickDecoder(go_on=Event())))
    workspace.queue.decode_checked()
    qtbot.waitUntil(lambda: "decoding 50 %" in cell(table, 0, DECODED))
    assert workspace.queue.decode_obstacle == "Wait until the queue is through, or cancel it."
    workspace.queue.cancel()
    assert not workspace.queue.progress.running and "Cancelled" in workspace.queue.message
    assert not (sidecar_folder(listed[0]) / "prediction.safetensors").exists()


def test_a_cohort_is_saved_and_opened_again_with_a_row_that_is_missing_told(
    qtbot: QtBot, workspace: Workspace, table: QTableView, listed: list[Path]
) -> None:
    sessions, csv = workspace.sessions, listed[0].parent / "cohort.csv"
    for row in range(3):
        table.model().setData(table.model().index(row, SUBJECT), "m1", Qt.ItemDataRole.EditRole)
    sessions.rename(1, "s0")
    assert "already" in sessions.message and sessions.rows[1].session == "s1"
    assert sessions.proposed_csv == csv
    sessions.save_cohort(csv)
    qtbot.waitUntil(lambda: "Saved" in sessions.message)
    assert [entry.recording for entry in read_cohort(csv)] == listed
    listed[1].rename(listed[1].with_name("moved.tif"))
    before = csv.read_bytes()
    sessions.open_cohort(csv)
    qtbot.waitUntil(lambda: "1 of which" in sessions.message)
    assert "s1.tif, which is not there" in sessions.rows[1].said
    assert [row.subject for row in sessions.rows] == ["m1"] * 3
    sessions.save_cohort(csv)
    qtbot.waitUntil(lambda: "Saved" in sessions.message)
    assert csv.read_bytes() == before, "a row that is missing stays in the file"


def test_a_rate_is_said_once_for_all(qtbot: QtBot, workspace: Workspace, tmp_path: Path) -> None:
    paths = [tmp_path / f"n{number}.tif" for number in range(2)]
    for path in paths:
        tifffile.imwrite(path, waves()[:40], photometric="minisblack")
    workspace.sessions.add(*paths)
    workspace.sessions.answer(one=False)
    qtbot.waitUntil(lambda: workspace.sessions.current == 0)
    workspace.sessions.set_frame_rate(25.0)

    def rates() -> list[float | None]:
        return [row.facts.frame_rate if row.facts else None for row in workspace.sessions.rows]

    qtbot.waitUntil(lambda: rates() == [25.0, 25.0])
    assert workspace.movie.recording is not None and workspace.movie.recording.frame_rate == 25.0


def test_what_was_unfolded_and_chosen_comes_back_with_its_recording(
    qtbot: QtBot, workspace: Workspace, dock: CortexDecoderWidget, listed: list[Path],
    decoder_file: Path,
) -> None:  # fmt: skip
    before = workspace.choice.card
    workspace.sessions.unfold(["Sessions", "Atlas"])
    workspace.choice.offer(decoder_file)
    workspace.sessions.choose(1)
    qtbot.waitUntil(lambda: workspace.sessions.current == 1)
    assert before is not None
    workspace.choice.choose(before)
    workspace.sessions.unfold(["Sessions"])
    workspace.sessions.choose(0)
    qtbot.waitUntil(lambda: workspace.sessions.unfolded == ("Sessions", "Atlas"))
    qtbot.waitUntil(lambda: workspace.choice.card.source == decoder_file)


def test_applied_steps_come_back(qtbot: QtBot, workspace: Workspace, listed: list[Path]) -> None:
    workspace.preprocessing.set("bin", pixels=2)
    workspace.preprocessing.switch("bin", True)
    workspace.preprocessing.apply()

    def applied() -> bool:
        recording = workspace.movie.recording
        return recording is not None and recording.shape == (16, 16)

    qtbot.waitUntil(applied)
    workspace.sessions.choose(1)
    qtbot.waitUntil(lambda: workspace.sessions.current == 1 and not applied())
    workspace.sessions.choose(0)
    qtbot.waitUntil(applied)


def choose_entry(section: SessionsSection, button: str, entry: str) -> None:
    """Choose an entry of the menu that a button opens."""
    menu = child(section, QPushButton, button).menu()
    menu.aboutToShow.emit()
    actions = list(menu.actions())
    actions += [action for one in actions if one.menu() for action in one.menu().actions()]
    (action,) = (action for action in actions if action.text() == entry)
    assert action.isEnabled(), action.toolTip()
    action.trigger()


def test_the_atlas_is_placed_on_all_of_the_mouse_as_on_the_open_session(
    qtbot: QtBot, workspace: Workspace, section: SessionsSection, listed: list[Path]
) -> None:
    sessions = workspace.sessions
    for row, subject in enumerate(("m1", "m1", "m2")):
        sessions.set_subject(row, subject)
    placed = Registration.upright(load_atlas("dorsal-cortex"), 0.3, (14, 15.5))
    workspace.placing.begin(placed)
    qtbot.waitUntil(lambda: bool(sessions.rows[0].facts and sessions.rows[0].facts.atlas))
    choose_entry(section, "All checked", "Place the atlas as on the open session")
    qtbot.waitUntil(lambda: workspace.queue.message == "1 of 1 sessions are done.")
    qtbot.waitUntil(lambda: all(row.facts for row in sessions.rows))
    assert [row.facts.atlas for row in sessions.rows if row.facts] == [True, True, False]
    sessions.choose(1)
    qtbot.waitUntil(lambda: workspace.placing.registration is not None)
    corners = [(-2.0, -2.0), (2.0, 2.0)]
    off = np.abs(workspace.placing.registration.to_px(corners) - placed.to_px(corners))
    assert off.max() < 0.5  # the same picture, but for noise


def test_cohorts_opened_last_are_offered_the_latest_first_and_open_again(
    qtbot: QtBot, workspace: Workspace, section: SessionsSection, listed: list[Path]
) -> None:
    sessions, folder = workspace.sessions, listed[0].parent
    for row in range(3):
        sessions.set_subject(row, "m1")
    for name in ("first.csv", "second.csv"):
        sessions.save_cohort(folder / name)
        qtbot.waitUntil(lambda name=name: f"Saved {name}" in sessions.message)
    menu = child(section, QPushButton, "Open").menu()
    menu.aboutToShow.emit()
    (recent,) = (action.menu() for action in menu.actions() if action.text() == "Recent cohorts")
    offered = [action.text() for action in recent.actions()]
    assert offered[:2] == [str(folder / "second.csv"), str(folder / "first.csv")]
    sessions.check_all(True)
    sessions.remove_checked()
    assert len(sessions.rows) == 1
    choose_entry(section, "Open", str(folder / "first.csv"))
    qtbot.waitUntil(lambda: len(sessions.rows) == 3)
    assert sessions.csv == folder / "first.csv"
    (folder / "second.csv").unlink()
    menu.aboutToShow.emit()
    assert str(folder / "second.csv") not in [action.text() for action in recent.actions()]


def test_a_recording_that_is_in_no_file_shows_what_the_window_knows_of_it(
    qtbot: QtBot, workspace: Workspace, table: QTableView, opened: Layer
) -> None:
    qtbot.waitUntil(lambda: cell(table, 0, LENGTH) == "5.0 s")
    assert cell(table, 0, DECODED) == "–"
    assert workspace.labels.edit(Paint(start=0, stop=75, behavior="rest"))
    qtbot.waitUntil(lambda: bool(workspace.sessions.rows[0].facts.labelled))
    facts = workspace.sessions.rows[0].facts
    assert facts.labelled == 0.5 and facts.behavior and not facts.atlas


@pytest.mark.parametrize("first, second", [(0, 1), (1, 0)], ids=["longer first", "shorter first"])
def test_a_movie_that_napari_opens_takes_the_place_of_the_one_of_other_length_and_units(
    qtbot: QtBot, viewer: Viewer, workspace: Workspace, tmp_path: Path,
    notifications: list[Notification], first: int, second: int,
) -> None:  # fmt: skip
    paths = [tmp_path / "long.tif", tmp_path / "short.tif"]
    for path, n_frames in zip(paths, (150, 60), strict=True):
        tifffile.imwrite(path, waves()[:n_frames], photometric="minisblack")
    one, other = paths[first], paths[second]
    remember_metadata(one, frame_rate=30.0, pixel_size=0.3)
    workspace.sessions.add(one)
    qtbot.waitUntil(lambda: shown(viewer) == [one.stem])
    placed = Registration.upright(load_atlas("dorsal-cortex"), 0.3, (14, 15.5))
    workspace.placing.begin(placed)
    assert workspace.labels.edit(Paint(start=10, stop=40, behavior="run"))
    viewer.dims.set_current_step(0, 42)
    viewer.open(str(other), plugin="napari-cortex-decoder")
    qtbot.waitUntil(lambda: shown(viewer) == [other.stem])
    canvas = viewer.screenshot(canvas_only=True, flash=False)
    assert [str(note) for note in notifications] == []
    assert viewer.dims.nsteps[0] == waves()[: (150, 60)[second]].shape[0]
    assert canvas[..., :3].max(axis=2).astype(bool).mean() > 0.3, "the view fits the new movie"
    assert workspace.movie.recording is not None and workspace.movie.recording.frame_rate is None
    assert workspace.placing.registration is None and not workspace.labels.ethogram
    assert [row.session for row in workspace.sessions.rows] == [one.stem, other.stem]
    viewer.dims.set_current_step(0, 7)
    assert workspace.movie.frame == 7
    workspace.sessions.choose(0)
    qtbot.waitUntil(lambda: shown(viewer) == [one.stem])
    assert viewer.dims.nsteps[0] == (150, 60)[first] and workspace.movie.frame == 42
    qtbot.waitUntil(lambda: workspace.placing.registration is not None)
    np.testing.assert_allclose(workspace.placing.registration.matrix, placed.matrix)
    qtbot.waitUntil(lambda: workspace.labels.ethogram is not None)
    assert (workspace.labels.ethogram.frames()[10:40] >= 0).all()
    assert [str(note) for note in notifications] == []
