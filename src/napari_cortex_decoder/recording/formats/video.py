"""Videos, frame by frame: AVI, MP4, MOV, MJ2, Matroska and WebM."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.formats.frames import (
    FrameReader,
    check_frames,
    file_token,
    unchanged,
)
from napari_cortex_decoder.recording.formats.registry import Given, MovieFile
from napari_cortex_decoder.recording.formats.video_index import VideoIndex, index_video

# The container is named, not guessed: a file whose content is a playlist must not open others.
CONTAINERS = {
    ".avi": "avi", ".mp4": "mov", ".m4v": "mov", ".mov": "mov", ".mj2": "mov", ".mkv": "matroska",
    ".webm": "matroska",
}  # fmt: skip
_GROUP_BYTES = 2**26
# JPEG of a grey image does not come back with chroma of exactly 128
_CHROMA = 4


class VideoFrames(FrameReader):
    """Frames of a video of grey values, found by an index; together are those of a key frame."""

    def __init__(self, index: VideoIndex, image: NDArray[Any]) -> None:
        longest = int(np.bincount(index.keys).max())
        together = min(longest, max(1, _GROUP_BYTES // image.nbytes))
        shape = (len(index.stamps), image.shape[0], image.shape[1])
        super().__init__(shape, image.dtype, file_token(index.path), together)
        self._index = index

    def read(self, frames: NDArray[np.int64]) -> NDArray[Any]:
        """Decode frames, from the last key frame before each."""
        out = np.empty((len(frames), *self.shape[1:]), self.dtype)
        with unchanged(self.token), self._index.opened() as video:
            for row in np.argsort(frames, kind="stable").tolist():
                wanted = int(frames[row])
                image = grey(video.frame(wanted))
                if image.shape != self.shape[1:] or image.dtype != self.dtype:
                    raise RecordingError(
                        f"{self._index.path}: frame {wanted + 1} is {image.shape} of {image.dtype} "
                        f"and the first {self.shape[1:]} of {self.dtype}; convert it to one size."
                    )
                out[row] = image
        return out


def grey(frame: Any) -> NDArray[Any]:
    """Return the grey values of a decoded frame as the file has them, not stretched."""
    kind = frame.format
    if kind.is_rgb or kind.has_palette:
        return np.asarray(frame.to_ndarray(format="rgb24")[..., 0])
    depth = kind.components[0].bits
    name = frame.format.name
    if not kind.is_planar and len(kind.components) > 1:
        raise RecordingError(
            f"pixels of the kind {name} are not understood; convert the video to gray."
        )
    order = ">" if name.endswith("be") else "<"
    stored = np.dtype(np.uint8) if depth <= 8 else np.dtype(f"{order}u2")
    lines = _lines(frame.planes[0], frame.width * stored.itemsize)[: frame.height]
    return np.ascontiguousarray(lines).view(stored).astype(stored.newbyteorder("="), copy=False)


def _lines(plane: Any, width: int) -> NDArray[np.uint8]:
    """Return the first bytes of each line of a plane of pixels."""
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:, :width]


def is_grey(frame: Any) -> bool:
    """Whether a frame shows no colour."""
    kind = frame.format
    if kind.is_rgb or kind.has_palette:
        image = frame.to_ndarray(format="rgb24")
        return bool((image == image[..., :1]).all())
    if len(kind.components) < 3 or kind.components[1].bits > 8:
        return True  # no camera of 10 bit colour films cortex; luma is taken
    chroma = [_lines(plane, plane.width)[: plane.height] for plane in frame.planes[1:3]]
    return all(np.abs(one.astype(np.int16) - 128).max(initial=0) <= _CHROMA for one in chroma)


def open_video(path: Path, given: Given) -> MovieFile:
    """Open a video; see `napari_cortex_decoder.recording.open_recording`."""
    index = index_video(path, CONTAINERS[path.suffix.lower()])
    n_frames = len(index.stamps)
    with index.opened() as video:
        first, middle = video.frame(0), video.frame(n_frames // 2)
    if not (is_grey(first) and is_grey(middle)):
        raise RecordingError(
            f"{path}: its frames are colour images; convert them to greyscale (pixel format gray)."
        )
    image = grey(first)
    check_frames(path, (n_frames, *image.shape), image.dtype)
    times, rate = index.times, index.rate
    even = rate and np.abs(times - np.arange(n_frames) / rate).max() <= 1.5 * index.tick
    return MovieFile(
        frames=VideoFrames(index, image),
        frame_rate=rate,
        frame_times=None if even else times,
        metadata={"codec": index.codec, "pixels": first.format.name},
        warnings=index.said,
    )
