"""The decoder file: one `.safetensors` whose header carries everything but the tensors.

A decoder file may come from anyone, so it is data: nothing in it is executed, and no memory is
taken on the word of its header (safetensors checks every offset against the size of the file;
shapes are compared with a network that has none before a tensor is read).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, StringConstraints, ValidationError
from safetensors import SafetensorError, safe_open

from napari_cortex_decoder.decoder.config import (
    ARCHITECTURES,
    DECODER_CONFIG,
    FORMAT_VERSION,
    DecoderConfig,
)
from napari_cortex_decoder.decoder.tensors import check_finite, check_tensors, tensors_digest
from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.files import begins, marked
from napari_cortex_decoder.reading import reads
from napari_cortex_decoder.settings import Frozen

if TYPE_CHECKING:
    from torch import Tensor, nn

METADATA_KEY = "napari-cortex-decoder"
"""Key of the header's metadata under which the configuration stands, as JSON."""

LENDER_KEY = "napari-cortex-decoder-encoder"
"""Key under which a file that leaves out its encoder says whose it takes, as JSON."""

DECODER_FILE = marked(b'{"__metadata__":', METADATA_KEY, offset=8)
"""What `Decoder.save` writes."""

ENCODER_PREFIX = "cnn."
"""How the names of the encoder's tensors begin."""

_OTHER_FORMATS = {
    b"PK\x03\x04": "a zip archive, such as torch.save writes; import its state dict instead",
    b"\x80": "a Python pickle, which is never opened; import its state dict instead",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file, such as Keras writes; give a .safetensors file",
}
BUNDLED = Path(__file__).parent / "bundled"
"""Folder of the decoders that come with this program."""

_FLOAT_TYPES = ("F32", "F16", "BF16")


class _Versioned(BaseModel):
    format_version: Any = None


class Lender(Frozen):
    """The bundled decoder whose encoder a file takes, because decoders that share one are small."""

    bundled: Annotated[str, StringConstraints(max_length=100)]  # its name
    # of the encoder's tensors, as `tensors_digest` gives it
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def bundled_files() -> dict[str, Path]:
    """Return the files of the decoders that come with this program, by name."""
    files = {path.stem: path for path in BUNDLED.glob("*.safetensors")}
    return {name: files[name] for name in sorted(files)}


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
        for magic, description in _OTHER_FORMATS.items():
            if begins(magic)(path):
                raise DecoderError(f"{path} is not a decoder file but {description}.") from error
        raise DecoderError(
            f"{path} is not a whole .safetensors file ({error}); get a fresh copy of the decoder."
        ) from error


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
        raise DecoderError(f"the header of {path} is not a decoder's: {_said(error)}.") from error


def _said(error: ValidationError) -> str:
    """Return which field is wrong in which way, and what to do."""
    problem = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in problem["loc"] if part not in ARCHITECTURES) or "it"
    return f"{place}: {problem['msg']}; get a fresh copy of the decoder"


@reads("a decoder", DecoderError, remedy="get a fresh copy of the decoder")
def read_config(path: str | Path) -> DecoderConfig:
    """Read what a decoder file says of itself, without its tensors and without torch.

    Raises DecoderError if it is not a decoder file that this version can read.
    """
    path = Path(path)
    with _open(path, "numpy") as file:
        return _config(path, file.metadata())


@reads("a decoder", DecoderError, remedy="get a fresh copy of the decoder")
def read_decoder(path: str | Path) -> tuple[DecoderConfig, nn.Module, str]:
    """Read a decoder file.

    Raises DecoderError if it is not a decoder file that this version can read; names the tensor
    that is missing, unexpected, of another shape or type, or not finite. Gives its configuration,
    the network (float32 whatever is on disk, in evaluation mode) and the SHA-256 of the file.
    """
    import torch

    from napari_cortex_decoder.decoder.networks import build_network

    path = Path(path)
    with _open(path, "pt") as file:
        config = _config(path, file.metadata())
        with torch.device("meta"):  # shapes only: a header is not to be believed yet
            network = build_network(config)
        expected = network.state_dict()
        lender = _lender(path, file.metadata())
        if lender is None:
            tensors = _read_tensors(path, file, expected)
        else:
            own = {n: t for n, t in expected.items() if not n.startswith(ENCODER_PREFIX)}
            tensors = _read_tensors(path, file, own) | _borrow(path, lender, expected)
    network.load_state_dict(tensors, assign=True)
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return config, network.eval(), digest


def _read_tensors(path: Path, file: Any, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Read exactly the expected tensors (on whatever device these are), in their types."""
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
    return tensors


def _lender(path: Path, metadata: Mapping[str, str]) -> Lender | None:
    """Read whose encoder a file's decoder takes; None if it has its own."""
    if LENDER_KEY not in metadata:
        return None
    try:
        return Lender.model_validate_json(metadata[LENDER_KEY])
    except ValidationError as error:
        raise DecoderError(
            f"the header of {path} says whose encoder it takes, but not how it should: "
            f"{_said(error)}."
        ) from error


def _borrow(path: Path, lender: Lender, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Take the encoder's tensors from the bundled decoder that a file names."""
    # Only what comes with this program: a name is looked up among its files, never opened.
    source = bundled_files().get(lender.bundled)
    if source is None:
        raise DecoderError(
            f"{path} takes its encoder from the bundled decoder {lender.bundled!r}, which this "
            "version does not have; update napari-cortex-decoder, or get a file that "
            "`Decoder.save` wrote: it is whole."
        )
    wanted = {n: t for n, t in expected.items() if n.startswith(ENCODER_PREFIX)}
    with _open(source, "pt") as file:
        names = [n for n in file.keys() if n.startswith(ENCODER_PREFIX)]  # noqa: SIM118
        found = {name: file.get_tensor(name) for name in names}
    tensors = {n: t.to(wanted[n].dtype, copy=True) for n, t in found.items() if n in wanted}
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    same = shapes == {name: tuple(tensor.shape) for name, tensor in wanted.items()}
    if not same or tensors_digest(tensors) != lender.sha256:
        raise DecoderError(
            f"{path} takes its encoder from the bundled decoder {lender.bundled!r}, but that of "
            "this version is another one; get a file that `Decoder.save` wrote: it is whole."
        )
    return tensors


def encode_decoder(config: DecoderConfig, network: nn.Module, *, half_precision: bool) -> bytes:
    """Return the content of a decoder file; the same decoder gives the same bytes.

    In half precision weight matrices are float16: half the size; vectors (biases and batch-norm
    statistics, some of them tiny) stay float32. Raises DecoderError if a tensor is not finite, or
    too large for half precision.
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
