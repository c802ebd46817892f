from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from napari import Viewer
from napari.layers import Image, Layer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QApplication, QProgressDialog

from helpers.windows import waves
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.progress import Progress
from napari_cortex_decoder.recording import Recording, open_recording, read_behavior
from napari_cortex_decoder.widgets.recording import saving_model
from napari_cortex_decoder.widgets.recording.layers import RECORDING_KEY
from napari_cortex_decoder.widgets.writer import write_movie

PLUGIN = "napari-cortex-decoder"


@pytest.fixture(autouse=True)
def deletions(qapp: QApplication) -> Iterator[None]:
    """Delete what is to be deleted, as the loop does that windows have and a test has not."""
    yield
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


@pytest.mark.parametrize("suffix", [".nwb", ".zarr", ".tif"])
def test_a_movie_layer_is_saved_by_napari_with_all_that_its_recording_knows(
    viewer: Viewer, opened: Layer, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"saved{suffix}"
    assert viewer.layers.save(str(path), plugin=PLUGIN) == [str(path)]
    saved = open_recording(path)
    np.testing.assert_array_equal(saved.movie, waves())
    assert saved.frame_rate == pytest.approx(30) and saved.pixel_size == pytest.approx(0.3)
    if suffix == ".nwb":
        np.testing.assert_array_equal(
            read_behavior(path, saved)["speed"].values,
            opened.metadata[RECORDING_KEY].behavior["speed"].values,
        )


def test_any_movie_layer_is_saved_with_the_rate_and_size_that_its_scale_tells(
    qtbot: QtBot, tmp_path: Path
) -> None:
    layer = Image(waves(), scale=(50, 0.1, 0.1), units=("ms", "mm", "mm"), name="from elsewhere")
    write_movie(str(tmp_path / "m.zarr"), *layer.as_layer_data_tuple()[:2])
    saved = open_recording(tmp_path / "m.zarr")
    assert saved.frame_rate == pytest.approx(20) and saved.pixel_size == pytest.approx(0.1)

    layer = Image(waves(), name="who knows")
    write_movie(str(tmp_path / "n.zarr"), *layer.as_layer_data_tuple()[:2])
    saved = open_recording(tmp_path / "n.zarr")
    assert saved.frame_rate is None and saved.pixel_size is None


def test_a_single_picture_is_no_movie(qtbot: QtBot, tmp_path: Path) -> None:
    layer = Image(waves()[0], name="picture")
    with pytest.raises(RecordingError, match="'picture' has shape"):
        write_movie(str(tmp_path / "m.nwb"), *layer.as_layer_data_tuple()[:2])
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_raised_for_napari_to_show(
    qtbot: QtBot, opened: Layer, tmp_path: Path
) -> None:
    with pytest.raises(RecordingError, match="no such folder"):
        write_movie(str(tmp_path / "no such folder" / "m.nwb"), *opened.as_layer_data_tuple()[:2])


def test_windows_are_served_while_napari_waits_and_a_cancelled_file_is_not_there(
    qtbot: QtBot, opened: Layer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = saving_model.save_recording

    def endless(recording: Recording, path: Path, **settings: object) -> Path:
        tell = settings.pop("progress")

        def repeat(_: Progress) -> None:
            while True:
                tell(Progress("writing", 1, 4))  # type: ignore[operator]

        return real(recording, path, progress=repeat, **settings)  # type: ignore[arg-type]

    def cancel() -> None:
        (dialog,) = (
            part for part in QApplication.topLevelWidgets() if isinstance(part, QProgressDialog)
        )
        assert dialog.isVisible() and "m.zarr" in dialog.labelText()
        dialog.canceled.emit()

    monkeypatch.setattr(saving_model, "save_recording", endless)
    QTimer.singleShot(1500, cancel)
    assert write_movie(str(tmp_path / "m.zarr"), *opened.as_layer_data_tuple()[:2]) == []
    qtbot.waitUntil(lambda: list(tmp_path.iterdir()) == [])
