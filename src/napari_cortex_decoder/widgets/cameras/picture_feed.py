"""Pictures of a camera, decoded in a thread: the last one that was asked for is what comes."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

import numpy as np
from qtpy.QtGui import QImage

from napari_cortex_decoder.cameras import Picture, Pictures
from napari_cortex_decoder.widgets.parts.background import Background

_NEWEST = 0.2  # share of the last picture in the latency


class PictureFeed:
    """Decodes one picture at a time; those asked for meanwhile are dropped, but the last.

    Parameters
    ----------
    pictures
        Of the camera.
    show
        Called on the GUI thread with the number of a picture, the picture, and what is painted.
    failed
        Called on the GUI thread with the reason why a picture could not be read.

    Attributes
    ----------
    latency
        Seconds from asking for a picture to showing it, of late.
    white
        The value (0 to 255, or more) that is painted white.
    """

    def __init__(
        self,
        pictures: Pictures,
        show: Callable[[int, Picture, QImage], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._pictures, self._show, self._failed = pictures, show, failed
        self._background = Background(failed)
        self._stack = ExitStack()
        self._read: Callable[[int], Picture] | None = None
        self._busy = False
        self._wanted: int | None = None
        self._closed = False
        self.latency = 0.0
        self.white = 255.0

    def ask(self, number: int) -> None:
        """Want a picture, by its number from 0."""
        self._wanted = number
        self._next()

    def close(self) -> None:
        """Close the files; a picture that is being decoded is dropped."""
        self._closed = True
        if not self._busy:
            self._stack.close()

    def _next(self) -> None:
        if self._busy or self._closed or self._wanted is None:
            return
        number, self._wanted, self._busy = self._wanted, None, True
        asked = time.monotonic()
        self._background.run(
            self._decode,
            number,
            then=lambda shown: self._done(number, shown, asked),
            failed=self._fail,
        )

    def _decode(self, number: int) -> tuple[Picture, QImage]:
        """Read a picture, and make it ready to paint; runs in a thread, never in two at once."""
        if self._read is None:
            self._read = self._stack.enter_context(self._pictures.opened())
        picture = self._read(number)
        return picture, painted(picture, self.white)

    def _done(self, number: int, shown: tuple[Picture, QImage], asked: float) -> None:
        self._busy = False
        self.latency += _NEWEST * (time.monotonic() - asked - self.latency)
        if self._closed:
            self._stack.close()
            return
        self._show(number, *shown)
        self._next()

    def _fail(self, error: Exception) -> None:
        self._busy, self._read = False, None
        self._stack.close()  # a decoder that met damage is begun anew
        if not self._closed:
            self._failed(error)
            self._next()


def painted(picture: Picture, white: float) -> QImage:
    """Return a picture as Qt paints it soonest, with the value `white` in white."""
    if white != 255:
        values = np.minimum(np.arange(256) * (255 / white), 255).astype(np.uint8)
        picture = values[picture]
    picture = np.ascontiguousarray(picture)
    rows, columns, *colors = picture.shape
    kind = QImage.Format.Format_RGB888 if colors else QImage.Format.Format_Grayscale8
    image = QImage(picture.data, columns, rows, picture.strides[0], kind)
    return image.convertToFormat(QImage.Format.Format_RGB32)  # of its own, unlike the other
