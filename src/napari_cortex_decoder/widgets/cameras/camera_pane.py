"""A pane beside the canvas that shows the mouse at the slider's moment."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QImage, QPainter
from qtpy.QtWidgets import QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

from napari_cortex_decoder.cameras import Camera, Picture, Pictures, Rectangle
from napari_cortex_decoder.widgets.cameras.cameras_model import CamerasModel, clock_text
from napari_cortex_decoder.widgets.cameras.picture_feed import PictureFeed, painted
from napari_cortex_decoder.widgets.parts.controls import button, row
from napari_cortex_decoder.widgets.parts.section import DockContent, Said, changing_text
from napari_cortex_decoder.widgets.parts.ties import Ties
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel
from napari_cortex_decoder.widgets.recording.playback_model import PlaybackModel

_PEN = pg.mkPen("#ffb000", width=2)
_LARGEST_LEAD = 0.5  # s


class PictureItem(pg.GraphicsObject):
    """A picture that a thread has made ready to paint.

    Attributes
    ----------
    picture
        Its values; None without one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.picture: Picture | None = None
        self._image = QImage()

    def show(self, picture: Picture | None, image: QImage) -> None:
        """Show another one, or none."""
        if image.size() != self._image.size():
            self.prepareGeometryChange()
        self.picture, self._image = picture, image
        self.update()

    def boundingRect(self) -> QRectF:
        """Return the rectangle of its pixels."""
        return QRectF(self._image.rect())

    def paint(self, painter: QPainter, *_: object) -> None:
        """Paint it."""
        painter.drawImage(0, 0, self._image)


