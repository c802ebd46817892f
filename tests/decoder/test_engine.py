from __future__ import annotations

import gc
import threading
import time
import tracemalloc
from collections.abc import Callable

import dask.array as da
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor

from helpers.waves import make_images, make_network, make_recording
from napari_cortex_decoder.compute import CPU, Compute
from napari_cortex_decoder.decoder import (
    CnnConfig,
    CnnRnnConfig,
    DecodeEvent,
    Decoder,
    Preprocessing,
    Window,
    load_decoder,
    make_decoder,
)
from napari_cortex_decoder.decoder.config import ImageConfig
from napari_cortex_decoder.decoder.engine import image_engine as engine_module
from napari_cortex_decoder.decoder.engine.devices import available_devices, select_device
from napari_cortex_decoder.decoder.engine.image_engine import Engine
from napari_cortex_decoder.decoder.engine.inference import InferenceNetwork
from napari_cortex_decoder.decoder.networks import Encoder, probabilities
from napari_cortex_decoder.errors import DeviceError, RecordingError
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.simulation import simulate_recording


@torch.no_grad()
def window_by_window(decoder: Decoder, recording: Recording) -> NDArray[np.float32]:
    """Decode as the paper's code does: every image of every window through the whole network."""
    images = make_images(recording, decoder.config)
    length = decoder.config.window.length
    windows = torch.stack([images[i : i + length] for i in range(len(images) - length + 1)])
    logits = torch.cat([decoder.network(batch) for batch in windows.split(8)])
    return probabilities(logits / decoder.config.temperature).numpy()


def test_the_features_under_test_are_not_degenerate(decoder: Decoder) -> None:
    with torch.no_grad():
        features = decoder.network.cnn.features(make_images(make_recording(30), decoder.config))
    assert features.std(dim=0).mean() > 0.03


