"""Traces of areas as recordings: NWB, text, NumPy; which row is of which area, and when."""

from __future__ import annotations

import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

from helpers.movies import refused
from helpers.trace_files import write_nwb_traces
from napari_cortex_decoder import load_atlas
from napari_cortex_decoder.errors import FrameRateError, RecordingError, UnclearMovieError
from napari_cortex_decoder.recording import (
    BehaviorTrace,
    add_behavior,
    cached,
    open_recording,
    preprocess,
    remember_metadata,
    save_recording,
    steps_from_provenance,
)

NAMES = ["MOs left", "MOs right", "VISp left", "VISp right", "SSp-bfd left"]
TRACES = 1000 + np.random.default_rng(0).normal(0, 30, (40, 5))


def write_csv(path: Path, names: list[str], traces=TRACES, time: bool = True) -> Path:
    head = (["time_s"] if time else []) + names
    rows = [
        ",".join([f"{t / 30:.6f}"] * time + [repr(float(value)) for value in row])
        for t, row in enumerate(traces)
    ]
    path.write_text("\n".join([",".join(f'"{n}"' for n in head), *rows]) + "\n", encoding="utf-8")
    return path


def check(recording, names=NAMES, traces=TRACES) -> None:
    """The recording holds these traces under these names, and its movie shows them there."""
    assert list(recording.areas) == list(names)
    np.testing.assert_allclose(recording.traces.compute(), traces, rtol=1e-6)
    atlas, shown = recording.registration.atlas, recording.movie[7].compute()
    labels = recording.registration.label_image(recording.shape)
    for name, value in zip(names, traces[7], strict=True):
        inside = labels == [area.label for area in atlas.areas].index(name) + 1
        assert inside.sum() > 10
        np.testing.assert_allclose(shown[inside], value, rtol=1e-6)
    assert np.isnan(shown[recording.label_image == 0]).all()


@pytest.mark.parametrize(
    "columns",
    [
        {"roi_name": ["L-MOs", "R-MOs", "L-VISp", "R-VISp", "L-SSp-bfd"]},
        {"acronym": ["MOs", "MOs", "VISp", "VISp", "SSp-bfd"],
         "side": ["left", "right", "left", "right", "left"]},
        {"location": ["MOs", "MOs", "VISp", "VISp", "SSp-bfd"], "hemisphere": list("LRLRL")},
        {"label": ["x1", "x2", "x3", "x4", "x5"], "area_name": [
            "Secondary motor area (left)", "right secondary motor area",
            "Primary visual area, LH", "Primary visual area, right hemisphere",
            "Primary somatosensory area, barrel field left"]},
    ],
    ids=["names", "acronym and side", "location and hemisphere", "words"],
)  # fmt: skip
@pytest.mark.parametrize("turned", [False, True], ids=["times x areas", "areas x times"])
def test_nwb_traces_are_matched_to_areas(tmp_path: Path, columns, turned: bool) -> None:
    data = TRACES.T.copy() if turned else TRACES
    recording = open_recording(write_nwb_traces(tmp_path / "m.nwb", data, columns))
    check(recording)
    assert recording.frame_rate == 30
    assert "39 areas of the atlas have no trace" in " ".join(recording.warnings)


def test_the_clock_of_nwb_traces_is_the_sessions(tmp_path: Path) -> None:
    columns = {"name": NAMES}
    late = write_nwb_traces(tmp_path / "a.nwb", TRACES, columns, rate=25.0, starting_time=12.5)
    np.testing.assert_allclose(open_recording(late).times[:3], [12.5, 12.54, 12.58])
    stamps = 3 + np.cumsum(np.r_[0, np.full(38, 0.05), 0.2])
    own = write_nwb_traces(tmp_path / "b.nwb", TRACES, columns, timestamps=stamps)
    recording = open_recording(own)
    np.testing.assert_allclose(recording.times, stamps)
    assert recording.frame_rate == pytest.approx(20)
    assert "missing" in " ".join(recording.warnings)


def test_delta_f_is_told_from_fluorescence(tmp_path: Path) -> None:
    for relative, said in ((True, "ΔF/F"), (False, "fluorescence")):
        path = tmp_path / f"{relative}.nwb"
        write_nwb_traces(path, TRACES, {"name": NAMES}, relative=relative)
        assert open_recording(path).metadata["traces"] == said


