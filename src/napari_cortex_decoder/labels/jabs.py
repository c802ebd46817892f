"""Labels of JABS (JAX Animal Behavior System): a JSON file a video, blocks of frames an animal."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_cortex_decoder.bouts import UNKNOWN
from napari_cortex_decoder.clock import Zero
from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.files import read_json
from napari_cortex_decoder.labels.content import MAX_FRAMES, Choice, FrameTable

_BACKGROUND = "background"


def read_jabs(path: Path, choice: Choice) -> FrameTable:
    """Return what each frame of the video was labeled as.

    A frame that is labeled as not showing any behavior is *background*. Of several animals the
    subject of `choice` counts, by its own name where the file tells it. Raises LabelError if it is
    no file of labels of JABS, or it is open whose are meant.
    """
    said = read_json(path, LabelError)
    held = said if isinstance(said, dict) else {}
    animals = held.get("unfragmented_labels") or held.get("labels")
    n = held.get("num_frames")
    if not isinstance(animals, dict) or not isinstance(n, int) or not 0 < n <= MAX_FRAMES:
        raise LabelError(
            f"{path}: this is no file of labels of JABS; give one of jabs/annotations."
        )
    names = held.get("external_identities") or {}
    of_animals = {str(names.get(key, key)): blocks for key, blocks in animals.items() if blocks}
    subject = choice.among("subject", of_animals)
    labeled = of_animals[subject] if subject else next(iter(of_animals.values()), {})
    behaviors = (*map(str, labeled), _BACKGROUND)
    values = np.full(n, UNKNOWN, np.int64)
    twice = 0
    marks = [(code, one) for code, blocks in enumerate(labeled.values()) for one in blocks]
    for code, block in sorted(marks, key=lambda mark: bool(mark[1]["present"])):
        start, last = int(block["start"]), int(block["end"])
        if not 0 <= start <= last < n:
            raise LabelError(
                f"{path}: frames {start} to {last} are not of its {n}; export it again."
            )
        frames = values[start : last + 1]
        free = np.isin(frames, (UNKNOWN, len(labeled)))
        twice += int((~free).sum()) if block["present"] else 0
        frames[free] = code if block["present"] else len(labeled)
    told = () if not twice else (
        f"{twice} frames are of several behaviors; the one that the file lists first is taken.",
    )  # fmt: skip
    return FrameTable(behaviors, values, zero=Zero.FIRST_FRAME, said=told)
