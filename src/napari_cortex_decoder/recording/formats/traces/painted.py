"""Traces of areas as a movie: a picture of the areas, painted with the values of each time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.atlas import Area, Atlas, Registration, load_atlas
from napari_cortex_decoder.atlas.matching import find_area, picture_of
from napari_cortex_decoder.errors import AtlasError, RecordingError, UnclearMovieError
from napari_cortex_decoder.files import read_bytes
from napari_cortex_decoder.recording.formats.frames import FrameReader
from napari_cortex_decoder.recording.formats.lazy import LazyMovie
from napari_cortex_decoder.recording.formats.registry import Given, MovieFile

_ATLAS = "dorsal-cortex"
_IN_MEMORY = 2**28  # bytes of traces that are kept once they are read: 45 min of 10,000 cells
_NAMED = 8  # that a sentence lists


class TraceRows(FrameReader):
    """Traces of areas as frames of one row, an area a pixel.

    Each is the mean of some `columns` of `source`, of shape (frames, 1, traces in the file). They
    are read whole the first time, and kept if they are few enough.
    """

    def __init__(self, source: FrameReader, columns: Iterable[Sequence[int]]) -> None:
        columns, n = tuple(map(tuple, columns)), source.shape[0]
        kept = math.prod(source.shape) * source.dtype.itemsize <= _IN_MEMORY
        dtype, token = np.result_type(source.dtype, np.float32), (*source.token, "traces", columns)
        super().__init__((n, 1, len(columns)), dtype, token, n if kept else source.together)
        self._source, self._columns, self._kept = source, columns, kept

    @cached_property
    def _all(self) -> NDArray[Any]:
        return self._averaged(np.arange(self.shape[0], dtype=np.int64))

    def read(self, frames: NDArray[np.int64]) -> NDArray[Any]:
        """Read the values of frames, shape (len(frames), 1, areas)."""
        return self._all[frames] if self._kept else self._averaged(frames)

    def _averaged(self, frames: NDArray[np.int64]) -> NDArray[Any]:
        read = self._source.read(frames).astype(self.dtype, copy=False)
        firsts = read[..., [one[0] for one in self._columns]]
        for area, several in enumerate(self._columns):
            if len(several) > 1:
                firsts[..., area] = read[..., list(several)].mean(axis=-1)
        return firsts


class SideBySide(FrameReader):
    """The columns of readers with as many frames beside each other: a session in several files."""

    def __init__(self, *sources: FrameReader) -> None:
        shape = (*sources[0].shape[:2], sum(s.shape[2] for s in sources))
        dtype, token = np.result_type(*(s.dtype for s in sources)), tuple(s.token for s in sources)
        super().__init__(shape, dtype, token, min(s.together for s in sources))
        self._sources = sources

    def read(self, frames: NDArray[np.int64]) -> NDArray[Any]:
        """Read frames of all sources."""
        return np.concatenate([s.read(frames) for s in self._sources], axis=2, dtype=self.dtype)


class PaintedFrames(FrameReader):
    """Frames painted with traces, `rows` of shape (frames, 1, areas); NaN where no area is.

    `areas`, `label_image` and `registration` are as in `Recording`; `told` is what a user should
    know of the picture.
    """

    def __init__(
        self,
        rows: FrameReader,
        areas: Iterable[str],
        label_image: NDArray[np.int32],
        registration: Registration | None,
        told: Iterable[str],
    ) -> None:
        token, shape = (*rows.token, label_image), (rows.shape[0], *label_image.shape)
        super().__init__(shape, np.dtype(np.float32), token)
        self.rows, self.areas, self.told = rows, tuple(areas), tuple(told)
        self.label_image, self.registration = label_image, registration

    def with_rows(self, rows: FrameReader) -> PaintedFrames:
        """Return the same picture of other traces."""
        return type(self)(rows, self.areas, self.label_image, self.registration, self.told)

    def read(self, frames: NDArray[np.int64]) -> NDArray[np.float32]:
        """Paint frames."""
        return paint(self.rows.read(frames)[:, 0], self.label_image)


def traces_in(frames: FrameReader) -> dict[str, Any]:
    """Return what a `Recording` knows of the traces that its movie is painted with."""
    if not isinstance(frames, PaintedFrames):
        return {}
    return {
        "traces": LazyMovie(frames.rows)[:, 0],
        "areas": frames.areas,
        "label_image": frames.label_image,
        "registration": frames.registration,
    }


def paint(traces: NDArray[Any], label_image: NDArray[np.int32]) -> NDArray[np.float32]:
    """Paint traces, shape (n, areas), on pictures of shape (n, y, x); NaN in no area."""
    values = np.full((len(traces), traces.shape[1] + 1), np.nan, np.float32)
    values[:, 1:] = traces
    return np.take(values, label_image, axis=1)


@dataclass(frozen=True)
class Naming:
    """What may be the names of traces, one for each.

    `sides` is what is said of the side of each apart from the name, if anything. Names may be
    `shared` by several traces that were measured in one area, or `made_up`, none of the file's.
    """

    names: Sequence[str]
    sides: Sequence[str] = ()
    shared: bool = False
    made_up: bool = False

    def areas_in(self, atlas: Atlas) -> list[Area | None]:
        """Return the area of each trace, None where there is none."""
        sides = self.sides or [""] * len(self.names)
        return [find_area(atlas, *each) for each in zip(self.names, sides, strict=True)]


def painted(
    path: Path,
    found: MovieFile,
    namings: Sequence[Naming],
    given: Given,
    masks: Callable[[], NDArray[np.int32] | None] | None = None,
) -> MovieFile:
    """Make a movie of traces, `found` as frames of (frames, 1, traces).

    Of the `namings`, if the user gives no names, the one counts that names most areas. If that are
    few, the traces are painted where `masks` says that they were measured: a picture (y, x) with
    i + 1 where trace i was, else 0.
    """
    n = found.frames.shape[2]
    namings = namings if given.areas is None else [Naming(given_names(given.areas))]
    for naming in namings:
        if len(naming.names) != n:
            raise UnclearMovieError(
                f"{path}: there are {n} traces in it and {len(naming.names)} names; give one name "
                "a trace as areas (command line: --as areas=FILE, a name a line).",
                traces=True,
            )
    try:
        whole = load_atlas(given.atlas or _ATLAS)
    except AtlasError as reason:
        raise RecordingError(f"{path}: atlas {given.atlas!r} cannot be used: {reason}") from reason
    every = [(naming, naming.areas_in(whole)) for naming in namings]
    naming, named = max(every, key=lambda one: sum(area is not None for area in one[1]))
    if 2 * sum(area is not None for area in named) < n and masks is not None:
        places = masks()
        if places is not None:
            return _of_masks(found, naming.names, places)
    if not any(named):
        said = "no trace has a name" if naming.made_up else f"no trace ({_listed(naming.names)})"
        said += " that is" if naming.made_up else " is called like"
        raise UnclearMovieError(
            f"{path}: {said} an area of atlas {whole.name!r} and its side, as in 'MOs left' or "
            "L_MOs; give names as areas, or another atlas (command line: --as areas=FILE, a name a "
            "line; --as atlas=FILE).",
            traces=True,
        )
    return _of_areas(path, found, naming, named, whole)


def painted_as(path: Path, found: MovieFile, labels: Sequence[str], atlas: Atlas) -> MovieFile:
    """Make a movie of traces that are of areas of an atlas, by their labels."""
    naming = Naming(labels)
    return _of_areas(path, found, naming, naming.areas_in(atlas), atlas)


def _of_areas(
    path: Path, found: MovieFile, naming: Naming, named: Sequence[Area | None], atlas: Atlas
) -> MovieFile:
    """Paint traces on the areas of an atlas, and tell what is of none."""
    told: list[str] = []
    counts = Counter(area.label for area in named if area is not None)
    twice = [label for label, n in counts.items() if n > 1 and not naming.shared]
    if twice:
        told.append(
            f"several traces are called {_listed(twice)}, so none of them is used; rename them."
        )
    areas = {a.label: a for a in named if a is not None and a.label not in twice}
    if not areas:
        raise RecordingError(f"{path}: {told[0]}")
    registration, shape = picture_of(atlas, list(areas.values()))
    image = registration.label_image(shape)
    place = {label: atlas.index(a.acronym, a.side) + 1 for label, a in areas.items()}
    hidden = [label for label, number in place.items() if not (image == number).any()]
    if hidden:
        told.append(f"smaller areas of the atlas cover {_listed(hidden)}, which is left out.")
    columns: dict[str, list[int]] = {}
    unknown: list[str] = []
    for column, (name, area) in enumerate(zip(naming.names, named, strict=True)):
        if area is None:
            unknown.append(name)
        elif area.label in areas and area.label not in hidden:
            columns.setdefault(area.label, []).append(column)
    if unknown:
        told.append(f"{len(unknown)} traces are of no area and left out: {_listed(unknown)}.")
    several = [label for label, own in columns.items() if len(own) > 1]
    if several:
        told.append(f"of several traces the mean is taken in {_listed(several)}.")
    missing = [area.label for area in atlas.areas if area.label not in columns]
    if missing:
        told.append(f"{len(missing)} areas of the atlas have no trace: {_listed(missing)}.")
    order = np.zeros(len(atlas.areas) + 1, np.int32)
    order[[place[label] for label in columns]] = np.arange(1, len(columns) + 1)
    rows = TraceRows(found.frames, columns.values())
    frames = PaintedFrames(rows, columns, order[image], registration, told)
    matched = {
        label: ", ".join(naming.names[column] for column in own) for label, own in columns.items()
    }
    return replace(
        found,
        frames=frames,
        pixel_size=registration.pixel_size,
        metadata={**found.metadata, "areas": matched},
        warnings=(*found.warnings, *told),
    )


def _of_masks(found: MovieFile, names: Sequence[str], masks: NDArray[np.int32]) -> MovieFile:
    """Paint traces where the file says that they were measured."""
    if len(set(names)) < len(names):
        names = [f"ROI {i + 1}" for i in range(len(names))]
    seen = np.unique(masks[masks > 0]).tolist()
    order = np.zeros(len(names) + 1, np.int32)
    order[seen] = np.arange(1, len(seen) + 1)
    hidden = [name for i, name in enumerate(names) if i + 1 not in seen]
    told = ["the traces are painted where they were measured; place the atlas there to decode."]
    if hidden:
        told.append(f"{len(hidden)} traces have no pixel and are left out: {_listed(hidden)}.")
    rows = TraceRows(found.frames, [(label - 1,) for label in seen])
    names = [names[label - 1] for label in seen]
    frames = PaintedFrames(rows, names, order[masks], None, told)
    return replace(found, frames=frames, warnings=(*found.warnings, *told))


def given_names(areas: str | Sequence[str]) -> list[str]:
    """Return the names that a user gives: a list, the lines of a file, or text with commas."""
    if not isinstance(areas, str):
        return [str(name) for name in areas]
    file = Path(areas)
    if file.suffix and file.is_file():
        text = read_bytes(file, RecordingError, limit=2**20).decode("utf-8-sig", "replace")
        return [line.strip().strip("\"'") for line in text.splitlines() if line.strip()]
    return [name.strip() for name in areas.split(";" if ";" in areas else ",")]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    plain = ["".join(c if c.isprintable() else "?" for c in name[:60]) for name in names[:_NAMED]]
    return ", ".join(plain) + more
