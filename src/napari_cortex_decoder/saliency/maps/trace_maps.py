"""Saliency of a decoder of area traces: what each area gives at each lag of the window.

The figures are comparable with the paper's mean absolute SHAP values (Ajioka et al. 2024), frames
of the window by regions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Unpack

import numpy as np
import pandas as pd
import torch
from captum.attr import GradientShap, IntegratedGradients
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.choices import LAG_METHODS, LagMethod, check_choice
from napari_cortex_decoder.decoder import Decoder
from napari_cortex_decoder.decoder.config import TraceConfig
from napari_cortex_decoder.decoder.engine.area_places import locate_areas
from napari_cortex_decoder.decoder.engine.traces import preprocess_traces, read_traces
from napari_cortex_decoder.decoder.randomness import seeded
from napari_cortex_decoder.decoder.suitability import check_suits
from napari_cortex_decoder.decoder.trace_decoder import reads_traces
from napari_cortex_decoder.errors import DecoderError, RecordingError
from napari_cortex_decoder.progress import Progress, Report, unheard
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.saliency.masking.encoding import behavior_index, log_odds
from napari_cortex_decoder.saliency.options import LagOptions

_BATCH = 64
"""Windows at once."""

_BASELINES = 100
"""Windows of the recording that SHAP compares with."""


@dataclass(frozen=True, eq=False)
class TraceSaliency:
    """What each area gives at each lag, over the windows of some frames."""

    amount: NDArray[np.float64]  # shape (length, areas): mean absolute attribution, in log-odds
    # shape (length, areas): mean attribution; positive speaks for the behavior
    signed: NDArray[np.float64]
    lags: NDArray[np.int64]  # shape (length,): frames from the decoded one
    areas: tuple[str, ...]  # names, in the order of the columns
    # largest share of the change of log-odds that integrated gradients do not account for; NaN for
    # SHAP, which is drawn by chance
    gap: float
    method: LagMethod
    behavior: str
    decoder: str
    warnings: tuple[str, ...] = ()  # sentences that whoever uses the result should read

    @property
    def table(self) -> pd.DataFrame:
        """One row an area, the most salient first.

        Columns: ``area``, ``amount`` (summed over lags), ``share`` of all areas, and the ``lag`` of
        the largest amount.
        """
        sums = self.amount.sum(axis=0)
        return pd.DataFrame(
            {
                "area": self.areas,
                "amount": sums,
                "share": sums / sums.sum() if sums.any() else np.nan,
                "lag": self.lags[self.amount.argmax(axis=0)],
            }
        ).sort_values("amount", ascending=False, ignore_index=True)


def trace_saliency(
    decoder: Decoder,
    traces: ArrayLike,
    behavior: str = "run",
    *,
    method: LagMethod = "integrated-gradients",
    preprocessed: bool = False,
    frames: ArrayLike | None = None,
    points: int = 64,
    seed: int = 0,
    progress: Report | None = None,
) -> TraceSaliency:
    """Attribute the log-odds of a behavior to areas and lags.

    Raises DecoderError if the decoder reads images, the traces are not of its areas, or the method
    is unknown; RecordingError if no window fits, or a trace does not vary.

    Parameters
    ----------
    decoder
        One that reads area traces (``roi-rnn``, ``linear``).
    traces
        Shape (t, areas), as for `Decoder.decode_traces`.
    behavior
        One of the decoder's.
    preprocessed
        Whether the traces are detrended and scaled already.
    method, frames, points, seed, progress
        See `LagOptions`.
    """
    report = progress or unheard
    config = reads_traces(decoder).config
    if config.mixes_areas:
        raise DecoderError(
            f"decoder {decoder.name!r} mixes areas anew in each recording, so no lag is an area's; "
            "ask for the importance of areas."
        )
    check_choice("method", method, LAG_METHODS, DecoderError)
    index = behavior_index(decoder, behavior)
    values = np.asarray(traces)
    if values.ndim != 2 or values.shape[1] != config.preprocessing.n_traces:
        raise DecoderError(
            f"the traces have shape {values.shape}, and decoder {decoder.name!r} reads shape "
            f"(frames, {config.preprocessing.n_traces})."
        )
    if not preprocessed:
        values = preprocess_traces(values, config.preprocessing, decoder.frame_rate)
    inputs = torch.from_numpy(values.astype(np.float32))
    middle = _middles(inputs, config, decoder.frame_rate, frames)
    past, length = config.window.past, config.window.length
    windows = inputs.unfold(0, length, 1).transpose(1, 2)[middle - past]
    model = _TraceOdds(decoder.network.eval(), index, config.temperature)
    rest = inputs[torch.isfinite(inputs).all(dim=1)].mean(dim=0).expand(1, length, -1)
    order = torch.randperm(len(windows), generator=torch.Generator().manual_seed(seed))
    baselines = windows[order[:_BASELINES]]
    amount = np.zeros((length, values.shape[1]))
    signed = np.zeros_like(amount)
    gaps = []
    for first in range(0, len(windows), _BATCH):
        batch = windows[first : first + _BATCH].contiguous()
        # cuDNN cannot go back through a recurrent layer in evaluation mode
        with torch.backends.cudnn.flags(enabled=False):
            if method == "shap":
                with seeded(seed + first):
                    found = GradientShap(model).attribute(batch, baselines, n_samples=points)
            else:
                found = IntegratedGradients(model).attribute(
                    batch, rest.expand_as(batch), n_steps=points, internal_batch_size=_BATCH * 8
                )
                with torch.no_grad():
                    change = model(batch) - model(rest)
                left = (found.sum(dim=(1, 2)) - change).abs()
                gaps.append(float((left / change.abs().clamp_min(0.1)).max()))
        amount += found.detach().abs().sum(dim=0).numpy()
        signed += found.detach().sum(dim=0).numpy()
        report(Progress(method, min(first + _BATCH, len(windows)), len(windows)))
    # an area may be several inputs
    amount, signed = (
        each.reshape(length, -1, config.preprocessing.n_traces).sum(axis=1) / len(windows)
        for each in (amount, signed)
    )
    return TraceSaliency(
        amount=amount,
        signed=signed,
        lags=np.arange(length) - past,
        areas=config.preprocessing.areas or ("mean of the frame",),
        gap=max(gaps) if gaps else math.nan,
        method=method,
        behavior=behavior,
        decoder=decoder.name,
    )


class _TraceOdds(nn.Module):
    """Log-odds of one behavior, shape (n,), of windows of traces, shape (n, length, areas)."""

    def __init__(self, network: nn.Module, behavior: int, temperature: float) -> None:
        super().__init__()
        self._network, self._behavior, self._temperature = network, behavior, temperature

    def forward(self, windows: Tensor) -> Tensor:
        return log_odds(self._network(windows), self._behavior, self._temperature)


def _middles(
    inputs: Tensor, config: TraceConfig, frame_rate: float, frames: ArrayLike | None
) -> Tensor:
    """Return the frames whose windows fit and hold no gap."""
    past, future = config.window.past, config.window.future
    known = torch.isfinite(inputs).all(dim=1)
    whole = (
        known.unfold(0, past + 1 + future, 1).all(dim=1)
        if len(known) > past + future
        else known[:0]
    )
    fitting = np.flatnonzero(whole.numpy()) + past
    if frames is None:
        chosen = fitting[:: max(1, round(frame_rate / 10))]
    else:
        chosen = np.intersect1d(np.asarray(frames), fitting)
    if not len(chosen):
        raise RecordingError(
            f"no window of {past + 1 + future} frames fits into the traces of {len(inputs)} frames "
            "around any of the frames asked for; give longer traces or other frames."
        )
    return torch.from_numpy(chosen)


def area_saliency(
    decoder: Decoder,
    recording: Recording,
    registration: Registration | None = None,
    behavior: str = "run",
    *,
    any_rate: bool = False,
    **lagged: Unpack[LagOptions],
) -> TraceSaliency:
    """Average a recording over the decoder's areas, and do what `trace_saliency` does.

    Parameters
    ----------
    decoder
        One that reads area traces.
    recording
        Movie of any length; it is streamed.
    registration
        Where the atlas lies on it; None for a decoder of the whole frame's mean.
    behavior, **lagged
        As for `trace_saliency`.
    any_rate
        Go on although the frame rate is not the decoder's.

    Raises
    ------
    DecoderError, RecordingError, FrameRateError, AtlasError
        As `trace_saliency` and `Decoder.decode`.
    """
    report = lagged.get("progress") or unheard
    config = reads_traces(decoder).config
    warnings = check_suits(recording, config, name=decoder.name, any_rate=any_rate)
    labels = locate_areas(config.preprocessing, recording, registration)
    traces = np.empty((recording.n_frames, config.preprocessing.n_traces))
    for start, block in read_traces(recording, labels, config.preprocessing.n_traces):
        traces[start : start + len(block)] = block
        report(Progress("averaging areas", start + len(block), recording.n_frames))
    found = trace_saliency(decoder, traces, behavior, **lagged)
    return replace(found, warnings=tuple(warnings))
