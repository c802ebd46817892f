"""Fine-tuning: from a decoder and a few labels of one's own to a decoder that knows this mouse."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from napari_cortex_decoder.choices import DEPTH, Depth
from napari_cortex_decoder.compute import HERE, Compute
from napari_cortex_decoder.decoder import Decoder
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.files import scratch
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.progress import Progress, Report, unheard
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.tuning.folder import FineTuneFolder
from napari_cortex_decoder.tuning.held_out import HeldOut
from napari_cortex_decoder.tuning.job import FineTuneJob
from napari_cortex_decoder.tuning.preparation import Preparation
from napari_cortex_decoder.tuning.result import FineTuneResult
from napari_cortex_decoder.tuning.task import is_saved, read_asked
from napari_cortex_decoder.tuning.trainer import follow


def fine_tune(
    decoder: Decoder | str | Path,
    labelled: Sequence[tuple[Recording, Ethogram]],
    *,
    out: str | Path | None = None,
    depth: Depth = DEPTH,
    held_out: Sequence[HeldOut] | None = None,
    compute: Compute = HERE,
    seed: int = 1,
    name: str | None = None,
    progress: Report | None = None,
    anew: bool = False,
) -> FineTuneResult:
    """Fit a decoder to labels, always from the base and on all labels given.

    Parameters
    ----------
    decoder
        The base: a decoder, a bundled name or a file. It is not changed.
    labelled
        Recordings with their labels; unknown frames are not used. For a decoder of areas, a movie
        has to say where they lie (``recording.replace(registration=...)``); traces do.
    out
        Run folder for ``decoder.safetensors``, ``result.json`` and ``progress.jsonl``; None leaves
        nothing on disk but cached features. Asked for the same again, an end-to-end fit that was
        ended goes on, and one that is finished gives its result.
    depth
        One of `choices.DEPTHS`, which says what each means. ``"best"`` compares all but
        ``"end-to-end"`` inside what is learned from, which takes longer than any one of them.
    held_out
        What to measure on; None: whole mice where there are several, else contiguous blocks.
    compute
        Where and how.
    seed
        The same seed, data and software on the CPU give the same decoder.
    name
        Of the new decoder.
    progress
        Gets how far it is: encoding, fitting, scoring. Once it raises `Cancelled`, the best so far
        is the result.
    anew
        Whether what another fine-tune has made in `out` may be removed; nothing else ever is.

    Raises
    ------
    TrainingError
        If the labels show one behavior only or too few bouts, are not as long as their recording,
        or nothing can be held out; if the decoder cannot be tuned so; if the disk is full; if
        `out` holds another fine-tune, or files by the names that it would give its own.
    FrameRateError, RecordingError, DeviceError
        If a recording does not suit the decoder, or there is no such device.
    """
    job = Preparation(decoder, labelled, depth, held_out, compute, seed, name)
    return FineTuneJob(lambda own: _do(job, out, anew, own, tied=True), progress or unheard).work()


def start_fine_tune(
    decoder: Decoder | str | Path,
    labelled: Sequence[tuple[Recording, Ethogram]],
    *,
    out: str | Path | None = None,
    depth: Depth = DEPTH,
    held_out: Sequence[HeldOut] | None = None,
    compute: Compute = HERE,
    seed: int = 1,
    name: str | None = None,
    progress: Report | None = None,
    anew: bool = False,
) -> FineTuneJob:
    """Begin what `fine_tune` does, and come back at once with a job that will have the result.

    An end-to-end fit with a folder outlives this program; all else ends with it. Parameters and
    errors are those of `fine_tune`.
    """
    job = Preparation(decoder, labelled, depth, held_out, compute, seed, name)
    run = FineTuneJob(lambda own: _do(job, out, anew, own, tied=False), progress or unheard)
    run.start()
    return run


def found_job(folder: str | Path, *, go_on: bool = False) -> FineTuneJob | None:
    """Follow an end-to-end fine-tune that is at work, or has ended, in its run folder.

    None if nothing was begun there, or what was begun was ended from outside; with `go_on` such a
    one goes on from its last epoch. Raises TrainingError if the folder is damaged.
    """
    place = FineTuneFolder(folder)
    goes_on = go_on and is_saved(place)
    if read_asked(place) is None or not (place.is_finished or place.is_at_work or goes_on):
        return None
    run = FineTuneJob(lambda own: follow(place, own, tied=False))
    run.start()
    return run


def _do(
    job: Preparation, out: str | Path | None, anew: bool, run: FineTuneJob, *, tied: bool
) -> FineTuneResult:
    """Fit here, or end to end in a process of its own."""
    deep = job.asked.depth == "end-to-end"
    if out is None and not deep:
        return job.run(run.tell)
    if out is None:
        with scratch() as temporary:
            return _fit(job, FineTuneFolder(temporary), False, run, tied=True, forgotten=True)
    return _fit(job, FineTuneFolder(out), anew, run, tied=tied)


def _fit(
    job: Preparation,
    folder: FineTuneFolder,
    anew: bool,
    run: FineTuneJob,
    *,
    tied: bool,
    forgotten: bool = False,
) -> FineTuneResult:
    """Do what is not done yet in a folder; end to end, let another process fit."""
    began = time.perf_counter()
    if not (folder.is_at_work and is_saved(folder) and read_asked(folder) == job.asked):
        with folder.claim():
            begun = read_asked(folder)
            if begun not in (None, job.asked):
                if not anew:
                    raise TrainingError(
                        f"{folder.path} holds another fine-tune, of other recordings, labels or "
                        "settings; choose another folder, or say that it may begin anew."
                    )
                begun = None
                folder.begin_anew()
            if begun is None:
                folder.ask(job.asked.model_dump(mode="json"))
            if folder.is_finished:
                return folder.result()
            if job.asked.depth != "end-to-end":
                folder.remove("progress.jsonl")

                def tell(event: Progress) -> None:
                    folder.tell(event)
                    run.tell(event)

                result = job.run(tell)
                folder.keep(result)
                return result
            if not is_saved(folder):
                try:
                    job.prepare(folder, run.tell)
                except BaseException:  # frames of an hour are gigabytes
                    folder.remove_within("work")
                    raise
    encoded = time.perf_counter() - began
    result = follow(folder, run, tied=tied, forgotten=forgotten)
    result.seconds.setdefault("encoding", encoded)
    return result
