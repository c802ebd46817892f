"""The verb `areas`, as a user types it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_cortex_decoder.atlas import Registration, load_atlas

Run = Callable[..., tuple[int, str, str]]


def test_areas_writes_a_column_for_each_area(run: Run, tmp_path: Path) -> None:
    frames = np.full((20, 96, 96), 1000, np.uint16)
    frames[10:] = 1100
    tifffile.imwrite(tmp_path / "m1.tif", frames, photometric="minisblack")
    atlas = load_atlas("dorsal-cortex")
    Registration.upright(atlas, 0.08, (40, 48)).save(tmp_path / "m1.json")
    code, out, err = run(
        "areas", tmp_path / "m1.tif", "--registration", tmp_path / "m1.json",
        "--frame-rate", 10, "--baseline", 0, "--out", tmp_path / "areas.csv",
    )  # fmt: skip
    assert code == 0
    assert out.strip() == str(tmp_path / "areas.csv")
    with (tmp_path / "areas.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["frame", "time_s", *(area.label for area in atlas.areas)]
    assert [float(row["VISp left"]) for row in rows] == pytest.approx([0.0] * 10 + [0.1] * 10)
    assert float(rows[-1]["time_s"]) == pytest.approx(1.9)
    assert "Outside the movie" in err  # 7.7 mm do not hold the auditory areas
    assert rows[0]["AUDp left"] == ""


def test_areas_refuses_a_registration_of_another_movie(run: Run, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "m1.tif", np.zeros((5, 64, 64), np.uint16))
    placed = load_atlas("dorsal-cortex").register(
        {"bregma": (60, 64), "lambda": (90, 64)}, shape=(128, 128)
    )
    placed.save(tmp_path / "other.json")
    code, _, err = run(
        "areas", tmp_path / "m1.tif", "--registration", tmp_path / "other.json",
        "--out", tmp_path / "areas.csv",
    )  # fmt: skip
    assert code == 2
    assert "made on frames of 128 × 128" in err
    assert not (tmp_path / "areas.csv").exists()


def movie_with_behavior(folder: Path) -> list[object]:
    """A movie whose right half follows its speed, and what places an atlas on it; as arguments."""
    speed = np.abs(np.sin(np.arange(40) / 4))
    side = np.where(np.arange(96) < 48, -1, 1)
    frames = 1000 + 100 * speed[:, None, None] * side * np.ones((96, 1))
    tifffile.imwrite(folder / "m1.tif", frames.astype(np.uint16), photometric="minisblack")
    (folder / "speed.csv").write_text("speed\n" + "\n".join(f"{value:.5f}" for value in speed))
    Registration.upright(load_atlas("dorsal-cortex"), 0.08, (40, 48)).save(folder / "m1.json")
    return ["areas", folder / "m1.tif", "--registration", folder / "m1.json", "--frame-rate", 10]


def test_areas_are_correlated_with_behavior(run: Run, tmp_path: Path) -> None:
    code, out, _ = run(
        *movie_with_behavior(tmp_path), "--out", tmp_path / "areas.csv",
        "--behavior", tmp_path / "speed.csv", "--correlations", tmp_path / "r.csv", "--json",
    )  # fmt: skip
    assert code == 0
    assert json.loads(out)["files"]["correlations"] == str(tmp_path / "r.csv")
    with (tmp_path / "r.csv").open(newline="", encoding="utf-8") as file:
        r = {(row["acronym"], row["side"]): row["r_speed"] for row in csv.DictReader(file)}
    assert float(r["VISp", "right"]) > 0.99
    assert float(r["VISp", "left"]) < -0.99
    assert r["AUDp", "left"] == ""


def test_areas_are_written_as_nwb(run: Run, tmp_path: Path) -> None:
    from pynwb import NWBHDF5IO

    code, _, _ = run(*movie_with_behavior(tmp_path), "--out", tmp_path / "areas.nwb")
    assert code == 0
    with NWBHDF5IO(str(tmp_path / "areas.nwb"), "r") as io:
        file = io.read()
        series = file.processing["ophys"]["DfOverF"]["RoiResponseSeries"]
        assert series.data.shape[0] == 40
        assert series.rate == pytest.approx(10)
        names = list(file.processing["ophys"]["ImageSegmentation"]["Areas"]["acronym"])
        assert "VISp" in names
        assert "AUDp" not in names  # outside the movie


def test_areas_of_a_movie_around_zero_are_written_as_they_are_and_said(
    run: Run, tmp_path: Path
) -> None:
    arguments = movie_with_behavior(tmp_path)
    frames = tifffile.imread(tmp_path / "m1.tif").astype(np.float32) - 1000
    tifffile.imwrite(tmp_path / "m1.tif", frames, photometric="minisblack")
    code, _, err = run(*arguments, "--out", tmp_path / "areas.csv")
    assert code == 0
    assert "not ΔF/F" in err
    with (tmp_path / "areas.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[5]["VISp right"]) == pytest.approx(frames[5, 60, 60], rel=0.01)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--out", "areas.xlsx"], "neither .csv nor .nwb"),
        (["--out", "areas.csv", "--correlations", "r.csv"], "give --behavior"),
    ],
)
def test_areas_says_what_it_cannot_write(
    run: Run, tmp_path: Path, more: list[str], said: str
) -> None:
    code, _, err = run(*movie_with_behavior(tmp_path), *more)
    assert code == 2
    assert said in err


def test_areas_averages_around_events_and_says_how_many(run: Run, tmp_path: Path) -> None:
    given = [*movie_with_behavior(tmp_path), "--behavior", tmp_path / "speed.csv"]
    for name in ("events.csv", "events.svg"):
        code, _, err = run(
            *given, "--out", tmp_path / "areas.csv", "--around", "speed>0.5",
            "--events", tmp_path / name, "--before", 0.2, "--after", 0.3, "--overwrite",
        )  # fmt: skip
        assert code == 0, err
        assert "Less each event's own mean" in err and "too few for an interval" in err
    rows = list(csv.DictReader((tmp_path / "events.csv").open(newline="", encoding="utf-8")))
    last = {row["trace"]: row for row in rows}
    assert float(last["speed"]["mean"]) > 0.1 and float(last["VISp right"]["mean"]) > 0
    assert float(last["VISp left"]["mean"]) < 0 and last["VISp left"]["unit"] == "ΔF/F, %"
    assert b"<svg" in (tmp_path / "events.svg").read_bytes()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--around", "run"), "give both"),
        (("--around", "run", "--events", "e.csv"), "no labels"),
        (("--around", "speed>9", "--events", "e.csv"), "there is no onset"),
        (("--around", "speed>0.5", "--events", "e.txt"), "name it so"),
    ],
)
def test_areas_refuses_events_that_cannot_be_averaged(
    run: Run, tmp_path: Path, options: tuple[str, ...], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = [*movie_with_behavior(tmp_path), "--behavior", tmp_path / "speed.csv"]
    code, _, err = run(*given, "--out", tmp_path / "areas.csv", *options)
    assert code == 2 and why in err
    assert not (tmp_path / "e.csv").exists()
