"""Averages around onsets: which onsets, and that they are the mean of the maps around them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from helpers.toys import SIZE, Linear, two_places
from napari_cortex_decoder.decoder import Decoder
from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.labels import Bout, Ethogram
from napari_cortex_decoder.saliency import onset_average, onset_frames, saliency_map
from napari_cortex_decoder.scoring.events import find_onsets

MakeLinear = Callable[..., tuple[Decoder, Linear]]

WEIGHTS = np.random.default_rng(1).normal(0, 0.01, (SIZE, SIZE))


def test_an_onset_follows_labelled_time_without_the_behavior() -> None:
    bouts = (
        Bout(0, 10, "run"),  # it began before the recording
        Bout(10, 40, "rest"),
        Bout(40, 60, "run"),  # after 30 frames of rest
        Bout(60, 70, "rest"),
        Bout(70, 90, "run"),  # after too short a rest
        Bout(120, 140, "run"),  # nobody knows what came before
    )
    ethogram = Ethogram(("rest", "run"), bouts, 200)
    assert find_onsets(ethogram, "run", 20).tolist() == [40]
    assert find_onsets(ethogram, "run", 10).tolist() == [40, 70]
    frames = onset_frames(ethogram, frame_rate=10.0, before=2.0, after=1.5)
    assert frames.tolist() == list(range(20, 56))
    with pytest.raises(LabelError, match="no bout of 'run' begins after 5 s"):
        onset_frames(ethogram, frame_rate=10.0, before=5.0)
    with pytest.raises(LabelError, match="know no 'groom'"):
        find_onsets(ethogram, "groom", 10)


@pytest.mark.parametrize("method", ["integrated-gradients", "occlusion"])
def test_it_is_the_mean_of_the_maps_around_the_onsets(linear: MakeLinear, method: str) -> None:
    decoder, _ = linear(WEIGHTS)
    recording, ethogram = two_places(160)  # runs begin at 20, 60, 100 and 140
    found = onset_average(
        decoder,
        recording,
        ethogram,
        method=method,
        before=0.2,
        after=0.3,  # type: ignore[arg-type]
    )
    np.testing.assert_array_equal(found.lags, np.arange(-6, 10))
    np.testing.assert_allclose(found.seconds, found.lags / 30)
    assert found.onsets.tolist() == [20, 60, 100, 140]
    # the whole session explained at once: every frame has what all its windows give
    whole = saliency_map(decoder, recording, 3, 158, method=method)  # type: ignore[arg-type]
    at = np.array([20, 60, 100, 140])[:, None] + found.lags
    expected = whole.maps[at - whole.frames[0]].mean(axis=0)
    np.testing.assert_allclose(found.maps, expected, atol=1e-5)
    np.testing.assert_allclose(found.log_odds, whole.log_odds[at - 3].mean(axis=0), atol=1e-5)
    assert found.scale > 0 and found.settings["onsets"] == [20, 60, 100, 140]


def test_onsets_without_room_are_left_out_and_of_many_some_are_taken(linear: MakeLinear) -> None:
    decoder, _ = linear(WEIGHTS)
    recording, ethogram = two_places(160)
    # 140 has no room for 0.6 s and the windows after
    found = onset_average(
        decoder, recording, ethogram, method="occlusion", before=0.2, after=0.6, most=2
    )
    assert found.onsets.tolist() == [20, 100]
    with pytest.raises(LabelError, match="with room for the decoder's windows"):
        onset_average(decoder, recording, ethogram, before=0.2, after=30.0)
    with pytest.raises(LabelError, match="give the labels of this recording"):
        onset_average(decoder, recording, ethogram.crop(0, 100))
