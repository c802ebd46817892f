"""Saliency maps: linear answers, captum's own, completeness, and time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from captum.attr import LayerAttribution, LayerGradCam, Occlusion

from helpers.toys import SIZE, Linear, normalized, two_places
from helpers.waves import make_images, make_network, make_recording
from napari_cortex_decoder.decoder import CnnRnnConfig, Decoder, Preprocessing, Window, make_decoder
from napari_cortex_decoder.errors import DecoderError, RecordingError
from napari_cortex_decoder.saliency import saliency_map

MakeLinear = Callable[..., tuple[Decoder, Linear]]


@pytest.fixture(scope="module")
def small() -> Decoder:
    """The paper's network on images of 32 × 32 and windows of three, with random weights."""
    config = CnnRnnConfig(
        window=Window(past=1, future=1),
        preprocessing=Preprocessing(image_size=(32, 32), scale="centered-sd"),
    )
    return make_decoder(config, make_network(config), name="small", hash="0" * 64)


def weights() -> np.ndarray:
    return np.random.default_rng(1).normal(0, 0.01, (SIZE, SIZE))


def test_integrated_gradients_of_a_linear_decoder_are_weight_times_pixel(
    linear: MakeLinear,
) -> None:
    decoder, _ = linear(weights())
    recording, _ = two_places()
    found = saliency_map(decoder, recording, 50)
    seen = normalized(recording)[found.frames] * weights()
    seen[~np.isin(found.frames, np.arange(48, 52))] = 0  # the toy reads middle channels only
    np.testing.assert_array_equal(found.frames, np.arange(47, 53))
    np.testing.assert_allclose(found.maps, seen, atol=1e-5)
    assert found.gap < 1e-5 and found.grid == (SIZE, SIZE)
    assert found.maps.sum() == pytest.approx(float(found.log_odds[0]), abs=1e-4)


def test_the_map_of_a_bout_is_the_sum_of_those_of_its_frames(linear: MakeLinear) -> None:
    decoder, _ = linear(weights())
    recording, _ = two_places()
    bout = saliency_map(decoder, recording, 40, 60)
    total = np.zeros_like(bout.maps)
    for frame in range(40, 60):
        one = saliency_map(decoder, recording, frame)
        at = int(one.frames[0] - bout.frames[0])
        total[at : at + len(one.maps)] += one.maps
    np.testing.assert_allclose(bout.maps, total, atol=1e-5)


def test_occlusion_of_a_linear_decoder_is_what_the_square_gives(linear: MakeLinear) -> None:
    decoder, _ = linear(weights())
    recording, _ = two_places()
    found = saliency_map(decoder, recording, 50, 53, method="occlusion")
    assert found.grid == (8, 8) and found.maps.shape == (3, SIZE, SIZE)
    frames = normalized(recording) * weights()
    given = sum(frames[51 + lag] for lag in (-2, -1, 0, 1))
    squares = given.reshape(8, 4, 8, 4).sum(axis=(1, 3))
    np.testing.assert_allclose(found.maps[1], np.kron(squares, np.ones((4, 4))), atol=1e-5)


def test_integrated_gradients_of_the_network_are_complete_to_a_percent(small: Decoder) -> None:
    recording = make_recording(20)
    found = saliency_map(small, recording, 9)
    assert found.gap <= 0.01
    assert found.maps.shape == (5, 32, 32) and np.abs(found.maps).max() > 0


def test_grad_cam_is_that_of_captum_on_the_same_stage(small: Decoder) -> None:
    """The network as it was trained, one window at a time: neither folded nor shared."""
    recording = make_recording(20)
    found = saliency_map(small, recording, 8, 10, method="grad-cam")
    assert found.grid == (8, 8)
    images = make_images(recording, small.config)  # image i is of frame i + 1
    network = small.network.eval()
    stage = list(network.cnn._blocks.children())[1]
    expected = np.zeros((4, 32, 32))
    for frame in (8, 9):
        window = images[frame - 2 : frame + 1]

        def odds(batch: torch.Tensor) -> torch.Tensor:
            return network(batch[None])[:, 0]

        values = LayerGradCam(odds, stage).attribute(window)
        large = LayerAttribution.interpolate(values.detach(), (32, 32), "bilinear")
        expected[frame - 8 : frame - 5] += large[:, 0].numpy()
    assert np.abs(expected).max() > 1e-4
    np.testing.assert_allclose(found.maps, expected, atol=1e-4 * np.abs(expected).max() + 1e-6)
    np.testing.assert_array_equal(found.frames, [7, 8, 9, 10])


