"""Make a decoder that is to be bundled small: it takes its encoder from a bundled one.

python tools/share_encoder.py runs/causal/decoder.safetensors run-rest-causal.safetensors run-rest
"""

from __future__ import annotations

import sys
from pathlib import Path

from safetensors.torch import load, save

from napari_cortex_decoder.decoder import Decoder, load_decoder
from napari_cortex_decoder.decoder.file import (
    DECODER_FILE,
    ENCODER_PREFIX,
    LENDER_KEY,
    METADATA_KEY,
    Lender,
    encode_decoder,
    read_decoder,
)
from napari_cortex_decoder.decoder.tensors import tensors_digest
from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.files import write_whole


def save_sharing_encoder(decoder: Decoder, path: str | Path, lender: str) -> None:
    """Write a decoder without its encoder, which the bundled `lender` has already.

    The file records the encoder's SHA-256. Raises DecoderError if there is no such bundled decoder,
    if it has another encoder, or if the file cannot be written.
    """
    tensors = load(encode_decoder(decoder.config, decoder.network, half_precision=True))
    own = {n: t for n, t in tensors.items() if not n.startswith(ENCODER_PREFIX)}
    every = decoder.network.state_dict()
    digest = tensors_digest({n: t for n, t in every.items() if n.startswith(ENCODER_PREFIX)})
    said = Lender(bundled=lender, sha256=digest).model_dump_json()
    metadata = {METADATA_KEY: decoder.config.model_dump_json(), LENDER_KEY: said}
    write_whole(path, save(own, metadata), DecoderError, kind=DECODER_FILE)
    read_decoder(path)  # which refuses the encoder of another decoder


if __name__ == "__main__":
    save_sharing_encoder(load_decoder(sys.argv[1]), sys.argv[2], sys.argv[3])
