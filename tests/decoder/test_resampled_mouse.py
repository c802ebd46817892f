"""A mouse filmed at another rate, brought to the decoder's, is decoded as if filmed at that."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from napari_cortex_decoder.compute import CPU
from napari_cortex_decoder.decoder import load_decoder
from napari_cortex_decoder.recording import preprocess
from napari_cortex_decoder.recording.preprocessing import Resample
from napari_cortex_decoder.simulation import SimulatedRecording, simulate_recording


def auc(rate: int) -> float:
    """Return the AUC of one mouse that lives at 300 Hz and was filmed at a rate."""
    decoder = load_decoder("run-rest")
    mouse = simulate_recording(
        seed=1, subject=501, seconds=40, frame_rate=rate, life_steps=300 // rate, shape=(64, 64)
    )
    recording = preprocess(mouse, [Resample(frame_rate=decoder.frame_rate)])
    assert isinstance(recording, SimulatedRecording)
    probability = decoder.decode(recording, compute=CPU, cached=False).probability[:, 1]
    known = np.isfinite(probability)
    return float(roc_auc_score(recording.truth.ethogram.frames()[known], probability[known]))


@pytest.mark.slow
def test_a_mouse_at_10_and_at_100_hz_is_decoded_as_at_30() -> None:
    at_30 = auc(30)
    assert at_30 > 0.85
    assert auc(10) == pytest.approx(at_30, abs=0.02)
    assert auc(100) == pytest.approx(at_30, abs=0.02)
