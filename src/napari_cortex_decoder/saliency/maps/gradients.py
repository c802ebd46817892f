"""How maps are made: gradients through the windows onto each of their frames, and occlusion."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from captum.attr import IntegratedGradients, LayerAttribution, LayerGradCam
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_cortex_decoder.decoder.engine.inference import steady_cudnn
from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.progress import Progress, Report
from napari_cortex_decoder.saliency.masking.encoding import MaskedDecoder, log_odds
from napari_cortex_decoder.saliency.masking.frames import Ints
from napari_cortex_decoder.saliency.masking.grids import cutouts

Maps = NDArray[np.float32]

LARGEST_GAP = 0.01
"""Share of the change of log-odds that integrated gradients may leave unexplained."""

_CHUNK = 16
"""Windows whose gradients are taken at once; memory is that of so many and their overlap."""

_MOST_STEPS = 256


def occlusion(
    masked: MaskedDecoder, scored: Ints, behavior: int, report: Report
) -> tuple[Maps, Ints, NDArray[np.float32], tuple[int, int]]:
    """Cut squares out of the windows; equal to captum's Occlusion over whole windows."""
    size = masked.resampling.image_size
    square = max(1, min(size) // 8)
    masks, rows, columns = cutouts(size, "square", square, square)
    odds = masked.log_odds(scored, masks, behavior, report, stage="occlusion")
    maps = np.einsum("ms,myx->syx", odds[:1] - odds[1:], masks.astype(np.float32))
    inside = masked.resampling.inside
    return maps[:, inside[0], inside[1]], scored, odds[0], (len(rows), len(columns))


class _WindowOdds(nn.Module):
    """The log-odds of all windows that fit into some frames, added up.

    Each frame is encoded once, as when decoding.
    """

    def __init__(self, masked: MaskedDecoder, behavior: int, tick: Callable[[int], None]) -> None:
        super().__init__()
        self.network = masked.network
        self._offsets = masked.config.preprocessing.channel_offsets
        self._length = masked.config.window.length
        self._temperature = masked.config.temperature
        self._behavior = behavior
        self._tick = tick

    def each(self, frames: Tensor) -> Tensor:
        """Return the log-odds of each window, shape (b, windows), of frames, shape (b, n, y, x)."""
        first, _, last = self._offsets
        n = frames.shape[1] - (last - first)
        images = torch.stack([frames[:, o - first :][:, :n] for o in self._offsets], dim=2)
        self._tick(images.shape[0] * n)
        inputs = self.network.encode(images.flatten(0, 1)).reshape(len(frames), n, -1)
        windows = inputs.unfold(1, self._length, 1).transpose(2, 3)
        logits = self.network.classify(windows.flatten(0, 1))
        return log_odds(logits, self._behavior, self._temperature).reshape(len(frames), -1)

    def forward(self, frames: Tensor) -> Tensor:
        """Return their sum, shape (b,)."""
        return self.each(frames).sum(dim=1)


class Gradients:
    """Maps by gradients through the windows onto each of their frames."""

    def __init__(self, masked: MaskedDecoder, behavior: int, report: Report) -> None:
        self._masked = masked
        self._report = report
        self._stage, self._done, self._total = "", 0, 0
        self._model = _WindowOdds(masked, behavior, self._tick)

    def _begin(self, stage: str, total: int) -> None:
        self._stage, self._done, self._total = stage, 0, total
        self._report(Progress(stage, 0, total))

    def _tick(self, images: int) -> None:
        self._done = min(self._total, self._done + images)
        self._report(Progress(self._stage, self._done, self._total))

    def _images(self, scored: Ints) -> int:
        """Images in all chunks together."""
        overlap = self._masked.config.window.length - 1
        return len(scored) + overlap * math.ceil(len(scored) / _CHUNK)

    def integrated(self, scored: Ints, steps: int) -> tuple[Maps, Ints, NDArray[np.float32], float]:
        """Integrated gradients from the session's mean, which is 0, to the frames."""
        config = self._masked.config
        before, after = config.frames_before, config.frames_after
        first = int(scored[0]) - before
        frames = np.arange(first, int(scored[-1]) + after + 1)
        total = np.zeros((len(frames), *self._masked.resampling.image_size), np.float32)
        self._begin("integrated gradients", self._images(scored) * (steps + 2))
        odds, gaps = [], []
        for part in np.split(scored, range(_CHUNK, len(scored), _CHUNK)):
            low, high = int(part[0]) - before, int(part[-1]) + after + 1
            seen = self._masked.frames(low, high)[None]
            values, gap = self._attribute(seen, steps)
            total[low - first : high - first] += values[0].cpu().numpy()
            gaps.append(gap)
            with torch.no_grad():
                odds.append(self._model.each(seen)[0].cpu().numpy())
        rows, columns = self._masked.resampling.inside
        return total[:, rows, columns], frames, np.concatenate(odds), max(gaps)

    def _attribute(self, frames: Tensor, steps: int) -> tuple[Tensor, float]:
        """Attribute one chunk, with more steps where its gap is too large."""
        with steady_cudnn():
            nothing = torch.zeros_like(frames)
            with torch.no_grad():
                change = float(self._model(frames) - self._model(nothing))
            while True:
                values = IntegratedGradients(self._model).attribute(
                    frames, nothing, n_steps=steps, internal_batch_size=1
                )
                windows = frames.shape[1] - self._frames_of_window() + 1
                gap = abs(float(values.sum()) - change) / max(abs(change), 0.1 * windows)
                if gap <= LARGEST_GAP or 2 * steps > _MOST_STEPS:
                    return values.detach(), gap
                steps *= 2

    def _frames_of_window(self) -> int:
        config = self._masked.config
        return config.frames_before + 1 + config.frames_after

    def grad_cam(
        self, scored: Ints, grid: int
    ) -> tuple[Maps, Ints, NDArray[np.float32], tuple[int, int]]:
        """Grad-CAM, signed, at the deepest stage that is fine enough; one map an image."""
        masked, window = self._masked, self._masked.config.window
        layer, true_grid = stage_of_grid(masked, grid)
        size = masked.resampling.image_size
        first = int(scored[0]) - window.past
        frames = np.arange(first, int(scored[-1]) + window.future + 1)
        total = np.zeros((len(frames), *size), np.float32)
        before, _, after = masked.config.preprocessing.channel_offsets
        self._begin("Grad-CAM", self._images(scored) * 2)
        odds = []
        for part in np.split(scored, range(_CHUNK, len(scored), _CHUNK)):
            low, high = int(part[0]) - window.past, int(part[-1]) + window.future + 1
            seen = masked.frames(low + before, high + after)[None]
            with steady_cudnn():
                values = LayerGradCam(self._model, layer).attribute(seen.requires_grad_())
                odds.append(self._model.each(seen.detach())[0].detach().cpu().numpy())
            large = LayerAttribution.interpolate(values.detach(), size, "bilinear")
            total[low - first : high - first] += large[:, 0].cpu().numpy()
        rows, columns = masked.resampling.inside
        return total[:, rows, columns], frames, np.concatenate(odds), true_grid


def stage_of_grid(masked: MaskedDecoder, grid: int) -> tuple[nn.Module, tuple[int, int]]:
    """Find the deepest stage of the encoder whose maps have at least `grid` rows and columns.

    Raises DecoderError if none is so fine.
    """
    encoder = masked.network.encoder
    found: list[tuple[nn.Module, tuple[int, int]]] = []

    def note(module: nn.Module, _: object, output: Tensor) -> None:
        found.append((module, (int(output.shape[2]), int(output.shape[3]))))

    hooks = [stage.register_forward_hook(note) for stage in encoder._blocks.children()]
    try:
        with torch.no_grad():
            size = masked.resampling.image_size
            encoder.features(torch.zeros(1, 3, *size, device=masked.device))
    finally:
        for hook in hooks:
            hook.remove()
    fine = [(stage, shape) for stage, shape in found if min(shape) >= grid]
    if not fine:
        raise DecoderError(
            f"no stage of the encoder has a grid of {grid} × {grid}; the finest has "
            f"{found[0][1][0]} × {found[0][1][1]}."
        )
    return fine[-1]
