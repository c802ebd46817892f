"""Noise of several kinds: so that no decoder takes one kind for what all cortex does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy.signal import lfilter

from napari_cortex_decoder.arrays import Floats

_SLOWEST = 1 / 400  # Hz
_SPREAD = 3.0  # times by which time constants and frequencies of one mouse differ, up and down


def band_noise(
    rng: np.random.Generator,
    n_frames: int,
    n_signals: int,
    frame_rate: float,
    bands: Sequence[float],
    shares: Sequence[float],
) -> Floats:
    """Return independent noise with a share of its power in each band, falling as 1/f inside it.

    Shape (t, n_signals); SD = the square root of the sum of the shares, less those of bands above
    half the frame rate, which a camera cannot see.
    """
    n = n_frames + int(np.ceil(frame_rate / bands[0]))  # its end must not run on into its start
    frequency = np.fft.rfftfreq(n, 1 / frame_rate)
    power = np.zeros(frequency.size)
    for low, high, share in zip(bands[:-1], bands[1:], shares, strict=True):
        inside = (frequency >= low) & (frequency < high)
        if inside.any():
            slope = 1 / frequency[inside]
            seen = np.log(min(high, frequency[-1]) / low) / np.log(high / low)
            power[inside] = share * seen * slope / slope.sum()
    return _of_power(rng, n, n_signals, power)[:n_frames]


def pink(rng: np.random.Generator, n: int, k: int, rate: float, exponent: float) -> Floats:
    """Return noise whose power falls as 1/f to an exponent over all frequencies."""
    longer = n + int(np.ceil(rate / _SLOWEST))
    frequency = np.fft.rfftfreq(longer, 1 / rate)
    inside = frequency >= _SLOWEST
    power = np.zeros(frequency.size)
    power[inside] = frequency[inside] ** -exponent
    return _of_power(rng, longer, k, power / power.sum())[:n]


def autoregressive(rng: np.random.Generator, n: int, k: int, rate: float, tau: float) -> Floats:
    """Return noise of modes that each forget with a time constant about `tau` (s), mixed."""
    keep = np.exp(-1 / (rate * tau * _around(rng, k)))
    modes = _filtered(rng, n, rate * 4 * _SPREAD * tau, [[1.0, -own] for own in keep])
    mixing, _ = np.linalg.qr(rng.standard_normal((k, k)))
    return np.asarray(modes @ mixing)


def oscillators(rng: np.random.Generator, n: int, k: int, rate: float, hertz: float) -> Floats:
    """Return noise of damped oscillations about a frequency (Hz), each alive for a few periods."""
    angles = 2 * np.pi * np.minimum(hertz * _around(rng, k) / rate, 0.45)
    damping = np.exp(-angles / rng.uniform(4, 20, k))
    filters = [[1.0, -2 * r * np.cos(a), r**2] for r, a in zip(damping, angles, strict=True)]
    return _filtered(rng, n, 4 * _SPREAD * rate / hertz, filters)


def bursts(rng: np.random.Generator, n: int, k: int, rate: float, interval: float) -> Floats:
    """Return noise of events that come about every `interval` s, rise at once and decay."""
    tau = rate * interval * rng.uniform(0.1, 0.7, k)
    longer = n + int(10 * tau.max())
    events = rng.poisson(1 / (rate * interval), (longer, k)) * rng.gamma(2.0, size=(longer, k))
    shown = np.stack(
        [
            lfilter([1.0], [1.0, -np.exp(-1 / own)], column)[-n:]
            for own, column in zip(tau, events.T, strict=True)
        ],
        axis=1,
    )
    # scaled by what is expected of such events, for a short session may show none
    return np.asarray((shown - shown.mean(axis=0)) / np.sqrt(6 * tau / (2 * rate * interval)))


KINDS: Mapping[str, Callable[[np.random.Generator, int, int, float, float], Floats]] = {
    "pink": pink,
    "autoregressive": autoregressive,
    "oscillators": oscillators,
    "bursts": bursts,
}
"""Kinds of noise beside `band_noise`: generator, frames, signals, Hz and the kind's one number in,
shape (t, signals) of SD about 1 out."""


def _of_power(rng: np.random.Generator, n: int, k: int, power: Floats) -> Floats:
    spectrum = rng.standard_normal((k, power.size, 2)) @ np.array([1, 1j])
    noise = np.fft.irfft(spectrum * np.sqrt(power) * n / 2, n, axis=1)
    return np.ascontiguousarray(noise.T)


def _around(rng: np.random.Generator, k: int) -> Floats:
    return np.asarray(_SPREAD ** rng.uniform(-1, 1, k))


def _filtered(
    rng: np.random.Generator, n: int, warm_up: float, filters: Sequence[Sequence[float]]
) -> Floats:
    """Return white noise through filters (their recursive parts), shape (t, filters), of SD 1."""
    longer = n + int(np.ceil(warm_up))
    white = rng.standard_normal((longer, len(filters)))
    shown = []
    for own, column in zip(filters, white.T, strict=True):
        heard = lfilter([1.0], own, np.eye(1, longer)[0])
        shown.append(lfilter([1.0], own, column)[-n:] / np.sqrt((heard**2).sum()))
    return np.stack(shown, axis=1)
