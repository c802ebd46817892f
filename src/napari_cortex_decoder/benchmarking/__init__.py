"""How fast the program is here, measured against what this machine can do in the same minute."""

from napari_cortex_decoder.benchmarking.figures import GROUPS, judged, measure
from napari_cortex_decoder.benchmarking.machine import describe_machine

__all__ = ["GROUPS", "Figure", "describe_machine", "judged", "measure"]
