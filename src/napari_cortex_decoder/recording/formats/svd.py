"""Movies compressed by singular value decomposition: wfield's and the IBL's pairs of files."""

from __future__ import annotations

import csv
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.clock import lag_of
from napari_cortex_decoder.containers.npy import NpyHeader, read_header
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.reading import readable
from napari_cortex_decoder.recording.formats.frames import (
    FrameReader,
    Picked,
    check_frames,
    file_token,
    unchanged,
)
from napari_cortex_decoder.recording.formats.light import isosbestic
from napari_cortex_decoder.recording.formats.named_values import frame_times_differ
from napari_cortex_decoder.recording.formats.registry import Given, MovieFile

# space: (rows, columns, components); time: (components, frames), corrected for haemodynamics first
_SPACE = ("U.npy", "widefieldU.images.npy")
_TIME = {
    "U.npy": ("SVTcorr.npy", "SVT.npy"),
    "widefieldU.images.npy": (
        "widefieldSVT.haemoCorrected.npy",
        "widefieldSVT.uncorrected.npy",
    ),
}
# all of U is held in memory; 600 components of 1000 x 1000 px fit
_LARGEST_SPACE = 2**32


class SvdFrames(FrameReader):
    """Frames that are the product of two matrices, multiplied when they are read.

    `space` is (rows, columns, components), `time` is (components, frames).
    """

    def __init__(self, space: NpyHeader, time: NpyHeader) -> None:
        self._space, self._time = space, time
        self._stamps = (file_token(space.path), file_token(time.path))
        shape = (time.shape[1], space.shape[0], space.shape[1])
        super().__init__(shape, np.dtype(np.float32), (*self._stamps[0], *self._stamps[1]))

    @cached_property
    def _components(self) -> NDArray[np.float32]:
        """Shape (components, pixels)."""
        space = np.load(self._space.path, allow_pickle=False)
        return np.ascontiguousarray(space.reshape(-1, space.shape[-1]).T, np.float32)

    def read(self, frames: NDArray[np.int64]) -> NDArray[Any]:
        """Rebuild frames."""
        what, first = "one half of an SVD pair", int(frames.min())
        with unchanged(*self._stamps):
            with readable(self._time.path, what), self._time.open() as time:
                near = time[:, first : int(frames.max()) + 1]
            with readable(self._space.path, what):
                components = self._components
        weights = near[:, frames - first].astype(np.float32)
        rebuilt: NDArray[Any] = (weights.T @ components).reshape(len(frames), *self.shape[1:])
        return rebuilt


def pair_of(path: Path) -> tuple[Path, Path] | None:
    """Both halves for a folder or one of its files; None if it is no such thing."""
    folder = path if path.is_dir() else path.parent
    for space in _SPACE:
        halves = (space, *_TIME[space])
        if not (path.name in halves if path.is_file() else (folder / space).is_file()):
            continue
        given = path.name if path.is_file() and path.name != space else None
        there = [name for name in _TIME[space] if (folder / name).is_file()]
        return folder / space, folder / (given or (there or [_TIME[space][-1]])[0])
    return None


def open_svd(path: Path, given: Given) -> MovieFile:
    """Open a pair; see `napari_cortex_decoder.recording.open_recording`."""
    pair = pair_of(path)
    assert pair is not None  # else it is no SVD
    for one, other in (pair, pair[::-1]):
        if not one.is_file():
            raise RecordingError(
                f"{path}: {one.name} is missing, the other half of {other.name}; copy both into "
                "one folder."
            )
    space, time = (read_header(half) for half in pair)
    for header, letters in ((space, 3), (time, 2)):
        if len(header.shape) != letters or header.stored.kind != "f":
            raise RecordingError(
                f"{header.path}: it is {header.stored.name} of shape {header.shape}; half of an "
                "SVD pair is real numbers: rows x columns x components, or components x frames."
            )
    if space.shape[2] != time.shape[0]:
        raise RecordingError(
            f"{path}: {pair[0].name} has {space.shape[2]} components and {pair[1].name} has "
            f"{time.shape[0]}; give the two halves of one recording."
        )
    frames = SvdFrames(space, time)
    check_frames(path, frames.shape, frames.dtype)
    if np.prod(space.shape, dtype=object) * 4 > _LARGEST_SPACE:
        raise RecordingError(
            f"{space.path}: its {space.shape[2]} components do not fit in memory; keep a hundred."
        )
    found = MovieFile(frames=frames, metadata={"rebuilt from": [half.name for half in pair]})
    return _timed(pair[1].parent, found)


def _timed(folder: Path, found: MovieFile) -> MovieFile:
    """Add the IBL's frame times, and split the frames by its light sources."""
    times = _column(folder / "imaging.times.npy")
    lights = _column(folder / "imaging.imagingLightSource.npy")
    if times is None:
        return found
    wavelengths = _wavelengths(folder / "imagingLightSource.properties.htsv")
    if lights is None or lights.shape != times.shape:
        lights = np.full(len(times), -1)
    violet = np.isin(lights, [k for k, nm in wavelengths.items() if isosbestic(nm)])
    is_movie = np.isin(lights, [*wavelengths]) & ~violet
    if len(np.unique(lights[is_movie])) != 1:
        is_movie, violet = np.ones(len(times), bool), np.zeros(len(times), bool)
    movie, reference = np.flatnonzero(is_movie), np.flatnonzero(violet)
    n_frames = found.frames.shape[0]
    if n_frames == len(movie):
        return replace(found, frame_times=times[movie])
    if n_frames != len(times):
        said = frame_times_differ("imaging.times.npy", len(times), n_frames)
        return replace(found, warnings=(*found.warnings, said))
    return replace(
        found,
        frames=Picked(found.frames, movie),
        reference=Picked(found.frames, reference) if len(reference) else None,
        reference_lag=lag_of(times[movie], times[reference]) if len(reference) else None,
        frame_times=times[movie],
    )


def _column(path: Path) -> NDArray[Any] | None:
    if not path.is_file():
        return None
    header = read_header(path)
    if header.stored.kind not in "iuf":
        return None
    return np.ravel(np.load(path, allow_pickle=False))


def _wavelengths(path: Path) -> dict[int, float]:
    """Wavelength (nm) of each light source, empty where the file does not say."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8") as file:
        rows = csv.DictReader(file, delimiter="\t")
        told = ((row.get("channel_id"), row.get("wavelength")) for row in rows)
        return {int(light): float(length) for light, length in told if light and length}
