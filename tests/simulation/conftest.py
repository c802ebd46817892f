"""Simulated mice that several tests look at."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_cortex_decoder.simulation import SimulatedRecording, simulate_recording


@pytest.fixture(scope="session")
def mice() -> list[SimulatedRecording]:
    """Three mice, one minute each, at a quarter of the usual pixels."""
    return [
        simulate_recording(seed=3, subject=subject, seconds=60, shape=(64, 64))
        for subject in (21, 22, 23)
    ]


@pytest.fixture(scope="session")
def area_changes(
    mice: list[SimulatedRecording],
) -> list[dict[tuple[str, str], NDArray[np.floating]]]:
    """ΔF/F (t,) of each visible cortical area of each mouse, measured on its movie."""
    found = []
    for mouse in mice:
        movie = mouse.movie.compute().astype(float)
        labels = mouse.truth.registration.label_image(mouse.shape)
        changes = {}
        for i, area in enumerate(mouse.truth.registration.atlas.areas):
            inside = labels == i + 1
            if area.acronym != "OB" and inside.any():
                trace = movie[:, inside].mean(axis=1)
                changes[area.acronym, area.side] = trace / trace.mean() - 1
        found.append(changes)
    return found
