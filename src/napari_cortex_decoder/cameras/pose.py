"""Where a tracker saw the parts of the mouse: tables of DeepLabCut and SLEAP, as traces."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_cortex_decoder import child
from napari_cortex_decoder.cameras.camera import Camera
from napari_cortex_decoder.containers import hdf5
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.reading import reads
from napari_cortex_decoder.recording.recording import BehaviorTrace

POSE_SUFFIXES = (".csv", ".h5", ".slp")
SURE = 0.6
"""From this confidence on a place counts."""

_LARGEST = 2**29  # bytes that pictures without a row may take
_MORE_ROWS = 2  # that a table may have: programs disagree on how many pictures a video holds


@dataclass(frozen=True, eq=False)
class Pose:
    """Where keypoints are in each picture of a camera."""

    path: Path
    names: tuple[str, ...]  # of the k keypoints, before them the animal's where there are several
    places: NDArray[np.float64]  # (n, k, 2): x and y in px; NaN where it was not seen
    confidence: NDArray[np.float64]  # (n, k), 0 to 1


@reads("a pose table", remedy="export it again from DeepLabCut or SLEAP")
def read_pose(path: str | Path) -> Pose:
    """Read a pose table.

    Parameters
    ----------
    path
        A CSV of DeepLabCut, of one animal or several; SLEAP's predictions (.slp) or analysis (.h5),
        read by sleap-io. DeepLabCut's .h5 is read from the CSV beside it: the names in it are
        pickled Python, which is never run here.

    Raises
    ------
    RecordingError
        If it is no such table, or sleap-io is not installed.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return _deeplabcut(path)
    if suffix == ".h5":
        with hdf5.opened(path) as file:
            of_sleap = {"tracks", "node_names"} <= set(file)
        if not of_sleap:
            beside = path.with_suffix(".csv")
            if beside.is_file():
                return _deeplabcut(beside)
            raise RecordingError(
                f"{path}: the names in DeepLabCut's HDF5 are pickled Python, which is never run "
                "here; write its CSV with deeplabcut.analyze_videos_converth5_to_csv."
            )
        return _sleap(path, "analysis_h5")
    if suffix == ".slp":
        return _sleap(path, "slp")
    raise RecordingError(f"{path}: poses are read from {', '.join(POSE_SUFFIXES)}; give one.")


def keypoint_speed(pose: Pose, camera: Camera, keypoint: str) -> BehaviorTrace:
    """Return how fast a keypoint moves (px/s), on the clock of its camera.

    Parameters
    ----------
    pose
        A row for each picture of the camera, from the first one on.
    camera
        What was tracked.
    keypoint
        Its name.

    Returns
    -------
    BehaviorTrace
        The way from one picture to the next, by its time; NaN where either is not `SURE`.

    Raises
    ------
    RecordingError
        If there is no such keypoint, or the table is of a longer video.
    """
    if keypoint not in pose.names:
        raise RecordingError(
            f"{pose.path}: no keypoint {keypoint!r}, only {', '.join(pose.names)}; name one."
        )
    rows, pictures = len(pose.places), camera.n_frames
    if rows > pictures + _MORE_ROWS:
        raise RecordingError(
            f"{pose.path}: {rows} rows for the {pictures} pictures of {camera.name}; give the "
            "table of this video."
        )
    place = pose.names.index(keypoint)
    n = min(rows, pictures)
    unsure = ~(pose.confidence[:n, place] >= SURE)
    at = np.where(unsure[:, None], np.nan, pose.places[:n, place])
    speed = np.full(pictures, np.nan)
    times = camera.times
    speed[1:n] = np.linalg.norm(np.diff(at, axis=0), axis=1) / np.diff(times[:n])
    return BehaviorTrace(f"{keypoint} {camera.name}", speed, times, "px/s")