CONFIGS = {
    "paper": CnnRnnConfig(preprocessing=Preprocessing(image_size=(32, 32), scale="centered-sd")),
    "paper scale": CnnRnnConfig(preprocessing=Preprocessing(image_size=(32, 32))),
    "64 pixels": CnnRnnConfig(
        preprocessing=Preprocessing(image_size=(64, 64), scale="centered-sd")
    ),
    "rectangle": CnnRnnConfig(
        preprocessing=Preprocessing(image_size=(32, 64), scale="centered-sd")
    ),
    "causal": CnnRnnConfig(
        window=Window(past=6, future=0),
        preprocessing=Preprocessing(
            image_size=(32, 32), scale="centered-sd", channel_offsets=(-2, -1, 0)
        ),
    ),
    "wide channels": CnnRnnConfig(
        window=Window(past=1, future=3),
        preprocessing=Preprocessing(
            image_size=(32, 32), scale="centered-sd", channel_offsets=(-4, 0, 1)
        ),
    ),
    "one image": CnnRnnConfig(
        window=Window(past=0, future=0),
        preprocessing=Preprocessing(image_size=(32, 32), scale="centered-sd"),
    ),
    "four behaviors": CnnRnnConfig(
        behaviors=("rest", "run", "groom", "rear"),
        preprocessing=Preprocessing(image_size=(32, 32), scale="centered-sd"),
    ),
    "LSTM": CnnRnnConfig(
        recurrent="lstm",
        n_layers=1,
        hidden_size=40,
        preprocessing=Preprocessing(image_size=(32, 32), scale="centered-sd"),
    ),
    "CNN alone": CnnConfig(preprocessing=Preprocessing(image_size=(32, 32), scale="centered-sd")),
    "CNN alone, four behaviors, causal": CnnConfig(
        behaviors=("rest", "run", "groom", "rear"),
        preprocessing=Preprocessing(
            image_size=(32, 32), scale="centered-sd", channel_offsets=(-2, -1, 0)
        ),
    ),
    "detrended": CnnRnnConfig(
        window=Window(past=2, future=2),
        preprocessing=Preprocessing(image_size=(32, 32), scale="centered-sd", detrend_seconds=0.5),
    ),
    "less sure": CnnRnnConfig(
        temperature=3,
        preprocessing=Preprocessing(image_size=(32, 32), scale="centered-sd"),
    ),
    "plain RNN": CnnRnnConfig(
        recurrent="rnn",
        n_layers=3,
        preprocessing=Preprocessing(image_size=(32, 32), scale="centered-sd"),
    ),
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_the_engine_equals_the_window_by_window_route(config: ImageConfig) -> None:
    decoder = make_decoder(config, make_network(config), name="test")
    recording = make_recording(24, config.preprocessing.image_size, chunk=13)
    probability = decoder.decode(recording, compute=Compute(device="cpu", batch_size=6)).probability
    expected = window_by_window(decoder, recording)
    assert expected.std(axis=0).min() > 0.03  # else all would be equal to all
    first, last = config.frames_before, 24 - config.frames_after
    np.testing.assert_allclose(probability[first:last], expected, atol=1e-5, rtol=0)
    assert np.isnan(probability[:first]).all()
    assert np.isnan(probability[last:]).all()


@pytest.fixture(scope="module")
def quick() -> Decoder:
    """A decoder with a window of three images: quick to check window by window."""
    config = CnnRnnConfig(
        window=Window(past=1, future=1),
        preprocessing=Preprocessing(image_size=(32, 32), scale="centered-sd"),
    )
    return make_decoder(config, make_network(config), name="quick")


@settings(max_examples=10, deadline=None)
@given(
    n=st.integers(5, 20),
    chunk=st.integers(1, 20),
    block=st.integers(1, 20),
    batch_size=st.integers(1, 20),
)
def test_no_cut_into_blocks_and_batches_changes_the_result(
    quick: Decoder, n: int, chunk: int, block: int, batch_size: int
) -> None:
    recording = make_recording(n, chunk=chunk)
    starts, parts = [], []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("napari_cortex_decoder.movie_blocks.BLOCK_FRAMES", block)
        for event in quick.stream(recording, compute=Compute(device="cpu", batch_size=batch_size)):
            if event.probability is not None and len(event.probability):
                starts.append(event.start)
                parts.append(event.probability)
    assert starts == [2 + sum(map(len, parts[:i])) for i in range(len(parts))]
    expected = window_by_window(quick, recording)
    np.testing.assert_allclose(np.concatenate(parts), expected, atol=1e-5, rtol=0)


def test_each_frame_is_encoded_once(decoder: Decoder, encoded: Callable[[], int]) -> None:
    decoder.decode(make_recording(60), compute=Compute(device="cpu", batch_size=7))
    assert encoded() == 58  # frames 0 and 59 have no image of their own


def test_gradients_reach_the_images_of_a_network_that_has_encoded_without(
    decoder: Decoder,
) -> None:
    network = InferenceNetwork(decoder.network)
    images = torch.randn(3, 3, 32, 32)
    with torch.inference_mode():
        network.features(images)
    images.requires_grad_()
    network.encode(images).sum().backward()
    assert images.grad is not None and images.grad.abs().sum() > 0


@pytest.mark.slow
def test_sixteen_bits_change_probabilities_in_the_third_decimal_and_no_auc() -> None:
    decoder = load_decoder("run-rest")
    mouse = simulate_recording(seed=1, subject=9001, seconds=4, shape=(64, 64))
    images = make_images(mouse, decoder.config)
    network = InferenceNetwork(decoder.network)
    found = {}
    for half in (False, True):
        network.half_precision = half
        with torch.inference_mode():
            windows = network.encode(images).unfold(0, decoder.config.window.length, 1)
            found[half] = probabilities(network.classify(windows.transpose(1, 2)))[:, 1].numpy()
    assert found[False].std() > 0.1
    assert 0 < np.abs(found[True] - found[False]).max() < 5e-3
    first = decoder.config.frames_before
    labels = mouse.truth.ethogram.frames()[first : first + len(found[False])]
    full, rounded = (roc_auc_score(labels, found[half]) for half in (False, True))
    assert rounded == pytest.approx(full, abs=1e-3)


def test_a_cpu_asked_for_half_precision_computes_as_ever(decoder: Decoder) -> None:
    recording = make_recording(60)
    full, half = (
        decoder.decode(recording, compute=Compute(device="cpu", precision=precision))
        for precision in ("full", "half")
    )
    np.testing.assert_array_equal(full.probability, half.probability)
    assert half.settings["precision"] == "half"


def test_the_same_decode_gives_the_same_bits(decoder: Decoder) -> None:
    recording = make_recording(40)
    once, again = (decoder.decode(recording, compute=CPU).probability for _ in range(2))
    np.testing.assert_array_equal(once, again)


def test_decoding_leaves_the_network_as_it_was(decoder: Decoder) -> None:
    before = {name: tensor.clone() for name, tensor in decoder.network.state_dict().items()}
    decoder.decode(make_recording(20), compute=CPU)
    for name, tensor in decoder.network.state_dict().items():
        assert torch.equal(tensor, before[name]), name


@pytest.mark.parametrize(("n", "fits"), [(12, False), (13, True)])
def test_a_recording_needs_frames_for_one_window(decoder: Decoder, n: int, fits: bool) -> None:
    recording = make_recording(n)
    if fits:
        known = ~np.isnan(decoder.decode(recording, compute=CPU).probability[:, 0])
        assert np.flatnonzero(known).tolist() == [6]
    else:
        with pytest.raises(RecordingError, match=r"waves has 12 frames .* needs 13"):
            decoder.stream(recording, compute=CPU)


def test_events_come_early_and_count_to_the_end(decoder: Decoder) -> None:
    recording = make_recording(200, chunk=20)
    stream = decoder.stream(recording, compute=Compute(device="cpu", batch_size=10))
    first = next(stream)
    assert (first.stage, first.done, first.total) == ("measuring the movie", 0, 200)
    events = list(stream)
    measured = [e.done for e in events if e.stage == "measuring the movie"]
    assert measured[-1] == 200
    decoding = [e for e in events if e.stage == "decoding"]
    assert [e.done for e in decoding] == sorted(e.done for e in decoding)
    assert (decoding[-1].done, decoding[-1].total) == (188, 188)
    assert len(decoding) > 15
    assert [e.prediction is not None for e in events] == [False] * (len(events) - 1) + [True]


# --- cancelling and failing ---------------------------------------------------------------------


def reader_threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("decoder-reader")]


