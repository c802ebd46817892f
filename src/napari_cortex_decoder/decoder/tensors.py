"""Tensors from anywhere: each accounted for, each of the shape it should have, none NaN."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from napari_cortex_decoder.errors import DecoderError

if TYPE_CHECKING:
    from torch import Tensor


def check_tensors(
    where: str, found: Mapping[str, tuple[int, ...]], expected: Mapping[str, tuple[int, ...]]
) -> None:
    """Account for every tensor by name and shape.

    Raises DecoderError, naming the first that is missing, unexpected or of another shape.
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
    """Refuse weights that would make every prediction NaN; a DecoderError names the first."""
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise DecoderError(
                f"{where}: tensor {name} holds NaN or infinity; "
                "take a decoder from before its training went wrong."
            )


def tensors_digest(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of tensors' names, types, shapes and values, in order of names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        values = tensors[name].detach().cpu().contiguous().numpy()
        little_endian = values.astype(values.dtype.newbyteorder("<"), copy=False)
        digest.update(f"{name} {values.dtype.name} {values.shape}\n".encode())
        digest.update(little_endian.tobytes())
    return digest.hexdigest()
