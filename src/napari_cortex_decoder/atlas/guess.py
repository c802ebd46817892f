"""A first placing of the atlas from the picture alone, to adjust rather than to start from.

Two things of a dorsal cortex can be seen without knowing any area: its midline, about which the
picture is mirror-symmetric and along which a dark sinus runs, and its outline against the darker
surroundings. The midline gives rotation and left–right place, the outline the rest.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from napari_cortex_decoder.arrays import Bools, Floats
from napari_cortex_decoder.atlas.atlas import Atlas, Registration
from napari_cortex_decoder.atlas.library import load_atlas
from napari_cortex_decoder.errors import AtlasError

LARGEST_TURN = 30.0
"""Degrees either way among which the midline is sought: the nose is up in the picture."""

_WORKING_SIZE = 128  # px of the longer side: fine enough for 0.1 mm, and a second of work
_SINUS_STEPS = (3, 6)  # px from the middle of the sinus to the cortex beside it: 0.25 and 0.5 mm
_DIM = 0.1  # added before the logarithm: a tenth of the range is noise and background
_UNCLEAR = 1.0  # clarity below which a midline is doubted: perfect symmetry without a sinus
_COMMON_WIDTH = 10.5  # mm that a picture of unknown scale is first taken to span
_IN_VIEW = 0.4  # share of the cortex below which a place is out of the question
_SCHEMATIC = "OB"

SIZE_UNKNOWN = "The pixel size is unknown, so the size of the brain is a guess, too."
"""Warning of a guess that had to do without the pixel size."""


def guess_registration(
    mean_image: ArrayLike, *, pixel_size: float | None = None, atlas: Atlas | None = None
) -> Registration:
    """Guess where an atlas lies on a movie, from its mean image.

    Parameters
    ----------
    mean_image
        Shape (y, x), brightness: the mean over time, or any single frame. The nose is up, within
        30 degrees; pictures of a mouse seen upside down or sideways must be turned first.
    pixel_size
        Edge of a pixel in mm. Without it the outline of the whole dorsal cortex must be in view,
        or the guess is too large or too small.
    atlas
        What to place; ``"dorsal-cortex"`` by default. Its areas do not matter for the guess.

    Returns
    -------
    Registration
        A similarity, with `method` ``"guess"`` and a warning where the midline is unclear or the
        size had to be guessed.

    Raises
    ------
    AtlasError
        If the image is not two-dimensional, is smaller than 32 px, or does not vary.
    """
    if pixel_size is not None and not (np.isfinite(pixel_size) and pixel_size > 0):
        raise AtlasError(f"the pixel size is {pixel_size}; give a positive number of mm.")
    picture, factor = _prepared(mean_image)
    midline = _find_midline(picture)
    if pixel_size is None:
        scales = min(picture.shape) / _COMMON_WIDTH * np.geomspace(0.6, 1.5, 24)
    else:
        # mice differ in size by some percent
        scales = np.array([0.97, 1.0, 1.03]) / (pixel_size * factor)
    scale, bregma_row = _match_outline(picture, midline, scales)

    middle = (np.array(picture.shape[::-1]) - 1) / 2
    angle = np.radians(midline.degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    small = np.eye(3)
    small[:2, :2] = scale * turn
    small[:2, 2] = turn @ (np.array([midline.column, bregma_row]) - middle) + middle
    # centre of a small pixel in coordinates of the large ones
    large = np.array([[factor, 0, (factor - 1) / 2], [0, factor, (factor - 1) / 2], [0, 0, 1]])

    warnings = ["The placing is guessed from the picture: adjust it."]
    if midline.clarity < _UNCLEAR:
        warnings.append("No clear midline is to be seen: check left, right and rotation.")
    if pixel_size is None:
        warnings.append(SIZE_UNKNOWN)
    return Registration(
        atlas or load_atlas("dorsal-cortex"),
        large @ small,
        pixel_size=pixel_size,
        shape=np.shape(mean_image)[:2],
        method="guess",
        warnings=tuple(warnings),
    )


class _Midline(NamedTuple):
    """The symmetry axis, upright after a turn by −`degrees` about the middle of the picture."""

    degrees: float
    column: float
    clarity: float


def _prepared(image: ArrayLike) -> tuple[Floats, float]:
    """Shrink or enlarge an image and take its logarithm; give the scale factor, too.

    The logarithm makes a shadow weigh the same in dark and in bright cortex; clipping keeps
    glue and glare at the rim of a window from outshining the brain.
    """
    from skimage.transform import resize

    values = np.asarray(image, dtype=np.float64)
    if values.ndim != 2 or min(values.shape) < 32:
        raise AtlasError(
            f"the image has shape {values.shape}; give rows and columns, 32 or more of each."
        )
    finite = np.isfinite(values)
    low, high = np.percentile(values[finite], [1, 99]) if finite.any() else (0.0, 0.0)
    if not high > low:
        raise AtlasError("the image does not vary, so no brain is to be seen; give another frame.")
    values = np.clip((np.where(finite, values, low) - low) / (high - low), 0, 1)
    factor = max(values.shape) / _WORKING_SIZE
    shape = [max(1, round(length / factor)) for length in values.shape]
    small = resize(values, shape, order=1, anti_aliasing=factor > 1)
    return np.log(small + _DIM), factor


def _turned(picture: Floats, degrees: float, outside: float = 0.0) -> Floats:
    """Turn a picture so that a line that leans clockwise by `degrees` stands upright."""
    from scipy import ndimage

    angle = np.radians(degrees)
    back = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    middle = (np.array(picture.shape) - 1) / 2
    turned: Floats = ndimage.affine_transform(
        picture, back, middle - back @ middle, order=1, cval=outside
    )
    return turned


def _find_midline(picture: Floats) -> _Midline:
    """Seek the line about which the picture is symmetric and along which it is dark."""
    from scipy import ndimage

    form = ndimage.gaussian_filter(picture, 2.0)
    detail = ndimage.gaussian_filter(picture, 1.0)
    light = ndimage.gaussian_filter(np.exp(picture), 6.0)

    def best_at(degrees: float) -> _Midline:
        inside = (_turned(np.ones_like(picture), degrees) > 0.5).astype(np.float64)
        score = _symmetry(_turned(form - form.min(), degrees), inside)
        # twice, because the sinus is narrow: it decides between axes that are equally symmetric
        score += 2 * _darkness(_turned(detail - detail.min(), degrees), _turned(light, degrees))
        place = int(np.argmax(score))
        return _Midline(degrees, place / 2, float(score[place]))

    def best_of(angles: Floats) -> _Midline:
        return max((best_at(float(a)) for a in angles), key=lambda found: found.clarity)

    coarse = best_of(np.arange(-LARGEST_TURN, LARGEST_TURN + 1, 2.0))
    return best_of(coarse.degrees + np.arange(-1.5, 1.6, 0.5))


def _symmetry(picture: Floats, inside: Floats) -> Floats:
    """Correlate a picture with its mirror image about each column and half column.

    Mirroring about column k / 2 pairs columns that add up to k, so all sums over pairs are
    convolutions of the picture with itself. Shape (2 x − 1,), at most 1.
    """
    from scipy.signal import fftconvolve

    def paired(a: Floats, b: Floats) -> Floats:
        sums: Floats = fftconvolve(a, b, axes=1).sum(axis=0)
        return sums

    seen = picture * inside
    n = paired(inside, inside)
    enough = n > 0.25 * n.max()
    n = np.maximum(n, 1)
    mean = paired(seen, inside) / n
    variance = paired(seen * picture, inside) / n - mean**2
    covariance = paired(seen, seen) / n - mean**2
    usable = enough & (variance > 1e-6)
    return np.where(usable, covariance / np.where(usable, variance, 1), -1.0)


def _darkness(picture: Floats, light: Floats) -> Floats:
    """Return for each column and half column how much darker it is than both of its sides.

    Counted where there is light on both sides, so that the gap between a brain and its
    surroundings is no sinus. Shape (2 x − 1,), in units of log brightness.
    """
    width = picture.shape[1]
    found = np.zeros(width)
    for step in _SINUS_STEPS:
        middle = slice(2 * step, width - 2 * step)
        beside = np.minimum(
            picture[:, step : width - 3 * step], picture[:, 3 * step : width - step]
        )
        weight = np.minimum(light[:, : width - 4 * step], light[:, 4 * step :])
        # a single black vessel must not outweigh a long faint line
        depth = np.clip(beside - picture[:, middle], -0.1, 0.5)
        found[middle] += (depth * weight).sum(axis=0) / weight.sum(axis=0).max()
    return np.interp(np.arange(2 * width - 1) / 2, np.arange(width), found)


def _match_outline(picture: Floats, midline: _Midline, scales: Floats) -> tuple[float, float]:
    """Find scale (px a mm) and row of bregma where the cortex fits the bright part best.

    The match is the correlation of log brightness with being inside the outline, over the cortex
    and 0.8 mm around it, times the root of the share of the cortex that is in view.
    """
    from scipy import ndimage

    x, y, inside = _cortex_and_surroundings()
    upright = _turned(ndimage.gaussian_filter(picture, 1.5), midline.degrees, outside=np.nan)
    best = (-np.inf, float(scales[len(scales) // 2]), picture.shape[0] / 2)
    rows = np.arange(0.2 * picture.shape[0], 0.85 * picture.shape[0])
    for scale in scales:
        places = np.broadcast_arrays(rows[:, None] + y * scale, x * scale + midline.column)
        match = _matches(ndimage.map_coordinates(upright, places, order=1, cval=np.nan), inside)
        place = int(np.argmax(match))
        best = max(best, (float(match[place]), float(scale), float(rows[place])))
    return best[1], best[2]


def _matches(values: Floats, inside: Bools) -> Floats:
    """Return how well the bright points of each row of `values` lie inside; −inf where unseen.

    `values` has shape (rows, points), NaN outside the picture.
    """
    seen = np.isfinite(values)
    bright = np.where(seen, values, 0.0)
    n = np.maximum(seen.sum(axis=1), 1)
    cortex = (seen & inside).sum(axis=1)
    share = cortex / inside.sum()
    mean, mean_inside = bright.sum(axis=1) / n, cortex / n
    covariance = (bright * inside).sum(axis=1) / n - mean * mean_inside
    variance = (np.square(bright).sum(axis=1) / n - mean**2) * mean_inside * (1 - mean_inside)
    usable = (share >= _IN_VIEW) & (variance > 1e-12)
    r = covariance / np.sqrt(np.where(usable, variance, 1.0))
    return np.where(usable, r * np.sqrt(share), -np.inf)


def _cortex_and_surroundings() -> tuple[Floats, Floats, Bools]:
    """Return points (x, y) in mm every 0.2 mm, and which of them lie in cortex."""
    import shapely

    areas = load_atlas("dorsal-cortex").areas
    shapes = {area.label: shapely.Polygon(area.polygon) for area in areas}
    bulbs = shapely.union_all([shapes[a.label] for a in areas if a.acronym == _SCHEMATIC])
    cortex = shapely.union_all([shapes[a.label] for a in areas if a.acronym != _SCHEMATIC])
    around = cortex.buffer(0.8).difference(bulbs)
    left, front, right, back = around.bounds
    x, y = (
        grid.ravel()
        for grid in np.meshgrid(np.arange(left, right, 0.2), np.arange(front, back, 0.2))
    )
    kept = shapely.contains_xy(around, x, y)
    return x[kept], y[kept], shapely.contains_xy(cortex, x[kept], y[kept])
