"""A simulated recording, and the truth about it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from numbers import Integral

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.arrays import Floats
from napari_cortex_decoder.atlas import Registration, load_atlas
from napari_cortex_decoder.errors import SimulationError
from napari_cortex_decoder.labels import Ethogram, Source
from napari_cortex_decoder.recording import BehaviorTrace, Recording
from napari_cortex_decoder.simulation.activity import activate
from napari_cortex_decoder.simulation.appearance import Appearance, draw_appearance
from napari_cortex_decoder.simulation.artifacts import Artifacts, draw_artifacts
from napari_cortex_decoder.simulation.behavior import behave
from napari_cortex_decoder.simulation.camera import Scene, average_areas, film
from napari_cortex_decoder.simulation.parameters import BEHAVIORS, Parameters
from napari_cortex_decoder.simulation.seeds import generator
from napari_cortex_decoder.simulation.subject import Subject, draw_subject

SMALLEST = 32
"""Rows and columns of the smallest movie in which limb areas are more than a pixel or two."""

_CAMERA_PIXEL = 0.036
"""mm; pixel for which `Parameters.electrons_per_count` is given."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What a simulated recording is made of, and no real one tells."""

    speed: Floats  # shape (t,), cm/s
    ethogram: Ethogram  # rest or run at each frame, by the speed
    registration: Registration  # the pose in which the brain was drawn
    # acronyms of the areas that show at least half of the precise signal that forelimb S1 shows;
    # the decoder must find them. Others show less of it (``parameters.precise_weight``), and M2 and
    # medial areas tell of running by the widespread signal
    precise_areas: tuple[str, ...]
    # shape (t, areas), in the order of ``registration.atlas.areas``: neural ΔF/F as a fraction,
    # before blood, movement, bleaching and camera
    area_traces: Floats
    subject: Subject  # the mouse
    seed: int  # the session

    @property
    def parameters(self) -> Parameters:
        """What all simulated mice have in common."""
        return self.subject.parameters


@dataclass(frozen=True, kw_only=True, eq=False)
class SimulatedRecording(Recording):
    """A recording that knows the truth about itself."""

    truth: Truth  # what it is made of
    scene: Scene  # what its camera sees

    def of_frames(self, origins: NDArray[np.integer]) -> SimulatedRecording:
        """Return this with the truth of the frames that it shows after a step of preprocessing."""
        truth = replace(
            self.truth,
            speed=self.truth.speed[origins],
            ethogram=self.truth.ethogram.of_frames(origins),
            area_traces=self.truth.area_traces[origins],
        )
        return replace(self, truth=truth)

    def area_traces(self, label_image: NDArray[np.integer], n_areas: int) -> Floats:
        """Average the movie over areas without rendering it.

        The same as `napari_cortex_decoder.atlas.area_traces` of the movie, in counts, but for the
        camera's noise, which is drawn anew: ten minutes take a second.
        """
        return average_areas(self.scene, label_image, n_areas)


