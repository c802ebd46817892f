"""The mouse beside its cortex: the pane shows the slider's moment, and lines up by two events."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Semaphore

import av
import numpy as np
import pytest
import tifffile
from napari import Viewer
from napari.utils.notifications import Notification
from numpy.typing import NDArray
from pyqtgraph import GraphicsView
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QInputDialog, QLabel, QPushButton, QSlider

from helpers.windows import FRAME_RATE, N_FRAMES, answer, child, waves
from napari_cortex_decoder.cameras import Picture, Rectangle, remembered_cameras
from napari_cortex_decoder.cameras.pictures import VideoPictures
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.widgets.cameras import cameras_model
from napari_cortex_decoder.widgets.cameras.camera_pane import CameraPane, PictureItem
from napari_cortex_decoder.widgets.dock.cameras_group import CamerasGroup
from napari_cortex_decoder.widgets.main_widget import CortexDecoderWidget
from napari_cortex_decoder.widgets.workspace import Workspace

EDGE = 16


def bars(number: int) -> NDArray[np.uint8]:
    """A picture that shows its number as ten squares, black or white."""
    bits = [255 * (number >> bit & 1) for bit in range(10)]
    return np.kron(np.array([bits], np.uint8), np.ones((4 * EDGE, EDGE), np.uint8))


def number_shown(pane: CameraPane) -> int | None:
    """Read the number off the pane's picture."""
    image = _item(pane).picture
    if image is None:
        return None
    bits = [image[8:-8, bit * EDGE + 4 : (bit + 1) * EDGE - 4].mean() > 128 for bit in range(10)]
    return sum(int(bit) << n for n, bit in enumerate(bits))


