"""Decode behaviour from cortex-wide calcium movies, and see which cortex it was read from.

Importing this package loads neither torch nor Qt: each public name is fetched on first use.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_cortex_decoder.atlas import Atlas, Registration, load_atlas, load_registration
    from napari_cortex_decoder.decoder import Decoder, Prediction, load_decoder
    from napari_cortex_decoder.labels import Ethogram, read_labels
    from napari_cortex_decoder.recording import BehaviorTrace, Recording, open_recording
    from napari_cortex_decoder.saliency import area_importance, cutout_importance
    from napari_cortex_decoder.simulation import simulate_recording
    from napari_cortex_decoder.tuning.fine_tune import fine_tune, start_fine_tune
    from napari_cortex_decoder.tuning.result import FineTuneResult

__version__ = version("napari-cortex-decoder")

_HOMES = {
    "Atlas": "atlas",
    "BehaviorTrace": "recording",
    "Decoder": "decoder",
    "Ethogram": "labels",
    "FineTuneResult": "tuning.result",
    "Prediction": "decoder",
    "Recording": "recording",
    "Registration": "atlas",
    "area_importance": "saliency",
    "cutout_importance": "saliency",
    "fine_tune": "tuning.fine_tune",
    "load_atlas": "atlas",
    "load_decoder": "decoder",
    "load_registration": "atlas",
    "open_recording": "recording",
    "read_labels": "labels",
    "saliency": "saliency",
    "simulate_recording": "simulation",
    "start_fine_tune": "tuning.fine_tune",
}

__all__ = [
    "Atlas",
    "BehaviorTrace",
    "Decoder",
    "Ethogram",
    "FineTuneResult",
    "Prediction",
    "Recording",
    "Registration",
    "__version__",
    "area_importance",
    "cutout_importance",
    "fine_tune",
    "load_atlas",
    "load_decoder",
    "load_registration",
    "open_recording",
    "read_labels",
    "saliency",
    "simulate_recording",
    "start_fine_tune",
]


def __getattr__(name: str) -> Any:
    """Fetch a public name from its room when it is first asked for."""
    if name in _HOMES:
        room = import_module(f"{__name__}.{_HOMES[name]}")
        # a room's own name stays the room's, whatever was fetched first; `saliency` can be called
        value = room if name == _HOMES[name] else getattr(room, name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names, fetched or not."""
    return __all__
