"""The decoding engine: movies of any length through the network, each frame encoded once."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from napari_cortex_decoder.arrays import Singles
from napari_cortex_decoder.compute import HERE, Compute
from napari_cortex_decoder.decoder.cache.recording_cache import RecordingCache
from napari_cortex_decoder.decoder.config import ImageConfig
from napari_cortex_decoder.decoder.engine.inference import InferenceNetwork, steady_cudnn
from napari_cortex_decoder.decoder.engine.place import Place
from napari_cortex_decoder.decoder.frames.normalization import Statistics, StatisticsAccumulator
from napari_cortex_decoder.decoder.frames.reading_order import (
    FirstAnswers,
    normalized_blocks,
    ranges_from,
)
from napari_cortex_decoder.decoder.frames.seams import Seams
from napari_cortex_decoder.decoder.networks import Cnn, CnnRnn, probabilities
from napari_cortex_decoder.decoder.prediction import MEASURING, DecodeEvent, LookedAt
from napari_cortex_decoder.decoder.suitability import check_length, first_predicted
from napari_cortex_decoder.movie_blocks import read_ahead, read_blocks
from napari_cortex_decoder.recording import Recording

Keep = Callable[[int, Singles, Singles], None]
"""Takes the number of an image, features (n, 1280) from there on, and the images' means (n,)."""

WORTH_COMPILING = 1000
"""Frames from which OpenVINO makes up for the seconds that it takes to compile."""

_WINDOWS = 1024
"""Windows classified at once where no images need encoding."""


