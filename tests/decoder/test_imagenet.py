"""ImageNet weights, from a file and from a server of this machine's own."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import pytest
import torch
from efficientnet_pytorch import EfficientNet

from napari_cortex_decoder.decoder.importing import imagenet
from napari_cortex_decoder.decoder.importing.imagenet import load_imagenet
from napari_cortex_decoder.decoder.networks import Encoder
from napari_cortex_decoder.errors import DecoderError


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as that of efficientnet-pytorch, named after its hash, in the format of 2019."""
    torch.manual_seed(0)
    network = EfficientNet.from_name("efficientnet-b0")
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.8, 1.2)
    folder = tmp_path_factory.mktemp("served")
    path = folder / "weights.pth"
    torch.save(network.state_dict(), path, _use_new_zipfile_serialization=False)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return path.rename(folder / f"b0-{digest[:8]}.pth")


@pytest.fixture
def asked(weights: Path) -> Iterator[tuple[str, Counter[str]]]:
    """Address of a server of the file, and how often it was asked for what."""
    count: Counter[str] = Counter()

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(weights.parent))

        def do_GET(self) -> None:
            count[self.path] += 1
            super().do_GET()

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", count
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pooch.os_cache", lambda name: tmp_path / "cache")


def test_an_encoder_takes_all_but_the_classifier(weights: Path) -> None:
    encoder, classifier = Encoder(1), None
    classifier = encoder._fc.weight.clone()
    load_imagenet(encoder, weights)
    assert torch.equal(encoder._fc.weight, classifier)
    published = EfficientNet.from_name("efficientnet-b0")
    published.load_state_dict(torch.load(weights, weights_only=True))
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        expected = published.eval().extract_features(images).mean(dim=(2, 3))
        features = encoder.eval().features(images)
    assert expected.std() > 1e-3
    torch.testing.assert_close(features, expected, atol=1e-5, rtol=1e-4)


def test_weights_are_fetched_once(
    weights: Path, asked: tuple[str, Counter[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, count = asked
    monkeypatch.setattr(imagenet, "URL", f"{address}/{weights.name}")
    first, second = Encoder(), Encoder()
    load_imagenet(first)
    load_imagenet(second, "imagenet")
    assert count == {f"/{weights.name}": 1}
    assert torch.equal(first._conv_stem.weight, second._conv_stem.weight)


def test_what_is_not_the_file_it_should_be_is_refused_and_not_kept(
    weights: Path,
    asked: tuple[str, Counter[str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    address, _ = asked
    other = weights.with_name("b0-00000000.pth")
    other.write_bytes(b"a page that says no")
    monkeypatch.setattr(imagenet, "URL", f"{address}/{other.name}")
    with pytest.raises(DecoderError, match="begins with 00000000"):
        load_imagenet(Encoder())
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_a_server_that_does_not_answer_is_one_sentence(
    asked: tuple[str, Counter[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imagenet, "URL", f"{asked[0]}/none-12345678.pth")
    with pytest.raises(DecoderError, match=r"cannot be fetched from .*give it as a file"):
        load_imagenet(Encoder())


def test_every_tensor_is_accounted_for(weights: Path, tmp_path: Path) -> None:
    tensors = torch.load(weights, weights_only=True)
    path = tmp_path / "w.pth"
    torch.save({k: v for k, v in tensors.items() if k != "_bn1.running_var"}, path)
    with pytest.raises(DecoderError, match=r"lacks tensor _bn1\.running_var;"):
        load_imagenet(Encoder(), path)
    torch.save(tensors | {"_fc.bias": torch.zeros(10)}, path)
    with pytest.raises(DecoderError, match=r"_fc\.bias has shape \(10,\)"):
        load_imagenet(Encoder(), path)
