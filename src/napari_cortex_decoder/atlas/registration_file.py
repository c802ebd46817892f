"""Registrations on disk: JSON that says which way its numbers go and carries its atlas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_cortex_decoder.atlas.atlas_data import atlas_as_data, atlas_from_data
from napari_cortex_decoder.atlas.json_files import check_version, read_json, write_json
from napari_cortex_decoder.atlas.registration import DIRECTION, Registration
from napari_cortex_decoder.errors import AtlasError

FORMAT = "cortex-registration"
VERSION = 1


def save_registration(registration: Registration, path: str | Path) -> None:
    """Write a registration, whole or not at all.

    Raises
    ------
    AtlasError
        If the folder cannot be written to.
    """
    write_json(_as_data(registration), path)


def _as_data(registration: Registration) -> dict[str, Any]:
    right = registration.right_matrix
    return {
        "format": FORMAT,
        "version": VERSION,
        "direction": DIRECTION,
        "matrix": registration.matrix.tolist(),
        "right_matrix": None if right is None else right.tolist(),
        "method": registration.method,
        "landmarks_row_column_px": {n: list(p) for n, p in registration.landmarks.items()},
        "pixel_size_mm": registration.pixel_size,
        "movie_shape": registration.shape and list(registration.shape),
        "warnings": list(registration.warnings),
        "atlas": atlas_as_data(registration.atlas),
    }


def load_registration(path: str | Path) -> Registration:
    """Read a registration that `Registration.save` wrote, with its atlas.

    Raises
    ------
    AtlasError
        If the file is missing, is something else, is of a newer version, or runs the other way.
    """
    data = read_json(path)
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise AtlasError(
            f"{path} is not a registration: its 'format' is not {FORMAT!r}; "
            "import transforms of other tools through read_wfield or read_mesonet."
        )
    check_version(str(path), data.get("version"), VERSION)
    if data.get("direction") != DIRECTION:
        raise AtlasError(
            f"{path}: its 'direction' is {data.get('direction')!r}; "
            f"this program reads {DIRECTION!r}."
        )
    try:
        right = data["right_matrix"]
        size, shape = data["pixel_size_mm"], data["movie_shape"]
        return Registration(
            atlas_from_data(data["atlas"]),
            np.asarray(data["matrix"], dtype=np.float64),
            None if right is None else np.asarray(right, dtype=np.float64),
            {str(n): (float(r), float(c)) for n, (r, c) in data["landmarks_row_column_px"].items()},
            None if size is None else float(size),
            None if shape is None else (int(shape[0]), int(shape[1])),
            str(data["method"]),
            tuple(str(sentence) for sentence in data["warnings"]),
        )
    except AtlasError as error:
        raise AtlasError(f"{path}: {error}") from error
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise AtlasError(
            f"{path} lacks a field or has one of the wrong type ({error!r}); save it again."
        ) from error
