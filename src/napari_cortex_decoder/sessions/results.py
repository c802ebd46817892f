"""Predictions kept beside their recording, and what results were made from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.decoder.library import decoder_files
from napari_cortex_decoder.decoder.prediction import Prediction
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.kept import Kept, keep, kept
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.reading import reads
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.recording.fingerprint import content_hash
from napari_cortex_decoder.sessions.opening import kept_registration

PREDICTION = "prediction"
MOVIE, RATE, DECODER = "movie", "frame rate", "decoder"
PLACING, LABELS = "placing of the atlas", "labels"
"""What a result may be made from, as it is said."""


def made_from(
    recording: Recording,
    *,
    decoder: str | None = None,
    registration: Registration | None = None,
    ethogram: Ethogram | None = None,
) -> dict[str, str]:
    """Return hashes of what a result is made from, by what it is.

    Raises RecordingError if a file of the recording is gone. `decoder` is the hash of its file; the
    others count where the result depends on them.
    """
    found = {MOVIE: content_hash(recording), RATE: repr(recording.frame_rate)}
    if decoder is not None:
        found[DECODER] = decoder
    if registration is not None:
        # a placing that went through the pixels of a crop and back differs in the last bits
        matrices = b"".join(np.round(matrix, 6).tobytes() for matrix in registration.matrices)
        found[PLACING] = _hash(registration.atlas.name.encode() + matrices)
    if ethogram is not None:
        names = "\n".join(ethogram.behaviors).encode()
        found[LABELS] = _hash(names + ethogram.frames().tobytes())
    return found


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def keep_prediction(
    recording: Recording, prediction: Prediction, source: str | Path,
    registration: Registration | None = None,
) -> None:  # fmt: skip
    """Keep a whole prediction beside its recording; one that is in no file keeps nothing.

    Raises RecordingError if it cannot be written. `source` is the name of the decoder in the
    library, or its file; `registration` counts if the decoder reads areas.
    """
    if recording.path is not None:
        content = {"prediction": prediction, "source": str(source)}
        placed = registration if "registration" in prediction.settings else None
        of = made_from(recording, decoder=prediction.decoder_hash, registration=placed)
        keep(recording.path, PREDICTION, content, of)


def prediction_of(recording: Recording) -> tuple[Prediction, str, str] | None:
    """Return the prediction that was kept of a recording as it is shown; None if there is none.

    Raises RecordingError if it is damaged, of a newer version, or of another number of frames. A
    prediction after other steps than those of `recording` is not of it. With it come the name of
    its decoder or its file, and what has changed since, in a sentence.
    """
    found = None if recording.path is None else kept_prediction(recording.path)
    if found is None or not same_steps(recording, found[0].settings.get("preprocessing")):
        return None
    prediction, source, one = found
    if len(prediction.times) != recording.n_frames:
        raise RecordingError(
            f"{recording.path}: its kept prediction is of {len(prediction.times)} frames, and it "
            f"has {recording.n_frames} now; decode it again."
        )
    placed = shown_registration(recording)
    now = made_from(recording, decoder=decoder_hash(source), registration=placed)
    return replace(prediction, times=recording.times), source, said_of(one, now)


def shown_registration(recording: Recording) -> Registration | None:
    """Return where the atlas lies on a recording as it is shown, as kept beside it."""
    return kept_registration(recording.replace(steps=()), recording)


def same_steps(recording: Recording, steps: object) -> bool:
    """Whether a recording was made by these steps, as a result's settings have them."""
    mine = [dict(step) for step in recording.steps]
    return json.dumps(mine, default=str) == json.dumps(steps or [], default=str)


def said_of(one: Kept, now: Mapping[str, str]) -> str:
    """Say what has changed since something was made; empty if nothing has."""
    changed = one.changed(now)
    if not changed:
        return ""
    return f"Stale: the {' and the '.join(changed)} changed since {one.written[:10]}."


def decoder_hash(source: str) -> str | None:
    """Return the hash of a decoder's file as it is now; None if it is not there."""
    path = decoder_files().get(source, Path(source))
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@reads("the prediction that was kept beside it", remedy="decode it again")
def kept_prediction(recording: Path) -> tuple[Prediction, str, Kept] | None:
    """Return the prediction that was kept, the source of its decoder, and what it was made from.

    Raises RecordingError if it is damaged, or of a newer version.
    """
    found = kept(recording, PREDICTION, (Prediction,))
    if found is None:
        return None
    content = found.content
    prediction = content.get("prediction") if isinstance(content, dict) else None
    if not isinstance(prediction, Prediction):
        raise RecordingError(f"{recording}: no prediction is in what was kept; decode it again.")
    if prediction.probability.shape != (len(prediction.times), len(prediction.behaviors)):
        raise RecordingError(f"{recording}: the kept prediction is damaged; decode it again.")
    return prediction, str(content.get("source", "")), found
