"""Videos, frame by frame: AVI, MP4, MOV, MJ2 and Matroska."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.reading import readable
from napari_cortex_decoder.recording.formats.frames import check_frames, file_token, unchanged
from napari_cortex_decoder.recording.formats.registry import MovieFile, MovieFormat, register

_WHAT = "a video"
# The container is named, not guessed: a file whose content is a playlist must not open others.
_CONTAINERS = {
    ".avi": "avi", ".mp4": "mov", ".m4v": "mov", ".mov": "mov", ".mj2": "mov", ".mkv": "matroska",
    ".webm": "matroska",
}  # fmt: skip
_GROUP_BYTES = 2**26
_KEYS_BACK = 3
# JPEG of a grey image does not come back with chroma of exactly 128
_CHROMA = 4


@dataclass(frozen=True, eq=False)
class VideoIndex:
    """Where the pictures of a video are, found by their time stamps.

    Attributes
    ----------
    path, container
        The file and the name of its container format.
    stamps
        Shape (frames,), presentation time stamps, in order of time.
    keys
        Shape (frames,), index of the last key frame at or before each frame.
    tick
        Seconds of one unit of `stamps`.
    rate
        Frames a second (Hz) on average; None where it cannot be told.
    size
        Rows and columns that the header claims.
    codec
        Name of the codec.
    said
        What a user should know: frames that are hidden, lost or cut off.
    """

    path: Path
    container: str
    stamps: NDArray[np.int64]
    keys: NDArray[np.int64]
    tick: float
    rate: float | None
    size: tuple[int, int]
    codec: str
    said: tuple[str, ...]

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds from the first frame, shape (frames,)."""
        times: NDArray[np.float64] = (self.stamps - self.stamps[0]) * self.tick
        return times

    @contextmanager
    def opened(self) -> Iterator[VideoReader]:
        """Open the video to decode it.

        Raises
        ------
        RecordingError
            Here and while it is read: if it cannot be decoded.
        """
        import av

        with readable(self.path, _WHAT), av.open(str(self.path), format=self.container) as video:
            yield VideoReader(self, video)


class VideoReader:
    """An open video: decodes on from where it stands, or from the last key frame."""

    def __init__(self, index: VideoIndex, video: Any) -> None:
        self._index, self._video = index, video
        self._stream = video.streams.video[0]
        self._decoded: Iterator[Any] = iter(())
        self._reached, self._shown = -1, None

    def frame(self, wanted: int) -> Any:
        """Return a decoded frame of PyAV, by its number from 0."""
        index, key = self._index, int(self._index.keys[wanted])
        if self._reached == wanted:
            return self._shown
        ahead = 0 <= self._reached < wanted and key <= self._reached
        self._reached = -1
        found = self._decode_to(wanted) if ahead else None
        # a container may order its key frames by when they are decoded: then it seeks too far
        for _ in range(_KEYS_BACK if found is None else 0):
            self._video.seek(int(index.stamps[key]), stream=self._stream, backward=True)
            self._decoded = self._video.decode(self._stream)
            found = self._decode_to(wanted)
            if found is not None or not key:
                break
            key = int(index.keys[key - 1])
        if found is None:
            raise RecordingError(
                f"{index.path}: frame {wanted + 1} of {len(index.stamps)} cannot be decoded; "
                "copy or convert the video again."
            )
        self._reached, self._shown = wanted, found
        return found

    def _decode_to(self, wanted: int) -> Any:
        """Decode on up to a frame; None if it does not come."""
        stamp = self._index.stamps[wanted]
        shown = (frame for frame in self._decoded if frame.pts is not None)
        reached = next((frame for frame in shown if frame.pts >= stamp), None)
        return reached if reached is not None and reached.pts == stamp else None


