"""Finding an atlas by its name."""

from __future__ import annotations

from napari_cortex_decoder.atlas.atlas import Atlas
from napari_cortex_decoder.atlas.outlines import bundled_outlines
from napari_cortex_decoder.errors import AtlasError

_BUNDLED = {"dorsal-cortex": "dorsal_cortex"}


def load_atlas(name: str) -> Atlas:
    """Give an atlas by name.

    Parameters
    ----------
    name
        ``"dorsal-cortex"``, which comes with the package.

    Raises
    ------
    AtlasError
        If there is no such atlas.
    """
    if name in _BUNDLED:
        return bundled_outlines(_BUNDLED[name])
    raise AtlasError(f"there is no atlas {name!r}; use one of {', '.join(_BUNDLED)}.")