class CameraPane(DockContent):
    """Shows one camera of a `CamerasModel`; no key stays here, the canvas gets them all."""

    def __init__(
        self,
        movie: MovieModel,
        playback: PlaybackModel,
        cameras: CamerasModel,
        pictures: Pictures,
    ) -> None:
        super().__init__()
        self._movie, self._playback = movie, playback
        self._cameras, self._pictures = cameras, pictures
        self._shown: int | None = None
        self._failure = ""
        self._rectangle: pg.RectROI | None = None
        self._feed = PictureFeed(pictures, self._show, self._fail)
        self._compose()
        ties = Ties()
        ties.tie(self._follow, movie.events.frame, playback.events.playing)
        ties.tie(self._update, cameras.events.cameras, cameras.events.lining_up)
        ties.tie(self._update, cameras.events.measuring)
        ties.undo_with(self)
        feed = self._feed
        self.destroyed.connect(lambda: feed.close())
        self._update()

    def sizeHint(self) -> QSize:
        """Ask for a picture that a mouse can be seen in."""
        return QSize(360, 330)

    def _compose(self) -> None:
        self._text = changing_text()
        self._problem = Said()  # of no width of its own: it would take the dock's
        self._image = PictureItem()
        self._view = pg.ViewBox(lockAspect=True, invertY=True, enableMenu=False)
        self._view.addItem(self._image)
        graphics = pg.GraphicsView(useOpenGL=False)
        graphics.setCentralItem(self._view)
        graphics.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        graphics.setToolTip("wheel: zoom · drag: move · double click: all")
        self._view.scene().sigMouseClicked.connect(
            lambda event: self._view.autoRange() if event.double() else None
        )
        self._light = QSlider(Qt.Orientation.Horizontal)
        self._light.setRange(-100, 100)
        self._light.setFixedWidth(90)
        self._light.setToolTip("brightness")
        self._light.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._light.valueChanged.connect(lambda _: self._set_light())
        self._line_up = button("Line up…", self._begin)
        self._line_up.setToolTip("Set the camera's clock by an event that is seen in both")
        self._motion = button("Motion…", self._draw)
        self._motion.setToolTip("Make a behavior trace of what moves in a rectangle")

        self._own = QSlider(Qt.Orientation.Horizontal)
        self._own.setToolTip("The camera alone: find the event here, and with the slider below the "
                             "movie the same event there")  # fmt: skip
        self._own.valueChanged.connect(self._look)
        self._back = button("◀", lambda: self._own.setValue(self._own.value() - 1))
        self._on = button("▶", lambda: self._own.setValue(self._own.value() + 1))
        self._same = button("Same moment", lambda: self._cameras.mark_event(self._own.value()))
        done = button("Done", self._cameras.end_lining_up)
        self._lining = QWidget()
        lining = QVBoxLayout(self._lining)
        lining.setContentsMargins(0, 0, 0, 0)
        self._told = Said()
        lining.addWidget(self._told)
        lining.addWidget(self._own)
        lining.addWidget(row(self._back, self._on, None, self._same, done))

        self._measure = button("Measure", self._measure_motion)
        self._stop = button("Cancel", self._stop_motion)
        self._progress = QLabel()
        self._moving = row(self._progress, None, self._measure, self._stop)

        column = QVBoxLayout(self)
        column.setContentsMargins(4, 2, 4, 4)
        column.setSpacing(3)
        column.addWidget(row(None, self._light, self._line_up, self._motion))
        column.addWidget(self._problem)
        column.addWidget(graphics, stretch=1)
        column.addWidget(self._text)
        column.addWidget(self._lining)
        column.addWidget(self._moving)
        for part in (*self.findChildren(QPushButton), self._own):
            part.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    @property
    def _camera(self) -> Camera | None:
        return self._cameras.camera_of(self._pictures)

    @property
    def _lines_up(self) -> bool:
        lining = self._cameras.lining_up
        return lining is not None and lining.pictures is self._pictures

    def _update(self) -> None:
        """Show the model's state."""
        camera = self._camera
        if camera is None:
            return
        lining, measuring = self._cameras.lining_up, self._cameras.measuring
        self._own.setMaximum(camera.n_frames - 1)
        self._lining.setVisible(self._lines_up)
        self._line_up.setEnabled(not self._lines_up)
        if lining is not None and self._lines_up:
            clock = clock_text(camera) if lining.events else "A second one, later, gives the drift."
            self._told.setText(
                "Find one event here, and the same one with the movie's slider; then press Same "
                f"moment. {clock}"
            )
        self._moving.setVisible(self._rectangle is not None)
        self._measure.setEnabled(not measuring.running)
        self._progress.setText(str(measuring) if measuring.running else
                               "Draw the rectangle over face, paw or whiskers.")  # fmt: skip
        self._follow()

    def _follow(self) -> None:
        """Ask for the picture at the slider's moment."""
        camera, recording = self._camera, self._movie.recording
        if camera is None or recording is None:
            return
        if self._lines_up:
            self._tell_picture(camera)
            return
        moment = float(recording.times[self._movie.frame])
        if self._playback.playing:  # what will be its moment by the time that it is shown
            lead = min(self._feed.latency, _LARGEST_LEAD) * self._playback.speed
            moment = min(moment + lead, float(recording.times[-1]))
        wanted = camera.frame_at(moment)
        if wanted is None:
            self._shown = None
            self._image.show(None, QImage())
            self._text.setText(f"no picture at {moment:.2f} s")
        else:
            self._feed.ask(wanted)

    def _look(self, number: int) -> None:
        """Ask for the picture that is sought by hand."""
        if self._lines_up:
            self._feed.ask(number)

    def _show(self, number: int, picture: Picture, image: QImage) -> None:
        camera = self._camera
        if camera is None:
            return
        first = self._image.picture is None
        self._failure = ""
        self._shown = number
        self._image.show(picture, image)
        if first:
            self._view.autoRange(padding=0)
        if not self._lines_up:
            self._own.setValue(number)  # where to begin when it is lined up
        self._tell_picture(camera)

    def _tell_picture(self, camera: Camera) -> None:
        self._problem.say(self._failure)
        if self._shown is not None:
            at = float(camera.times[self._shown])
            self._text.setText(f"picture {self._shown + 1} of {camera.n_frames}, {at:.2f} s")

    def _fail(self, error: Exception) -> None:
        self._failure = str(error)
        self._problem.say(self._failure)

    def _set_light(self) -> None:
        """Let each step of the slider be 2 % more light."""
        self._feed.white = 255.0 * float(np.exp(-self._light.value() / 50))
        if self._image.picture is not None:
            self._image.show(self._image.picture, painted(self._image.picture, self._feed.white))

    def _begin(self) -> None:
        if self._camera is not None:
            self._cameras.begin_lining_up(self._camera)

    def _draw(self) -> None:
        """Offer a rectangle in the middle of what is seen."""
        if self._rectangle is None and self._image.picture is not None:
            rows, columns = self._image.picture.shape[:2]
            place, size = (columns / 3, rows / 3), (columns / 3, rows / 3)
            self._rectangle = pg.RectROI(place, size, pen=_PEN)
            self._view.addItem(self._rectangle)
        self._update()

    def _measure_motion(self) -> None:
        if self._rectangle is not None and self._camera is not None:
            (left, top), (width, height) = self._rectangle.pos(), self._rectangle.size()
            corners = top, left, top + height, left + width
            self._cameras.measure_motion(self._camera, Rectangle(*map(round, corners)))

    def _stop_motion(self) -> None:
        if self._cameras.measuring.running:
            self._cameras.cancel_motion()
        elif self._rectangle is not None:
            self._view.removeItem(self._rectangle)
            self._rectangle = None
            self._update()