def _deeplabcut(path: Path) -> Pose:
    """Read a CSV of DeepLabCut: three or four rows of names, then a row a picture."""
    with path.open(encoding="utf-8-sig") as file:
        heads = [file.readline().split(",", 1)[0].strip() for _ in range(4)]
    n_heads = 4 if heads[1] == "individuals" else 3
    if heads[0] != "scorer" or heads[n_heads - 1] != "coords":
        raise RecordingError(
            f"{path}: its first rows are not DeepLabCut's scorer, bodyparts, coords; give the CSV "
            "that it writes for a video."
        )
    table = pd.read_csv(path, header=list(range(n_heads)), index_col=0, encoding="utf-8-sig")
    if not pd.api.types.is_integer_dtype(table.index):
        raise RecordingError(
            f"{path}: its rows are labelled pictures, not a video's; give the CSV that DeepLabCut "
            "writes when it analyzes a video."
        )
    if table.index.has_duplicates or (table.index < 0).any():
        raise RecordingError(
            f"{path}: a picture has several rows, or a number below 0; export it again."
        )
    table = table.droplevel(0, axis=1)
    names = list(dict.fromkeys(column[:-1] for column in table.columns))
    animals = {name[0] for name in names if len(name) > 1}
    n = int(table.index.max()) + 1
    _check_size(path, n, len(names))
    values = np.full((n, len(names), 3), np.nan)
    for place, name in enumerate(names):
        for axis, coordinate in enumerate(("x", "y", "likelihood")):
            values[table.index, place, axis] = table[(*name, coordinate)].to_numpy(float)
    shown = tuple(" ".join(name if len(animals) > 1 else name[-1:]) for name in names)
    return Pose(path, shown, values[:, :, :2], values[:, :, 2])


def _check_size(path: Path, pictures: int, keypoints: int) -> None:
    """Refuse a table that claims far more pictures than it has rows for."""
    if 24 * pictures * keypoints > max(_LARGEST, 64 * path.stat().st_size):
        raise RecordingError(
            f"{path}: it claims {pictures} pictures, more than it can hold; export it again."
        )


def _sleap(path: Path, form: str) -> Pose:
    """Read what SLEAP predicted, by its own reader, which believes what a file claims."""
    names, values = child.call(read_sleap, path, form, what="a file of SLEAP")
    return Pose(path, names, values[:, :, :2], values[:, :, 2])


def read_sleap(path: Path, form: str) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Return names of k keypoints, and x, y (px) and confidence of each, shape (n, k, 3).

    Raises RecordingError if a part of it lies in another file, or claims more than is there.
    """
    try:
        import sleap_io
    except ImportError as error:
        raise RecordingError(
            f"{path}: SLEAP's files need sleap-io: pip install 'napari-cortex-decoder[pose]'."
        ) from error
    with hdf5.opened(path) as file:
        file.visititems(_look)
        if file.outside:
            raise RecordingError(file.outside[0])
    options: dict[str, Any] = {"open_videos": False} if form == "slp" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the video, which is not needed
        labels = sleap_io.load_file(str(path), format=form, **options)
        if not labels.skeletons:
            raise RecordingError(f"{path}: it has no skeleton; export it again from SLEAP.")
        nodes = [node.name for node in labels.skeletons[0].nodes]
        last = max((frame.frame_idx for frame in labels.labeled_frames), default=0)
        _check_size(path, int(last) + 1, len(nodes) * max(1, len(labels.tracks)))
        found = labels.numpy(untracked=not labels.tracks, return_confidence=True)
    tracks = [track.name for track in labels.tracks] or [str(i) for i in range(found.shape[1])]
    several = found.shape[1] > 1
    names = tuple(f"{track} {node}" if several else node for track in tracks for node in nodes)
    values = np.asarray(found, np.float64).reshape(len(found), -1, 3)
    placed = np.isnan(values[:, :, 2]) & np.isfinite(values[:, :, 0])
    values[placed, 2] = 1.0  # what a person placed has no score
    return names, values


def _look(name: str, item: Any) -> None:
    """Read a member that is not the pictures of a video, so that it is held to what it claims."""
    if isinstance(item, h5py.Dataset) and not name.startswith("video"):
        _ = item[()]
