from __future__ import annotations

import pytest
import torch

from napari_cortex_decoder.decoder import (
    CnnConfig,
    CnnRnnConfig,
    DecoderConfig,
    LinearConfig,
    RoiRnnConfig,
    TracePreprocessing,
    Window,
)
from napari_cortex_decoder.decoder.config import DECODER_CONFIG
from napari_cortex_decoder.decoder.networks import build_network, probabilities
from napari_cortex_decoder.decoder.networks.keras_gru import KerasGru

FIFTY = TracePreprocessing(areas=tuple(f"ROI {i}" for i in range(50)))


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        (CnnConfig(), 4_008_829),
        (CnnRnnConfig(), 4_649_470),
        (RoiRnnConfig(recurrent="keras-gru", preprocessing=FIFTY), 8_001),
        (RoiRnnConfig(recurrent="gru", preprocessing=FIFTY), 8_001 + 3 * 32),  # a second bias
        (LinearConfig(window=Window(past=2, future=2), preprocessing=FIFTY), 5 * 50 + 1),
        (LinearConfig(window=Window(past=0, future=0)), 2),
    ],
    ids=["CNN", "CNN-RNN", "Keras ROI-GRU", "ROI-GRU", "linear", "linear on the global mean"],
)
def test_a_network_has_as_many_parameters_as_it_should(
    config: DecoderConfig, parameters: int
) -> None:
    assert sum(p.numel() for p in build_network(config).parameters()) == parameters


BEHAVIORS = [("rest", "run"), ("rest", "run", "groom", "rear")]
SMALL = {"window": Window(past=1, future=1)}


@pytest.mark.parametrize("behaviors", BEHAVIORS, ids=["two", "four"])
@pytest.mark.parametrize(
    "config",
    [
        CnnConfig(),
        CnnRnnConfig(hidden_size=4, **SMALL),
        CnnRnnConfig(hidden_size=4, n_layers=1, recurrent="lstm", **SMALL),
        RoiRnnConfig(preprocessing=FIFTY, **SMALL),
        RoiRnnConfig(preprocessing=FIFTY, recurrent="lstm", **SMALL),
        RoiRnnConfig(preprocessing=FIFTY, recurrent="rnn", **SMALL),
        RoiRnnConfig(preprocessing=FIFTY, recurrent="keras-gru", **SMALL),
        LinearConfig(preprocessing=FIFTY, **SMALL),
    ],
    ids=lambda c: f"{c.architecture} {getattr(c, 'recurrent', '')}".strip(),
)
def test_every_network_takes_windows_and_gives_logits(
    config: DecoderConfig, behaviors: tuple[str, ...]
) -> None:
    config = config.model_copy(update={"behaviors": behaviors})
    network = build_network(config).eval()
    inner = (50,) if config.preprocessing is FIFTY else (3, 32, 32)
    windows = torch.randn(4, config.window.length, *inner)
    with torch.no_grad():
        logits = network(windows)
        probability = probabilities(logits)
    assert logits.shape == (4, 1 if len(behaviors) == 2 else 4)
    assert probability.shape == (4, len(behaviors))
    torch.testing.assert_close(probability.sum(dim=1), torch.ones(4))


@pytest.mark.parametrize("k", [1, 3])
def test_temperature_divides_logits_and_keeps_their_order(k: int) -> None:
    logits = torch.tensor([[0.5, -1.0, 2.0], [3.0, 0.1, -2.0]])[:, :k]
    torch.testing.assert_close(probabilities(logits, 2.0), probabilities(logits / 2))
    assert (probabilities(logits, 4).argmax(1) == probabilities(logits).argmax(1)).all()
    assert probabilities(logits, 4).max() < probabilities(logits).max()


@pytest.mark.parametrize(
    "impossible",
    [
        {"architecture": "cnn", "window": {"past": 5, "future": 5}},
        {"architecture": "cnn", "recurrent": "gru"},
        {"architecture": "cnn-rnn", "recurrent": "keras-gru"},
        {"architecture": "cnn-rnn", "preprocessing": {"areas": ["MOs left"]}},
        {"architecture": "roi-rnn", "preprocessing": {"image_size": [128, 128]}},
        {"architecture": "roi-rnn", "preprocessing": {"areas": ["MOs left", "MOs left"]}},
        {"architecture": "linear", "hidden_size": 32},
        {"architecture": "cnn", "preprocessing": {"detrend_seconds": 30}},  # movie-sd is of raw
        {"architecture": "transformer"},
    ],
    ids=str,
)
def test_an_impossible_combination_cannot_be_written(impossible: dict) -> None:
    with pytest.raises(ValueError, match="validation error"):
        DECODER_CONFIG.validate_python(impossible)


@pytest.mark.parametrize("config", [CnnConfig(), CnnRnnConfig(), RoiRnnConfig(), LinearConfig()])
def test_a_configuration_comes_back_from_json_as_what_it_was(config: DecoderConfig) -> None:
    again = DECODER_CONFIG.validate_json(config.model_dump_json())
    assert type(again) is type(config)
    assert again == config


def test_the_keras_cell_learns() -> None:
    torch.manual_seed(0)
    cell, out = KerasGru(2, 8), torch.nn.Linear(8, 1)
    optimizer = torch.optim.Adam([*cell.parameters(), *out.parameters()], lr=0.03)
    inputs = torch.randn(64, 6, 2)
    target = (inputs[:, 0, :1] > 0).float()  # what came first must be remembered
    for _ in range(60):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(out(cell(inputs)[1]), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.3
