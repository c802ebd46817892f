"""Label images: one whole number an area, with a table of names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.atlas.area import Side
from napari_cortex_decoder.atlas.atlas import Atlas
from napari_cortex_decoder.atlas.landmarks import LANDMARKS
from napari_cortex_decoder.atlas.tracing import Named, trace_labels
from napari_cortex_decoder.containers.picture import read_picture
from napari_cortex_decoder.errors import AtlasError
from napari_cortex_decoder.reading import reads
from napari_cortex_decoder.tables import columns_of, read_lines

MAX_LABELS = 2000
"""Labels beyond which an image is a picture, not an atlas."""

_SIDES: dict[str, Side | None] = {
    "left": "left", "l": "left", "right": "right", "r": "right", "both": "both", "": None,
}  # fmt: skip


@reads("an image", AtlasError)
def read_label_image(
    path: str | Path,
    names: str | Path | None = None,
    *,
    pixel_size: float,
    bregma: tuple[float, float] | None = None,
) -> Atlas:
    """Make an atlas of a label image: TIFF, PNG or NPY of whole numbers, (y, x), 0 for no area.

    The nose is up, `pixel_size` is the edge of a pixel in mm, `bregma` (row, column) in px, the
    image's middle by default. `names` is a CSV with the columns ``label`` and ``acronym``, and
    optionally ``name`` and ``side`` (left, right, both); labels that it lacks are left out. Without
    it, each label is named by its number. Where no side is said, a label on both sides of bregma's
    column is split into a left and a right area. Raises AtlasError if the image or the table cannot
    be used.
    """
    path = Path(path)
    image = _read_image(path)
    if not (np.isfinite(pixel_size) and pixel_size > 0):
        raise AtlasError(f"the pixel size of {path} is {pixel_size}; give a positive number of mm.")
    present = np.unique(image)
    present = present[present != 0]
    if present.size < 1 or (present.size == 1 and (image != 0).all()):
        raise AtlasError(
            f"{path} has one value only, {image.flat[0]}; a label image has 0 for no area and "
            "another number for each area."
        )
    if present[0] < 0 or present.size > MAX_LABELS:
        raise AtlasError(
            f"{path} has {present.size} labels from {present[0]} to {present[-1]}; a label image "
            f"has at most {MAX_LABELS}, none negative: give the labels, not a picture of them."
        )
    table = (
        {int(n): Named(str(n), f"label {n}") for n in present}
        if names is None
        else _read_names(Path(names))
    )
    rows, columns = image.shape
    areas, warnings = trace_labels(
        image,
        table,
        pixel_size=(pixel_size, pixel_size),
        bregma=bregma or ((rows - 1) / 2, (columns - 1) / 2),
        where=str(path),
    )
    return Atlas(path.stem, areas, LANDMARKS, f"label image {path.name}", warnings)


def _read_image(path: Path) -> NDArray[np.integer]:
    """Read the pixels, which must be whole numbers in rows and columns."""
    remedy = "save it as one plane of whole numbers"
    image = read_picture(path, "an image", AtlasError, remedy=remedy)
    if image.ndim != 2 or not np.issubdtype(image.dtype, np.integer):
        raise AtlasError(
            f"{path} has shape {image.shape} and type {image.dtype}; a label image is one plane of "
            "whole numbers (save it without colors)."
        )
    return image.astype(np.int64)


def _read_names(path: Path) -> dict[int, Named]:
    table, _ = columns_of(read_lines(path, AtlasError), AtlasError)
    if not {"label", "acronym"} <= set(table):
        raise AtlasError(
            f"{path} has the columns {[*table]}; it needs 'label' and 'acronym' "
            "(and may have 'name' and 'side')."
        )
    names: dict[int, Named] = {}
    for number, row in zip(table.index, table.to_dict("records"), strict=True):
        acronym, side = row["acronym"], row.get("side", "").lower()
        label = int(row["label"]) if row["label"].isdecimal() else 0
        if label < 1 or not acronym or side not in _SIDES or label in names:
            raise AtlasError(
                f"{path}, line {number}: label {row['label']!r}, acronym {row['acronym']!r}, side "
                f"{side!r}; each label is a whole number from 1, once, with an acronym and a side "
                "that is left, right, both or empty."
            )
        names[label] = Named(acronym, row.get("name") or acronym, _SIDES[side])
    return names