def test_of_several_series_the_one_that_is_meant_is_asked_for(tmp_path: Path) -> None:
    several = {"raw": TRACES, "neuropil": TRACES / 2}
    path = write_nwb_traces(tmp_path / "m.nwb", several, {"name": NAMES})
    with pytest.raises(UnclearMovieError) as asked:
        open_recording(path)
    assert asked.value.datasets == ("neuropil", "raw")
    check(open_recording(path, dataset="neuropil"), traces=TRACES / 2)


def test_cells_of_an_area_are_averaged_and_told(tmp_path: Path) -> None:
    columns = {"location": ["MOs", "MOs", "VISp", "hippocampus", "VISp"], "side": list("llrrr")}
    recording = open_recording(write_nwb_traces(tmp_path / "m.nwb", TRACES, columns))
    check(recording, ["MOs left", "VISp right"],
          np.stack([TRACES[:, :2].mean(1), TRACES[:, [2, 4]].mean(1)], axis=1))  # fmt: skip
    said = " ".join(recording.warnings)
    assert "1 traces are of no area and left out: hippocampus" in said
    assert "the mean is taken in MOs left, VISp right" in said


def test_a_plane_over_one_area_is_that_area(tmp_path: Path) -> None:
    path = write_nwb_traces(tmp_path / "m.nwb", TRACES, location="left VISp")
    check(open_recording(path), ["VISp left"], TRACES.mean(axis=1, keepdims=True))


@pytest.mark.parametrize("kind", ["image masks", "pixel masks"])
def test_unnamed_traces_are_painted_where_they_were_measured(tmp_path: Path, kind: str) -> None:
    places = [(slice(2 * i, 2 * i + 2), slice(3, 6)) for i in range(5)]  # rows, columns
    masks = np.zeros((5, 12, 10))
    for mask, place in zip(masks, places, strict=True):
        mask[place] = 1
    pixels = [[(x, y, 1.0) for y, x in np.argwhere(mask).tolist()] for mask in masks]
    given = {"masks": [m.T for m in masks]} if kind == "image masks" else {"pixels": pixels}
    recording = open_recording(write_nwb_traces(tmp_path / "m.nwb", TRACES, **given))
    shown = recording.movie[3].compute()
    for place, value in zip(places, TRACES[3], strict=True):
        np.testing.assert_allclose(shown[place], value, rtol=1e-6)
    assert np.isnan(shown).sum() == shown.size - 30
    assert recording.registration is None
    assert recording.areas == tuple(f"ROI {i}" for i in range(1, 6))


@pytest.mark.parametrize(
    "names",
    [
        ["left MOs", "right MOs", "left VISp", "right VISp", "left SSp-bfd"],
        ["MOs_l", "MOs_r", "VISp_l", "VISp_r", "SSp_bfd_l"],
        ["LH MOs", "RH MOs", "LH VISp", "RH VISp", "LH SSp-bfd"],
        ["MOsL", "MOsR", "VISpL", "VISpR", "SSp-bfdL"],
        ["MOs (left)", "MOs (right)", "VISp (left)", "VISp (right)", "SSp-bfd (left)"],
        ["mos left (dF/F)", "mos right (dF/F)", "visp left", "visp right", "ssp-bfd left"],
    ],
    ids=lambda names: names[0],
)  # fmt: skip
def test_tables_are_read_whichever_way_they_name_sides(tmp_path: Path, names: list[str]) -> None:
    recording = open_recording(write_csv(tmp_path / "m.csv", names))
    check(recording)
    assert recording.frame_rate == pytest.approx(30, rel=1e-4)


def test_a_table_without_a_clock_asks_for_its_rate(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "m.csv", NAMES, time=False)
    with pytest.raises(FrameRateError, match="frame_rate"):
        _ = open_recording(path).times
    assert open_recording(path, frame_rate=25).times[25] == 1


def test_names_that_are_none_of_an_area_are_told_and_left_out(tmp_path: Path) -> None:
    names = ["MOs left", "speed", "VISp", "VISp right", "nowhere left"]
    recording = open_recording(write_csv(tmp_path / "m.csv", names))
    check(recording, ["MOs left", "VISp right"], TRACES[:, [0, 3]])
    assert "3 traces are of no area and left out: speed, VISp, nowhere left" in " ".join(
        recording.warnings
    )


