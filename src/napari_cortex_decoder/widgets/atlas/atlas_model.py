"""Which atlas, and where placings come from: a guess, a file, the folder beside the recording."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from pydantic import PrivateAttr
from superqt.utils import QSignalDebouncer

from napari_cortex_decoder.atlas import Atlas, Registration, load_atlas
from napari_cortex_decoder.atlas.drawn import DRAWN, draw_atlas
from napari_cortex_decoder.atlas.importers.label_image import read_label_image
from napari_cortex_decoder.atlas.library import BUNDLED
from napari_cortex_decoder.errors import AtlasError
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.sessions.opening import kept_registration
from napari_cortex_decoder.sessions.placing import mean_image
from napari_cortex_decoder.sessions.preprocessed import on_pixels, to_raw_pixels
from napari_cortex_decoder.widgets.atlas.placing_model import PlacingModel
from napari_cortex_decoder.widgets.atlas.registration_files import (
    guess,
    keep_registration,
    read_placing,
)
from napari_cortex_decoder.widgets.parts.background import Background
from napari_cortex_decoder.widgets.parts.section_model import SectionModel
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel

_USUAL_WIDTH = 10.5  # mm that the shorter side of a movie of unknown scale is taken to span
_PAUSE = 500  # ms without a change until a placing is written


class AtlasModel(SectionModel):
    """The chosen atlas, and what brings and keeps its placing."""

    chosen: Atlas | None = None  # the atlas to place; None until it is loaded
    names_shown: bool = False  # whether acronyms stand on the movie
    doing: str = ""  # what is going on in the background; empty if nothing is
    message: str = ""  # a sentence about what was done last

    mean_ready: ClassVar[Signal] = Signal(object)
    """The mean image was asked for, and here it is, shape (y, x)."""

    kept: ClassVar[Signal] = Signal()
    """The placing has been written beside the recording."""
    drawing_wanted: ClassVar[Signal] = Signal()
    """The user wants to draw areas on the movie."""

    drawn_wanted: ClassVar[Signal] = Signal()
    """The user wants an atlas of what is drawn."""

    _movie: MovieModel
    _placing: PlacingModel
    _keeper: Background
    _pause: QSignalDebouncer
    _recording: Recording | None = None
    _raw: Recording | None = None
    _to_raw: NDArray[np.float64] = PrivateAttr(default_factory=lambda: np.eye(3))
    _mean: NDArray[np.float32] | None = None
    _kept: Registration | None = None
    _n_kept: int = 0
    _set_aside: bool = False
    _offered: dict[Path, Path] = PrivateAttr(default_factory=dict)

    def __init__(self, movie: MovieModel, placing: PlacingModel) -> None:
        super().__init__()
        self._movie, self._placing = movie, placing
        self._keeper = Background(self.failed.emit)  # apart: another recording does not stop it
        self._pause = QSignalDebouncer()
        self._pause.setTimeout(_PAUSE)
        self._pause.triggered.connect(self._keep)
        self._ties.tie(self._on_recording, movie.events.recording)
        self._ties.tie(self._pause.throttle, placing.events.placing)

    @property
    def atlas(self) -> Atlas | None:
        """The atlas that is placed, else the one to place; None until it is loaded."""
        placed = self._placing.registration
        return self.chosen if placed is None else placed.atlas

    @property
    def obstacle(self) -> str | None:
        """Why the atlas cannot be placed now; None if it can."""
        if self._movie.recording is None:
            return "Open a recording first."
        if self._placing.fixed:
            return "Traces of areas come on their atlas: there is nothing to place."
        if self.doing:
            return f"Wait: {self.doing} …"
        if self.atlas is None:
            return "Choose an atlas first."
        return None

    def offer(self, recording: Path, registration: Path) -> None:
        """Say where the atlas lies on a recording, should nothing be kept beside it."""
        self._offered[recording] = registration

    def choose(self, name: str | Path) -> None:
        """Load an atlas: a bundled one, a file, or one of BrainGlobe."""
        self._do(f"loading {Path(name).name}", load_atlas, name, then=self.take)

    def choose_label_image(
        self,
        path: str | Path,
        names: str | Path | None,
        pixel_size: float,
        bregma: tuple[float, float] | None,
    ) -> None:
        """Make an atlas of a label image; see `read_label_image`."""
        read = partial(read_label_image, path, names, pixel_size=pixel_size, bregma=bregma)
        self._do(f"reading {Path(path).name}", read, then=self.take)

    def take(self, atlas: Atlas) -> None:
        """Use an atlas from now on, where the one before it lies."""
        self.chosen = atlas
        self._placing.set_atlas(atlas)
        self.message = " ".join([f"{atlas.name}: {len(atlas.areas)} areas.", *atlas.warnings])

    def take_drawn(self, outlines: Iterable[tuple[str, NDArray[np.floating]]]) -> None:
        """Make an atlas of outlines drawn on the movie: acronym, and (n, 2) row, column in px."""
        placed = self._placing.registration
        if placed is None:
            return
        try:
            in_mm = [(acronym, placed.to_mm(points)) for acronym, points in outlines]
            drawn = draw_atlas(in_mm, placed.atlas.landmarks)
        except AtlasError as error:
            self.failed.emit(error)
            return
        self.take(drawn)

    def rename(self, area: int, acronym: str) -> None:
        """Rename an area that the user has drawn."""
        atlas = self.atlas
        if atlas is None or atlas.name != DRAWN:
            return
        try:
            renamed = replace(atlas.areas[area], acronym=acronym.strip(), name=acronym.strip())
            areas = (*atlas.areas[:area], renamed, *atlas.areas[area + 1 :])
            self.take(replace(atlas, areas=areas))
        except AtlasError as error:
            self.failed.emit(error)

    def guess(self) -> None:
        """Place the atlas by the look of the movie."""
        if self.obstacle is None:
            self._do("looking for the brain", guess, self._recording, self._mean, self.atlas,
                     then=self._guessed)  # fmt: skip

    def place_upright(self) -> None:
        """Place the atlas unturned in the middle of the movie, to drag it from there."""
        recording, atlas = self._recording, self.atlas
        if self.obstacle is not None or recording is None or atlas is None:
            return
        rows, columns = recording.shape
        size = recording.pixel_size or _USUAL_WIDTH / min(rows, columns)
        upright = Registration.upright(atlas, size, ((rows - 1) / 2, (columns - 1) / 2))
        self._placing.begin(replace(upright, pixel_size=recording.pixel_size))
        self._placing.adjust(True)
        self.message = ""

    def load(self, path: str | Path) -> None:
        """Read a registration of this program, of wfield or of MesoNet."""
        path = Path(path)

        def take(registration: Registration) -> None:
            self._placing.begin(registration)
            self.message = f"Loaded {path.name}."

        if self.obstacle is None:
            self._do(f"reading {path.name}", read_placing, path, self._recording, self.atlas,
                     then=take)  # fmt: skip

    def save(self, path: str | Path) -> None:
        """Write the registration as JSON."""
        placed, path = self._placing.registration, Path(path)
        if placed is not None:
            save = partial(placed.save, overwrite=True)  # the dialog has asked
            said = self._say(f"Saved {path.name}.")
            self._do(f"saving {path.name}", save, path, then=said)

    def ask_mean(self) -> None:
        """Ask for the movie's mean image; `mean_ready` follows."""
        if self._mean is not None:
            self.mean_ready.emit(self._mean)
        elif self._recording is not None and not self.doing:
            self._do("averaging frames", mean_image, self._recording, then=self._averaged)

    def close(self) -> None:
        """Stop working for a viewer that is gone; the placing is kept first."""
        self._pause.cancel()
        self._keep()
        self._keeper.drop()
        super().close()

    def _on_recording(self, recording: Recording | None) -> None:
        """Follow a movie through its preprocessing; let go of a placing on another one."""
        before, raw = self._recording, self._movie.raw
        if before is None or recording is None or before.movie is not recording.movie:
            self._mean = None
        if raw is not None and self._raw is not None and self._raw.movie is raw.movie:
            before_size, self._recording, self._raw = self._raw.pixel_size, recording, raw
            self._follow_pixels()
            if raw.pixel_size != before_size and recording is not None:
                self._placing.set_pixel_size(recording.pixel_size)
            return
        self._keep()
        self._background.drop()
        self._recording, self._raw, self._to_raw = recording, raw, np.eye(3)
        self._kept, self._set_aside = None, False
        self.doing = self.message = ""
        self._placing.restart()
        if recording is None or raw is None:
            return
        self._to_raw = to_raw_pixels(raw, recording)
        if raw.registration is not None:
            self.chosen, self._kept = raw.registration.atlas, raw.registration
            self._placing.restart(raw.registration)
        elif raw.path is None:
            self._restored(None)
        else:
            look = partial(kept_registration, raw, other=self._offered.get(raw.path))
            self._do("looking for the placing of last time", look,
                     then=self._restored, failed=self._not_restored)  # fmt: skip

    def _follow_pixels(self) -> None:
        """Put the placing on the pixels that preprocessing has left."""
        assert self._recording is not None and self._raw is not None  # asked by the caller
        to_raw = to_raw_pixels(self._raw, self._recording)
        if not np.array_equal(to_raw, self._to_raw):
            moves = _inverse(to_raw) @ self._to_raw
            self._to_raw = to_raw
            self._placing.move_pixels(moves, self._recording.shape)

    def _restored(self, registration: Registration | None) -> None:
        if registration is not None and self._recording is not None:
            shown = on_pixels(registration, _inverse(self._to_raw), self._recording.shape)
            self._placing.restart(shown)
            self._kept = shown
            self.message = "The placing of last time."
        elif self.chosen is None:
            self.choose(next(iter(BUNDLED)))

    def _not_restored(self, error: Exception) -> None:
        self._set_aside = True
        self._fail(error)
        self._restored(None)

    def _guessed(self, result: tuple[NDArray[np.float32], Registration]) -> None:
        self._mean, registration = result
        self._placing.begin(registration)
        self.message = ""

    def _averaged(self, mean: NDArray[np.float32]) -> None:
        self._mean = mean
        self.mean_ready.emit(mean)

    def _keep(self) -> None:
        """Write the placing beside the recording, on its raw pixels, if it is a new one."""
        placed, raw = self._placing.registration, self._raw
        if placed is None or placed is self._kept or raw is None or raw.path is None:
            return
        if raw.registration is not None:
            return
        self._n_kept += 1
        kept = on_pixels(placed, self._to_raw, raw.shape)
        self._keeper.run(
            keep_registration, kept, raw.path, self._n_kept, self._set_aside,
            then=lambda _: self.kept.emit(),
        )  # fmt: skip
        self._kept, self._set_aside = placed, False

    def _do(
        self,
        doing: str,
        function: Callable[..., Any],
        *args: Any,
        then: Callable[[Any], None],
        failed: Callable[[Exception], None] | None = None,
    ) -> None:
        """Run a function in a thread; meanwhile say what is going on."""

        def deliver(result: Any) -> None:
            self.doing = ""
            then(result)

        self.doing = doing
        self._background.run(function, *args, then=deliver, failed=failed or self._fail)

    def _fail(self, error: Exception) -> None:
        self.doing = ""
        self.failed.emit(error)


def _inverse(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)
