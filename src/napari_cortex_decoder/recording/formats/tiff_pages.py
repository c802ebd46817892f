"""Where the pages of a TIFF lie, found without reading what is on them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.reading import readable
from napari_cortex_decoder.recording.formats.frames import (
    FrameReader,
    RawFrames,
    file_token,
    unchanged,
)

_MOST_TAGS = 4096
# No codec that cameras' software uses shrinks an image more than this, zeros included.
_MOST_SHRINKAGE = 5000


@contextmanager
def opened_tiff(path: Path, what: str = "a TIFF movie") -> Iterator[tifffile.TiffFile]:
    """Open a TIFF alone, whatever set it belongs to."""
    with readable(path, what), tifffile.TiffFile(path, _multifile=False) as tif:
        yield tif


def page_offsets(path: Path, tif: tifffile.TiffFile) -> NDArray[np.int64]:
    """Return where the directory of each page lies, shape (pages,), bytes: the chain to its end.

    tifffile stops at a broken link with a log entry; here one that leads out of the file or back to
    an earlier page raises `RecordingError`.
    """
    layout = tif.tiff
    number, link = struct.Struct(layout.tagnoformat), struct.Struct(layout.offsetformat)
    size = tif.filehandle.size
    offsets: list[int] = []
    seen: set[int] = set()
    with path.open("rb", buffering=0) as file:
        file.seek(4 if layout.offsetsize == 4 else 8)
        (offset,) = link.unpack(file.read(link.size))
        while offset:
            end = offset + number.size
            tags = 0
            if end <= size:
                file.seek(offset)
                (tags,) = number.unpack(file.read(number.size))
                end += tags * layout.tagsize + link.size
            page = len(offsets) + 1
            if end > size:
                raise RecordingError(
                    f"{path}: the file is truncated: it ends before page {page}; copy it again."
                )
            if offset in seen or tags > _MOST_TAGS:
                raise RecordingError(
                    f"{path}: the list of pages is damaged at page {page}; export the movie again."
                )
            offsets.append(offset)
            seen.add(offset)
            file.seek(end - link.size)
            (offset,) = link.unpack(file.read(link.size))
    return np.asarray(offsets, np.int64)


def find_frames(
    path: Path, tif: tifffile.TiffFile, pages: NDArray[np.int64], claimed: int
) -> RawFrames | EncodedFrames:
    """Find the frames of a TIFF whose pages are alike; raise if some lie beyond its end.

    `pages` tells where their directories lie, in the order of the frames. More frames than these
    may be `claimed` only where the first page's data go on with the frames of pages that were never
    written (ImageJ beyond 4 GB).
    """
    first = tif.pages.first
    plain = first.is_contiguous and first.is_final
    size = tif.filehandle.size
    step = first.nbytes
    if plain:
        start = int(_read_pages(path, tif, pages[:1])[0][0, 0])
        starts = _offsets_by_rule(path, tif, pages, claimed, start, step)
        if starts is None:
            starts = _read_pages(path, tif, pages)[0][:, 0]
        _check_end(path, starts + step, size)
        stored = np.dtype(f"{tif.byteorder}{first.dtype.str[1:]}")
        return RawFrames(path, starts, first.shape[-2:], stored)
    if claimed > len(pages):
        raise too_few(path, claimed, len(pages))
    offsets, counts = _read_pages(path, tif, pages)
    _check_end(path, (offsets + counts).max(axis=1), size)
    lengths = counts.sum(axis=1)
    too_short = (step > 2**20) & (lengths * _MOST_SHRINKAGE < step)
    if ((lengths > 2 * step + 2**16) | too_short).any():
        raise RecordingError(
            f"{path}: a frame of {step / 2**20:.1f} MB claims to be packed into "
            f"{lengths.min()} to {lengths.max()} bytes; the file is damaged, so export it again."
        )
    return EncodedFrames(path, pages, first)


def too_few(path: Path, claimed: int, held: int) -> RecordingError:
    """Return the refusal of a file that holds fewer frames than its header claims."""
    return RecordingError(
        f"{path}: the file is truncated: its header claims {claimed} frames and it holds {held}; "
        "copy it again."
    )


def _check_end(path: Path, ends: NDArray[np.int64], size: int) -> None:
    beyond = np.flatnonzero(ends > size)
    if beyond.size:
        raise too_few(path, len(ends), int(beyond[0]))


def _offsets_by_rule(
    path: Path, tif: tifffile.TiffFile, pages: NDArray[np.int64], claimed: int, start: int,
    step: int,
) -> NDArray[np.int64] | None:  # fmt: skip
    """Offsets of frames that lie at equal distances, from a few of them; None if they do not."""
    rule = start + step * np.arange(claimed, dtype=np.int64)
    if len(pages) < claimed:
        if rule[-1] + step > tif.filehandle.size:
            raise too_few(path, claimed, (tif.filehandle.size - start) // step)
        return rule
    if claimed < 8:
        return None
    probes = [1, 2, claimed // 2, claimed - 2, claimed - 1]
    found = _read_pages(path, tif, pages[probes])[0][:, 0]
    if (found == rule[probes]).all():
        return rule
    # pages and frames take turns, as most cameras' software writes them
    steps = np.diff(pages[1:])
    if (steps == steps[0]).all() and (found - pages[probes] == found[0] - pages[1]).all():
        return np.concatenate(([start], pages[1:] + (found[0] - pages[1])))
    return None


def _read_pages(
    path: Path, tif: tifffile.TiffFile, pages: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Offsets and byte counts of the strips or tiles of pages, each of shape (pages, strips)."""
    first = tif.pages.first
    strips = len(first.dataoffsets)
    offsets = np.empty((len(pages), strips), np.int64)
    counts = np.empty_like(offsets)
    for index, offset in enumerate(pages.tolist()):
        with readable(path, "a TIFF movie whose pages are alike"):
            page = tifffile.TiffFrame(tif, index, offset=offset, keyframe=first)
            offsets[index] = page.dataoffsets
            counts[index] = page.databytecounts
    return offsets, counts


class EncodedFrames(FrameReader):
    """Frames that lie in a TIFF compressed, tiled or packed, as tifffile decodes them.

    The directory of the page of each lies at `pages`, bytes from the start of the file.
    """

    def __init__(self, path: Path, pages: NDArray[np.int64], first: tifffile.TiffPage) -> None:
        shape = (len(pages), *first.shape[-2:])
        super().__init__(shape, first.dtype, (*file_token(path), pages))
        self._path, self._pages = path, pages

    def read(self, frames: NDArray[np.int64]) -> NDArray[Any]:
        """Read and decode frames."""
        out = np.empty((len(frames), *self.shape[1:]), self.dtype)
        with unchanged(self.token), opened_tiff(self._path) as tif:
            for image, frame in zip(out, frames.tolist(), strict=True):
                at = int(self._pages[frame])
                page = tifffile.TiffFrame(tif, frame, offset=at, keyframe=tif.pages.first)
                image[:] = page.asarray(maxworkers=1)
        return out
