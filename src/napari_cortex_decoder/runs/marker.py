"""The marker of a run folder: whose it is, and which files were made for it."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.files import read_model

Kind = Literal["training", "fine-tune", "evaluation"]

MARKER = "run-folder.json"
LOCK, WAITING, CANCEL, LOG = ".lock", ".waiting", ".cancel", "process.log"
_VERSION = 1
COMMON = (LOCK, WAITING, CANCEL, LOG, "config.json", "progress.jsonl", "decoder.safetensors")
OWN: dict[Kind, tuple[str, ...]] = {
    "training": ("split.json", "metrics.json", "checkpoints", "cache"),
    "fine-tune": ("result.json", "work"),
    "evaluation": (
        *("split.json", "report.json", "report.html", "mice.csv", "over-mice.csv"),
        *("looked", "predictions", "decoders"),
    ),
}


def _is_inside(name: str) -> str:
    parts = PurePosixPath(name).parts
    if not 1 <= len(parts) <= 2 or {"..", "/"} & set(parts) or re.search(r"[\\:\0]", name):
        raise ValueError(f"{name!r} is no name within the folder")
    return name


class Marker(BaseModel):
    """What ``run-folder.json`` says; names are relative to the folder."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    program: Literal["napari-cortex-decoder"] = "napari-cortex-decoder"
    kind: Kind
    version: int = _VERSION
    made: list[Annotated[str, AfterValidator(_is_inside)]]


def read_marker(file: Path) -> Marker:
    """Read the marker of a run folder.

    Raises TrainingError if it is damaged, or of a later version.
    """
    return read_model(file, Marker, _VERSION, TrainingError, remedy="choose another folder")


def foreign(place: Path, kind: Kind) -> TrainingError:
    """Return the refusal of a folder where somebody else's file has a name of ours."""
    return TrainingError(
        f"{place} is there already, and no {kind} of this program has made it; choose another "
        "folder."
    )
