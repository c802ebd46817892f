"""Which light makes the movie and which the reference, as wavelengths and names tell."""

from __future__ import annotations

import re
from collections.abc import Sequence

_ISOSBESTIC = (380.0, 430.0)
_SIGNAL, _REFLECTED, _REFERENCE = 0, 2, 3
_UNKNOWN = 1
# as the names of channels and files have them, in order of trying
_WORDS = (
    (_REFERENCE, r"violet|purple|uv|ultraviolet|iso|isosbestic|ref|reference|control"),
    (
        _REFLECTED,
        r"hemo|haemo|hemodynamics?|reflectance|reflect|intrinsic|hb|red|amber|orange|lime",
    ),
    (_SIGNAL, r"blue|cyan|gcamp\w*|calcium|ca|signal|functional|gfp|egfp|fitc|fluo\w*"),
    (_REFLECTED, r"green|yellow"),
)
_WAVELENGTH = re.compile(r"(?<!\d)([3-7]\d\d)(?:nm)?(?!\d)")


def isosbestic(wavelength: float | None) -> bool:
    """Whether light (nm) excites the indicator alike with and without calcium, as 405 nm does."""
    return wavelength is not None and _ISOSBESTIC[0] <= wavelength <= _ISOSBESTIC[1]


def names_light(word: str) -> bool:
    """Whether a word in a name tells a light, as ``violet``, ``GCaMP`` and ``470nm`` do."""
    return _kind(word) != _UNKNOWN


def movie_first(names: Sequence[str]) -> tuple[list[int], bool]:
    """Order two lights by their names or wavelengths (nm): the one that makes the movie goes first.

    Return indices into `names`, and whether the names told; else the order is as it was.
    """
    kinds = [_kind(name) for name in names]
    order = sorted(range(len(names)), key=kinds.__getitem__)
    return order, len(set(kinds)) == len(kinds)


def _kind(name: str) -> int:
    found = _WAVELENGTH.search(name)
    if found:
        length = float(found[1])
        if isosbestic(length):
            return _REFERENCE
        return _SIGNAL if 430 < length < 505 else _REFLECTED if length > 380 else _REFERENCE
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
    words += [re.sub(r"[^A-Za-z]", "", name)]
    for kind, pattern in _WORDS:
        if any(re.fullmatch(pattern, word.lower()) for word in words):
            return kind
    return _UNKNOWN
