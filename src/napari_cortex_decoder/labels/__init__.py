"""Labels: what the animal did, frame by frame."""

from napari_cortex_decoder.labels.ethogram import UNKNOWN, Bout, Ethogram, Source

__all__ = ["UNKNOWN", "Bout", "Ethogram", "Source"]
