"""Progress as the lines of a run folder's ``progress.jsonl``."""

from __future__ import annotations

import json
from typing import Any

from napari_cortex_decoder.progress import Progress


def line_of(event: Progress) -> str:
    """Return some progress as a line of JSON, its details among the rest."""
    message = {"message": event.message} if event.message else {}
    place = {"stage": event.stage, "done": event.done, "total": event.total}
    return json.dumps({**place, **message, **event.details}) + "\n"


def event_of(line: Any) -> Progress:
    """Return what a decoded line tells. Raises ValueError, TypeError, KeyError if it is none."""
    if not isinstance(line, dict):
        raise ValueError(line)
    stage, done, total = (line.pop(name) for name in ("stage", "done", "total"))
    if not (isinstance(stage, str) and isinstance(done, int) and isinstance(total, int)):
        raise ValueError(stage)
    return Progress(stage, done, total, str(line.pop("message", "")), line)
