"""Saliency maps: which pixel of which frame speaks for a behaviour, in the windows that see it.

A map is an illustration; a region's number comes from `area_importance`. Maps are signed (positive:
for the behaviour) and share one scale, so that frames can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from captum.attr import IntegratedGradients, LayerAttribution, LayerGradCam
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_cortex_decoder.decoder import Decoder
from napari_cortex_decoder.decoder.suitability import check_length, first_predicted
from napari_cortex_decoder.errors import DecoderError, RecordingError
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.saliency.encoding import MaskedDecoder, behavior_index, log_odds
from napari_cortex_decoder.saliency.frames import Ints, Progress, Report
from napari_cortex_decoder.saliency.grids import cutouts

Maps = NDArray[np.float32]

Method = Literal["integrated-gradients", "grad-cam", "occlusion"]

METHODS: tuple[Method, ...] = get_args(Method)

LARGEST_GAP = 0.01
"""Share of the change of log-odds that integrated gradients may leave unexplained."""

_CHUNK = 16
"""Windows whose gradients are taken at once; memory is that of so many and their overlap."""

_SCALE_PERCENTILE = 99.5

_MOST_STEPS = 256


@dataclass(frozen=True, eq=False)
class SaliencyMaps:
    """Maps of frames in a row, for the log-odds of one behaviour in all scored frames together.

    A window sees frames before and after its own, so maps reach beyond the scored frames. Maps of
    windows add up: that of a bout is the sum of those of its frames.

    Attributes
    ----------
    maps
        Shape (n, y, x), float32, log-odds (for Grad-CAM without unit); positive speaks for the
        behaviour. As many rows and columns as the decoder's image has of the frame.
    frames
        Shape (n,): frame of the movie that each map belongs to.
    scored
        First scored frame, and the first one after.
    log_odds
        Shape (scored frames,), of the behaviour.
    scale
        Amount shown in full colour, in all frames and of either sign.
    grid
        Rows and columns that the method tells apart; the maps show no more than that.
    gap
        Largest share of the change of log-odds that is not accounted for (completeness); NaN
        for other methods than integrated gradients.
    method, behavior, decoder, recording, settings, warnings
        How, what, by whom, of whom.
    """

    maps: Maps
    frames: Ints
    scored: tuple[int, int]
    log_odds: NDArray[np.float32]
    scale: float
    grid: tuple[int, int]
    gap: float
    method: Method
    behavior: str
    decoder: str
    recording: str
    settings: Mapping[str, object]
    warnings: tuple[str, ...]

    def mean(self) -> Maps:
        """Give the mean over the frames, shape (y, x)."""
        return np.asarray(self.maps.mean(axis=0), dtype=np.float32)


def saliency(
    decoder: Decoder,
    recording: Recording,
    start: int,
    stop: int | None = None,
    behavior: str = "run",
    *,
    method: Method = "integrated-gradients",
    grid: int = 8,
    steps: int = 32,
    device: str = "auto",
    batch_size: int | None = None,
    any_rate: bool = False,
    progress: Report | None = None,
) -> SaliencyMaps:
    """Show which pixels of which frames speak for a behaviour.

    Parameters
    ----------
    decoder
        One that sees images.
    recording
        What it reads.
    start, stop
        Frames whose predictions are explained; one frame where there is no `stop`.
    behavior
        One of the decoder's.
    method
        ``"integrated-gradients"`` (Sundararajan et al. 2017), from the session's mean to the
        frames; ``"grad-cam"`` (Selvaraju et al. 2017), signed, without ReLU; ``"occlusion"``:
        log-odds lost with a square of an eighth of the image cut out of the whole window.
    grid
        For Grad-CAM: the deepest stage of the encoder with at least so many rows and columns
        is taken. The last one has 2 × 2 at 64 px, too coarse for areas.
    steps
        For integrated gradients: points on the path; doubled where the completeness gap is over
        1 %.
    device, batch_size, any_rate
        As for `Decoder.decode`.
    progress
        Called several times a second; an exception it raises ends the work.

    Raises
    ------
    DecoderError
        If the decoder sees no images, knows no such behaviour, or the method is unknown.
    RecordingError
        If the windows of these frames leave the recording.
    FrameRateError, DeviceError
        As for `Decoder.decode`.
    """
    report: Report = progress or (lambda _: None)
    check_method(method)
    index = behavior_index(decoder, behavior)
    stop = start + 1 if stop is None else stop
    check_range(decoder, recording, start, stop)
    masked = MaskedDecoder(
        decoder,
        recording,
        device=device,
        batch_size=batch_size,
        any_rate=any_rate,
        report=report,
    )
    return explain(masked, start, stop, index, method=method, grid=grid, steps=steps, report=report)


def check_method(method: str) -> None:
    """Refuse a method that there is not."""
    if method not in METHODS:
        raise DecoderError(f"method {method!r} is unknown; choose from {', '.join(METHODS)}.")


def check_range(decoder: Decoder, recording: Recording, start: int, stop: int) -> None:
    """Refuse frames whose windows do not fit into the recording."""
    first = first_predicted(decoder.config, recording.known_frame_rate())
    last = recording.n_frames - decoder.config.frames_after - 1
    if not first <= start < stop <= last + 1:
        raise RecordingError(
            f"{recording.path or recording.name}: frames {start} to {stop - 1} are asked for, and "
            f"windows of this decoder fit around frames {first} to {last}."
        )


def fitting_range(decoder: Decoder, recording: Recording, start: int, stop: int) -> tuple[int, int]:
    """Clip frames [start, stop) to those that a window fits around; one at least stays.

    Raises
    ------
    RecordingError
        If the recording is too short for a single window.
    """
    check_length(recording, decoder.config)
    first = first_predicted(decoder.config, recording.known_frame_rate())
    last = recording.n_frames - decoder.config.frames_after - 1
    start = min(max(start, first), last)
    return start, min(max(stop, start + 1), last + 1)


def explain(
    masked: MaskedDecoder,
    start: int,
    stop: int,
    behavior: int,
    *,
    method: Method,
    grid: int = 8,
    steps: int = 32,
    report: Report,
) -> SaliencyMaps:
    """Do what `saliency` does, with a decoder that has measured its recording already."""
    scored = np.arange(start, stop)
    shape = masked.resampling.inner_shape
    if method == "occlusion":
        maps, frames, odds, true_grid = _occlusion(masked, scored, behavior, report)
        gap = math.nan
    else:
        gradients = _Gradients(masked, behavior, report)
        if method == "grad-cam":
            maps, frames, odds, true_grid = gradients.grad_cam(scored, grid)
            gap = math.nan
        else:
            maps, frames, odds, gap = gradients.integrated(scored, steps)
            true_grid = shape
    maps.setflags(write=False)
    scale = float(np.percentile(np.abs(maps), _SCALE_PERCENTILE)) or 1.0
    warnings = list(masked.warnings)
    if gap > LARGEST_GAP:
        warnings.append(f"integrated gradients leave {gap:.1%} unexplained; take more steps.")
    return SaliencyMaps(
        maps=maps,
        frames=frames,
        scored=(start, stop),
        log_odds=odds,
        scale=scale,
        grid=true_grid,
        gap=gap,
        method=method,
        behavior=masked.config.behaviors[behavior],
        decoder=masked.decoder_name,
        recording=masked.recording.name,
        settings={"steps": steps, "device": str(masked.device)},
        warnings=tuple(warnings),
    )


def _occlusion(
    masked: MaskedDecoder, scored: Ints, behavior: int, report: Report
) -> tuple[Maps, Ints, NDArray[np.float32], tuple[int, int]]:
    """Cut squares out of the windows; equal to captum's Occlusion over whole windows."""
    size = masked.resampling.image_size
    square = max(1, min(size) // 8)
    masks, rows, columns = cutouts(size, "square", square, square)
    odds = masked.log_odds(scored, masks, behavior, report, stage="occlusion")
    maps = np.einsum("ms,myx->syx", odds[:1] - odds[1:], masks.astype(np.float32))
    inside = masked.inside
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
        """Give the log-odds of each window, shape (b, windows), of frames, shape (b, n, y, x)."""
        first, _, last = self._offsets
        n = frames.shape[1] - (last - first)
        images = torch.stack([frames[:, o - first :][:, :n] for o in self._offsets], dim=2)
        self._tick(images.shape[0] * n)
        inputs = self.network.encode(images.flatten(0, 1)).reshape(len(frames), n, -1)
        windows = inputs.unfold(1, self._length, 1).transpose(2, 3)
        logits = self.network.classify(windows.flatten(0, 1))
        return log_odds(logits, self._behavior, self._temperature).reshape(len(frames), -1)

    def forward(self, frames: Tensor) -> Tensor:
        """Give their sum, shape (b,)."""
        return self.each(frames).sum(dim=1)


class _Gradients:
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
        rows, columns = self._masked.inside
        return total[:, rows, columns], frames, np.concatenate(odds), max(gaps)

    def _attribute(self, frames: Tensor, steps: int) -> tuple[Tensor, float]:
        """Attribute one chunk, with more steps where its gap is too large."""
        # cuDNN cannot go back through a recurrent layer in evaluation mode, and training mode
        # would drop features out and change batch normalisation.
        with torch.backends.cudnn.flags(enabled=False):
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
            with torch.backends.cudnn.flags(enabled=False):
                values = LayerGradCam(self._model, layer).attribute(seen.requires_grad_())
                odds.append(self._model.each(seen.detach())[0].detach().cpu().numpy())
            large = LayerAttribution.interpolate(values.detach(), size, "bilinear")
            total[low - first : high - first] += large[:, 0].cpu().numpy()
        rows, columns = masked.inside
        return total[:, rows, columns], frames, np.concatenate(odds), true_grid


def stage_of_grid(masked: MaskedDecoder, grid: int) -> tuple[nn.Module, tuple[int, int]]:
    """Find the deepest stage of the encoder whose maps have at least `grid` rows and columns.

    Raises
    ------
    DecoderError
        If none is so fine.
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
