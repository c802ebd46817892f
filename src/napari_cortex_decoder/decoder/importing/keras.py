"""The published ROI decoder: Keras's HDF5 file, read as data, without Keras.

Ajioka et al. 2024 publish a GRU of 32 units on 50 ROIs and 31 frames. Its cell is that of
TensorFlow 1.15 (``reset_after=False``, ``hard_sigmoid``), which `networks.keras_gru` holds.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_cortex_decoder.atlas import load_atlas
from napari_cortex_decoder.decoder.card import Provenance
from napari_cortex_decoder.decoder.config import RoiRnnConfig, TracePreprocessing, Window
from napari_cortex_decoder.decoder.networks import build_network
from napari_cortex_decoder.decoder.tensors import check_finite, check_tensors
from napari_cortex_decoder.decoder.trace_decoder import TraceDecoder
from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.reading import readable, reads

if TYPE_CHECKING:
    from napari_cortex_decoder.containers import hdf5

ATLAS = "ajioka-50"
"""The atlas that has the paper's 50 ROIs, in the paper's order."""

_LARGEST_CONFIG = 2**20
_LAYERS: dict[str, dict[str, object]] = {
    "GRU": {
        "activation": "tanh",
        "recurrent_activation": "hard_sigmoid",
        "use_bias": True,
        "reset_after": False,
        "go_backwards": False,
        "return_sequences": False,
        "stateful": False,
    },
    "Dense": {"use_bias": True},
}
"""What a layer must be for its weights to mean here what they meant there."""


@reads("a Keras model in HDF5", DecoderError)
def import_keras(path: str | Path) -> TraceDecoder:
    """Make an area decoder of the paper's published Keras file, which ``model.save`` wrote.

    One GRU and one Dense layer; what the optimizer left is not read. Areas are those of the atlas
    ``"ajioka-50"``. Raises DecoderError if the file holds no such model; names the layer, the
    setting or the tensor that does not fit.
    """
    path = Path(path)
    model, found = _read(path)
    said, remedy = f"the model_config of {path}", "save the model again with Keras"
    with readable(said, "that of a GRU and a Dense layer", DecoderError, remedy=remedy):
        gru, dense = _layers(path, model)
        config = _describe(path, gru, dense, _published(path))
    expected = {
        "gru/kernel": (config.preprocessing.n_traces, 3 * config.hidden_size),
        "gru/recurrent_kernel": (config.hidden_size, 3 * config.hidden_size),
        "gru/bias": (3 * config.hidden_size,),
        "dense/kernel": (config.hidden_size, config.n_logits),
        "dense/bias": (config.n_logits,),
    }
    names = {"gru": str(gru["name"]), "dense": str(dense["name"])}
    theirs = {
        ours: f"{names[ours.split('/')[0]]}/{names[ours.split('/')[0]]}/{ours.split('/')[1]}:0"
        for ours in expected
    }
    check_tensors(
        str(path),
        {name: tensor.shape for name, tensor in found.items()},
        {theirs[ours]: shape for ours, shape in expected.items()},
    )
    tensors = {
        ours: torch.from_numpy(found[name].astype(np.float32)) for ours, name in theirs.items()
    }
    check_finite(str(path), {theirs[ours]: tensor for ours, tensor in tensors.items()})
    network = build_network(config)
    network.load_state_dict(
        {
            "rnn.kernel": tensors["gru/kernel"],
            "rnn.recurrent_kernel": tensors["gru/recurrent_kernel"],
            "rnn.bias": tensors["gru/bias"],
            "linear_out.weight": tensors["dense/kernel"].T.contiguous(),
            "linear_out.bias": tensors["dense/bias"],
        }
    )
    return TraceDecoder(config, network.eval(), name=path.stem)


def _read(path: Path) -> tuple[Any, dict[str, NDArray[np.floating]]]:
    """Read the model's description and the tensors of its layers."""
    from napari_cortex_decoder.containers import hdf5

    with hdf5.opened(path, DecoderError) as file:
        if "model_config" not in file.attrs or "model_weights" not in file:
            raise DecoderError(
                f"{path} is an HDF5 file but no Keras model: it has no model_config or no "
                "model_weights; give one that model.save wrote."
            )
        described = file.attrs["model_config"]
        if isinstance(described, bytes):
            described = described.decode("utf-8")
        if not isinstance(described, str) or len(described) > _LARGEST_CONFIG:
            raise DecoderError(
                f"the model_config of {path} is no text of a usual length; save it again."
            )
        datasets: dict[str, hdf5.Dataset] = {}
        file["model_weights"].visititems(
            lambda name, item: datasets.update(
                {name: item} if isinstance(item, hdf5.Dataset) else {}
            )
        )
        if file.outside:
            raise DecoderError(file.outside[0])
        return json.loads(described), {n: _array(path, n, d) for n, d in datasets.items()}