@pytest.mark.parametrize("stage", ["measuring the movie", "decoding"])
def test_closing_the_stream_reads_no_further_and_leaves_no_thread(
    decoder: Decoder, stage: str
) -> None:
    read: list[int] = []
    recording = noted(make_recording(400, chunk=10), read.append, block=10)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("napari_cortex_decoder.movie_blocks.BLOCK_FRAMES", 10)
        stream = decoder.stream(recording, compute=Compute(device="cpu", batch_size=10))
        for event in stream:
            if event.stage == stage and event.done > 20:
                break
        stream.close()
        assert not reader_threads()
        blocks = len(read)
        time.sleep(0.1)
        assert len(read) == blocks < (40 if stage != "decoding" else 80)


def test_an_error_while_reading_comes_up_as_itself(decoder: Decoder) -> None:
    def fail(start: int) -> None:
        if start >= 200:
            raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        decoder.decode(noted(make_recording(300, chunk=100), fail, block=100), compute=CPU)
    assert not reader_threads()


def test_an_error_while_computing_comes_up_as_itself_and_ends_the_reader(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Encoder, images: Tensor) -> Tensor:
        raise RuntimeError("expected scalar type Float but found Half")

    monkeypatch.setattr(Encoder, "features", fail)
    with pytest.raises(RuntimeError, match="scalar type"):
        decoder.decode(make_recording(30), compute=CPU)
    assert not reader_threads()


def noted(recording: Recording, note: Callable[[int], object], *, block: int) -> Recording:
    """The same recording, telling which frames are read."""

    def read(frames: NDArray[np.uint16], block_info: dict) -> NDArray[np.uint16]:
        note(block_info[0]["array-location"][0][0])
        return frames

    movie = recording.movie.rechunk((block, -1, -1)).map_blocks(read, dtype=np.uint16)
    return recording.replace(movie=movie)


# --- memory -------------------------------------------------------------------------------------


def live_tensor_bytes() -> int:
    gc.collect()
    tensors = [o for o in gc.get_objects() if isinstance(o, Tensor)]
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}
    return sum(storages.values())