@dataclass(frozen=True, eq=False)
class VideoFrames:
    """Frames of a video of grey values.

    Attributes
    ----------
    index
        Where they are.
    shape, dtype, token, together
        As of every `FrameReader`; together are frames between key frames.
    """

    index: VideoIndex
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    token: tuple[Any, ...]
    together: int

    def read(self, frames: NDArray[np.int64]) -> NDArray[Any]:
        """Decode frames, from the last key frame before each."""
        out = np.empty((len(frames), *self.shape[1:]), self.dtype)
        with unchanged(self.token), self.index.opened() as video:
            for row in np.argsort(frames, kind="stable").tolist():
                wanted = int(frames[row])
                image = grey(video.frame(wanted))
                if image.shape != self.shape[1:] or image.dtype != self.dtype:
                    raise RecordingError(
                        f"{self.index.path}: frame {wanted + 1} is {image.shape} of {image.dtype}, "
                        f"the first one is {self.shape[1:]} of {self.dtype}; convert the video "
                        "to one size."
                    )
                out[row] = image
        return out


def grey(frame: Any) -> NDArray[Any]:
    """Return the grey values of a decoded frame as the file has them, not stretched."""
    kind = frame.format
    if kind.is_rgb or kind.has_palette:
        image: NDArray[Any] = frame.to_ndarray(format="rgb24")[..., 0]
        return image
    depth = kind.components[0].bits
    name = frame.format.name
    if not kind.is_planar and len(kind.components) > 1:
        raise RecordingError(
            f"pixels of the kind {name} are not understood; convert the video to gray."
        )
    order = ">" if name.endswith("be") else "<"
    stored = np.dtype(np.uint8) if depth <= 8 else np.dtype(f"{order}u2")
    plane = frame.planes[0]
    lines = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    lines = lines[: frame.height, : frame.width * stored.itemsize]
    return np.ascontiguousarray(lines).view(stored).astype(stored.newbyteorder("="), copy=False)


def is_grey(frame: Any) -> bool:
    """Whether a frame shows no colour."""
    kind = frame.format
    if kind.is_rgb or kind.has_palette:
        image = frame.to_ndarray(format="rgb24")
        return bool((image == image[..., :1]).all())
    if len(kind.components) < 3:
        return True
    depth = kind.components[1].bits
    if depth > 8:
        return True  # no camera of 10 bit colour films cortex; luma is taken
    for plane in frame.planes[1:3]:
        lines = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        chroma = lines[: plane.height, : plane.width].astype(np.int16) - 128
        if np.abs(chroma).max(initial=0) > _CHROMA:
            return False
    return True


def index_video(path: Path, container: str, *, cut: bool = False) -> VideoIndex:
    """Find the frames of a video, without decoding them.

    Parameters
    ----------
    path, container
        The file and the name of its container format.
    cut
        Whether a video that ends before its end is taken as far as it goes.

    Raises
    ------
    RecordingError
        If there is none, or the file ends before its end and may not.
    """
    import av

    with readable(path, _WHAT), av.open(str(path), format=container) as video:
        if not video.streams.video:
            raise RecordingError(f"{path}: there is no video in it; give another file.")
        stream = video.streams.video[0]
        size = (stream.height, stream.width)
        check_frames(path, (2, *size), np.dtype(np.uint8))
        stamps, keys, told = _index(path, container, video, stream, cut)
        average = stream.average_rate
        return VideoIndex(
            path=path,
            container=container,
            stamps=stamps,
            keys=keys,
            tick=float(stream.time_base),
            rate=float(average) if average else None,
            size=size,
            codec=stream.codec_context.name,
            said=tuple(told),
        )


