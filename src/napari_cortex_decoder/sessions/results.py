"""Predictions kept beside their recording, and what results were made from."""

from __future__ import annotations

import hashlib
from pathlib import Path

from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.decoder.prediction import Prediction
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.kept import Kept, keep, kept
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.recording.fingerprint import content_hash

PREDICTION = "prediction"
MOVIE, DECODER, PLACING, LABELS = "movie", "decoder", "placing of the atlas", "labels"
"""What a result may be made from, as it is said."""


def made_from(
    recording: Recording,
    *,
    decoder: str | None = None,
    registration: Registration | None = None,
    ethogram: Ethogram | None = None,
) -> dict[str, str]:
    """Return hashes of what a result is made from, by `MOVIE`, `DECODER`, `PLACING`, `LABELS`.

    Parameters
    ----------
    recording
        As it was decoded, its steps included.
    decoder
        Hash of its file.
    registration, ethogram
        Where the result depends on them.

    Raises
    ------
    RecordingError
        If a file of the recording is gone.
    """
    found = {MOVIE: content_hash(recording)}
    if decoder is not None:
        found[DECODER] = decoder
    if registration is not None:
        matrices = b"".join(matrix.tobytes() for matrix in registration.matrices)
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

    Parameters
    ----------
    recording
        As it was decoded.
    prediction
        Of it.
    source
        Name of the decoder in the library, or its file.
    registration
        Where the atlas lies, if the decoder reads areas of it.

    Raises
    ------
    RecordingError
        If it cannot be written.
    """
    if recording.path is not None:
        content = {"prediction": prediction, "source": str(source)}
        of = made_from(recording, decoder=prediction.decoder_hash, registration=registration)
        keep(recording.path, PREDICTION, content, of)


def kept_prediction(recording: Path) -> tuple[Prediction, str, Kept] | None:
    """Return the prediction that was kept, the source of its decoder, and what it was made from.

    Raises
    ------
    RecordingError
        If it is damaged, or of a newer version.
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
