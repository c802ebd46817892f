"""The decoder: a trained network, what it is for, and how to use it on a recording."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cortex_decoder.arrays import Singles
from napari_cortex_decoder.compute import HERE, Compute
from napari_cortex_decoder.decoder.card import Provenance
from napari_cortex_decoder.decoder.config import DecoderConfig, Window
from napari_cortex_decoder.decoder.drift import drift_warnings
from napari_cortex_decoder.decoder.file import DECODER_FILE, encode_decoder
from napari_cortex_decoder.decoder.prediction import (
    DecodeEvent,
    LookedAt,
    Prediction,
    Setting,
    as_stretches,
)
from napari_cortex_decoder.decoder.suitability import check_kind, check_suits
from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.files import write_whole
from napari_cortex_decoder.progress import Estimate
from napari_cortex_decoder.recording import Recording

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from torch import nn

    from napari_cortex_decoder.atlas import Registration
    from napari_cortex_decoder.decoder.engine.image_engine import Engine
    from napari_cortex_decoder.decoder.engine.trace_engine import TraceEngine


class Decoder(ABC):
    """A trained network with its preprocessing, behaviours and provenance.

    It is an `ImageDecoder` or a `TraceDecoder`, as its configuration says: see `make_decoder`.

    Parameters
    ----------
    config
        Everything but the weights.
    network
        The weights; not to be changed any more.
    name
        Short name to show.
    hash
        SHA-256 of the file that it was read from; None for one made in memory.
    """

    def __init__(
        self, config: DecoderConfig, network: nn.Module, *, name: str, hash: str | None = None
    ) -> None:
        self.config = config
        self.network = network
        self.name = name
        self._hash = hash

    def __repr__(self) -> str:
        return f"<Decoder {self.name}: {' | '.join(self.behaviors)}, {self.frame_rate:g} Hz>"

    @property
    def behaviors(self) -> tuple[str, ...]:
        """Names of the behaviours, in the order of a prediction's columns."""
        return self.config.behaviors

    @property
    def window(self) -> Window:
        """Images that one prediction sees."""
        return self.config.window

    @property
    def frame_rate(self) -> float:
        """Frames a second (Hz) that it learned from."""
        return self.config.frame_rate

    @property
    def provenance(self) -> Provenance:
        """Where it comes from and what may be said of it."""
        return self.config.provenance

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the file it came from, or of the one that `save` would write."""
        if self._hash is not None:
            return self._hash
        content = encode_decoder(self.config, self.network, half_precision=False)
        return hashlib.sha256(content).hexdigest()

    def save(
        self, path: str | Path, *, half_precision: bool = False, overwrite: bool = False
    ) -> None:
        """Write one `.safetensors` file, whole or not at all.

        Parameters
        ----------
        path
            Where to; a decoder that is there is replaced.
        half_precision
            Store the weight matrices as float16: half the size, and probabilities that differ in
            the third or fourth digit.
        overwrite
            Whether any other file may be replaced, too.

        Raises
        ------
        DecoderError
            If a weight is not finite or the file cannot be written.
        """
        content = encode_decoder(self.config, self.network, half_precision=half_precision)
        write_whole(path, content, DecoderError, kind=DECODER_FILE, overwrite=overwrite)

    def decode(
        self,
        recording: Recording,
        *,
        compute: Compute = HERE,
        progress: Callable[[DecodeEvent], None] | None = None,
        any_rate: bool = False,
        registration: Registration | None = None,
        cached: bool = True,
    ) -> Prediction:
        """Read behaviour from a recording.

        Parameters
        ----------
        recording
            Movie of any length; it is streamed.
        compute
            Where and how.
        progress
            Called with every event.
        any_rate
            Decode even if the frame rate is not the decoder's; the result says so.
        registration
            Where the areas lie on the recording, for a decoder of area traces, unless the recording
            is traces of named areas; others do not look at it.
        cached
            For a recording that came from a file: keep the features of its frames in the
            platform's cache folder, and take them from there the next time.

        Raises
        ------
        DecoderError
            If the decoder reads areas and there is no registration, or its atlas lacks one of
            them, or one covers no pixel of the movie.
        FrameRateError
            If the recording's frame rate is unknown, or more than 10 % off without `any_rate`.
        RecordingError
            If the recording is shorter than one window, does not vary, has unusable pixels, or is
            ΔF/F where the decoder divides by the SD of raw frames.
        DeviceError
            If the device is not there, or has no memory for a single image.
        """
        prediction, estimate = None, Estimate()
        events = self.stream(
            recording, compute=compute, any_rate=any_rate, registration=registration, cached=cached
        )
        with closing(events):
            for event in events:
                if progress is not None:
                    progress(estimate.of(event))
                prediction = event.prediction
        assert prediction is not None  # the last event brings it
        return prediction

    def stream(
        self,
        recording: Recording,
        *,
        compute: Compute = HERE,
        any_rate: bool = False,
        registration: Registration | None = None,
        cached: bool = True,
        looked_at: LookedAt | None = None,
    ) -> Generator[DecodeEvent, None, None]:
        """Read behaviour from a recording, handing out results while they come.

        The last event carries the whole prediction. Closing the generator cancels: at most the
        batch in progress is finished, and no thread is left behind. `looked_at` gives the frame
        whose answer is wanted first; it is asked again while the decode runs, from its threads. A
        decoder of images with session statistics that does not detrend starts there, with a
        provisional answer while it measures the movie; others go from the first frame to the last.
        Other parameters and errors are those of `decode`.
        """
        check_kind(recording, self.config, self.name)
        placed = self._placed(recording, registration)
        warnings = [
            *recording.warnings,
            *check_suits(recording, self.config, name=self.name, any_rate=any_rate, decodes=True),
        ]
        if self.provenance.simulated:
            warnings.append(
                f"decoder {self.name!r} learned from simulated mice: train or fine-tune it before "
                "you trust what it says of a real one."
            )
        if placed is not None:
            warnings += [*placed.atlas.warnings, *placed.warnings]
        engine = self._engine(placed, compute, cached=cached, looked_at=looked_at)
        engine.check(recording)
        from napari_cortex_decoder.decoder.learned_frames import held_out_frames  # loads torch

        held_out = held_out_frames(self.provenance, recording)
        settings: dict[str, Setting] = {
            "recording": str(recording.path or recording.name),
            "preprocessing": [dict(step) for step in recording.steps],
            "frame_rate": recording.known_frame_rate(),
            "device": compute.device,
            "any_rate": any_rate,
            "precision": compute.precision,
            "simulated": self.provenance.simulated,
            "held_out": None if held_out is None else as_stretches(held_out),
        }
        if placed is not None:
            settings["atlas"] = placed.atlas.name
            settings["registration"] = placed.matrix.tolist()
        return self._collect(engine, recording, warnings, settings)

    def decode_traces(self, traces: ArrayLike) -> Singles:
        """Read behaviour from area traces, with a decoder of those; see `TraceDecoder`."""
        raise DecoderError(
            f"decoder {self.name!r} reads images, not traces; decode a recording with it."
        )

    def _placed(
        self, recording: Recording, registration: Registration | None
    ) -> Registration | None:
        """Return where the areas that it reads lie; None for a decoder that reads none."""
        return None

    @abstractmethod
    def _engine(
        self, placed: Registration | None, compute: Compute, **of_images: Any
    ) -> Engine | TraceEngine:
        """Return what computes this kind of decoder."""

    def _collect(
        self,
        engine: Engine | TraceEngine,
        recording: Recording,
        warnings: list[str],
        settings: dict[str, Setting],
    ) -> Generator[DecodeEvent, None, None]:
        """Hand on the engine's events and put the prediction together."""
        shape = recording.n_frames, len(self.behaviors)
        probability = np.full(shape, np.nan, dtype=np.float32)
        with closing(engine.stream(recording)) as events:
            for event in events:
                if event.probability is not None and event.start is not None:
                    stop = event.start + len(event.probability)
                    probability[event.start : stop] = event.probability
                if event.message:
                    warnings.append(event.message)
                yield event
        warnings += drift_warnings(probability, recording.times, self.config, recording.steps)
        probability.setflags(write=False)
        prediction = Prediction(
            probability=probability,
            behaviors=self.behaviors,
            times=recording.times,
            decoder=self.name,
            decoder_hash=self.hash,
            device=str(engine.device),
            warnings=tuple(warnings),
            settings=settings | {"batch_size": engine.batch_size},
        )
        yield DecodeEvent("decoding", event.total, event.total, prediction=prediction)
