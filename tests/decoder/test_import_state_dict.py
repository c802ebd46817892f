from __future__ import annotations

import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from efficientnet_pytorch import EfficientNet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from helpers.waves import make_images, make_recording
from napari_cortex_decoder.compute import CPU
from napari_cortex_decoder.decoder import CnnRnnConfig, Preprocessing, load_decoder
from napari_cortex_decoder.decoder.importing.state_dict import import_state_dict
from napari_cortex_decoder.errors import DecoderError


class Published(nn.Module):
    """The paper's network, of the paper's parts: efficientnet-pytorch 0.7.1 and torch."""

    def __init__(self, kind: type[nn.RNNBase], n_outputs: int) -> None:
        super().__init__()
        self.cnn = EfficientNet.from_name("efficientnet-b0", num_classes=n_outputs)
        self.rnn = kind(1280, 128, num_layers=2, dropout=0.2, batch_first=True)
        self.linear_out = nn.Linear(128, n_outputs)

    def encode(self, images: Tensor) -> Tensor:
        return self.cnn.extract_features(images).mean(dim=(2, 3))

    def classify(self, features: Tensor) -> Tensor:
        states, _ = self.rnn(features)
        return self.linear_out(states[:, -1])

    def forward(self, windows: Tensor) -> Tensor:
        features = self.encode(windows.flatten(0, 1))
        return self.classify(features.reshape(*windows.shape[:2], 1280))


@torch.no_grad()
def publish(config: CnnRnnConfig, kind: type[nn.RNNBase] = nn.GRU) -> Published:
    """Random weights whose features and outputs are not degenerate, as in `make_network`."""
    torch.manual_seed(3)
    network = Published(kind, config.n_logits)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
            nn.init.uniform_(module.weight, 0.8, 1.2)
            nn.init.normal_(module.bias, std=0.1)
    images = make_images(make_recording(26, config.preprocessing.image_size, seed=1), config)
    network.train().cnn.extract_features(images + images.std() * torch.randn_like(images))
    network.eval()
    logits = network.classify(network.encode(images).unfold(0, 11, 1).transpose(1, 2))
    network.linear_out.weight /= logits.std(dim=0)[:, None]
    network.linear_out.bias.copy_(
        (network.linear_out.bias - logits.mean(dim=0)) / logits.std(dim=0)
    )
    return network


def windows_of(images: Tensor) -> Tensor:
    return torch.stack([images[i : i + 11] for i in range(len(images) - 10)])


@pytest.mark.parametrize(
    ("kind", "behaviors", "size"),
    [(nn.GRU, ("rest", "run"), 128), (nn.LSTM, ("rest", "run", "groom"), 64)],
    ids=["GRU", "LSTM with three behaviors"],
)
def test_a_published_state_dict_gives_the_same_probabilities(
    tmp_path: Path, kind: type[nn.RNNBase], behaviors: tuple[str, ...], size: int
) -> None:
    """The published network pads as for 224 × 224 whatever it is shown."""
    preprocessing = Preprocessing(image_size=(size, size), scale="centered-sd")
    config = CnnRnnConfig(behaviors=behaviors, preprocessing=preprocessing)
    network = publish(config, kind)
    torch.save(network.state_dict(), tmp_path / "model.pth")
    decoder = import_state_dict(tmp_path / "model.pth", config)
    assert decoder.config.recurrent == kind.__name__.lower()

    recording = make_recording(16, (size, size))
    with torch.no_grad():
        logits = network(windows_of(make_images(recording, config)))
    expected = logits.sigmoid() if len(behaviors) == 2 else logits.softmax(dim=1)
    assert expected.std(dim=0).min() > 0.03
    probability = decoder.decode(recording, compute=CPU).probability[6:-6]
    if len(behaviors) == 2:
        probability = probability[:, 1:]
    np.testing.assert_allclose(probability, expected.numpy(), atol=1e-5, rtol=0)

    decoder.save(tmp_path / "imported.safetensors")
    again = load_decoder(tmp_path / "imported.safetensors")
    assert again.hash == decoder.hash
    assert again.provenance.summary == "Imported from model.pth."


