"""A simulated recording: the same whenever it is asked for, lazy, and true to itself."""

from __future__ import annotations

import pickle
import tracemalloc

import numpy as np
import pytest

from napari_cortex_decoder.atlas import area_traces
from napari_cortex_decoder.errors import SimulationError
from napari_cortex_decoder.labels import Source
from napari_cortex_decoder.simulation import Parameters, simulate_recording

SMALL = {"seconds": 4.0, "shape": (48, 40)}


def test_the_same_seed_and_subject_give_the_same_recording_bit_for_bit() -> None:
    one, two = (simulate_recording(seed=7, subject=5, **SMALL) for _ in range(2))
    assert np.array_equal(one.movie.compute(), two.movie.compute())
    assert np.array_equal(one.truth.speed, two.truth.speed)
    assert np.array_equal(one.truth.registration.matrix, two.truth.registration.matrix)


def test_it_does_not_matter_in_which_order_or_how_the_movie_is_computed() -> None:
    mouse = simulate_recording(seed=7, subject=5, seconds=40, shape=(128, 128))
    last_first = mouse.movie[-1].compute()
    threads = mouse.movie.rechunk((7, 64, -1)).compute(scheduler="threads")
    assert np.array_equal(threads, mouse.movie.compute(scheduler="synchronous"))
    assert np.array_equal(threads[-1], last_first)


def test_numpy_integers_are_seeds_too() -> None:
    plain = simulate_recording(seed=7, subject=5, **SMALL)
    numpy = simulate_recording(seed=np.int64(7), subject=np.int32(5), **SMALL)
    assert np.array_equal(plain.movie.compute(), numpy.movie.compute())


def test_another_session_is_the_same_mouse_doing_something_else() -> None:
    one, two = (simulate_recording(seed=seed, subject=5, seconds=20) for seed in (1, 2))
    assert one.truth.subject == two.truth.subject
    assert not np.array_equal(one.truth.speed, two.truth.speed)
    apart = one.truth.registration.to_px([[2.0, 2.0]]) - two.truth.registration.to_px([[2.0, 2.0]])
    assert 0 < np.linalg.norm(apart) < 3  # pixels: put back below the objective, almost
    looks = [mouse.movie[0].compute().astype(float).ravel() for mouse in (one, two)]
    assert np.corrcoef(looks)[0, 1] > 0.7


def test_mice_differ_in_pose_vessels_brightness_and_habits() -> None:
    mice = [simulate_recording(seed=1, subject=subject, seconds=2) for subject in range(1, 6)]
    for what in ("rotation", "scaling", "run_fraction", "brightness", "heart_rate", "decay"):
        assert len({getattr(mouse.truth.subject, what) for mouse in mice}) == len(mice), what
    # Seen in the same place of the brain, so that the pose does not count, vessels still differ.
    mm = np.stack(np.meshgrid(np.linspace(-3, 3, 60), np.linspace(-2, 3, 50)), axis=-1)
    views = []
    for mouse in mice:
        rows, columns = np.rint(mouse.truth.registration.to_px(mm.reshape(-1, 2))).astype(int).T
        views.append(mouse.movie[0].compute()[rows, columns].astype(float))
    alike = np.corrcoef(views)[np.triu_indices(len(mice), 1)]
    assert alike.max() < 0.95


def test_a_long_movie_costs_no_memory_until_it_is_read() -> None:
    tracemalloc.start()
    mouse = simulate_recording(seed=1, seconds=600)
    assert mouse.movie.shape == (18_000, 128, 128)
    mouse.movie[9_000].compute()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.3 * mouse.movie.nbytes


def test_blocks_of_frames_stay_small_whatever_the_size_of_a_frame() -> None:
    for shape in ((64, 64), (128, 128), (512, 512)):
        movie = simulate_recording(seed=1, seconds=4, shape=shape).movie
        assert np.prod(movie.chunksize) * movie.dtype.itemsize <= 2**20


def test_the_truth_fits_the_recording() -> None:
    mouse = simulate_recording(seed=2, subject=3, seconds=30, frame_rate=25, shape=(64, 96))
    truth = mouse.truth
    assert mouse.movie.shape == (750, 64, 96)
    assert mouse.movie.dtype == np.uint16
    assert mouse.frame_rate == 25
    assert mouse.subject == "3"
    assert mouse.pixel_size == pytest.approx(10.24 / 64)
    assert truth.speed.shape == (750,)
    assert truth.area_traces.shape == (750, len(truth.registration.atlas.areas))
    assert truth.ethogram.behaviors == ("rest", "run")
    assert np.array_equal(truth.ethogram.frames(), truth.speed > 0.5)
    assert {bout.source for bout in truth.ethogram.bouts} == {Source.MEASURED}
    assert set(truth.precise_areas) == {"SSp-ul", "SSp-ll", "SSp-un"}
    speed = mouse.behavior["speed"]
    assert np.array_equal(speed.values, truth.speed)
    assert np.array_equal(speed.times, mouse.times)
    assert speed.unit == "cm/s"


