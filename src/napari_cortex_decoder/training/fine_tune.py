"""Fine-tuning: from a decoder and a few labels of one's own to a decoder that knows this mouse."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, overload

from napari_cortex_decoder.decoder import Decoder, load_decoder
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.files import write_json
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.training.fine_tune_job import FineTuneJob, FineTuneResult
from napari_cortex_decoder.training.held_out import HeldOut
from napari_cortex_decoder.training.label_checks import Depth
from napari_cortex_decoder.training.tune_progress import TuneProgress


@overload
def fine_tune(
    decoder: Decoder | str | Path,
    labelled: Sequence[tuple[Recording, Ethogram]],
    out: str | Path | None = ...,
    *,
    depth: Depth = ...,
    held_out: Sequence[HeldOut] | None = ...,
    device: str = ...,
    seed: int = ...,
    name: str | None = ...,
    progress: Callable[[TuneProgress], None] | None = ...,
    wait: Literal[True] = ...,
) -> FineTuneResult: ...


@overload
def fine_tune(
    decoder: Decoder | str | Path,
    labelled: Sequence[tuple[Recording, Ethogram]],
    out: str | Path | None = ...,
    *,
    depth: Depth = ...,
    held_out: Sequence[HeldOut] | None = ...,
    device: str = ...,
    seed: int = ...,
    name: str | None = ...,
    progress: Callable[[TuneProgress], None] | None = ...,
    wait: Literal[False],
) -> FineTuneRun: ...


def fine_tune(
    decoder: Decoder | str | Path,
    labelled: Sequence[tuple[Recording, Ethogram]],
    out: str | Path | None = None,
    *,
    depth: Depth = "head",
    held_out: Sequence[HeldOut] | None = None,
    device: str = "auto",
    seed: int = 1,
    name: str | None = None,
    progress: Callable[[TuneProgress], None] | None = None,
    wait: bool = True,
) -> FineTuneResult | FineTuneRun:
    """Fit a decoder to labels, always from the base and on all labels given.

    Parameters
    ----------
    decoder
        The base: a decoder, a bundled name or a file. It is not changed.
    labelled
        Recordings with their labels; unknown frames are not used.
    out
        Folder for ``decoder.safetensors``, ``result.json`` and ``progress.jsonl``; None leaves
        nothing on disk but cached features.
    depth
        ``"threshold"``: a scale and a shift of the logits; ``"head"``: the recurrent head on
        features of the encoder, which are computed once per recording and encoder.
    held_out
        What to measure on; None: whole mice where there are several, else contiguous blocks.
    device
        Where to encode, as for `Decoder.decode`.
    seed
        The same seed, data and software on the CPU give the same decoder.
    name
        Of the new decoder.
    progress
        Called with each `TuneProgress`.
    wait
        Whether to come back with the result; else with a `FineTuneRun` that works in a thread.

    Returns
    -------
    FineTuneResult or FineTuneRun
        The result, or the run that will have it.

    Raises
    ------
    TrainingError
        If the labels show one behavior only or too few bouts, are not as long as their recording,
        or nothing can be held out; if the decoder cannot be tuned so; if the disk is full.
    FrameRateError, RecordingError
        If a recording does not suit the decoder.
    """
    if find_spec("sklearn") is None:
        raise TrainingError(
            "fine-tuning needs scikit-learn, which is not installed; "
            "pip install 'napari-cortex-decoder[train]'."
        )
    base = decoder if isinstance(decoder, Decoder) else load_decoder(decoder)
    job = FineTuneJob(base, labelled, depth, held_out, device, seed, name, progress)
    if wait:
        return _finish(job, out)
    return FineTuneRun(job, out)


class FineTuneRun:
    """A fine-tune at work in a thread."""

    def __init__(self, job: FineTuneJob, out: str | Path | None) -> None:
        self._job = job
        self._events: list[TuneProgress] = []
        told = job.progress

        def tell(event: TuneProgress) -> None:
            self._events.append(event)
            if told is not None:
                told(event)

        job.progress = tell
        thread = ThreadPoolExecutor(1, thread_name_prefix="fine-tune")
        self._end = thread.submit(_finish, job, out)
        thread.shutdown(wait=False)

    @property
    def ended(self) -> bool:
        """Whether it is at work no more."""
        return self._end.done()

    def progress(self) -> tuple[TuneProgress, ...]:
        """Give all that was told so far, oldest first."""
        return tuple(self._events)

    def cancel(self) -> None:
        """End the fit after its present epoch; the best so far is the result."""
        self._job.cancelled.set()

    def result(self, timeout: float | None = None) -> FineTuneResult:
        """Wait for the end.

        Raises
        ------
        TimeoutError
            If it does not come in time.
        TrainingError
            If the fine-tune failed, or was cancelled before there was anything to keep.
        """
        return self._end.result(timeout)


def _finish(job: FineTuneJob, out: str | Path | None) -> FineTuneResult:
    if out is None:
        return job.run()
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lines = (folder / "progress.jsonl").open("w", encoding="utf-8")
    except OSError as error:
        raise TrainingError(
            f"{folder} cannot be written ({error.strerror}); choose another folder."
        ) from error
    told = job.progress
    with lines:

        def tell(event: TuneProgress) -> None:
            epoch = None if event.epoch is None else vars(event.epoch)
            lines.write(json.dumps({**vars(event), "epoch": epoch}) + "\n")
            lines.flush()
            if told is not None:
                told(event)

        job.progress = tell
        result = job.run()
    write_json(folder / "result.json", result.as_dict(), TrainingError)
    result.decoder.save(folder / "decoder.safetensors")
    return result
