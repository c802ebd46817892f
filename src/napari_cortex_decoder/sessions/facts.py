"""What is there of a session, beside its movie: a row of the table of sessions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from napari_cortex_decoder.cameras.kept import n_remembered_cameras
from napari_cortex_decoder.cohort import CohortEntry
from napari_cortex_decoder.decoder.prediction import Prediction
from napari_cortex_decoder.errors import CortexDecoderError
from napari_cortex_decoder.labels import Ethogram, read_labels
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.scoring.agreement import judging_labels
from napari_cortex_decoder.scoring.auc import auc
from napari_cortex_decoder.sessions.opening import kept_labels, kept_registration, open_session
from napari_cortex_decoder.sessions.results import kept_prediction, made_from

_Found = TypeVar("_Found")


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is there of a session."""

    # of the movie; Hz and mm, None where nobody has said them
    n_frames: int = 0
    frame_rate: float | None = None
    pixel_size: float | None = None
    subject: str = ""  # which mouse, as the file says; empty where it does not
    # whether behavior was measured beside it, and whether the atlas is placed
    behavior: bool = False
    cameras: int = 0  # how many
    atlas: bool = False
    labelled: float | None = None  # share of the frames that somebody labelled; None without labels
    decoded: str = ""  # name of the decoder that it was decoded with; empty if it was not
    stale: tuple[str, ...] = ()  # what has changed since it was decoded: ``"movie"``, …
    # AUC of the prediction against labels that its decoder has not learned; None without any
    score: float | None = None
    problems: tuple[str, ...] = ()  # what of it cannot be read, one sentence each

    @property
    def seconds(self) -> float | None:
        """How long it is; None where the frame rate is unknown."""
        return None if self.frame_rate is None else self.n_frames / self.frame_rate


def look_at(entry: CohortEntry) -> Facts:
    """Look what is there of a session; what cannot be read is told, and the rest goes on.

    No frame of the movie is read.
    """
    problems: list[str] = []

    def tried(read: Callable[[], _Found]) -> _Found | None:
        try:
            return read()
        except CortexDecoderError as error:
            problems.append(str(error))
            return None

    recording = tried(lambda: open_session(entry.files))
    if recording is None:
        return Facts(problems=tuple(problems))
    path = recording.path
    assert path is not None  # it lies in the files of the entry
    atlas = entry.registration is not None or bool(tried(lambda: kept_registration(recording)))
    ethogram = tried(lambda: _labels(entry, recording))
    prediction: Prediction | None = None
    stale: tuple[str, ...] = ()
    if (decoded := tried(lambda: kept_prediction(path))) is not None:
        prediction, _, kept = decoded
        # the steps of a session may be long to apply: without them its movie is what it was
        steps = prediction.settings.get("preprocessing")
        stale = () if steps else kept.changed(tried(lambda: made_from(recording)) or {})
    cameras = tried(lambda: n_remembered_cameras(path)) or 0
    facts = facts_of(recording, ethogram, prediction, atlas=atlas, cameras=cameras)
    behavior = facts.behavior or entry.behavior is not None
    return replace(facts, behavior=behavior, stale=stale, problems=tuple(problems))


def facts_of(
    recording: Recording,
    ethogram: Ethogram | None,
    prediction: Prediction | None,
    *,
    atlas: bool,
    cameras: int,
) -> Facts:
    """Say what is there of a recording: its labels, its whole prediction, atlas and cameras."""
    decoded = ""
    if prediction is not None:
        decoded = prediction.decoder
        decoded += " (simulated mice)" if prediction.settings.get("simulated") else ""
    return Facts(
        n_frames=recording.n_frames,
        frame_rate=recording.frame_rate,
        pixel_size=recording.pixel_size,
        subject=recording.subject or "",
        behavior=bool(recording.behavior),
        cameras=cameras,
        atlas=atlas,
        labelled=None if ethogram is None else float((ethogram.frames() >= 0).mean()),
        decoded=decoded,
        score=None if ethogram is None or prediction is None else score(prediction, ethogram),
    )


def _labels(entry: CohortEntry, recording: Recording) -> Ethogram | None:
    """Return the labels beside a recording, else those that the cohort names; None without."""
    assert recording.path is not None  # asked by the caller
    found = kept_labels(recording.path)
    if found is None and entry.labels is not None:
        found = read_labels(entry.labels, recording)
    return found


def score(prediction: Prediction, ethogram: Ethogram) -> float | None:
    """Return the AUC of a prediction against labels; None where what counts is of one behavior."""
    if ethogram.n_frames != len(prediction.probability):
        return None
    labels = judging_labels(prediction, ethogram)
    both = (labels >= 0) & np.isfinite(prediction.probability).all(axis=1)
    if not both.any():
        return None
    return auc(prediction.probability[both].astype(np.float64), labels[both])
