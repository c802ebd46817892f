"""A base that slow drift leads astray is tuned on what is left without it."""

from __future__ import annotations

from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import torch

from napari_cortex_decoder.compute import CPU
from napari_cortex_decoder.decoder import Decoder, Preprocessing, make_decoder
from napari_cortex_decoder.decoder.config import CnnRnnConfig
from napari_cortex_decoder.decoder.frames.normalization import normalized_frames
from napari_cortex_decoder.decoder.networks import CnnRnn, reestimate_batch_norm
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.tuning import detrended_base as module
from napari_cortex_decoder.tuning.detrended_base import DETREND_SECONDS, detrended_base
from napari_cortex_decoder.tuning.fine_tune import fine_tune
from napari_cortex_decoder.tuning.folder import FineTuneFolder
from napari_cortex_decoder.tuning.held_out import HeldOut
from napari_cortex_decoder.tuning.preparation import Preparation
from napari_cortex_decoder.tuning.task import load_task

N, RATE = 800, 5.0
HALF = [HeldOut(0, N // 2, N)]


def mouse(drift: float, bout: int = 20) -> tuple[Recording, Ethogram]:
    """Bouts of 4 s, told by a bright patch, which also drifts: up in one half, down in the next."""
    rng = np.random.default_rng(1)
    labels = np.arange(N) // bout % 2
    movie = rng.normal(1000, 10, (N, 32, 32))
    movie[:, 10:18] += (15 * labels + drift * np.linspace(-1, 1, N))[:, None, None]
    movie = movie.clip(0).astype(np.uint16)
    recording = Recording(
        movie=da.from_array(movie, chunks=(100, 32, 32)), name="mouse", frame_rate=RATE
    )
    return recording, Ethogram.from_frames(labels, ("rest", "run"))


@pytest.fixture(scope="module")
def base() -> Decoder:
    """One that has learned to tell the bouts of a mouse that does not drift."""
    torch.manual_seed(0)
    config = CnnRnnConfig(
        frame_rate=RATE,
        preprocessing=Preprocessing(image_size=(32, 32), scale="centered-sd"),
        hidden_size=16,
    )
    network = CnnRnn(config)
    still = mouse(drift=0)
    block = next(normalized_frames(still[0], config.preprocessing))
    images = np.stack([block[:-2], block[1:-1], block[2:]], axis=1)
    reestimate_batch_norm(network.cnn, torch.from_numpy(images))
    blank = make_decoder(config, network.eval(), name="blank", hash="0" * 64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "DETREND_SECONDS", 1e6)  # too long for anything to be detrended
        learned = fine_tune(blank, [still], depth="head", held_out=HALF)
    assert learned.after.accuracy > 0.75 and not _detrends(learned.decoder)
    return learned.decoder


def _detrends(decoder: Decoder) -> bool:
    assert isinstance(decoder.config, CnnRnnConfig)
    return decoder.config.preprocessing.detrend_seconds is not None


def test_labels_of_one_half_mend_a_drifting_recording_by_detrending(base: Decoder) -> None:
    drifting = mouse(drift=40)
    result = fine_tune(base, [drifting], depth="head", held_out=HALF)
    assert result.decoder.config.preprocessing.detrend_seconds == DETREND_SECONDS
    assert result.before.accuracy < 0.6 < 0.7 < result.after.accuracy
    assert "slow drift is taken away" in result.warnings[0]
    assert "detrended" in result.decoder.provenance.summary
    probability = result.decoder.decode(drifting[0], compute=CPU).probability[N // 2 : N - 6, 1]
    labels = drifting[1].frames()[N // 2 : N - 6]
    assert ((probability > 0.5) == labels).mean() == pytest.approx(result.after.accuracy, abs=0.01)


def test_long_bouts_are_not_taken_away_with_the_drift(base: Decoder) -> None:
    result = fine_tune(base, [mouse(drift=0, bout=100)], depth="head", held_out=HALF)
    assert not _detrends(result.decoder) and result.after.accuracy > 0.75


def test_a_threshold_is_instant_and_encodes_nothing_anew(base: Decoder) -> None:
    result = fine_tune(base, [mouse(drift=40)], depth="threshold", held_out=HALF)
    assert not _detrends(result.decoder)


def test_only_long_recordings_of_a_base_without_detrending_are_tried(base: Decoder) -> None:
    recording, _ = mouse(drift=0)
    steady = detrended_base(base, [recording])
    assert steady is not None and _detrends(steady) and not _detrends(base)
    assert detrended_base(steady, [recording]) is None
    short = recording.replace(movie=recording.movie[:300])
    assert detrended_base(base, [short]) is None
    assert detrended_base(base, [short, recording]) is not None
    raw = base.config.preprocessing.model_copy(update={"scale": "movie-sd"})
    by_raw = base.config.model_copy(update={"preprocessing": raw})
    assert detrended_base(make_decoder(by_raw, base.network, name="raw"), [recording]) is None


def test_end_to_end_learns_from_detrended_frames(base: Decoder, tmp_path: Path) -> None:
    drifting = mouse(drift=40)
    job = Preparation(base, [drifting], "end-to-end", HALF, CPU, 0, None)
    folder = FineTuneFolder(tmp_path)
    with folder.claim():
        folder.ask(job.asked.model_dump(mode="json"))
        job.prepare(folder, lambda progress: None)
    task = load_task(folder)
    assert _detrends(task.start) and not _detrends(task.base)
    frames = np.concatenate(list(normalized_frames(drifting[0], task.start.config.preprocessing)))
    np.testing.assert_allclose(task.frames[0], frames, atol=1e-2)
    assert [logits.shape for logits in task.before] == [(N // 2, 1)]
