"""What is kept beside a recording comes back whole, says what is stale, and refuses the rest."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from safetensors.numpy import save_file

from napari_cortex_decoder.decoder import Prediction
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.kept import keep, kept
from napari_cortex_decoder.labels import Bout, Ethogram, Source
from napari_cortex_decoder.recording import BehaviorTrace, add_behavior, open_recording
from napari_cortex_decoder.recording.preprocessing import Bin, Crop
from napari_cortex_decoder.recording.sidecar import sidecar_folder
from napari_cortex_decoder.sessions import (
    applied,
    keep_behavior,
    keep_prediction,
    kept_prediction,
    look_at,
    made_from,
    open_session,
    remember_state,
    remembered_state,
)


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    path = tmp_path / "m1.tif"
    frames = np.random.default_rng(0).integers(0, 4000, (60, 16, 16), dtype=np.uint16)
    tifffile.imwrite(path, frames, imagej=True, metadata={"axes": "TYX", "fps": 30.0})
    return path


def prediction(n: int = 60) -> Prediction:
    run = np.linspace(0, 1, n, dtype=np.float32)
    both = np.stack([1 - run, run], axis=1)
    both[:5] = np.nan
    return Prediction(
        probability=both,
        behaviors=("rest", "run"),
        times=np.arange(n) / 30,
        decoder="d",
        decoder_hash="0" * 64,
        device="cpu",
        warnings=("a sentence.",),
        settings={"preprocessing": [], "batch_size": 4, "atlas": None},
    )


def test_a_prediction_comes_back_to_the_last_bit(movie: Path) -> None:
    before = prediction()
    keep_prediction(open_recording(movie), before, "run-rest")
    found = kept_prediction(movie)
    assert found is not None
    after, source, one = found
    assert source == "run-rest" and one.changed(made_from(open_recording(movie))) == ()
    for field in fields(before):
        was, now = getattr(before, field.name), getattr(after, field.name)
        if isinstance(was, np.ndarray):
            np.testing.assert_array_equal(was, now)
            assert was.dtype == now.dtype
        elif field.name != "settings":
            assert was == now
    assert after.settings["batch_size"] == 4


def test_whatever_a_result_is_made_of_comes_back(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"acronym": ["MOs", "VISp"], "importance": [0.25, np.nan], "pixels": [3, 4]}
    )
    bouts = (Bout(0, 5, "run", Source.VERIFIED), Bout(7, 9, "rest"))
    whole = {
        "table": table,
        "ethogram": Ethogram(("rest", "run"), bouts, 20),
        "inside": (slice(1, 5), slice(None, None)),
        "nested": {"a": (np.arange(6, dtype=np.int64).reshape(2, 3), {"b": True, "c": None})},
        "numbers": (np.float32(0.5), float("nan"), -np.inf, 3),
    }
    keep(tmp_path / "m.tif", "thing", whole, {"movie": "1"})
    found = kept(tmp_path / "m.tif", "thing", (Ethogram, Bout, Source))
    assert found is not None
    pd.testing.assert_frame_equal(found.content["table"], table)
    assert found.content["ethogram"].bouts == bouts
    assert found.content["ethogram"].bouts[0].source is Source.VERIFIED
    assert found.content["inside"] == (slice(1, 5), slice(None, None))
    array, others = found.content["nested"]["a"]
    assert array.dtype == np.int64 and array.shape == (2, 3) and others == {"b": True, "c": None}
    half, nan, low, three = found.content["numbers"]
    assert (half, low, three) == (0.5, -np.inf, 3) and np.isnan(nan)
    assert found.changed({"movie": "2", "more": "3"}) == ("movie",)


def test_only_classes_that_a_reader_names_are_made(tmp_path: Path) -> None:
    keep(tmp_path / "m.tif", "thing", Bout(0, 5, "run"), {})
    with pytest.raises(RecordingError, match="cannot be read as what was kept"):
        kept(tmp_path / "m.tif", "thing", (BehaviorTrace,))


@pytest.mark.parametrize("damage", ["cut", "noise", "other", "newer", "content", "empty", "type"])
def test_a_damaged_or_newer_file_is_one_sentence_and_is_not_written_over(
    movie: Path, damage: str
) -> None:
    keep_prediction(open_recording(movie), prediction(), "run-rest")
    file = sidecar_folder(movie) / "prediction.safetensors"
    content = file.read_bytes()
    key = "napari-cortex-decoder kept"
    header = json.dumps({"version": 1, "made_from": {}, "written": "", "content": {"map": {}}})
    if damage in ("cut", "noise", "empty"):
        file.write_bytes({"cut": content[:200], "noise": b"\x00" * 300, "empty": b""}[damage])
    elif damage == "type":
        told = replace(prediction(), times=1.5, behaviors=3)  # type: ignore[arg-type]
        keep(movie, "prediction", {"prediction": told}, {})
    elif damage == "other":
        save_file({"a": np.zeros(3)}, file)
    elif damage == "newer":
        save_file({}, file, metadata={key: header.replace("1", "9", 1)})
    else:
        save_file({}, file, metadata={key: header})
    with pytest.raises(RecordingError) as caught:
        kept_prediction(movie)
    assert "\n" not in str(caught.value)
    if damage == "newer":
        assert "update napari-cortex-decoder" in str(caught.value)
    assert open_session(movie).n_frames == 60, "sound pixels are never refused for it"


def test_a_movie_that_changed_makes_its_prediction_stale_and_a_copy_does_not(movie: Path) -> None:
    keep_prediction(open_recording(movie), prediction(), "run-rest")
    found = kept_prediction(movie)
    assert found is not None
    copied = movie.with_name("copied.tif")
    copied.write_bytes(movie.read_bytes())
    assert found[2].changed(made_from(open_recording(copied))) == ()
    content = bytearray(movie.read_bytes())
    content[-40] ^= 255
    movie.write_bytes(content)
    assert found[2].changed(made_from(open_recording(movie))) == ("movie",)


def test_added_behavior_comes_back_on_its_clock_and_says_when_its_file_changed(movie: Path) -> None:
    table = movie.with_name("speed.csv")
    rows = "".join(f"{i / 10},{i}\n" for i in range(21))
    table.write_text("time_s,speed\n" + rows)
    recording = add_behavior(open_recording(movie), table, offset=0.5, clock="first-frame")
    keep_behavior(recording, ["speed"], file=table, clock={"offset": 0.5})
    made = BehaviorTrace("motion", np.arange(60.0), np.arange(60) / 30)
    both = recording.replace(behavior={**recording.behavior, "motion": made})
    keep_behavior(both, ["motion"], said="motion in a rectangle")
    again = open_session(movie)
    for name in ("speed", "motion"):
        np.testing.assert_array_equal(again.behavior[name].values, both.behavior[name].values)
        np.testing.assert_array_equal(again.behavior[name].times, both.behavior[name].times)
    assert again.behavior["speed"].unit == recording.behavior["speed"].unit
    assert not again.warnings
    table.write_text("time_s,speed\n" + rows.replace("20\n", "21\n"))
    assert any("speed.csv has changed" in said for said in open_session(movie).warnings)
    table.unlink()
    assert "speed" in open_session(movie).behavior and not open_session(movie).warnings


def test_reference_and_steps_come_back(movie: Path, tmp_path: Path) -> None:
    reference = tmp_path / "reference.tif"
    reference.write_bytes(movie.read_bytes())
    steps = (Crop(rows=(0, 8)).provenance(), Bin(pixels=2).provenance())
    remember_state(movie, reference="reference.tif", steps=steps, decoder="run-rest")
    raw = open_session(movie)
    assert raw.reference is not None and raw.reference.shape == raw.movie.shape
    shown = applied(raw)
    assert shown.shape == (4, 8) and [step["name"] for step in shown.steps] == ["crop", "bin"]
    reference.unlink()
    gone = open_session(movie)
    assert gone.n_frames == 60 and "reference.tif" in gone.warnings[-1]


def test_two_colors_in_turns_come_back(movie: Path) -> None:
    remember_state(movie, turns=True)
    assert open_session(movie).n_frames == 30


@pytest.mark.parametrize("content", ["[1, 2", '{"version": 7}', '{"steps": 4}', "[]", "3"])
def test_a_damaged_session_file_costs_a_warning_and_stays_as_it_is(
    movie: Path, content: str
) -> None:
    remember_state(movie, decoder="run-rest")
    file = sidecar_folder(movie) / "session.json"
    file.write_text(content)
    opened = open_session(movie)
    assert opened.n_frames == 60 and "session.json" in opened.warnings[-1]
    with pytest.raises(RecordingError):
        remember_state(movie, unfolded=("Atlas",))
    assert file.read_text() == content


def test_what_was_remembered_before_stays(movie: Path) -> None:
    remember_state(movie, decoder="a.safetensors")
    remember_state(movie, unfolded=("Atlas", "Decode"))
    state = remembered_state(movie)
    assert (state.decoder, state.unfolded, state.steps) == (
        "a.safetensors", ("Atlas", "Decode"), (),
    )  # fmt: skip


def test_a_row_tells_what_is_there_and_what_cannot_be_read(movie: Path) -> None:
    from napari_cortex_decoder.cohort import CohortEntry
    from napari_cortex_decoder.labels import LabelSession, Paint, SetBehaviors
    from napari_cortex_decoder.labels.behaviors import Behavior

    entry = CohortEntry(movie, None, "m", "s")
    bare = look_at(entry)
    assert bare.seconds == pytest.approx(2.0) and not bare.decoded and bare.labelled is None
    keep_prediction(open_recording(movie), prediction(), "run-rest")
    labels = LabelSession(60, "m1", sidecar_folder(movie))
    labels.edit(SetBehaviors(behaviors=(Behavior(name="rest"), Behavior(name="run"))))
    labels.edit(Paint(start=10, stop=30, behavior="rest"))
    labels.edit(Paint(start=30, stop=60, behavior="run"))
    labels.close()
    full = look_at(entry)
    assert (full.decoded, full.score, full.stale) == ("d", 1.0, ())
    assert full.labelled == pytest.approx(50 / 60)
    (sidecar_folder(movie) / "registration.json").write_text('{"format": "x"}')
    (sidecar_folder(movie) / "prediction.safetensors").write_bytes(b"\x00" * 40)
    broken = look_at(entry)
    assert len(broken.problems) == 2 and not broken.atlas and broken.n_frames == 60
    assert broken.labelled == full.labelled
    movie.unlink()
    assert "m1.tif" in look_at(entry).problems[0]
