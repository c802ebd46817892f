"""The decoding engine: movies of any length through the network, each frame encoded once."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cortex_decoder.decoder.config import ImageConfig
from napari_cortex_decoder.decoder.inference import InferenceNetwork
from napari_cortex_decoder.decoder.networks import Cnn, CnnRnn, probabilities
from napari_cortex_decoder.decoder.normalization import StatisticsAccumulator, normalized_frames
from napari_cortex_decoder.decoder.prediction import DecodeEvent
from napari_cortex_decoder.decoder.suitability import check_length
from napari_cortex_decoder.errors import DeviceError
from napari_cortex_decoder.movie_blocks import read_blocks
from napari_cortex_decoder.recording import Recording

_Item = TypeVar("_Item")

_BATCH_PIXELS = {"cpu": 16 * 128**2, "mps": 64 * 128**2, "cuda": 256 * 128**2}
"""Pixels of a batch: on a CPU so few that a layer's output stays in the cache."""

_OUT_OF_MEMORY = ("out of memory", "not enough memory", "can't allocate memory", "alloc_failed")
"""How CUDA, MPS, cuDNN, cuBLAS and the CPU's allocator put it in a plain RuntimeError."""


def available_devices() -> dict[str, str]:
    """Give the devices of this machine, best first: what to ask for, and what it is called."""
    devices = {}
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            devices[f"cuda:{index}"] = torch.cuda.get_device_name(index)
    if torch.backends.mps.is_available():
        devices["mps"] = "Apple GPU"
    devices["cpu"] = "CPU"
    return devices


def select_device(name: str) -> torch.device:
    """Turn ``"auto"``, ``"cpu"``, ``"mps"``, ``"cuda"`` or ``"cuda:1"`` into a device.

    Raises
    ------
    DeviceError
        If it is not there; names those that are.
    """
    devices = available_devices()
    if name == "auto":
        return torch.device(next(iter(devices)))
    full_name = "cuda:0" if name == "cuda" else name
    if full_name not in devices:
        raise DeviceError(
            f"there is no device {name!r} here; use auto or one of {', '.join(devices)}."
        )
    return torch.device(full_name)


