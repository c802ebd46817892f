"""Events of BORIS lie on the frames of the movie that was scored, whatever else was played."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from helpers.stages import Clip
from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.labels import Bout, read_labels

COLUMNS = (
    "Observation id", "Source", "Time offset (s)", "Media duration (s)", "FPS", "Subject",
    "Behavior", "Behavior type", "Time", "Media file name", "Image index",
)  # fmt: skip


def boris(
    folder: Path, *events: tuple[float, str, object], source: str = "player #1:m1.mp4",
    offset: object = 0, length: str = "4.000", fps: str = "10.000",
) -> Path:  # fmt: skip
    """Write START and STOP in turns of a behavior ``run``."""
    rows = ["\t".join(COLUMNS)]
    for at, (time, medium, index) in enumerate(events):
        kind = "STOP" if at % 2 else "START"
        cells = ("o1", source, offset, length, fps, "mouse", "run", kind, time, medium, index)
        rows.append("\t".join(map(str, cells)))
    path = folder / "events.tsv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


TWO = {"source": "player #1:a.mp4;m1.mp4", "length": "6.000;4.000", "fps": "25.000;10.000"}


@pytest.mark.filterwarnings("ignore")
def test_of_two_media_in_a_row_the_one_called_as_the_movie_counts(tmp_path):
    events = [(1.0, "a.mp4", 25), (2.0, "a.mp4", 50), (7.0, "m1.mp4", 10), (8.0, "m1.mp4", 20)]
    path = boris(tmp_path, *events, **TWO)
    assert read_labels(path, Clip(40, 10.0)).bouts == (Bout(10, 20, "run"),)
    first = Clip(150, 25.0, name="a")
    assert read_labels(path, first).bouts == (Bout(25, 50, "run"),)
    by_length = Clip(40, 10.0, name="other")
    assert read_labels(path, by_length).bouts == (Bout(10, 20, "run"),)


def test_media_that_cannot_be_told_are_asked_for(tmp_path):
    path = boris(tmp_path, (7.0, "m1.mp4", "NA"), (8.0, "m1.mp4", "NA"), **TWO)
    other = Clip(90, 30.0, name="other")
    with pytest.raises(LabelError, match=r"several media.*a\.mp4.*--media"):
        read_labels(path, other)
    assert read_labels(path, other, media="m1.mp4").bouts == (Bout(30, 60, "run"),)
    with pytest.raises(LabelError, match="no medium 'x'"):
        read_labels(path, other, media="x")


@pytest.mark.filterwarnings("ignore")
def test_a_bout_from_one_medium_into_the_next_is_cut_at_the_movie(tmp_path):
    path = boris(tmp_path, (5.0, "a.mp4", 125), (7.0, "m1.mp4", 10), **TWO)
    assert read_labels(path, Clip(40, 10.0)).bouts == (Bout(0, 10, "run"),)


@pytest.mark.parametrize("index", ["NA", "frames"])
@pytest.mark.parametrize("offset", [1.0, -2.0, 5400.0])
def test_the_time_offset_is_taken_off(tmp_path, index, offset):
    shown = [10, 20] if index == "frames" else ["NA", "NA"]
    events = [(1 + offset, "m1.mp4", shown[0]), (2 + offset, "Not found", shown[1])]
    path = boris(tmp_path, *events, offset=offset, length="99.000")
    with pytest.warns(UserWarning, match="offset"):
        assert read_labels(path, Clip(40, 10.0)).bouts == (Bout(10, 20, "run"),)


def test_an_offset_that_image_indices_contradict_is_not_taken_off(tmp_path):
    events = [(1.0, "m1.mp4", 10), (2.0, "m1.mp4", 20)]
    path = boris(tmp_path, *events, offset=1.0, length="99.000")
    with pytest.warns(UserWarning, match="no part of its times"):
        assert read_labels(path, Clip(40, 10.0)).bouts == (Bout(10, 20, "run"),)


def test_a_movie_that_was_played_at_another_rate_is_labelled_by_its_frames(tmp_path):
    """A movie of 30 Hz saved as a video of 10: one second of it are ten frames all the same."""
    for index in ([10, 20], ["NA", "NA"]):
        events = [(1.0, "m1.mp4", index[0]), (2.0, "m1.mp4", index[1])]
        assert read_labels(boris(tmp_path, *events), Clip(40, 30.0)).bouts == (Bout(10, 20, "run"),)


def test_another_video_than_the_movie_is_told(tmp_path):
    path = boris(tmp_path, (1.0, "face.mp4", 30), (2.0, "face.mp4", 60),
                 source="player #1:face.mp4", length="9.000", fps="30.000")  # fmt: skip
    with pytest.warns(UserWarning, match=r"face\.mp4 was scored"):
        assert read_labels(path, Clip(40, 10.0)).bouts == (Bout(10, 20, "run"),)


# -- variants, pictures, projects ------------------------------------------------------------


def tabular(folder: Path, header: str, *rows: str) -> Path:
    path = folder / "events.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


@pytest.mark.filterwarnings("ignore")
def test_variants_of_a_behavior_that_overlap_are_paired_apart(tmp_path):
    rows = ["run,left,START,1.0", "run,right,START,1.5", "run,left,STOP,2.0", "run,right,STOP,3.0"]
    path = tabular(tmp_path, "Behavior,Modifier #1,Behavior type,Time", *rows)
    bouts = read_labels(path, Clip(40, 10.0)).bouts
    assert (bouts[0].start, bouts[-1].stop) == (10, 30)


@pytest.mark.parametrize("aggregated", [True, False])
def test_pictures_have_numbers_and_no_times(tmp_path, aggregated):
    if aggregated:
        header = "Behavior,Behavior type,Start (s),Stop (s),Image index start,Image index stop"
        path = tabular(tmp_path, header, "run,STATE,NA,NA,10,20")
    else:
        header = "Behavior,Behavior type,Time,Image index"
        path = tabular(tmp_path, header, "run,START,NA,10", "run,STOP,NA,20")
    with pytest.warns(UserWarning, match="pictures were scored"):
        assert read_labels(path, Clip(40, 10.0)).bouts == (Bout(10, 20, "run"),)


@pytest.mark.filterwarnings("ignore")
def test_a_time_offset_may_be_a_clock_time(tmp_path):
    events = [(3661.0, "m1.mp4", "NA"), (3662.0, "m1.mp4", "NA")]
    path = boris(tmp_path, *events, offset="01:01:00.000")
    assert read_labels(path, Clip(40, 10.0)).bouts[0] == Bout(10, 20, "run")


def project(folder: Path, name: str = "p.boris", **changes) -> Path:
    """A project of BORIS of one observation: two players, the second of which began 5 s later."""
    observation = {
        "type": "MEDIA", "time offset": 0.0, "file": {"1": ["/v/cam.avi"], "2": ["/v/m1.mp4"]},
        "media_info": {
            "length": {"/v/cam.avi": 20.0, "/v/m1.mp4": 4.0},
            "fps": {"/v/cam.avi": 25.0, "/v/m1.mp4": 10.0}, "offset": {"1": 0.0, "2": 5.0},
        },
        "events": [[6.0, "", "run", "", ""], [6.5, "", "lick", "", ""], [7.0, "", "run", "", ""]],
        **changes,
    }  # fmt: skip
    kinds = {
        "0": {"code": "run", "type": "State event"},
        "1": {"code": "lick", "type": "Point event"},
    }
    text = json.dumps({"observations": {"o1": observation}, "behaviors_conf": kinds})
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    return path


@pytest.mark.parametrize("name", ["p.boris", "p.boris.gz"])
def test_a_project_is_read_with_the_offset_of_its_player(tmp_path, name):
    with pytest.warns(UserWarning, match="point event"):
        assert read_labels(project(tmp_path, name), Clip(40, 10.0)).bouts == (Bout(10, 20, "run"),)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("media", "events"),
    [
        ({"1": ["a.mp4", "m1.mp4"]}, [[7.0, "", "run", "", "", 10], [8.0, "", "run", "", "", 20]]),
        ({"1": ["m1.mp4"]}, [[9.0, "", "run", "", "", 10], [9.5, "", "run", "", "", 20]]),
        ({"1": ["m1.mp4"], "2": []}, [[1.0, "", "run", "x", ""], [2.0, "", "run", "x", ""]]),
    ],
)
def test_media_in_a_row_and_indices_in_a_project(tmp_path, media, events):
    info = {"length": {"a.mp4": 6.0, "m1.mp4": 4.0}, "fps": {"a.mp4": 25.0, "m1.mp4": 10.0}}
    path = project(tmp_path, file=media, media_info=info, events=events)
    assert read_labels(path, Clip(40, 10.0)).bouts == (Bout(10, 20, "run"),)


@pytest.mark.parametrize("content", [b"{}", b"[1]", b"{", b'{"observations": {"o": {}}}'])
def test_what_is_no_project_or_has_no_event_is_refused(tmp_path, content):
    path = tmp_path / "p.boris"
    path.write_bytes(content)
    with pytest.raises(LabelError) as refused:
        read_labels(path, Clip(40, 10.0))
    assert "\n" not in str(refused.value)