@pytest.fixture(scope="module")
def state_dict() -> OrderedDict[str, Tensor]:
    return Published(nn.GRU, 1).state_dict()


def refusal(tensors: object, path: Path) -> str:
    torch.save(tensors, path)
    with pytest.raises(DecoderError) as raised:
        import_state_dict(path)
    assert str(path) in str(raised.value)
    return str(raised.value)


def test_every_tensor_is_accounted_for_by_its_published_name(
    state_dict: OrderedDict[str, Tensor], tmp_path: Path
) -> None:
    name, path = "cnn._blocks.15._bn2.running_var", tmp_path / "m.pth"
    missing = {k: v for k, v in state_dict.items() if k != name}
    assert f"lacks tensor {name};" in refusal(missing, path)
    assert "unexpected tensor extra" in refusal(state_dict | {"extra": torch.zeros(1)}, path)
    assert f"{name} has shape (5,)" in refusal(state_dict | {name: torch.zeros(5)}, path)
    broken = state_dict | {name: torch.full((320,), torch.nan)}
    assert f"{name} holds NaN" in refusal(broken, path)
    counted = state_dict | {name: torch.ones(320, dtype=torch.int64)}
    assert f"{name} holds torch.int64" in refusal(counted, path)
    huge = state_dict | {name: torch.zeros(1).expand(10**6, 10**6)}  # a tensor of 4 bytes
    assert f"{name} has shape (1000000, 1000000)" in refusal(huge, path)
    backwards = state_dict | {"rnn.weight_ih_l0_reverse": torch.zeros(384, 1280)}
    assert "unexpected tensor rnn.weight_ih_l0_reverse" in refusal(backwards, path)


def test_what_is_no_second_stage_is_refused(
    state_dict: OrderedDict[str, Tensor], tmp_path: Path
) -> None:
    path = tmp_path / "m.pth"
    first_stage = {k: v for k, v in state_dict.items() if k.startswith("cnn.")}
    assert "second stage" in refusal(first_stage, path)
    assert "second stage" in refusal({}, path)
    assert "dictionary of tensors" in refusal([torch.zeros(1)], path)
    assert "dictionary of tensors" in refusal({"epoch": 3}, path)
    sparse = state_dict | {"cnn._fc.bias": torch.zeros(1).to_sparse()}
    assert "dictionary of tensors" in refusal(sparse, path)
    three = state_dict | {"linear_out.bias": torch.zeros(3)}
    assert "3 outputs" in refusal(three, path)


class Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_nothing_in_a_file_is_executed(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pth"
    assert "nothing in it was executed" in refusal({"a": Bomb(tmp_path / "harm")}, path)
    path.write_bytes(pickle.dumps(Bomb(tmp_path / "harm")))
    with pytest.raises(
        DecoderError, match=r"nothing in it was executed|cannot be read as a state dict"
    ):
        import_state_dict(path)
    torch.save({"a": Bomb(tmp_path / "harm")}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(DecoderError, match="nothing in it was executed"):
        import_state_dict(path)
    assert not (tmp_path / "harm").exists()


def test_a_compressed_archive_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "packed.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(10**7))
    with pytest.raises(DecoderError, match="compressed"):
        import_state_dict(path)


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DecoderError, match="no such file"):
        import_state_dict(tmp_path / "none.pth")


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_damaged_file_is_refused_in_one_sentence(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "damaged.pth"
    torch.save(
        {"rnn.weight_hh_l0": torch.zeros(9, 3), "linear_out.bias": torch.zeros(1)},
        path,
        _use_new_zipfile_serialization=data.draw(st.booleans()),
    )
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        for _ in range(3):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with pytest.raises(DecoderError) as raised:
        import_state_dict(path)
    assert "\n" not in str(raised.value)
