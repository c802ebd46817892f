"""What the names of a session's files tell: their order in time, and the colour of each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.formats.light import movie_first, names_light

_TOKEN = re.compile(r"(?i:gcamp\d*[sfm]?)|\d{3}nm|\d+|[^\W\d_]+|[\W_]+")
_COLOUR_HINT = re.compile(
    r"(?:.*[^a-z])?(c|ch|chan|channel|w|wl|wave|wavelength|led|light|col|color|colour|lambda|ex|cam|camera)"
)
_PART_HINT = re.compile(
    r"(?:.*[^a-z])?(part|run|trial|file|block|session|rec|movie|stack|day|night|chunk|epoch|s)"
)
_OTHER_HINTS = {"z": "slices", "slice": "slices", "position": "positions", "pos": "positions",
                "xy": "positions", "p": "positions", "scene": "positions"}  # fmt: skip


@dataclass(frozen=True)
class Named:
    """Files of one session as their names order them.

    Each has a place in time, the counts of its part of the session and of the frame in it, and a
    colour: 0 is the movie, 1 the reference. `names` is what the colours are called (one, empty, if
    there is one), and `told` whether that tells which of two is the movie.
    """

    times: tuple[tuple[int, ...], ...]
    colours: tuple[int, ...]
    names: tuple[str, ...]
    told: bool = True


def natural_key(path: Path) -> list[tuple[int, int, str]]:
    """Order names as people count: ``m2`` before ``m10``, ``m`` before ``m_1``."""
    parts = re.split(r"(\d+)", _stem(path))
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p.casefold()) for p in parts if p]


def _stem(path: Path) -> str:
    return re.sub(r"(\.ome)?\.\w+$", "", path.name, flags=re.IGNORECASE)


def understood(paths: Sequence[Path], *, one_frame: bool = False) -> Named | None:
    """Return what the names of files tell of time and colour; None where they do not count.

    Where each file holds `one_frame`, files that count alike cannot be parts in a row. More than
    two colours, several slices or positions, and two kinds of files that count alike, of which
    nobody can say what they are, raise `RecordingError`.
    """
    # Micro-Manager 1.4 has time, channel and slice
    stems = [re.sub(r"^(img_\d{9}_.*_)(\d{3})$", r"\1z\2", _stem(path)) for path in paths]
    split = [_TOKEN.findall(stem) for stem in stems]
    if len({len(tokens) for tokens in split}) != 1:
        split = [_light_apart(tokens) for tokens in split]
        if len({len(tokens) for tokens in split}) != 1:
            return None
    columns = list(zip(*split, strict=True))
    varying = [i for i, column in enumerate(columns) if len({c.lower() for c in column}) > 1]
    words = [i for i in varying if not all(c.isdecimal() for c in columns[i])]
    counts = [i for i in varying if i not in words]
    numbered = [i for i in counts if _is_colour(columns, i, counts)] or _second_of_two(
        columns, counts
    )
    words, counts = words + numbered, [i for i in counts if i not in numbered]
    folder = paths[0].parent
    for i in counts:
        what = _OTHER_HINTS.get(_before(columns, i))
        if what and len(counts) > 1:
            raise RecordingError(f"{folder}: it holds several {what}; keep each in its own folder.")
    times = [tuple(int(columns[i][n]) for i in counts) for n in range(len(paths))]
    labels = [
        "".join(columns[i][n] for i in sorted(words)).strip(" _-.") for n in range(len(paths))
    ]
    kinds = sorted(set(labels))
    if len(kinds) == 1:
        return Named(tuple(times), (0,) * len(paths), ("",))
    lights = sum(names_light(kind) for kind in kinds)
    hinted = bool(numbered) or any(_COLOUR_HINT.fullmatch(_before(columns, i)) for i in words)
    shared = _shared(
        [{t for t, k in zip(times, labels, strict=True) if k == kind} for kind in kinds]
    )
    if not lights and not hinted:
        if not (one_frame and shared and counts):
            return None  # words that name no light, as pre and post: the order is all they tell
        raise RecordingError(
            f"{folder}: it holds files of {_listed(kinds)} that count alike; keep parts in folders "
            "of their own, and name colours by their light, such as blue and violet."
        )
    if len(kinds) > 2:
        raise RecordingError(
            f"{folder}: it holds {len(kinds)} colours ({_listed(kinds)}); keep two of them in it."
        )
    order, told = movie_first(kinds)
    colours = [order.index(kinds.index(label)) for label in labels]
    if len(counts) == 1 and not shared:
        # one count runs through both colours: a pair are two numbers that follow each other
        first = min(times)[0]
        times = [((t[0] - first) // 2,) for t in times]
    return Named(tuple(times), tuple(colours), tuple(kinds[i] for i in order), told)


def two_colours(names: Iterable[str], wanted: str | None) -> list[str] | None:
    """Return the names of two arrays in a file if they tell two colours; None if they do not."""
    every = sorted(names)
    if wanted is not None or len(every) != 2:
        return None
    named = understood([Path(name) for name in every])
    return every if named is not None and len(named.names) == 2 else None


def in_turns(
    paths: Sequence[Path], named: Named
) -> tuple[list[Path], NDArray[np.int64], tuple[str, ...]]:
    """Order files that hold a frame each by time, then colour; two of one place raise.

    Return them; for each its time point times the number of colours, plus its colour, so that
    numbers that lack in between are lost frames; and what to say.
    """
    times = np.array(named.times, np.int64).reshape(len(paths), -1)
    every, place = np.unique(times, axis=0, return_inverse=True)
    if times.shape[1] == 1:
        steps = np.diff(every[:, 0])
        step = int(steps.min()) if len(steps) and (steps % steps.min() == 0).all() else 1
        place = (times[:, 0] - every[0, 0]) // step
    numbers = place.reshape(-1) * len(named.names) + np.array(named.colours)
    order = np.argsort(numbers, kind="stable")
    twice = np.flatnonzero(np.diff(numbers[order]) == 0)
    if twice.size:
        second = paths[order[twice[0] + 1]]
        raise RecordingError(f"{second}: another file has the same frame number; remove one.")
    return [paths[i] for i in order], numbers[order], colours_told(named.names, named.told)


def colours_told(names: Sequence[str], told: bool) -> tuple[str, ...]:
    """Return a sentence on which of two colours was taken for the movie; none if that is plain."""
    if len(names) < 2 or told:
        return ()
    return (
        f"nothing says which of the two colours is the reference; {names[0]!r} was taken for the "
        f"movie and {names[1]!r} for its reference.",
    )


def _shared(sets: list[set[tuple[int, ...]]]) -> bool:
    """Whether files of all kinds count alike: most numbers of the fewest are among the others."""
    fewest = min(sets, key=len)
    return len(set.intersection(*sets)) * 2 >= len(fewest)


def _light_apart(tokens: list[str]) -> list[str]:
    """Return the tokens of a name that tell its light, as one, and its other numbers."""
    light = "".join(token for token in tokens if names_light(token))
    return [light, *(t for t in tokens if t.isdecimal() and not names_light(t))]


def _before(columns: list[tuple[str, ...]], at: int) -> str:
    """Return the letters before a token that are the same in all names."""
    same = [c[0].lower() if len({x.lower() for x in c}) == 1 else " " for c in columns[:at]]
    while same and same[-1].strip(" _-.") == "" and same[-1] != " ":
        same.pop()
    return same[-1] if same else ""


def _is_colour(columns: list[tuple[str, ...]], at: int, counts: list[int]) -> bool:
    """Whether a number that differs in names tells a colour and counts nothing."""
    values = {int(value) for value in columns[at]}
    before = _before(columns, at)
    if len(values) > 4 or _PART_HINT.fullmatch(before):
        return False
    if _COLOUR_HINT.fullmatch(before):
        return True
    if all(names_light(str(value)) for value in values):
        return len(counts) > 1 or (len(values) == 2 and movie_first([*map(str, values)])[1])
    return False


def _second_of_two(columns: list[tuple[str, ...]], counts: list[int]) -> list[int]:
    """Return the number behind the one that counts frames if it has two values."""
    if len(counts) != 2 or _PART_HINT.fullmatch(_before(columns, counts[0])):
        return []
    first, second = ({int(value) for value in columns[i]} for i in counts)
    return [counts[1]] if len(second) == 2 <= len(first) and second <= {0, 1, 2} else []


def _listed(kinds: Sequence[str]) -> str:
    return ", ".join(repr(kind) for kind in kinds[:6])
