"""ImageNet weights for the encoder: what the paper's CNN started from.

EfficientNet-B0 of the efficientnet-pytorch project, trained without adversarial propagation. The
name of the published file ends in the first eight digits of its SHA-256, which is all that its
authors say of it: enough against a broken download, and nothing in the file is executed.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from napari_cortex_decoder.decoder.importing.state_dict import published_name, read_state_dict
from napari_cortex_decoder.decoder.networks import Encoder
from napari_cortex_decoder.decoder.tensors import check_finite, check_tensors
from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.files import remove_file

IMAGENET = "imagenet"
"""The name by which they are asked for."""

URL = (
    "https://github.com/lukemelas/EfficientNet-PyTorch/releases/download/1.0/"
    "efficientnet-b0-355c32eb.pth"
)
_N_CLASSES = 1000


def load_imagenet(encoder: Encoder, source: str | Path = IMAGENET) -> None:
    """Load ImageNet weights into an encoder, in place; its classifier stays as it is.

    `source` is ``"imagenet"``, fetched once and kept in the cache folder of this user, or the file
    ``efficientnet-b0-355c32eb.pth`` (any state dict of efficientnet-pytorch's B0 for 1000 classes).
    Raises DecoderError if the weights cannot be fetched or are not those of the file's name, or if
    a tensor does not fit.
    """
    path = _fetched() if str(source) == IMAGENET else Path(source)
    found = read_state_dict(path)
    expected = {
        name: tensor for name, tensor in encoder.state_dict().items() if not name.startswith("_fc.")
    }
    theirs = {name: published_name(f"cnn.{name}").removeprefix("cnn.") for name in expected}
    shapes = {theirs[name]: tuple(tensor.shape) for name, tensor in expected.items()}
    shapes |= {"_fc.weight": (_N_CLASSES, encoder._fc.in_features), "_fc.bias": (_N_CLASSES,)}
    check_tensors(str(path), {n: tuple(t.shape) for n, t in found.items()}, shapes)
    check_finite(str(path), found)
    weights = {name: found[theirs[name]].to(wanted.dtype) for name, wanted in expected.items()}
    classifier = {n: t for n, t in encoder.state_dict().items() if n.startswith("_fc.")}
    encoder.load_state_dict(weights | classifier)


def _fetched() -> Path:
    """Download the weights, unless that has been done."""
    import pooch

    name = URL.rpartition("/")[2]
    try:
        path = Path(
            pooch.retrieve(URL, None, name, pooch.os_cache("napari-cortex-decoder") / "weights")
        )
    except OSError as error:  # requests' errors are such, too
        raise DecoderError(
            f"the ImageNet weights cannot be fetched from {URL} ({type(error).__name__}); fetch "
            "the file on another machine and give it as a file."
        ) from error
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    promised = name.removesuffix(".pth").rpartition("-")[2]
    if not digest.startswith(promised):
        remove_file(path)
        raise DecoderError(
            f"what came from {URL} has the SHA-256 {digest[:16]}…, not one that begins with "
            f"{promised}; it was deleted: fetch it again."
        )
    return path
