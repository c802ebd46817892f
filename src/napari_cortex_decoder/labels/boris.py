"""Labels from BORIS (Friard & Gamba 2016): tabular and aggregated events, and projects.

Layouts of versions 2 to 9: tabular ones have one row for each START, STOP or POINT, with a preamble
before version 8; aggregated ones have one row a bout.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from napari_cortex_decoder.clock import Clocked
from napari_cortex_decoder.labels.boris_media import Played, medium_of, moment, number, players_of
from napari_cortex_decoder.labels.content import Choice, Interval, IntervalTable, Unmatched
from napari_cortex_decoder.labels.text_tables import find

Rows = Sequence[Sequence[str]]

_POINT_REASON = "a point event lasts no time, so it labels no frame"
_COLUMNS = {
    "behavior": ("behavior",),
    "kind": ("status", "behavior type"),
    "start": ("start (s)", "start", "time"),
    "stop": ("stop (s)", "stop"),
    "subject": ("subject",),
    "observation": ("observation id",),
    "offset": ("time offset (s)", "time offset"),
    "source": ("source", "media file(s)"),
    "medium": ("media file name", "media file path", "media file"),
    "length": ("media duration (s)", "total length"),
    "fps": ("fps (frame/s)", "fps"),
    "starts": ("media offset (s)",),
    "first": ("image index start", "image index"),
    "last": ("image index stop",),
}


def header_row(rows: Rows) -> int | None:
    """Return the place of the header in a table of BORIS; None if it is none."""
    for place, row in enumerate(rows[:200]):
        cells = {cell.lower() for cell in row}
        tabular = "time" in cells and ("status" in cells or "behavior type" in cells)
        aggregated = {"start (s)", "stop (s)"} <= cells or {
            "start",
            "stop",
            "behavior type",
        } <= cells
        if "behavior" in cells and (tabular or aggregated):
            return place
    return None


@dataclass(frozen=True)
class _Event:
    line: int
    cells: dict[str, str]

    @property
    def text(self) -> str:
        shown = (self.cells[name] for name in ("start", "stop", "behavior", "kind"))
        return ", ".join(cell for cell in shown if cell)

    @property
    def behavior(self) -> str:
        return self.cells["behavior"]

    def refused(self, reason: str) -> Unmatched:
        return Unmatched(self.line, self.text, reason)

    @property
    def state(self) -> tuple[str, str]:
        """What goes on from a START to a STOP: a behavior, in one of its variants."""
        return self.behavior, self.cells["modifiers"]

    @property
    def kind(self) -> str:
        return self.cells["kind"].upper()


def read_boris(rows: Rows, choice: Choice, recording: Clocked, *, by_time: bool) -> IntervalTable:
    """Read events of one observation and one subject, as they lie on the movie that was scored.

    BORIS adds an observation's time offset to each time that it writes, and counts on from one
    medium of its queue to the next; image indices count the frames of each medium. Raises
    LabelError if the table holds several observations, subjects or media and none was chosen, or
    not the chosen one. Gives frames where the medium has the movie's own frames and not `by_time`,
    else seconds from its first one.
    """
    place = header_row(rows)
    assert place is not None  # whoever asks has looked
    events = list(_events(rows, place))
    chosen = _choose(events, choice, "observation")
    chosen = _choose(chosen, choice, "subject")
    above = {row[0].lower(): row[1:] for row in rows[:place] if row and row[0]}
    named = [event.cells["medium"] for event in chosen]
    cells = chosen[0].cells if chosen else dict.fromkeys(_COLUMNS, "")
    media = (cells["source"], cells["length"], cells["fps"], cells["starts"])
    players = players_of(*media, named, above)
    medium, said = medium_of(players, choice, recording)
    told = moment(cells["offset"] or next(iter(above.get("time offset (s)", [])), "")) or 0.0
    played = Played(medium, told, recording.n_frames, by_time)
    first = [number(event.cells["first"]) for event in chosen]
    if chosen and None not in first and all(_time(event, "start") is None for event in chosen):
        played.by_index = True
        said.append(
            "pictures were scored, which have no times: their numbers are taken for the movie's "
            "frames, counted from 0 as BORIS does."
        )
    if told:
        marked = [(_time(event, "start"), number(event.cells["first"])) for event in chosen]
        said += played.see_offset(marked)
    aggregated = find(rows[place], _COLUMNS["stop"]) is not None
    intervals, unmatched = _aggregated(chosen, played) if aggregated else _paired(chosen, played)
    elsewhere = [one for one in intervals if played.is_elsewhere(one.start, one.stop)]
    if elsewhere:
        said.append(f"{len(elsewhere)} bouts lie on other media than {medium.name}; left out.")
    kept = tuple(one for one in intervals if not played.is_elsewhere(one.start, one.stop))
    return IntervalTable(played.unit, kept, tuple(unmatched), played.zero, tuple(said))


def _events(rows: Rows, place: int) -> Iterator[_Event]:
    columns = {name: find(rows[place], names) for name, names in _COLUMNS.items()}
    variants = [n for n, name in enumerate(rows[place]) if name.lower().startswith("modifier")]
    for line, row in enumerate(rows[place + 1 :], start=place + 2):
        if any(row):
            yield _Event(
                line,
                {
                    name: row[column] if column is not None and column < len(row) else ""
                    for name, column in columns.items()
                }
                | {"modifiers": "|".join(row[n] for n in variants if n < len(row))},
            )


def _choose(events: Sequence[_Event], choice: Choice, what: str) -> Sequence[_Event]:
    wanted = choice.among(what, (event.cells[what] for event in events))
    return events if wanted is None else [e for e in events if e.cells[what] == wanted]


def _time(event: _Event, which: str) -> float | None:
    return moment(event.cells[which])


def _aggregated(events: Sequence[_Event], played: Played) -> tuple[list[Interval], list[Unmatched]]:
    intervals, unmatched = [], []
    for event in events:
        start, stop = _time(event, "start"), _time(event, "stop")
        if not event.behavior:
            unmatched.append(event.refused("it names no behavior"))
        elif event.kind == "POINT":
            unmatched.append(event.refused(_POINT_REASON))
        elif (start is None or stop is None) and not played.by_index:
            unmatched.append(event.refused("begin or end is no number"))
        else:
            medium = event.cells["medium"]
            first = played.place(start, number(event.cells["first"]), medium)
            last = played.place(stop, number(event.cells["last"]), medium)
            intervals.append(Interval(event.line, event.text, event.behavior, first, last))
    return intervals, unmatched


def _paired(events: Sequence[_Event], played: Played) -> tuple[list[Interval], list[Unmatched]]:
    """Pair each START with the next STOP of its behavior; STATE rows alternate the two."""
    intervals, unmatched = [], []
    begun: dict[tuple[str, str], tuple[_Event, float]] = {}
    for event in events:
        open_one, begin = begun.get(event.state, (None, 0.0))
        time, kind = _time(event, "start"), event.kind
        if kind == "STATE":
            kind = "START" if open_one is None else "STOP"
        if not event.behavior:
            unmatched.append(event.refused("it names no behavior"))
        elif time is None and not played.by_index:
            unmatched.append(event.refused("its time is no number"))
        elif kind == "POINT":
            unmatched.append(event.refused(_POINT_REASON))
        elif kind not in ("START", "STOP"):
            unmatched.append(event.refused(f"{kind!r} is neither START, STOP nor POINT"))
        elif kind == "STOP" and open_one is None:
            unmatched.append(event.refused("it stops what never started"))
        else:
            at = played.place(time, number(event.cells["first"]), event.cells["medium"])
            if kind == "STOP" and open_one is not None:
                text = f"{open_one.text} to {event.text}"
                intervals.append(Interval(open_one.line, text, event.behavior, begin, at))
                del begun[event.state]
                continue
            if open_one is not None:
                unmatched.append(open_one.refused("it never stops"))
            begun[event.state] = event, at
    unmatched += [event.refused("it never stops") for event, _ in begun.values()]
    return intervals, unmatched
