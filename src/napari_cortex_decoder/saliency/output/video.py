"""Maps as a video: the movie, the outlines, the map on it, and the labels below."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.cameras import Camera
from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.files import written_whole
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.progress import Progress, Report, unheard
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.saliency.maps.saliency_maps import SaliencyMaps
from napari_cortex_decoder.saliency.output.kinds import MARK, RESULTS

Bytes = NDArray[np.uint8]

_EDGE = 480
"""Pixels of the longer side that a small movie is enlarged to."""

_STRIP = 24
"""Rows of the labels."""

_BLOCK = 64

_AGAINST, _FOR = np.array([86, 180, 233]), np.array([230, 159, 0])
_OTHER, _UNKNOWN, _CURSOR, _OUTLINE = 90, 20, 255, 150


def write_mp4(
    maps: SaliencyMaps,
    path: str | Path,
    recording: Recording,
    registration: Registration | None = None,
    ethogram: Ethogram | None = None,
    *,
    camera: Camera | None = None,
    progress: Report | None = None,
    overwrite: bool = False,
) -> None:
    """Write the frames that maps were made of as an MP4 video (H.264), at the movie's rate.

    Orange speaks for the behavior, blue against it, added to the gray movie on the maps' own scale;
    below, orange where the behavior is labelled, gray where another is. Raises DecoderError if the
    file cannot be written, or is not named ``.mp4``.

    Parameters
    ----------
    maps
        What `saliency_map` gave.
    path
        Where to; such a video is replaced.
    recording
        The one that the maps are of.
    registration
        Where the atlas lies, for its outlines.
    ethogram
        Labels, for the strip below.
    camera
        What filmed the mouse meanwhile, to be shown on the right.
    progress
        Called several times a second; an exception it raises ends the work and leaves no file.
    overwrite
        Whether any other file may be replaced, too.
    """
    path = Path(path)
    if path.suffix.lower() != ".mp4":
        raise DecoderError(f"{path}: a video is written as .mp4; name it so.")
    report = progress or unheard
    first, n = int(maps.frames[0]), len(maps.frames)
    zoom = max(1, _EDGE // max(recording.shape))
    size = tuple(edge * zoom // 2 * 2 for edge in recording.shape)  # H.264 halves its colours
    times = recording.times[maps.frames]
    lines = _outlines(registration, zoom, (size[0], size[1]))
    low, high = _limits(recording, first, n)

    import av

    with (
        written_whole(path, DecoderError, kind=RESULTS[".mp4"], overwrite=overwrite) as part,
        _beside(camera, size[0]) as mouse,
    ):
        width = size[1] + mouse(float(times[0])).shape[1]
        strip = _label_strip(maps, ethogram, width)
        try:
            with av.open(str(part), "w") as container:
                container.metadata["comment"] = MARK
                rate = Fraction(recording.known_frame_rate()).limit_denominator(1000)
                stream = container.add_stream("libx264", rate=rate)
                stream.width, stream.height = width, size[0] + len(strip)
                stream.pix_fmt = "yuv420p"
                stream.options = {"crf": "20"}
                for start in range(0, n, _BLOCK):
                    stop = min(start + _BLOCK, n)
                    block = recording.movie[first + start : first + stop].compute()
                    for i, frame in enumerate(np.asarray(block), start):
                        gray = np.clip((frame - low) / (high - low), 0, 1) * 200
                        picture = _picture(gray, maps.maps[i], maps.scale, zoom, size)
                        picture[lines] = np.maximum(picture[lines], _OUTLINE)
                        below = strip.copy()
                        at = min(width - 2, i * width // n)
                        below[:, at : at + 2] = _CURSOR
                        picture = np.concatenate([picture, mouse(float(times[i]))], axis=1)
                        whole = np.concatenate([picture, below])
                        shown = av.VideoFrame.from_ndarray(whole, format="rgb24")
                        container.mux(stream.encode(shown))
                    report(Progress("writing the video", stop, n))
                container.mux(stream.encode(None))
        except av.FFmpegError as error:
            if isinstance(error, OSError):  # a full disk
                raise
            raise DecoderError(f"{path} cannot be written as a video ({error}).") from error


@contextmanager
def _beside(camera: Camera | None, rows: int) -> Iterator[Callable[[float], Bytes]]:
    """Return what a camera shows at a time of the session (s), so many rows high, in colors."""
    if camera is None:
        yield lambda seconds: np.zeros((rows, 0, 3), np.uint8)
        return
    from PIL import Image

    with camera.pictures.opened() as read:
        height, width = read(0).shape[:2]
        columns = max(2, round(rows * width / height) // 2 * 2)

        def picture(seconds: float) -> Bytes:
            number = camera.frame_at(seconds)
            if number is None:
                return np.zeros((rows, columns, 3), np.uint8)
            image = Image.fromarray(read(number)).convert("RGB")
            return np.asarray(image.resize((columns, rows)))

        yield picture


def _limits(recording: Recording, first: int, n: int) -> tuple[float, float]:
    """Find black and white from a few of the frames."""
    places = np.unique(np.linspace(first, first + n - 1, 5).astype(int))
    few = np.stack([np.asarray(recording.movie[int(i)].compute()) for i in places])
    low, high = (float(x) for x in np.nanpercentile(few, [0.5, 99.8]))
    return low, max(high, low + 1e-9)


def _picture(
    gray: NDArray[np.floating],
    values: NDArray[np.floating],
    scale: float,
    zoom: int,
    size: tuple[int, ...],
) -> Bytes:
    """Add a map's colours to a frame, enlarged."""
    from skimage.transform import resize

    heat = resize(values.astype(np.float64), size, order=1)[..., None] / scale
    colors = np.where(heat > 0, _FOR, _AGAINST) * np.clip(np.abs(heat), 0, 1)
    large = np.kron(gray, np.ones((zoom, zoom)))[: size[0], : size[1], None]
    return np.asarray(np.clip(large + colors, 0, 255), dtype=np.uint8)


def _outlines(
    registration: Registration | None, zoom: int, size: tuple[int, int]
) -> NDArray[np.bool_]:
    """Draw the borders of the areas, one pixel wide."""
    from skimage.draw import polygon_perimeter

    drawn = np.zeros(size, dtype=bool)
    for ring in () if registration is None else registration.outlines():
        points = (np.asarray(ring) + 0.5) * zoom - 0.5
        rows, columns = polygon_perimeter(points[:, 0], points[:, 1], shape=size, clip=False)
        drawn[rows, columns] = True
    return drawn


def _label_strip(maps: SaliencyMaps, ethogram: Ethogram | None, width: int) -> Bytes:
    """Draw the labels of the frames from left to right; no rows without labels."""
    if ethogram is None:
        return np.zeros((0, width, 3), np.uint8)
    shown = np.full((ethogram.n_frames, 3), _UNKNOWN, np.uint8)
    for bout in ethogram.bouts:
        shown[bout.start : bout.stop] = _FOR if bout.behavior == maps.behavior else _OTHER
    places = maps.frames[np.arange(width) * len(maps.frames) // width]
    return np.repeat(shown[places][None], _STRIP, axis=0)
