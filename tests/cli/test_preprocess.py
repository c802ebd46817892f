"""`cortex-decoder preprocess`, and the options about two colours, as people type them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

from napari_cortex_decoder.recording import open_recording

Run = Callable[..., tuple[int, str, str]]

N_FRAMES, RATE = 80, 10.0


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """A TIFF stack in which the camera took two colours in turns; the second is half as bright."""
    frames = np.random.default_rng(1).integers(2000, 3000, (2 * N_FRAMES, 16, 12), dtype=np.uint16)
    frames[1::2] //= 2
    path = tmp_path / "two, colours.tif"
    info = {"axes": "TYX", "fps": 2 * RATE, "unit": "mm"}
    tifffile.imwrite(path, frames, imagej=True, resolution=(1 / 0.05, 1 / 0.05), metadata=info)
    return path


@pytest.mark.parametrize("suffix", [".nwb", ".zarr", ".tif"])
def test_a_preprocessed_movie_is_saved_with_its_reference_its_clock_and_what_was_done(
    run: Run, movie: Path, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / f"done{suffix}"
    code, said, _ = run(
        *("preprocess", movie, "--channels", 2, "--step", "bin:pixels=2,frames=4"),
        *("--step", "delta-f", "--out", out, "--json"),
    )
    assert code == 0
    told = json.loads(said)
    assert told["file"] == str(out)
    assert [step["name"] for step in told["steps"]] == ["bin", "delta-f"]
    assert told["steps"][0]["frames"] == 4

    saved = open_recording(out)
    assert saved.movie.shape == (N_FRAMES // 4, 8, 6)
    assert saved.reference is not None
    assert saved.frame_rate == pytest.approx(RATE / 4)
    assert saved.pixel_size == pytest.approx(0.1)
    binned = tifffile.imread(movie)[::2].reshape(20, 4, 8, 2, 6, 2).mean(axis=(1, 3, 5))
    np.testing.assert_allclose(saved.movie, binned / binned.mean(axis=0) - 1, atol=1e-5)


def test_the_reference_may_be_a_file_of_its_own_with_larger_pixels(
    run: Run, tmp_path: Path
) -> None:
    rng = np.random.default_rng(2)
    blood = 1 + 0.02 * rng.standard_normal((N_FRAMES, 4, 4))
    movie = 5000 * blood.repeat(2, axis=1).repeat(2, axis=2)
    for name, frames in (("m", movie), ("r", 3000 * blood)):
        tifffile.imwrite(tmp_path / f"{name}.tif", frames.astype(np.uint16), photometric=0)
    code, _, _ = run(
        *("preprocess", tmp_path / "m.tif", "--reference", tmp_path / "r.tif"),
        *("--frame-rate", RATE, "--step", "delta-f"),
        *("--step", "hemodynamics:highpass=none,lowpass=none", "--out", tmp_path / "out.zarr"),
    )
    assert code == 0
    corrected = open_recording(tmp_path / "out.zarr").movie.compute()
    # the movie shows nothing but what the reference shows, so next to nothing is left
    assert corrected.std() < 0.1 * 0.02


def test_a_stretch_of_rows_and_a_comma_in_a_file_name_are_understood(
    run: Run, movie: Path, tmp_path: Path
) -> None:
    mask = tmp_path / "left, right.npy"
    np.save(mask, np.arange(16 * 12).reshape(16, 12)[4:12] % 2)
    out = tmp_path / "out.tif"
    code, _, why = run(
        *("preprocess", movie, "--step", "crop:rows=4-12", "--step", f"mask:path={mask}"),
        *("--out", out),
    )
    assert code == 0, why
    np.testing.assert_array_equal(
        open_recording(out).movie, tifffile.imread(movie)[:, 4:12] * np.load(mask).astype(np.uint16)
    )


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("sharpen", "sharpen"),
        ("bin:pixels", "SETTING=VALUE"),
        ("bin:pixels=two", "pixels"),
        ("bin:size=2", "size"),
        ("crop:rows=9-3", "range"),
        ("hemodynamics", "reference"),
    ],
)
def test_a_step_that_cannot_be_done_is_refused_in_one_sentence_and_nothing_is_written(
    run: Run, movie: Path, tmp_path: Path, step: str, told: str
) -> None:
    out = tmp_path / "out.zarr"
    code, said, why = run("preprocess", movie, "--step", step, "--out", out)
    assert code == 2
    assert said == ""
    assert len(why.strip().splitlines()) == 1
    assert told in why
    assert not out.exists()


def test_what_is_there_is_replaced_only_when_asked(run: Run, movie: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.tif"
    out.write_text("the only copy of something")
    code, _, why = run("preprocess", movie, "--out", out)
    assert code == 2
    assert "out.tif" in why
    assert out.read_text() == "the only copy of something"
    assert run("preprocess", movie, "--out", out, "--overwrite")[0] == 0
    assert open_recording(out).n_frames == 2 * N_FRAMES


def test_a_movie_is_never_written_over_itself(run: Run, movie: Path) -> None:
    before = movie.read_bytes()
    code, _, why = run("preprocess", movie, "--out", movie, "--overwrite")
    assert code == 2
    assert movie.name in why
    assert movie.read_bytes() == before


def test_info_splits_colours_when_told(run: Run, movie: Path) -> None:
    (one,) = json.loads(run("info", movie, "--channels", 2, "--json")[1])
    assert (one["frames"], one["reference"]) == (N_FRAMES, True)
    assert one["frame_rate_hz"] == pytest.approx(RATE)
    assert run("info", movie, "--channels", 3)[0] == 2


def test_a_movie_that_does_not_say_how_to_read_it_is_read_as_told_and_that_is_kept_if_asked(
    run: Run, tmp_path: Path
) -> None:
    frames = np.random.default_rng(1).integers(2000, 3000, (N_FRAMES, 16, 12), dtype=np.uint16)
    raw, several = tmp_path / "m.bin", tmp_path / "m.h5"
    frames.tofile(raw)
    with h5py.File(several, "w") as file:
        file["early"], file["late"] = frames, frames + 1

    for path, told in ((raw, "--as shape=ROWS,COLUMNS"), (several, "--as dataset=NAME")):
        code, _, error = run("info", path)
        assert code == 2 and told in error
    how = ("--as", "shape=16,12", "--as", "dtype=uint16")
    code, said, _ = run("info", raw, *how, "--frame-rate", 5, "--json")
    assert code == 0 and json.loads(said)[0]["frames"] == N_FRAMES
    assert run("info", raw)[0] == 2  # nothing is kept unasked
    assert run("info", raw, *how, "--frame-rate", 5, "--remember")[0] == 0
    code, said, _ = run("info", raw, "--json")
    assert code == 0 and json.loads(said)[0]["frame_rate_hz"] == 5

    out = tmp_path / "late.tif"
    code, _, _ = run("preprocess", several, "--as", "dataset=late", "--out", out)
    assert code == 0
    np.testing.assert_array_equal(tifffile.imread(out), frames + 1)


@pytest.mark.parametrize(
    "how", ["dataset", "speed=3", "shape=16", "shape=16,twelve", "shape=-16,12", "=3"]
)
def test_how_to_read_that_cannot_be_meant_is_one_sentence(run: Run, movie: Path, how: str) -> None:
    code, _, error = run("info", movie, "--as", how)
    assert code == 2
    assert f"--as {how}: " in error and "Traceback" not in error
