"""Which area of an atlas a name means: its acronym or its words, with the side before or behind."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np

from napari_cortex_decoder.atlas.area import Area, Side
from napari_cortex_decoder.atlas.atlas import Atlas, Registration

_SIDES: dict[str, Side] = {
    **dict.fromkeys(("left", "l", "lh", "lt", "lhs"), "left"),
    **dict.fromkeys(("right", "r", "rh", "rt", "rhs"), "right"),
    **dict.fromkeys(("both", "bilateral"), "both"),
}  # fmt: skip
_HEMISPHERE = frozenset({"hemisphere", "hemi", "hem"})
_GLUED = re.compile(r"(?P<before>[LRlr])(?=[A-Z])(?P<a>.+)|(?P<b>.+[a-z0-9])(?P<behind>[LR])")
_MARGIN = 0.05  # of the longer edge, on each side of the picture
_PIXELS = (160, 320, 640)  # along the longer edge: more where a small area would have none


def find_area(atlas: Atlas, name: str, side: str = "") -> Area | None:
    """Return the area that a name means; None if it is none, or its side is not told.

    Names are such as ``"MOs left"``, ``"L-MOs"``, ``"SSp_ul_l"``, ``"LH MOp"``, ``"MOpR"``,
    ``"Primary visual area (left)"``; `side` is what is said of it elsewhere, as in a column of its
    own.
    """
    for words, told in _readings(name, side):
        key = "".join(words)
        found = [a for a in atlas.areas if key in (_key(a.acronym), _key(a.name))]
        found = [a for a in found if a.side == told] if told else found
        if len(found) == 1:
            return found[0]
    return None


def _readings(name: str, side: str) -> Iterator[tuple[list[str], Side | None]]:
    """Return what a name can mean, the likelier first: words without the side, and the side."""
    words = _words(name)
    elsewhere = next((_SIDES[word] for word in _words(side) if word in _SIDES), None)
    for word, rest in ((words[-1:], words[:-1]), (words[:1], words[1:])):
        if rest and word[0] in _SIDES and elsewhere in (None, _SIDES[word[0]]):
            yield rest, _SIDES[word[0]]
    yield words, elsewhere
    if glued := _GLUED.fullmatch(name.strip()):
        letter = glued["before"] or glued["behind"]
        yield _words(glued["a"] or glued["b"]), _SIDES[letter.lower()]


def _words(name: str) -> list[str]:
    found = re.findall(r"[^\W_]+", name.lower())
    return [word for word in found if word not in _HEMISPHERE]


@lru_cache(maxsize=4096)
def _key(name: str) -> str:
    return "".join(_words(name))


def picture_of(atlas: Atlas, areas: Sequence[Area]) -> tuple[Registration, tuple[int, int]]:
    """Place an atlas upright on a picture that it fills; return that, and its rows and columns.

    For what has no movie of its own; `areas` have to be in the picture, however small.
    """
    outlines = np.concatenate([area.polygon for area in atlas.areas])
    low, high = outlines.min(axis=0), outlines.max(axis=0)
    margin = _MARGIN * float((high - low).max())
    low, size = low - margin, high - low + 2 * margin
    for pixels in _PIXELS:
        pixel = float(size.max()) / pixels
        columns, rows = (int(n) for n in np.ceil(size / pixel))
        bregma = (-low[1] / pixel - 0.5, -low[0] / pixel - 0.5)
        registration = Registration.upright(atlas, pixel, bregma)
        painted = set(np.unique(registration.label_image((rows, columns))).tolist())
        if {atlas.index(area.acronym, area.side) + 1 for area in areas} <= painted:
            break
    return registration, (rows, columns)
