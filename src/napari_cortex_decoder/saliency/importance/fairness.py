"""Whether the frames that are scored are a fair sample of what a decoder reads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.decoder import Decoder
from napari_cortex_decoder.labels import Ethogram, Source


def fairness(
    decoder: Decoder,
    scored: NDArray[np.int64],
    held_out: NDArray[np.bool_] | None,
    ethogram: Ethogram | None,
    bouts: NDArray[np.int64] | None,
) -> tuple[str, ...]:
    """Return what is to be known of the scored frames: whether they are a fair sample."""
    said = []
    if held_out is not None:
        learned = int((~held_out[scored]).sum())
        said.append(
            f"Decoder {decoder.name!r} learned from this recording, from {learned} of the "
            f"{len(scored)} scored frames: what it reads there it may know by heart."
            if learned
            else f"Decoder {decoder.name!r} learned from this recording; scored are frames that "
            "were held out."
        )
    if ethogram is not None and bouts is not None:
        used, all_of_them = np.unique(bouts), len(ethogram.bouts)
        if len(used) < all_of_them:
            said.append(
                f"Scored are {len(scored)} frames of {len(used)} of {all_of_them} bouts: those "
                "asked for that were held out and whose windows fit."
            )
        sources = [ethogram.bouts[number].source for number in used]
        own = sum(source in (Source.MODEL, Source.VERIFIED) for source in sources)
        if own:
            said.append(
                f"{own} of the {len(used)} scored bouts were read by a decoder first: labels that "
                "were accepted or picked by a review agree with it more than chance draws would."
            )
    return tuple(said)
