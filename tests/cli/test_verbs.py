"""The command line, as people type it: results on disk, or one sentence and exit code 2."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_cortex_decoder.decoder import (
    CnnRnnConfig,
    Preprocessing,
    Provenance,
    make_decoder,
)
from napari_cortex_decoder.labels import import_labels
from napari_cortex_decoder.recording import open_recording

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def decoder_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small decoder with random weights: what it says does not matter here."""
    import torch

    from napari_cortex_decoder.decoder.networks import CnnRnn

    torch.manual_seed(0)
    config = CnnRnnConfig(
        preprocessing=Preprocessing(image_size=(32, 32)), provenance=Provenance(simulated=True)
    )
    path = tmp_path_factory.mktemp("decoder") / "random.safetensors"
    make_decoder(config, CnnRnn(config), name="random").save(path)
    return path


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """A TIFF stack of noise that says neither frame rate nor pixel size."""
    path = tmp_path / "m 1 µ.tif"
    frames = np.random.default_rng(1).integers(200, 900, (40, 32, 32), dtype=np.uint16)
    tifffile.imwrite(path, frames, photometric="minisblack")
    return path


def test_decode_writes_one_row_a_frame_and_leaves_cells_empty_where_no_window_fits(
    run: Run, movie: Path, decoder_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    code, said, _ = run(
        "decode", movie, "--frame-rate", 30, "--decoder", decoder_file, "--out", out
    )
    assert code == 0
    assert str(out / "m 1 µ.csv") in said
    with (out / "m 1 µ.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["frame", "time_s", "p_rest", "p_run", "behavior"]
    assert [int(row["frame"]) for row in rows] == list(range(40))
    assert float(rows[30]["time_s"]) == pytest.approx(1.0)
    for number, row in enumerate(rows):
        if 6 <= number < 34:
            assert float(row["p_rest"]) + float(row["p_run"]) == pytest.approx(1, abs=1e-5)
            assert row["behavior"] in ("rest", "run")
        else:
            assert row["p_rest"] == row["p_run"] == row["behavior"] == ""


def test_another_frame_rate_is_refused_unless_asked_for_and_then_the_result_says_so(
    run: Run, movie: Path, decoder_file: Path, tmp_path: Path
) -> None:
    command = ["decode", movie, "--frame-rate", 1, "--decoder", decoder_file, "--out", tmp_path]
    code, _, why = run(*command)
    assert code == 2
    assert len(why.strip().splitlines()) == 1
    assert "1 frames a second" in why
    assert "30" in why
    assert "--any-rate" in why
    assert not list(tmp_path.glob("*.csv"))

    code, _, said = run(*command, "--any-rate")
    assert code == 0
    assert "warning" in said
    record = json.loads((tmp_path / "m 1 µ.json").read_text(encoding="utf-8"))
    assert any("frames a second" in warning for warning in record["warnings"])


@pytest.mark.parametrize("rate", [12.5, 50])
def test_a_movie_of_another_rate_is_resampled_when_asked_and_its_labels_lie_at_the_same_times(
    run: Run, movie: Path, decoder_file: Path, tmp_path: Path, rate: float
) -> None:
    command = ["decode", movie, "--frame-rate", rate, "--decoder", decoder_file, "--out", tmp_path]
    assert "--resample" in run(*command)[2]
    code, _, said = run(*command, "--resample")
    assert code == 0
    assert "frames a second" not in said
    table = tmp_path / "m 1 µ.csv"
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    times = [float(row["time_s"]) for row in rows]
    assert times == pytest.approx(np.arange(40 / rate * 30) / 30, abs=1e-6)
    record = json.loads((tmp_path / "m 1 µ.json").read_text(encoding="utf-8"))
    assert record["settings"]["preprocessing"] == [{"name": "resample", "frame_rate": 30.0}]

    labels = import_labels(table, open_recording(movie, frame_rate=rate)).ethogram
    shown = ["" if i < 0 else labels.behaviors[i] for i in labels.frames()]
    nearest = np.abs(np.subtract.outer(np.arange(40) / rate, times)).argmin(axis=1)
    said_then = [rows[i]["behavior"] for i in nearest]
    inside = [one == other for one, other in zip(shown, said_then, strict=True)][1:-1]
    assert np.mean(inside) > 0.9  # of two equally near rows, either may count


def test_the_json_says_which_decoder_it_was(
    run: Run, movie: Path, decoder_file: Path, tmp_path: Path
) -> None:
    import hashlib

    command = ["decode", movie, "--frame-rate", 30, "--decoder", decoder_file, "--out", tmp_path]
    _, said, _ = run(*command, "--json")
    record = json.loads(Path(json.loads(said)[0]["json"]).read_text(encoding="utf-8"))
    assert record["decoder"]["sha256"] == hashlib.sha256(decoder_file.read_bytes()).hexdigest()
    assert any("learned from simulated mice" in warning for warning in record["warnings"])


def test_a_movie_with_gaps_is_refused_unless_they_are_to_be_filled(
    run: Run, decoder_file: Path, tmp_path: Path
) -> None:
    frames = np.random.default_rng(1).uniform(200, 900, (40, 32, 32)).astype(np.float32)
    frames[21, 3, 4] = np.nan
    movie, out = tmp_path / "m.npy", tmp_path / "out"
    np.save(movie, frames)
    command = ["decode", movie, "--frame-rate", 30, "--decoder", decoder_file, "--out", out]
    code, _, why = run(*command)
    assert code == 2
    assert "the movie is nan in frame 21 at row 3, column 4" in why
    assert "--fill-gaps" in why
    assert not out.exists()

    code, _, said = run(*command, "--fill-gaps")
    assert code == 0
    assert "NaN or infinite, in 1 frames" in said
    record = json.loads((out / "m.json").read_text(encoding="utf-8"))
    assert record["settings"]["preprocessing"] == [{"name": "fill-gaps"}]
    assert any("NaN or infinite" in warning for warning in record["warnings"])


def test_a_movie_that_does_not_say_its_frame_rate_is_refused_with_the_option_to_give(
    run: Run, movie: Path, decoder_file: Path, tmp_path: Path
) -> None:
    code, _, why = run("decode", movie, "--decoder", decoder_file, "--out", tmp_path)
    assert code == 2
    assert "--frame-rate" in why


def _truncated(folder: Path) -> Path:
    frames = np.random.default_rng(1).integers(200, 900, (40, 32, 32), dtype=np.uint16)
    path = folder / "cut.tif"
    tifffile.imwrite(path, frames, photometric="minisblack", compression="deflate")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def _text(folder: Path) -> Path:
    path = folder / "text.tif"
    path.write_text("not an image")
    return path


def _color(folder: Path) -> Path:
    path = folder / "color.png"
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(path)
    return path


def _missing(folder: Path) -> Path:
    return folder / "not there.tif"


@pytest.mark.parametrize("make", [_truncated, _text, _color, _missing])
def test_a_file_that_is_no_movie_ends_with_one_sentence_and_nothing_written(
    run: Run, make: Callable[[Path], Path], decoder_file: Path, tmp_path: Path
) -> None:
    path = make(tmp_path)
    out = tmp_path / "out"
    code, said, why = run(
        "decode", path, "--frame-rate", 30, "--decoder", decoder_file, "--out", out
    )
    assert code == 2
    assert said == ""
    assert len(why.strip().splitlines()) == 1
    assert path.name in why
    assert not out.exists()


def test_two_movies_of_one_name_are_refused_before_either_is_decoded(
    run: Run, movie: Path, decoder_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "b").mkdir()
    twin = tmp_path / "b" / movie.name
    twin.write_bytes(movie.read_bytes())
    out = tmp_path / "out"
    command = ["decode", movie, twin, "--frame-rate", 30, "--decoder", decoder_file]
    code, _, why = run(*command, "--out", out)
    assert code == 2
    assert "overwrite" in why
    assert not out.exists()


@pytest.mark.parametrize("name", ["no-such-decoder", "missing.safetensors"])
def test_a_decoder_that_is_not_there_is_refused(
    run: Run, movie: Path, tmp_path: Path, name: str
) -> None:
    code, _, why = run(
        "decode", movie, "--frame-rate", 30, "--decoder", name, "--out", tmp_path / "out"
    )
    assert code == 2
    assert name in why


def test_a_device_that_is_not_there_is_refused_with_those_that_are(
    run: Run, movie: Path, decoder_file: Path, tmp_path: Path
) -> None:
    command = ["decode", movie, "--frame-rate", 30, "--decoder", decoder_file, "--out", tmp_path]
    code, _, why = run(*command, "--device", "cuda:99")
    assert code == 2
    assert "cpu" in why


def test_an_output_folder_that_cannot_be_made_is_refused(
    run: Run, movie: Path, decoder_file: Path, tmp_path: Path
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    command = ["decode", movie, "--frame-rate", 30, "--decoder", decoder_file]
    code, _, why = run(*command, "--out", in_the_way / "out")
    assert code == 2
    assert "file" in why


def test_info_says_what_the_file_is(run: Run, movie: Path) -> None:
    code, said, _ = run("info", movie, "--json")
    assert code == 0
    (one,) = json.loads(said)
    assert (one["frames"], one["rows"], one["columns"], one["pixels"]) == (40, 32, 32, "uint16")
    assert one["frame_rate_hz"] is None


def test_info_tells_dropped_frames_and_the_true_duration(run: Run, tmp_path: Path) -> None:
    import h5py

    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file["movie"] = np.arange(20 * 64, dtype=np.uint16).reshape(20, 8, 8)
        file["frame_times"] = np.delete(np.arange(23) / 20, [7, 8, 15])
    code, said, _ = run("info", path, "--json")
    assert code == 0
    (told,) = json.loads(said)
    assert told["frame_rate_hz"] == pytest.approx(20)
    assert told["duration_s"] == pytest.approx(23 / 20)
    assert "3 frames seem to be missing in 2 places" in told["warnings"][0]


def test_a_simulated_cohort_is_opened_again_with_its_clock_and_its_truth(
    run: Run, tmp_path: Path
) -> None:
    from napari_cortex_decoder.cohort import read_cohort
    from napari_cortex_decoder.recording import open_recording, read_behavior
    from napari_cortex_decoder.simulation import simulate_recording

    code, said, _ = run(
        *("simulate", "--mice", 2, "--sessions", 2, "--seconds", 2, "--out", tmp_path, "--json")
    )
    assert code == 0
    table = Path(json.loads(said)["cohort"])
    assert table.parent == tmp_path
    cohort = read_cohort(table)
    assert len(cohort) == 4
    assert len({entry.subject for entry in cohort}) == 2
    for entry in cohort:
        recording = open_recording(entry.recording)
        assert recording.n_frames == 60
        assert recording.frame_rate == pytest.approx(30)
        assert recording.pixel_size == pytest.approx(0.08)
        assert entry.behavior is not None
        traces = read_behavior(entry.behavior, recording)
        assert traces["speed"].values.shape == (60,)
    first = simulate_recording(seed=1, subject=1, seconds=2).movie.compute()
    again = simulate_recording(seed=1, subject=1, seconds=2).movie.compute()
    np.testing.assert_array_equal(first, again)


def test_the_bundled_decoders_are_listed_with_what_may_be_said_of_them(run: Run) -> None:
    code, said, _ = run("decoders", "--json")
    assert code == 0
    cards = json.loads(said)
    assert cards["run-rest"]["provenance"]["simulated"] is True
    assert "simulated mice" in run("decoders")[1]


@pytest.mark.parametrize("verb", ["info", "preprocess", "decode", "simulate", "decoders", "demo"])
def test_every_verb_has_help_with_an_example(run: Run, verb: str) -> None:
    code, said, _ = run(verb, "--help")
    assert code == 0
    assert "Example" in said


def test_an_unknown_option_is_exit_code_2(run: Run) -> None:
    assert run("decode", "--no-such-option")[0] == 2


def test_the_program_is_installed_under_its_name() -> None:
    program = Path(sys.executable).with_name("cortex-decoder")
    done = subprocess.run([program, "--help"], capture_output=True, text=True, check=True)
    assert "decode" in done.stdout


@pytest.mark.slow
def test_a_real_recording_is_decoded_at_another_rate_only_when_asked(
    run: Run, shared_data: Path, tmp_path: Path
) -> None:
    movie = shared_data / "recordings/yulonglab/jRGECO1a_561_256x256_200f_1Hz.tif"
    command = ["decode", movie, "--frame-rate", 1, "--out", tmp_path / "out"]
    code, _, why = run(*command)
    assert code == 2
    assert len(why.strip().splitlines()) == 1
    assert run(*command, "--any-rate")[0] == 0
    rows = (tmp_path / "out" / f"{movie.stem}.csv").read_text().splitlines()
    assert rows[0] == "frame,time_s,p_rest,p_run,behavior"
    assert len(rows) == 201
    record = json.loads((tmp_path / "out" / f"{movie.stem}.json").read_text())
    assert any("frames a second" in warning for warning in record["warnings"])
