"""Events of BORIS lie on the frames of the movie that was scored, whatever else was played."""

from __future__ import annotations

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