def test_what_is_held_does_not_grow_with_the_movie(
    quick: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A movie that is made as it is read; the encoder is left out, for speed."""
    monkeypatch.setattr(Encoder, "features", lambda self, images: images[:, 0, 0, :1] * ONES)

    def peak(n: int) -> tuple[int, int]:
        movie = da.map_blocks(
            lambda block_info: np.random.default_rng(
                block_info[None]["chunk-location"][0]
            ).integers(0, 999, (256, 32, 32), dtype=np.uint16),
            chunks=((256,) * (n // 256), (32,), (32,)),
            dtype=np.uint16,
        )
        recording = Recording(movie=movie, name="endless", frame_rate=30.0)
        engine = Engine(quick.network, quick.config, compute=Compute(device="cpu", batch_size=64))
        tracemalloc.start()
        tensors = 0
        for number, _ in enumerate(engine.stream(recording)):
            if number % 25 == 0:
                tensors = max(tensors, live_tensor_bytes())
        arrays = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return tensors, arrays

    peak(1024)  # imports and caches, of which one is the compiled encoder
    short, long = peak(1024), peak(5120)
    assert long[0] == pytest.approx(short[0], rel=0.1)
    # One more block may be alive at once; a raw frame has 2048 bytes, its features have 5120.
    assert long[1] - short[1] < (5120 - 1024) * 2048 / 2


ONES = torch.ones(1, 1280)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
    ],
    ids=["cuda", "mps", "cpu"],
)
def test_out_of_memory_halves_the_batch_until_it_fits_and_says_so(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch, error: RuntimeError
) -> None:
    features = Encoder.features

    def small_memory(self: Encoder, images: Tensor) -> Tensor:
        if len(images) > 5:
            raise error
        return features(self, images)

    recording = make_recording(40)
    expected = decoder.decode(recording, compute=Compute(device="cpu", batch_size=5)).probability
    monkeypatch.setattr(Encoder, "features", small_memory)
    events: list[DecodeEvent] = []
    prediction = decoder.decode(
        recording, compute=Compute(device="cpu", batch_size=16), progress=events.append
    )
    np.testing.assert_allclose(prediction.probability, expected, atol=1e-5)
    messages = [event.message for event in events if event.message]
    assert [message.partition("memory ")[2] for message in messages] == [
        "with 16 images at once; going on with 8 at once.",
        "with 8 images at once; going on with 4 at once.",
    ]
    assert prediction.warnings == tuple(messages)
    assert prediction.settings["batch_size"] == 4


class SmallGpu(Engine):
    """An engine whose first device, which only looks like a GPU, holds nothing at all."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.place.device = torch.device("meta")

    def _run(self, *args: object) -> object:
        if self.device.type == "meta":
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return super()._run(*args)


def test_a_gpu_without_memory_hands_over_to_the_cpu_and_says_so(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = make_recording(40)
    expected = decoder.decode(recording, compute=CPU).probability
    monkeypatch.setattr(engine_module, "Engine", SmallGpu)
    monkeypatch.setattr(InferenceNetwork, "to", lambda self, device: self)
    prediction = decoder.decode(recording, compute=Compute(device="cpu", batch_size=2))
    np.testing.assert_allclose(prediction.probability, expected, atol=1e-5)
    assert prediction.device == "cpu"
    assert "going on on the CPU" in prediction.warnings[-1]


def test_a_network_that_does_not_fit_on_its_device_runs_on_the_cpu(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def move(self: InferenceNetwork, device: torch.device) -> InferenceNetwork:
        if device.type == "meta":
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return self

    monkeypatch.setattr(engine_module, "Engine", SmallGpu)
    monkeypatch.setattr(InferenceNetwork, "to", move)
    assert decoder.decode(make_recording(20), compute=CPU).device == "cpu"


def test_a_cpu_without_memory_for_one_image_is_one_sentence(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Encoder, images: Tensor) -> Tensor:
        raise RuntimeError("DefaultCPUAllocator: not enough memory")

    monkeypatch.setattr(Encoder, "features", full)
    with pytest.raises(DeviceError, match="even one image"):
        decoder.decode(make_recording(30), compute=CPU)


# --- devices ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "xla", "meta", "", "cpu:7", "CPU"])
def test_a_device_that_is_not_there_is_refused_and_the_others_are_named(name: str) -> None:
    with pytest.raises(DeviceError, match="cpu"):
        select_device(Compute(device=name))


@pytest.mark.parametrize(
    ("cuda", "mps", "best"), [(2, True, "cuda:0"), (0, True, "mps"), (0, False, "cpu")]
)
def test_auto_takes_cuda_then_mps_then_cpu(
    monkeypatch: pytest.MonkeyPatch, cuda: int, mps: bool, best: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"GPU {index}")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert str(select_device(Compute(device="auto"))) == best
    assert list(available_devices())[-1] == "cpu"
    if cuda:
        assert str(select_device(Compute(device="cuda"))) == "cuda:0"
        assert str(select_device(Compute(device="cuda:1"))) == "cuda:1"


def test_a_batch_of_nothing_is_refused(decoder: Decoder) -> None:
    with pytest.raises(DeviceError, match="batch size is 0"):
        decoder.decode(make_recording(20), compute=Compute(device="cpu", batch_size=0))
