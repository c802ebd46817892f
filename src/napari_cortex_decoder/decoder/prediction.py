"""Predictions: what a decoder read from a recording, and how it is written down."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from napari_cortex_decoder.arrays import Bools, Floats, Ints, Singles
from napari_cortex_decoder.bouts import each_stretch
from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.files import begins, csv_text, json_with, write_whole
from napari_cortex_decoder.progress import Progress

LookedAt = Callable[[], int]
"""Returns the frame that is looked at; asked again and again, from any thread."""

Setting = str | int | float | bool | None | Sequence[Mapping[str, Any]]


MEASURING = "measuring the movie"
"""The stage of a decode, or of anything else that reads a movie, before any answer is final."""

TABLE = begins("frame,time_s,p_")
RECORD = json_with("decoder", "behaviors", "frames_predicted", "software")
"""What `Prediction.to_csv` and `Prediction.to_json` write."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """Probability of each behaviour in each frame of one recording, by one decoder.

    Attributes
    ----------
    probability
        Shape (t, k), float32, rows sum to 1; NaN where the decoder's window does not fit.
    behaviors
        Names of the k behaviours.
    times
        Shape (t,), seconds.
    decoder, decoder_hash
        Name of the decoder and SHA-256 of its file.
    device
        Where it was computed.
    warnings
        Sentences that whoever uses the result should read.
    settings
        What it was computed with; ``"held_out"`` as `as_stretches` writes it.
    """

    probability: Singles
    behaviors: tuple[str, ...]
    times: Floats
    decoder: str
    decoder_hash: str
    device: str
    warnings: tuple[str, ...]
    settings: Mapping[str, Setting]

    @property
    def held_out(self) -> Bools | None:
        """Frames that its decoder has not learned from, shape (t,); None if it learned from none.

        A prediction of an earlier version does not know.
        """
        said = self.settings.get("held_out")
        return None if said is None else frames_in(str(said), len(self.probability))

    def labels(self) -> Ints:
        """Return the most probable behaviour of each frame, shape (t,), int64.

        That is an index into `behaviors`; −1 where there is no prediction.
        """
        known = ~np.isnan(self.probability).any(axis=1)
        labels = np.full(len(self.probability), -1, dtype=np.int64)
        labels[known] = self.probability[known].argmax(axis=1)
        return labels

    def to_csv(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write one row a frame: ``frame,time_s,p_<behavior>…,behavior``.

        Probabilities keep nine digits, which give the float32 back exactly; they and the
        behaviour are empty where the window does not fit. Such a table is replaced; any other file
        only where `overwrite` allows it.
        """
        table = [["frame", "time_s", *(f"p_{name}" for name in self.behaviors), "behavior"]]
        rows = zip(self.times, self.probability, self.labels(), strict=True)
        for frame, (time, probability, label) in enumerate(rows):
            known = label >= 0
            cells = (f"{p:.9g}" if known else "" for p in probability)
            table.append(
                [str(frame), f"{time:.6f}", *cells, self.behaviors[label] if known else ""]
            )
        write_whole(path, csv_text(table), DecoderError, kind=TABLE, overwrite=overwrite)

    def to_json(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write what must be known to make the prediction again and to trust it; see `to_csv`."""
        packages = ("napari-cortex-decoder", "torch", "monai", "numpy")
        content = {
            "decoder": {"name": self.decoder, "sha256": self.decoder_hash},
            "behaviors": self.behaviors,
            "frames": len(self.probability),
            "frames_predicted": int((self.labels() >= 0).sum()),
            "device": self.device,
            "settings": dict(self.settings),
            "warnings": self.warnings,
            "software": {
                "python": platform.python_version(),
                **{name: version(name) for name in packages},
            },
            "written": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        write_whole(path, text, DecoderError, kind=RECORD, overwrite=overwrite)


def as_stretches(frames: Bools) -> str:
    """Write which frames are marked, shape (t,), as ``"0-100 300-400"``: the last one excluded."""
    return " ".join(f"{start}-{stop}" for start, stop in each_stretch(frames) if frames[start])


def frames_in(said: str, n_frames: int) -> Bools:
    """Read what `as_stretches` wrote, shape (t,); what it did not write marks nothing."""
    frames = np.zeros(n_frames, bool)
    for start, _, stop in (part.partition("-") for part in said.split()):
        if start.isdigit() and stop.isdigit():
            frames[int(start) : int(stop)] = True
    return frames


@dataclass(frozen=True, eq=False, kw_only=True)
class DecodeEvent(Progress):
    """One step of a running decode: frames measured, then decoded.

    A `message` tells of a smaller batch, or another device, after memory ran out.
    """

    start: int | None = None  # frame of the first row of `probability`
    # new results, shape (n, k), float32; None if the event brings none
    probability: Singles | None = None
    prediction: Prediction | None = None  # the whole result, in the last event only
    # whether `probability` was computed with statistics of a sample of frames, and will be replaced
    provisional: bool = False
