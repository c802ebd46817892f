"""Fitting landmarks: which mapping they give, what is refused, what is warned of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from napari_cortex_decoder.arrays import Floats
from napari_cortex_decoder.atlas.transform import Transform
from napari_cortex_decoder.choices import FIT_KINDS, FitKind, check_choice
from napari_cortex_decoder.errors import AtlasError

NEEDED: Mapping[str, int] = {"similarity": 2, "affine": 3, "hemispheres": 4}
"""Fewest landmarks that fix each kind of fit."""

MAX_ROTATION = 30.0
"""Degrees beyond which a placing is worth a second look: a mouse lies with its nose ahead."""

MAX_SCALE_ERROR = 1.25
"""Ratio between fitted and recorded pixel size beyond which one of them is doubted."""

MAX_STRETCH = 1.3
"""Ratio between the stretches along two axes that no brain and no lens explains."""

MAX_RESIDUAL = 0.5
"""mm between a landmark and its fit beyond which the landmark is doubted."""

_SAME_PX = 0.5
_SAME_MM = 1e-6
# spread across a line over spread along it, below which points tell nothing about that direction
_FLATTEST = 0.05


class Residual(NamedTuple):
    """How far a landmark lies from where the fit puts it."""

    name: str
    mm: float
    px: float


class Fit(NamedTuple):
    """What landmarks give."""

    # as in `Transform`
    matrix: Floats
    right_matrix: Floats | None
    # whether a mirrored brain explains the landmarks better; a similarity cannot mirror
    mirrored: bool


def fit_landmarks(
    known: Mapping[str, tuple[float, float]],
    seen: Mapping[str, tuple[float, float]],
    kind: FitKind,
    *,
    atlas_name: str,
    shape: tuple[int, int] | None,
) -> Fit:
    """Fit the mapping from atlas to movie by least squares over the landmarks' distances in px.

    Landmarks are `known` at (x, y) in mm and `seen` at (row, column) in px, by name. Raises
    AtlasError if they are unknown, too few, outside the movie, coincident, or on one line.
    """
    check_choice("fit", kind, FIT_KINDS, AtlasError)
    mm, px = _checked_landmarks(known, seen, kind, atlas_name, shape)
    if kind == "hemispheres":
        left, right = fit_hemispheres(mm, px)
        return Fit(left, right, any(np.linalg.det(m[:2, :2]) < 0 for m in (left, right)))
    matrix = _fit(kind, mm, px)
    mirrored = bool(np.linalg.det(matrix[:2, :2]) < 0)
    return Fit(matrix, None, mirrored or (kind == "similarity" and _fits_better_mirrored(mm, px)))


def _checked_landmarks(
    known: Mapping[str, tuple[float, float]],
    landmarks: Mapping[str, tuple[float, float]],
    kind: FitKind,
    atlas_name: str,
    shape: tuple[int, int] | None,
) -> tuple[Floats, Floats]:
    """Refuse landmarks that cannot fix the fit; give (x, y) in mm and in px, each (n, 2)."""
    refuse_unknown(known, landmarks, atlas_name)
    for name, place in landmarks.items():
        if len(place) != 2 or not np.isfinite(place).all():
            raise AtlasError(f"landmark {name!r} is at {place}; give (row, column) in px.")
        if shape is not None and not all(
            -0.5 <= at <= length - 0.5 for at, length in zip(place, shape, strict=True)
        ):
            raise AtlasError(
                f"landmark {name!r} at row {place[0]:g}, column {place[1]:g} is outside the "
                f"movie's {shape[0]} × {shape[1]} pixels; drag it onto the brain or remove it."
            )
    places = {tuple(known[name]) for name in landmarks}
    if len(places) < NEEDED[kind]:
        raise AtlasError(
            f"{len(places)} landmarks at different places are too few for a {kind} fit, which "
            f"needs {NEEDED[kind]}; add some of {', '.join(known)}."
        )
    for one, other in combinations(landmarks, 2):
        apart_mm = np.hypot(*np.subtract(known[one], known[other]))
        apart_px = np.hypot(*np.subtract(landmarks[one], landmarks[other]))
        if apart_px < _SAME_PX and apart_mm > _SAME_MM:
            raise AtlasError(
                f"landmarks {one!r} and {other!r} lie on the same pixel but {apart_mm:.2f} mm "
                "apart on the atlas; move one of them."
            )
    px = np.array([landmarks[name] for name in landmarks], dtype=np.float64)[:, ::-1]
    mm = np.array([known[name] for name in landmarks], dtype=np.float64)
    if kind != "similarity" and (_flatness(mm) < _FLATTEST or _flatness(px) < _FLATTEST):
        raise AtlasError(
            f"the landmarks {', '.join(landmarks)} lie on one line, which leaves the {kind} fit "
            "open; add one to the side, or use a similarity."
        )
    return mm, px


def refuse_unknown(
    known: Mapping[str, tuple[float, float]],
    landmarks: Mapping[str, tuple[float, float]],
    atlas_name: str,
) -> None:
    """Raise `AtlasError` if an atlas lacks one of these landmarks."""
    unknown = [name for name in landmarks if name not in known]
    if unknown:
        raise AtlasError(
            f"atlas {atlas_name!r} has no landmark {unknown[0]!r}; "
            f"it has {', '.join(known) or 'none'}."
        )


def _flatness(points: Floats) -> float:
    """Spread across over spread along a cloud of points: 0 for a line, 1 for a disc."""
    along, across = np.linalg.svd(points - points.mean(0), compute_uv=False)
    return float(across / along) if along else 0.0


def _fit(kind: FitKind, mm: Floats, px: Floats) -> Floats:
    from skimage.transform import estimate_transform

    transform = estimate_transform(kind, mm, px)
    # scikit-image < 0.26 gives NaN where newer ones give an object that is false
    if not transform or not np.isfinite(transform.params).all():
        raise AtlasError(f"no {kind} fits these landmarks; spread them over the brain.")
    return np.asarray(transform.params, dtype=np.float64)


def fit_hemispheres(mm: Floats, px: Floats) -> tuple[Floats, Floats]:
    """Fit px = a + b·y + c·x, with a c for each hemisphere, so that they share the midline.

    scikit-image's piecewise affine fits every triangle of landmarks by itself; this is the least
    squares fit with one piece a side. Raises AtlasError if the points leave a hemisphere open. `mm`
    and `px` are (x, y), shape (n, 2) each. Returns the matrices of left and right.
    """
    x, y = mm.T
    basis = np.stack([np.minimum(x, 0), np.maximum(x, 0), y, np.ones_like(x)], axis=1)
    solution, _, rank, _ = np.linalg.lstsq(basis, px, rcond=None)
    if rank < 4:
        raise AtlasError(
            "these landmarks leave one hemisphere open; give at least one landmark on each side "
            "and two at different heights."
        )
    left, right, down, origin = solution

    def matrix(across: Floats) -> Floats:
        return np.vstack([np.stack([across, down, origin], axis=1), (0.0, 0.0, 1.0)])

    return matrix(left), matrix(right)


def _fits_better_mirrored(mm: Floats, px: Floats) -> bool:
    """Whether a mirrored brain explains the landmarks better; a similarity cannot mirror."""
    if len(mm) < 3 or _flatness(mm) < _FLATTEST:
        return False

    def error(points: Floats) -> float:
        fitted = _fit("similarity", points, px)
        return float(np.square(points @ fitted[:2, :2].T + fitted[:2, 2] - px).sum())

    return error(mm * (-1, 1)) < error(mm)


def doubts(
    fitted: Transform, residuals: Sequence[Residual], *, pixel_size: float | None, mirrored: bool
) -> tuple[str, ...]:
    """Say in sentences what is odd about a placing.

    `mirrored` is told because the mapping of a similarity cannot tell by itself.
    """
    found = []
    if mirrored:
        found.append(
            "The brain lies mirrored: exchange left and right landmarks, flip the movie, or check "
            "that points are (row, column)."
        )
    elif abs(fitted.rotation) > MAX_ROTATION:
        found.append(
            f"The brain is turned by {fitted.rotation:.0f}°: check which landmark is in front."
        )
    if pixel_size is not None:
        fitted_size = 1 / fitted.scale
        ratio = fitted_size / pixel_size
        if not 1 / MAX_SCALE_ERROR <= ratio <= MAX_SCALE_ERROR:
            found.append(
                f"The fit makes a pixel {fitted_size * 1000:.1f} µm, the recording says "
                f"{pixel_size * 1000:.1f} µm: check the landmarks and the pixel size."
            )
    stretches = [np.linalg.svd(m[:2, :2], compute_uv=False) for m in fitted.matrices]
    worst = max(float(long / short) for long, short in stretches)
    if worst > MAX_STRETCH:
        found.append(
            f"The fit stretches the brain {worst:.1f} times more along one axis than along the "
            "other: check the landmarks, or use a similarity."
        )
    found.extend(
        f"Landmark {residual.name!r} is {residual.mm:.2f} mm from where the others put it."
        for residual in residuals
        if residual.mm > MAX_RESIDUAL
    )
    return tuple(found)
