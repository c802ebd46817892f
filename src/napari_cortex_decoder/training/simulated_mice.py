"""Simulated mice to learn from and to be tested on; who is tested never changes."""

from __future__ import annotations

import hashlib
from functools import partial

from napari_cortex_decoder.compute import HERE, Compute
from napari_cortex_decoder.decoder import Decoder, MouseScore
from napari_cortex_decoder.progress import Report, unheard
from napari_cortex_decoder.simulation import Parameters, simulate_recording
from napari_cortex_decoder.training.scoring import decode_mice, score_mice
from napari_cortex_decoder.training.sessions import LabeledRecording, Session

FIRST_TEST_SUBJECT = 9001
"""Subjects from here on are for testing: no training may see them."""


def simulated_session(
    subject: int, *, seed: int = 1, seconds: float = 60.0, frame_size: int = 128
) -> Session:
    """Return one session of one simulated mouse, of frames of so many pixels a side."""
    what = f"{Parameters()!r} {seconds} {seed} {frame_size} {subject}"
    return Session(
        name=f"simulated-{subject}",
        subject=str(subject),
        fingerprint=hashlib.sha256(what.encode()).hexdigest()[:16],
        load=partial(_simulate, subject, seed, seconds, frame_size),
    )


def score_again(
    decoder: Decoder, *, mice: int = 6, compute: Compute = HERE, progress: Report = unheard
) -> tuple[MouseScore, ...]:
    """Score a decoder of rest and run on the mice that are kept for testing."""
    tested = range(FIRST_TEST_SUBJECT, FIRST_TEST_SUBJECT + mice)
    sessions = [simulated_session(subject) for subject in tested]
    return score_mice(decode_mice(decoder, sessions, compute=compute, report=progress))


def _simulate(subject: int, seed: int, seconds: float, frame_size: int) -> LabeledRecording:
    mouse = simulate_recording(
        seed=seed, subject=subject, seconds=seconds, shape=(frame_size, frame_size)
    )
    return LabeledRecording(mouse, mouse.truth.ethogram, mouse.truth.registration)
