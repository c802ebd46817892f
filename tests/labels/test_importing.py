"""Labels of other programs land on the frames that they mean, and what does not land is told."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from helpers.stages import BEHAVIORS, Clip, N, names_of, some_bouts
from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.labels import (
    Bout,
    Ethogram,
    Format,
    Source,
    import_labels,
    read_labels,
    write_labels,
)

CLIP = Clip(300)  # ten seconds

# As BORIS writes them: made-up events in the layouts of its versions 3, 7 and 8.
TABULAR_7 = """\
Observation id\tsession 1
\t
Media file(s)\t
\t
Player #1\tm1.mp4
\t
Observation date\t2024-02-03 10:00:00
\t
Time offset (s)\t0.0
\t
Time\tMedia file path\tTotal length\tFPS\tSubject\tBehavior\tBehavioral category\tComment\tStatus
1.000\tm1.mp4\t10.000\t30.0\tNo focal subject\trun\t\t\tSTART
2.500\tm1.mp4\t10.000\t30.0\tNo focal subject\tblink\t\t\tPOINT
3.000\tm1.mp4\t10.000\t30.0\tNo focal subject\trun\t\t\tSTOP
4.000\tm1.mp4\t10.000\t30.0\tNo focal subject\tgroom\t\t\tSTART
5.033\tm1.mp4\t10.000\t30.0\tNo focal subject\tgroom\t\t\tSTOP
6.000\tm1.mp4\t10.000\t30.0\tNo focal subject\tgroom\t\t\tSTOP
9.000\tm1.mp4\t10.000\t30.0\tNo focal subject\trun\t\t\tSTART
"""
TABULAR_8 = """\
Observation id,Observation date,Description,Subject,Behavior,Behavioral category,Behavior type,Time,Media file name,Image index
session 1,2024-02-03,,No focal subject,run,,START,1.000,m1.mp4,30
session 1,2024-02-03,,No focal subject,run,,STOP,3.000,m1.mp4,90
session 1,2024-02-03,,No focal subject,groom,,START,4.000,m1.mp4,120
session 1,2024-02-03,,No focal subject,groom,,STOP,5.033,m1.mp4,151
"""  # noqa: E501
AGGREGATED = """\
Observation id\tObservation date\tMedia file\tFPS\tSubject\tBehavior\tModifiers\tBehavior type\tStart (s)\tStop (s)\tDuration (s)
session 1\t2024-02-03\tm1.mp4\t30.0\tNo focal subject\trun\t\tSTATE\t1.000\t3.000\t2.000
session 1\t2024-02-03\tm1.mp4\t30.0\tNo focal subject\tgroom\t\tSTATE\t4.000\t5.033\t1.033
session 1\t2024-02-03\tm1.mp4\t30.0\tNo focal subject\tblink\t\tPOINT\t4.500\t4.500\tNA
"""  # noqa: E501

EXPECTED = (Bout(30, 90, "run"), Bout(120, 151, "groom"))


def written(folder: Path, text: str, name: str = "labels.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("text", [TABULAR_7, TABULAR_8, AGGREGATED], ids=["7", "8", "aggregated"])
def test_boris_events_become_bouts(tmp_path: Path, text: str) -> None:
    imported = import_labels(written(tmp_path, text), CLIP)
    assert imported.kind == "BORIS events"
    assert imported.ethogram.bouts == EXPECTED
    assert imported.ethogram.n_frames == 300


def test_every_event_of_boris_that_did_not_match_is_listed(tmp_path: Path) -> None:
    imported = import_labels(written(tmp_path, TABULAR_7), CLIP)
    assert [str(row) for row in imported.unmatched] == [
        "row 13 (2.500, blink, POINT): a point event lasts no time, so it labels no frame",
        "row 17 (6.000, groom, STOP): it stops what never started",
        "row 18 (9.000, run, START): it never stops",
    ]


def test_reading_warns_of_each_row_that_did_not_match(tmp_path: Path) -> None:
    path = written(tmp_path, AGGREGATED)
    with pytest.warns(UserWarning, match="blink, POINT") as told:
        ethogram = read_labels(path, CLIP)
    assert len(told) == 1 and ethogram.bouts == EXPECTED


@pytest.mark.parametrize(("column", "option"), [(0, "observation"), (4, "subject")])
def test_several_observations_or_subjects_must_be_chosen_from(
    tmp_path: Path, column: int, option: str
) -> None:
    lines = [line.split("\t") for line in AGGREGATED.splitlines()]
    lines[2][column] = "second"
    path = written(tmp_path, "\n".join("\t".join(line) for line in lines))
    with pytest.raises(LabelError, match=f"several {option}s.*--{option}"):
        import_labels(path, CLIP)
    with pytest.raises(LabelError, match=f"no {option} 'third'"):
        import_labels(path, CLIP, **{option: "third"})  # type: ignore[arg-type]
    assert import_labels(path, CLIP, **{option: "second"}).ethogram.bouts == EXPECTED[1:]  # type: ignore[arg-type]


def test_the_times_of_a_file_can_be_shifted(tmp_path: Path) -> None:
    ethogram = import_labels(written(tmp_path, TABULAR_8), CLIP, offset=-0.5).ethogram
    assert ethogram.bouts[0] == Bout(15, 75, "run")


def test_what_leaves_the_movie_overlaps_or_is_too_short_is_told(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "start_s,stop_s,behavior\n"
        "1,2,run\n1.5,3,groom\n1.2,1.4,rest\n9,11,run\n20,21,run\n5,5.001,run\n7,6,run\nx,8,run\n"
        "8,8.5,\n",
    )
    imported = import_labels(path, CLIP)
    assert imported.ethogram.bouts == (
        Bout(30, 60, "run"), Bout(60, 90, "groom"), Bout(270, 300, "run"),
    )  # fmt: skip
    reasons = {row.row: row.reason for row in imported.unmatched}
    assert sorted(reasons) == [3, 4, 5, 6, 7, 8, 9, 10]
    for row, reason in {
        3: "overlaps row 2", 4: "lies within row 2", 5: "beyond the movie", 6: "outside the movie",
        7: "shorter than a frame", 8: "ends before", 9: "no number", 10: "no behavior",
    }.items():  # fmt: skip
        assert reason in reasons[row]


def test_labels_that_are_all_outside_the_movie_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "start_s,stop_s,behavior\n100,120,run\n")
    with pytest.raises(LabelError, match=r"nothing in it matches.*outside the movie"):
        import_labels(path, CLIP)


ONE_HOT = ",background,run,groom\n0,1,0,0\n1,0,1,0\n2,0,1,1\n3,0,0,1\n4,-1,-1,-1\n5,0,0,0\n"


def test_deepethograms_minus_one_is_unknown_and_its_background_a_behavior(tmp_path: Path) -> None:
    imported = import_labels(written(tmp_path, ONE_HOT), Clip(6))
    assert names_of(imported.ethogram) == ["background", "run", "", "groom", "", ""]
    (row,) = imported.unmatched
    assert row.row == 4 and "run and groom at once" in row.reason


@pytest.mark.parametrize("n_frames", [5, 7, 60])
def test_as_many_labels_as_frames_or_a_refusal(tmp_path: Path, n_frames: int) -> None:
    with pytest.raises(LabelError, match=rf"labels 6 frames and the movie has {n_frames}"):
        import_labels(written(tmp_path, ONE_HOT), Clip(n_frames))


def test_another_length_is_aligned_by_times_and_never_padded(tmp_path: Path) -> None:
    path = written(tmp_path, ONE_HOT)
    clip = Clip(20, frame_rate=20)  # one second; the video has six frames, ten a second
    imported = import_labels(path, clip, rate=10)
    names = names_of(imported.ethogram)
    assert names[:8] == ["background"] * 2 + ["run"] * 2 + [""] * 2 + ["groom"] * 2
    assert names[12:] == [""] * 8
    late = import_labels(path, clip, rate=10, offset=0.75)
    assert any("outside the movie" in row.reason for row in late.unmatched)


def test_a_prediction_can_be_taken_as_labels_of_a_model(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "frame,time_s,p_rest,p_run,behavior\n0,0,,,\n1,.1,.9,.1,rest\n2,.2,.2,.8,run\n",
    )
    ethogram = import_labels(path, Clip(3, frame_rate=10)).ethogram
    assert ethogram.behaviors == ("rest", "run")
    assert ethogram.bouts == (Bout(1, 2, "rest", Source.MODEL), Bout(2, 3, "run", Source.MODEL))


def test_intervals_of_ndx_ethogram_are_read_by_their_columns(tmp_path: Path) -> None:
    """Its `EthogramBouts` is a `TimeIntervals` with one more column, ``label``."""
    path = tmp_path / "bouts.nwb"
    with h5py.File(path, "w") as file:
        table = file.create_group("processing/behavior/Bouts")
        table.attrs["neurodata_type"] = "EthogramBouts"
        table["start_time"] = [1.0, 4.0]
        table["stop_time"] = [3.0, 5.033]
        table["label"] = np.array(["run", "groom"], dtype=h5py.string_dtype())
    assert import_labels(path, CLIP).ethogram.bouts == EXPECTED
    with h5py.File(path, "a") as file:
        file.copy("processing/behavior/Bouts", "intervals/epochs")
    with pytest.raises(LabelError, match=r"several, .*choose one as table"):
        import_labels(path, CLIP)
    assert import_labels(path, CLIP, table="epochs").ethogram.bouts == EXPECTED


def test_the_nwb_file_that_is_written_is_one_to_pynwb(tmp_path: Path) -> None:
    from pynwb import NWBHDF5IO

    path = tmp_path / "labels.nwb"
    write_labels(Ethogram(BEHAVIORS, EXPECTED, 300), path, CLIP)
    with NWBHDF5IO(str(path), "r") as io:
        file = io.read()
        table = file.intervals["ethogram"].to_dataframe()
        assert file.session_start_time <= datetime.now(UTC)
    assert table[["start_time", "label", "source"]].to_numpy().tolist() == [
        [1.0, "run", "person"], [4.0, "groom", "person"],
    ]  # fmt: skip


def comes_back(folder: Path, form: Format, bouts: tuple[Bout, ...], clip: Clip) -> None:
    ethogram = Ethogram(BEHAVIORS, bouts, N)
    path = folder / ("labels.nwb" if form == Format.NWB else "labels.csv")
    write_labels(ethogram, path, clip, format=form)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = read_labels(path, clip)
    assert names_of(again) == names_of(ethogram)
    if form in (Format.NWB, Format.BOUTS):
        assert again.bouts == bouts  # splits and sources too
    elif form in (Format.BORIS_TABULAR, Format.BORIS_AGGREGATED):
        assert [bout.start for bout in again.bouts] == [bout.start for bout in bouts]


rates = st.sampled_from([1.0, 29.97, 30.0, 200.0])


@pytest.mark.parametrize("form", [form for form in Format if form != Format.NWB])
@given(bouts=some_bouts().filter(bool), uneven=st.booleans(), rate=rates)
@settings(max_examples=30, deadline=None)
def test_what_is_exported_comes_back_frame_by_frame(
    tmp_path_factory: pytest.TempPathFactory,
    form: Format,
    bouts: tuple[Bout, ...],
    uneven: bool,
    rate: float,
) -> None:
    clip = Clip(N, frame_rate=rate, uneven=uneven)
    comes_back(tmp_path_factory.mktemp("export"), form, bouts, clip)


@pytest.mark.parametrize("uneven", [False, True])
def test_what_is_exported_as_nwb_comes_back(tmp_path: Path, uneven: bool) -> None:
    bouts = (
        Bout(0, 1, "run"), Bout(1, 7, "run", Source.VERIFIED), Bout(7, 30, "rest", Source.MODEL),
        Bout(33, N, "groom", Source.MEASURED),
    )  # fmt: skip
    comes_back(tmp_path, Format.NWB, bouts, Clip(N, frame_rate=29.97, uneven=uneven))


@given(some_bouts())
def test_frames_and_bouts_of_an_ethogram_agree(bouts: tuple[Bout, ...]) -> None:
    ethogram = Ethogram(BEHAVIORS, bouts, N)
    again = Ethogram.from_frames(ethogram.frames(), BEHAVIORS)
    np.testing.assert_array_equal(again.frames(), ethogram.frames())


def test_bouts_are_written_without_a_clock_too(tmp_path: Path) -> None:
    ethogram = Ethogram(BEHAVIORS, EXPECTED, 300)
    ethogram.to_csv(tmp_path / "bouts.csv")
    assert read_labels(tmp_path / "bouts.csv", CLIP).bouts == EXPECTED


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", b"", "empty"),
        ("a.csv", b"\xff\xfe\x00x\x00", "UTF-8"),
        ("a.csv", b"speed,pupil\n1,2\n", "is none of"),
        ("a.xlsx", b"PK", "labels are read from"),
        ("a.nwb", b"no HDF5", "is no HDF5 file"),
        ("a.csv", b"frame,behavior\n2,run\n0,run\n", "count up"),
        ("a.csv", b"time_s,behavior\n0,run\n0,run\n", "increase"),
        ("a.csv", b",a,b\n0,1,0\n1,2,0\n", "is none of"),
        ("a.csv", b",a,b\n" + b"0,1,0\n" * 60 + b"61,0,x\n", "line 62 must have 2 cells"),
        ("a.csv", b"start_s,stop_s,behavior\n1,2," + b"x" * 60 + b"\n", "cannot be called"),
        ("a.csv", b'start_s,stop_s,behavior\n1,2,"r\x00"\n', "not UTF-8 text"),
    ],
)
def test_a_file_that_is_no_labels_is_refused_in_one_sentence(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(LabelError, match=reason) as refused:
        import_labels(path, Clip(2))
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="cannot be read"):
        read_labels(tmp_path / "none.csv", CLIP)


@pytest.mark.parametrize(
    ("name", "form", "reason"),
    [
        ("a.csv", "excel", "is unknown"),
        ("a.csv", "nwb", "ends with .nwb"),
        ("a.nwb", "boris-tabular", "ends with .nwb"),
    ],
)
def test_exports_that_make_no_sense_are_refused(
    tmp_path: Path, name: str, form: str, reason: str
) -> None:
    with pytest.raises(LabelError, match=reason):
        write_labels(Ethogram(BEHAVIORS, EXPECTED, 300), tmp_path / name, CLIP, format=form)


def test_labels_of_another_recording_and_no_labels_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="299 frames"):
        write_labels(Ethogram(BEHAVIORS, EXPECTED, 299), tmp_path / "a.csv", CLIP)
    with pytest.raises(LabelError, match="nothing is labelled"):
        write_labels(Ethogram(BEHAVIORS, (), 300), tmp_path / "a.csv", CLIP)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    path = tmp_path / "m1.tif"
    tifffile.imwrite(path, np.zeros((300, 4, 4), np.uint16), photometric="minisblack")
    return path


Run = Callable[..., tuple[int, str, str]]


def test_the_command_line_imports_beside_the_movie_and_exports(
    run: Run, movie: Path, tmp_path: Path
) -> None:
    labels = written(tmp_path, TABULAR_7)
    code, out, err = run("label", movie, "--frame-rate", 30, "--import", labels, "--json")
    assert code == 0
    summary = json.loads(out)
    assert summary["behaviors"]["groom"] == {"bouts": 1, "frames": 31}
    assert summary["unknown_frames"] == 300 - 60 - 31 and len(summary["unmatched"]) == 3
    assert err.count("warning") == 3
    assert (tmp_path / "m1.tif.cortex/labels.jsonl").is_file()
    exported = tmp_path / "out.csv"
    code, out, _ = run(
        "label", movie, "--frame-rate", 30, "--export", exported, "--format", "boris-aggregated"
    )
    assert code == 0 and "run" in out and str(exported) in out
    assert import_labels(exported, CLIP).ethogram.bouts == EXPECTED


def test_the_command_line_refuses_in_one_sentence_and_leaves_no_labels(
    run: Run, movie: Path, tmp_path: Path
) -> None:
    bad = written(tmp_path, ONE_HOT)
    code, out, err = run("label", movie, "--frame-rate", 30, "--import", bad)
    assert code == 2 and not out and err.count("\n") == 1 and "labels 6 frames" in err
    assert not (tmp_path / "m1.tif.cortex").exists()


class Counted(Clip):
    """The clock of a long recording, which counts how often it is made."""

    n_read = 0

    @property
    def times(self) -> NDArray[np.float64]:
        type(self).n_read += 1
        return np.arange(self.n_frames) / self.frame_rate


@pytest.mark.parametrize("form", Format)
def test_a_clock_of_a_million_frames_is_made_once_for_all_bouts(
    tmp_path: Path, form: Format, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Counted, "n_read", 0)
    clip = Counted(1_000)
    bouts = tuple(Bout(start, start + 3, "run") for start in range(0, 1_000, 5))
    path = tmp_path / f"labels.{'nwb' if form == Format.NWB else 'csv'}"
    write_labels(Ethogram(("run",), bouts, 1_000), path, clip, format=form)
    assert import_labels(path, clip).ethogram.bouts == bouts
    assert Counted.n_read <= 4
