"""What a preprocessing step is, and how it looks through a movie for its statistics."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import dask.array as da
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.movie_blocks import frames_within, whole_chunks
from napari_cortex_decoder.progress import Progress, Report
from napari_cortex_decoder.recording.preprocessing.blocks import check_finite
from napari_cortex_decoder.recording.recording import Recording
from napari_cortex_decoder.settings import Frozen

BLOCK_BYTES = 32 * 2**20
PREVIEW_FRAMES = 64
"""How many frames a preview takes for all that a step looks at."""


@dataclass(frozen=True)
class Survey:
    """How a step looks through the movie for its statistics.

    It reads the whole movie, or, to preview a frame that it is `around`, a few frames; `progress`
    is told how far it is.
    """

    around: int | None = None
    progress: Report | None = None

    def blocks(
        self, movie: da.Array, what: str, *, contiguous: bool = False
    ) -> Iterator[tuple[int, NDArray[Any]]]:
        """Return the movie (t, y, x) from its first frame to its last; to preview, some frames.

        Yields the number of a block's first frame (of no meaning in a preview) and its frames (n,
        y, x). `what` is looked for, to show with the progress; a `contiguous` preview is of frames
        that follow each other, not evenly spaced.
        """
        n_frames = movie.shape[0]
        if self.around is not None:
            some = slice(None, None, -(-n_frames // PREVIEW_FRAMES))
            if contiguous:
                begin = max(0, min(self.around - PREVIEW_FRAMES, n_frames - 2 * PREVIEW_FRAMES))
                some = slice(begin, begin + 2 * PREVIEW_FRAMES)
            yield 0, np.asarray(movie[some].compute())
            return
        for start, stop in whole_chunks(movie, frames_within(movie, BLOCK_BYTES)):
            yield start, np.asarray(movie[start:stop].compute(scheduler="threads"))
            if self.progress is not None:
                self.progress(Progress(what, stop, n_frames))


class Step(Frozen, ABC):
    """One step of preprocessing: its settings, and how it changes a recording.

    A step is a value: frozen, comparable, and written into the provenance of what it made.
    """

    name: ClassVar[str]
    """Name in provenance."""

    reshapes: ClassVar[bool] = False
    """Whether frames have another shape, number or clock after this step."""

    def __init__(self, **settings: Any) -> None:
        """Take settings by name; raise `RecordingError` if one is unknown or impossible."""
        try:
            super().__init__(**settings)
        except ValidationError as error:
            first = error.errors()[0]
            setting = ".".join(str(part) for part in first["loc"]) or "a setting"
            reason = first["msg"].removeprefix("Value error, ")
            raise RecordingError(
                f"preprocessing step {self.name!r}: {setting} cannot be {first['input']!r} "
                f"({reason[:1].lower()}{reason[1:]}); correct it."
            ) from error

    only_pixels: ClassVar[bool] = False
    """Whether it can do nothing with traces, whatever its settings."""

    @abstractmethod
    def apply(self, recording: Recording, survey: Survey) -> Recording:
        """Return the recording after this step; its frames are computed when they are read.

        Its reference, if any, has the movie's shape. `survey` is how to read the movie for
        statistics. If the step cannot work on this recording it raises `RecordingError`.
        """

    def origins(self, recording: Recording) -> NDArray[np.int64] | None:
        """Return which frame of a recording each frame after this step shows, shape (t,).

        Of several frames that one is made of, it is the first. None: each shows its own.
        """
        return None

    @property
    def of_pixels(self) -> bool:
        """Whether it needs pixels beside each other, so that it can do nothing with traces."""
        return self.only_pixels

    def thinning(self, recording: Recording) -> int:
        """Return of how many frames one is enough to preview this step on a recording."""
        return 1

    def provenance(self) -> dict[str, Any]:
        """Return name and settings as JSON types."""
        return {"name": self.name, **self.model_dump(mode="json")}


def with_both(
    recording: Recording, change: Callable[[da.Array, str], da.Array], **others: Any
) -> Recording:
    """Return a recording with movie and reference changed alike; `change` is told which it has."""
    reference = recording.reference
    return recording.replace(
        movie=change(recording.movie, "movie"),
        reference=None if reference is None else change(reference, "reference"),
        **others,
    )


def pixel_means(movie: da.Array, survey: Survey, what: str, where: str) -> NDArray[np.float64]:
    """Return the mean of each pixel over time, shape (y, x), in one pass; a gap raises."""
    total = np.zeros(movie.shape[1:])
    n = 0
    for start, block in survey.blocks(movie, what):
        check_finite(block, start, where)
        total += block.sum(axis=0, dtype=np.float64)
        n += len(block)
    return total / n
