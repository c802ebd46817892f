"""Decoders that see images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.decoder.config import ImageConfig
from napari_cortex_decoder.decoder.decoder import Decoder
from napari_cortex_decoder.errors import DecoderError

if TYPE_CHECKING:
    from napari_cortex_decoder.atlas import Registration
    from napari_cortex_decoder.decoder.engine.image_engine import Engine
    from napari_cortex_decoder.decoder.networks import Cnn, CnnRnn


class ImageDecoder(Decoder):
    """A decoder of the images of a movie, wherever its areas lie."""

    config: ImageConfig
    network: Cnn | CnnRnn

    def _engine(self, placed: Registration | None, compute: Compute, **of_images: Any) -> Engine:
        from napari_cortex_decoder.decoder.engine.image_engine import Engine

        return Engine(self.network, self.config, compute=compute, **of_images)


def reads_images(decoder: Decoder) -> ImageDecoder:
    """Return a decoder that must be one of images. Raises DecoderError if it reads area traces."""
    if not isinstance(decoder, ImageDecoder):
        raise DecoderError(
            f"decoder {decoder.name!r} reads area traces, and this is for decoders of images; "
            "choose one of architecture cnn or cnn-rnn."
        )
    return decoder
