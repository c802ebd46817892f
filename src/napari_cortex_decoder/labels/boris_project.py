"""Project files of BORIS, as the table of events that BORIS would export."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.files import read_bytes

SUFFIXES = (".boris", ".boris.gz")
_LARGEST = 2**28
_HEADER = [
    "Observation id", "Source", "Time offset (s)", "Media duration (s)", "FPS", "Media offset (s)",
    "Subject", "Behavior", "Modifiers", "Behavior type", "Time", "Image index",
]  # fmt: skip


def rows_of(path: Path) -> list[list[str]]:
    """Return a header and one row an event of a project; states alternate START and STOP.

    Raises LabelError if it is no project, or has no event.
    """
    content = read_bytes(path, LabelError, limit=_LARGEST)
    if path.suffix.lower() == ".gz":
        with gzip.open(path) as file:
            content = file.read(_LARGEST)
    project = json.loads(content)
    observations = project.get("observations") if isinstance(project, Mapping) else None
    if not isinstance(observations, Mapping):
        raise LabelError(f"{path}: it has no observations, so it is no project of BORIS.")
    kinds = {
        one.get("code"): "POINT" if "point" in str(one.get("type")).lower() else "STATE"
        for one in project.get("behaviors_conf", {}).values()
    }
    rows = [row for name, one in observations.items() for row in _events(str(name), one, kinds)]
    if not rows:
        raise LabelError(f"{path}: nothing was scored in any of its observations.")
    return [_HEADER, *rows]


def _events(
    name: str, observation: Mapping[str, Any], kinds: Mapping[str, str]
) -> Iterator[list[str]]:
    files, info = observation.get("file") or {}, observation.get("media_info") or {}
    players = {n: media for n, media in files.items() if media} if files else {}

    def each(what: str) -> str:
        known = info.get(what) or {}
        return "|".join(";".join(str(known.get(m, "NA")) for m in p) for p in players.values())

    source = "|".join(f"player #{n}:{';'.join(media)}" for n, media in players.items())
    starts = "|".join(str((info.get("offset") or {}).get(n, 0)) for n in players)
    start = [name, source, str(observation.get("time offset") or 0)]
    start += [each("length"), each("fps"), starts]
    alone = len(next(iter(players.values()), ())) < 2  # else it counts frames of we know not which
    for time, subject, code, modifiers, _, *more in sorted(
        observation.get("events", ()), key=lambda event: float(event[0] or 0)
    ):
        index = str(more[0]) if more and alone else ""
        is_time = time is not None and time == time
        variant = "" if modifiers == "None" else str(modifiers)
        yield [
            *start, str(subject) or "No focal subject", str(code), variant,
            kinds.get(code, "STATE"), str(time) if is_time else "", index,
        ]  # fmt: skip
