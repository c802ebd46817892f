"""Late first frame, uneven times, two colours: all agree on the frames, whoever wrote the movie."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import dask.array as da
import h5py
import numpy as np
import pytest
import tifffile
import zarr
from pynwb import NWBHDF5IO, NWBFile
from pynwb.ophys import OnePhotonSeries, OpticalChannel

from napari_cortex_decoder.decoder.prediction import Prediction
from napari_cortex_decoder.labels import Bout, Ethogram, Format, Source, read_labels, write_labels
from napari_cortex_decoder.recording import (
    BehaviorTrace,
    Recording,
    add_behavior,
    open_recording,
    trace_at_frames,
)
from napari_cortex_decoder.recording.saving import save_recording

N = 30
TIMES = 12.5 + np.arange(N) / 10 + 0.8 * (np.arange(N) > 20)
MOVIE = (np.arange(N, dtype=np.uint16) + 1)[:, None, None] + np.zeros((1, 6, 8), "u2")
VIOLET = MOVIE + 1000
BOTH = np.stack([MOVIE, VIOLET], 1)
RUN = slice(8, 25)
IN_RUN = np.isin(np.arange(N), np.arange(N)[RUN])


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


READERS = {
    "NWB of this program": saved("m.nwb"),
    "OME-Zarr of this program": saved("m.zarr"),
    "OME-TIFF of this program": saved("m.ome.tif"),
    "HDF5, two arrays": hdf5_of_two_arrays,
    "HDF5, one array": hdf5_of_one_array,
    "Zarr, two arrays": zarr_of_two_arrays,
    "NWB of pynwb": nwb,
    "OME-TIFF set": ome_set,
    "Micro-Manager": micromanager_frames,
}


@pytest.fixture(params=READERS)
def recording(request, tmp_path: Path) -> Recording:
    (tmp_path / "movie").mkdir()
    return open_recording(READERS[request.param](tmp_path / "movie"))


def test_all_that_belongs_to_a_movie_agrees_on_its_frames(recording, tmp_path: Path) -> None:
    np.testing.assert_array_equal(recording.movie.compute(), MOVIE)
    np.testing.assert_array_equal(recording.reference.compute(), VIOLET)
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
    half = recording.replace(
        movie=recording.movie[::2], reference=None, frame_times=recording.times[::2], behavior={}
    )
    np.testing.assert_array_equal(
        read_labels(tmp_path / "p.csv", half).frames(), prediction.labels()[::2]
    )
