"""Decoders by their name, their file, or what they are made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from napari_cortex_decoder.decoder.config import DecoderConfig, TraceConfig
from napari_cortex_decoder.decoder.decoder import Decoder
from napari_cortex_decoder.decoder.file import bundled_files, read_config, read_decoder
from napari_cortex_decoder.decoder.image_decoder import ImageDecoder
from napari_cortex_decoder.decoder.trace_decoder import TraceDecoder
from napari_cortex_decoder.errors import DecoderError

if TYPE_CHECKING:
    from torch import nn


def make_decoder(
    config: DecoderConfig, network: nn.Module, *, name: str, hash: str | None = None
) -> Decoder:
    """Return the decoder that a configuration and its network are; see `Decoder`."""
    kind = TraceDecoder if isinstance(config, TraceConfig) else ImageDecoder
    return kind(config, network, name=name, hash=hash)


def library_folder() -> Path:
    """Return the folder of the decoders that the user keeps; it need not exist yet."""
    return platformdirs.user_data_path("napari-cortex-decoder", appauthor=False) / "decoders"


def decoder_files() -> dict[str, Path]:
    """Return the files of the bundled decoders, then of those in the library, by name."""
    kept = {path.stem: path for path in sorted(library_folder().glob("*.safetensors"))}
    return bundled_files() | {n: path for n, path in kept.items() if n not in bundled_files()}


def list_decoders(
    *, refused: Callable[[DecoderError], None] | None = None
) -> dict[str, DecoderConfig]:
    """Return the bundled decoders and those in the library by name, with what they say.

    Reads only headers: neither weights nor torch are loaded. Raises DecoderError if a file is
    unusable; where `refused` is given it is told why, and the others are returned.
    """
    found = {}
    for name, path in decoder_files().items():
        try:
            found[name] = read_config(path)
        except DecoderError as error:
            if refused is None:
                raise
            refused(error)
    return found


def read_card(name_or_path: str | Path) -> DecoderConfig:
    """Read what a decoder says of itself, without its weights and without torch.

    Raises DecoderError if there is no such decoder, or its file is unusable.
    """
    return read_config(_find(name_or_path))


def load_decoder(name_or_path: str | Path) -> Decoder:
    """Load a decoder by its name, bundled such as ``"run-rest"`` or in the library, or its file.

    Raises DecoderError if there is no such decoder, or its file is unusable.
    """
    path = _find(name_or_path)
    config, network, digest = read_decoder(path)
    return make_decoder(config, network, name=path.stem, hash=digest)


def _find(name_or_path: str | Path) -> Path:
    """Return the file of a decoder."""
    known = decoder_files()
    path = known.get(str(name_or_path), Path(name_or_path))
    if not path.suffix and not path.exists():
        raise DecoderError(
            f"{name_or_path} is neither a file nor a decoder of the library; there are: "
            f"{', '.join(known) or 'none'}."
        )
    return path
