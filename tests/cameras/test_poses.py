"""Pose tables of DeepLabCut and SLEAP: keypoints by name, speeds on the camera's clock."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from napari_cortex_decoder.cameras import Camera, CameraClock
from napari_cortex_decoder.cameras.pose import Pose, keypoint_speed, read_pose
from napari_cortex_decoder.errors import RecordingError

N = 12
NODES = ("nose", "left paw")


def places(animals: int = 1) -> NDArray[np.float64]:
    """Where each animal's nodes are, shape (N, animals, 2, 2): all go on by (3, 4) a picture."""
    start = 100.0 * np.arange(animals * 2).reshape(1, animals, 2, 1)
    steps = np.arange(N)[:, None, None, None] * np.array([3.0, 4.0])
    return np.asarray(start + steps)


def camera(n: int = N) -> Camera:
    """Twenty pictures a second, on a clock that began two seconds before the session's."""
    clock = CameraClock(-2.0, 0.01)
    return Camera(name="face", pictures=None, own_times=np.arange(n) / 20, clock=clock, files=())  # type: ignore[arg-type]


def deeplabcut(path: Path, animals: int = 1, *, rows: slice = slice(None)) -> Path:
    """Write what DeepLabCut does when it analyzes a video."""
    at, cells = places(animals), {}
    for animal in range(animals):
        for node, name in enumerate(NODES):
            who = ("scorer", f"mouse{animal}", name) if animals > 1 else ("scorer", name)
            values = (*at[:, animal, node].T, np.where(np.arange(N) == 5, 0.1, 0.99))
            for axis, one in zip(("x", "y", "likelihood"), values, strict=True):
                cells[*who, axis] = one
    table = pd.DataFrame(cells)
    levels = ("scorer", "individuals", "bodyparts", "coords")
    table.columns.names = levels if animals > 1 else (levels[0], *levels[2:])
    table.iloc[rows].to_csv(path)
    return path


def sleap(path: Path) -> Path:
    """Write what SLEAP does, by its own library."""
    sio = pytest.importorskip("sleap_io")
    skeleton = sio.Skeleton(list(NODES))
    video = sio.Video(filename="gone.mp4", open_backend=False)
    video.backend_metadata["shape"] = (N, 64, 64, 1)
    track = sio.Track("mouse")
    frames = []
    for number, at in enumerate(places()[:, 0]):
        score = np.array([0.1 if number == 5 else 0.9] * 2)
        instance = sio.PredictedInstance.from_numpy(
            at, skeleton=skeleton, point_scores=score, score=0.9, track=track
        )
        frames.append(sio.LabeledFrame(video=video, frame_idx=number, instances=[instance]))
    labels = sio.Labels(frames, videos=[video], skeletons=[skeleton], tracks=[track])
    if path.suffix == ".slp":
        labels.save(str(path), verbose=False)
    else:
        sio.save_analysis_h5(labels, str(path))
    return path


@pytest.mark.parametrize("name", ["dlc.csv", "sleap.slp", "sleap.h5"])
def test_keypoints_come_by_name_and_move_on_the_cameras_clock(name: str, tmp_path: Path) -> None:
    make = deeplabcut if name.endswith(".csv") else sleap
    pose = read_pose(make(tmp_path / name))
    assert pose.names == NODES
    np.testing.assert_allclose(pose.places, places()[:, 0])
    filmed = camera()
    trace = keypoint_speed(pose, filmed, "left paw")
    assert (trace.name, trace.unit) == ("left paw face", "px/s")
    np.testing.assert_array_equal(trace.times, filmed.times)
    unsure = {0, 5, 6}  # nothing before the first; the sixth place is not sure
    assert set(np.flatnonzero(np.isnan(trace.values))) == unsure
    np.testing.assert_allclose(trace.values[~np.isnan(trace.values)], 5 * 20 / 1.01)


