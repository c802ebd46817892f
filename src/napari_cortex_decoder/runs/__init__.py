"""Jobs that work for minutes or hours: a folder that survives a kill, and a process of their own.

Importing this package loads no torch.
"""

from napari_cortex_decoder.runs.folder import RunFolder
from napari_cortex_decoder.runs.process import CutShort, RunProcess, end_when_nobody_waits

__all__ = ["CutShort", "RunFolder", "RunProcess", "end_when_nobody_waits"]
