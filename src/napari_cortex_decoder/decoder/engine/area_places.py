"""Where the areas that a decoder reads lie on a recording, and which of them it shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.atlas import Atlas, Registration, guess_registration
from napari_cortex_decoder.decoder.config import TracePreprocessing
from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.movie_blocks import seen_pixels
from napari_cortex_decoder.recording import Recording

_LOOKED_AT = 24  # frames


def missing_areas(preprocessing: TracePreprocessing, atlas: Atlas) -> list[str]:
    """Return the areas that a decoder asks for and an atlas does not have."""
    known = {area.label for area in atlas.areas}
    return [label for label in preprocessing.areas if label not in known]


def registration_of(
    recording: Recording, registration: Registration | None, areas: Sequence[str] = ()
) -> Registration | None:
    """Return where areas lie on a recording.

    Traces of named areas are of those areas, wherever somebody places an atlas on their picture:
    their own registration counts for what it names.
    """
    own = recording.registration
    if own is None or registration is None:
        return registration or own
    of_traces = recording.traces is not None
    return own if of_traces and set(areas) <= {a.label for a in own.atlas.areas} else registration


def guessed_registration(recording: Recording) -> Registration:
    """Guess from some frames where the atlas lies on a movie; its warnings say that it is a guess.

    Raises AtlasError if there is too little to see.
    """
    every = -(-recording.n_frames // _LOOKED_AT)
    mean = recording.movie[::every].mean(axis=0).compute()
    return guess_registration(mean, pixel_size=recording.pixel_size)


def areas_in_view(recording: Recording, registration: Registration) -> tuple[str, ...]:
    """Return the labels of the areas that a recording shows, in the atlas' order."""
    labels = registration.label_image(recording.shape)
    measured = recording.label_image
    inside = seen_pixels(recording.movie) if measured is None else measured > 0
    seen = np.unique(labels[inside])
    return tuple(a.label for i, a in enumerate(registration.atlas.areas, start=1) if i in seen)


def locate_areas(
    preprocessing: TracePreprocessing, recording: Recording, registration: Registration | None
) -> NDArray[np.int32]:
    """Paint the areas that a decoder asks for on a frame.

    Raises DecoderError if there is no registration, if its atlas lacks an area, or if one lies
    outside the movie; AtlasError if the registration was made on frames of another shape. Where
    `preprocessing` names no areas, the whole frame is one. Gives shape (y, x), int32: i + 1 where
    the decoder's area i is, else 0.
    """
    where = recording.path or recording.name
    if not preprocessing.areas:
        return seen_pixels(recording.movie).astype(np.int32)
    registration = registration_of(recording, registration, preprocessing.areas)
    wanted = f" {preprocessing.atlas!r}" if preprocessing.atlas else " that it learned from"
    if registration is None:
        raise DecoderError(
            f"this decoder reads {len(preprocessing.areas)} areas, and nothing says where they lie "
            f"on {where}; give a registration of the atlas{wanted} (command line: --registration)."
        )
    missing = missing_areas(preprocessing, registration.atlas)
    if missing and preprocessing.fewest is None:
        more = f" and {len(missing) - 1} more areas" if len(missing) > 1 else ""
        raise DecoderError(
            f"atlas {registration.atlas.name!r} on {where} has no {missing[0]!r}{more}, which this "
            f"decoder reads; place the atlas{wanted}."
        )
    places = {area.label: i + 1 for i, area in enumerate(registration.atlas.areas)}
    column = np.zeros(len(registration.atlas.areas) + 1, dtype=np.int32)
    for i, label in enumerate(preprocessing.areas):
        if label in places:
            column[places[label]] = i + 1
    labels = column[registration.label_image(recording.shape)]
    if recording.label_image is None:
        labels = np.where(seen_pixels(recording.movie), labels, 0)
    measured = labels if recording.label_image is None else labels * (recording.label_image > 0)
    pixels = np.bincount(measured.ravel(), minlength=len(preprocessing.areas) + 1)[1:]
    unseen = [label for label, n in zip(preprocessing.areas, pixels, strict=True) if n == 0]
    if preprocessing.fewest is not None:
        seen = len(preprocessing.areas) - len(unseen)
        if seen >= preprocessing.fewest:
            return labels
        raise DecoderError(
            f"{where} shows {seen} of the areas that this decoder reads, and it needs "
            f"{preprocessing.fewest}; check where the atlas lies."
        )
    if unseen and recording.traces is not None:
        raise DecoderError(
            f"{where} has no trace of {', '.join(unseen)}, which this decoder reads; use a decoder "
            "of areas that were measured, or fine-tune or train one on them."
        )
    if unseen:
        more = f" and {len(unseen) - 1} more areas" if len(unseen) > 1 else ""
        raise DecoderError(
            f"{unseen[0]!r}{more}, which this decoder reads, covers no pixel of {where}; check "
            "where the atlas lies, or use a decoder of areas that are in view."
        )
    return labels
