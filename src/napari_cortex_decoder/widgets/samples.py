"""*File ▸ Open Sample*: mice to try everything on."""

from __future__ import annotations

from napari_cortex_decoder.recording.samples import open_real_mouse
from napari_cortex_decoder.simulation import simulate_recording
from napari_cortex_decoder.widgets.recording.layers import LayerData, layers_to_add


def simulated_mouse() -> list[LayerData]:
    """Return a minute of a simulated mouse that runs and rests."""
    return layers_to_add(simulate_recording(seed=1, subject=1, seconds=60.0))


def real_mouse() -> list[LayerData]:
    """Return a real mouse, filmed once a second in two colors, with its treadmill."""
    return layers_to_add(open_real_mouse())
