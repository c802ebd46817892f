"""Where the atlas lies on the movie: landmarks, fits, nudges, undo."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
from numpy.typing import NDArray
from pydantic import PrivateAttr

from napari_cortex_decoder.atlas import Atlas, Registration
from napari_cortex_decoder.atlas.guess import SIZE_UNKNOWN
from napari_cortex_decoder.atlas.landmarks import MESONET, WFIELD
from napari_cortex_decoder.choices import FIT_KINDS, FitKind
from napari_cortex_decoder.errors import AtlasError
from napari_cortex_decoder.history import History
from napari_cortex_decoder.sessions.preprocessed import on_pixels
from napari_cortex_decoder.widgets.parts.section_model import SectionModel
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel

Places = Mapping[str, tuple[float, float]]
"""(row, column) in px of landmarks by name."""

LANDMARK_SETS: Mapping[str, tuple[str, ...]] = {
    "MesoNet's nine": tuple(MESONET),
    "wfield's four": tuple(WFIELD),
    "own": (),
}
"""Landmarks to choose by one click; one's own are added one by one.

The nine come first: a hand that is .1 mm off places areas with a median IoU of .86 by nine and of
.77 by four."""


@dataclass(frozen=True, eq=False)
class Placing:
    """Where the atlas lies: one step of undo."""

    registration: Registration  # with the landmarks as they are shown
    kind: FitKind = "similarity"  # what a fit to them may do
    # why `registration` is not the fit to its landmarks; empty if it is, or if none was asked
    problem: str = ""


class PlacingModel(SectionModel):
    """The placing of an atlas on the open recording."""

    placing: Placing | None = None  # where it lies; None until somebody has placed it
    landmark_set: str = next(iter(LANDMARK_SETS))  # key of `LANDMARK_SETS`
    adjusting: bool = False  # whether mouse and keys move it

    _movie: MovieModel
    _history: History[Placing] = PrivateAttr(default_factory=History)
    _moving: bool = False

    def __init__(self, movie: MovieModel) -> None:
        super().__init__()
        self._movie = movie

    @property
    def registration(self) -> Registration | None:
        """Where the atlas lies; None until somebody has placed it."""
        return None if self.placing is None else self.placing.registration

    @property
    def fixed(self) -> bool:
        """Whether what is open has come placed: traces are painted on the areas of their atlas."""
        recording = self._movie.recording
        return recording is not None and recording.registration is not None

    @property
    def can_undo(self) -> bool:
        """Whether there is an earlier placing."""
        return self._history.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether there is a later placing."""
        return self._history.can_redo

    @property
    def free_landmarks(self) -> tuple[str, ...]:
        """Names of the atlas's landmarks that are not on the movie, those of the set first."""
        if self.placing is None:
            return ()
        placed = self.placing.registration
        known = dict.fromkeys((*LANDMARK_SETS[self.landmark_set], *placed.atlas.landmarks))
        return tuple(
            name
            for name in known
            if name in placed.atlas.landmarks and name not in placed.landmarks
        )

    def begin(self, registration: Registration) -> None:
        """Show a placing from elsewhere, with landmarks to adjust it by if it has none."""
        if not registration.landmarks:
            landmarks = _landmarks_of(self.landmark_set, registration)
            registration = replace(registration, landmarks=landmarks)
        if self.placing is not None:
            self._history.record(self.placing)
        self._show(Placing(registration, _kind_of(registration)))

    def adjust(self, adjusting: bool) -> None:
        """Let mouse and keys move the atlas, or not: only on purpose, for it is kept at once."""
        self.adjusting = adjusting and self.placing is not None and not self.fixed

    def restart(self, registration: Registration | None = None) -> None:
        """Forget all placings; show one of an earlier day, or none."""
        self._history.clear()
        self.adjust(False)
        if registration is not None:
            self._show(Placing(registration, _kind_of(registration)))
        elif self.placing is not None:
            self._moving = False
            self.placing = None

    def move_pixels(self, matrix: NDArray[np.float64], shape: tuple[int, int]) -> None:
        """Follow the movie to other pixels; see `on_pixels`."""
        self._change_all(lambda placed: on_pixels(placed, matrix, shape))

    def set_pixel_size(self, pixel_size: float | None) -> None:
        """Compare all placings with another pixel size (mm) than before; none of them moves."""
        self._change_all(lambda placed: _compared(placed, pixel_size))

    def set_atlas(self, atlas: Atlas) -> None:
        """Put another atlas where the one before it lies; nothing happens before the first."""
        if self.placing is not None:
            placed = self.placing.registration
            kept = {n: at for n, at in placed.landmarks.items() if n in atlas.landmarks}
            self._change(replace(placed, atlas=atlas, landmarks=kept))

    def choose_landmarks(self, name: str) -> None:
        """Show another set of landmarks, those that are placed already where they are."""
        self.landmark_set = name
        if self.placing is not None and LANDMARK_SETS[name]:
            placed = self.placing.registration
            self._change(replace(placed, landmarks=_landmarks_of(name, placed)))

    def add_landmark(self, name: str) -> None:
        """Put a landmark of the atlas on the movie, where the placing says it is."""
        if self.placing is not None:
            self._add(name, self.placing.registration)

    def make_landmark(self, name: str, x: float, y: float) -> None:
        """Add a landmark of one's own to the atlas, at (x, y) mm from bregma, and to the movie."""
        if self.placing is None:
            return
        placed, name = self.placing.registration, name.strip()
        if not name or name in placed.atlas.landmarks:
            why = f"is called {name!r}, as another is" if name else "has no name"
            self.failed.emit(AtlasError(f"the new landmark {why}; give it a name of its own."))
            return
        atlas = replace(placed.atlas, landmarks={**placed.atlas.landmarks, name: (x, y)})
        self._add(name, replace(placed, atlas=atlas))

    def add_points(self, points: Iterable[tuple[float, float]]) -> None:
        """Take points (row, column) that the user has set on the movie as landmarks.

        They become the missing ones of the set; beyond these, landmarks of one's own that pin the
        atlas where it lies now.
        """
        if self.placing is None:
            return
        placed = self.placing.registration
        missing = [n for n in LANDMARK_SETS[self.landmark_set] if n in self.free_landmarks]
        known, places = dict(placed.atlas.landmarks), dict(placed.landmarks)
        for row, column in points:
            if missing:
                name = missing.pop(0)
            else:
                name = next(n for i in count(1) if (n := f"pin {i}") not in known)
                x, y = placed.to_mm([(row, column)])[0].tolist()
                known[name] = (x, y)
            places[name] = (row, column)
        self._history.record(self.placing)
        pinned = replace(placed, atlas=replace(placed.atlas, landmarks=known))
        self._show(self._fitted(pinned, places, self.placing.kind))

    def move_landmarks(self, places: Places, *, done: bool = True) -> None:
        """Fit the atlas to landmarks; all moves until one is `done` are one step of undo."""
        if self.placing is None:
            return
        if not self._moving:
            self._history.record(self.placing)
        self._moving = not done
        self.placing = self._fitted(self.placing.registration, places, self.placing.kind)

    def remove_landmarks(self, *names: str) -> None:
        """Take landmarks away, and fit to the others."""
        if self.placing is not None:
            before = self.placing.registration.landmarks
            self.move_landmarks({name: at for name, at in before.items() if name not in names})

    def set_kind(self, kind: FitKind) -> None:
        """Fit to the landmarks in another way."""
        if self.placing is not None and kind != self.placing.kind:
            self._history.record(self.placing)
            registration = self.placing.registration
            self._show(self._fitted(registration, registration.landmarks, kind))

    def nudge(
        self, *, right: float = 0.0, down: float = 0.0, degrees: float = 0.0, zoom: float = 1.0
    ) -> None:
        """Move the whole placing by hand: mm on the movie, degrees clockwise, a factor of size."""
        if self.placing is None:
            return
        placed = self.placing.registration
        run = "turn" if degrees else "resize" if zoom != 1 else "shift"
        self._history.record(self.placing, run=run)
        columns, rows = right * placed.scale, down * placed.scale
        moved = placed.nudged(rows=rows, columns=columns, degrees=degrees, zoom=zoom)
        self._show(replace(self.placing, registration=moved))

    def undo(self) -> None:
        """Go back to the placing before."""
        if self.placing is not None and self.can_undo:
            self._show(self._history.undo(self.placing))

    def redo(self) -> None:
        """Take back the last undo."""
        if self.placing is not None and self.can_redo:
            self._show(self._history.redo(self.placing))

    def _add(self, name: str, placed: Registration) -> None:
        row, column = placed.to_px([placed.atlas.landmarks[name]])[0].tolist()
        self._change(replace(placed, landmarks={**placed.landmarks, name: (row, column)}))

    def _change(self, registration: Registration) -> None:
        """Show a placing that differs in its atlas or its landmarks, not in where it lies."""
        assert self.placing is not None  # asked by every caller
        self._history.record(self.placing)
        self._show(Placing(registration, self.placing.kind))

    def _change_all(self, how: Callable[[Registration], Registration]) -> None:
        """Change the placing that is shown, and all that can be gone back to."""

        def change(placing: Placing) -> Placing:
            return replace(placing, registration=how(placing.registration))

        if self.placing is not None:
            self._history.change(change)
            self._show(change(self.placing))

    def _show(self, placing: Placing) -> None:
        self._moving = False
        self.placing = placing

    def _fitted(self, before: Registration, places: Places, kind: FitKind) -> Placing:
        """Fit to landmarks; where they allow no fit, leave the atlas where it is and say why."""
        recording = self._movie.recording
        assert recording is not None  # there is no placing without one
        try:
            fitted = before.atlas.register(
                places, kind=kind, pixel_size=recording.pixel_size, shape=recording.shape
            )
        except AtlasError as error:
            return Placing(replace(before, landmarks=dict(places)), kind, str(error))
        return Placing(fitted, kind)


def _compared(placed: Registration, pixel_size: float | None) -> Registration:
    """Return a registration with what is odd about it at another pixel size."""
    outdated = (*placed.doubted().warnings, SIZE_UNKNOWN)
    said = tuple(warning for warning in placed.warnings if warning not in outdated)
    return replace(placed, pixel_size=pixel_size).doubted(before=said)


def _landmarks_of(name: str, placed: Registration) -> dict[str, tuple[float, float]]:
    """Return the landmarks of a set: where they are, else where the placing says they are."""
    names = [n for n in LANDMARK_SETS[name] if n in placed.atlas.landmarks]
    said = placed.to_px([placed.atlas.landmarks[n] for n in names]).tolist()
    return {
        n: placed.landmarks.get(n, (row, column))
        for n, (row, column) in zip(names, said, strict=True)
    }


def _kind_of(registration: Registration) -> FitKind:
    """Return how a registration was fitted; a similarity where it was not."""
    return next((kind for kind in FIT_KINDS if kind == registration.method), "similarity")
