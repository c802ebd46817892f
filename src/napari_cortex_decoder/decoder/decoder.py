"""The decoder: a trained network, what it is for, and how to use it on a recording."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_cortex_decoder.decoder.card import Provenance
from napari_cortex_decoder.decoder.config import DecoderConfig, Window
from napari_cortex_decoder.decoder.file import (
    encode_decoder,
    read_config,
    read_decoder,
)
from napari_cortex_decoder.decoder.prediction import DecodeEvent, Prediction
from napari_cortex_decoder.errors import DecoderError, FrameRateError
from napari_cortex_decoder.files import write_whole
from napari_cortex_decoder.recording import Recording

if TYPE_CHECKING:
    from torch import nn

    from napari_cortex_decoder.decoder.engine import Engine

RATE_TOLERANCE = 0.1
"""By how much, relative to the decoder's, a recording's frame rate may differ unasked."""

_BUNDLED = Path(__file__).parent / "bundled"


class Decoder:
    """A trained network with its preprocessing, behaviours and provenance.

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

    def save(self, path: str | Path, *, half_precision: bool = False) -> None:
        """Write one `.safetensors` file, whole or not at all.

        Parameters
        ----------
        path
            Where to.
        half_precision
            Store the weight matrices as float16: half the size, and probabilities that differ in
            the third or fourth digit.

        Raises
        ------
        DecoderError
            If a weight is not finite or the file cannot be written.
        """
        content = encode_decoder(self.config, self.network, half_precision=half_precision)
        write_whole(path, content, DecoderError)

    def decode(
        self,
        recording: Recording,
        device: str = "auto",
        progress: Callable[[DecodeEvent], None] | None = None,
        any_rate: bool = False,
        batch_size: int | None = None,
    ) -> Prediction:
        """Read behaviour from a recording.

        Parameters
        ----------
        recording
            Movie of any length; it is streamed.
        device
            ``"auto"`` (CUDA, else MPS, else CPU), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.
        progress
            Called with every event.
        any_rate
            Decode even if the frame rate is not the decoder's; the result says so.
        batch_size
            Images encoded at once; None: chosen for the device.

        Raises
        ------
        FrameRateError
            If the recording's frame rate is unknown, or more than 10 % off without `any_rate`.
        RecordingError
            If the recording is shorter than one window, does not vary, or has unusable pixels.
        DeviceError
            If the device is not there, or has no memory for a single image.
        """
        prediction = None
        with closing(self.stream(recording, device, any_rate, batch_size)) as events:
            for event in events:
                if progress is not None:
                    progress(event)
                prediction = event.prediction
        assert prediction is not None  # the last event brings it
        return prediction

    def stream(
        self,
        recording: Recording,
        device: str = "auto",
        any_rate: bool = False,
        batch_size: int | None = None,
    ) -> Generator[DecodeEvent, None, None]:
        """Read behaviour from a recording, handing out results while they come.

        Closing the generator cancels: at most the batch in progress is finished, and no thread
        is left behind. Parameters and errors are those of `decode`.

        Yields
        ------
        DecodeEvent
            The last one carries the whole prediction.
        """
        from napari_cortex_decoder.decoder.engine import Engine

        warnings = [*recording.warnings, *self._check_rate(recording, any_rate)]
        if self.provenance.simulated:
            warnings.append(
                f"decoder {self.name!r} learned from simulated mice: train or fine-tune it before "
                "you trust what it says of a real one."
            )
        engine = Engine(self.network, self.config, device=device, batch_size=batch_size)
        engine.check_length(recording)
        return self._collect(engine, recording, warnings, device=device, any_rate=any_rate)

    def _collect(
        self,
        engine: Engine,
        recording: Recording,
        warnings: list[str],
        *,
        device: str,
        any_rate: bool,
    ) -> Generator[DecodeEvent, None, None]:
        """Hand on the engine's events and put the prediction together."""
        shape = recording.n_frames, len(self.behaviors)
        probability = np.full(shape, np.nan, dtype=np.float32)
        with closing(engine.stream(recording)) as events:
            for event in events:
                if event.probability is not None and event.start is not None:
                    stop = event.start + len(event.probability)
                    probability[event.start : stop] = event.probability
                if event.message is not None:
                    warnings.append(event.message)
                yield event
        probability.setflags(write=False)
        prediction = Prediction(
            probability=probability,
            behaviors=self.behaviors,
            times=recording.times,
            decoder=self.name,
            decoder_hash=self.hash,
            device=str(engine.device),
            warnings=tuple(warnings),
            settings={
                "recording": str(recording.path or recording.name),
                "preprocessing": [dict(step) for step in recording.steps],
                "frame_rate": recording.known_frame_rate(),
                "device": device,
                "any_rate": any_rate,
                "batch_size": engine.batch_size,
            },
        )
        yield DecodeEvent("decoding", event.total, event.total, prediction=prediction)

    def _check_rate(self, recording: Recording, any_rate: bool) -> list[str]:
        """Refuse another frame rate, or give the warning that goes with it."""
        rate = recording.known_frame_rate()
        if rates_agree(rate, self.frame_rate):
            return []
        where = recording.path or recording.name
        if not any_rate:
            raise FrameRateError(
                f"{where} has {rate:g} frames a second and decoder {self.name!r} learned from "
                f"{self.frame_rate:g}; resample the movie, or decode it all the same with "
                "any_rate (command line: --any-rate)."
            )
        return [
            f"{where} has {rate:g} frames a second, but decoder {self.name!r} learned from "
            f"{self.frame_rate:g}: its probabilities may mean nothing here."
        ]


def rates_agree(frame_rate: float, learned: float) -> bool:
    """Tell whether a recording's frame rate (Hz) is near enough to the decoder's."""
    return round(abs(frame_rate / learned - 1), 9) <= RATE_TOLERANCE


def list_decoders() -> dict[str, DecoderConfig]:
    """Give the bundled decoders by name, with what they say of themselves.

    Reads only headers: neither weights nor torch are loaded.
    """
    return {path.stem: read_config(path) for path in sorted(_BUNDLED.glob("*.safetensors"))}


def load_decoder(name_or_path: str | Path) -> Decoder:
    """Load a decoder.

    Parameters
    ----------
    name_or_path
        Name of a bundled decoder, such as ``"run-rest"``, or a `.safetensors` file.

    Raises
    ------
    DecoderError
        If there is no such decoder, or its file is unusable.
    """
    bundled = {path.stem: path for path in sorted(_BUNDLED.glob("*.safetensors"))}
    path = bundled.get(str(name_or_path), Path(name_or_path))
    if not path.suffix and not path.exists():
        raise DecoderError(
            f"{name_or_path} is neither a file nor a bundled decoder; bundled are: "
            f"{', '.join(bundled) or 'none'}."
        )
    config, network, digest = read_decoder(path)
    return Decoder(config, network, name=path.stem, hash=digest)
