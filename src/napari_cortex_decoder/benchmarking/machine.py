"""The machine: what it is, and the ceilings that figures are held against."""

from __future__ import annotations

import os
import platform
import timeit
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

_PACKAGES = ("napari-cortex-decoder", "torch", "monai", "openvino", "numpy", "h5py", "tifffile")


def describe_machine() -> dict[str, object]:
    """Say on what, with what and when figures were taken."""
    import torch

    cuda = torch.cuda.is_available()
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "gpu": torch.cuda.get_device_name(0) if cuda else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _PACKAGES},
    }


def best_seconds(function: Callable[[], object], rounds: int = 3) -> float:
    """Return the seconds of the fastest of some calls: the one that was disturbed least."""
    return min(timeit.repeat(function, number=1, repeat=rounds))


def gemm_flops(edge: int = 2048, **kind: Any) -> float:
    """Return the FLOP/s of a product of two square matrices, of 32-bit floats on the CPU.

    `kind` is another `device` or `dtype`.
    """
    import torch

    a = torch.randn(edge, edge, **kind)

    def multiply() -> None:
        a @ a
        if a.is_cuda:
            torch.cuda.synchronize(a.device)

    multiply()
    return 2 * edge**3 / best_seconds(multiply)


def copy_bandwidth() -> float:
    """Return the bytes a second that numpy copies, of 256 MiB."""
    source = np.ones(2**28, np.uint8)
    return source.nbytes / best_seconds(source.copy)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cpu() -> str:
    details = Path("/proc/cpuinfo")
    lines = details.read_text().splitlines() if details.exists() else []
    names = [line.partition(": ")[2] for line in lines if "model name" in line]
    return names[0] if names else platform.processor() or platform.machine()