class Engine:
    """One network on one device.

    `looked_at` gives the frame whose answer is wanted first; it is asked again before each block.
    With session statistics and no detrending decoding spreads from there, and while the statistics
    are measured an answer by those of a few frames comes ahead, marked as provisional; otherwise
    frames come in their order. The cache is used and added to, if `cached`, for a recording that
    came from a file, or, if `made_again`, for one that is made the same whenever it is wanted: a
    simulated mouse.
    """

    def __init__(
        self,
        network: Cnn | CnnRnn,
        config: ImageConfig,
        *,
        compute: Compute = HERE,
        looked_at: LookedAt | None = None,
        cached: bool = True,
        made_again: bool = False,
    ) -> None:
        self._config = config
        self._network = InferenceNetwork(network)
        self.place = Place(self._network, compute, config.preprocessing.image_size)
        self._looked_at = looked_at
        self._cached, self._made_again = cached, made_again

    @property
    def device(self) -> torch.device:
        """Where it computes, as asked for until memory runs out."""
        return self.place.device

    @property
    def batch_size(self) -> int:
        """Images at once, as asked for until memory runs out."""
        return self.place.batch_size

    def check(self, recording: Recording) -> None:
        """Refuse a recording that is too short for one prediction, as `check_length` does."""
        check_length(recording, self._config)

    def stream(
        self, recording: Recording, keep: Keep | None = None, *, answers: bool = True
    ) -> Generator[DecodeEvent, None, None]:
        """Measure a recording, then decode it.

        Two passes (one with running statistics), each reading ahead by one block while the block
        before it is computed; what is kept between blocks does not grow with the movie. What an
        earlier decode has left in the cache is not computed again. Raises RecordingError if the
        recording is shorter than one window, does not vary, or has unusable pixels; DeviceError if
        not even the CPU has memory for a single image. `keep` is given the features of all images
        as they come, some of them twice: image k begins with frame k, counted from the end of a
        warm-up. Without `answers` only features are wanted: those of the cache are then not
        classified, and their events have no probability.
        """
        self.check(recording)
        cache = None
        if self._cached and (recording.path is not None or self._made_again):
            encoder = self._network.encoder_hash + (" in 16 bits" if self.place.in_half else "")
            cache = RecordingCache(recording, self._config.preprocessing, encoder)
        try:
            message = self.place.move()
            if message is not None:
                yield DecodeEvent("decoding", 0, recording.n_frames, message=message)
            if cache is None or not (
                yield from self._decode_features(cache, recording, keep, answers)
            ):
                statistics = yield from self._measure(recording, cache)
                yield from self._decode(recording, statistics, cache, keep)
        finally:
            self.place.release()

    def _measure(
        self, recording: Recording, cache: RecordingCache | None
    ) -> Generator[DecodeEvent, None, Statistics | None]:
        """Return the statistics of the session, if any are needed, and answers ahead of them."""
        preprocessing = self._config.preprocessing
        if preprocessing.causal:
            return None
        yield DecodeEvent(MEASURING, 0, recording.n_frames)
        if cache is not None and (known := cache.statistics()) is not None:
            return known
        answers = FirstAnswers(recording, self._config, self._looked_at)
        accumulator = StatisticsAccumulator(recording, preprocessing)
        with closing(read_ahead(read_blocks(recording.movie))) as blocks:
            for start, frames in blocks:
                if (wanted := answers.wanted()) is not None:
                    place, ahead = wanted
                    done = start, recording.n_frames
                    batch = self.place.attempt(partial(self._run, torch.from_numpy(ahead)))
                    if batch is None:
                        told = self.place.give_way(min(len(ahead), self.place.batch_size))
                        yield DecodeEvent(MEASURING, *done, message=told)
                    else:
                        place += self._config.frames_before
                        answer = batch.probability
                        yield DecodeEvent(
                            MEASURING, *done, start=place, probability=answer, provisional=True
                        )
                accumulator.update(start, frames)
                yield DecodeEvent(MEASURING, start + len(frames), recording.n_frames)
        statistics = accumulator.result()
        if cache is not None:
            cache.keep_statistics(statistics)
        return statistics

    def _decode(
        self,
        recording: Recording,
        statistics: Statistics | None,
        cache: RecordingCache | None,
        keep: Keep | None,
    ) -> Generator[DecodeEvent, None, None]:
        """Decode a movie block by block, each image encoded once."""
        preprocessing = self._config.preprocessing
        overlap = preprocessing.channel_offsets[-1] - preprocessing.channel_offsets[0]
        shared = self._config.window.length - 1
        warm_up = preprocessing.warm_up_frames(recording.known_frame_rate())
        total = recording.n_frames - warm_up - self._config.frames_before
        total -= self._config.frames_after
        if self.place.device.type == "cpu" and total >= WORTH_COMPILING:
            self._network.accelerate(preprocessing.image_size)
        nothing = torch.empty(0, self._network.project.out_features)
        seams = Seams(overlap, shared, torch.empty(0, *preprocessing.image_size), nothing)
        done = 0
        kept = None if cache is None else cache.write_features()
        blocks = normalized_blocks(recording, preprocessing, statistics, self._looked_at)
        try:
            with closing(read_ahead(blocks)) as blocks_ahead:
                for start, block in blocks_ahead:
                    left, right = seams.around(start, start + len(block))
                    frames = torch.cat(
                        [left.last_frames, torch.from_numpy(block), right.first_frames]
                    )
                    image, before, encoded = start - len(left.last_frames), left.last_inputs, []
                    while len(frames) > overlap:
                        size = min(self.place.batch_size, len(frames) - overlap)
                        last = size == len(frames) - overlap
                        after = right.first_inputs if last else nothing
                        batch = self.place.attempt(
                            partial(self._run, frames[: size + overlap], before, after)
                        )
                        if batch is None:
                            told = self.place.give_way(size)
                            yield DecodeEvent("decoding", done, total, message=told)
                            continue
                        if kept is not None:
                            kept.write(image - warm_up, features=batch.features, mean=batch.means)
                        if keep is not None:
                            keep(image - warm_up, batch.features, batch.means)
                        encoded.append(batch.inputs)
                        first = image - len(before) + self._config.frames_before
                        done += len(batch.probability)
                        yield DecodeEvent(
                            "decoding", done, total, start=first, probability=batch.probability
                        )
                        frames, image = frames[size:], image + size
                        before = _last(shared, torch.cat([before, batch.inputs]))
                    seams.add(start, torch.from_numpy(block), torch.cat([nothing, *encoded]))
            if kept is not None:
                kept.finish()
        finally:
            if kept is not None:
                kept.abandon()

    def _decode_features(
        self, cache: RecordingCache, recording: Recording, keep: Keep | None, answers: bool
    ) -> Generator[DecodeEvent, None, bool]:
        """Decode from features of the cache; tell whether they were all there, and whole."""
        length = self._config.window.length
        first = first_predicted(self._config, recording.known_frame_rate())
        total = recording.n_frames - first - self._config.frames_after
        done = 0
        place = 0 if self._looked_at is None else self._looked_at() - first
        for start, stop in ranges_from(total, _WINDOWS, place):
            found = cache.features(start, stop + length - 1)
            if found is None:
                return False
            features, means = found
            if keep is not None:
                keep(start, features, means)
            done += stop - start
            if not answers:
                yield DecodeEvent("decoding", done, total)
                continue
            of_windows = partial(self._of_features, torch.from_numpy(features))
            while (probability := self.place.attempt(of_windows)) is None:
                yield DecodeEvent("decoding", done, total, message=self.place.give_way(1))
            yield DecodeEvent("decoding", done, total, start=first + start, probability=probability)
        return True

    @torch.inference_mode()
    def _run(
        self, frames: Tensor, before: Tensor | None = None, after: Tensor | None = None
    ) -> _Batch:
        """Encode the images of some frames, (n, y, x), and classify the windows that they complete.

        `before` and `after`, shape (m, inputs), are what images on both sides gave that share
        windows with these.
        """
        offsets = self._config.preprocessing.channel_offsets
        n = len(frames) - (offsets[-1] - offsets[0])
        frames = frames.to(self.place.device)
        images = torch.stack([frames[o - offsets[0] :][:n] for o in offsets], dim=1)
        with steady_cudnn():
            # answers ahead want a whole window at once, whatever fits into a batch
            parts = [self._network.features(part) for part in images.split(self.place.batch_size)]
        features = parts[0] if len(parts) == 1 else torch.cat(parts)
        inputs = self._network.project(features)
        sides = [None if side is None else side.to(self.place.device) for side in (before, after)]
        seen = [part for part in (sides[0], inputs, sides[1]) if part is not None]
        probability = self._classify(torch.cat(seen))
        means = images.mean(dim=(1, 2, 3)).cpu().numpy()
        return _Batch(probability, inputs.cpu(), features.cpu().numpy(), means)

    @torch.inference_mode()
    def _of_features(self, features: Tensor) -> Singles:
        """Return probabilities of the windows of images whose features are known."""
        return self._classify(self._network.project(features.to(self.place.device)))

    def _classify(self, inputs: Tensor) -> Singles:
        """Return probabilities, shape (windows, k), of the windows of some images."""
        length = self._config.window.length
        if len(inputs) < length:
            return np.empty((0, len(self._config.behaviors)), np.float32)
        windows = inputs.unfold(0, length, 1).transpose(1, 2)
        logits = self._network.classify(windows)
        return probabilities(logits, self._config.temperature).cpu().numpy()


@dataclass(frozen=True, eq=False)
class _Batch:
    """What a batch of images gave: of windows, and of each image, on the CPU."""

    probability: Singles
    inputs: Tensor
    features: Singles
    means: Singles


def _last(n: int, inputs: Tensor) -> Tensor:
    return inputs[max(0, len(inputs) - n) :]
