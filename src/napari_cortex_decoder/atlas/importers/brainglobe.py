"""BrainGlobe atlases seen from above: the isocortex of a volume as outlines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.arrays import Ints
from napari_cortex_decoder.atlas.atlas import Atlas
from napari_cortex_decoder.atlas.landmarks import LANDMARKS
from napari_cortex_decoder.atlas.registration_file import atlas_from_data
from napari_cortex_decoder.atlas.tracing import Named, trace_labels
from napari_cortex_decoder.errors import AtlasError
from napari_cortex_decoder.files import make_folder, read_json, write_json
from napari_cortex_decoder.reading import reads

BREGMA_AP = 5.4
"""mm from the front of the CCFv3 volume to bregma. A convention: the CCF has no skull."""

CCF_LENGTH = 13.2
"""mm from front to back of the CCFv3 volume."""

PROJECTION = 1
"""Version of the projection below; a cache of another one is not used."""

_SMALLEST = 0.05  # mm²: what is smaller is the rim of an area that faces sideways
_LAYER = re.compile(r"\blayers?\b", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@reads(
    "a BrainGlobe atlas",
    AtlasError,
    remedy="check its name with `brainglobe list`, and the connection; if it is damaged, remove it "
    "from BrainGlobe's folder, and it is downloaded again",
)
def load_brainglobe(name: str, folder: str | Path | None = None) -> Atlas:
    """Return the dorsal cortex of a BrainGlobe atlas, such as ``"allen_mouse_25um"``.

    The label of a place is that of the topmost labelled voxel, where that is isocortex; layers
    count as their area. In mm from bregma, which lies 5.4 mm behind the front of the Allen CCFv3
    and, in volumes of another length, at the same share of it, with a warning. BrainGlobe downloads
    an atlas that is not on this computer yet, to `folder` or that of its own configuration; the
    result is cached, because a volume takes gigabytes and minutes. Raises AtlasError if
    brainglobe-atlasapi is not installed, cannot give the atlas, or the atlas has no isocortex.
    """
    volume = _open(name, folder)
    version = str(volume.metadata.get("version", "0"))
    cache = _cache_path(f"{name}_{version}_{PROJECTION}")
    known = _read_cache(cache)
    if known is not None:
        return known
    atlas = _project(name, version, volume)
    try:
        make_folder(cache.parent, AtlasError)
        write_json(cache, atlas.as_data(), AtlasError, overwrite=True)  # it may be damaged
    except AtlasError as error:
        sentence = f"The view from above could not be kept for next time ({error})."
        return replace(atlas, warnings=(*atlas.warnings, sentence))
    return atlas


def _open(name: str, folder: str | Path | None) -> Any:
    if not _NAME.fullmatch(name):
        raise AtlasError(f"{name!r} is no name of an atlas; see `brainglobe list`.")
    try:
        from brainglobe_atlasapi import BrainGlobeAtlas
    except ImportError as error:
        raise AtlasError(
            f"{name!r} is not an atlas of this package, and BrainGlobe's need brainglobe-atlasapi: "
            'pip install "napari-cortex-decoder[atlas]".'
        ) from error
    # it raises ValueError for unknown names, OSError for lost connections, anything for damage
    return BrainGlobeAtlas(name, brainglobe_dir=folder, check_latest=False)


def _cache_path(stem: str) -> Path:
    import platformdirs

    return platformdirs.user_cache_path("napari-cortex-decoder") / "atlas" / f"{stem}.json"


def _read_cache(path: Path) -> Atlas | None:
    """Return the atlas of an earlier projection, or None where there is none that can be read."""
    if not path.is_file():
        return None
    try:
        return atlas_from_data(read_json(path, AtlasError))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None  # a broken cache is made again, which overwrites it


def _project(name: str, version: str, volume: Any) -> Atlas:
    """Look at a volume from above; axes are front–back, top–bottom, right–left (``asr``)."""
    structures: Mapping[Any, Mapping[str, Any]] = volume.structures
    if "Isocortex" not in volume.structures.acronym_to_id_map:
        raise AtlasError(
            f"BrainGlobe's {name!r} has no structure 'Isocortex'; use an atlas of the mouse that "
            "follows Allen's terms."
        )
    cortex = int(structures["Isocortex"]["id"])
    roots = [int(s["id"]) for s in volume.structures_list if len(s["structure_id_path"]) == 1]
    height, width = volume.resolution[0] / 1000, volume.resolution[2] / 1000
    top = _topmost(volume.annotation, roots)[:, ::-1]  # right–left becomes left–right

    ids, inverse = np.unique(top, return_inverse=True)
    areas_of = np.array([_area_of(int(i), structures, cortex) for i in ids])
    image = areas_of[inverse].reshape(top.shape)
    found, counts = np.unique(image, return_counts=True)
    names = {
        int(i): Named(str(structures[int(i)]["acronym"]), str(structures[int(i)]["name"]))
        for i, count in zip(found, counts, strict=True)
        if i != 0 and count * height * width >= _SMALLEST
    }
    length = top.shape[0] * height
    ap = BREGMA_AP * length / CCF_LENGTH
    areas, warnings = trace_labels(
        image,
        names,
        pixel_size=(height, width),
        bregma=(ap / height - 0.5, (top.shape[1] - 1) / 2),
        where=name,
    )
    if abs(length - CCF_LENGTH) > 0.1:
        warnings += (
            f"{name}: where bregma lies in this volume of {length:.1f} mm is not known; it is "
            f"taken to be {ap:.2f} mm behind the front.",
        )
    citation = volume.metadata.get("citation", "")
    return Atlas(name, areas, LANDMARKS, f"BrainGlobe {name} {version}: {citation}", warnings)


def _topmost(annotation: NDArray[np.integer], roots: list[int]) -> Ints:
    """Return the id of the first voxel from above that is something, shape (front–back, sides)."""
    top = np.zeros((annotation.shape[0], annotation.shape[2]), dtype=np.int64)
    for i, plane in enumerate(annotation):
        something = ~np.isin(plane, [0, *roots])
        first = something.argmax(axis=0)[None]
        found = np.take_along_axis(plane, first, axis=0)[0]
        top[i] = np.where(something.any(axis=0), found, 0)
    return top


def _area_of(identifier: int, structures: Mapping[Any, Mapping[str, Any]], cortex: int) -> int:
    """Return the area that a voxel belongs to: above its layers, below isocortex; 0 for others."""
    if identifier == 0 or identifier not in structures:
        return 0
    path = [int(i) for i in structures[identifier]["structure_id_path"]]
    if cortex not in path[:-1]:
        return 0
    below = path[path.index(cortex) + 1 :]
    while len(below) > 1 and _LAYER.search(str(structures[below[-1]]["name"])):
        below.pop()
    return below[-1]
