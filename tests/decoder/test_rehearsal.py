"""Every path that computes runs on an accelerator, rehearsed on one without values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helpers.rehearsal import Rehearsal, rehearsed
from helpers.tuned_mice import blank_decoder, patchy_mouse
from helpers.waves import make_network
from napari_cortex_decoder import fine_tune
from napari_cortex_decoder.atlas import Registration, load_atlas
from napari_cortex_decoder.compute import CPU, Compute
from napari_cortex_decoder.decoder import (
    CnnConfig,
    CnnRnnConfig,
    Decoder,
    Preprocessing,
    RoiRnnConfig,
    TracePreprocessing,
    Window,
    make_decoder,
)
from napari_cortex_decoder.decoder.config import DecoderConfig
from napari_cortex_decoder.decoder.engine.inference import InferenceNetwork
from napari_cortex_decoder.decoder.networks import build_network
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.progress import unheard
from napari_cortex_decoder.recording import Recording, open_recording, save_recording
from napari_cortex_decoder.saliency import (
    area_importance,
    cutout_importance,
    randomized_weights,
    saliency_map,
)
from napari_cortex_decoder.training import (
    LabeledRecording,
    Session,
    Stage,
    TrainingConfig,
    train,
)
from napari_cortex_decoder.training.run_folder import TrainingFolder
from napari_cortex_decoder.tuning.end_to_end import Filmed, fit_end_to_end
from napari_cortex_decoder.tuning.features import recording_features, write_frames
from napari_cortex_decoder.tuning.heads import Labeled
from napari_cortex_decoder.tuning.tunable import model_of

META = Compute(device="meta")
SMALL = Preprocessing(image_size=(32, 32), scale="centered-sd")


@pytest.fixture
def accelerator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rehearsal]:
    with rehearsed(monkeypatch) as rehearsal:
        yield rehearsal
        assert rehearsal.operations, "nothing was computed there"


@pytest.fixture(scope="module")
def mouse() -> tuple[Recording, Ethogram]:
    return patchy_mouse(300)


@pytest.fixture(scope="module")
def registration() -> Registration:
    return Registration.upright(
        load_atlas("dorsal-cortex"), pixel_size=10.24 / 32, bregma=(14, 15.5)
    )


def decoder_of(config: DecoderConfig) -> Decoder:
    torch.manual_seed(0)
    known = isinstance(config, CnnConfig | CnnRnnConfig)
    network: Any = make_network(config) if known else build_network(config)
    return make_decoder(config, network.eval(), name="rehearsed")


IMAGES: dict[str, DecoderConfig] = {
    "cnn": CnnConfig(preprocessing=SMALL),
    "cnn-gru": CnnRnnConfig(preprocessing=SMALL),
    "cnn-lstm": CnnRnnConfig(preprocessing=SMALL, recurrent="lstm"),
    "causal": CnnRnnConfig(
        preprocessing=Preprocessing(
            image_size=(32, 32),
            scale="centered-sd",
            statistics="running",
            channel_offsets=(-2, -1, 0),
            warm_up_seconds=2.0,
        ),
        window=Window(past=5, future=0),
    ),
}


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("how", ["full", "half", "looked at"])
def test_decoding_images(
    name: str, how: str, mouse: tuple[Recording, Ethogram], accelerator: Rehearsal
) -> None:
    decoder = decoder_of(IMAGES[name])
    events = list(
        decoder.stream(
            mouse[0],
            compute=Compute(device="meta", precision="half" if how == "half" else "full"),
            looked_at=(lambda: 150) if how == "looked at" else None,
        )
    )
    assert events[-1].done == events[-1].total
    assert next(decoder.network.parameters()).device.type == "cpu"


def test_decoding_area_traces(
    mouse: tuple[Recording, Ethogram], registration: Registration, accelerator: Rehearsal
) -> None:
    areas = ("MOp left", "MOp right", "VISp left", "VISp right")
    config = RoiRnnConfig(
        preprocessing=TracePreprocessing(areas=areas, detrend_seconds=None, scaling="sd"),
        window=Window(past=5, future=5),
    )
    decoder_of(config).decode(mouse[0], compute=META, registration=registration)


@pytest.mark.slow
def test_importance_and_maps(
    mouse: tuple[Recording, Ethogram], registration: Registration, accelerator: Rehearsal
) -> None:
    recording, ethogram = mouse
    decoder = blank_decoder(recording)
    frames = np.arange(55, 66)
    options: dict[str, Any] = {"compute": META}
    for fill in ("mean", "blurred", "shuffled"):
        area_importance(
            decoder, recording, registration, ethogram, targets="hemispheres", fills=(fill,),
            frames=frames, patches=1, draws=5, **options,
        )  # fmt: skip
    cutout_importance(decoder, recording, ethogram, frames=frames, draws=5, **options)
    for method in ("integrated-gradients", "grad-cam", "occlusion"):
        saliency_map(decoder, recording, 60, 62, method=method, grid=4, points=2, **options)
    randomized_weights(decoder, recording, 60, layers=1, grid=4, points=2, **options)


def cohort(mouse: tuple[Recording, Ethogram], registration: Registration) -> list[Session]:
    labeled = LabeledRecording(*mouse, registration)
    return [Session(f"s{i}", f"m{i}", str(i), lambda: labeled) for i in range(3)]


STAGES = {
    "frames": Stage(kind="frames", epochs=1, batch_size=8, stride=24),
    "features": Stage(kind="features", epochs=1, batch_size=64, stride=8, copies=2),
    "windows": Stage(kind="windows", epochs=1, batch_size=4, stride=60),
}
NETWORKS: dict[str, tuple[DecoderConfig, tuple[str, ...]]] = {
    "cnn": (CnnConfig(preprocessing=SMALL), ("frames",)),
    "cnn-rnn": (
        CnnRnnConfig(preprocessing=SMALL, window=Window(past=2, future=2), hidden_size=8),
        ("frames", "features", "windows"),
    ),
    "roi-rnn": (RoiRnnConfig(hidden_size=4), ("windows",)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_training_through_all_stages(
    name: str,
    mouse: tuple[Recording, Ethogram],
    registration: Registration,
    accelerator: Rehearsal,
    tmp_path: Path,
) -> None:
    decoder, kinds = NETWORKS[name]
    config = TrainingConfig(
        decoder=decoder, stages=tuple(STAGES[kind] for kind in kinds), statistics_seconds=4
    )
    folder = tmp_path / "run"
    train(config, cohort(mouse, registration), folder, compute=META)
    assert TrainingFolder(folder).progress()[-1].stage == "scoring"


@pytest.mark.parametrize("depth", ["threshold", "head"])
def test_fine_tuning(depth: Any, mouse: tuple[Recording, Ethogram], accelerator: Rehearsal) -> None:
    base = blank_decoder(mouse[0])
    result = fine_tune(base, [mouse], depth=depth, compute=META)
    assert result.decoder.network is not base.network


@pytest.mark.slow
def test_fine_tuning_end_to_end(
    mouse: tuple[Recording, Ethogram], accelerator: Rehearsal, tmp_path: Path
) -> None:
    recording, ethogram = mouse
    base = blank_decoder(recording)
    features = recording_features(base, recording, compute=META, report=unheard)
    write_frames(base, recording, tmp_path / "frames.npy", unheard)
    learns = np.zeros(recording.n_frames, dtype=bool)
    learns[10:-10] = True  # their windows fit
    labeled = Labeled(features, ethogram.frames(), learns)
    one = Filmed(np.load(tmp_path / "frames.npy"), labeled)
    told: list[int] = []
    tuned, _ = fit_end_to_end(
        model_of(base),
        [one],
        gap=20,
        seed=1,
        compute=META,
        checkpoint=tmp_path / "checkpoint.pt",
        tell=lambda done, total, epoch: told.append(done),
    )
    assert max(told) > 1
    assert next(tuned.parameters()).device.type == "cpu"


@pytest.mark.parametrize("cached", [False, True])
def test_memory_that_runs_out_is_met_in_answers_ahead_and_from_the_cache(
    cached: bool, accelerator: Rehearsal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    save_recording(patchy_mouse(300)[0], tmp_path / "m.nwb")
    recording = open_recording(tmp_path / "m.nwb")
    decoder = decoder_of(IMAGES["cnn-gru"])
    decoder.decode(recording, compute=CPU, cached=cached)
    classify = InferenceNetwork.classify

    def no_memory(self: InferenceNetwork, windows: torch.Tensor) -> torch.Tensor:
        if windows.is_meta:
            raise RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)")
        return classify(self, windows)

    monkeypatch.setattr(InferenceNetwork, "classify", no_memory)
    events = list(decoder.stream(recording, compute=META, looked_at=lambda: 150, cached=cached))
    assert events[-1].done == events[-1].total
    assert any("going on on the CPU" in (event.message or "") for event in events)


def test_importance_halves_its_batch_until_it_fits(
    mouse: tuple[Recording, Ethogram],
    registration: Registration,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decoder = blank_decoder(mouse[0])
    frames = np.arange(55, 66)
    options: dict[str, Any] = {"frames": frames, "patches": 0, "draws": 5, "compute": CPU}
    options["targets"] = "hemispheres"
    expected = area_importance(decoder, mouse[0], registration, mouse[1], **options)
    encode, sizes = InferenceNetwork.encode, []

    def small_memory(self: InferenceNetwork, images: torch.Tensor) -> torch.Tensor:
        sizes.append(len(images))
        if len(images) > 5:
            raise RuntimeError("CUDNN_STATUS_ALLOC_FAILED")
        return encode(self, images)

    monkeypatch.setattr(InferenceNetwork, "encode", small_memory)
    found = area_importance(decoder, mouse[0], registration, mouse[1], **options)
    np.testing.assert_allclose(found.table["importance"], expected.table["importance"], atol=1e-4)
    assert sizes[0] > 5 >= max(sizes[-10:])


def test_a_public_call_leaves_the_random_numbers_of_its_caller(
    mouse: tuple[Recording, Ethogram], registration: Registration, tmp_path: Path
) -> None:
    decoder = blank_decoder(mouse[0])
    roi_rnn = TrainingConfig(decoder=NETWORKS["roi-rnn"][0], stages=(STAGES["windows"],))
    torch.manual_seed(3)
    np.random.seed(3)
    expected = torch.rand(1).item(), np.random.random()
    torch.manual_seed(3)
    np.random.seed(3)
    randomized_weights(decoder, mouse[0], 60, layers=1, grid=4, points=2, compute=CPU)
    train(roi_rnn, cohort(mouse, registration), tmp_path / "run", compute=CPU)
    assert (torch.rand(1).item(), np.random.random()) == expected


def test_a_device_mixed_in_by_mistake_is_found(accelerator: Rehearsal) -> None:
    images, weights = torch.empty(2, 3, 8, 8, device="meta"), torch.ones(4, 3, 3, 3)
    with pytest.raises(RuntimeError, match="same device"):
        torch.nn.functional.conv2d(images, weights)
    with pytest.raises(RuntimeError, match="same device"):
        torch.nn.functional.linear(torch.empty(2, 3, device="meta"), torch.ones(4, 3))


def test_numbers_of_64_bits_are_found(accelerator: Rehearsal) -> None:
    with pytest.raises(TypeError, match="float64"):
        torch.ones(3, device="meta").double()
    with pytest.raises(TypeError, match="float64"):
        torch.as_tensor(torch.ones(3, device="meta"), dtype=torch.float64)