def test_occlusion_is_that_of_captum_over_whole_windows(small: Decoder) -> None:
    recording = make_recording(20)
    found = saliency_map(small, recording, 9, method="occlusion")
    network = small.network.eval()
    images = make_images(recording, small.config)[7:10]
    captum = Occlusion(lambda windows: network(windows)[:, 0])
    with torch.no_grad():
        lost = captum.attribute(images[None], (3, 3, 4, 4), strides=(3, 3, 4, 4))[0, 0, 0].numpy()
    assert np.abs(lost).max() > 0.01
    np.testing.assert_allclose(found.maps[0], lost, atol=1e-3 * np.abs(lost).max())


def test_a_finer_grid_is_taken_where_it_is_asked_for(small: Decoder) -> None:
    recording = make_recording(20)
    assert saliency_map(small, recording, 9, method="grad-cam", grid=16).grid == (16, 16)
    with pytest.raises(DecoderError, match="the finest has 16 × 16"):
        saliency_map(small, recording, 9, method="grad-cam", grid=40)


def test_maps_lie_where_the_frame_lies_in_the_image(linear: MakeLinear) -> None:
    decoder, _ = linear(weights())
    recording, _ = two_places()
    wide = recording.replace(movie=recording.movie[:, :16])
    found = saliency_map(decoder, wide, 50)
    assert found.maps.shape[1:] == (16, 32)


def test_a_decoder_of_single_images_is_explained(linear: MakeLinear) -> None:
    from napari_cortex_decoder.decoder import CnnConfig
    from napari_cortex_decoder.decoder.networks import Cnn, reestimate_batch_norm

    config = CnnConfig(preprocessing=Preprocessing(image_size=(32, 32), scale="centered-sd"))
    torch.manual_seed(0)
    network = Cnn(config)
    recording = make_recording(40)
    reestimate_batch_norm(network.cnn, make_images(recording, config))
    decoder = make_decoder(config, network.eval(), name="cnn", hash="0" * 64)
    found = saliency_map(decoder, recording, 9, method="occlusion")
    assert found.maps.shape == (1, 32, 32) and np.abs(found.maps).max() > 0


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        ({"start": 2}, RecordingError, "fit around frames 3 to 237"),
        ({"stop": 239}, RecordingError, "frames 50 to 238 are asked for"),
        ({"stop": 50}, RecordingError, "are asked for"),
        ({"method": "lime"}, DecoderError, "choose from integrated-gradients, grad-cam, occlusion"),
        ({"behavior": "groom"}, DecoderError, "knows no 'groom'"),
    ],
)
def test_what_cannot_be_mapped_is_refused(
    linear: MakeLinear, change: dict[str, object], error: type[Exception], sentence: str
) -> None:
    decoder, _ = linear(weights())
    recording, _ = two_places()
    with pytest.raises(error, match=sentence):
        saliency_map(decoder, recording, **({"start": 50} | change))  # type: ignore[arg-type]


def test_work_can_be_stopped_between_two_steps(small: Decoder) -> None:
    recording = make_recording(20)
    told = []

    class Stop(Exception):
        pass

    def stop(event: object) -> None:
        told.append(event)
        if len(told) > 6:
            raise Stop

    with pytest.raises(Stop):
        saliency_map(small, recording, 9, progress=stop)


@pytest.mark.parametrize(
    "preprocessing",
    [
        {"statistics": "running", "warm_up_seconds": 1.0},
        {"detrend_seconds": 2.0},
    ],
    ids=["running", "detrended"],
)
def test_frames_are_those_that_the_decoder_sees_in_any_order(
    preprocessing: dict[str, object],
) -> None:
    from napari_cortex_decoder.decoder.frames.normalization import normalized_frames
    from napari_cortex_decoder.saliency.masking.reading import NormalizedFrames

    chosen = Preprocessing(image_size=(32, 32), scale="centered-sd", **preprocessing)  # type: ignore[arg-type]
    recording = make_recording(200, chunk=32)
    expected = np.concatenate(list(normalized_frames(recording, chosen)))
    frames = NormalizedFrames(recording, chosen, lambda _: None)
    for start, stop in [(40, 60), (55, 130), (131, 200), (0, 10), (150, 151)]:
        np.testing.assert_array_equal(frames.read(start, stop), expected[start:stop])
