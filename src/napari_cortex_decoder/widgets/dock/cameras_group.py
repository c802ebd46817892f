"""The group *Cameras* of the section *Recording*."""

from __future__ import annotations

from qtpy.QtWidgets import QFileDialog, QFormLayout, QInputDialog, QWidget

from napari_cortex_decoder.cameras import POSE_SUFFIXES, VIDEO_SUFFIXES, Camera, Pose
from napari_cortex_decoder.recording.behavior.reading import READERS
from napari_cortex_decoder.widgets.cameras.cameras_model import clock_text
from napari_cortex_decoder.widgets.parts.controls import enable, menu_button
from napari_cortex_decoder.widgets.parts.number_question import NumberQuestion
from napari_cortex_decoder.widgets.parts.section import Said, Section, ask_file, ask_files
from napari_cortex_decoder.widgets.parts.ties import follow
from napari_cortex_decoder.widgets.workspace import Workspace

_VIDEOS = f"Videos ({' '.join(f'*{suffix}' for suffix in (*VIDEO_SUFFIXES, '.nwb'))})"
_USUAL_RATE = 60.0


class CamerasGroup(Section):
    """Shows a `CamerasModel`, and sends it: add this one, its clock runs so."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__("Cameras on the mouse", inner=True)
        self._movie, self._cameras = workspace.movie, workspace.cameras
        self._add, menu = menu_button("Add camera…")
        menu.addAction("Video…", self._ask_videos)
        menu.addAction("Folder of images…", self._ask_folder)
        self._rate = NumberQuestion(
            self._cameras.say_rate, low=0.01, high=10_000, decimals=3, suffix=" Hz"
        )
        self._rate.propose(_USUAL_RATE)
        self._list = QWidget()
        self._rows = QFormLayout(self._list)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self.add(self._add, self._rate, self._list)
        events = self._cameras.events
        follow(self, self._update, self._movie.events.recording, events.cameras, events.unclear)
        follow(self, self._ask_keypoint, self._cameras.posed, now=False)

    def _update(self) -> None:
        """Show the model's state."""
        cameras, unclear, recording = self._cameras.cameras, self._cameras.unclear, self._movie.raw
        obstacle = None
        if recording is None:
            obstacle = "Open a movie first"
        elif recording.frame_rate is None and recording.frame_times is None:
            obstacle = "Say the movie's frame rate first"
        enable(self._add, obstacle, "Show what a camera filmed of the mouse meanwhile")
        self._rate.ask(
            None
            if unclear is None
            else f"How many pictures a second does {unclear.paths[0].name} have?"
        )
        while self._rows.rowCount():
            self._rows.removeRow(0)
        for camera in cameras:
            self._rows.addRow(self._menu(camera), Said(_told(camera)))
        self.set_done(", ".join(camera.name for camera in cameras) or None)
        if cameras or unclear is not None:
            self.set_expanded(True)

    def _menu(self, camera: Camera) -> QWidget:
        opens, menu = menu_button(camera.name)
        menu.addAction("Show", lambda: self._cameras.wanted.emit(camera))
        menu.addAction("Line up by events…", lambda: self._cameras.begin_lining_up(camera))
        menu.addAction("Frame times…", lambda: self._ask_times(camera))
        menu.addAction("Pose table…", lambda: self._ask_pose(camera))
        menu.addAction("Remove", lambda: self._cameras.remove(camera))
        return opens

    def _ask_videos(self) -> None:
        ask_files(
            self,
            "Add a camera: a video, or those of one session in their order",
            f"{_VIDEOS};;All files (*)",
            lambda paths: self._cameras.add(*sorted(paths)),
        )

    def _ask_folder(self) -> None:
        ask_file(
            self, "Add a camera: a folder of images", "", self._cameras.add,
            mode=QFileDialog.FileMode.Directory,
        )  # fmt: skip

    def _ask_times(self, camera: Camera) -> None:
        pattern = f"Frame times ({' '.join(f'*{suffix}' for suffix in READERS)})"
        ask_file(
            self, f"Frame times of {camera.name}", pattern,
            lambda file: self._cameras.set_times(camera, file),
        )  # fmt: skip

    def _ask_pose(self, camera: Camera) -> None:
        suffixes = " ".join(f"*{suffix}" for suffix in POSE_SUFFIXES)
        pattern = f"Poses of DeepLabCut or SLEAP ({suffixes})"
        ask_file(
            self, f"Where {camera.name} sees the mouse", pattern,
            lambda file: self._cameras.read_pose(camera, file),
        )  # fmt: skip

    def _ask_keypoint(self, camera: Camera, pose: Pose) -> None:
        dialog = QInputDialog(self)
        dialog.setLabelText("Whose speed becomes a behavior trace?")
        dialog.setComboBoxItems(list(pose.names))
        dialog.textValueSelected.connect(
            lambda keypoint: self._cameras.add_speed(camera, pose, keypoint)
        )
        dialog.open()


def _told(camera: Camera) -> str:
    """Return how a camera's clock runs, and what a user should know of it."""
    return "\n".join((clock_text(camera), *camera.warnings))
