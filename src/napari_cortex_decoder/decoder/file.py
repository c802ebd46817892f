"""The decoder file: one `.safetensors` whose header carries everything but the tensors.

A decoder file may come from anyone, so it is data: nothing in it is executed, and no memory is
taken on the word of its header (safetensors checks every offset against the size of the file;
shapes are compared with a network that has none before a tensor is read).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError, safe_open

from napari_cortex_decoder.decoder.config import (
    ARCHITECTURES,
    DECODER_CONFIG,
    FORMAT_VERSION,
    DecoderConfig,
)
from napari_cortex_decoder.errors import DecoderError

if TYPE_CHECKING:
    from torch import Tensor, nn

METADATA_KEY = "napari-cortex-decoder"
"""Key of the header's metadata under which the configuration stands, as JSON."""

_OTHER_FORMATS = {
    b"PK\x03\x04": "a zip archive, such as torch.save writes; import its state dict instead",
    b"\x80": "a Python pickle, which is never opened; import its state dict instead",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file, such as Keras writes; give a .safetensors file",
}
_FLOAT_TYPES = ("F32", "F16", "BF16")


class _Versioned(BaseModel):
    format_version: Any = None


def _open(path: Path, framework: str) -> Any:
    """Open a file for its header; the caller closes it (a context manager)."""
    try:
        if not path.is_file():
            reason = "is not a file" if path.exists() else "does not exist"
            raise DecoderError(f"{path} {reason}; give a decoder's .safetensors file.")
        return safe_open(path, framework=framework)
    except OSError as error:
        raise DecoderError(f"{path} cannot be read: {error.strerror or error}.") from error
    except SafetensorError as error:
        # Only now: a header of 128 bytes, say, begins as a pickle does.
        if (description := _other_format(path)) is not None:
            raise DecoderError(f"{path} is not a decoder file but {description}.") from error
        raise DecoderError(
            f"{path} is not a whole .safetensors file ({error}); get a fresh copy of the decoder."
        ) from error


def _other_format(path: Path) -> str | None:
    with path.open("rb") as file:
        start = file.read(8)
    return next((what for magic, what in _OTHER_FORMATS.items() if start.startswith(magic)), None)


def _config(path: Path, metadata: Mapping[str, str] | None) -> DecoderConfig:
    """Read the configuration out of a header's metadata."""
    if not metadata or METADATA_KEY not in metadata:
        raise DecoderError(
            f"{path} holds tensors but no decoder: its header has no {METADATA_KEY!r} entry; "
            "give a file that this program wrote."
        )
    try:
        version = _Versioned.model_validate_json(metadata[METADATA_KEY]).format_version
        if version != FORMAT_VERSION:  # whatever else is odd is so because it is another version
            raise DecoderError(
                f"{path} has format version {version!r:.40}, this program reads version "
                f"{FORMAT_VERSION}; update napari-cortex-decoder."
            )
        return DECODER_CONFIG.validate_json(metadata[METADATA_KEY])
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = [str(part) for part in problem["loc"] if part not in ARCHITECTURES]
        raise DecoderError(
            f"the header of {path} is not a decoder's: {'.'.join(place) or 'it'}: "
            f"{problem['msg']}; get a fresh copy of the decoder."
        ) from error


def read_config(path: str | Path) -> DecoderConfig:
    """Read what a decoder file says of itself, without its tensors and without torch.

    Raises
    ------
    DecoderError
        If it is not a decoder file that this version can read.
    """
    path = Path(path)
    with _open(path, "numpy") as file:
        return _config(path, file.metadata())


def read_decoder(path: str | Path) -> tuple[DecoderConfig, nn.Module, str]:
    """Read a decoder file.

    Returns
    -------
    config
        What its header says.
    network
        The weights, float32 whatever they are on disk, in evaluation mode.
    hash
        SHA-256 of the file.

    Raises
    ------
    DecoderError
        If it is not a decoder file that this version can read; names the tensor that is missing,
        unexpected, of another shape or type, or not finite.
    """
    import torch

    from napari_cortex_decoder.decoder.networks import build_network

    path = Path(path)
    with _open(path, "pt") as file:
        config = _config(path, file.metadata())
        with torch.device("meta"):  # shapes only: a header is not to be believed yet
            network = build_network(config)
        expected = network.state_dict()
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
        found = {name: tuple(part.get_shape()) for name, part in slices.items()}
        check_tensors(str(path), found, {n: tuple(t.shape) for n, t in expected.items()})
        tensors = {}
        for name, part in slices.items():
            wanted = expected[name].dtype
            if part.get_dtype() not in (_FLOAT_TYPES if wanted.is_floating_point else ("I64",)):
                raise DecoderError(
                    f"{path}: tensor {name} is stored as {part.get_dtype()}, which no decoder is; "
                    "get a fresh copy of the decoder."
                )
            # A copy: the file is mapped into memory and may change or vanish later.
            tensors[name] = file.get_tensor(name).to(wanted, copy=True)
    check_finite(str(path), tensors)
    network.load_state_dict(tensors, assign=True)
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return config, network.eval(), digest


def check_tensors(
    where: str, found: Mapping[str, tuple[int, ...]], expected: Mapping[str, tuple[int, ...]]
) -> None:
    """Account for every tensor by name and shape.

    Raises
    ------
    DecoderError
        Naming the first tensor that is missing, unexpected or of another shape.
    """
    for problem, names in (
        ("lacks", sorted(expected.keys() - found.keys())),
        ("has the unexpected", sorted(found.keys() - expected.keys())),
    ):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise DecoderError(
                f"{where} {problem} tensor {names[0]:.200}{more}; "
                "it is not of the architecture that it is said to be."
            )
    for name, shape in expected.items():
        if found[name] != shape:
            raise DecoderError(
                f"{where}: tensor {name} has shape {found[name]}, the architecture needs {shape}; "
                "it is not of the architecture that it is said to be."
            )


def check_finite(where: str, tensors: Mapping[str, Tensor]) -> None:
    """Refuse weights that would make every prediction NaN.

    Raises
    ------
    DecoderError
        Naming the first tensor with NaN or infinity.
    """
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise DecoderError(
                f"{where}: tensor {name} holds NaN or infinity; "
                "take a decoder from before its training went wrong."
            )


def encode_decoder(config: DecoderConfig, network: nn.Module, *, half_precision: bool) -> bytes:
    """Give the content of a decoder file; the same decoder gives the same bytes.

    Parameters
    ----------
    config, network
        The decoder.
    half_precision
        Store weight matrices as float16: half the size. Vectors (biases and batch-norm
        statistics, some of them tiny) stay float32.

    Raises
    ------
    DecoderError
        If a tensor is not finite, or too large for half precision.
    """
    import torch
    from safetensors.torch import save

    tensors = {name: t.detach().cpu().contiguous() for name, t in network.state_dict().items()}
    check_finite("the decoder", tensors)
    if half_precision:
        tensors = {
            name: t.to(torch.float16) if t.is_floating_point() and t.ndim > 1 else t
            for name, t in tensors.items()
        }
        check_finite("the decoder in half precision", tensors)
    return save(tensors, {METADATA_KEY: config.model_dump_json()})
