"""Where and how to compute: one thing, passed whole."""

from __future__ import annotations

from dataclasses import dataclass

from napari_cortex_decoder.choices import PRECISIONS, Precision, check_choice
from napari_cortex_decoder.errors import DeviceError


@dataclass(frozen=True, kw_only=True)
class Compute:
    """Where and how to compute; no result depends on it, but for rounding.

    Attributes
    ----------
    device
        ``"auto"`` (CUDA, else MPS, else CPU), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.
    precision
        ``"half"``: a GPU encodes the images of a decode in 16 bits, which is faster; probabilities
        change by less than 5e-3. A CPU always computes in 32 bits.
    batch_size
        Images encoded, or windows of traces classified, at once; None: chosen for the device. A
        training has its own.
    threads
        Of PyTorch in this process, from then on; None: as many as it has.
    devices
        How many GPUs (or, on a CPU, processes) train at once, by Lightning's `ddp`.
    workers
        Processes that read examples for each device that trains; 0: the training process itself.

    Raises
    ------
    DeviceError
        If a number is too small, or there is no such precision.
    """

    device: str = "auto"
    precision: Precision = "full"
    batch_size: int | None = None
    threads: int | None = None
    devices: int = 1
    workers: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        check_choice("precision", self.precision, PRECISIONS, DeviceError)
        for name, least in (("batch_size", 1), ("threads", 1), ("devices", 1), ("workers", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise DeviceError(f"the {name.replace('_', ' ')} is {value}; give {least} or more.")


HERE = Compute()
"""As this machine does it best."""

CPU = Compute(device="cpu")
"""Where figures and tests are the same everywhere."""
