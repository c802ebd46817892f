"""What may be said of how a decoder is explained: keywords that several calls share."""

from __future__ import annotations

from typing import TypedDict

from numpy.typing import ArrayLike

from napari_cortex_decoder.choices import LagMethod, MapMethod
from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.progress import Report


class RunOptions(TypedDict, total=False):
    """How a decoder is run."""

    compute: Compute  # as for `Decoder.decode`
    any_rate: bool  # go on although the frame rate is not the decoder's
    progress: Report | None  # called several times a second; what it raises ends the work


class ScoreOptions(RunOptions, total=False):
    """How what is lost is measured."""

    # numbers of the frames to score; None: all that are labelled, or all, but for those that the
    # decoder learned from. `sample_frames` chooses some of every bout
    frames: ArrayLike | None
    draws: int  # of the bootstrap, 1000
    seed: int  # of all that is drawn by chance: same seed, same result


class MapOptions(RunOptions, total=False):
    """How maps are made."""

    # ``"integrated-gradients"`` (Sundararajan et al. 2017), from the session's mean to the frames;
    # ``"grad-cam"`` (Selvaraju et al. 2017), signed, without ReLU; ``"occlusion"``: log-odds lost
    # with a square of an eighth of the image cut out of the whole window
    method: MapMethod
    # for Grad-CAM: the deepest stage of the encoder with at least so many rows and columns is
    # taken, 8. The last one has 2 × 2 at 64 px, too coarse for areas
    grid: int
    # for integrated gradients: those on the path, 32; doubled where the gap is over 1 %
    points: int


class LagOptions(TypedDict, total=False):
    """How the log-odds of a decoder of area traces are attributed to areas and lags."""

    # ``"integrated-gradients"``, from the mean of each trace; ``"shap"``: expected gradients
    # (Erion et al. 2021), an estimate of SHAP values, against windows of the same traces
    method: LagMethod
    frames: ArrayLike | None  # whose windows; None: all that fit, at most every tenth of a second
    points: int  # on the path, or draws for SHAP; 64
    seed: int  # of SHAP's draws
    progress: Report | None  # called after every batch; what it raises ends the work