def test_two_traces_of_one_name_are_told_and_neither_is_used(tmp_path: Path) -> None:
    names = ["MOs left", "L-MOs", "VISp left", "VISp right", "SSp-bfd left"]
    recording = open_recording(write_csv(tmp_path / "m.csv", names))
    check(recording, NAMES[2:], TRACES[:, 2:])
    assert "several traces are called MOs left" in " ".join(recording.warnings)
    assert "rename" in refused(write_csv(tmp_path / "n.csv", ["MOs left", "L-MOs", "a", "b", "c"]))


def test_a_table_of_other_things_is_refused_with_a_remedy(tmp_path: Path) -> None:
    said = refused(write_csv(tmp_path / "m.csv", ["speed", "pupil", "x", "y", "z"]))
    assert "speed, pupil, x, y, z" in said
    assert "--as areas=FILE" in said


@pytest.mark.parametrize("turned", [False, True])
def test_an_array_needs_names_and_takes_them_either_way_round(tmp_path: Path, turned: bool) -> None:
    path = tmp_path / "m.npy"
    np.save(path, TRACES.T if turned else TRACES)
    assert "--as areas=FILE" in refused(path)
    lines = tmp_path / "names.txt"
    lines.write_text("\n".join(NAMES) + "\n", encoding="utf-8")
    for names in (NAMES, str(lines), "; ".join(NAMES), ",".join(NAMES)):
        check(open_recording(path, areas=names, frame_rate=30))
    assert "names" in refused(path, areas=NAMES[:3])
    remember_metadata(path, areas=str(lines), frame_rate=30)
    lines.unlink()
    check(open_recording(path))


def write_mat(path: Path, **variables) -> Path:
    scipy.io.savemat(path, variables)
    return path


def write_mat73(path: Path, names: list[str], traces=TRACES) -> Path:
    """As MATLAB writes version 7.3: axes the other way round, texts behind references."""
    with h5py.File(path, "w", userblock_size=512) as file:
        file["dff"] = traces.T
        file["dff"].attrs["MATLAB_class"] = np.bytes_("double")
        cells = file.create_dataset("names", (1, len(names)), h5py.ref_dtype)
        cells.attrs["MATLAB_class"] = np.bytes_("cell")
        for i, name in enumerate(names):
            text = file.create_dataset(f"#refs#/{i}", data=np.array([list(map(ord, name))], "u2").T)
            text.attrs["MATLAB_class"] = np.bytes_("char")
            cells[0, i] = text.ref
        file["fps"] = [[25.0]]
    return path


CELL = np.array(NAMES, dtype=object)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_mat(path, dff=TRACES, names=CELL, days=CELL[:3], fps=25.0),
        lambda path: write_mat(path, dff=TRACES.T, names=CELL[:, None], fps=25.0),
        lambda path: write_mat(path, dff=TRACES, names=np.array(NAMES), frameRate=25.0),
        lambda path: write_mat73(path, NAMES),
    ],
    ids=["cell array", "areas x times", "matrix of characters", "version 7.3"],
)
def test_traces_in_matlab_files_are_named_by_their_cell_arrays(tmp_path: Path, write) -> None:
    recording = open_recording(write(tmp_path / "m.mat"))
    check(recording)
    assert recording.frame_rate == 25


def test_a_matlab_file_without_names_takes_them(tmp_path: Path) -> None:
    path = write_mat(tmp_path / "m.mat", dff=TRACES, other=TRACES)
    with pytest.raises(UnclearMovieError):
        open_recording(path)
    assert "--as areas=FILE" in refused(path, dataset="dff")
    check(open_recording(path, dataset="other", areas=NAMES))


@pytest.mark.parametrize("turned", [False, True], ids=["times x areas", "areas x times"])
def test_traces_in_hdf5_are_named_by_a_list_of_texts(tmp_path: Path, turned: bool) -> None:
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file["ophys/dff"] = TRACES.T if turned else TRACES
        file["ophys/regions"] = NAMES
        file["ophys/timestamps"] = 4 + np.arange(40) / 20
    recording = open_recording(path)
    check(recording)
    assert recording.times[0] == 4 and recording.frame_rate == pytest.approx(20)


