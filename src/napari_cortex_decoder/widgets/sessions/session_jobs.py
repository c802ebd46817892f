"""What is done to many sessions in a row, in a thread: an error ends none but its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from napari_cortex_decoder.cohort import CohortEntry
from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.decoder.library import load_decoder
from napari_cortex_decoder.errors import AtlasError, CortexDecoderError
from napari_cortex_decoder.progress import Cancelled, Progress, Report
from napari_cortex_decoder.reading import told
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.sessions import decode_session, kept_registration, place_like
from napari_cortex_decoder.sessions.placing import mean_image
from napari_cortex_decoder.widgets.parts.loading import loading

Work = Callable[[CohortEntry, Report], str]


@dataclass(frozen=True)
class Outcome:
    """What became of one session: the sentence to show; whether it failed, and by whose fault."""

    entry: CohortEntry
    said: str
    failed: bool = False
    defect: Exception | None = None


def each(
    entries: Sequence[CohortEntry],
    prepare: Callable[[], Work],
    outcomes: deque[Outcome],
    report: Report,
) -> None:
    """Do the same to several sessions.

    Parameters
    ----------
    entries
        Which, in order.
    prepare
        Does what is needed once, and returns what is done to each.
    outcomes
        Takes in what became of each, as soon as it is known.
    report
        Is told the progress of each; its `details` have the number of the session.
    """
    work = prepare()
    for number, entry in enumerate(entries):

        def one(event: Progress, number: int = number) -> None:
            report(replace(event, details={"number": number}))

        one(Progress("opening"))
        try:
            outcomes.append(Outcome(entry, work(entry, one)))
        except Cancelled:
            raise
        except CortexDecoderError as error:
            outcomes.append(Outcome(entry, str(error), failed=True))
        except (OSError, RuntimeError, MemoryError) as error:  # the next session may well do
            outcomes.append(Outcome(entry, told(error), failed=True, defect=error))


def decoding(source: str | Path, compute: Compute, any_rate: bool) -> Work:
    """Return what decodes a session."""
    with loading():
        decoder = load_decoder(source)

    def work(entry: CohortEntry, report: Report) -> str:
        found = decode_session(
            entry.files,
            decoder,
            source,
            compute=compute,
            any_rate=any_rate,
            placed=entry.registration,
            report=report,
        )
        return " ".join([f"Decoded with {found.decoder}.", *found.warnings])

    return work


def placing(raw: Recording) -> Work:
    """Return what places the atlas on a session as it lies on a recording."""
    placed = kept_registration(raw)
    if placed is None:
        raise AtlasError(f"{raw.path or raw.name}: the atlas is not placed on it; place it first.")
    there = mean_image(raw)

    def work(entry: CohortEntry, report: Report) -> str:
        placed_now = place_like(entry.files, placed, there)
        return "The atlas was placed." if placed_now else "The atlas was placed already: it stays."

    return work
