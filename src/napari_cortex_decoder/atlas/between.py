"""From one session of a mouse to another: how the head lay, told by the vessels in both."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from napari_cortex_decoder.arrays import Bools, Floats
from napari_cortex_decoder.atlas.atlas import Registration
from napari_cortex_decoder.errors import AtlasError

LARGEST_TURN = 15
"""Degrees either way by which a head may lie otherwise than in another session."""

_WORKING_SIZE = 160  # px of the longer side
_VESSELS = (1.0, 4.0)  # px of it: finer is noise, coarser is light and activity
_ALIKE = 0.6  # correlation of two pictures where they overlap; of two mice it is up to .58
_OVERLAP = 0.5  # share of the picture that must be seen in both


def placed_like(
    placed: Registration, there: ArrayLike, here: ArrayLike, *, pixel_size: float | None = None
) -> Registration:
    """Return where an atlas lies on a movie, by where it lies on another movie of the same mouse.

    `there` and `here` are mean images, shape (y, x), of that movie and of this one; with the pixel
    size (mm) of both known they may differ in scale. Raises AtlasError if they are too unlike to be
    of one brain.
    """
    of, onto = np.asarray(there, np.float64), np.asarray(here, np.float64)
    known = placed.pixel_size is not None and pixel_size is not None
    ratio = placed.pixel_size / pixel_size if known else 1.0  # type: ignore[operator]
    matrix, likeness = rigid_fit(of, onto, ratio)
    if likeness < _ALIKE:
        raise AtlasError(
            f"the mean images of the two sessions are too unlike to tell how they lie (correlation "
            f"{likeness:.2f}): place the atlas by hand."
        )
    rows, columns = onto.shape
    said = f"Placed as in another session, whose picture is alike (correlation {likeness:.2f})."
    moved = placed.moved(matrix)
    size = pixel_size if pixel_size is not None else placed.pixel_size
    return replace(moved, pixel_size=size, shape=(rows, columns), warnings=(*placed.warnings, said))


def rigid_fit(of: Floats, onto: Floats, ratio: float = 1.0) -> tuple[Floats, float]:
    """Return how a picture is turned and shifted to lie on another, and how alike both are.

    The matrix, shape (3, 3), leads from (x, y, 1) px of `of` to those of `onto`, of which `ratio`
    are in a pixel of `of`; alike is the correlation of the two, high-pass filtered, where they
    overlap: −1 where they do not.
    """
    from scipy.optimize import minimize
    from skimage.registration import phase_cross_correlation

    step = max(1.0, max(onto.shape) / _WORKING_SIZE)
    wanted = _vessels(onto, step)
    shape = wanted.shape

    def small(degrees: float, down: float = 0.0, right: float = 0.0) -> Floats:
        """Return the matrix in (row, column) px from the small picture of `onto` to `of`."""
        turn = np.deg2rad(degrees)
        back = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        middle = (np.array(shape) - 1) / 2 + (down, right)
        linear = back * step / ratio
        return np.column_stack([linear, (np.array(of.shape) - 1) / 2 - linear @ middle])

    source = _vessels(of, step / ratio, resized=False)
    if not (source.std() and wanted.std()):
        return np.eye(3), -1.0

    def likeness(at: Floats) -> float:
        seen, inside = _sampled(source, small(*at), shape)
        if inside.mean() < _OVERLAP:
            return -1.0
        found = float(np.corrcoef(seen[inside], wanted[inside])[0, 1])
        return found if np.isfinite(found) else -1.0

    best, most = np.zeros(3), -2.0
    for degrees in range(-LARGEST_TURN, LARGEST_TURN + 1):
        seen, inside = _sampled(source, small(degrees), shape)
        shift, _, _ = phase_cross_correlation(wanted, np.where(inside, seen, 0.0))
        at = np.array([degrees, *shift])
        if (found := likeness(at)) > most:
            best, most = at, found
    corners = best + np.array([[0, 0, 0], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]])
    options = {"initial_simplex": corners, "xatol": 0.01, "fatol": 1e-5, "maxiter": 150}
    finest = minimize(lambda at: -likeness(at), best, method="Nelder-Mead", options=options)
    to_source = small(*finest.x)
    linear, shift = to_source[:, :2] / step, to_source[:, 2]
    linear_xy, shift_xy = linear[::-1, ::-1], shift[::-1] - (linear @ _middle(step))[::-1]
    matrix = np.eye(3)
    matrix[:2, :2] = np.linalg.inv(linear_xy)
    matrix[:2, 2] = -matrix[:2, :2] @ shift_xy
    return matrix, -float(finest.fun)


def _middle(step: float) -> Floats:
    """Return where the first pixel of a picture made smaller by `step` lies, (row, column)."""
    return np.full(2, (step - 1) / 2)


def _vessels(picture: Floats, step: float, *, resized: bool = True) -> Floats:
    """Return what is as fine as vessels in a picture, made smaller by `step` if `resized`."""
    from scipy.ndimage import affine_transform, gaussian_filter

    whole = np.where(np.isfinite(picture), picture, np.nanmedian(picture))
    whole = np.log(np.maximum(whole, 0) + 0.1 * max(float(whole.mean()), 1e-12))
    fine, coarse = (gaussian_filter(whole, size * step) for size in _VESSELS)
    detail = fine - coarse
    # the same contrast everywhere: the rim of the skull is not to count for more than the cortex
    spread = np.sqrt(gaussian_filter(detail**2, 2 * _VESSELS[1] * step))
    detail = detail / (spread + spread.mean() + 1e-12)
    if not resized:
        return np.asarray(detail, np.float64)
    size = tuple(int(n // step) for n in detail.shape)
    small = affine_transform(detail, np.eye(2) * step, _middle(step), output_shape=size, order=1)
    return np.asarray(small, np.float64)


def _sampled(picture: Floats, matrix: Floats, shape: tuple[int, ...]) -> tuple[Floats, Bools]:
    """Return a picture where a (2, 3) matrix leads to, and which pixels are in it."""
    from scipy.ndimage import affine_transform

    seen = affine_transform(
        picture, matrix[:, :2], matrix[:, 2], output_shape=shape, order=1, cval=np.nan
    )
    inside = np.isfinite(seen)
    return np.where(inside, seen, 0.0), inside
