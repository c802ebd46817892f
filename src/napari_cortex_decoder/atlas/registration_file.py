"""Reading registrations: JSON that says which way its numbers go and carries its atlas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_cortex_decoder.atlas.area import Area
from napari_cortex_decoder.atlas.atlas import (
    DIRECTION,
    REGISTRATION_FORMAT,
    REGISTRATION_VERSION,
    Atlas,
    Registration,
)
from napari_cortex_decoder.errors import AtlasError
from napari_cortex_decoder.files import check_version, read_json
from napari_cortex_decoder.reading import reads


@reads("a registration", AtlasError, remedy="save it again")
def load_registration(path: str | Path) -> Registration:
    """Read a registration that `Registration.save` wrote, with its atlas.

    Raises AtlasError if the file is missing, is something else, is of a newer version, or runs the
    other way.
    """
    data = read_json(path, AtlasError)
    if not isinstance(data, dict) or data.get("format") != REGISTRATION_FORMAT:
        raise AtlasError(
            f"{path} is not a registration: its 'format' is not {REGISTRATION_FORMAT!r}; "
            "import transforms of other tools through read_wfield or read_mesonet."
        )
    check_version(str(path), data.get("version"), REGISTRATION_VERSION, AtlasError)
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


def atlas_from_data(data: dict[str, Any]) -> Atlas:
    """Make an atlas of what `Atlas.as_data` gave.

    Raises KeyError, TypeError, ValueError if a field is missing or of the wrong type; `AtlasError`
    if the outlines are unusable.
    """
    return Atlas(
        str(data["name"]),
        tuple(
            Area(
                str(area["acronym"]),
                str(area["name"]),
                area["side"],
                np.asarray(area["outline_x_y_mm"], dtype=np.float64),
            )
            for area in data["areas"]
        ),
        {str(n): (float(x), float(y)) for n, (x, y) in data["landmarks_x_y_mm"].items()},
        str(data["source"]),
        tuple(str(sentence) for sentence in data["warnings"]),
    )
