"""Labels from BORIS (Friard & Gamba 2016): tabular and aggregated events.

Layouts of versions 2 to 9: tabular ones have one row for each START, STOP or POINT, with a preamble
before version 8; aggregated ones have one row a bout.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.labels.content import Choice, Interval, IntervalTable, Unmatched
from napari_cortex_decoder.labels.text_tables import Rows, find, number

_POINT_REASON = "a point event lasts no time, so it labels no frame"


def header_row(rows: Rows) -> int | None:
    """Give the place of the header in a table of BORIS; None if it is none."""
    for place, row in enumerate(rows[:200]):
        cells = {cell.lower() for cell in row}
        tabular = "time" in cells and ("status" in cells or "behavior type" in cells)
        aggregated = {"start (s)", "stop (s)"} <= cells
        if "behavior" in cells and (tabular or aggregated):
            return place
    return None


@dataclass(frozen=True)
class _Event:
    line: int
    text: str
    behavior: str
    kind: str
    start: float | None
    stop: float | None
    subject: str
    observation: str


def read_boris(rows: Rows, choice: Choice) -> IntervalTable:
    """Read events of one observation and one subject.

    Raises
    ------
    LabelError
        If the table holds several observations or subjects and none was chosen, or not the chosen
        one.
    """
    place = header_row(rows)
    assert place is not None  # whoever asks has looked
    events = list(_events(rows, place))
    chosen = _choose(events, choice, "observation", choice.observation)
    chosen = _choose(chosen, choice, "subject", choice.subject)
    if find(rows[place], ("start (s)",)) is not None:
        intervals, unmatched = _aggregated(chosen)
    else:
        intervals, unmatched = _paired(chosen)
    return IntervalTable("s", tuple(intervals), tuple(unmatched))


def _events(rows: Rows, place: int) -> Iterator[_Event]:
    header = rows[place]
    columns = {
        "behavior": find(header, ("behavior",)),
        "kind": find(header, ("status", "behavior type")),
        "start": find(header, ("start (s)", "time")),
        "stop": find(header, ("stop (s)",)),
        "subject": find(header, ("subject",)),
        "observation": find(header, ("observation id",)),
    }
    for line, row in enumerate(rows[place + 1 :], start=place + 2):
        if not any(row):
            continue
        cell = {
            name: row[column] if column is not None and column < len(row) else ""
            for name, column in columns.items()
        }
        shown = [cell[name] for name in ("start", "stop", "behavior", "kind") if cell[name]]
        yield _Event(
            line,
            ", ".join(shown),
            cell["behavior"],
            cell["kind"].upper(),
            number(cell["start"]),
            number(cell["stop"]),
            cell["subject"],
            cell["observation"],
        )


def _choose(
    events: Sequence[_Event], choice: Choice, what: str, wanted: str | None
) -> Sequence[_Event]:
    names = sorted({str(getattr(event, what)) for event in events})
    if wanted is None:
        if len(names) > 1:
            raise LabelError(
                f"{choice.path} has events of several {what}s, {names}; choose one as {what} "
                f"(command line: --{what} NAME)."
            )
        return events
    if wanted not in names:
        raise LabelError(f"{choice.path} has no {what} {wanted!r}; it has {names}.")
    return [event for event in events if getattr(event, what) == wanted]


def _aggregated(events: Sequence[_Event]) -> tuple[list[Interval], list[Unmatched]]:
    intervals, unmatched = [], []
    for event in events:
        if not event.behavior:
            unmatched.append(Unmatched(event.line, event.text, "it names no behavior"))
        elif event.kind == "POINT":
            unmatched.append(Unmatched(event.line, event.text, _POINT_REASON))
        elif event.start is None or event.stop is None:
            unmatched.append(Unmatched(event.line, event.text, "begin or end is no number"))
        else:
            intervals.append(
                Interval(event.line, event.text, event.behavior, event.start, event.stop)
            )
    return intervals, unmatched


def _paired(events: Sequence[_Event]) -> tuple[list[Interval], list[Unmatched]]:
    """Pair each START with the next STOP of its behavior; STATE rows alternate the two."""
    intervals, unmatched = [], []
    begun: dict[str, _Event] = {}
    for event in events:
        open_one = begun.get(event.behavior)
        kind = event.kind
        if kind == "STATE":
            kind = "START" if open_one is None else "STOP"
        if not event.behavior:
            unmatched.append(Unmatched(event.line, event.text, "it names no behavior"))
        elif event.start is None:
            unmatched.append(Unmatched(event.line, event.text, "its time is no number"))
        elif kind == "POINT":
            unmatched.append(Unmatched(event.line, event.text, _POINT_REASON))
        elif kind == "START":
            if open_one is not None:
                unmatched.append(Unmatched(open_one.line, open_one.text, "it never stops"))
            begun[event.behavior] = event
        elif kind == "STOP" and open_one is not None and open_one.start is not None:
            text = f"{open_one.text} to {event.text}"
            intervals.append(
                Interval(open_one.line, text, event.behavior, open_one.start, event.start)
            )
            del begun[event.behavior]
        elif kind == "STOP":
            unmatched.append(Unmatched(event.line, event.text, "it stops what never started"))
        else:
            unmatched.append(
                Unmatched(event.line, event.text, f"{kind!r} is neither START, STOP nor POINT")
            )
    unmatched += [Unmatched(event.line, event.text, "it never stops") for event in begun.values()]
    return intervals, unmatched
