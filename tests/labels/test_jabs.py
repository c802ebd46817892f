"""Labels of JABS: blocks of frames, several animals, what is labeled as not shown."""

from __future__ import annotations

import json
from pathlib import Path

import dask.array as da
import pytest

from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.labels import Bout, read_labels
from napari_cortex_decoder.recording import Recording


def movie(n: int = 40) -> Recording:
    times = 12.5 + da.arange(n).compute() / 10
    return Recording(movie=da.zeros((n, 4, 5), "u2"), name="m1", frame_times=times)


def block(start: int, end: int, present: bool = True) -> dict[str, object]:
    return {"start": start, "end": end, "present": present}


def write(path: Path, labels: dict, n: int = 40, **more: object) -> Path:
    said = {"version": 1, "file": "m1.avi", "num_frames": n, "labels": labels, **more}
    path.write_text(json.dumps(said), encoding="utf-8")
    return path


def test_blocks_end_with_their_last_frame_and_what_is_not_shown_is_background(tmp_path: Path):
    blocks = {"run": [block(5, 11), block(20, 24, False)], "groom": [block(24, 29)]}
    labels = read_labels(write(tmp_path / "m1.json", {"0": blocks}), movie())
    assert labels.bouts == (Bout(5, 12, "run"), Bout(20, 24, "background"), Bout(24, 30, "groom"))
    assert labels.frames()[0] == -1


def test_whole_blocks_count_before_those_cut_where_the_pose_was_lost(tmp_path: Path) -> None:
    cut, whole = {"0": {"run": [block(5, 6)]}}, {"0": {"run": [block(5, 11)]}}
    path = write(tmp_path / "m1.json", cut, unfragmented_labels=whole)
    assert read_labels(path, movie()).bouts == (Bout(5, 12, "run"),)


def test_of_several_animals_one_is_chosen_by_its_name(tmp_path: Path) -> None:
    animals = {"0": {"run": [block(0, 4)]}, "1": {"run": [block(10, 14)]}, "2": {}}
    path = write(tmp_path / "m1.json", animals, external_identities={"0": 7001, "1": 7002})
    with pytest.raises(LabelError, match=r"\['7001', '7002'\]; choose one as subject"):
        read_labels(path, movie())
    assert read_labels(path, movie(), subject="7002").bouts == (Bout(10, 15, "run"),)


def test_a_video_at_another_rate_is_lined_up_by_time(tmp_path: Path) -> None:
    path = write(tmp_path / "m1.json", {"0": {"run": [block(30, 59)]}}, n=120)
    assert read_labels(path, movie(), rate=30).bouts == (Bout(10, 20, "run"),)
    with pytest.raises(LabelError, match="rate"):
        read_labels(path, movie())


def test_a_frame_of_two_behaviors_is_of_the_first_and_told(tmp_path: Path) -> None:
    path = write(tmp_path / "m1.json", {"0": {"run": [block(0, 9)], "groom": [block(5, 14)]}})
    with pytest.warns(UserWarning, match="5 frames are of several"):
        labels = read_labels(path, movie())
    assert labels.bouts == (Bout(0, 10, "run"), Bout(10, 15, "groom"))


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[1]", '{"num_frames": 9}', '{"num_frames": 1e99, "labels": {"0": {}}}',
     '{"num_frames": 9, "labels": {"0": {"run": [{"start": 1}]}}}',
     '{"num_frames": 9, "labels": {"0": [3]}}',
     '{"num_frames": 9, "labels": {"0": {"run": [{"start": 3, "end": 9, "present": true}]}}}'],
)  # fmt: skip
def test_what_is_no_file_of_jabs_is_refused_in_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(LabelError) as caught:
        read_labels(tmp_path / "a.json", movie())
    assert str(tmp_path / "a.json") in str(caught.value) and "\n" not in str(caught.value)
