"""Named points of the dorsal mouse cortex, in mm from bregma: x to the right, y posterior."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

WFIELD: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "OB_left": (-1.95, -3.45),
        "OB_center": (0.0, -3.45),
        "OB_right": (1.95, -3.45),
        "RSP_base": (0.0, 3.2),
    }
)
"""wfield's four (Couto et al. 2021, Nat Protoc 16:3241): where the olfactory bulbs meet the cortex
at its left and right edge and at the midline, and where retrosplenial cortex ends behind."""

MESONET: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "left": (-3.1, -2.25),
        "top left": (-1.8, -3.45),
        "bottom left": (-0.85, 3.9),
        "top center": (0.0, -3.45),
        "bregma": (0.0, 0.0),
        "lambda": (0.0, 3.35),
        "right": (3.1, -2.25),
        "top right": (1.8, -3.45),
        "bottom right": (0.85, 3.9),
    }
)
"""MesoNet's nine (Xiao et al. 2021, Nat Commun 12:5992), placed relative to the outlines.

MesoNet's own bregma lies 0.09 mm in front of the one its masks have when they are fitted to
CCFv3; here bregma is the origin and the other eight keep their place on the cortex. Its lambda is
the end of retrosplenial cortex at the midline, not the suture of the skull (about 4.2 mm)."""

LANDMARKS: Mapping[str, tuple[float, float]] = MappingProxyType({**WFIELD, **MESONET})
"""All of them by name."""
