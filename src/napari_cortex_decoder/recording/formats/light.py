"""Which light makes the reference movie."""

from __future__ import annotations

_ISOSBESTIC = (380.0, 430.0)


def isosbestic(wavelength: float | None) -> bool:
    """Whether light (nm) excites the indicator alike with and without calcium, as 405 nm does."""
    return wavelength is not None and _ISOSBESTIC[0] <= wavelength <= _ISOSBESTIC[1]
