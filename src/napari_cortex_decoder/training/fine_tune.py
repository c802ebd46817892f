"""Fine-tuning: from a decoder and a few labels of one's own to a decoder that knows this mouse."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, overload

from napari_cortex_decoder.decoder import Decoder, load_decoder
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.training.fine_tune_job import FineTuneJob
from napari_cortex_decoder.training.held_out import HeldOut
from napari_cortex_decoder.training.label_checks import Depth
from napari_cortex_decoder.training.tune_process import TuneFolder, TuneProcess, follow
from napari_cortex_decoder.training.tune_progress import TuneProgress
from napari_cortex_decoder.training.tune_result import FineTuneResult
from napari_cortex_decoder.training.tune_task import read_asked


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
    anew: bool = ...,
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
    anew: bool = ...,
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
    anew: bool = False,
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
        nothing on disk but cached features. An end-to-end fit that was killed goes on when the
        same is asked for again with the same folder.
    depth
        ``"threshold"``: a scale and a shift of the logits; ``"head"``: the recurrent head on
        features of the encoder, which are computed once per recording and encoder;
        ``"end-to-end"``: all of the network, in a process of its own.
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
    anew
        Whether what another end-to-end fine-tune left in `out` may be deleted.
    wait
        Whether to come back with the result; else with a `FineTuneRun` that works on.

    Returns
    -------
    FineTuneResult or FineTuneRun
        The result, or the run that will have it.

    Raises
    ------
    TrainingError
        If the labels show one behavior only or too few bouts, are not as long as their recording,
        or nothing can be held out; if the decoder cannot be tuned so; if the disk is full; if
        `out` holds another end-to-end fine-tune.
    FrameRateError, RecordingError, DeviceError
        If a recording does not suit the decoder, or there is no such device.
    """
    if find_spec("sklearn") is None:
        raise TrainingError(
            "fine-tuning needs scikit-learn, which is not installed; "
            "pip install 'napari-cortex-decoder[train]'."
        )
    base = decoder if isinstance(decoder, Decoder) else load_decoder(decoder)
    job = FineTuneJob(base, labelled, depth, held_out, device, seed, name)
    run = FineTuneRun(lambda own: _run_job(job, out, anew, own), progress)
    if wait:
        return run.work()
    run.start()
    return run


def found_run(folder: str | Path, *, go_on: bool = False) -> FineTuneRun | None:
    """Follow an end-to-end fine-tune that is at work, or has ended, in its run folder.

    Parameters
    ----------
    folder
        The run folder.
    go_on
        Whether to go on with one that was ended from outside, from its last epoch.

    Returns
    -------
    FineTuneRun or None
        None if nothing was begun there, or what was begun was ended from outside.

    Raises
    ------
    TrainingError
        If the folder is damaged.
    """
    place = TuneFolder(folder)
    if read_asked(place.path) is None or not (place.is_finished or place.is_at_work or go_on):
        return None
    run = FineTuneRun(lambda own: _follow(place, own))
    run.start()
    return run


class FineTuneRun:
    """A fine-tune at work.

    Parameters
    ----------
    work
        Does it, given this.
    progress
        Called with each `TuneProgress`.
    """

    def __init__(
        self,
        work: Callable[[FineTuneRun], FineTuneResult],
        progress: Callable[[TuneProgress], None] | None = None,
    ) -> None:
        self._work, self._told = work, progress
        self._events: list[TuneProgress] = []
        self._end: Future[FineTuneResult] = Future()
        self._cancelled, self._left = threading.Event(), threading.Event()

    @property
    def ended(self) -> bool:
        """Whether it is at work no more."""
        return self._end.done()

    @property
    def cancelled(self) -> bool:
        """Whether it is to end with the best so far."""
        return self._cancelled.is_set() or self._left.is_set()

    @property
    def left(self) -> bool:
        """Whether nobody waits for it any more."""
        return self._left.is_set()

    def progress(self) -> tuple[TuneProgress, ...]:
        """Give all that was told so far, oldest first."""
        return tuple(self._events)

    def cancel(self) -> None:
        """End the fit after its present epoch or step; the best so far is the result."""
        self._cancelled.set()

    def leave(self) -> None:
        """Wait for it no more: what another process fits goes on, all else ends."""
        self._left.set()

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

    def tell(self, event: TuneProgress) -> None:
        """Take note of how far it is."""
        self._events.append(event)
        if self._told is not None:
            self._told(event)

    def work(self) -> FineTuneResult:
        """Do it here and now."""
        return self._work(self)

    def start(self) -> None:
        """Do it in a thread."""
        thread = threading.Thread(target=self._finish, name="fine-tune", daemon=True)
        thread.start()

    def _finish(self) -> None:
        try:
            result = self.work()
        except BaseException as error:  # noqa: BLE001 - raised again by `result`
            self._end.set_exception(error)
        else:
            self._end.set_result(result)


def _run_job(
    job: FineTuneJob, out: str | Path | None, anew: bool, run: FineTuneRun
) -> FineTuneResult:
    """Fit here, or end to end in a process of its own."""
    deep = job.asked.depth == "end-to-end"
    if out is None and not deep:
        return job.run(run.tell, lambda: run.cancelled)
    if out is None:
        with TemporaryDirectory(prefix="cortex-decoder-") as temporary:
            return _fit_apart(job, TuneFolder(temporary), run, tied=True)
    folder = TuneFolder(out)
    begun = read_asked(folder.path)
    if begun is not None and begun != job.asked:
        if anew and folder.is_at_work:
            raise TrainingError(
                f"another fine-tune is at work in {folder.path}; wait for its end, or cancel it."
            )
        if not anew:
            raise TrainingError(
                f"{folder.path} holds another fine-tune, of other labels or settings; choose "
                "another folder, or delete it."
            )
        folder.forget()
    folder.make()
    if deep:
        return _fit_apart(job, folder, run)
    folder.progress_file.unlink(missing_ok=True)

    def tell(event: TuneProgress) -> None:
        folder.tell(event)
        run.tell(event)

    result = job.run(tell, lambda: run.cancelled)
    folder.keep(result)
    return result


def _fit_apart(
    job: FineTuneJob, folder: TuneFolder, run: FineTuneRun, *, tied: bool = False
) -> FineTuneResult:
    """Read what is needed, unless that was done before a kill; let another process fit."""
    began = time.perf_counter()
    if read_asked(folder.path) is None:
        try:
            job.prepare(folder.path, run.tell, lambda: run.cancelled)
        except BaseException:  # frames of an hour are gigabytes
            folder.forget_work()
            raise
    encoded = time.perf_counter() - began
    result = _follow(folder, run, tied=tied)
    result.seconds.setdefault("encoding", encoded)
    return result


def _follow(folder: TuneFolder, run: FineTuneRun, *, tied: bool = False) -> FineTuneResult:
    process = TuneProcess(folder, tied=tied)
    try:
        return follow(process, run.tell, lambda: run._cancelled.is_set(), lambda: run.left)
    finally:
        if tied:
            process.kill()
