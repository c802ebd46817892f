"""Whether a base is to read recordings with slow drift taken away.

What a session's mean centres drifts over minutes: a decoder that learned from short sessions reads
the drift as behavior, one way in the first half of a long one and the other way in the second, and
no labels of the first half can mend that. Detrending can; the paper's area decoders gain more from
it than from anything else (Ajioka et al. 2024).
"""

from __future__ import annotations

from collections.abc import Sequence

from napari_cortex_decoder.decoder import Decoder, make_decoder
from napari_cortex_decoder.decoder.config import CnnRnnConfig
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.tuning import heads
from napari_cortex_decoder.tuning.head_behaviors import with_behaviors
from napari_cortex_decoder.tuning.tunable import model_of

DETREND_SECONDS = 1000 / 30
"""Of the moving mean that is subtracted: the paper's 1000 frames."""

_TOLERATED = 0.1
"""By how much the cross-entropy of labels may rise: between those that are learned from drift shows
less than beyond them, and where detrending takes long bouts away it rises by much more."""


def detrended_base(base: Decoder, recordings: Sequence[Recording]) -> Decoder | None:
    """Return a base of the same network that takes slow drift away.

    None where that cannot help: the base reads areas, detrends already, has running statistics or
    is scaled by raw frames, or no recording is twice as long as the moving mean.
    """
    if not isinstance(base.config, CnnRnnConfig):
        return None
    preprocessing = base.config.preprocessing
    lengths = [r.n_frames / r.known_frame_rate() for r in recordings]
    fixed = preprocessing.causal or preprocessing.scale == "movie-sd"
    if fixed or preprocessing.detrend_seconds or max(lengths) < 2 * DETREND_SECONDS:
        return None
    changed = preprocessing.model_copy(update={"detrend_seconds": DETREND_SECONDS})
    config = base.config.model_copy(update={"preprocessing": changed})
    return make_decoder(config, base.network, name=base.name, hash=base.hash)


def reads_as_well(
    base: Decoder,
    behaviors: tuple[str, ...],
    data: Sequence[heads.Labeled],
    other: Sequence[heads.Labeled],
    *,
    gap: int,
) -> bool:
    """Return whether a base's head reads some features about as well as others of the same frames.

    That is whether the labels, of `behaviors`, that are learned from are likelier by `data` than by
    `other`, or hardly less likely: see `learnable_loss`.
    """
    model = with_behaviors(model_of(base), behaviors)
    one, two = (heads.learnable_loss(model, each, gap) for each in (data, other))
    return one < two + _TOLERATED
