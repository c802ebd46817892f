"""What was done to a recording, as text that files carry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from napari_cortex_decoder import __version__
from napari_cortex_decoder.recording.recording import Recording

PROGRAM = "napari-cortex-decoder"


def provenance_text(recording: Recording) -> str:
    """Return the steps of a recording as one line of JSON, ASCII only.

    The version of this program is in it, and the file or name that the recording came from.
    """
    return json.dumps(
        {
            PROGRAM: __version__,
            "source": recording.path.name if recording.path else recording.name,
            "steps": [dict(step) for step in recording.steps],
        }
    )


def is_provenance(text: object) -> bool:
    """Whether `provenance_text` wrote this."""
    return _told(text) is not None


def steps_in_text(text: object) -> tuple[Mapping[str, Any], ...]:
    """Return the steps that `provenance_text` wrote; none if `text` is anything else."""
    told = _told(text)
    return () if told is None else tuple(step for step in told if isinstance(step, dict))


def _told(text: object) -> list[Any] | None:
    if not isinstance(text, str) or PROGRAM not in text:
        return None
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return None
    steps = told.get("steps") if isinstance(told, dict) and PROGRAM in told else None
    return steps if isinstance(steps, list) else None
