"""Decoding with parts of the image missing: every masked frame is encoded once for each mask.

The authors mask a window and encode its images anew for each frame and mask. Here a masked frame is
encoded once and shared by all windows that see it, and frames that no scored window sees are not
encoded at all.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cortex_decoder.choices import FillName
from napari_cortex_decoder.compute import HERE, Compute
from napari_cortex_decoder.decoder import Decoder
from napari_cortex_decoder.decoder.engine.devices import (
    free_memory,
    is_out_of_memory,
    select_device,
    usual_batch_size,
)
from napari_cortex_decoder.decoder.engine.image_engine import WORTH_COMPILING
from napari_cortex_decoder.decoder.engine.inference import InferenceNetwork, steady_cudnn
from napari_cortex_decoder.decoder.image_decoder import reads_images
from napari_cortex_decoder.decoder.networks import Cnn, CnnRnn
from napari_cortex_decoder.decoder.suitability import check_kind, check_suits
from napari_cortex_decoder.errors import DecoderError, DeviceError
from napari_cortex_decoder.progress import Progress, Report
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.saliency.masking.fills import Bank, Fill, bank_starts, make_fill
from napari_cortex_decoder.saliency.masking.frames import Ints, Stretch, stretches
from napari_cortex_decoder.saliency.masking.reading import NormalizedFrames

Floats = NDArray[np.float32]

_BLOCK_IMAGES = 256
"""Images at most that are held in memory, to be encoded under one mask after the other."""

_HELD = 1 << 28
"""Bytes of frames at most that are kept for the next mask."""


class MaskedDecoder:
    """A decoder of images on one device and one recording, that can be kept from seeing parts.

    Raises DecoderError if the decoder sees no images; FrameRateError if the recording has another
    frame rate and `any_rate` is False; RecordingError if the recording does not vary or has
    unusable pixels.

    Parameters
    ----------
    decoder
        One that sees images (``cnn``, ``cnn-rnn``).
    recording
        What it reads.
    compute
        Where and how.
    any_rate
        Go on although the frame rate is not the decoder's.
    report
        Called with the progress of the pass that measures the recording.

    Attributes
    ----------
    decoder, config
        The decoder, and what it says of itself.
    resampling
        From frames to the images that it sees.
    encodings
        Images encoded so far.
    """

    def __init__(
        self,
        decoder: Decoder,
        recording: Recording,
        *,
        compute: Compute = HERE,
        any_rate: bool = False,
        report: Report,
    ) -> None:
        self.decoder = reads_images(decoder)
        config = self.decoder.config
        check_kind(recording, config, decoder.name)
        self.warnings = tuple(check_suits(recording, config, name=decoder.name, any_rate=any_rate))
        self.config = config
        self.recording = recording
        self.device = select_device(compute)
        image_size = config.preprocessing.image_size
        self.batch_size = compute.batch_size or usual_batch_size(self.device, image_size)
        self.network = InferenceNetwork(self.decoder.network).to(self.device)
        self._frames = NormalizedFrames(recording, config.preprocessing, report)
        self.resampling = self._frames.resampling
        self.encodings = 0
        self._banks: dict[int, Bank] = {}
        self._read: dict[tuple[int, int], Tensor] = {}

    def with_network(self, network: Cnn | CnnRnn) -> MaskedDecoder:
        """Return a copy that runs another network of the same configuration."""
        other = copy.copy(self)
        other.network = InferenceNetwork(network).to(self.device)
        return other

    def frames(self, start: int, stop: int) -> Tensor:
        """Return normalised frames [start, stop), shape (n, *image_size), on the device.

        What was read last is at hand: the same frames are asked for under each mask.
        """
        if (start, stop) not in self._read:
            frames = torch.from_numpy(self._frames.read(start, stop)).to(self.device)
            self._read[start, stop] = frames
            while sum(one.nbytes for one in self._read.values()) > _HELD and len(self._read) > 1:
                del self._read[next(iter(self._read))]
        return self._read[start, stop]

    def passing(self, scored: Ints) -> int:
        """Return how many images are encoded to score some frames once."""
        window = self.config.window
        parts = stretches(scored, window.past, window.future)
        return sum(part.last - part.first + 1 for part in parts)

    def images(self, frames: Tensor) -> Tensor:
        """Stack frames, shape (n, y, x), to the images they make, shape (fewer, 3, y, x)."""
        offsets = self.config.preprocessing.channel_offsets
        n = len(frames) - (offsets[-1] - offsets[0])
        return torch.stack([frames[o - offsets[0] :][:n] for o in offsets], dim=1)

    def log_odds(
        self,
        scored: Ints,
        masks: NDArray[np.bool_],
        behavior: int,
        report: Report,
        *,
        fill: FillName = "mean",
        whole: bool = True,
        stage: str = "encoding",
        seed: int = 0,
    ) -> Floats:
        """Return the log-odds of a behaviour in scored frames, with each part missing in turn.

        Parameters
        ----------
        scored
            Shape (n,), rising; their windows fit into the recording.
        masks
            Shape (m, y, x), bool, on images: what is missing, in all frames and channels.
        behavior
            Its place in ``config.behaviors``.
        report
            Called after every batch.
        fill
            What stands there instead.
        whole
            Whether to begin with a row for the whole image.
        stage
            What to call this in reports.
        seed
            Of the shuffle.

        Returns
        -------
        numpy.ndarray
            Shape (m, n), or (m + 1, n) with `whole`, float32.
        """
        bank = self._bank(seed) if fill == "shuffled" else None
        fills: list[Fill] = [lambda frames, start: frames] if whole else []
        fills += [make_fill(fill, mask, self.device, bank) for mask in masks]
        result = np.empty((len(fills), len(scored)), np.float32)
        window = self.config.window
        parts = stretches(scored, window.past, window.future)
        total = len(fills) * self.passing(scored)
        done, column = 0, 0
        report(Progress(stage, done, total))
        if self.device.type == "cpu" and total >= WORTH_COMPILING:
            self.network.accelerate(self.config.preprocessing.image_size)
        for part in parts:
            columns = slice(column, column + len(part.scored))
            for row, logits, encoded in self._stretch(part, fills):
                done += encoded
                self.encodings += encoded
                report(Progress(stage, done, total))
                if logits is not None:
                    start, values = logits
                    odds = log_odds(values, behavior, self.config.temperature).cpu().numpy()
                    result[row, columns][start : start + len(odds)] = odds
            column = columns.stop
        return result

    def _bank(self, seed: int) -> Bank:
        if seed not in self._banks:
            rate = self.recording.known_frame_rate()
            starts, length = bank_starts(self.recording.n_frames, rate)
            pieces = [self.frames(int(s), int(s) + length) for s in starts]
            self._banks[seed] = Bank(torch.stack(pieces), seed)
        return self._banks[seed]

    def _stretch(
        self, part: Stretch, fills: Sequence[Fill]
    ) -> Iterator[tuple[int, tuple[int, Tensor] | None, int]]:
        """Encode one stretch under every fill.

        Yields
        ------
        row : int
            Number of the fill.
        logits : (int, torch.Tensor) or None
            Place of the first among the scored frames of the stretch, and their logits.
        encoded : int
            Images encoded since the last yield.
        """
        before, _, after = self.config.preprocessing.channel_offsets
        window = self.config.window
        tails: list[Tensor | None] = [None] * len(fills)
        for first in range(part.first, part.last + 1, _BLOCK_IMAGES):
            last = min(part.last, first + _BLOCK_IMAGES - 1)
            frames = self.frames(first + before, last + after + 1)
            for row, fill in enumerate(fills):
                inputs = [tails[row]] if tails[row] is not None else []
                images = self._filled(fill, frames, first + before)
                for batch in torch.split(images, self.batch_size):
                    inputs.append(self._encode(batch))
                    yield row, None, len(batch)
                seen = torch.cat(inputs)  # type: ignore[arg-type]
                begin = last + 1 - len(seen)  # image number of the first of them
                tails[row] = seen[max(0, len(seen) - window.length + 1) :].clone()
                low, high = np.searchsorted(
                    part.scored, [begin + window.past, last - window.future + 1]
                )
                if high > low:
                    rows = torch.from_numpy(part.scored[low:high] - window.past - begin)
                    yield row, (int(low), self._classify(seen, rows)), 0

    @torch.inference_mode()
    def _filled(self, fill: Fill, frames: Tensor, start: int) -> Tensor:
        return self.images(fill(frames, start))

    @torch.inference_mode()
    def _encode(self, images: Tensor) -> Tensor:
        try:
            with steady_cudnn():
                return self.network.encode(images)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if len(images) == 1:
                raise DeviceError(
                    f"{self.device} has no memory for a single image; close other programs, or "
                    "explain on the CPU."
                ) from error
        free_memory(self.device)
        self.batch_size = len(images) // 2
        return torch.cat([self._encode(part) for part in images.split(self.batch_size)])

    @torch.inference_mode()
    def _classify(self, inputs: Tensor, rows: Tensor) -> Tensor:
        windows = inputs.unfold(0, self.config.window.length, 1).transpose(1, 2)
        return self.network.classify(windows[rows.to(self.device)])


def log_odds(logits: Tensor, behavior: int, temperature: float = 1.0) -> Tensor:
    """Return the log-odds of one behaviour against the others.

    Parameters
    ----------
    logits
        Shape (n, 1) for two behaviours, else (n, k).
    behavior
        Place of the behaviour.
    temperature
        Of the decoder's calibration; the logits are divided by it.

    Returns
    -------
    torch.Tensor
        Shape (n,).
    """
    logits = logits / temperature
    if logits.shape[-1] == 1:
        return logits[:, 0] if behavior == 1 else -logits[:, 0]
    others = [i for i in range(logits.shape[-1]) if i != behavior]
    return logits[:, behavior] - torch.logsumexp(logits[:, others], dim=1)


def behavior_index(decoder: Decoder, behavior: str) -> int:
    """Find a behaviour among a decoder's. Raises DecoderError if it knows no such behaviour."""
    if behavior not in decoder.behaviors:
        raise DecoderError(
            f"decoder {decoder.name!r} knows no {behavior!r}; it tells "
            f"{', '.join(decoder.behaviors)}."
        )
    return decoder.behaviors.index(behavior)
