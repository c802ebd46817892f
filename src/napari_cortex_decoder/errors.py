"""The errors that a user can cause, and whose one sentence a user can act on.

Every message is one sentence that names the file, the field and the remedy. The command line turns
any of them into exit code 2, the plugin into a notification; everything else is a defect.
"""

from __future__ import annotations

import unicodedata

_LONGEST = 2000


class CortexDecoderError(ValueError):
    """Base of all errors that this package raises for input it cannot work with.

    Names in its sentence and reasons of libraries come from files, so line ends become spaces, what
    no screen shows becomes its escape, and the middle of a very long one "…".
    """

    def __init__(self, sentence: str = "") -> None:
        shown = "".join(
            sign if sign.isprintable() or unicodedata.category(sign) == "Zs" else _escaped(sign)
            for sign in sentence
        )
        if len(shown) > _LONGEST:
            shown = f"{shown[: _LONGEST // 2]} … {shown[-_LONGEST // 2 :]}"
        super().__init__(shown)


def _escaped(sign: str) -> str:
    return " " if sign.isspace() else sign.encode("unicode_escape").decode()


class RecordingError(CortexDecoderError):
    """A movie, its metadata or its behaviour cannot be read or does not fit together."""


class UnclearMovieError(RecordingError):
    """A file does not say what of it is the movie, what the movie's shape is, or which areas.

    Attributes
    ----------
    datasets
        Names of the arrays that it could be; empty where shape and type of a raw file are missing.
    traces
        Whether it holds traces, and what is missing is the areas that they are of.
    """

    def __init__(self, sentence: str, datasets: tuple[str, ...] = (), traces: bool = False) -> None:
        super().__init__(sentence)
        self.datasets, self.traces = datasets, traces


class FrameRateError(RecordingError):
    """The frame rate of a recording is missing or is not the one a decoder was made for."""


class AtlasError(CortexDecoderError):
    """Outlines, landmarks or a registration are unusable."""


class LabelError(CortexDecoderError):
    """Labels do not fit their recording or cannot be read."""


class DecoderError(CortexDecoderError):
    """A decoder file or its configuration is unusable."""


class CacheError(CortexDecoderError):
    """The cache of computed features cannot be cleared."""


class DeviceError(CortexDecoderError):
    """The computing device asked for is not there."""


class TrainingError(CortexDecoderError):
    """A training run cannot start or go on with what it was given."""


class SimulationError(CortexDecoderError):
    """A simulated mouse or cohort was asked for that cannot be made."""


class EvaluationError(CortexDecoderError):
    """A protocol cannot be run on the data it was given."""