def test_as_many_times_as_areas_are_told_apart_by_the_user(tmp_path: Path) -> None:
    path = tmp_path / "m.npy"
    np.save(path, TRACES[:5].T)
    turned = open_recording(path, areas=NAMES, axes="at")
    np.testing.assert_allclose(turned.traces.compute(), TRACES[:5])
    np.testing.assert_allclose(open_recording(path, areas=NAMES).traces.compute(), TRACES[:5].T)
    assert "axes" in refused(path, areas=NAMES, axes="tyx")


def test_another_atlas_is_taken_by_name(tmp_path: Path) -> None:
    names = [area.label for area in load_atlas("ajioka-50").areas[:5]]
    recording = open_recording(write_csv(tmp_path / "m.csv", names), atlas="ajioka-50")
    check(recording, names)
    assert "atlas" in refused(recording.path, atlas="no-such-atlas.json")


def test_two_colors_of_traces_are_refused(tmp_path: Path) -> None:
    assert "channels" in refused(write_csv(tmp_path / "m.csv", NAMES), channels=2)


def test_parts_of_a_session_are_one_recording_of_traces(tmp_path: Path) -> None:
    files = []
    for n, part in enumerate((TRACES[:15], TRACES[15:20], TRACES[20:])):
        clock = {"rate": 30.0, "starting_time": 1 + (0, 15, 20)[n] / 30}
        files.append(write_nwb_traces(tmp_path / f"p{n}.nwb", part, {"name": NAMES}, **clock))
    recording = open_recording(files[::-1])
    check(recording)
    np.testing.assert_allclose(recording.times, 1 + np.arange(40) / 30)
    assert "39 areas of the atlas have no trace" in " ".join(recording.warnings)


@pytest.mark.parametrize("kind", ["csv", "nwb"])
def test_a_file_a_hemisphere_is_one_recording_of_traces(tmp_path: Path, kind: str) -> None:
    sides = {
        side: [n for n, name in enumerate(NAMES) if side in name] for side in ("left", "right")
    }
    paths = []
    for side, own in sides.items():
        path, names = tmp_path / f"{side}.{kind}", [NAMES[n] for n in own]
        if kind == "csv":
            write_csv(path, names, TRACES[:, own])
        else:
            write_nwb_traces(path, TRACES[:, own], {"name": names})
        paths.append(path)
    order = sides["left"] + sides["right"]
    recording = open_recording(paths)
    check(recording, [NAMES[n] for n in order], TRACES[:, order])
    assert "39 areas of the atlas have no trace" in " ".join(recording.warnings)


def test_files_of_traces_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", NAMES[:2], TRACES[:, :2])
    for name, names, traces in (
        ("b.csv", NAMES[1:3], TRACES[:, 1:3]),  # an area in both
        ("c.csv", NAMES[2:], TRACES[:30, 2:]),  # other times
    ):
        with pytest.raises(RecordingError, match="open it alone"):
            open_recording([path, write_csv(tmp_path / name, names, traces)])