def test_several_animals_are_told_apart(tmp_path: Path) -> None:
    pose = read_pose(deeplabcut(tmp_path / "two.csv", animals=2))
    assert pose.names == ("mouse0 nose", "mouse0 left paw", "mouse1 nose", "mouse1 left paw")
    np.testing.assert_allclose(pose.places[:, 2:], places(2)[:, 1])


def test_a_table_that_begins_late_says_nothing_of_the_pictures_before(tmp_path: Path) -> None:
    pose = read_pose(deeplabcut(tmp_path / "late.csv", rows=slice(3, 9)))
    speed = keypoint_speed(pose, camera(), "nose").values
    assert np.flatnonzero(np.isfinite(speed)).tolist() == [4, 7, 8]


def test_the_csv_beside_is_read_for_deeplabcuts_hdf5(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["df_with_missing/table"] = np.zeros(3)
    with pytest.raises(RecordingError, match="never run here"):
        read_pose(tmp_path / "v.h5")
    deeplabcut(tmp_path / "v.csv")
    assert read_pose(tmp_path / "v.h5").names == NODES


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("time,speed\n0,1\n1,2\n2,3\n3,4\n", "not DeepLabCut's scorer"),
        ("", "not DeepLabCut's scorer"),
        ("scorer,a,a,a\nbodyparts,n,n,n\ncoords,x,y,likelihood\nlabeled-data/v/img1.png,1,2,1\n",
         "labelled pictures"),
        ("scorer,a,a\nbodyparts,n,n\ncoords,x,y\n0,1,2\n", "cannot be read as a pose table"),
    ],
)  # fmt: skip
def test_what_is_no_pose_table_is_refused_in_one_sentence(
    content: str, why: str, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(RecordingError, match=why) as told:
        read_pose(tmp_path / "t.csv")
    assert "t.csv" in str(told.value) and "\n" not in str(told.value)


def test_a_damaged_file_of_sleap_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = sleap(tmp_path / "s.slp")
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(RecordingError, match=r"s\.slp"):
        read_pose(path)


def test_the_table_of_a_longer_video_is_refused(tmp_path: Path) -> None:
    pose = Pose(tmp_path / "v.csv", ("nose",), np.zeros((20, 1, 2)), np.ones((20, 1)))
    with pytest.raises(RecordingError, match="20 rows for the 12 pictures of face"):
        keypoint_speed(pose, camera(), "nose")
    with pytest.raises(RecordingError, match="no keypoint 'tail'"):
        keypoint_speed(pose, camera(), "tail")


# a few bytes that claim gigabytes, and rows that would stand in the place of others
@pytest.mark.parametrize("number", ["40000000", "-3", "8"])
def test_rows_that_cannot_be_of_this_video_are_refused(number: str, tmp_path: Path) -> None:
    path = deeplabcut(tmp_path / "t.csv")
    path.write_text(path.read_text().replace("\n11,", f"\n{number},"))
    with pytest.raises(RecordingError, match=r"t\.csv: (it claims|a picture has)"):
        read_pose(path)


def test_a_file_of_sleap_that_claims_a_later_picture_takes_no_memory_for_it(tmp_path: Path) -> None:
    path = sleap(tmp_path / "s.slp")
    with h5py.File(path, "a") as file:
        frames = file["frames"][()]
        frames["frame_idx"][-1] = 10**9
        file["frames"][...] = frames
    with pytest.raises(RecordingError, match=r"s\.slp: it claims 1000000001 pictures"):
        read_pose(path)


@pytest.mark.parametrize("name", ["s.slp", "s.h5"])
def test_a_file_of_sleap_is_no_way_into_other_files(name: str, tmp_path: Path) -> None:
    path = sleap(tmp_path / name)
    secret = sleap(tmp_path / f"secret{path.suffix}")
    member = "pred_points" if path.suffix == ".slp" else "point_scores"
    with h5py.File(path, "a") as file:
        del file[member]
        file[member] = h5py.ExternalLink(str(secret), member)
    with pytest.raises(RecordingError, match=f"{member} lies in the file .*secret"):
        read_pose(path)
