"""Pictures of a camera, decoded in a thread: the last one that was asked for is what comes."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

from napari_cortex_decoder.recording.cameras import Picture, Pictures
from napari_cortex_decoder.widgets.parts.background import Background

_NEWEST = 0.2  # share of the last picture in the latency


class PictureFeed:
    """Decodes one picture at a time; those asked for meanwhile are dropped, but the last.

    Parameters
    ----------
    pictures
        Of the camera.
    show
        Called on the GUI thread with the number of a picture, and the picture.
    failed
        Called on the GUI thread with the reason why a picture could not be read.

    Attributes
    ----------
    latency
        Seconds from asking for a picture to showing it, of late.
    """

    def __init__(
        self,
        pictures: Pictures,
        show: Callable[[int, Picture], None],
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

    def _decode(self, number: int) -> Picture:
        """Read a picture; runs in a thread, never in two at once."""
        if self._read is None:
            self._read = self._stack.enter_context(self._pictures.opened())
        return self._read(number)

    def _done(self, number: int, shown: Picture, asked: float) -> None:
        self._busy = False
        self.latency += _NEWEST * (time.monotonic() - asked - self.latency)
        if self._closed:
            self._stack.close()
            return
        self._show(number, shown)
        self._next()

    def _fail(self, error: Exception) -> None:
        self._busy, self._read = False, None
        self._stack.close()  # a decoder that met damage is begun anew
        if not self._closed:
            self._failed(error)
            self._next()
