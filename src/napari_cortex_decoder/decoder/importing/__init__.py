"""Decoders made of published weights, told apart by what the file holds; nothing is executed."""

from __future__ import annotations

from pathlib import Path

from napari_cortex_decoder.decoder.decoder import Decoder
from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.files import begins
from napari_cortex_decoder.reading import reads


@reads("a decoder", DecoderError)
def import_decoder(path: str | Path) -> Decoder:
    """Make a decoder of published weights, with what the paper says beside them.

    That is a state dict of the paper's CNN-RNN, as ``torch.save`` wrote it, or the paper's ROI
    decoder, as Keras wrote it (HDF5). Raises DecoderError if it is neither; names the tensor that
    does not fit.
    """
    path = Path(path)
    if begins(b"\x89HDF\r\n\x1a\n")(path):
        from napari_cortex_decoder.decoder.importing.keras import import_keras

        return import_keras(path)
    from napari_cortex_decoder.decoder.importing.state_dict import import_state_dict

    return import_state_dict(path)
