"""Where a network computes: less at once, or elsewhere, when memory runs out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.decoder.engine.devices import (
    free_memory,
    is_out_of_memory,
    select_device,
    usual_batch_size,
)
from napari_cortex_decoder.decoder.engine.inference import InferenceNetwork
from napari_cortex_decoder.errors import DeviceError

_Done = TypeVar("_Done")


class Place:
    """The device of a network.

    `device` and `batch_size` are as asked for, until memory runs out: then the batch is halved, and
    halved again, and at last the work moves to the CPU.
    """

    def __init__(
        self, network: InferenceNetwork, compute: Compute, image_size: tuple[int, int]
    ) -> None:
        self._network, self._image_size = network, image_size
        self.device = select_device(compute)
        self.batch_size = compute.batch_size or usual_batch_size(self.device, image_size)
        self._precision = compute.precision

    def attempt(self, work: Callable[[], _Done]) -> _Done | None:
        """Do some work on the device; None if memory ran out."""
        try:
            return work()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        return None

    @property
    def in_half(self) -> bool:
        """Whether it computes in 16 bits."""
        return self._precision == "half" and self.device.type != "cpu"

    def move(self) -> str | None:
        """Move the network to its device, or to the CPU and say so."""
        self._network.half_precision = self.in_half
        moved = self.attempt(lambda: self._network.to(self.device))
        return self.give_way(1) if moved is None else None

    def give_way(self, size: int) -> str:
        """After memory ran out with `size` images: make it possible to go on, and say how."""
        free_memory(self.device)
        if size > 1:
            self.batch_size = size // 2
            return (
                f"{self.device} ran out of memory with {size} images at once; going on with "
                f"{self.batch_size} at once."
            )
        if self.device.type == "cpu":
            raise DeviceError(
                "there is no memory left for even one image on the CPU; close other programs and "
                "decode again."
            )
        message = (
            f"{self.device} has no memory left for even one image; going on on the CPU, which is "
            "slower."
        )
        self.device = torch.device("cpu")
        self.batch_size = usual_batch_size(self.device, self._image_size)
        self._network.half_precision = False
        self._network.to(self.device)
        return message

    def release(self) -> None:
        """Free the device's memory: torch would keep it until the process ends."""
        if self.device.type != "cpu":
            self._network.to("cpu")
            free_memory(self.device)
