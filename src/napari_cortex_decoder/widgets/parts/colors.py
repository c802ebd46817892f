"""The colours of behaviours and traces: safe for colour-blind eyes, the same everywhere.

The palette is Okabe and Ito's (Okabe M, Ito K 2008, *Color Universal Design*), without its black.
"""

from __future__ import annotations

from collections.abc import Iterable

Color = tuple[int, int, int]
"""Red, green and blue, 0–255."""

SKY_BLUE: Color = (86, 180, 233)
ORANGE: Color = (230, 159, 0)
GREEN: Color = (0, 158, 115)
PURPLE: Color = (204, 121, 167)
YELLOW: Color = (240, 228, 66)
BLUE: Color = (0, 114, 178)
VERMILION: Color = (213, 94, 0)

TRACE: Color = (136, 144, 156)
"""Measured traces, such as speed: no behaviour's colour, and seen on dark and light themes."""

_LEAST_CONTRAST = 3.0
_FIXED: dict[str, Color] = {"rest": SKY_BLUE, "run": ORANGE}
_OTHERS: tuple[Color, ...] = (GREEN, PURPLE, YELLOW, BLUE, VERMILION)


def behavior_colors(behaviors: Iterable[str]) -> dict[str, Color]:
    """Return the color of each behavior.

    Rest and run always look the same; others take the palette in order and repeat it, every round
    lighter. All names in use have to be given, so that one has one color wherever it is shown.
    """
    colors: dict[str, Color] = {}
    n_others = 0
    for name in behaviors:
        if name in colors:
            continue
        if name in _FIXED:
            colors[name] = _FIXED[name]
            continue
        colors[name] = palette_color(n_others)
        n_others += 1
    return colors


def palette_color(place: int) -> Color:
    """Return a colour of the palette that is neither rest's nor run's; every round is lighter."""
    lightness = min(place // len(_OTHERS), 4) / 6
    color = _OTHERS[place % len(_OTHERS)]
    red, green, blue = (round(value + (255 - value) * lightness) for value in color)
    return red, green, blue


def legible(color: Color, background: Color) -> Color:
    """Return a colour as a thin line or small text on a background has it: seen, of the same hue.

    One that has no contrast of 3 to 1 (WCAG 2.2, 1.4.11) is made darker on light, lighter on dark.
    """
    end = 0 if _luminance(background) > 0.18 else 255
    for share in range(21):
        red, green, blue = (round(value + (end - value) * share / 20) for value in color)
        if contrast((red, green, blue), background) >= _LEAST_CONTRAST:
            break
    return red, green, blue


def contrast(one: Color, other: Color) -> float:
    """Return the contrast of two colours by WCAG 2.2: 1 for the same, 21 for black and white."""
    dark, light = sorted(map(_luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: Color) -> float:
    """Return how light a colour is, 0–1, linear."""
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in as_floats(color)[:3]
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def as_floats(color: Color) -> tuple[float, float, float, float]:
    """Return a colour as napari wants it: red, green, blue and opacity, 0–1."""
    red, green, blue = color
    return red / 255, green / 255, blue / 255, 1.0
