"""Decoding that starts where somebody looks: the same answers, in another order."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from helpers.waves import make_network, make_recording
from napari_cortex_decoder.compute import CPU, Compute
from napari_cortex_decoder.decoder import (
    CnnRnnConfig,
    DecodeEvent,
    Decoder,
    Preprocessing,
    Window,
    make_decoder,
)
from napari_cortex_decoder.decoder.engine.inference import InferenceNetwork
from napari_cortex_decoder.recording import Recording


@pytest.fixture(scope="module")
def quick() -> Decoder:
    """A decoder whose windows cross a few blocks, on images that cost little."""
    config = CnnRnnConfig(
        window=Window(past=2, future=1),
        preprocessing=Preprocessing(
            image_size=(32, 32), scale="centered-sd", channel_offsets=(-2, 0, 1)
        ),
    )
    return make_decoder(config, make_network(config), name="quick")


@pytest.fixture(scope="module")
def recording() -> Recording:
    return make_recording(40, chunk=1)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_cortex_decoder.movie_blocks.BLOCK_FRAMES", 5)


def exact(events: Iterator[DecodeEvent]) -> list[DecodeEvent]:
    return [e for e in events if e.probability is not None and not e.provisional]


@settings(max_examples=8, deadline=None)
@given(
    block=st.integers(1, 12),
    batch_size=st.integers(1, 12),
    places=st.lists(st.integers(0, 39), min_size=1, max_size=8),
)
def test_any_order_gives_the_same_answers_and_encodes_each_image_once(
    quick: Decoder, recording: Recording, block: int, batch_size: int, places: list[int]
) -> None:
    encoded: list[int] = []
    features = InferenceNetwork.features

    def count(self: InferenceNetwork, images: Tensor) -> Tensor:
        encoded.append(len(images))
        return features(self, images)

    looked_at = cycle(places)

    expected = quick.decode(recording, compute=CPU).probability
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("napari_cortex_decoder.movie_blocks.BLOCK_FRAMES", block)
        patch.setattr(
            "napari_cortex_decoder.decoder.engine.image_engine.FirstAnswers.wanted",
            lambda self: None,
        )
        patch.setattr(InferenceNetwork, "features", count)
        events = exact(
            quick.stream(
                recording,
                compute=Compute(device="cpu", batch_size=batch_size),
                looked_at=looked_at.__next__,
            )
        )
    probability = np.full_like(expected, np.nan)
    for event in events:
        assert event.probability is not None and event.start is not None
        rows = slice(event.start, event.start + len(event.probability))
        assert np.isnan(probability[rows]).all(), "an answer came twice"
        probability[rows] = event.probability
    np.testing.assert_allclose(probability, expected, atol=1e-5, rtol=0)
    assert sum(encoded) == 37
    assert events[-1].done == events[-1].total == 34


def test_answers_spread_from_the_frame_that_is_looked_at(
    quick: Decoder, recording: Recording
) -> None:
    events = exact(quick.stream(recording, compute=CPU, looked_at=lambda: 22))
    starts = [e.start for e in events if e.probability is not None and len(e.probability)]
    assert abs(starts[0] - 22) <= 5
    away = [abs(start - 22) for start in starts]
    assert away[-1] > 12
    assert max(away[: len(away) // 2]) < max(away)


def test_looking_elsewhere_changes_what_comes_next(quick: Decoder, recording: Recording) -> None:
    frame = 2
    stream = quick.stream(recording, compute=CPU, looked_at=lambda: frame)
    while next(stream).stage != "decoding":
        pass
    frame = 37
    soon = [next(stream) for _ in range(4)]  # a block in work, one that was read ahead, ours
    assert any(e.start is not None and e.start > 28 for e in soon)
    stream.close()


def test_a_first_answer_comes_before_the_movie_is_measured_and_says_that_it_is_provisional(
    quick: Decoder, recording: Recording
) -> None:
    events = list(quick.stream(recording, compute=CPU, looked_at=lambda: 20))
    first = next(e for e in events if e.probability is not None)
    assert first.provisional and first.stage == "measuring the movie" and first.done == 0
    assert first.start is not None and first.probability is not None
    rows = slice(first.start, first.start + len(first.probability))
    assert rows.start <= 12 and rows.stop >= 29
    prediction = events[-1].prediction
    assert prediction is not None
    # A sample of 40 of 40 frames has the statistics of all, but sums in another order.
    np.testing.assert_allclose(first.probability, prediction.probability[rows], atol=1e-3)
    assert not np.array_equal(first.probability, prediction.probability[rows])


def test_the_last_frame_gets_the_nearest_answer(quick: Decoder, recording: Recording) -> None:
    events = quick.stream(recording, compute=CPU, looked_at=lambda: 39)
    first = next(e for e in events if e.probability is not None)
    assert first.start is not None and first.probability is not None
    assert first.start + len(first.probability) == 38  # frame 37 is the last with an answer
    events.close()


def test_a_running_decoder_goes_from_the_first_frame_whatever_is_looked_at() -> None:
    config = CnnRnnConfig(
        window=Window(past=2, future=0),
        preprocessing=Preprocessing(
            image_size=(32, 32),
            scale="centered-sd",
            channel_offsets=(-2, -1, 0),
            statistics="running",
            warm_up_seconds=0.2,
        ),
    )
    decoder = make_decoder(config, make_network(config), name="running")
    events = exact(
        decoder.stream(
            make_recording(40), compute=Compute(device="cpu", batch_size=6), looked_at=lambda: 35
        )
    )
    starts = [e.start for e in events if e.probability is not None and len(e.probability)]
    assert starts == sorted(starts)
    assert starts[0] == 10  # 6 frames of warm-up, 2 for the image, 2 for the window


def test_nobody_who_looks_gets_no_provisional_answers(quick: Decoder, recording: Recording) -> None:
    assert not any(event.provisional for event in quick.stream(recording, compute=CPU))
