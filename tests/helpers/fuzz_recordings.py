"""One sound recording of every kind, with what is kept beside it, and how it is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask.array as da
import h5py
import numpy as np
import tifffile
from PIL import Image

from cameras import test_cameras, test_poses
from helpers.movies import movie_of
from helpers.trace_files import write_nwb_traces
from napari_cortex_decoder.atlas import Registration, load_atlas
from napari_cortex_decoder.cameras import open_camera, remember_cameras
from napari_cortex_decoder.cameras.kept import remembered_cameras
from napari_cortex_decoder.cameras.pose import read_pose
from napari_cortex_decoder.cohort import CohortEntry
from napari_cortex_decoder.compute import CPU
from napari_cortex_decoder.errors import CortexDecoderError
from napari_cortex_decoder.recording import BehaviorTrace, Recording, open_recording, preprocess
from napari_cortex_decoder.recording.preprocessing import Bin
from napari_cortex_decoder.recording.sidecar import sidecar_folder
from napari_cortex_decoder.saliency import SaliencyMaps
from napari_cortex_decoder.saliency.keeping import keep_answer, kept_answer
from napari_cortex_decoder.saliency.question import Answer, Question
from napari_cortex_decoder.sessions import (
    applied,
    keep_behavior,
    keep_prediction,
    kept_prediction,
    kept_registration,
    look_at,
    open_session,
    remember_state,
)
from recording import (
    test_descriptions,
    test_format_details,
    test_formats,
    test_micromanager,
    test_sets,
    test_tiff,
    test_traces,
)
from recording.test_traces import CELL, NAMES, TRACES
from sessions import test_kept


@dataclass(frozen=True)
class Target:
    """A kind of file: `write` makes a sound one in a folder and gives its path."""

    write: Callable[[Path], Path]
    read: Callable[[Path], object]


MOVIE = (movie_of(frames=27, rows=20, columns=30) * 211).astype("uint16")
CLIP = Recording(movie=da.zeros((40, 20, 30)), name="m1", frame_rate=2.0)


def open_movie(path: Path) -> None:
    movie = open_recording(path).movie
    movie[0].compute()
    movie[-1].compute()


def of_text(name: str, text: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_text(text, encoding="utf-8")
        return folder / name

    return write


def of(name: str, make: Callable[[Path], object]) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        make(folder / name)
        return folder / name

    return write


def tiff(**way: Any) -> Callable[[Path], Path]:
    return of("m.tif", lambda path: tifffile.imwrite(path, MOVIE, **way))


def svd(folder: Path) -> Path:
    test_format_details.svd_pair(folder, MOVIE, ("U.npy", "SVT.npy"))
    return folder


def ibl(folder: Path) -> Path:
    test_format_details.ibl(folder, movie_of(frames=40), "haemoCorrected")
    return folder


def dated(folder: Path) -> Path:
    for index, frame in enumerate(MOVIE[:6]):
        tifffile.imwrite(folder / f"2024-05-06_10-11-12.{index * 40000:06d}.tif", frame)
    return folder


def micro_manager(folder: Path) -> Path:
    for index, frame in enumerate(MOVIE[:6]):
        tifffile.imwrite(folder / f"img_{index:09d}_GCaMP_000.tif", frame)
    return folder


def remembered(folder: Path) -> Path:
    np.save(folder / "m.npy", MOVIE)
    beside = folder / "m.npy.cortex"
    beside.mkdir()
    (beside / "recording.json").write_text(
        json.dumps({"version": 1, "frame_rate": 30.0, "pixel_size": 0.03, "axes": "tyx"})
    )
    return folder / "m.npy"


def traces_hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["traces"], file["areas"] = TRACES, NAMES


def with_a_list(folder: Path) -> Path:
    np.save(folder / "m.npy", TRACES)
    (folder / "areas.txt").write_text("\n".join(NAMES), encoding="utf-8")
    return folder / "m.npy"


def open_with_a_list(path: Path) -> None:
    areas = str(path.with_name("areas.txt"))
    open_recording(path, areas=areas, frame_rate=30).movie[3].compute()


def ndtiff(folder: Path) -> Path:
    places = [({"time": t}, f"s_{t // 4}.tif", MOVIE[t]) for t in range(9)]
    test_sets.ndtiff(folder, places)
    return folder


def ome_set(folder: Path) -> Path:
    where = {(t, c): (f"m_{c}.ome.tif", t) for t in range(6) for c in range(2)}
    test_sets.ome_set(folder, where)
    return folder / "m_0.ome.tif"


def video(suffix: str, codec: str) -> Callable[[Path], Path]:
    ticks = [round(n * 50 / 3) for n in range(24)]
    return of(f"c{suffix}", lambda path: test_cameras.write_video(path, ticks, codec=codec))


def pictures(suffix: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        for n in range(4):
            Image.fromarray(test_cameras.numbered(n)).save(folder / f"p{n}{suffix}")
        return folder

    return write


def open_mouse(path: Path) -> None:
    rate = 2.0 if path.is_dir() else None
    look_through(open_camera(path, CLIP, frame_rate=rate))


def look_through(camera: Any) -> None:
    camera.frame_at(3.0)
    with camera.pictures.opened() as picture:
        picture(len(camera.pictures) - 1)
        picture(0)


def with_times(folder: Path) -> Path:
    np.savetxt(folder / "t.csv", np.arange(24) / 2, header="time", comments="")
    return video(".avi", "mjpeg")(folder)


def open_with_times(path: Path) -> None:
    look_through(open_camera(path, CLIP, frame_times=path.with_name("t.csv")))


def described(name: str, said: str) -> Callable[[Path], Path]:
    """Write raw frames, and beside them what tells their shape."""

    def write(folder: Path) -> Path:
        test_descriptions.MOVIE.tofile(folder / "m.raw")
        (folder / name).write_text(said, encoding="utf-8")
        return folder / "m.raw"

    return write


def nwb_camera(folder: Path) -> Path:
    video(".avi", "mjpeg")(folder)
    stamps = [n / 2 for n in range(24)]
    return test_cameras.write_nwb(folder / "m1.nwb", "c.avi", timestamps=stamps)


def cameras() -> dict[str, Target]:
    kinds = {
        ".mp4": "libx264", ".avi": "mjpeg", ".mov": "mpeg4", ".wmv": "wmv2", ".flv": "flv",
        ".webm": "libvpx", ".ts": "libx264",
    }  # fmt: skip
    made = {f"camera {s}": Target(video(s, codec), open_mouse) for s, codec in kinds.items()}
    for suffix in (".png", ".jpg", ".tif"):
        made[f"camera of {suffix}"] = Target(pictures(suffix), open_mouse)
    tables = {"pose table": "t.csv", "pose SLEAP": "t.slp", "pose SLEAP analysis": "t.h5"}
    makes = (test_poses.deeplabcut, test_poses.sleap, test_poses.sleap)
    for (kind, name), make in zip(tables.items(), makes, strict=True):
        made[kind] = Target(of(name, make), read_pose)
    made["camera of an NWB"] = Target(nwb_camera, open_mouse)
    return made | {"camera with times": Target(with_times, open_with_times)}


def session(folder: Path) -> Path:
    """Write a movie, and beside it all that is kept of a session."""
    path = folder / "m1.tif"
    movie = np.random.default_rng(0).integers(0, 4000, (60, 16, 16), dtype=np.uint16)
    tifffile.imwrite(path, movie, imagej=True, metadata={"axes": "TYX", "fps": 30.0})
    speed = BehaviorTrace("speed", np.arange(60.0), np.arange(60) / 30, "cm/s")
    recording = open_recording(path).replace(behavior={"speed": speed})
    keep_behavior(recording, ["speed"], said="by hand")
    keep_prediction(recording, test_kept.prediction(), "run-rest")
    remember_state(path, decoder="run-rest", steps=preprocess(recording, [Bin(pixels=2)]).steps)
    camera = open_camera(video(".avi", "mjpeg")(folder), recording)
    remember_cameras(path, [camera])
    upright = Registration.upright(load_atlas("dorsal-cortex"), 0.5, (8, 8))
    upright.save(sidecar_folder(path) / "registration.json")
    question = Question(decoder="run-rest", recording=recording, registration=upright,
                        behavior="run", method="occlusion", span="frame", start=5)  # fmt: skip
    maps = SaliencyMaps(
        maps=np.zeros((3, 4, 4), np.float32), frames=np.arange(4, 7), scored=(5, 6),
        log_odds=np.zeros(1, np.float32), scale=1.0, grid=(4, 4), gap=float("nan"),
        method="occlusion", behavior="run", decoder="run-rest", recording="m1", settings={},
        warnings=(),
    )  # fmt: skip
    keep_answer(Answer(question, maps=maps))
    return path


def explained(recording: Recording) -> None:
    answer = kept_answer(recording, None, CPU)
    if answer is not None:
        _ = answer.found


def open_all(path: Path) -> None:
    """Read each thing that is kept, whatever is wrong with the others."""
    look_at(CohortEntry(path, None, "1", "1"))
    recording = open_session(path)
    readers = (
        lambda: kept_prediction(path),
        lambda: kept_registration(recording),
        lambda: remembered_cameras(recording),
        lambda: explained(recording),
        lambda: applied(recording).movie[0].compute(),
    )
    refused = []
    for read in readers:
        try:
            read()
        except CortexDecoderError as error:
            refused.append(error)
    if refused:
        raise refused[-1]


def movies() -> dict[str, Target]:
    def wrapped(write: Callable[..., tuple[Path, float | None]]) -> Callable[[Path], Path]:
        return lambda folder: write(folder, MOVIE)[0]

    made = {f"movie {w.__name__}": Target(wrapped(w), open_movie) for w in test_formats.WRITERS}
    made |= {f"TIFF {n}": Target(tiff(**way), open_movie) for n, way in test_tiff.WAYS.items()}
    more = {"svd": svd, "ibl": ibl, "dated TIFFs": dated, "Micro-Manager TIFFs": micro_manager}
    more |= {
        "traces NWB": of("m.nwb", lambda path: write_nwb_traces(path, TRACES, {"name": NAMES})),
        "traces NWB masks": of(
            "m.nwb", lambda path: write_nwb_traces(path, TRACES, masks=np.ones((5, 4, 6)))
        ),
        "traces table": of("m.csv", lambda path: test_traces.write_csv(path, NAMES)),
        "traces MATLAB": of("m.mat", lambda path: test_traces.write_mat(path, a=TRACES, b=CELL)),
        "traces MATLAB 7.3": of("m.mat", lambda path: test_traces.write_mat73(path, NAMES)),
        "traces HDF5": of("m.h5", traces_hdf5),
        "NDTiff": ndtiff,
        "OME set": ome_set,
        "Micro-Manager stack": lambda folder: test_micromanager.stack(folder, pages=7)[0],
    }
    envi = {"m.hdr": test_descriptions.ENVI.format(interleave="bil", order=0)}
    envi = {name: said.replace("offset = 16", "offset = 0") for name, said in envi.items()}
    more |= {
        f"described {name}": described(name, said)
        for name, said in (test_descriptions.DESCRIPTIONS | envi).items()
    }
    return made | {f"movie {name}": Target(write, open_movie) for name, write in more.items()}


def recordings() -> dict[str, Target]:
    """Return movies, traces, cameras, and what is kept beside a recording."""
    made = movies() | cameras()
    made["traces with a list of areas"] = Target(with_a_list, open_with_a_list)
    made["remembered"] = Target(remembered, open_movie)
    made["session"] = Target(session, open_all)
    return made
