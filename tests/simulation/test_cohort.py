"""Cohorts on disk are read back as what was simulated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_cortex_decoder.atlas import load_registration
from napari_cortex_decoder.cohort import read_cohort
from napari_cortex_decoder.errors import SimulationError
from napari_cortex_decoder.recording import open_recording, read_behavior
from napari_cortex_decoder.simulation import simulate_cohort, simulate_recording


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "new"
    return simulate_cohort(folder, mice=2, sessions=2, seconds=3, seed=4)


def test_it_lies_as_the_papers_data_do(table: Path) -> None:
    assert table.name == "data_64_5mice.csv"
    assert [file.name for file in table.parent.glob("*.csv")] == [table.name]
    entries = read_cohort(table)
    assert [entry.subject for entry in entries] == ["1", "1", "2", "2"]
    assert len({entry.session for entry in entries}) == 4
    for entry in entries:
        assert entry.recording == table.parent / "data_of_image_64_5mice" / f"{entry.session}.tif"
        assert entry.behavior is not None
        assert entry.behavior.parent.name == "data_of_behavior_64_5mice"


def test_movies_come_back_without_loss_and_know_their_rate_and_scale(table: Path) -> None:
    for entry in read_cohort(table):
        _, subject, session = entry.session.split("_")
        original = simulate_recording(seed=int(session), subject=int(subject), seconds=3)
        read = open_recording(entry.recording)
        assert np.array_equal(read.movie.compute(), original.movie.compute())
        assert read.frame_rate == pytest.approx(30, rel=1e-9)
        assert read.pixel_size == pytest.approx(original.pixel_size, rel=1e-6)
        assert not read.warnings


def test_speed_labels_and_pose_come_back(table: Path) -> None:
    for entry in read_cohort(table):
        _, subject, session = entry.session.split("_")
        truth = simulate_recording(seed=int(session), subject=int(subject), seconds=3).truth
        behavior = read_behavior(entry.behavior, open_recording(entry.recording))
        np.testing.assert_array_equal(behavior["speed"].values, truth.speed)
        np.testing.assert_array_equal(behavior["runrest"].values, truth.ethogram.frames())
        pose = load_registration(table.parent / "registrations" / f"{entry.session}.json")
        np.testing.assert_allclose(pose.matrix, truth.registration.matrix)


def test_cohorts_of_other_seeds_have_other_mice(tmp_path: Path) -> None:
    names = [
        {entry.session for entry in read_cohort(
            simulate_cohort(tmp_path / str(seed), mice=2, sessions=1, seconds=0.2, seed=seed)
        )}
        for seed in (0, 1)
    ]  # fmt: skip
    assert not names[0] & names[1]


def test_a_cohort_that_is_there_already_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data_of_image_64_5mice"
    folder.mkdir()
    (folder / "real.tif").write_bytes(b"months of work")
    with pytest.raises(SimulationError, match="there already"):
        simulate_cohort(tmp_path, mice=1, sessions=1, seconds=1)
    assert (folder / "real.tif").read_bytes() == b"months of work"
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SimulationError, match="cannot be written"):
        simulate_cohort(tmp_path / "file", mice=1, sessions=1, seconds=1)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"mice": 0}, "mice"),
        ({"mice": 10_000}, "mice"),
        ({"sessions": 0}, "sessions"),
        ({"sessions": 1.5}, "sessions"),
        ({"seconds": 0}, "seconds"),
        ({"seconds": 100_000}, "seconds"),
        ({"seed": -1}, "seed"),
    ],
)
def test_impossible_numbers_leave_nothing_behind(
    tmp_path: Path, wrong: dict[str, float], field: str
) -> None:
    arguments = {"mice": 1, "sessions": 1, "seconds": 1.0, "seed": 1} | wrong
    with pytest.raises(SimulationError, match=field):
        simulate_cohort(tmp_path / "new", **arguments)
    assert not list((tmp_path / "new").rglob("*.*"))


def test_colors_in_turns_come_back_with_the_times_of_both(tmp_path: Path) -> None:
    table = simulate_cohort(tmp_path, mice=1, sessions=1, seconds=1, alternating=True)
    (entry,) = read_cohort(table)
    opened = open_recording(entry.recording)
    made = simulate_recording(
        seed=int(entry.recording.stem.rpartition("_")[2]),
        subject=int(entry.recording.stem.split("_")[1]),
        seconds=1,
        alternating=True,
    )
    np.testing.assert_array_equal(opened.movie, made.movie)
    np.testing.assert_array_equal(opened.reference, made.reference)
    np.testing.assert_allclose(opened.times, np.arange(30) / 30, atol=1e-6)
    np.testing.assert_allclose(opened.reference_times, (np.arange(30) + 0.5) / 30, atol=1e-6)
