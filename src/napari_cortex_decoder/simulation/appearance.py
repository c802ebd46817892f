"""How the brain of a simulated mouse looks below its window, and where each signal shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_cortex_decoder.arrays import Bools, Floats
from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.simulation.seeds import generator
from napari_cortex_decoder.simulation.subject import Subject
from napari_cortex_decoder.simulation.vessels import vessel_image


@dataclass(frozen=True, eq=False)
class Appearance:
    """Maps of one mouse in the pose of one session, each shape (y, x) or (k, y, x)."""

    # counts above the dark offset, with the brain, its window's rim and what lies around
    brightness: Floats
    cortex: Floats  # 0–1: where there is cortex to be seen
    areas: Floats  # (areas, y, x), about 0–1: how much of each area's activity shows
    blood: Floats  # (patterns, y, x): how much of each blood-volume pattern shows
    pulse: Floats  # how much of heartbeat and respiration shows
    # how much faster than elsewhere the light bleaches: about 0, negative where slower
    fading: Floats
    drift: Floats  # (patterns, y, x): how much of each slow drift shows


def draw_appearance(
    subject: Subject, registration: Registration, shape: tuple[int, int], pixel_size: float
) -> Appearance:
    """Draw one mouse."""
    p = subject.parameters
    rows_columns = np.indices(shape).reshape(2, -1).T.astype(float)
    xy = registration.to_mm(rows_columns).reshape(*shape, 2)
    labels = registration.label_image(shape)
    schematic = [i + 1 for i, a in enumerate(registration.atlas.areas) if a.acronym == "OB"]
    inside = (labels > 0) & ~np.isin(labels, schematic)
    cortex = _window(subject, xy, inside, pixel_size)
    vessels, midline = vessel_image(subject.number, xy, pixel_size)

    blur = subject.scatter / pixel_size
    shown = np.stack(
        [
            gaussian_filter((labels == i + 1).astype(float), blur, mode="nearest")
            for i in range(len(registration.atlas.areas))
        ]
    )
    # Scattered light mixes the areas; it loses nothing between them.
    shown *= cortex / np.maximum(shown.sum(axis=0), 0.2)
    smooth = _smooth_fields(
        generator("expression", subject.number), xy, 5.0, len(p.hemodynamic_patterns)
    )
    shown *= 1 + p.expression_unevenness * smooth[0]
    shown *= 1 - 0.35 * np.maximum(vessels, midline)  # blood above the cells hides some of them

    bloody = cortex * (1 + p.vessel_boost * vessels + p.midline_boost * midline)
    blood = bloody * np.concatenate([np.ones((1, *shape)), smooth[1:]])
    brightness = _brightness(subject, xy, cortex, np.maximum(vessels, midline), pixel_size)
    uneven = _smooth_fields(generator("bleaching", subject.number), xy, 2.5, 1)[0]
    fading = p.bleaching_unevenness * cortex * uneven
    drift = cortex * _smooth_fields(
        generator("drift map", subject.number), xy, p.drift_scale, p.drift_patterns
    )
    return Appearance(brightness, cortex, shown, blood, bloody, fading, drift)


def _window(subject: Subject, xy: Floats, inside: Bools, pixel_size: float) -> Floats:
    """Return the part of the brain that the window shows, 0–1, shape (y, x)."""
    rng = generator("window", subject.number)
    rounded = gaussian_filter(inside.astype(float), 0.45 / pixel_size)
    ragged = _smooth_fields(rng, xy, 0.8, 1)[0]
    edge = (rounded - rng.uniform(0.35, 0.5) + 0.04 * ragged) / 0.12
    front, back = rng.uniform(-3.4, -2.9), rng.uniform(4.2, 4.8)
    y = xy[..., 1] + 0.06 * ragged
    cut = np.minimum((y - front) / 0.08, (back - y) / 0.08)
    return np.asarray(1 / (1 + np.exp(-np.clip(np.minimum(edge, cut) * 4, -30, 30))))


def _brightness(
    subject: Subject, xy: Floats, cortex: Floats, vessels: Floats, pixel_size: float
) -> Floats:
    """Return counts above the dark offset, shape (y, x)."""
    rng = generator("brightness", subject.number)
    center = np.array([rng.normal(0, 0.8), 0.7 + rng.normal(0, 0.8)])
    radius = np.linalg.norm(xy - center, axis=-1)
    beam = np.exp(-0.5 * (radius / rng.uniform(4.0, 6.0)) ** 2)
    uneven, around, glue, grain = (
        _smooth_fields(rng, xy, scale, 1)[0] for scale in (2.5, 1.2, 0.6, 0.25)
    )
    brain = beam * (1 + 0.08 * uneven) * (1 - 0.4 * vessels)
    halo = gaussian_filter(cortex * beam, 0.5 / pixel_size)
    outside = 0.12 * halo + 0.05 * beam * np.maximum(around, 0) + 0.01
    image = subject.brightness * (cortex * brain + (1 - cortex) * outside)
    # Glue at the rim of the window catches light; its brightest points are beyond the camera.
    rim = 4 * cortex * (1 - cortex)
    glint = gaussian_filter(rim, 0.05 / pixel_size) * np.exp(1.2 * glue + 0.6 * grain)
    image += rng.uniform(0.2, 0.6) * subject.brightness * glint
    spare = 65_535 - subject.dark_offset
    n_saturated = round(subject.parameters.saturated * image.size)
    if n_saturated:
        brightest = np.argpartition(glint.ravel(), -n_saturated)[-n_saturated:]
        image.ravel()[brightest] = 1.2 * spare
    return np.asarray(image)


def _smooth_fields(rng: np.random.Generator, xy: Floats, scale: float, n: int) -> Floats:
    """Return `n` random maps of SD 1 that change over `scale` mm, shape (n, y, x).

    They are sums of waves over the brain, not over pixels: a mouse looks the same at any
    resolution and in any pose.
    """
    waves = 24
    vectors = rng.normal(0, 1 / scale, (n, waves, 2))
    phases = rng.uniform(0, 2 * np.pi, (n, waves))
    fields = np.zeros((n, *xy.shape[:-1]))
    for i in range(n):
        for vector, phase in zip(vectors[i], phases[i], strict=True):
            fields[i] += np.cos(xy @ vector + phase)
    return np.asarray(fields * np.sqrt(2 / waves))
