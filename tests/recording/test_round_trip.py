"""Late first frame, uneven times, two colours: all agree on the frames, whoever wrote the movie.

Where a kind of file cannot hold one of these, `READERS` says so, and it is given as users give it.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import dask.array as da
import h5py
import numpy as np
import pytest
import scipy.io
import tifffile
import zarr
from pynwb import NWBHDF5IO, NWBFile
from pynwb.ophys import OnePhotonSeries, OpticalChannel

from helpers.trace_files import write_nwb_traces
from napari_cortex_decoder.decoder.prediction import Prediction
from napari_cortex_decoder.labels import Bout, Ethogram, Format, Source, read_labels, write_labels
from napari_cortex_decoder.recording import (
    BehaviorTrace,
    Recording,
    add_behavior,
    open_recording,
    trace_at_frames,
)
from napari_cortex_decoder.recording.formats import movie_formats
from napari_cortex_decoder.recording.saving.writing import save_recording
from recording.test_format_details import svd_pair
from recording.test_sets import ndtiff

N = 30
TIMES = 12.5 + np.arange(N) / 10 + 0.8 * (np.arange(N) > 20)
MOVIE = (np.arange(N, dtype=np.uint16) + 1)[:, None, None] + np.zeros((1, 6, 8), "u2")
VIOLET = MOVIE + 1000
BOTH = np.stack([MOVIE, VIOLET], 1)
RUN = slice(8, 25)
IN_RUN = np.isin(np.arange(N), np.arange(N)[RUN])
IN_TURNS = BOTH.reshape(-1, 6, 8)
AREAS = ["MOs left", "VISp right", "SSp-bfd left"]
TRACES = MOVIE[:, 0, :1] * np.array([1.0, 10.0, 100.0])


def saved(name: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        speed = BehaviorTrace("speed", np.where(IN_RUN, 7.5, 0.25), TIMES, "cm/s")
        whole = Recording(
            movie=da.from_array(MOVIE), reference=da.from_array(VIOLET), name="m",
            frame_times=TIMES, behavior={"speed": speed},
        )  # fmt: skip
        return save_recording(whole, folder / name)

    return write


def hdf5_of_two_arrays(folder: Path) -> Path:
    with h5py.File(folder / "m.h5", "w") as file:
        file["violet"], file["blue"] = VIOLET, MOVIE
        file["frame_times_ms"] = TIMES * 1e3
    return folder / "m.h5"


def hdf5_of_one_array(folder: Path) -> Path:
    with h5py.File(folder / "m.h5", "w") as file:
        movie = file.create_dataset("m", (N + 10, 2, 6, 8), "u2", chunks=(5, 1, 6, 8))
        movie[:N] = BOTH  # and was stopped early
        file["timestamps"] = np.append(TIMES, np.zeros(10))
    return folder / "m.h5"


def zarr_of_two_arrays(folder: Path) -> Path:
    group = zarr.open_group(folder / "m.zarr", mode="w")
    for name, array in (("iso", VIOLET), ("gcamp", MOVIE), ("frame_times", TIMES)):
        group.create_array(name, data=array)
    return folder / "m.zarr"


def nwb(folder: Path) -> Path:
    file = NWBFile("s", "i", datetime(2024, 1, 1, tzinfo=UTC))
    scope = file.create_device(name="scope")
    for name, light, movie in (("signal", 470.0, MOVIE), ("reference", 405.0, VIOLET)):
        channel = OpticalChannel(name=f"{name} light", description="", emission_lambda=525.0)
        plane = file.create_imaging_plane(
            name=f"{name} plane", optical_channel=channel, description="cortex", device=scope,
            excitation_lambda=light, indicator="GCaMP6s", location="cortex",
        )  # fmt: skip
        file.add_acquisition(
            OnePhotonSeries(
                name=name, imaging_plane=plane, data=movie, unit="n.a.", timestamps=TIMES
            )
        )
    with NWBHDF5IO(str(folder / "m.nwb"), "w") as io:
        io.write(file)
    return folder / "m.nwb"


def ome_set(folder: Path) -> Path:
    planes = "".join(
        f'<Plane TheT="{t}" TheC="{c}" TheZ="0" DeltaT="{1e3 * time}" DeltaTUnit="ms"/>'
        for t, time in enumerate(TIMES)
        for c in (0, 1)
    )
    blocks = "".join(
        f'<TiffData FirstC="{c}" FirstT="{t}" IFD="{t}" PlaneCount="1">'
        f'<UUID FileName="m_{c}.ome.tif">urn:{c}</UUID></TiffData>'
        for t in range(N)
        for c in (0, 1)
    )
    for c, movie in enumerate((VIOLET, MOVIE)):
        xml = (
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:{c}"><Image '
            f'ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" SizeT="{N}" SizeC="2" '
            'SizeZ="1" SizeX="8" SizeY="6" Type="uint16"><Channel ID="c:0" Name="405 nm"/>'
            f'<Channel ID="c:1" Name="470 nm"/>{blocks}{planes}</Pixels></Image></OME>'
        )
        with tifffile.TiffWriter(folder / f"m_{c}.ome.tif") as tif:
            for n, frame in enumerate(movie):
                text = None if n else xml.encode()
                tif.write(frame, description=text, metadata=None, contiguous=False)
    return folder


def micromanager_frames(folder: Path) -> Path:
    (folder / "s" / "Default").mkdir(parents=True)
    for c, movie in enumerate((MOVIE, VIOLET)):
        for t, frame in enumerate(movie):
            said = {"ElapsedTime-ms": 1e3 * TIMES[t], "Channel": ("GCaMP", "Violet")[c]}
            tag = (51123, 2, 0, json.dumps(said).encode() + b"\0", True)
            name = f"img_channel{c:03d}_position000_time{t:09d}_z000.tif"
            path = folder / "s" / "Default" / name
            tifffile.imwrite(path, frame, metadata=None, extratags=[tag])
    return folder / "s"


def micromanager_index(folder: Path) -> Path:
    frames = [(t, c) for t in range(N) for c in (0, 1)]
    ndtiff(
        folder,
        [({"channel": ("GCaMP", "Violet")[c], "time": t}, "s.tif", BOTH[t, c]) for t, c in frames],
        [1e3 * TIMES[t] for t, _ in frames],
    )
    return folder


def low_rank(folder: Path) -> Path:
    svd_pair(folder, IN_TURNS, ("widefieldU.images.npy", "widefieldSVT.uncorrected.npy"))
    np.save(folder / "imaging.times.npy", np.stack([TIMES, TIMES + 0.04], 1).ravel())
    np.save(folder / "imaging.imagingLightSource.npy", np.tile([2, 1], N))
    lights = "channel_id\tcolor\twavelength\n1\tViolet\t405\n2\tBlue\t470\n"
    (folder / "imagingLightSource.properties.htsv").write_text(lights)
    return folder


def matlab_5(folder: Path) -> Path:
    arrays = {"blue": MOVIE.transpose(1, 2, 0), "violet": VIOLET.transpose(1, 2, 0)}
    scipy.io.savemat(folder / "m.mat", {**arrays, "frame_times": TIMES[:, None]})
    return folder / "m.mat"


def matlab_73(folder: Path) -> Path:
    with h5py.File(folder / "m.mat", "w", userblock_size=512) as file:
        for name, movie in (("blue", MOVIE), ("violet", VIOLET)):
            file[name] = movie.transpose(0, 2, 1)  # rows x columns x frames, as MATLAB writes it
            file[name].attrs["MATLAB_class"] = np.bytes_("uint16")
        file["timestamps_ms"] = 1e3 * TIMES[None]
        file["timestamps_ms"].attrs["MATLAB_class"] = np.bytes_("double")
    return folder / "m.mat"


def numpy_of_two_colours(folder: Path) -> Path:
    np.save(folder / "m.npy", BOTH)
    return folder / "m.npy"


def raw(folder: Path) -> Path:
    BOTH.tofile(folder / "m_2_6_8_uint16.dat")
    return folder / "m_2_6_8_uint16.dat"


def video(folder: Path) -> Path:
    with av.open(str(folder / "m.mkv"), "w") as file:
        stream = file.add_stream("ffv1", rate=1000)
        stream.height, stream.width, stream.pix_fmt = 6, 8, "gray16le"
        stream.time_base = Fraction(1, 1000)
        for n, image in enumerate(IN_TURNS):
            frame = av.VideoFrame.from_ndarray(image, format="gray16le")
            frame.pts = round(1e3 * (TIMES[n // 2] - TIMES[0])) + n % 2 * 40
            frame.time_base = Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return folder / "m.mkv"


def imagej(folder: Path) -> Path:
    metadata = {"axes": "TCYX", "finterval": 0.1, "tunit": "s"}
    tifffile.imwrite(folder / "m.tif", BOTH, imagej=True, metadata=metadata)
    return folder / "m.tif"


def a_file_a_frame(folder: Path) -> Path:
    for t, frames in enumerate(BOTH):
        for light, frame in zip(("470nm", "405nm"), frames, strict=True):
            tifffile.imwrite(folder / f"m_{t:04d}_{light}.tif", frame, metadata=None)
    return folder


def nwb_traces(folder: Path) -> Path:
    return write_nwb_traces(folder / "m.nwb", TRACES, {"name": AREAS}, timestamps=TIMES)


def table_of_traces(folder: Path) -> Path:
    rows = [",".join(map(str, (1e3 * t, *row))) for t, row in zip(TIMES, TRACES, strict=True)]
    (folder / "m.csv").write_text("\n".join([",".join(["time (ms)", *AREAS]), *rows]) + "\n")
    return folder / "m.csv"


def matlab_traces(folder: Path) -> Path:
    content = {"dff": TRACES, "areas": np.array(AREAS, object), "t": TIMES}
    scipy.io.savemat(folder / "m.mat", content)
    return folder / "m.mat"


def hdf5_traces(folder: Path) -> Path:
    with h5py.File(folder / "m.h5", "w") as file:
        file["dff"], file["areas"], file["timestamps"] = TRACES.T, AREAS, TIMES
    return folder / "m.h5"


def numpy_traces(folder: Path) -> Path:
    np.save(folder / "m.npy", TRACES)
    return folder / "m.npy"


class Kind(NamedTuple):
    """How a kind of file is written, what the user has to say of it, and what it cannot hold."""

    write: Callable[[Path], Path]
    said: dict[str, Any] | None = None
    times_beside: bool = False  # it has none, or they begin at 0: a file beside it lists them


TURNS = {"channels": 2}
READERS = {
    "NWB of this program": Kind(saved("m.nwb")),
    "OME-Zarr of this program": Kind(saved("m.zarr")),
    "OME-TIFF of this program": Kind(saved("m.ome.tif")),
    "HDF5, two arrays": Kind(hdf5_of_two_arrays),
    "HDF5, one array": Kind(hdf5_of_one_array),
    "Zarr, two arrays": Kind(zarr_of_two_arrays),
    "NWB of pynwb": Kind(nwb),
    "OME-TIFF set": Kind(ome_set),
    "Micro-Manager": Kind(micromanager_frames),
    "NDTiff": Kind(micromanager_index),
    "SVD": Kind(low_rank),
    "MATLAB 5": Kind(matlab_5),
    "MATLAB 7.3": Kind(matlab_73),
    "NumPy": Kind(numpy_of_two_colours, times_beside=True),
    "raw": Kind(raw, times_beside=True),
    "ImageJ": Kind(imagej, times_beside=True),
    "a file a frame": Kind(a_file_a_frame, times_beside=True),
    "video": Kind(video, TURNS, times_beside=True),
    "traces in NWB": Kind(nwb_traces),
    "traces in a table": Kind(table_of_traces),
    "traces in MATLAB": Kind(matlab_traces),
    "traces in HDF5": Kind(hdf5_traces),
    "traces in NumPy": Kind(numpy_traces, {"areas": AREAS}, times_beside=True),
}


def opened(kind: Kind, folder: Path) -> Recording:
    """Write a kind of file, and open it as a user would who knows when its frames were taken."""
    (folder / "movie").mkdir()
    recording = open_recording(kind.write(folder / "movie"), **(kind.said or {}))
    if kind.times_beside:
        np.savez(folder / "clock.npz", frame_times=TIMES)
        return add_behavior(recording, folder / "clock.npz", frame_times="frame_times")
    return recording


@pytest.fixture(params=READERS)
def recording(request, tmp_path: Path) -> Recording:
    return opened(READERS[request.param], tmp_path)


def test_every_format_is_among_the_readers_that_are_tried(tmp_path: Path) -> None:
    tried = set()
    for name, kind in READERS.items():
        (tmp_path / name).mkdir()
        tried.add(opened(kind, tmp_path / name).format)
    assert tried == {movie_format.name for movie_format in movie_formats()}


def test_all_that_belongs_to_a_movie_agrees_on_its_frames(recording, tmp_path: Path) -> None:
    if recording.traces is None:
        np.testing.assert_allclose(recording.movie.compute(), MOVIE, atol=0.01)
        np.testing.assert_allclose(recording.reference.compute(), VIOLET, atol=0.01)
    else:  # areas have one color
        assert recording.areas == tuple(AREAS)
        np.testing.assert_allclose(recording.traces.compute(), TRACES, rtol=1e-6)
    np.testing.assert_allclose(recording.times, TIMES, atol=1e-6)

    table = tmp_path / "speed.csv"
    rows = zip(TIMES, np.where(IN_RUN, 7.5, 0.25), strict=True)
    table.write_text("time (s),speed (cm/s)\n" + "".join(f"{t:.6f},{v}\n" for t, v in rows))
    np.savez(tmp_path / "wheel.npz", wheel=np.where(IN_RUN, 7.5, 0.25), wheel_times=TIMES)
    for path, name in ((table, "speed"), (tmp_path / "wheel.npz", "wheel")):
        seen = trace_at_frames(add_behavior(recording, path).behavior[name], recording)
        np.testing.assert_array_equal(seen > 1, IN_RUN)

    wanted = Ethogram(("run",), (Bout(RUN.start, RUN.stop, "run"),), N)
    for form in Format:
        path = tmp_path / f"labels_{form}.{'nwb' if form == Format.NWB else 'csv'}"
        write_labels(wanted, path, recording, format=form)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # each of them says whose clock it is on
            again = read_labels(path, recording)
        assert again.bouts == wanted.bouts, form


def test_what_is_saved_of_it_agrees_on_its_frames(recording, tmp_path: Path) -> None:
    kind = "zarr" if recording.traces is None else "csv"
    again = open_recording(save_recording(recording, tmp_path / f"again.{kind}"))
    np.testing.assert_allclose(again.times, TIMES, atol=1e-6)
    if recording.traces is None:
        np.testing.assert_array_equal(again.movie.compute(), recording.movie.compute())
        np.testing.assert_array_equal(again.reference.compute(), recording.reference.compute())
        np.testing.assert_allclose(again.reference_times, recording.reference_times, atol=1e-6)
    else:
        assert again.areas == tuple(AREAS)
        np.testing.assert_allclose(again.traces.compute(), TRACES, rtol=1e-6)


def test_a_prediction_comes_back_on_its_frames(recording, tmp_path: Path) -> None:
    p = np.where(IN_RUN, 0.9, 0.2).astype(np.float32)
    p[:3] = np.nan  # where the window does not fit
    prediction = Prediction(
        np.stack([1 - p, p], 1), ("rest", "run"), recording.times, "d", "0", "cpu", (), {}
    )
    prediction.to_csv(tmp_path / "p.csv")
    prediction.to_json(tmp_path / "p.json")
    labels = read_labels(tmp_path / "p.csv", recording)
    np.testing.assert_array_equal(labels.frames(), prediction.labels())
    assert {bout.source for bout in labels.bouts} == {Source.MODEL}
    traces = add_behavior(recording, tmp_path / "p.csv").behavior
    np.testing.assert_allclose(traces["p_run"].times, TIMES, atol=1e-6)
    np.testing.assert_array_equal(trace_at_frames(traces["p_run"], recording) > 0.5, IN_RUN)
    record = json.loads((tmp_path / "p.json").read_text("utf-8"))
    assert (record["frames"], record["frames_predicted"]) == (N, N - 3)

    # a movie of which every other frame is kept still finds its own by time
    traces = None if recording.traces is None else recording.traces[::2]
    half = recording.replace(
        movie=recording.movie[::2], reference=None, traces=traces,
        frame_times=recording.times[::2], behavior={},
    )  # fmt: skip
    np.testing.assert_array_equal(
        read_labels(tmp_path / "p.csv", half).frames(), prediction.labels()[::2]
    )
