"""Every number of a simulated mouse, with its unit and where it comes from.

Marks: [A] Ajioka et al. 2024 (PLoS Comput Biol 20: e1011074), their data or printed outputs;
[W] measured in one awake wide-field GCaMP mouse; [G] measured in GFP mice; [K] Chen et al. 2013
(Nature 499: 295); [C] chosen so that the figures of [A] and [W] come out (see
``benchmarks/simulation.py``); [S] an assumption, set by common sense.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Range = tuple[float, float]
"""Lowest and highest value among mice; each mouse draws its own."""

REST, RUN = 0, 1
BEHAVIORS = ("rest", "run")
"""Behaviours of a simulated ethogram, in the order of its frame values."""


def _by_area(**weights: float) -> Any:
    """Return a field of weights by acronym."""
    given = {name.replace("_", "-"): weight for name, weight in weights.items()}
    return field(default_factory=given.copy)


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What all simulated mice have in common. All signals are % ΔF/F unless said otherwise.

    How a brain looks (vessels, glue, uneven light) is drawn in `appearance` and `vessels`; no
    measured figure hangs on it.
    """

    # behaviour
    run_threshold: float = 0.5  # cm/s; a faster mouse is running [A]
    # share of time spent running: of a mouse (.37–.80), and limits of one session (.24–.95) [A]
    run_fraction: Range = (0.37, 0.80)
    session_run_fraction: Range = (0.24, 0.95)
    # SD of a session's run fraction about its mouse's, in log-odds [C]
    session_spread: float = 0.45
    cycle: Range = (7.0, 12.0)  # s; mean of one run and the rest after it [S]
    # s; no bout is shorter [S]
    shortest_run: float = 0.8
    shortest_rest: float = 0.8
    # cm/s; median speed aimed at in a bout, of a mouse; SD of its logarithm over bouts [S]
    top_speed: Range = (5.0, 14.0)
    top_speed_spread: float = 0.3
    # s; time constants at the start and the end of a bout [S]
    acceleration: float = 0.35
    deceleration: float = 0.25
    # SD of the logarithm of the speed within a bout; s, how long a pace lasts [S]
    pace_spread: float = 0.25
    pace_time: float = 1.0
    # Hz, s; twitches and grooming at rest, below the running threshold [S]
    rest_movement_rate: float = 0.15
    rest_movement_duration: Range = (0.3, 1.0)
    # Hz; strides a second when slow, and added for every cm/s [S]
    stride_rate: tuple[float, float] = (1.6, 0.11)

    # activity
    # s from run onset; global signal there, as measured: after the indicator [W]
    onset_times: tuple[float, ...] = (-2.5, -1.0, -0.5, 0.0, 0.5, 2.0, 4.0)
    onset_profile: tuple[float, ...] = (0.0, 0.4, 0.7, 1.4, 1.8, 1.1, 1.0)
    # global signal late in a long bout, and time constant (s) to get there [C]
    sustained: float = 0.6
    adaptation: float = 5.0
    offset_decay: float = 0.8  # s; decay of the global signal after a bout [W]
    bout_gain_spread: float = 0.4  # SD of the logarithm of a bout's global gain [C]
    # s, s, share of a run's global signal; events at rest that look like a run [C]
    arousal_interval: float = 14.0
    arousal_duration: Range = (1.0, 4.0)
    arousal_gain: Range = (0.15, 0.6)
    # what an area shows of the global signal; areas not named show `other_global_weight` [A, C]
    global_weight: Mapping[str, float] = _by_area(
        MOs=1.85, MOp=0.4, RSPd=1.15, RSPagl=0.95, VISa=0.7, VISp=0.65, VISpm=1.15, VISam=1.05,
        VISl=0.85, VISal=0.75, VISrl=0.65, AUDs=0.4, AUDp=0.35, SSp_tr=0.65, SSp_bfd=0.45, SSs=0.35,
        SSp_ll=0.05, SSp_ul=0.0,
    )  # fmt: skip
    other_global_weight: float = 0.5
    precise_amplitude: float = 1.2  # steady signal of a limb area while the mouse runs [C]
    # what an area shows of the precise signal; areas not named show none [A, C]
    precise_weight: Mapping[str, float] = _by_area(
        SSp_ul=1.0, SSp_un=0.9, SSp_ll=0.6, SSp_m=0.45, SSp_n=0.4, MOp=0.4, SSp_bfd=0.25,
        SSp_tr=0.2, MOs=0.2,
    )  # fmt: skip
    precise_gain_spread: float = 0.25  # SD of the logarithm of a bout's precise gain [C]
    # depth of the modulation of the precise signal by the stride, 0–1 [S]
    stride_modulation: float = 0.5
    rest_movement_gain: float = 0.6  # precise signal of a twitch at rest, as a share of a run's [C]
    # signal of other behaviors, such as whisking and licking, and what areas show of each; the
    # calibrated mouse has none [S]
    other_amplitude: float = 0.0
    other_weights: tuple[Mapping[str, float], ...] = ()
    # s, s, and how many times stronger they are while the mouse runs [S]
    other_interval: float = 10.0
    other_duration: Range = (0.5, 4.0)
    other_running: float = 1.0
    # s; GCaMP6f–s [K; half-decays are an assumption]
    indicator_rise: Range = (0.05, 0.12)
    indicator_half_decay: Range = (0.13, 0.26)

    # kind of the spontaneous activity: by `bands`, or one of `noise.KINDS` and its number, which
    # leave out the shares [S]
    noise: str = "bands"
    noise_number: float = 1.0
    # Hz; share of the power of ΔF/F between neighbouring borders [W]
    bands: tuple[float, ...] = (0.01, 0.1, 0.5, 1.0, 2.0, 5.0)
    band_shares: tuple[float, ...] = (0.14, 0.25, 0.25, 0.21, 0.15)
    # SD of the spontaneous activity shared by all cortex, by neighbouring areas, by nothing but the
    # same area of both sides: first PC 83 %, first three 91 % of the variance [W]
    common: float = 0.15
    regional: float = 0.47
    specific: float = 0.33
    # share of `common` that an area shows, 1 where not named
    common_weight: Mapping[str, float] = field(default_factory=dict)
    # share of `specific` that an area shows, 1 where not named: limb areas flicker more, which half
    # a second averages away and a single image does not [C]
    specific_weight: Mapping[str, float] = _by_area(SSp_ul=1.5, SSp_ll=1.5, SSp_un=1.5, SSp_n=1.5)
    # share of `regional` that an area shows, 1 where not named: limb areas say by themselves what
    # the whole cortex says [C]
    regional_weight: Mapping[str, float] = _by_area(SSp_ul=0.3, SSp_ll=0.4, SSp_un=0.3, SSp_n=0.5)
    regional_scale: float = 4.0  # mm; distance over which regional activity is alike [C]
    # correlation of an area's specific activity with that of the other side [C]
    homotopic: float = 0.3
    # share of the power of the specific activity in `bands` [C]
    specific_bands: tuple[float, ...] = (0.0, 0.03, 0.12, 0.40, 0.45)

    # what is not neural
    # SD of slow blood-volume changes over plain cortex at the calcium wavelength, where more would
    # leave too little of an area's .8 % to neurons; and factor at the reference wavelength, which
    # blood absorbs more strongly [C; G: .7–1.0]
    hemodynamic: Range = (0.25, 0.36)
    reference_hemodynamic: float = 2.5
    # SD of each pattern, as a share of `hemodynamic`: an even one, then smooth ones [C]
    hemodynamic_patterns: tuple[float, ...] = (0.56, 0.58, 0.58)
    # share of their power in `bands` [S]
    hemodynamic_bands: tuple[float, ...] = (0.65, 0.32, 0.03, 0.0, 0.0)
    hemodynamic_coupling: float = 0.1  # dip that follows the global signal, as a share of it [S]
    # how much more vessels and the midline show them [G]
    vessel_boost: float = 0.8
    midline_boost: float = 0.6
    # SD, and Hz at rest [G]; Hz added by full arousal, and SD of the rate in Hz [S]
    heartbeat: Range = (0.15, 0.19)
    heart_rate: Range = (10.0, 12.0)
    heart_quickening: float = 0.3
    heart_wander: float = 0.5
    # the same of breathing [S]
    respiration: Range = (0.05, 0.12)
    respiration_rate: Range = (2.0, 3.0)
    respiration_quickening: float = 0.2
    respiration_wander: float = 0.3

    # optics and camera
    field_of_view: float = 10.24  # mm; the shorter side of a movie [S]
    # degrees, mm and factor by which the window of a mouse is off its mean pose, ± [S]
    rotation: float = 6.0
    shift: float = 0.3
    scaling: float = 0.05
    # degrees, mm (SD) by which one session is off the pose of its mouse [S]
    session_rotation: float = 0.5
    session_shift: float = 0.04
    scatter: Range = (0.15, 0.24)  # mm; SD of the blur by light scattered in tissue [S]
    # counts of bright cortex above the dark offset [W: 5–15 k on the brain]
    brightness: Range = (9_000.0, 15_000.0)
    dark_offset: Range = (130.0, 460.0)  # counts [W]
    # photo-electrons in a count for a pixel of 36 µm; more in a larger one, which bins more of the
    # sensor. Shot noise follows from it [W: a resting pixel of 36 µm has SD 1.0 %]
    electrons_per_count: float = 4.0
    read_noise: float = 2.0  # counts, SD [S]
    saturated: float = 0.001  # share of the pixels at the upper end, glints at the window's rim [W]
    # % lost in the end, and time constant in s [S]
    bleached: Range = (1.0, 4.0)
    # SD of that loss over cortex, as a share of it: what detrending is for [C]
    bleaching_unevenness: float = 0.4
    bleach_time: Range = (60.0, 300.0)
    # % SD, over a long session, of uneven drift: focus, window, brain and blood change over
    # minutes. It hardly shows in a minute and dominates the range of ten [C]
    drift: Range = (0.5, 1.0)
    # Hz; within it the power of the drift falls as 1/f [C]
    drift_band: tuple[float, float] = (0.001, 0.006)
    # number of independent drifts, and mm over which each is alike [C]
    drift_patterns: int = 4
    drift_scale: float = 2.0
    lamp: float = 0.03  # % SD of the lamp from frame to frame [S]
    # mm, SD of the brain's movement below the window at rest; factor while the mouse runs; s, how
    # long a displacement lasts [W: .16–.31 % in the motion band]
    jitter: float = 0.001
    jitter_running: float = 1.2
    jitter_time: float = 0.06
    # SD of the logarithm of its strength; s, how long a fit lasts [S]
    jitter_fits: float = 0.5
    jitter_fit_time: float = 1.0
    expression: Range = (0.8, 1.2)  # gain of all activity in a mouse [S]
    expression_unevenness: float = 0.08  # SD of that gain over cortex [S]
    # SD of the logarithm by which an area's weights differ from mouse to mouse [C]
    individual: float = 0.12
