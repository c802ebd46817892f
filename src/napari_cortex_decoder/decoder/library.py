"""Finding a decoder by its name or its file."""

from __future__ import annotations

from pathlib import Path

from napari_cortex_decoder.decoder.config import DecoderConfig
from napari_cortex_decoder.decoder.decoder import Decoder
from napari_cortex_decoder.decoder.file import read_config, read_decoder
from napari_cortex_decoder.errors import DecoderError

_BUNDLED = Path(__file__).parent / "bundled"


def list_decoders() -> dict[str, DecoderConfig]:
    """Give the bundled decoders by name, with what they say of themselves.

    Reads only headers: neither weights nor torch are loaded.
    """
    return {path.stem: read_config(path) for path in sorted(_BUNDLED.glob("*.safetensors"))}


def load_decoder(name_or_path: str | Path) -> Decoder:
    """Load a decoder.

    Parameters
    ----------
    name_or_path
        Name of a bundled decoder, such as ``"run-rest"``, or a `.safetensors` file.

    Raises
    ------
    DecoderError
        If there is no such decoder, or its file is unusable.
    """
    bundled = {path.stem: path for path in sorted(_BUNDLED.glob("*.safetensors"))}
    path = bundled.get(str(name_or_path), Path(name_or_path))
    if not path.suffix and not path.exists():
        raise DecoderError(
            f"{name_or_path} is neither a file nor a bundled decoder; bundled are: "
            f"{', '.join(bundled) or 'none'}."
        )
    config, network, digest = read_decoder(path)
    return Decoder(config, network, name=path.stem, hash=digest)
