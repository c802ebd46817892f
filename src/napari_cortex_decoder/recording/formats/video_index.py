"""Where the pictures of a video are, and how each is decoded alone."""

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
from napari_cortex_decoder.recording.formats.frames import check_frames

_WHAT = "a video"
_KEYS_BACK = 3


@dataclass(frozen=True, eq=False)
class VideoIndex:
    """Where the pictures of a video are, found by their time stamps.

    `stamps`, in order of time, count ticks of so many seconds; `keys` is the last key frame at or
    before each frame. The rate (Hz) is that on average, None where it cannot be told.
    """

    path: Path
    container: str
    stamps: NDArray[np.int64]
    keys: NDArray[np.int64]
    tick: float
    rate: float | None
    codec: str
    said: tuple[str, ...]

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds from the first frame, shape (frames,)."""
        return np.asarray((self.stamps - self.stamps[0]) * self.tick)

    @contextmanager
    def opened(self) -> Iterator[VideoReader]:
        """Open the video to decode it; raise, here or while it is read, if that cannot be done."""
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
            at = int(index.stamps[key]) if key >= 0 else int(index.stamps[0] - 1 / index.tick)
            self._video.seek(at, stream=self._stream, backward=True)
            self._decoded = self._video.decode(self._stream)
            found = self._decode_to(wanted)
            if found is not None or key < 0:
                break
            key = int(index.keys[key - 1]) if key else -1
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


def index_video(path: Path, container: str, *, cut: bool = False) -> VideoIndex:
    """Find the frames of a video, without decoding them.

    If there is none that raises, and if the file ends before its end, unless it may be `cut`: then
    it is taken as far as it goes.
    """
    import av

    with readable(path, _WHAT), av.open(str(path), format=container) as video:
        if not video.streams.video:
            raise RecordingError(f"{path}: there is no video in it; give another file.")
        stream = video.streams.video[0]
        check_frames(path, (2, stream.height, stream.width), np.dtype(np.uint8))
        stamps, keys, told = _index(path, container, video, stream, cut)
        average = stream.average_rate
        return VideoIndex(
            path=path,
            container=container,
            stamps=stamps,
            keys=keys,
            tick=float(stream.time_base),
            rate=float(average) if average else None,
            codec=stream.codec_context.name,
            said=tuple(told),
        )


def _index(
    path: Path, container: str, video: Any, stream: Any, cut: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[str]]:
    """Time stamps of the frames that are shown, last key frame of each, and what to say."""
    reorders = stream.codec_context.codec.reorder  # frames are stored in another order than shown
    if stream.frames and len(stream.index_entries) >= stream.frames and not reorders:
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
