"""What users choose among by name: the same names in Python, on the command line and on screen.

Each choice has a `Literal` for type checkers and a table of what its names mean, from which come
the command line's help, the window's boxes and the sentence that refuses any other name.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from napari_cortex_decoder.errors import CortexDecoderError

DECODER = "run-rest"
"""The bundled decoder that is taken unasked: in Python, on the command line, in the window."""

Precision = Literal["full", "half"]
PRECISIONS: dict[Precision, str] = {
    "full": "32 bits",
    "half": "16 bits where a GPU encodes images",
}

ScoreName = Literal["auc", "log-odds"]
SCORES: dict[ScoreName, str] = {
    "auc": "AUC lost without it",
    "log-odds": "log-odds lost without it (no ceiling)",
}
"""What importance is counted in."""

Grouping = Literal["areas", "pairs", "hemispheres"]
GROUPINGS: dict[Grouping, str] = {
    "areas": "one area",
    "pairs": "an area of both sides",
    "hemispheres": "all areas of a side",
}
"""What is taken away at once to measure importance."""

FillName = Literal["mean", "blurred", "shuffled"]
FILLS: dict[FillName, str] = {
    "mean": "each pixel's mean over the session",
    "blurred": "the surroundings, smoothed in",
    "shuffled": "the same place at other times",
}
"""What stands where an area was taken away. The mean is 0 on the normalised stack, as in the paper.
Blurred in, what is everywhere stays and what is only there goes. Shuffled in pieces of a second,
what is there stays what it is but no longer goes with behaviour."""

CutoutShape = Literal["square", "disc"]
CUTOUT_SHAPES: dict[CutoutShape, str] = {"square": "by its edge", "disc": "by its diameter"}

MapMethod = Literal["integrated-gradients", "grad-cam", "occlusion"]
MAP_METHODS: dict[MapMethod, str] = {
    "integrated-gradients": "integrated gradients",
    "grad-cam": "Grad-CAM",
    "occlusion": "occlusion",
}
"""How maps of a decoder of images are made."""

LagMethod = Literal["integrated-gradients", "shap"]
LAG_METHODS: dict[LagMethod, str] = {
    "integrated-gradients": "integrated gradients",
    "shap": "SHAP",
}
"""How a decoder of area traces is explained by area and lag."""

Method = Literal[
    "areas", "pairs", "hemispheres", "cutouts", "integrated-gradients", "grad-cam", "occlusion",
    "lags-integrated-gradients", "lags-shap",
]  # fmt: skip
METHODS: dict[Method, str] = {
    "areas": "Importance of areas",
    "pairs": "Importance of pairs of areas",
    "hemispheres": "Importance of hemispheres",
    "cutouts": "Importance of places (cutouts)",
    **{method: f"Map: {said}" for method, said in MAP_METHODS.items()},
    "lags-integrated-gradients": f"Areas and lags: {LAG_METHODS['integrated-gradients']}",
    "lags-shap": f"Areas and lags: {LAG_METHODS['shap']}",
}
"""What can be asked of a decoder."""

LAGS: tuple[Method, ...] = ("lags-integrated-gradients", "lags-shap")
"""Methods for decoders of area traces only, as those of `MAP_METHODS` are for ones of images."""

Span = Literal["frame", "range", "bout", "bouts", "behavior", "onsets", "session"]
SPANS: dict[Span, str] = {
    "frame": "This frame",
    "range": "Frames that I mark",
    "bout": "The bout under the slider",
    "bouts": "Some of every bout",
    "behavior": "Bouts of this behavior",
    "onsets": "Around its onsets",
    "session": "The whole session",
}
"""Over which frames one can ask."""

WITHIN_ONE: tuple[Span, ...] = ("frame", "bout", "behavior")
"""Frames of one behavior, among which labels have nothing to tell apart."""

FitKind = Literal["similarity", "affine", "hemispheres"]
FIT_KINDS: dict[FitKind, str] = {
    "similarity": "similarity: shift, turn, size",
    "affine": "affine: also stretch and shear",
    "hemispheres": "affine for each hemisphere",
}
"""What a fit of landmarks may do."""

Depth = Literal["best", "threshold", "linear", "head", "end-to-end"]
DEPTHS: dict[Depth, str] = {
    "best": "the best of them: compares all but the slow one inside what is learned from",
    "threshold": "threshold and temperature: instant, keeps what the decoder reads",
    "linear": "linear filters of areas: seconds; wants the atlas to be placed",
    "head": "head: seconds, on features that are computed once",
    "end-to-end": "end to end: minutes to hours, in a process of its own; wants a GPU",
}
"""What of a decoder a fine-tune changes."""

DEPTH: Depth = "best"
"""Which of them is taken unasked."""

Order = Literal["uncertainty", "disagreement"]
ORDERS: dict[Order, str] = {
    "uncertainty": "least certain first",
    "disagreement": "label against prediction",
}
"""What a review of predicted bouts begins with."""

Counted = Literal["session", "first-frame"]
CLOCKS: dict[Counted, str] = {
    "session": "what the movie's frame times count from",
    "first-frame": "the movie's first frame, whenever that was taken",
}
"""What the times of labels or of behavior count from."""


def check_choice(
    what: str, given: str, known: Collection[str], error: type[CortexDecoderError]
) -> None:
    """Refuse a name that is not one of a choice, naming those that are."""
    if given not in known:
        raise error(f"{what} {given!r} is unknown; choose from {', '.join(known)}.")


Protocol = Literal[
    "within", "across-sessions", "across-mice", "mouse-pairs", "transfer", "ageing"
]  # fmt: skip
PROTOCOLS: dict[Protocol, str] = {
    "within": "contiguous blocks of each recording in turn, by decoders of the rest of it",
    "across-sessions": "each session, by a decoder of the same mouse's others",
    "across-mice": "each mouse, by a decoder of all others; one of them decides when to stop",
    "mouse-pairs": "as across-mice, with each other mouse deciding in turn",
    "transfer": "each mouse, by a decoder of all others, fine-tuned on its first minutes",
    "ageing": "later days of each mouse, by a decoder of its first day, and by one of all others",
}
"""What each protocol tests, and by what."""