def test_the_pose_says_where_the_brain_is() -> None:
    for subject in (1, 2, 3):
        mouse = simulate_recording(seed=1, subject=subject, seconds=1)
        frame = mouse.movie[0].compute().astype(float)
        labels = mouse.truth.registration.label_image(mouse.shape)
        wanted = [
            i + 1
            for i, a in enumerate(mouse.truth.registration.atlas.areas)
            if a.acronym in ("MOp", "SSp-ul", "VISp")
        ]
        assert np.median(frame[np.isin(labels, wanted)]) > 10 * np.median(frame[:6, :6])


def test_a_mouse_looks_the_same_at_another_resolution() -> None:
    coarse, fine = (
        simulate_recording(seed=1, subject=4, seconds=1, shape=shape)
        .movie[0]
        .compute()
        .astype(float)
        for shape in ((64, 64), (128, 128))
    )
    binned = fine.reshape(64, 2, 64, 2).mean(axis=(1, 3))
    assert np.corrcoef(coarse.ravel(), binned.ravel())[0, 1] > 0.9


def test_the_reference_wavelength_shows_blood_but_no_calcium() -> None:
    usual = simulate_recording(seed=1, subject=2, seconds=30, shape=(64, 64), reference=True)
    silent = simulate_recording(
        seed=1, subject=2, seconds=30, shape=(64, 64), reference=True,
        parameters=Parameters(precise_amplitude=0.0, common=0.0, regional=0.0, specific=0.0),
    )  # fmt: skip
    assert usual.reference.shape == usual.movie.shape
    assert np.array_equal(usual.reference.compute(), silent.reference.compute())
    center = np.s_[:, 20:44, 20:44]
    reference, calcium = (
        m[center].mean(axis=(1, 2)).compute() for m in (usual.reference, usual.movie)
    )
    assert 0.1 < np.corrcoef(reference, calcium)[0, 1] < 0.95
    assert simulate_recording(seed=1, **SMALL).reference is None


def test_without_the_precise_signal_limb_areas_follow_running_less() -> None:
    with_it, without = (
        simulate_recording(seed=1, subject=6, seconds=60, shape=(32, 32), parameters=parameters)
        for parameters in (None, Parameters(precise_amplitude=0.0))
    )
    limb = [
        i
        for i, area in enumerate(with_it.truth.registration.atlas.areas)
        if area.acronym in with_it.truth.precise_areas
    ]
    running = with_it.truth.speed > 0.5
    gain = [
        m.truth.area_traces[running][:, limb].mean() - m.truth.area_traces[~running][:, limb].mean()
        for m in (with_it, without)
    ]
    assert gain[0] - gain[1] > 0.002  # ΔF/F


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"seconds": 0.0}, "seconds"),
        ({"seconds": -1.0}, "seconds"),
        ({"seconds": float("nan")}, "seconds"),
        ({"seconds": float("inf")}, "seconds"),
        ({"seconds": 0.001}, "no frame"),
        ({"frame_rate": 0.0}, "frame_rate"),
        ({"shape": (16, 128)}, "shape"),
        ({"shape": (128, 128, 3)}, "shape"),
        ({"shape": (64.0, 64)}, "shape"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"subject": -3}, "subject"),
        ({"subject": "mouse"}, "subject"),
    ],
)  # fmt: skip
def test_impossible_numbers_are_refused_by_name(wrong: dict[str, object], field: str) -> None:
    with pytest.raises(SimulationError, match=field):
        simulate_recording(**wrong)


def test_a_single_frame_and_a_slow_camera_are_possible() -> None:
    assert simulate_recording(seed=1, seconds=1 / 30, shape=(32, 32)).movie.compute().shape[0] == 1
    slow = simulate_recording(seed=1, seconds=30, frame_rate=1.0, shape=(32, 32))
    assert slow.movie.compute().shape[0] == 30


def test_a_recording_can_travel_to_another_process() -> None:
    mouse = simulate_recording(seed=1, **SMALL)
    again = pickle.loads(pickle.dumps(mouse))  # noqa: S301 - our own object, made a line above
    assert np.array_equal(again.movie.compute(), mouse.movie.compute())
    assert again.truth.subject == mouse.truth.subject


def test_area_traces_without_rendering_are_those_of_the_movie_but_for_the_cameras_noise() -> None:
    mouse = simulate_recording(seed=3, subject=21, seconds=20, shape=(64, 64))
    areas = mouse.truth.registration.atlas.areas
    labels = mouse.truth.registration.label_image(mouse.shape)
    labels[:4] = 1  # beside the brain: some of it dark, some a saturated glint
    direct = mouse.area_traces(labels, len(areas))
    rendered = area_traces(mouse.movie, labels, len(areas))
    assert np.array_equal(np.isnan(direct), np.isnan(rendered))
    seen = ~np.isnan(direct[0])
    direct, rendered = direct[:, seen], rendered[:, seen]
    np.testing.assert_allclose(direct.mean(axis=0), rendered.mean(axis=0), rtol=5e-4)
    noise = (direct - rendered).std(axis=0)
    large = np.bincount(labels.ravel(), minlength=len(areas) + 1)[1:][seen] > 20
    large[:2] = False  # what lies before the brain has little but noise
    assert (noise[large] < 0.3 * rendered[:, large].std(axis=0)).all()