def _item(pane: CameraPane) -> PictureItem:
    (view,) = pane.findChildren(GraphicsView)
    return next(item for item in view.scene().items() if isinstance(item, PictureItem))


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Twice as many pictures a second as the movie has frames."""
    path = tmp_path / "face.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=60)
        stream.width, stream.height, stream.pix_fmt = 10 * EDGE, 4 * EDGE, "yuv420p"
        for number in range(2 * N_FRAMES):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(bars(number), format="gray")))
        out.mux(stream.encode())
    return path


@pytest.fixture
def filmed(workspace: Workspace, tmp_path: Path, qtbot: QtBot) -> Workspace:
    """The window with a movie of a file, whose rate is known."""
    tifffile.imwrite(tmp_path / "m.tif", waves())
    workspace.movie.open(tmp_path / "m.tif")
    qtbot.waitUntil(lambda: workspace.movie.recording is not None)
    workspace.movie.set_frame_rate(FRAME_RATE)
    return workspace


@pytest.fixture
def pane(filmed: Workspace, video: Path, viewer: Viewer, qtbot: QtBot) -> CameraPane:
    filmed.take(video)
    qtbot.waitUntil(lambda: "Camera: face" in viewer.window.dock_widgets)
    return viewer.window.dock_widgets["Camera: face"]


def test_the_pane_shows_the_picture_of_the_sliders_moment(
    pane: CameraPane, filmed: Workspace, viewer: Viewer, qtbot: QtBot
) -> None:
    for frame in (0, 100, 7, 149):
        filmed.movie.seek(frame)
        qtbot.waitUntil(lambda frame=frame: number_shown(pane) == 2 * frame)
    for frame in range(60):  # faster than it can decode: the last one counts
        filmed.movie.seek(frame)
    qtbot.waitUntil(lambda: number_shown(pane) == 118)


def test_while_playing_what_was_asked_for_last_is_shown_next_and_nothing_queues(
    filmed: Workspace, video: Path, viewer: Viewer, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []
    go_on = Semaphore(0)
    opened = VideoPictures.opened

    @contextmanager
    def slow(pictures: VideoPictures) -> Iterator[Callable[[int], Picture]]:
        with opened(pictures) as read:

            def held(number: int) -> Picture:
                decoded.append(number)
                assert go_on.acquire(timeout=60)
                return read(number)

            yield held

    monkeypatch.setattr(VideoPictures, "opened", slow)
    filmed.take(video)
    qtbot.waitUntil(lambda: "Camera: face" in viewer.window.dock_widgets)
    pane = viewer.window.dock_widgets["Camera: face"]
    qtbot.waitUntil(lambda: decoded == [0])
    filmed.playback.speed = 0.5
    filmed.playback.play()
    for pictures in range(1, 5):  # each takes as long as the movie needs for ten frames or more
        begun = filmed.movie.frame
        qtbot.waitUntil(lambda begun=begun: filmed.movie.frame >= begun + 10, timeout=30_000)
        assert len(decoded) == pictures
        reached = filmed.movie.frame
        go_on.release()
        qtbot.waitUntil(lambda pictures=pictures: len(decoded) == pictures + 1)
        assert number_shown(pane) == decoded[-2]
        assert decoded[-1] >= 2 * reached, "an older one was decoded first"
    filmed.playback.stop()
    reached = filmed.movie.frame
    go_on.release()  # the one under way; after it comes where the slider stays
    qtbot.waitUntil(lambda: len(decoded) == 6)
    go_on.release(1000)
    qtbot.waitUntil(lambda: number_shown(pane) == 2 * reached)
    assert decoded[-1] == 2 * reached


def test_the_brightness_is_that_of_what_is_painted(
    pane: CameraPane, filmed: Workspace, qtbot: QtBot
) -> None:
    light = next(
        slider for slider in pane.findChildren(QSlider) if slider.toolTip() == "brightness"
    )
    (view,) = pane.findChildren(GraphicsView)

    def middle() -> int:
        return view.grab().toImage().pixelColor(view.rect().center()).green()

    filmed.movie.seek(127)  # a picture that is white in the middle
    qtbot.waitUntil(lambda: number_shown(pane) == 254)
    assert middle() > 240
    light.setValue(-100)  # while it is paused
    assert 25 < middle() < 45
    filmed.movie.seek(126)
    qtbot.waitUntil(lambda: number_shown(pane) == 252)
    assert 25 < middle() < 45


def test_two_events_seen_in_both_set_offset_and_drift(
    pane: CameraPane, filmed: Workspace, qtbot: QtBot
) -> None:
    qtbot.mouseClick(child(pane, QPushButton, "Line up…"), Qt.MouseButton.LeftButton)
    own = next(slider for slider in pane.findChildren(QSlider) if "alone" in slider.toolTip())
    for picture, frame in ((20, 30), (220, 131)):
        filmed.movie.seek(frame)
        own.setValue(picture)
        qtbot.waitUntil(lambda picture=picture: number_shown(pane) == picture)
        qtbot.mouseClick(child(pane, QPushButton, "Same moment"), Qt.MouseButton.LeftButton)
    qtbot.mouseClick(child(pane, QPushButton, "Done"), Qt.MouseButton.LeftButton)
    (camera,) = filmed.cameras.cameras
    assert camera.times[[20, 220]] * FRAME_RATE == pytest.approx([30, 131], abs=1e-6)
    filmed.movie.seek(30)
    qtbot.waitUntil(lambda: number_shown(pane) == 20)


def test_a_camera_comes_back_with_its_clock(
    pane: CameraPane, filmed: Workspace, viewer: Viewer, tmp_path: Path, qtbot: QtBot
) -> None:
    filmed.cameras.begin_lining_up(filmed.cameras.cameras[0])
    filmed.movie.seek(30)
    filmed.cameras.mark_event(20)
    clock = filmed.cameras.cameras[0].clock
    kept = tmp_path / "m.tif.cortex" / "cameras.json"
    qtbot.waitUntil(lambda: kept.exists() and "one event" in kept.read_text())
    viewer.layers.clear()
    assert filmed.cameras.cameras == ()
    qtbot.waitUntil(lambda: "Camera: face" not in viewer.window.dock_widgets)
    filmed.movie.open(tmp_path / "m.tif")
    qtbot.waitUntil(lambda: len(filmed.cameras.cameras) == 1)
    assert filmed.cameras.cameras[0].clock == clock
    qtbot.waitUntil(lambda: "Camera: face" in viewer.window.dock_widgets)


def test_a_pane_that_was_closed_is_shown_again_when_wanted(
    pane: CameraPane, filmed: Workspace, viewer: Viewer, dock: CortexDecoderWidget, qtbot: QtBot
) -> None:
    viewer.window.remove_dock_widget(pane)
    qtbot.waitUntil(lambda: "Camera: face" not in viewer.window.dock_widgets)
    group = dock.findChild(CamerasGroup)
    menu = child(group, QPushButton, "face").menu()
    next(action for action in menu.actions() if action.text() == "Show").trigger()
    qtbot.waitUntil(lambda: "Camera: face" in viewer.window.dock_widgets)


def test_a_pane_stands_between_the_canvas_and_the_dock_as_the_menu_names_it(
    filmed: Workspace, video: Path, viewer: Viewer, dock: CortexDecoderWidget, qtbot: QtBot
) -> None:
    docks = viewer.window._wrapped_dock_widgets
    ours = next(name for name in docks if name.startswith("Cortex Decoder"))
    docks["Cortex Decoder (Cortex Decoder)"] = docks.pop(ours)
    filmed.take(video)
    qtbot.waitUntil(lambda: "Camera: face" in viewer.window.dock_widgets)
    pane = viewer.window.dock_widgets["Camera: face"]
    qtbot.waitUntil(lambda: 0 < pane.mapToGlobal(pane.rect().topRight()).x()
                    <= dock.mapToGlobal(dock.rect().topLeft()).x())  # fmt: skip
    docks[ours] = docks.pop("Cortex Decoder (Cortex Decoder)")


def test_panes_of_cameras_that_come_back_together_stand_below_each_other(
    pane: CameraPane, filmed: Workspace, video: Path, viewer: Viewer, dock: CortexDecoderWidget,
    tmp_path: Path, qtbot: QtBot,
) -> None:  # fmt: skip
    filmed.take(video.rename(tmp_path / "paw.mp4"))
    kept = tmp_path / "m.tif.cortex" / "cameras.json"
    qtbot.waitUntil(lambda: kept.exists() and "paw" in kept.read_text())
    paw = tmp_path / "paw.mp4"
    (tmp_path / "face.mp4").write_bytes(paw.read_bytes())
    viewer.layers.clear()
    qtbot.waitUntil(lambda: "Camera: paw" not in viewer.window.dock_widgets)
    filmed.movie.open(tmp_path / "m.tif")
    docks = viewer.window.dock_widgets
    qtbot.waitUntil(lambda: {"Camera: face", "Camera: paw"} <= set(docks))

    def below_each_other() -> bool:
        first, second, ours = (
            one.rect().translated(one.mapToGlobal(QPoint(0, 0)))
            for one in (docks["Camera: face"], docks["Camera: paw"], dock)
        )
        beside = max(first.right(), second.right()) <= ours.left()
        return beside and first.bottom() <= second.top() and first.left() == second.left()

    qtbot.waitUntil(below_each_other)


def test_motion_in_a_rectangle_becomes_a_row_of_the_timeline(
    pane: CameraPane, filmed: Workspace, qtbot: QtBot
) -> None:
    (camera,) = filmed.cameras.cameras
    filmed.cameras.measure_motion(camera, Rectangle(0, 0, 4 * EDGE, EDGE))
    qtbot.waitUntil(lambda: "motion face" in filmed.movie.recording.behavior)
    trace = filmed.movie.recording.behavior["motion face"]
    assert trace.values[1:].min() > 0.5  # the lowest bit turns in each picture
    assert filmed.speed.others == ("motion face",) and filmed.speed.trace is None
    filmed.speed.chosen = "motion face"
    filmed.speed.set(threshold=0.9)
    filmed.speed.set_labelling(True)
    assert filmed.speed.ethogram.behaviors == ("still", "motion face")
    on = filmed.speed.ethogram.frames() == 1
    at_frames = np.interp(filmed.movie.recording.times, trace.times[1:], trace.values[1:])
    assert on.any()
    assert at_frames[on].min() > 0.8


def test_the_speed_of_a_keypoint_of_a_pose_table_becomes_a_row_of_the_timeline(
    pane: CameraPane, filmed: Workspace, dock: CortexDecoderWidget, tmp_path: Path, qtbot: QtBot
) -> None:
    rows = ["scorer,a,a,a,a,a,a", "bodyparts,paw,paw,paw,nose,nose,nose",
            "coords,x,y,likelihood,x,y,likelihood"]  # fmt: skip
    rows += [f"{n},{3 * n},{4 * n},1,0,0,1" for n in range(2 * N_FRAMES)]
    (tmp_path / "dlc.csv").write_text("\n".join(rows) + "\n")
    group = dock.findChild(CamerasGroup)
    menu = child(group, QPushButton, "face").menu()
    next(action for action in menu.actions() if action.text() == "Pose table…").trigger()
    answer(group, tmp_path / "dlc.csv")
    qtbot.waitUntil(lambda: bool(group.findChildren(QInputDialog)))
    (asked,) = group.findChildren(QInputDialog)
    assert asked.comboBoxItems() == ["paw", "nose"]
    asked.setTextValue("paw")
    asked.accept()
    trace = filmed.movie.recording.behavior["paw face"]
    assert trace.unit == "px/s" and trace.values[1:] == pytest.approx(5 * 60)
    with qtbot.waitSignal(filmed.failed) as told:
        filmed.cameras.read_pose(filmed.cameras.cameras[0], tmp_path / "m.tif")
    assert "poses are read from" in str(told.args[0])


@pytest.mark.parametrize("gone", ["at opening", "while shown"])
def test_a_video_that_is_gone_is_told_and_the_rest_goes_on(
    filmed: Workspace, video: Path, viewer: Viewer, qtbot: QtBot, gone: str
) -> None:
    if gone == "at opening":
        video.unlink()
        with qtbot.waitSignal(filmed.failed) as told:
            filmed.take(video)
        assert "face.mp4" in str(told.args[0])
    else:
        filmed.take(video)
        qtbot.waitUntil(lambda: "Camera: face" in viewer.window.dock_widgets)
        pane = viewer.window.dock_widgets["Camera: face"]
        filmed.movie.seek(3)
        qtbot.waitUntil(lambda: number_shown(pane) == 6)
        video.unlink()
        filmed.movie.seek(20)
        qtbot.waitUntil(
            lambda: any("face.mp4" in label.text() for label in pane.findChildren(QLabel))
        )
    assert filmed.movie.recording is not None


def test_a_folder_of_images_is_asked_for_its_rate(
    filmed: Workspace, tmp_path: Path, dock: CortexDecoderWidget, qtbot: QtBot,
    notifications: list[Notification],
) -> None:  # fmt: skip
    from PIL import Image

    folder = tmp_path / "paw"
    folder.mkdir()
    for number in range(20):
        Image.fromarray(bars(number)).save(folder / f"{number}.png")
    filmed.cameras.add(folder)
    group = dock.findChild(CamerasGroup)
    qtbot.waitUntil(lambda: filmed.cameras.unclear is not None)
    assert any("paw" in label.text() for label in group.findChildren(QLabel))
    qtbot.mouseClick(child(group, QPushButton, "Set"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(filmed.cameras.cameras) == 1)
    assert filmed.cameras.cameras[0].n_frames == 20


def test_a_camera_added_before_those_of_last_time_are_back_keeps_them(
    filmed: Workspace, video: Path, viewer: Viewer, tmp_path: Path, qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    filmed.cameras.add(video)
    qtbot.waitUntil(lambda: len(filmed.cameras.cameras) == 1)
    path, movie = tmp_path / "m.tif", filmed.movie
    qtbot.waitUntil(lambda: len(remembered_cameras(movie.raw)[0]) == 1)
    added = Event()

    def late(raw: Recording) -> object:
        found = remembered_cameras(raw)
        added.wait(60)
        return found

    monkeypatch.setattr(cameras_model, "remembered_cameras", late)
    viewer.layers.clear()
    movie.open(path)
    qtbot.waitUntil(lambda: movie.recording is not None)
    filmed.cameras.add(shutil.copy(video, tmp_path / "paw.mp4"))
    qtbot.waitUntil(lambda: len(filmed.cameras.cameras) == 1)
    added.set()
    qtbot.waitUntil(lambda: len(filmed.cameras.cameras) == 2)

    def kept() -> set[str]:
        return {camera.name for camera in remembered_cameras(movie.raw)[0]}

    qtbot.waitUntil(lambda: kept() == {"face", "paw"})


def test_a_camera_of_a_movie_without_a_rate_asks_for_that_of_the_movie(
    workspace: Workspace, video: Path, tmp_path: Path, qtbot: QtBot,
    notifications: list[Notification],
) -> None:  # fmt: skip
    tifffile.imwrite(tmp_path / "m.tif", waves())
    workspace.movie.open(tmp_path / "m.tif")
    qtbot.waitUntil(lambda: workspace.movie.recording is not None)
    workspace.take(video)
    qtbot.waitUntil(lambda: bool(notifications))
    assert "m" in notifications[0].message and "rate" in notifications[0].message
    assert workspace.cameras.unclear is None, "the camera says its own rate"
