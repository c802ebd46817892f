"""Area importance of decoders of area traces: the movie's parts go missing, not whole columns."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from helpers.toys import probabilities_of, quarters, two_places
from napari_cortex_decoder.decoder import Decoder, load_decoder, make_decoder
from napari_cortex_decoder.decoder.config import (
    LinearConfig,
    RoiRnnConfig,
    TraceConfig,
    TracePreprocessing,
    Window,
)
from napari_cortex_decoder.decoder.networks import build_network
from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.saliency import area_importance, area_saliency
from napari_cortex_decoder.saliency.masking.masked_traces import MaskedTraces
from napari_cortex_decoder.simulation import simulate_recording

AREAS = ("A left", "A right", "B left", "B right")
WINDOW = Window(past=2, future=1)


def made(config: TraceConfig) -> Decoder:
    torch.manual_seed(3)
    return make_decoder(config, build_network(config), name="traces", hash="0" * 64)


def linear() -> Decoder:
    """One that reads the upper left quarter and nothing else."""
    decoder = made(LinearConfig(window=WINDOW, preprocessing=TracePreprocessing(areas=AREAS)))
    layer = decoder.network.linear_out
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight.reshape(WINDOW.length, 4)[:, 0] = 1.0
        layer.bias.fill_(-0.5 * WINDOW.length)
    return decoder


def expected(decoder: Decoder, recording: Recording, missing: np.ndarray) -> np.ndarray:
    """Log-odds of all frames of a movie with pixels at their mean, scaled as the whole one is."""
    movie = recording.movie.compute()
    masked = np.where(missing, movie.mean(axis=0), movie)

    def means(frames: np.ndarray) -> np.ndarray:
        halves = frames.reshape(len(frames), 2, 16, 2, 16).mean(axis=(2, 4))
        return halves.reshape(len(frames), 4)

    before = means(movie)
    scaled = (means(masked) - before.min(axis=0)) / np.ptp(before, axis=0)
    p = probabilities_of(decoder, scaled)[:, 1].astype(float)
    return np.log(p / (1 - p))


def test_log_odds_are_those_of_a_movie_whose_pixels_stay_at_their_mean() -> None:
    recording, _ = two_places()
    config = RoiRnnConfig(
        window=WINDOW, preprocessing=TracePreprocessing(areas=AREAS, detrend_seconds=None)
    )
    decoder = made(config)
    masks = np.zeros((3, 32, 32), dtype=bool)
    masks[0, :16, :16] = True  # one area
    masks[1, 10:25, 8:20] = True  # a part of each
    masks[2, 30:, 30:] = True
    scored = np.arange(5, 230)
    found = MaskedTraces(decoder, recording, quarters()).log_odds(
        scored, masks, 1, lambda progress: None
    )
    wanted = [expected(decoder, recording, m)[scored] for m in (np.zeros((32, 32), bool), *masks)]
    np.testing.assert_allclose(found, wanted, atol=2e-5)
    assert np.abs(found[1] - found[0]).max() > 1e-3


@pytest.mark.parametrize("fill", ["mean", "shuffled"])
def test_a_decoder_that_reads_one_area_is_said_to_read_it(fill: str) -> None:
    recording, ethogram = two_places(n=480)
    found = area_importance(
        linear(), recording, quarters(), ethogram, fills=(fill,), patches=20, draws=200
    )
    ranked = found.ranked()
    assert (ranked.iloc[0]["acronym"], ranked.iloc[0]["side"]) == ("A", "left")
    assert found.whole.value > 0.95 and ranked.iloc[0]["importance"] > 0.3
    np.testing.assert_allclose(ranked["importance"].iloc[1:], 0, atol=1e-6)
    # patches that lie elsewhere hardly touch what it reads
    assert ranked.iloc[0]["p"] <= 0.05 and found.encodings == 0
    assert "A left" in found.verdict.reason


def test_traces_have_no_surroundings_to_blur_in() -> None:
    recording, ethogram = two_places()
    with pytest.raises(DecoderError, match="choose the fills mean or shuffled"):
        area_importance(linear(), recording, quarters(), ethogram, fills=("blurred",))


@pytest.mark.parametrize("frame_rate", [10.0, 30.0])
def test_the_bundled_decoder_of_cortex_is_explained_at_any_frame_rate(frame_rate: float) -> None:
    decoder = load_decoder("run-rest-cortex")
    mouse = simulate_recording(
        seed=1, subject=9301, seconds=40, shape=(64, 64), frame_rate=frame_rate
    )
    registration, ethogram = mouse.truth.registration, mouse.truth.ethogram
    scored = np.arange(mouse.n_frames)
    mask = registration.label_image(mouse.shape)[None] == 3
    odds = MaskedTraces(decoder, mouse, registration).log_odds(
        scored, mask, 1, lambda progress: None
    )
    said = decoder.decode(mouse, registration=registration).probability[:, 1]
    assert np.corrcoef(odds[0], np.log(said / (1 - said)))[0, 1] > 0.999
    assert np.abs(odds[1] - odds[0]).max() > 1e-2
    found = area_importance(decoder, mouse, registration, ethogram, targets="pairs", draws=50)
    assert found.ranked()["importance"].notna().sum() > 15
    with pytest.raises(DecoderError, match="ask for the importance of areas"):
        area_saliency(decoder, mouse, registration, any_rate=True)
