"""Finding an atlas by its name or its file."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path

from napari_cortex_decoder.atlas.atlas import Atlas
from napari_cortex_decoder.atlas.outlines import read_outlines
from napari_cortex_decoder.atlas.rois import read_rois
from napari_cortex_decoder.errors import AtlasError
from napari_cortex_decoder.reading import reads

BUNDLED: dict[str, Callable[[str, str], Atlas]] = {
    "dorsal-cortex": read_outlines,
    "ajioka-50": read_rois,
}
"""Atlases that come with the package."""


@reads("an atlas", AtlasError)
def load_atlas(name_or_path: str | Path) -> Atlas:
    """Return an atlas by name, or read one from a file.

    Parameters
    ----------
    name_or_path
        ``"dorsal-cortex"``, the project's own outlines; ``"ajioka-50"``, the 50 ROIs of Ajioka et
        al. 2024 (approximate); a ``.json`` or ``.geojson`` file of outlines (this project's,
        wfield's ``…_ccf_labels.json``, or GeoJSON in mm); or the name of a BrainGlobe atlas such
        as ``"allen_mouse_25um"`` (extra ``atlas``; fetched by BrainGlobe if it is not there yet).
        A label image needs to be told its scale: see `read_label_image`.

    Raises
    ------
    AtlasError
        If there is no such atlas, or the file cannot be used.
    """
    if str(name_or_path) in BUNDLED:
        name = f"{name_or_path}".replace("-", "_") + ".json"
        file = resources.files("napari_cortex_decoder.atlas") / "data" / name
        return BUNDLED[str(name_or_path)](file.read_text(encoding="utf-8"), name)
    path = Path(name_or_path)
    if path.suffix.lower() in (".json", ".geojson"):
        from napari_cortex_decoder.atlas.importers.outline_files import read_outline_file

        return read_outline_file(path)
    if path.suffix or path.exists():
        raise AtlasError(
            f"{path} is no file of outlines (.json, .geojson); "
            "open a label image through read_label_image, which asks for its scale."
        )
    from napari_cortex_decoder.atlas.importers.brainglobe import load_brainglobe

    return load_brainglobe(str(name_or_path))
