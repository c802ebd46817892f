"""Label until a signal comes, in many forks: a program of its own for test_labelling_ended.py.

For each line that it reads, a folder, it forks a process that labels there, tells its number, and
then how it ended. Journals are written anew often, and the clock goes backwards.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic_core import PydanticSerializationError

from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.labels import Behavior, LabelSession, Paint, SetBehaviors
from napari_cortex_decoder.labels import journal as journal_module
from napari_cortex_decoder.labels import session as session_module

N_FRAMES = 10_000_000
_clock = [datetime(2030, 1, 1, tzinfo=UTC)]


def earlier() -> str:
    """Return the time of a clock that somebody sets back and back."""
    _clock[0] -= timedelta(hours=1)
    return _clock[0].isoformat(timespec="milliseconds")


def label(folder: Path) -> None:
    """Go on where the labels end, and write down each edit that was acknowledged."""
    session = LabelSession(N_FRAMES, "m1", folder)
    made = os.open(folder / "made", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    if session.read_only:
        os.write(made, b"locked out\n")
        return
    if not session.labels.behaviors:
        behaviors = tuple(Behavior(name=name) for name in ("rest", "run"))
        session.edit(SetBehaviors(behaviors=behaviors))
    for number in range(len(session.labels.ethogram.bouts), N_FRAMES // 10):
        start = 10 * number
        session.edit(Paint(start=start, stop=start + 5, behavior=("rest", "run")[number % 2]))
        if number % 7 == 6:
            session.undo()
            session.redo()
        os.write(made, f"{number}\n".encode())  # after the undo, in which an end may well come


def main() -> None:
    for module in (journal_module, session_module):
        module.LONG = 4_000
    session_module.now = earlier
    for line in sys.stdin:
        child = os.fork()
        if child:
            print(child, flush=True)
            _, status = os.waitpid(child, 0)
            print(os.waitstatus_to_exitcode(status), flush=True)
            continue
        try:
            label(Path(line.strip()))
        except KeyboardInterrupt:
            os._exit(130)
        except PydanticSerializationError as error:  # what pydantic makes of it
            os._exit(130 if "KeyboardInterrupt" in str(error) else 1)
        except LabelError:
            os._exit(2)
        os._exit(0)


if __name__ == "__main__":
    main()
