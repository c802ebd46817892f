"""An accelerator that nobody has: torch's meta device in its place.

Meta tensors have shapes and no values. What is computed there is checked as a real accelerator
would: tensors of two devices do not mix, and none has 64-bit floats, which Apple GPUs refuse. What
is copied back to the CPU is made up.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from lightning.pytorch.accelerators import Accelerator
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_MIXED = {torch.ops.aten.copy_, torch.ops.aten.index, torch.ops.aten.index_put_}
_CPU = torch.device("cpu")


class Rehearsal(TorchDispatchMode):
    """Watch every operation; count those on the accelerator.

    Attributes
    ----------
    operations
        How many there were.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
        if not any(x.is_meta for x in tensors):
            return _checked(func(*args, **kwargs))
        with self:  # in inference mode operations that are made of others come whole
            parts = func.decompose(*args, **kwargs)
        if parts is not NotImplemented:
            return parts
        self.operations += 1
        packet = func.overloadpacket
        if packet is torch.ops.aten._local_scalar_dense:
            return torch.ones((), dtype=tensors[0].dtype).item()
        if packet is torch.ops.aten._to_copy and kwargs.get("device") == _CPU:
            return _made_up(args[0], kwargs.get("dtype"))
        if packet is torch.ops.aten.copy_ and not args[0].is_meta:
            return args[0].copy_(_made_up(args[1], args[0].dtype).expand_as(args[0]))
        if packet is torch.ops.aten.nonzero:
            return tensors[0].new_empty((tensors[0].numel(), tensors[0].ndim), dtype=torch.long)
        # a number or the places of an index may come from the CPU, other tensors may not
        if packet not in _MIXED and any(not x.is_meta and x.ndim > 0 for x in tensors):
            raise RuntimeError(f"{func}: expected all tensors to be on the same device")
        return _checked(func(*args, **kwargs))


def _checked(result: Any) -> Any:
    for x in tree_leaves(result):
        if isinstance(x, torch.Tensor) and x.is_meta and x.dtype in (torch.float64, torch.cdouble):
            raise TypeError("this accelerator does not support float64")
    return result


def _made_up(tensor: torch.Tensor, dtype: torch.dtype | None) -> torch.Tensor:
    dtype = dtype or tensor.dtype
    if dtype.is_floating_point:
        return torch.linspace(0.1, 0.9, tensor.numel(), dtype=dtype).reshape(tensor.shape)
    return torch.ones(tensor.shape, dtype=dtype)


@contextmanager
def rehearsed(patch: pytest.MonkeyPatch) -> Iterator[Rehearsal]:
    """Let `"meta"` be a device of this machine, the one that `"auto"` means."""
    from napari_cortex_decoder.decoder.engine import devices
    from napari_cortex_decoder.training import fitting

    autocast = torch.autocast

    def autocast_there(kind: str, *arguments: Any, **options: Any) -> Any:
        return nullcontext() if kind == "meta" else autocast(kind, *arguments, **options)

    patch.setattr(devices, "available_devices", lambda: {"meta": "rehearsal", "cpu": "CPU"})
    patch.setattr(torch, "autocast", autocast_there)
    patch.setitem(fitting.ACCELERATORS, "meta", LightningAccelerator())
    with Rehearsal() as rehearsal:
        yield rehearsal


class LightningAccelerator(Accelerator):
    """What Lightning wants to know of it."""

    def setup_device(self, device: torch.device) -> None:
        pass

    def teardown(self) -> None:
        pass

    @staticmethod
    def parse_devices(devices: Any) -> Any:
        return devices

    @staticmethod
    def get_parallel_devices(devices: Any) -> list[torch.device]:
        return [torch.device("meta")]

    @staticmethod
    def auto_device_count() -> int:
        return 1

    @staticmethod
    def is_available() -> bool:
        return True

    @staticmethod
    def name() -> str:
        return "meta"