def simulate_recording(
    *,
    seed: int = 1,
    subject: int = 1,
    seconds: float = 60.0,
    frame_rate: float = 30.0,
    shape: tuple[int, int] = (128, 128),
    reference: bool = False,
    alternating: bool = False,
    life_steps: int | None = None,
    parameters: Parameters | None = None,
) -> SimulatedRecording:
    """Simulate one wide-field session of a mouse that runs and rests on a wheel.

    A large, widespread signal follows running but also comes without it; a smaller one in the
    limbs' somatosensory areas is there just when the mouse runs. Blood, pulse, breath, movement,
    bleaching and a camera lie over both. Statistics follow Ajioka et al. 2024 and real wide-field
    mice (see `Parameters`); it is a simulation all the same.

    Parameters
    ----------
    seed
        Which session, ≥ 0. Same seed and subject: the same recording, bit for bit.
    subject
        Which mouse, ≥ 0: its brain, pose, vessels, optics and habits.
    seconds
        Length.
    frame_rate
        Frames a second (Hz).
    shape
        Rows and columns; the shorter side spans 10.24 mm.
    reference
        Whether to film a second wavelength too, one that no calcium changes: `.reference`.
    alternating
        Whether one camera films both wavelengths in turns, as most rigs do: at twice the frame
        rate, so that each frame of the reference comes half an interval after the movie's.
    life_steps
        In how many steps the mouse lives while one frame is taken; the camera sees their mean.
        None: 1, or 2 of alternating wavelengths. Recordings with the same product of frame rate
        and steps show the same mouse doing the same.
    parameters
        Other numbers than the usual ones, for control experiments.

    Returns
    -------
    SimulatedRecording
        With a lazy movie, the trace ``"speed"`` (cm/s), and `.truth`.

    Raises
    ------
    SimulationError
        If a number is impossible.
    """
    steps = (2 if alternating else 1) if life_steps is None else life_steps
    n_frames = _check(seed, subject, seconds, frame_rate, shape)
    if not isinstance(steps, Integral) or steps < 1 or (alternating and steps % 2):
        raise SimulationError(
            f"life_steps is {steps!r}; give a whole number, 1 or more, and an even one of "
            "alternating wavelengths."
        )
    rate, n_steps = frame_rate * steps, n_frames * steps
    first, second = slice(None), slice(None)
    if alternating:
        first, second = slice(None, steps // 2), slice(steps // 2, None)

    def exposed(values: Floats, part: slice = first) -> Floats:
        """Average over the steps in which a frame is exposed, shape (t, …)."""
        steps_of_frames = values.reshape(n_frames, steps, *values.shape[1:])
        return np.asarray(steps_of_frames[:, part].mean(axis=1))

    p = parameters or Parameters()
    mouse = draw_subject(int(subject), p)
    session = (int(subject), int(seed))
    pixel_size = p.field_of_view / min(shape)
    registration = _pose(mouse, session, shape, pixel_size)
    areas = registration.atlas.areas

    behavior = behave(generator("behavior", *session), mouse, n_steps, rate)
    activity = activate(generator("activity", *session), mouse, behavior, areas)
    artifacts = draw_artifacts(
        generator("artifacts", *session), mouse, int(seed), behavior, activity.widespread
    )
    look = draw_appearance(mouse, registration, shape, pixel_size)
    speed, area_traces = exposed(behavior.speed), exposed(activity.areas)
    ethogram = Ethogram.from_frames(
        (speed > p.run_threshold).astype(int), BEHAVIORS, source=Source.MEASURED
    )
    times = np.arange(n_frames) / frame_rate
    then = artifacts.changed(exposed)
    calcium = _scene(look, then, mouse, pixel_size, (*session, 0), area_traces)
    other = None
    if reference or alternating:
        then = artifacts.changed(partial(exposed, part=second))
        other = _scene(look, then, mouse, pixel_size, (*session, 1))
    return SimulatedRecording(
        movie=film(calcium),
        name=f"simulated_mouse{subject}_session{seed}",
        frame_rate=float(frame_rate),
        pixel_size=pixel_size,
        subject=str(subject),
        behavior={"speed": BehaviorTrace("speed", speed, times, "cm/s")},
        reference=film(other) if other else None,
        reference_lag=None if other is None else 0.5 if alternating else 0.0,
        format="simulation",
        metadata={"simulated": True, "seed": int(seed), "subject": int(subject)},
        truth=Truth(
            speed=speed,
            ethogram=ethogram,
            registration=registration,
            precise_areas=tuple(name for name, weight in p.precise_weight.items() if weight >= 0.5),
            area_traces=area_traces,
            subject=mouse,
            seed=int(seed),
        ),
        scene=calcium,
    )


def _check(
    seed: int, subject: int, seconds: float, frame_rate: float, shape: tuple[int, int]
) -> int:
    """Refuse impossible numbers; give the number of frames."""
    for name, number in (("seed", seed), ("subject", subject)):
        if not isinstance(number, Integral) or number < 0:
            raise SimulationError(f"{name} is {number!r}; give a whole number, 0 or more.")
    for name, value, unit in (("seconds", seconds, "s"), ("frame_rate", frame_rate, "Hz")):
        if not (math.isfinite(value) and value > 0):
            raise SimulationError(f"{name} is {value}; give a positive number of {unit}.")
    if len(shape) != 2 or not all(isinstance(n, Integral) and n >= SMALLEST for n in shape):
        raise SimulationError(
            f"shape is {shape}; give rows and columns, each a whole number of at least {SMALLEST}."
        )
    n_frames = round(seconds * frame_rate)
    if n_frames < 1:
        raise SimulationError(
            f"{seconds} s at {frame_rate} Hz hold no frame; give more seconds or frames a second."
        )
    return n_frames


def _pose(
    mouse: Subject, session: tuple[int, int], shape: tuple[int, int], pixel_size: float
) -> Registration:
    """Return the transform atlas mm → movie px of one session."""
    p = mouse.parameters
    atlas = load_atlas("dorsal-cortex")
    rng = generator("pose", *session)
    angle = np.deg2rad(mouse.rotation + p.session_rotation * rng.standard_normal())
    shift = np.array(mouse.shift) + p.session_shift * rng.standard_normal(2)
    scale = mouse.scaling / pixel_size
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([shape[1] - 1, shape[0] - 1]) / 2
    cortex_middle = np.array([0.0, 0.75])  # mm behind bregma, halfway along dorsal cortex
    matrix = np.eye(3)
    matrix[:2, :2] = turn
    matrix[:2, 2] = middle + shift / pixel_size - turn @ cortex_middle
    return Registration(atlas=atlas, matrix=matrix)


def _scene(
    look: Appearance,
    artifacts: Artifacts,
    mouse: Subject,
    pixel_size: float,
    seeds: tuple[int, ...],
    activity: Floats | None = None,
) -> Scene:
    """Put one camera in front of the mouse; without activity it is that of the reference."""
    p, slope = mouse.parameters, -np.asarray(np.gradient(look.brightness)) / pixel_size
    blood = 1.0 if activity is not None else p.reference_hemodynamic
    seen = [  # what changes, (t, k), and where it shows, (k, y, x)
        (artifacts.blood * blood, look.blood * look.brightness),
        (artifacts.pulse[:, None], (look.pulse * look.brightness)[None]),
        (artifacts.fading[:, None], (look.fading * look.brightness)[None]),
        (artifacts.drift, look.drift * look.brightness),
        (artifacts.jitter, slope),
    ]
    if activity is not None:
        seen.append((activity, look.areas * look.brightness))
    return Scene(
        still=look.brightness.astype(np.float32),
        traces=np.concatenate([each for each, _ in seen], axis=1).astype(np.float32),
        maps=np.concatenate([where for _, where in seen]).astype(np.float32),
        light=artifacts.light.astype(np.float32),
        dark_offset=mouse.dark_offset,
        read_noise=p.read_noise,
        electrons_per_count=p.electrons_per_count * (pixel_size / _CAMERA_PIXEL) ** 2,
        seeds=seeds,
    )
