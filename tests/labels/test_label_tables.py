"""Tables of labels as spreadsheets, R, SimBA, BIDS and people make them, on the frames meant."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.stages import Clip
from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.labels import read_labels

N = 40
CLIP = Clip(N, frame_rate=10)
RUN = [("run", 10, 20)]
WHOLE = [("rest", 0, 10), ("run", 10, 20), ("rest", 20, 40)]


def read(folder: Path, text: str, *, encoding: str = "utf-8", clip=CLIP, **options):
    """The bouts of a table, and what was told."""
    path = folder / "labels.csv"
    path.write_text(text, encoding=encoding)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        bouts = read_labels(path, clip, **options).bouts
    return [(b.behavior, b.start, b.stop) for b in bouts], [str(one.message) for one in told]


@pytest.mark.parametrize(
    "text",
    [
        "onset\tduration\ttrial_type\n1.0\t1.0\trun\n",
        "Start Time;End Time;Event\n1,0;2,0;run\n",
        't_start,t_end,label\n"1","2","run"\n',
        "Start (ms),Stop (ms),Behavior\n1000,2000,run\n",
        'start (ms),stop (ms),behavior\n"1,000","2,000",run\n',
        "start,stop,behaviour\n00:00:01.0,00:00:02.0,run\n",
        "start,stop,behavior\n0:01,0:02,run\n",
        '"start","stop","behavior"\n"1",1,2,"run"\n"2",5,6,""\n',
        "# scored by me\n\nstart,stop,behavior,\n1,2,run,\n",
        "start,stop,behavior,comment\n1,2,run\n",
        ",start,stop,behavior\n0,1,2,run\n1,5,6,\n",
        "Scored by,me\nOn,Monday\nstart,stop,behavior\n1,2,run\n3,4,\n5,6,\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_bouts_in_seconds(tmp_path: Path, text: str, encoding: str) -> None:
    found, _ = read(tmp_path, text, encoding=encoding)
    assert found == RUN


def frames(row: Callable[[int], str], header: str, of: range = range(N)) -> str:
    return header + "\n" + "".join(f"{row(i)}\n" for i in of)


def is_run(i: int) -> bool:
    return 10 <= i < 20


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (frames(lambda i: f"{i},{is_run(i)},{not is_run(i)}", "frame,run,rest"), WHOLE),
        (frames(lambda i: f"{i / 10},{+is_run(i)},{+(not is_run(i))}", "time,run,rest"), WHOLE),
        (frames(lambda i: f"{i + 1},{float(is_run(i))}", ",run"), RUN),
        (frames(lambda i: f"{+is_run(i)},{+(not is_run(i))}", "run,rest"), WHOLE),
        (frames(lambda i: "run" if is_run(i) else "rest", "behavior"), WHOLE),
        (frames(lambda i: f"{i},{i * 1.5},0.9,{i / 7},{+is_run(i)},0", ",Ear_x,Ear_p,p,run,bite"),
         RUN),
        (frames(lambda i: f"{i / 10};{i};{i / 3:.2f};{+is_run(i)}",
                "Trial time;Recording time;Velocity;run\ns;s;cm/s;"), RUN),
    ],
)  # fmt: skip
def test_one_column_a_behavior(tmp_path: Path, text: str, wanted) -> None:
    assert read(tmp_path, text)[0] == wanted


def test_which_of_many_columns_are_behaviors_is_told(tmp_path: Path) -> None:
    text = frames(lambda i: f"{i},{i / 7},{+is_run(i)}", ",Probability_run,run")
    assert "taken for behaviors: run;" in read(tmp_path, text)[1][0]


# -- from 0 or from 1 ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "start_frame,end_frame,behavior\n0,10,rest\n10,20,run\n20,40,rest\n",
        "start_frame,end_frame,behavior\n0,9,rest\n10,19,run\n20,39,rest\n",
        "First frame,Last frame,Behavior\n1,10,rest\n11,20,run\n21,40,rest\n",
        "Start (frames),Stop (frames),Behavior\n1,11,rest\n11,21,run\n21,41,rest\n",
    ],
)
def test_bouts_that_follow_each_other_tell_how_frames_are_counted(tmp_path: Path, text) -> None:
    assert read(tmp_path, text)[0] == WHOLE


def test_how_frames_are_counted_is_told_where_nothing_shows_it_and_can_be_said(tmp_path) -> None:
    text = "start_frame,stop_frame,behavior\n11,21,run\n"
    found, told = read(tmp_path, text)
    assert found == [("run", 11, 21)] and "first_frame=1" in told[0]
    assert read(tmp_path, text, first_frame=1)[0] == RUN


@pytest.mark.parametrize("first", [0, 1])
def test_rows_of_some_frames_are_placed_by_their_numbers(tmp_path: Path, first: int) -> None:
    text = frames(lambda i: f"{i + first},run", "frame,behavior", range(10, 20))
    assert read(tmp_path, text, first_frame=first)[0] == RUN
    assert "10 of the movie's 40 frames" in read(tmp_path, text)[1][0]
    gaps = frames(lambda i: f"{i + first},run", "frame,behavior", range(10, 40, 5))
    assert [start for _, start, _ in read(tmp_path, gaps, first_frame=first)[0]] == [
        *range(10, 40, 5)
    ]


# -- clocks ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "day", ["2024-03-01T{}", "01.03.2024 {}", "3/1/2024 {}", "2024/03/01 {}", "2024-03-01 {}"]
)
def test_dates_begin_with_the_movie_and_that_is_told(tmp_path: Path, day: str) -> None:
    def row(i: int) -> str:
        return f"{day.format(f'10:00:0{i / 10:.3f}')},{'run' if is_run(i) else 'rest'}"

    found, told = read(tmp_path, frames(row, "timestamp,behavior", range(0, N, 2)))
    assert found == WHOLE and "dates" in told[0]


def test_dates_beyond_midnight_are_told_apart_by_the_order_that_fits(tmp_path: Path) -> None:
    times = [
        f"03/11/2024 23:59:{58 + i}" if i < 2 else f"03/12/2024 00:00:0{i - 2}" for i in range(4)
    ]
    rows = "".join(f"{t},{'run' if n == 1 else 'rest'}\n" for n, t in enumerate(times))
    assert read(tmp_path, "timestamp,behavior\n" + rows)[0] == [
        ("rest", 0, 6), ("run", 6, 16), ("rest", 16, 36)
    ]  # fmt: skip


def test_bouts_with_dates_need_to_be_told_when_the_movie_began(tmp_path: Path) -> None:
    text = "start,stop,behavior\n2024-03-01 10:00:01,2024-03-01 10:00:02,run\n"
    with pytest.raises(LabelError, match=r"dates.*--offset"):
        read(tmp_path, text)
    assert read(tmp_path, text, offset=1.0)[0] == RUN


def test_a_table_of_changes_holds_each_label_until_the_next(tmp_path: Path) -> None:
    found, told = read(tmp_path, "time,behavior\n0,rest\n1,run\n2,rest\n")
    assert found == WHOLE and "until the next" in told[0]


# -- whose -----------------------------------------------------------------------------------

TWO = "{},start,stop,behavior\nm1.mp4,1,2,run\nm2.mp4,3,4,run\n"


def test_of_several_videos_the_one_called_as_the_movie_counts_or_is_asked_for(tmp_path) -> None:
    named = Clip(N, frame_rate=10)
    named.name = "m1"
    assert read(tmp_path, TWO.format("video"), clip=named)[0] == RUN
    assert read(tmp_path, TWO.format("Video Name"), media="m2.mp4")[0] == [("run", 30, 40)]
    other = Clip(N, frame_rate=10)
    other.name = "elsewhere"
    with pytest.raises(LabelError, match=r"several media.*--media"):
        read(tmp_path, TWO.format("video"), clip=other)


def test_of_several_animals_one_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"several subjects.*--subject"):
        read(tmp_path, TWO.format("animal"))
    assert read(tmp_path, TWO.format("animal"), subject="m1.mp4")[0] == RUN


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("1,2,run\n3,4,rest\n", "header"),
        ("start,stop,behavior\n1,2,run,hello\n", "line 2"),
        ("start_furlongs,stop,behavior\n1,2,run\n", "is none of"),
        ("start (furlongs),stop,behavior\n1,2,run\n", "furlongs"),
    ],
)
def test_what_cannot_be_told_is_refused(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises(LabelError, match=word):
        read(tmp_path, text)
