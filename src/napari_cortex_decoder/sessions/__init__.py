"""Sessions as a lab has them at hand: what is kept beside each, and many decoded in a row.

Importing this package loads no torch.
"""

from napari_cortex_decoder.sessions.behavior import keep_behavior
from napari_cortex_decoder.sessions.facts import Facts, facts_of, look_at
from napari_cortex_decoder.sessions.opening import (
    applied,
    kept_labels,
    kept_registration,
    open_session,
)
from napari_cortex_decoder.sessions.placing import place_like
from napari_cortex_decoder.sessions.queue import decode_session
from napari_cortex_decoder.sessions.results import keep_prediction, kept_prediction, made_from
from napari_cortex_decoder.sessions.state import (
    SessionState,
    remember_state,
    remembered_state,
    remembering,
)

__all__ = [
    "Facts",
    "SessionState",
    "applied",
    "decode_session",
    "facts_of",
    "keep_behavior",
    "keep_prediction",
    "kept_labels",
    "kept_prediction",
    "kept_registration",
    "look_at",
    "made_from",
    "open_session",
    "place_like",
    "remember_state",
    "remembered_state",
    "remembering",
]
