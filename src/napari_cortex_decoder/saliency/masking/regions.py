"""What is taken from a decoder: areas of an atlas, groups of them, patches moved elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from napari_cortex_decoder.atlas import Atlas, Registration
from napari_cortex_decoder.choices import Grouping
from napari_cortex_decoder.decoder.frames.resampling import Resampling
from napari_cortex_decoder.errors import AtlasError

Bools = NDArray[np.bool_]

Targets = Grouping | Mapping[str, Sequence[str]]
"""Each area by itself; the same area of both sides; all areas of a side; or groups by name, each
of acronyms (both sides) or labels such as ``"MOs left"``."""

_OVERLAP = 0.25
"""Share of a target that a control patch may cover: more, and it would be no control."""

_INSIDE = 0.9
"""Share of a moved shape that must lie on cortex."""

_ATTEMPTS = 16
"""Places tried for the shapes of one patch, before it becomes a compact patch of equal size."""


@dataclass(frozen=True)
class Target:
    """What is taken from the decoder at once."""

    acronym: str  # name of the area, or of the group
    side: str  # ``"left"``, ``"right"`` or ``"both"``
    members: tuple[int, ...]  # places in ``atlas.areas``

    @property
    def label(self) -> str:
        """Name and side, as shown: ``"MOs left"``."""
        return self.acronym if self.side == "both" else f"{self.acronym} {self.side}"


def choose_targets(atlas: Atlas, targets: Targets) -> tuple[Target, ...]:
    """Turn a choice of areas or groups into targets.

    Raises AtlasError if a group names an area that the atlas has not, or is empty.
    """
    areas = atlas.areas
    if targets == "areas":
        return tuple(Target(a.acronym, a.side, (i,)) for i, a in enumerate(areas))
    if targets == "pairs":
        return tuple(
            Target(name, "both", tuple(i for i, a in enumerate(areas) if a.acronym == name))
            for name in atlas.acronyms
        )
    if targets == "hemispheres":
        sides = {side: tuple(i for i, a in enumerate(areas) if a.side == side) for side in _SIDES}
        return tuple(Target("hemisphere", side, found) for side, found in sides.items() if found)
    if not isinstance(targets, Mapping) or not targets:
        raise AtlasError(
            f"targets {targets!r} are unknown; give 'areas', 'pairs', 'hemispheres', or groups by "
            "name such as {'limbs': ['SSp-ul', 'SSp-ll']}."
        )
    return tuple(_group(atlas, name, names) for name, names in targets.items())


_SIDES = ("left", "right")


def _group(atlas: Atlas, name: str, names: Sequence[str]) -> Target:
    members: list[int] = []
    for wanted in [names] if isinstance(names, str) else names:
        found = [i for i, a in enumerate(atlas.areas) if wanted in (a.acronym, a.label)]
        if not found:
            raise AtlasError(
                f"group {name!r} names {wanted!r}, which atlas {atlas.name!r} has not; "
                f"its areas are {', '.join(atlas.acronyms)}."
            )
        members += [i for i in found if i not in members]
    if not members:
        raise AtlasError(f"group {name!r} is empty; name at least one area.")
    sides = {atlas.areas[i].side for i in members}
    return Target(name, sides.pop() if len(sides) == 1 else "both", tuple(sorted(members)))


def families(targets: Sequence[Target]) -> dict[str, list[int]]:
    """Return the places of targets whose acronyms begin with the same capitals, as SSp-ul and SSs.

    Of one such target, or where all targets are, there is none.
    """
    found: dict[str, list[int]] = {}
    for place, target in enumerate(targets):
        if begins := re.match("[A-Z]+", target.acronym):
            found.setdefault(begins[0], []).append(place)
    return {name: own for name, own in found.items() if 1 < len(own) < len(targets)}


def pairs_of(atlas: Atlas, names: Sequence[str]) -> dict[str, list[str]]:
    """Group every two of some areas, to tell what they are worth together.

    Areas are collinear: each may be worth nothing because the other says the same. Compare the
    importance of ``"A + B"`` with those of A and of B.

    Parameters
    ----------
    atlas
        Not changed; the names are checked against it.
    names
        Acronyms (both sides) or labels.

    Returns
    -------
    dict
        Groups for ``targets``: the areas themselves first, then all pairs.
    """
    groups = {name: [name] for name in names}
    groups |= {f"{a} + {b}": [a, b] for a, b in combinations(names, 2)}
    choose_targets(atlas, groups)
    return groups


def member_masks(
    registration: Registration, resampling: Resampling, shape: tuple[int, int]
) -> Bools:
    """Paint every area on the images that the encoder sees.

    Raises AtlasError if no area lies on the movie.

    Parameters
    ----------
    registration
        Where the atlas lies on the movie.
    resampling
        From frames to images; a pixel of an image is an area's if at least half of what it
        covers is.
    shape
        Rows and columns of a frame.

    Returns
    -------
    numpy.ndarray
        Shape (areas, y, x), bool; nothing is painted of an area outside the movie.
    """
    labels = registration.label_image(shape)
    n = len(registration.atlas.areas)
    masks = np.zeros((n, *resampling.image_size), dtype=bool)
    for i in np.unique(labels[labels > 0]) - 1:
        masks[i] = fit_mask(labels == i + 1, resampling)
    if not masks.any():
        raise AtlasError(
            f"no area of atlas {registration.atlas.name!r} lies on the movie of {shape[0]} × "
            f"{shape[1]} pixels; check that the registration is this movie's."
        )
    return masks


def fit_mask(mask: Bools, resampling: Resampling) -> Bools:
    """Bring a mask of a frame, shape (y, x), to the images of an encoder."""
    covered = resampling.pad(resampling.resample(mask[None].astype(np.uint8)))[0]
    return np.asarray(covered >= 0.5)


def matched_patches(members: Bools, brain: Bools, n: int, rng: np.random.Generator) -> Bools:
    """Move a target elsewhere on cortex: what a place of its size and shape is worth there.

    Each member is turned by a multiple of 90° or mirrored, and moved to a random place, at least
    nine tenths on cortex; members do not overlap, and together cover less than a quarter of the
    target. A target too large for that becomes as many pixels nearest to a random place.

    Parameters
    ----------
    members
        Shape (members, y, x).
    brain
        Shape (y, x): cortex.
    n
        Number of patches.
    rng
        Where chance comes from.

    Returns
    -------
    numpy.ndarray
        Shape (≤ n, y, x), bool, each of about the target's pixel count; none where the target
        leaves no room for one.
    """
    target: Bools = np.asarray(members.any(axis=0))
    size = int(target.sum())
    room = brain & ~target
    if size == 0 or room.sum() < (1 - _OVERLAP) * size:
        return np.zeros((0, *brain.shape), dtype=bool)
    shapes = [_cropped(m) for m in members if m.any()]
    patches: list[Bools] = []
    fits = True
    for _ in range(n):
        patch = _moved(shapes, target, brain, rng) if fits else None
        fits = patch is not None
        patches.append(_compact(target, brain, rng) if patch is None else patch)
    return np.stack(patches)


def _cropped(mask: Bools) -> Bools:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _moved(
    shapes: list[Bools], target: Bools, brain: Bools, rng: np.random.Generator
) -> Bools | None:
    """Return one patch; None where there is no place for it."""
    for _ in range(_ATTEMPTS):
        patch = np.zeros_like(brain)
        for shape in shapes:
            turned = np.rot90(shape, int(rng.integers(4)))
            turned = turned[:, ::-1] if rng.integers(2) else turned
            if not _place(patch, turned, target, brain, rng):
                break
        else:
            return patch
    return None


def _compact(target: Bools, brain: Bools, rng: np.random.Generator) -> Bools:
    """Return as many pixels as a target has, nearest to a random place outside it."""
    y, x = np.nonzero(brain & ~target)
    seed = int(rng.integers(len(y)))
    nearest = np.argsort((y - y[seed]) ** 2 + (x - x[seed]) ** 2, kind="stable")[: target.sum()]
    patch = np.zeros_like(brain)
    patch[y[nearest], x[nearest]] = True
    return patch


def _place(
    patch: Bools, shape: Bools, target: Bools, brain: Bools, rng: np.random.Generator
) -> bool:
    """Put one shape somewhere, in place; tell whether there was a place."""
    if any(s > b for s, b in zip(shape.shape, brain.shape, strict=True)):
        return False
    kernel = shape[::-1, ::-1].astype(np.float32)

    def covered(mask: Bools) -> NDArray[np.float32]:
        found: NDArray[np.float32] = fftconvolve(mask.astype(np.float32), kernel, mode="valid")
        return found

    size = shape.sum()
    free = covered(brain & ~patch) >= _INSIDE * size - 0.5
    free &= covered(target) <= _OVERLAP * size
    places = np.argwhere(free)
    if not len(places):
        return False
    row, column = places[rng.integers(len(places))]
    patch[row : row + shape.shape[0], column : column + shape.shape[1]] |= shape
    return True
