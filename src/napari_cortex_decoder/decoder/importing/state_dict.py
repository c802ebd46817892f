"""Weights published by others: the state dicts that the paper's code saves.

Ajioka et al. 2024 keep the CNN-RNN as ``torch.save(model.state_dict())`` with ``cnn.*`` named as in
efficientnet-pytorch 0.7.1, ``rnn.*`` as in torch, and ``linear_out.*``. That EfficientNet-B0 pads
its images as if they had 224 × 224 pixels; for multiples of 32, the only sizes that a decoder may
have, this is the padding that ours computes too.
"""

from __future__ import annotations

import pickle
import re
import zipfile
from pathlib import Path

import torch
from torch import Tensor

from napari_cortex_decoder.decoder.card import Provenance
from napari_cortex_decoder.decoder.config import CnnRnnConfig
from napari_cortex_decoder.decoder.image_decoder import ImageDecoder
from napari_cortex_decoder.decoder.networks import CnnRnn
from napari_cortex_decoder.decoder.tensors import check_finite, check_tensors
from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.reading import reads

_KINDS = {1: "rnn", 3: "gru", 4: "lstm"}
"""Kind of recurrent layer, by its number of gates."""


@reads("a state dict", DecoderError)
def import_state_dict(path: str | Path, config: CnnRnnConfig | None = None) -> ImageDecoder:
    """Make a decoder of a state dict, a `.pth` file, that the paper's code saved.

    Nothing in it is executed: ``torch.load(weights_only=True)``. Kind, size and number of the
    recurrent layers are read from the tensors; the rest, as `config` says (None: as the paper).
    Raises DecoderError if the file holds no such state dict; names the tensor that does not fit.
    """
    path = Path(path)
    found = read_state_dict(path)
    config = _describe(path, found, config or CnnRnnConfig())
    with torch.device("meta"):  # shapes only, until the file's have been compared with them
        network = CnnRnn(config)
    expected = network.state_dict()
    theirs = {name: published_name(name) for name in expected}
    check_tensors(
        str(path),
        {name: tuple(tensor.shape) for name, tensor in found.items()},
        {theirs[name]: tuple(tensor.shape) for name, tensor in expected.items()},
    )
    tensors = {}
    for name, wanted in expected.items():
        tensor = found[theirs[name]]
        if tensor.is_floating_point() != wanted.is_floating_point():
            raise DecoderError(
                f"{path}: tensor {theirs[name]} holds {tensor.dtype}, the architecture needs "
                f"{wanted.dtype}; it is not what the paper's code saves."
            )
        tensors[name] = tensor.to(wanted.dtype, copy=True).contiguous()
    check_finite(str(path), {theirs[name]: tensor for name, tensor in tensors.items()})
    network.load_state_dict(tensors, assign=True)
    return ImageDecoder(config, network.eval(), name=path.stem)


@reads("a state dict", DecoderError, remedy="get a fresh copy of the weights")
def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read a dictionary of tensors as torch.save writes it; execute nothing in it.

    Archives are read, and the pickles that torch wrote before 1.6 (the ImageNet weights are one),
    through an unpickler that makes nothing but tensors. Raises DecoderError if the file holds
    anything else.
    """
    try:
        with path.open("rb") as file:
            is_pickle = file.read(1) == b"\x80"
        if not is_pickle:
            _refuse_compressed(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise DecoderError(
            f"{path} holds more than tensors, and nothing in it was executed; save "
            "model.state_dict() alone and import that."
        ) from error
    if not isinstance(content, dict) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) and tensor.layout == torch.strided
        for name, tensor in content.items()
    ):
        raise DecoderError(
            f"{path} is not a plain dictionary of tensors; save model.state_dict() alone and "
            "import that."
        )
    return dict(content)


def _refuse_compressed(path: Path) -> None:
    """Refuse what unpacks to more than the file: torch never compresses."""
    with zipfile.ZipFile(path) as archive:
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise DecoderError(
                f"{path} is a compressed archive; give a file that torch.save wrote."
            )


def _describe(path: Path, tensors: dict[str, Tensor], config: CnnRnnConfig) -> CnnRnnConfig:
    """Complete a configuration with what the tensors say."""
    try:
        gates, hidden_size = tensors["rnn.weight_hh_l0"].shape
        n_logits = len(tensors["linear_out.bias"])
        kind = _KINDS[gates // hidden_size]
    except (KeyError, ValueError, TypeError, ZeroDivisionError) as error:
        raise DecoderError(
            f"{path} lacks a recurrent layer (rnn.*, linear_out.*) as the paper's CNN-RNN has it; "
            "import the state dict of its second stage."
        ) from error
    if n_logits != config.n_logits:
        raise DecoderError(
            f"{path} has {n_logits} outputs, but for behaviors {list(config.behaviors)} they "
            f"would be {config.n_logits}; give one name an output (two names for one output)."
        )
    layers = sum(bool(re.fullmatch(r"rnn\.weight_hh_l\d+", name)) for name in tensors)
    provenance = config.provenance
    if provenance == Provenance():
        provenance = Provenance(summary=f"Imported from {path.name}.")
    return CnnRnnConfig.model_validate(
        config.model_dump()
        | {
            "recurrent": kind,
            "hidden_size": hidden_size,
            "n_layers": layers,
            "provenance": provenance.model_dump(),
        }
    )


def published_name(name: str) -> str:
    """Turn one of our tensors' names into the paper's: its blocks are not grouped by stage."""
    name = re.sub(r"^cnn\._blocks\.\d+\.(\d+)\.", r"cnn._blocks.\1.", name)
    return name.removeprefix("head.")
