"""Annotations of ELAN (``.eaf``), which stand in tiers along a video."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from napari_cortex_decoder.clock import Zero
from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.files import read_bytes
from napari_cortex_decoder.labels.content import Choice, Interval, IntervalTable, Unmatched

_LARGEST = 2**26
_SECONDS = {"milliseconds": 1e-3, "PAL-frames": 1 / 25, "NTSC-frames": 1001 / 30000}


def read_elan(path: Path, choice: Choice, movie: str) -> IntervalTable:
    """Return the annotations of a file, in seconds from the first frame of its video.

    Each is of the behavior that it says or, if it says nothing, of what its tier is called. The
    tiers of one participant count; of several videos that begin at other times, the one that is
    called like the `movie`. Annotations that hang on others have no times and are left out. Raises
    LabelError if it is no file of ELAN, has no annotation, or it is open whose are meant.
    """
    root = ElementTree.fromstring(read_bytes(path, LabelError, limit=_LARGEST))
    header = root.find("HEADER")
    unit = "" if header is None else header.get("TIME_UNITS", "milliseconds")
    if root.tag != "ANNOTATION_DOCUMENT" or unit not in _SECONDS:
        raise LabelError(f"{path}: this is no file of ELAN with times; export it as text.")
    slots = {one.get("TIME_SLOT_ID"): one.get("TIME_VALUE") for one in root.iter("TIME_SLOT")}
    origins = {one.get("MEDIA_URL", ""): _number(one.get("TIME_ORIGIN")) or 0.0
               for one in root.iter("MEDIA_DESCRIPTOR")}  # fmt: skip
    medium = choice.among("media", origins, movie) if len(set(origins.values())) > 1 else None
    origin = origins[medium] if medium else next(iter(origins.values()), 0.0)
    tiers = [tier for tier in root.iter("TIER") if tier.find("*/ALIGNABLE_ANNOTATION") is not None]
    whose = choice.among("subject", {tier.get("PARTICIPANT", "") for tier in tiers})
    intervals: list[Interval] = []
    unmatched: list[Unmatched] = []
    for tier in tiers:
        name, participant = tier.get("TIER_ID", "").strip(), tier.get("PARTICIPANT", "")
        if whose is not None and participant != whose:
            continue
        for one in tier.iter("ALIGNABLE_ANNOTATION"):
            behavior = (one.findtext("ANNOTATION_VALUE") or "").strip() or name
            row, text = len(intervals) + len(unmatched) + 1, f"{behavior!r} in tier {name!r}"
            ends = [_number(slots.get(one.get(f"TIME_SLOT_REF{n}"))) for n in (1, 2)]
            if ends[0] is None or ends[1] is None:
                unmatched.append(Unmatched(row, text, "it has no time"))
                continue
            start, stop = ((end + origin) * _SECONDS[unit] for end in (ends[0], ends[1]))
            intervals.append(Interval(row, text, behavior, start, stop))
    if not intervals and not unmatched:
        raise LabelError(f"{path}: there is no annotation with times in it; add one.")
    said: tuple[str, ...] = ()
    if root.find("TIER/ANNOTATION/REF_ANNOTATION") is not None:
        said = ("annotations of other annotations are left out.",)
    return IntervalTable("s", tuple(intervals), tuple(unmatched), Zero.FIRST_FRAME, said)


def _number(text: str | None) -> float | None:
    return float(text) if text and text.strip("-").isdecimal() else None
