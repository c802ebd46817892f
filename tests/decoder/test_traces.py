"""Traces of areas without a movie: decoded, explained and learned from as the movie they are of."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from helpers.trace_files import write_nwb_traces
from napari_cortex_decoder import (
    area_importance,
    fine_tune,
    load_decoder,
    open_recording,
    simulate_recording,
)
from napari_cortex_decoder.atlas import area_traces, write_traces
from napari_cortex_decoder.errors import DecoderError, RecordingError, TrainingError
from napari_cortex_decoder.simulation import SimulatedRecording

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def mouse() -> SimulatedRecording:
    return simulate_recording(seed=3, subject=9001, seconds=60, shape=(64, 64))


@pytest.fixture(scope="module")
def names(mouse: SimulatedRecording) -> list[str]:
    return [area.label for area in mouse.truth.registration.atlas.areas]


@pytest.fixture(scope="module")
def traces(mouse: SimulatedRecording, names: list[str]) -> np.ndarray:
    labels = mouse.truth.registration.label_image(mouse.shape)
    return area_traces(mouse.movie, labels, len(names))


@pytest.fixture(scope="module")
def nwb(tmp_path_factory: pytest.TempPathFactory, traces: np.ndarray, names: list[str]) -> Path:
    seen = np.flatnonzero(np.isfinite(traces).all(axis=0))
    path = tmp_path_factory.mktemp("traces") / "m1.nwb"
    return write_nwb_traces(path, traces[:, seen], {"name": [names[i] for i in seen]})


def test_the_traces_of_a_movie_give_what_the_movie_gives(
    run: Run, mouse, nwb: Path, tmp_path: Path
) -> None:
    decoder = load_decoder("run-rest-areas")
    expected = decoder.decode(mouse, registration=mouse.truth.registration).probability
    assert np.nanstd(expected[:, 1]) > 0.1
    found = decoder.decode(open_recording(nwb))
    np.testing.assert_allclose(found.probability, expected, atol=1e-5)
    assert found.settings["atlas"] == "dorsal-cortex"

    code, _, err = run("decode", nwb, "--decoder", "run-rest-areas", "--out", tmp_path)
    assert code == 0, err
    table = np.genfromtxt(tmp_path / "m1.csv", delimiter=",", names=True)
    np.testing.assert_allclose(table["p_run"], expected[:, 1], atol=1e-5)


def test_where_an_atlas_is_placed_on_the_picture_changes_no_named_trace(mouse, nwb: Path) -> None:
    decoder, recording = load_decoder("run-rest-areas"), open_recording(nwb)
    others = mouse.truth.registration  # of frames of another size
    expected = decoder.decode(recording).probability
    np.testing.assert_array_equal(
        decoder.decode(recording, registration=others).probability, expected
    )


def test_traces_that_lie_where_they_were_measured_are_matched_by_place(
    mouse, traces, names: list[str], tmp_path: Path
) -> None:
    labels = mouse.truth.registration.label_image(mouse.shape)
    seen = [i for i in range(len(names)) if (labels == i + 1).any()]
    masks = [(labels == i + 1).T.astype(float) for i in seen]
    path = write_nwb_traces(tmp_path / "m.nwb", traces[:, seen], masks=masks)
    recording, decoder = open_recording(path), load_decoder("run-rest-areas")
    with pytest.raises(DecoderError, match="--registration"):
        decoder.decode(recording)
    found = decoder.decode(recording, registration=mouse.truth.registration).probability
    expected = decoder.decode(mouse, registration=mouse.truth.registration).probability
    # the picture ends with its last mask, so pixels of areas are where they were
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_decoder_of_images_says_which_one_reads_traces(
    run: Run, nwb: Path, tmp_path: Path
) -> None:
    with pytest.raises(RecordingError, match="run-rest-areas"):
        load_decoder("run-rest").decode(open_recording(nwb))
    code, _, said = run("decode", nwb, "--out", tmp_path)
    assert code == 2
    assert "run-rest-areas" in said and "Traceback" not in said
    with pytest.raises(RecordingError, match="run-rest-areas"):
        area_importance(load_decoder("run-rest"), open_recording(nwb))


def test_areas_without_a_trace_are_named_never_made_up(traces, names, tmp_path: Path) -> None:
    kept = [i for i, name in enumerate(names) if not name.startswith(("MOs", "OB", "AUD"))]
    path = write_nwb_traces(tmp_path / "m.nwb", traces[:, kept], {"name": [names[i] for i in kept]})
    recording = open_recording(path)
    assert "MOs left" in " ".join(recording.warnings)
    with pytest.raises(DecoderError, match="no trace of OB left, OB right, MOs left, MOs right"):
        load_decoder("run-rest-areas").decode(recording)
    values = traces.copy()
    values[40:44, names.index("VISp left")] = np.nan
    write_traces(tmp_path / "gap.csv", values, names, np.arange(len(values)) / 30)
    with pytest.raises(RecordingError, match="VISp left is NaN or infinite in frame 40"):
        load_decoder("run-rest-areas").decode(open_recording(tmp_path / "gap.csv"))


def test_importance_of_traces_is_that_of_their_movie(mouse, nwb: Path) -> None:
    decoder, frames = load_decoder("run-rest-areas"), np.arange(400, 900, 5)
    options = {"patches": 0, "draws": 20, "frames": frames}
    ethogram = mouse.truth.ethogram
    expected = area_importance(decoder, mouse, mouse.truth.registration, ethogram, **options)
    found = area_importance(decoder, open_recording(nwb), None, ethogram, **options)
    merged = expected.table.merge(found.table, on=["acronym", "side"], suffixes=("_m", "_t"))
    assert len(merged) > 30 and merged["importance_m"].abs().max() > 0.001
    np.testing.assert_allclose(merged["importance_t"], merged["importance_m"], atol=1e-3)


def test_areas_and_explain_need_no_registration_of_traces(
    run: Run, nwb: Path, traces, names: list[str], tmp_path: Path
) -> None:
    code, out, err = run("areas", nwb, "--out", tmp_path / "areas.csv", "--json")
    assert code == 0, err
    assert json.loads(out)["relative"]
    again = open_recording(tmp_path / "areas.csv")
    column = again.areas.index("VISp left")
    expected = traces[:, names.index("VISp left")]
    np.testing.assert_allclose(again.traces[:, column], expected / expected.mean() - 1, atol=1e-5)
    code, _, err = run(
        "explain", nwb, "--decoder", "run-rest-areas", "--out", tmp_path / "e",
        "--frames", 60, "--patches", 3,
    )  # fmt: skip
    assert code == 0, err
    assert (tmp_path / "e" / "m1_areas.png").stat().st_size > 10_000
    assert (tmp_path / "e" / "m1_lags.csv").is_file()


@pytest.mark.parametrize("depth", ["threshold", "head"])
def test_labels_of_traces_make_a_decoder_for_them(mouse, nwb: Path, depth: str) -> None:
    base, recording = load_decoder("run-rest-areas"), open_recording(nwb)
    result = fine_tune(base, [(recording, mouse.truth.ethogram)], depth=depth)
    placed = mouse.replace(registration=mouse.truth.registration)
    same = fine_tune(base, [(placed, mouse.truth.ethogram)], depth=depth)
    assert result.after.auc == pytest.approx(same.after.auc, abs=1e-3)
    assert result.after.auc > 0.9
    tuned = result.decoder.decode(recording).probability
    plain = base.decode(recording).probability
    assert np.nanmax(np.abs(tuned - plain)) > 1e-3
    assert np.isfinite(tuned).any(axis=1).sum() == np.isfinite(plain).any(axis=1).sum()


def test_what_of_an_area_decoder_cannot_be_tuned_is_said(mouse, nwb: Path) -> None:
    labelled = [(open_recording(nwb), mouse.truth.ethogram)]
    with pytest.raises(TrainingError, match="take the depth best"):
        fine_tune("run-rest-areas", labelled, depth="end-to-end")
    with pytest.raises(RecordingError, match="run-rest-areas"):
        fine_tune("run-rest", labelled)