def _array(path: Path, name: str, dataset: hdf5.Dataset) -> NDArray[np.floating]:
    """Read a tensor that is of a kind and a size to be believed."""
    if dataset.dtype.kind != "f" or dataset.size > dataset.file.id.get_filesize():
        raise DecoderError(
            f"{path}: tensor {name} holds {dataset.size} values of {dataset.dtype}; it is not what "
            "Keras saves."
        )
    values: NDArray[np.floating] = dataset[()]
    return values


def _layers(path: Path, model: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the settings of the two layers, if they are the two that are known here."""
    layers = [(str(one["class_name"]), dict(one["config"])) for one in model["config"]["layers"]]
    kinds = [kind for kind, _ in layers]
    if kinds != list(_LAYERS):
        raise DecoderError(
            f"{path} has the layers {', '.join(kinds)[:100] or 'none'}; what is known here is "
            "one GRU and one Dense layer, as the paper publishes them."
        )
    for kind, settings in layers:
        for name, wanted in _LAYERS[kind].items():
            if settings[name] != wanted:
                raise DecoderError(
                    f"the {kind} layer of {path} has {name} = {settings[name]!r:.40}, and what "
                    f"is known here is {wanted!r}."
                )
    return layers[0][1], layers[1][1]


def _published(path: Path) -> RoiRnnConfig:
    """Return what is known of the paper's model beside its weights."""
    atlas = load_atlas(ATLAS)
    return RoiRnnConfig(
        preprocessing=TracePreprocessing(
            areas=tuple(area.label for area in atlas.areas), atlas=atlas.name
        ),
        provenance=Provenance(
            summary=f"Imported from {path.name}: rest or run, from 50 ROIs.",
            limits=(
                "The exact places of the paper's ROIs are not published: those of the atlas are "
                "right to about 0.5 mm, so on a movie it may do worse than on the paper's traces.",
            ),
        ),
    )


def _describe(
    path: Path, gru: dict[str, Any], dense: dict[str, Any], config: RoiRnnConfig
) -> RoiRnnConfig:
    """Complete a configuration with what the file says."""
    _, length, n_inputs = gru["batch_input_shape"]
    if isinstance(length, bool) or not isinstance(length, int) or length % 2 == 0:
        raise DecoderError(
            f"the GRU of {path} sees {length!r:.20} frames; a window around a frame has an odd "
            "number of them."
        )
    hidden_size, n_logits = int(gru["units"]), int(dense["units"])
    activation = dense["activation"]
    if n_inputs != config.preprocessing.n_traces:
        raise DecoderError(
            f"{path} reads {n_inputs!r:.20} traces, and {config.preprocessing.n_traces} areas are "
            "known for it; give the paper's file."
        )
    wanted = "sigmoid" if config.n_logits == 1 else "softmax"
    if (n_logits, activation) != (config.n_logits, wanted):
        raise DecoderError(
            f"{path} ends in {n_logits} outputs with {activation!r:.20}, but for behaviors "
            f"{list(config.behaviors)} they would be {config.n_logits} with {wanted!r}."
        )
    past = length // 2
    try:
        return RoiRnnConfig.model_validate(
            config.model_dump()
            | {
                "recurrent": "keras-gru",
                "hidden_size": hidden_size,
                "window": Window(past=past, future=past).model_dump(),
            }
        )
    except ValueError as error:
        raise DecoderError(
            f"{path} has a GRU of {hidden_size} units over {length} frames, which is more than "
            "any decoder here has."
        ) from error