@pytest.mark.parametrize("kind", ["nwb", "csv"])
def test_saved_traces_come_back_as_they_are(tmp_path: Path, kind: str) -> None:
    times = 12.5 + np.arange(40) / 30 + 0.5 * (np.arange(40) > 20)
    first = write_nwb_traces(tmp_path / "m.nwb", TRACES, {"name": NAMES}, timestamps=times)
    step = {"name": "detrend", "window": 0.5}
    done = preprocess(open_recording(first), steps_from_provenance([step]))
    speed = BehaviorTrace("speed", np.arange(40.0), times, "cm/s")
    path = save_recording(done.replace(behavior={"speed": speed}), tmp_path / f"again.{kind}")
    again = open_recording(path)
    assert again.areas == done.areas and again.label_image.tolist() == done.label_image.tolist()
    np.testing.assert_allclose(again.traces.compute(), done.traces.compute(), rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(again.times, times, atol=1e-5)
    if kind == "nwb":
        assert [dict(one)["name"] for one in again.steps] == ["detrend"]
        assert again.metadata["traces"] == "fluorescence"
        seen = add_behavior(again, path, fields=["speed"]).behavior["speed"]
        np.testing.assert_array_equal(seen.values, speed.values)


def test_traces_of_cells_are_saved_with_the_places_of_the_cells(tmp_path: Path) -> None:
    masks = np.zeros((5, 10, 12))
    for i, mask in enumerate(masks):
        mask[2 * i : 2 * i + 2, 3:6] = 1
    first = open_recording(write_nwb_traces(tmp_path / "m.nwb", TRACES, masks=masks))
    again = open_recording(save_recording(first, tmp_path / "again.nwb"))
    np.testing.assert_array_equal(again.label_image, first.label_image)
    np.testing.assert_allclose(again.traces.compute(), first.traces.compute(), rtol=1e-6)


def test_a_movie_is_no_table_and_traces_are_no_movie(tmp_path: Path) -> None:
    traces = open_recording(write_csv(tmp_path / "m.csv", NAMES))
    for name in ("m.tif", "m.zarr"):
        with pytest.raises(RecordingError, match=r"saved as \.nwb, \.csv"):
            save_recording(traces, tmp_path / name)
    movie = traces.replace(traces=None, areas=(), label_image=None)
    with pytest.raises(RecordingError, match=r"saved as \.nwb, \.zarr"):
        save_recording(movie, tmp_path / "n.csv")


def test_preprocessed_traces_are_computed_once(tmp_path: Path) -> None:
    raw = open_recording(write_csv(tmp_path / "m.csv", NAMES))
    done = preprocess(raw, steps_from_provenance([{"name": "detrend", "window": 0.5}]))
    kept = cached(done)
    assert [file.suffix for file in (tmp_path / "m.csv.cortex").rglob("*.zarr")] == [".zarr"]
    np.testing.assert_allclose(kept.traces.compute(), done.traces.compute(), rtol=1e-6)
    np.testing.assert_allclose(kept.movie[3].compute(), done.movie[3].compute(), rtol=1e-6)


def test_damaged_files_are_refused_in_one_sentence(tmp_path: Path) -> None:
    path = write_nwb_traces(tmp_path / "m.nwb", TRACES, {"name": NAMES})
    with h5py.File(path, "a") as file:
        series = file["processing/ophys/Fluorescence/traces"]
        del series["rois"]
        series["rois"] = np.array([0, 1, 2, 3, 99])
    assert "trace" in refused(path)  # its rows are not those of a table
    with h5py.File(path, "a") as file:
        del file["processing/ophys/Fluorescence/traces/data"]
    assert "no traces" in refused(path)
    (tmp_path / "half.csv").write_text(
        "time,MOs left,VISp left\n0,1,2\n0.1,1,x\n", encoding="utf-8"
    )
    assert "x" in refused(tmp_path / "half.csv")
    np.save(tmp_path / "cut.npy", TRACES)
    whole = (tmp_path / "cut.npy").read_bytes()
    (tmp_path / "cut.npy").write_bytes(whole[: len(whole) // 2])
    assert "truncated" in refused(tmp_path / "cut.npy", areas=NAMES)


def test_steps_in_time_change_traces_and_their_picture(tmp_path: Path) -> None:
    recording = open_recording(write_csv(tmp_path / "m.csv", NAMES))
    steps = [{"name": "delta-f", "baseline": "mean"}, {"name": "crop", "frames": [10, 30]}]
    done = preprocess(recording, steps_from_provenance(steps))
    expected = (TRACES / TRACES.mean(axis=0) - 1)[10:30]
    np.testing.assert_allclose(done.traces.compute(), expected, atol=1e-5)
    np.testing.assert_allclose(
        done.movie.compute()[:, done.label_image > 0],
        expected[:, done.label_image[done.label_image > 0] - 1],
        atol=1e-5,
    )
    for step in ({"name": "bin", "pixels": 2}, {"name": "motion-correction"},
                 {"name": "crop", "rows": [0, 5]}):  # fmt: skip
        with pytest.raises(RecordingError, match="no pixels"):
            preprocess(recording, steps_from_provenance([step]))


def test_traces_go_to_another_process_without_their_values(tmp_path: Path) -> None:
    recording = open_recording(write_csv(tmp_path / "m.csv", NAMES))
    recording.traces.compute()
    check(pickle.loads(pickle.dumps(recording)))  # noqa: S301 - our own
