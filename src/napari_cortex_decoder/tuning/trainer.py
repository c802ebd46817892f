"""A fine-tune end to end in a process of its own, and how to follow it."""

from __future__ import annotations

import sys
import time
from contextlib import suppress

from napari_cortex_decoder.errors import CortexDecoderError
from napari_cortex_decoder.progress import Cancelled, Progress
from napari_cortex_decoder.runs import RunProcess, end_when_nobody_waits
from napari_cortex_decoder.runs.process import OWN_WORDS
from napari_cortex_decoder.tuning.folder import FineTuneFolder
from napari_cortex_decoder.tuning.job import FineTuneJob
from napari_cortex_decoder.tuning.result import FineTuneResult

_BETWEEN_LINES = 0.2  # s between two lines that tell of steps alone
_LOOK_EVERY = 0.2  # s
_TIED, _FORGOTTEN = "--tied", "--forgotten"


def trainer(folder: FineTuneFolder, *, tied: bool, forgotten: bool = False) -> RunProcess:
    """Begin a trainer in a folder with a task in it, go on with it, or join it.

    If it is `tied` it ends with whoever waits for it, however that ends, and takes the folder along
    then if that is to be `forgotten`.
    """
    command = [sys.executable, "-m", __name__, str(folder.path)]
    command += [_TIED] * tied + [_FORGOTTEN] * forgotten
    return RunProcess(folder, command, waits=True)


def follow(
    folder: FineTuneFolder, job: FineTuneJob, *, tied: bool, forgotten: bool = False
) -> FineTuneResult:
    """Let a `trainer` fit to the end, and hand on to a job what it tells.

    Raises TrainingError if it ended without a result; Cancelled if nobody waits any more.
    """
    process, told = trainer(folder, tied=tied, forgotten=forgotten), 0
    try:
        while True:
            ended = process.ended
            events = folder.progress()
            for event in events[told:]:
                with suppress(Cancelled):
                    job.tell(event)
            told = len(events)
            if ended:
                process.check()
                return folder.result()
            if job.left:
                raise Cancelled
            if job.cancelled:
                process.cancel()
            time.sleep(_LOOK_EVERY)
    except BaseException:
        if tied:
            process.stop()
        raise
    finally:
        process.leave()


def main(folder: FineTuneFolder) -> None:
    """Fit what a folder asks for; the work of the process."""
    with folder.claim():
        if folder.is_finished:
            return
        from napari_cortex_decoder.tuning.fit import fit_task  # takes seconds
        from napari_cortex_decoder.tuning.task import load_task

        last = -1.0

        def tell(event: Progress) -> None:
            nonlocal last
            if event.details or time.monotonic() - last >= _BETWEEN_LINES:
                last = time.monotonic()
                folder.tell(event)

        checkpoint = folder.place("work/checkpoint.pt")
        folder.keep(fit_task(load_task(folder), tell, checkpoint))


if __name__ == "__main__":
    place = FineTuneFolder(sys.argv[1])
    if _TIED in sys.argv:
        end_when_nobody_waits(place, forget=_FORGOTTEN in sys.argv)
    try:
        main(place)
    except CortexDecoderError as error:
        sys.exit(f"{OWN_WORDS}{error}")
