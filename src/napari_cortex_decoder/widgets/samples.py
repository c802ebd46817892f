"""*File ▸ Open Sample*: a mouse to try everything on."""

from __future__ import annotations

from napari_cortex_decoder.simulation import simulate_recording
from napari_cortex_decoder.widgets.recording.layers import (
    LayerData,
    movie_layer,
    sample_contrast_limits,
)


def simulated_mouse() -> list[LayerData]:
    """Give a minute of a simulated mouse that runs and rests."""
    recording = simulate_recording(seed=1, subject=1, seconds=60.0)
    return [movie_layer(recording, sample_contrast_limits(recording))]
