"""Placings that wfield, MesoNet and mesoscaler have made.

All three store *reference image → camera image*, columns before rows, but each has a reference
image of its own; here it becomes *atlas mm → movie px*.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_cortex_decoder import child
from napari_cortex_decoder.arrays import Floats
from napari_cortex_decoder.atlas.atlas import Atlas, Registration
from napari_cortex_decoder.atlas.fit import fit_hemispheres
from napari_cortex_decoder.atlas.library import load_atlas
from napari_cortex_decoder.errors import AtlasError
from napari_cortex_decoder.files import read_bytes, read_json
from napari_cortex_decoder.reading import reads

MESONET_SIZE = 512
"""Rows and columns of the image that MesoNet and mesoscaler scale every brain to."""

MESONET_SCALE = 0.0201086
"""mm a pixel of MesoNet's atlas image."""

MESONET_BREGMA = (254.578, 260.491)
"""(x, y) in px of MesoNet's atlas image where bregma of the CCFv3 lies.

Scale and place come from a similarity fit of the centroids of its 40 masks to those of the CCFv3
(mean residual 0.056 mm); its landmark "bregma" is at (256, 256)."""

_DATASET = "affine_ref_to_data512"
_TRANSFORM = "a transform of MesoNet or mesoscaler"
_TOOLS_FILES = "give its _atlas_transform.txt, _mesoscaler.h5 or _mesoscaler.mat"


@reads("a landmarks file of wfield", AtlasError, remedy="give its _landmarks.json")
def read_wfield(path: str | Path, atlas: Atlas | None = None) -> Registration:
    """Read the placing in wfield's ``…_landmarks.json`` (Couto et al. 2021).

    It has a ``transform``, or ``landmarks_match`` to fit one to. `atlas` is ``"dorsal-cortex"`` by
    default; landmarks that the file moves replace its. Raises AtlasError if the file has no placing
    or one that cannot be used.
    """
    data = read_json(path, AtlasError)
    resolution = float(data["resolution"])
    offset = np.asarray(data["bregma_offset"], dtype=np.float64)
    mm = _points_by_name(data["landmarks"])
    match = _points_by_name(data["landmarks_match"]) if "landmarks_match" in data else {}
    stored = data.get("transform")
    transform = None if stored is None else np.asarray(stored, dtype=np.float64)
    if (
        not resolution > 0
        or offset.shape != (2,)
        or (transform is not None and transform.shape != (3, 3))
    ):
        raise AtlasError(
            f"{path}: resolution {resolution}, bregma_offset {offset.tolist()} or the transform "
            "cannot be meant; save it again in wfield."
        )
    base = atlas or load_atlas("dorsal-cortex")
    base = replace(base, landmarks={**base.landmarks, **mm})
    seen = {name: (y, x) for name, (x, y) in match.items() if name in mm}
    try:
        if transform is None:
            if not seen:
                raise AtlasError(
                    "it holds reference landmarks only; match them to the brain in wfield, or here."
                )
            return replace(base.register(seen), method="imported from wfield")
        to_reference = np.array([[1, 0, 0], [0, 1, 0], [0, 0, resolution]]) / resolution
        to_reference[:2, 2] = offset
        matrix, turned = _directed(transform, to_reference, mm, match)
        placed = Registration(base, matrix, landmarks=seen, method="imported from wfield")
        return placed.doubted(before=turned)
    except AtlasError as error:
        raise AtlasError(f"{path}: {error}") from error


