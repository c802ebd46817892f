"""What an evaluation does piece by piece: each piece leaves a file, here or on another machine.

A piece is given paths and numbers, never a movie, and opens what it needs where it runs. What is on
disk already is not done again.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.decoder import load_decoder
from napari_cortex_decoder.errors import (
    DecoderError,
    EvaluationError,
    FrameRateError,
    TrainingError,
)
from napari_cortex_decoder.evaluation.cases import Case
from napari_cortex_decoder.evaluation.splits import Part
from napari_cortex_decoder.files import write_whole
from napari_cortex_decoder.labels import UNKNOWN, Ethogram
from napari_cortex_decoder.progress import Progress, Report
from napari_cortex_decoder.training import SplitRule, TrainingConfig, train
from napari_cortex_decoder.training.sessions import LabeledRecording, Session
from napari_cortex_decoder.tuning.fine_tune import fine_tune


@dataclass(frozen=True)
class Task:
    """One piece of work that leaves one file."""

    place: Path  # of the file
    work: Callable[[], object]  # makes it; goes to other processes


def learn(
    config: TrainingConfig,
    cases: Mapping[str, Case],
    learned: Sequence[Part],
    decide: Sequence[Part],
    out: Path,
    compute: Compute,
) -> None:
    """Train a decoder on parts of sessions, in a run folder of its own.

    Raises what `train` raises.
    """
    sessions = [
        _part_of(cases[part.session], part, role)
        for role, parts in (("learn", learned), ("decide", decide))
        for part in parts
    ]
    deciding = tuple(sorted({s.subject for s in sessions if s.subject.startswith("decide")}))
    rule = SplitRule(validation=deciding, test=())
    train(config.model_copy(update={"split": rule}), sessions, out, compute=compute)


def test(
    decoder: str | Path,
    case: Case,
    tuned: Sequence[tuple[Case, Part]],
    place: Path,
    compute: Compute,
    *,
    as_it_is: bool,
) -> None:
    """Decode a session, after a fine-tune if there is anything to tune on; leave it in a file.

    Its arrays are ``probability``, shape (t, behaviors), NaN where a decoder that is tested
    `as_it_is` has learned from that frame, and ``behaviors``; or ``why``, if there are too few
    bouts to tune on, or the decoder cannot read the session. Raises RecordingError if that is
    unusable.
    """
    read, arrays = load_decoder(decoder), dict[str, Any]()
    try:
        if tuned:
            labelled = [_labelled(other, part) for other, part in tuned]
            read = fine_tune(read, labelled, compute=compute).decoder
        recording, _, registration = case.session.load()
        prediction = read.decode(recording, compute=compute, registration=registration)
        probability = prediction.probability.copy()
        held_out = prediction.held_out if as_it_is else None
        if held_out is not None:  # it has learned from this very recording
            probability[~held_out] = np.nan
        arrays = {"probability": probability, "behaviors": np.array(read.behaviors)}
    except (TrainingError, DecoderError, FrameRateError) as reason:  # what it cannot is a result
        arrays["why"] = np.array(str(reason))
    content = io.BytesIO()
    np.savez(content, **arrays)
    write_whole(place, content.getvalue(), EvaluationError, overwrite=True)


def do(tasks: Sequence[Task], stage: str, executor: Executor | None, report: Report) -> None:
    """Do what has left no file yet, by an executor, or here one after the other.

    Raises what the first of them raised that could not be done, when those at work have ended.
    """
    left = [task for task in tasks if not task.place.exists()]
    done = len(tasks) - len(left)
    report(Progress(stage, done, len(tasks)))
    if executor is None:
        for own, task in enumerate(left, start=1):
            task.work()
            report(Progress(stage, done + own, len(tasks)))
        return
    futures: list[Future[object]] = [executor.submit(task.work) for task in left]
    try:
        for own, future in enumerate(as_completed(futures), start=1):
            future.result()
            report(Progress(stage, done + own, len(tasks)))
    finally:
        for future in futures:
            future.cancel()


@contextmanager
def opened(processes: int, scheduler: str | None, client: Any) -> Iterator[Executor | None]:
    """Give what pieces are handed to: a dask client, a scheduler, processes; None: do them here.

    Raises EvaluationError if there is no scheduler at the address, or no library to reach it.
    """
    if client is not None:
        yield client.get_executor(pure=False)
    elif scheduler is not None:
        with _connected(scheduler) as connected:
            yield connected.get_executor(pure=False)
    elif processes > 1:
        with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
            yield pool
    else:
        yield None


def _connected(address: str) -> AbstractContextManager[Any]:
    try:
        from distributed import Client
    except ModuleNotFoundError as reason:
        raise EvaluationError(
            "a scheduler is reached by dask.distributed, which is not installed; "
            "pip install 'napari-cortex-decoder[cluster]'."
        ) from reason
    try:
        make: Callable[..., AbstractContextManager[Any]] = Client
        return make(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as reason:
        raise EvaluationError(
            f"there is no dask scheduler at {address} ({reason}); start one with `dask scheduler`, "
            "and give the address that it prints."
        ) from reason


def _part_of(case: Case, part: Part, role: str) -> Session:
    """Return a session in which only a part is labelled, of a mouse with one role."""
    whole = case.session
    name = f"{whole.name}-{part.start}-{part.stop}"
    stamp = f"{whole.fingerprint} {part.start} {part.stop}"
    return Session(
        name=name,
        subject=f"{role} {case.subject}",
        fingerprint=hashlib.sha256(stamp.encode()).hexdigest()[:16],
        load=partial(_load_part, whole, part),
    )


def _load_part(whole: Session, part: Part) -> LabeledRecording:
    recording, ethogram, registration = whole.load()
    frames = ethogram.frames()
    frames[: part.start] = frames[part.stop :] = UNKNOWN
    cut = Ethogram.from_frames(frames, ethogram.behaviors)
    return LabeledRecording(recording, cut, registration)


def _labelled(case: Case, part: Part) -> tuple[Any, Ethogram]:
    recording, ethogram, registration = _load_part(case.session, part)
    if registration is not None:
        recording = recording.replace(registration=registration)
    return recording, ethogram
