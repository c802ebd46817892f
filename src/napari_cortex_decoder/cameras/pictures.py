"""Pictures of a camera on the mouse: a video, several in a row, or a folder of images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.reading import readable
from napari_cortex_decoder.recording.formats.frames import LARGEST_FRAME, unchanged
from napari_cortex_decoder.recording.formats.frames import file_token as state_of
from napari_cortex_decoder.recording.formats.names import natural_key
from napari_cortex_decoder.recording.formats.video import CONTAINERS, is_grey
from napari_cortex_decoder.recording.formats.video_index import VideoIndex, index_video

# the mouse is filmed into more kinds of container than cortex is
_CONTAINERS = CONTAINERS | {
    ".mpg": "mpeg", ".mpeg": "mpeg", ".ts": "mpegts", ".wmv": "asf", ".asf": "asf", ".flv": "flv",
}  # fmt: skip
VIDEO_SUFFIXES = tuple(_CONTAINERS)
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")

Picture = NDArray[np.uint8]
"""Shape (rows, columns) or (rows, columns, 3): grey, or red, green and blue."""


_Read = Callable[[int], Picture]


@runtime_checkable
class Pictures(Protocol):
    """Pictures in order of time.

    Attributes
    ----------
    path
        The file or folder they come from, to show.
    times
        Shape (n,), seconds from the first picture by the file's own time stamps; None where it has
        none.
    said
        What a user should know of them.
    """

    @property
    def path(self) -> Path:
        """The file or folder they come from."""

    @property
    def times(self) -> NDArray[np.float64] | None:
        """Seconds from the first picture, or None."""

    @property
    def said(self) -> tuple[str, ...]:
        """What a user should know."""

    def __len__(self) -> int:
        """Return how many there are."""

    def opened(self) -> AbstractContextManager[_Read]:
        """Open them; gives a function that returns a picture by its number from 0."""


@dataclass(frozen=True, eq=False)
class VideoPictures:
    """Pictures of one video, in color or grey; see `Pictures`."""

    index: VideoIndex
    stamp: tuple[str, int, int]
    grey: bool

    @property
    def path(self) -> Path:
        """The video."""
        return self.index.path

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds from the first picture."""
        return self.index.times

    @property
    def said(self) -> tuple[str, ...]:
        """What a user should know."""
        return self.index.said

    def __len__(self) -> int:
        return len(self.index.stamps)

    @contextmanager
    def opened(self) -> Iterator[_Read]:
        """Open the video; pictures in a row are decoded in one go."""
        kind = "gray" if self.grey else "rgb24"
        with self.index.opened() as video:

            def picture(number: int) -> Picture:
                with unchanged(self.stamp):
                    shown: Picture = video.frame(number).to_ndarray(format=kind)
                    return shown

            yield picture


@dataclass(frozen=True, eq=False)
class ImagePictures:
    """Pictures that are a file each; see `Pictures`."""

    path: Path
    files: tuple[Path, ...]
    times: None = None
    said: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.files)

    @contextmanager
    def opened(self) -> Iterator[_Read]:
        """Read each file when its picture is asked for."""
        yield lambda number: _image(self.files[number])


@dataclass(frozen=True, eq=False)
class JoinedPictures:
    """Pictures of several videos, one after the other; see `Pictures`."""

    parts: tuple[Pictures, ...]

    @property
    def path(self) -> Path:
        """The first video."""
        return self.parts[0].path

    @property
    def times(self) -> None:
        """None: nobody knows what passed between two videos."""

    @property
    def said(self) -> tuple[str, ...]:
        """What a user should know of each part."""
        return tuple(f"{part.path.name}: {one}" for part in self.parts for one in part.said)

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    @contextmanager
    def opened(self) -> Iterator[_Read]:
        """Open each part when a picture of it is first asked for."""
        starts = np.cumsum([0, *map(len, self.parts)])
        readers: dict[int, _Read] = {}
        with ExitStack() as stack:

            def picture(number: int) -> Picture:
                part = int(np.searchsorted(starts, number, side="right")) - 1
                if part not in readers:
                    readers[part] = stack.enter_context(self.parts[part].opened())
                return readers[part](number - int(starts[part]))

            yield picture


def open_pictures(paths: Sequence[Path]) -> Pictures:
    """Open what a camera on the mouse took.

    Raises RecordingError if it cannot be read, or is neither.

    Parameters
    ----------
    paths
        A video, or several of one session in their order, or one folder of images.
    """
    for path in paths:
        if not path.exists():
            raise RecordingError(f"{path}: there is no such file; check the path.")
    if len(paths) == 1 and paths[0].is_dir():
        return _folder(paths[0])
    other = next((path for path in paths if path.suffix.lower() not in _CONTAINERS), None)
    if other is not None or not paths:
        raise RecordingError(
            f"{other or 'no file'}: a camera is a video ({', '.join(VIDEO_SUFFIXES)}), or a folder "
            f"of images ({', '.join(IMAGE_SUFFIXES)}); give one of these."
        )
    parts = tuple(_video(path) for path in paths)
    return parts[0] if len(parts) == 1 else JoinedPictures(parts)


def _video(path: Path) -> VideoPictures:
    stamp = state_of(path)
    index = index_video(path, _CONTAINERS[path.suffix.lower()], cut=True)
    with index.opened() as video:
        grey = all(is_grey(video.frame(number)) for number in (0, len(index.stamps) // 2))
    return VideoPictures(index, stamp, grey)


def _folder(folder: Path) -> ImagePictures:
    with readable(folder, "a folder of images"):
        every = [file for file in folder.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES]
    kinds = sorted({file.suffix.lower() for file in every})
    if len(kinds) != 1:
        raise RecordingError(
            f"{folder}: it holds {' and '.join(kinds) or 'no'} images; give a folder with one kind "
            f"of them ({', '.join(IMAGE_SUFFIXES)})."
        )
    return ImagePictures(folder, tuple(sorted(every, key=natural_key)))


def _image(file: Path) -> Picture:
    """Read one image; of more than 8 bit the upper ones that are used."""
    with readable(file, "an image"):
        if file.suffix.lower() in (".tif", ".tiff"):
            import tifffile

            with tifffile.TiffFile(file) as tiff:
                page = tiff.pages[0]
                _check_size(file, page.shape)
                values = np.asarray(page.asarray())
        else:
            from PIL import Image

            with Image.open(file) as image:
                _check_size(file, (image.height, image.width))
                grey = image.mode in ("1", "L", "I", "F") or image.mode.startswith("I;")
                values = np.asarray(image if grey else image.convert("RGB"))
        if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] < 3):
            raise RecordingError(
                f"{file}: its shape is {values.shape}; a picture is rows x columns, grey or RGB."
            )
        if values.ndim == 3:
            values = values[..., :3]
        if values.dtype != np.uint8:
            top = _white(values)
            values = np.clip(values, 0, top) * (255 / top)
        return values.astype(np.uint8, copy=False)


def _white(values: NDArray[np.generic]) -> float:
    """Return the value that is shown white: the top of 1, 8, 10, 12, 14, 16 … bits in use."""
    largest = float(np.nanmax(values, initial=0))
    if largest <= 1:
        return 1.0
    bits = next(bits for bits in (8, 10, 12, 14, 16, 32, 1024) if largest < 2.0**bits)
    return 2.0**bits - 1


def _check_size(file: Path, shape: tuple[int, ...]) -> None:
    if int(np.prod(shape)) > LARGEST_FRAME:
        raise RecordingError(
            f"{file}: its header claims {shape} pixels, more than any camera has; the header is "
            "damaged, so copy or export the file again."
        )
