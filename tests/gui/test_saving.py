from __future__ import annotations

from pathlib import Path
from threading import Event

import numpy as np
import pytest
from napari.layers import Layer
from napari.utils.notifications import Notification
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QFileDialog, QLabel, QPushButton

from helpers.windows import child, visible_texts, waves
from napari_cortex_decoder.progress import Progress
from napari_cortex_decoder.recording import Recording, open_recording
from napari_cortex_decoder.widgets.dock.saving_row import SavingRow
from napari_cortex_decoder.widgets.main_widget import CortexDecoderWidget
from napari_cortex_decoder.widgets.recording import saving_model
from napari_cortex_decoder.widgets.workspace import Workspace


@pytest.fixture
def saving(dock: CortexDecoderWidget) -> SavingRow:
    return dock.findChild(SavingRow)


def wait_until_saved(qtbot: QtBot, workspace: Workspace) -> None:
    qtbot.waitUntil(lambda: not workspace.saving.progress.running)


def test_there_is_nothing_to_save_without_a_recording(saving: SavingRow) -> None:
    button = child(saving, QPushButton, "Save as…")
    assert not button.isEnabled() and "Open a recording" in button.toolTip()


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [("NWB (*.nwb)", "nwb"), ("OME-Zarr (*.zarr)", "zarr"), ("TIFF (*.tif *.tiff)", "tif")],
)
def test_what_is_shown_is_written_as_the_chosen_kind(
    qtbot: QtBot, saving: SavingRow, workspace: Workspace, opened: Layer, tmp_path: Path,
    kind: str, suffix: str,
) -> None:  # fmt: skip
    workspace.preprocessing.switch("bin", True)
    workspace.preprocessing.apply()
    qtbot.waitUntil(lambda: not workspace.preprocessing.progress.running)
    child(saving, QPushButton, "Save as…").click()
    dialog = saving.findChild(QFileDialog)
    dialog.filterSelected.emit(kind)
    assert dialog.defaultSuffix() == suffix
    path = tmp_path / f"m1 binned.{suffix}"
    dialog.fileSelected.emit(str(path))
    dialog.close()
    wait_until_saved(qtbot, workspace)
    assert f"Saved m1 binned.{suffix}." in visible_texts(saving, QLabel)
    saved = open_recording(path)
    expected = waves().reshape(150, 16, 2, 16, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(saved.movie, expected, rtol=1e-6)
    assert saved.frame_rate == pytest.approx(30) and saved.pixel_size == pytest.approx(0.6)


def test_a_cancelled_save_leaves_nothing(
    qtbot: QtBot,
    saving: SavingRow,
    workspace: Workspace,
    opened: Layer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, ended = saving_model.save_recording, Event()

    def endless(recording: Recording, path: Path, **settings: object) -> Path:
        tell = settings.pop("progress")

        def repeat(_: Progress) -> None:
            while True:
                tell(Progress("writing", 1, 4))  # type: ignore[operator]

        try:
            return real(recording, path, progress=repeat, **settings)  # type: ignore[arg-type]
        finally:
            ended.set()

    monkeypatch.setattr(saving_model, "save_recording", endless)
    workspace.saving.save(tmp_path / "m1.zarr")
    qtbot.waitUntil(lambda: workspace.saving.progress.total == 4)
    assert any(text.startswith("Saving m1.zarr  25 %") for text in visible_texts(saving, QLabel))
    assert not child(saving, QPushButton, "Save as…").isEnabled()
    child(saving, QPushButton, "Cancel").click()
    assert "Cancelled: nothing was written." in visible_texts(saving, QLabel)
    assert ended.wait(5)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_told_in_one_sentence(
    qtbot: QtBot,
    workspace: Workspace,
    opened: Layer,
    notifications: list[Notification],
    tmp_path: Path,
) -> None:
    workspace.saving.save(tmp_path / "no such folder" / "m1.nwb")
    qtbot.waitUntil(lambda: bool(notifications))
    assert "no such folder" in notifications[0].message
    assert not workspace.saving.progress.running