class Engine:
    """One network on one device.

    Parameters
    ----------
    network, config
        The decoder's.
    device
        Where to compute, as for `select_device`.
    batch_size
        Images encoded at once; None: chosen for the device.

    Attributes
    ----------
    device, batch_size
        As asked for, until memory runs out: then the batch is halved, and halved again, and at
        last the work moves to the CPU.
    """

    def __init__(
        self,
        network: Cnn | CnnRnn,
        config: ImageConfig,
        *,
        device: str = "auto",
        batch_size: int | None = None,
    ) -> None:
        if batch_size is not None and batch_size < 1:
            raise DeviceError(f"the batch size is {batch_size}; give 1 or more images.")
        self.device = select_device(device)
        self._config = config
        self.batch_size = batch_size or self._usual_batch()
        self._network = InferenceNetwork(network)

    def check(self, recording: Recording) -> None:
        """Refuse a recording that is too short for one prediction, as `check_length` does."""
        check_length(recording, self._config)

    def stream(self, recording: Recording) -> Generator[DecodeEvent, None, None]:
        """Measure a recording, then decode it.

        Two passes (one with running statistics), each reading ahead by one block while the block
        before it is computed; what is kept between blocks does not grow with the movie.

        Raises
        ------
        RecordingError
            If the recording is shorter than one window, does not vary, or has unusable pixels.
        DeviceError
            If not even the CPU has memory for a single image.
        """
        self.check(recording)
        preprocessing = self._config.preprocessing
        statistics = None
        if not preprocessing.causal:
            yield DecodeEvent("statistics", 0, recording.n_frames)
            accumulator = StatisticsAccumulator(recording, preprocessing)
            with closing(_ahead(read_blocks(recording.movie))) as blocks:
                for start, frames in blocks:
                    accumulator.update(start, frames)
                    yield DecodeEvent("statistics", start + len(frames), recording.n_frames)
            statistics = accumulator.result()
        normalized = normalized_frames(recording, preprocessing, statistics)
        try:
            with closing(_ahead(normalized)) as blocks_ahead:
                yield from self._decode(blocks_ahead, recording)
        finally:
            self._release()

    def _decode(
        self, blocks: Iterator[NDArray[np.float32]], recording: Recording
    ) -> Iterator[DecodeEvent]:
        """Decode a movie that comes in blocks of normalised frames, shape (n, y, x)."""
        preprocessing = self._config.preprocessing
        overlap = preprocessing.channel_offsets[-1] - preprocessing.channel_offsets[0]
        warm_up = preprocessing.warm_up_frames(recording.known_frame_rate())
        first = warm_up + self._config.frames_before
        total = recording.n_frames - first - self._config.frames_after
        done = 0
        frames = torch.empty(0, *preprocessing.image_size)
        inputs = torch.empty(0, self._network.project.out_features)
        if message := self._place():
            yield DecodeEvent("decoding", 0, total, message=message)
        for block in blocks:
            left_out = min(warm_up, len(block))
            warm_up -= left_out
            frames = torch.cat([frames, torch.from_numpy(block[left_out:])])
            while len(frames) > overlap:
                size = min(self.batch_size, len(frames) - overlap)
                results = self._attempt(frames[: size + overlap], inputs)
                if results is None:
                    yield DecodeEvent("decoding", done, total, message=self._give_way(size))
                    continue
                probability, inputs = results
                frames = frames[size:]
                start = first + done
                done += len(probability)
                yield DecodeEvent("decoding", done, total, start, probability)

    def _attempt(self, frames: Tensor, inputs: Tensor) -> tuple[NDArray[np.float32], Tensor] | None:
        """Run one batch as `_run` does; None if memory ran out."""
        try:
            return self._run(frames, inputs)
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
        return None

    @torch.inference_mode()
    def _run(self, frames: Tensor, inputs: Tensor) -> tuple[NDArray[np.float32], Tensor]:
        """Encode the images of some frames and classify the windows that they complete.

        Parameters
        ----------
        frames
            Shape (n, y, x), normalised; makes fewer images than frames.
        inputs
            What earlier images that still belong to a window gave, shape (m, inputs).

        Returns
        -------
        probability
            Shape (windows, k), float32.
        inputs
            To hand to the next call.
        """
        offsets = self._config.preprocessing.channel_offsets
        n = len(frames) - (offsets[-1] - offsets[0])
        frames = frames.to(self.device)
        images = torch.stack([frames[o - offsets[0] :][:n] for o in offsets], dim=1)
        # cuDNN would round to 10-bit mantissas (TF32) and choose its algorithms by the clock.
        with torch.backends.cudnn.flags(
            enabled=True, benchmark=False, deterministic=True, allow_tf32=False
        ):
            inputs = torch.cat([inputs.to(self.device), self._network.encode(images)])
            length = self._config.window.length
            if len(inputs) < length:
                return np.empty((0, len(self._config.behaviors)), np.float32), inputs
            windows = inputs.unfold(0, length, 1).transpose(1, 2)
            probability = probabilities(self._network.classify(windows), self._config.temperature)
        return probability.cpu().numpy(), inputs[len(inputs) - length + 1 :].clone()

    def _usual_batch(self) -> int:
        rows, columns = self._config.preprocessing.image_size
        return max(1, _BATCH_PIXELS[self.device.type] // (rows * columns))

    def _place(self) -> str | None:
        """Move the network to its device, or to the CPU and say so."""
        try:
            self._network.to(self.device)
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
        else:
            return None
        return self._give_way(1)

    def _give_way(self, size: int) -> str:
        """After memory ran out with `size` images: make it possible to go on, and say how."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
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
        self.batch_size = self._usual_batch()
        self._network.to(self.device)
        return message

    def _release(self) -> None:
        """Give the device's memory back: torch would keep it until the process ends."""
        if self.device.type != "cpu":
            self._network.to("cpu")
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            else:
                torch.mps.empty_cache()


def _is_out_of_memory(error: RuntimeError) -> bool:
    said = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or any(
        phrase in said for phrase in _OUT_OF_MEMORY
    )


def _ahead(items: Iterator[_Item]) -> Generator[_Item, None, None]:
    """Let a thread make the next item while the one before it is used.

    Closing the generator waits for the item in the making and ends the thread.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="decoder-reader") as thread:
        pending = thread.submit(next, items, None)
        while (item := pending.result()) is not None:
            pending = thread.submit(next, items, None)
            yield item