def _points_by_name(table: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    return {
        str(name): (float(x), float(y))
        for name, x, y in zip(table["name"], table["x"], table["y"], strict=True)
    }


def _directed(
    transform: Floats,
    to_reference: Floats,
    mm: Mapping[str, tuple[float, float]],
    match: Mapping[str, tuple[float, float]],
) -> tuple[Floats, tuple[str, ...]]:
    """Compose mm → px; if the file's own landmarks say so, turn its transform round first."""
    names = [name for name in match if name in mm]
    matrix: Floats = transform @ to_reference
    if not names or abs(np.linalg.det(transform[:2, :2])) < 1e-12:
        return matrix, ()
    atlas_points = np.array([(*mm[name], 1.0) for name in names])
    px = np.array([match[name] for name in names])
    backward: Floats = np.linalg.inv(transform) @ to_reference

    def error(candidate: Floats) -> float:
        return float(np.linalg.norm((atlas_points @ candidate.T)[:, :2] - px, axis=1).mean())

    if error(matrix) > 5 * error(backward) + 1:
        return backward, (
            "The transform in the file runs from the movie to the atlas, as its landmarks show; "
            "it was turned round.",
        )
    return matrix, ()


@reads(_TRANSFORM, AtlasError, remedy=_TOOLS_FILES)
def read_mesonet(
    path: str | Path, shape: tuple[int, int], atlas: Atlas | None = None
) -> Registration:
    """Read the placing that MesoNet or mesoscaler computed, on a movie of that shape.

    From MesoNet's ``…_atlas_transform.txt``, or ``…_atlas_transform_left.txt`` with the right one
    beside it, or mesoscaler's ``…_mesoscaler.h5`` or ``.mat``; both tools scale a movie to 512 ×
    512 first. `atlas` is ``"dorsal-cortex"`` by default. Where the file has a matrix for each
    hemisphere, it becomes one pair that agrees on the midline and fits both best, with a sentence
    about how far it moved. Raises AtlasError if the file has no such matrix.
    """
    path = Path(path)
    left, right = _mesonet_matrices(path)
    rows, columns = (length / MESONET_SIZE for length in shape)
    # centre of a pixel of the 512 px image in coordinates of the movie's pixels
    to_movie = np.array([[columns, 0, (columns - 1) / 2], [0, rows, (rows - 1) / 2], [0, 0, 1]])
    to_reference = (
        np.array([[1, 0, 0], [0, 1, 0], [0, 0, MESONET_SCALE]], dtype=np.float64) / MESONET_SCALE
    )
    to_reference[:2, 2] = MESONET_BREGMA
    base = atlas or load_atlas("dorsal-cortex")
    left, right = (to_movie @ side @ to_reference for side in (left, right))
    try:
        said: tuple[str, ...] = ()
        if np.allclose(left, right):
            placed = Registration(base, left, method="imported from MesoNet")
        else:
            placed, said = _joined(base, left, right)
        return replace(placed, shape=shape).doubted(before=said)
    except AtlasError as error:
        raise AtlasError(f"{path}: {error}") from error


def _joined(atlas: Atlas, left: Floats, right: Floats) -> tuple[Registration, tuple[str, ...]]:
    """Fit a pair of matrices that meet at the midline to a pair that does not."""
    mm = np.concatenate([area.polygon for area in atlas.areas])
    ones = np.column_stack([mm, np.ones(len(mm))])
    px = np.where(mm[:, :1] > 0, (ones @ right.T)[:, :2], (ones @ left.T)[:, :2])
    joined = Registration(atlas, *fit_hemispheres(mm, px), method="imported from MesoNet")
    moved = np.linalg.norm(joined.to_px(mm)[:, ::-1] - px, axis=1).max()
    return joined, (
        f"The hemispheres were placed one by one; joined along the midline, outlines move by up "
        f"to {moved:.1f} px.",
    )


def _mesonet_matrices(path: Path) -> tuple[Floats, Floats]:
    """Return the 3 × 3 matrices of the left and the right hemisphere."""
    found = _read_matrices(path)
    left, right = (np.vstack([np.asarray(m, dtype=np.float64), (0, 0, 1)]) for m in found)
    for matrix in (left, right):
        if matrix.shape != (3, 3) or not np.isfinite(matrix).all():
            raise AtlasError(f"{path}: the transform is not 2 × 3 finite numbers.")
    return left, right


def _read_matrices(path: Path) -> tuple[Any, Any]:
    suffix = path.suffix.lower()
    if suffix == ".txt":
        if path.stem.endswith(("_left", "_right")):
            stem = path.stem.rsplit("_", 1)[0]
            return tuple(_read_text(path.with_name(f"{stem}_{s}.txt")) for s in ("left", "right"))  # type: ignore[return-value]
        whole = _read_text(path)
        return whole, whole
    if suffix in (".h5", ".hdf5"):
        from napari_cortex_decoder.containers import hdf5

        with hdf5.opened(path, AtlasError) as file:
            entry = file[_DATASET]
            both = [entry["left"], entry["right"]] if isinstance(entry, hdf5.Group) else [entry] * 2
            if any(side.shape != (2, 3) for side in both):
                raise AtlasError(f"{path}: {_DATASET} is not 2 × 3 numbers; export it again.")
            return both[0][()], both[1][()]
    if suffix == ".mat":
        both = child.call(
            read_mesoscaler_mat, path, what=_TRANSFORM, error=AtlasError, remedy=_TOOLS_FILES
        )
        return both[0], both[1]
    raise AtlasError(f"{path} is not one of .txt, .h5, .mat; give the tool's own file.")


def read_mesoscaler_mat(path: Path) -> list[Floats]:
    """Read the matrices with SciPy, which crashes on a data type that does not exist."""
    from scipy.io import loadmat

    file = io.BytesIO(read_bytes(path, AtlasError))
    content = loadmat(file, variable_names=[_DATASET])[_DATASET]
    sides = [content[s][0, 0] for s in ("left", "right")] if content.dtype.names else [content] * 2
    return [np.asarray(side, np.float64) for side in sides]


def _read_text(path: Path) -> Floats:
    return np.loadtxt(io.BytesIO(read_bytes(path, AtlasError, limit=65536)), ndmin=2)
