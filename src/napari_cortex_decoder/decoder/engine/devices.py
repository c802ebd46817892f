"""Devices to compute on: which there are, how much they take at once, and when memory ran out."""

from __future__ import annotations

import torch

from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.errors import DeviceError

_BATCH_PIXELS = {"cpu": 64 * 128**2, "cuda": 256 * 128**2}
"""Pixels of a batch; another kind of device takes as many as a CPU."""

_OUT_OF_MEMORY = ("out of memory", "not enough memory", "can't allocate memory", "alloc_failed")
"""How CUDA, MPS, cuDNN, cuBLAS and the CPU's allocator put it in a plain RuntimeError."""


def available_devices() -> dict[str, str]:
    """Return the devices of this machine, best first: what to ask for, and what it is called."""
    devices = {}
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            devices[f"cuda:{index}"] = torch.cuda.get_device_name(index)
    if torch.backends.mps.is_available():
        devices["mps"] = "Apple GPU"
    devices["cpu"] = "CPU"
    return devices


def select_device(compute: Compute, *, auto: str = "auto") -> torch.device:
    """Return the device to compute on; from then on torch takes the threads that it may.

    Raises DeviceError if it is not there; names those that are. `auto` is what ``"auto"`` means;
    itself: the best there is.
    """
    if compute.threads is not None:
        torch.set_num_threads(compute.threads)
    devices = available_devices()
    name = auto if compute.device == "auto" else compute.device
    if name == "auto":
        return torch.device(next(iter(devices)))
    full_name = "cuda:0" if name == "cuda" else name
    if full_name not in devices:
        raise DeviceError(
            f"there is no device {name!r} here; use auto or one of {', '.join(devices)}."
        )
    return torch.device(full_name)


def usual_batch_size(device: torch.device, image_size: tuple[int, int]) -> int:
    """Return how many images of a size a device takes at once."""
    rows, columns = image_size
    return max(1, _BATCH_PIXELS.get(device.type, _BATCH_PIXELS["cpu"]) // (rows * columns))


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether an error of torch says that a device has no memory left."""
    said = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or any(
        phrase in said for phrase in _OUT_OF_MEMORY
    )


def free_memory(device: torch.device) -> None:
    """Free what torch keeps of a device's memory: it would until the process ends."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