def open_video(path: Path) -> MovieFile:
    """Open a video; see `napari_cortex_decoder.recording.open_recording`."""
    index = index_video(path, _CONTAINERS[path.suffix.lower()])
    n_frames = len(index.stamps)
    with index.opened() as video:
        first, middle = video.frame(0), video.frame(n_frames // 2)
    if not (is_grey(first) and is_grey(middle)):
        raise RecordingError(
            f"{path}: its frames are colour images; convert the video to greyscale (pixel format "
            "gray)."
        )
    image = grey(first)
    check_frames(path, (n_frames, *image.shape), image.dtype)
    longest = int(np.bincount(index.keys).max())
    times, rate = index.times, index.rate
    even = rate and np.abs(times - np.arange(n_frames) / rate).max() <= 1.5 * index.tick
    return MovieFile(
        frames=VideoFrames(
            index=index,
            shape=(n_frames, image.shape[0], image.shape[1]),
            dtype=image.dtype,
            token=file_token(path),
            together=min(longest, max(1, _GROUP_BYTES // image.nbytes)),
        ),
        frame_rate=rate,
        frame_times=None if even else times,
        metadata={"codec": index.codec, "pixels": first.format.name},
        warnings=index.said,
    )


def _index(
    path: Path, container: str, video: Any, stream: Any, cut: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[str]]:
    """Time stamps of the frames that are shown, last key frame of each, and what to say."""
    if stream.frames and len(stream.index_entries) >= stream.frames and not _reorders(stream):
        listed = [(e.timestamp, e, e.pos + e.size) for e in stream.index_entries]
    else:
        listed = [
            (packet.pts if packet.pts is not None else packet.dts, packet, packet.pos)
            for packet in video.demux(stream)
            if (packet.size or packet.dts is not None) and not _is_hidden(stream, packet)
        ]
        timeless = sum(packet.pts is None for _, packet, _ in listed if packet.size)
        if timeless and container == "avi" and stream.codec_context.name in ("h264", "hevc"):
            raise RecordingError(
                f"{path}: an AVI does not tell in which order its {stream.codec_context.name} "
                "frames are shown; convert it to MP4, or to FFV1."
            )
        listed = [(stamp, one, (at or 0) + one.size) for stamp, one, at in listed]
    size = path.stat().st_size
    promised = len(listed)
    if cut:
        listed = [one for one in listed if one[2] <= size]
    # an edit list hides the pictures between a key frame and the cut; a frame without data is one
    # that the camera lost
    found = {stamp: one for stamp, one, _ in listed if one.size and stamp is not None}
    is_key = {t: one.is_keyframe and not getattr(one, "is_corrupt", 0) for t, one in found.items()}
    key = min((t for t, yes in is_key.items() if yes), default=None)
    shown = [t for t in sorted(found) if not found[t].is_discard and key is not None and t >= key]
    claimed, held = stream.frames or promised, len(shown)
    whole = cut or len(listed) >= claimed or _whole_avi(path)
    if len(found) < 2 or not shown or not whole or max(end for *_, end in listed) > size:
        raise RecordingError(
            f"{path}: {'the file is truncated' if len(found) > 1 else 'it is no movie'}: "
            f"its header claims {max(claimed, len(found))} frames and it holds "
            f"{len(found) if whole else 'fewer'}; copy it again."
        )
    told = []
    if held != claimed:
        hidden = sum(bool(one.is_discard) for one in found.values())
        before = sum(t < key for t in found if not found[t].is_discard) if key is not None else 0
        told.append(
            f"its header gives {claimed} frames, and {held} can be shown: {hidden} are hidden by "
            f"an edit list, {before} come before the first key frame, and "
            f"{max(0, claimed - len(found))} have no picture."
        )
    keys = np.maximum.accumulate([n if is_key[t] else 0 for n, t in enumerate(shown)])
    return np.array(shown, np.int64), keys, told


def _is_hidden(stream: Any, packet: Any) -> bool:
    """Whether a packet of VP8 holds a picture that only helps to decode others.

    Those of VP9 and AV1 lie in one packet with a picture that is shown.
    """
    is_vp8 = stream.codec_context.name == "vp8" and packet.size
    return bool(is_vp8 and not bytes(packet)[0] & 0x10)


def _whole_avi(path: Path) -> bool:
    """Whether an AVI is as long as its header says, so that no copy of it broke off."""
    with path.open("rb") as file:
        head = file.read(8)
    return head[:4] == b"RIFF" and int.from_bytes(head[4:], "little") + 8 <= path.stat().st_size


def _reorders(stream: Any) -> bool:
    """Whether frames may be stored in another order than they are shown in."""
    return bool(stream.codec_context.codec.reorder)


register(
    MovieFormat(
        name="video",
        patterns=tuple(f"*{suffix}" for suffix in _CONTAINERS),
        recognized="by its name; greyscale of 8 or 16 bit, or colour video without colour, of "
        "which the luma is taken; each frame is found by its own time stamp",
        metadata="frame rate; frame times where they are uneven",
        matches=lambda path: path.suffix.lower() in _CONTAINERS and path.is_file(),
        open=open_video,
    )
)
