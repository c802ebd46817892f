"""Saved recordings open again to the same numbers, and are there whole or not at all."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import tifffile

from napari_cortex_decoder.errors import FrameRateError, RecordingError
from napari_cortex_decoder.progress import Cancelled, Progress
from napari_cortex_decoder.recording import (
    BehaviorTrace,
    Recording,
    open_recording,
    read_behavior,
    save_recording,
)
from napari_cortex_decoder.recording.preprocessing import Bin, DeltaF, Detrend, preprocess
from napari_cortex_decoder.recording.saving.writing import cached

SUFFIXES = [".nwb", ".zarr", ".tif"]
SHAPES = [(50, 20, 31), (50, 24, 24)]


def recording_of(shape: tuple[int, int, int] = (50, 20, 31), **others: Any) -> Recording:
    frames = np.random.default_rng(0).integers(0, 60_000, shape, dtype=np.uint16)
    times = np.arange(shape[0]) / 8
    settings = {
        "name": "Maus ü 1", "frame_rate": 8.0, "pixel_size": 0.07, "subject": "m1",
        "behavior": {
            "speed": BehaviorTrace("speed", np.sin(times), times, "cm/s"),
            "wheel": BehaviorTrace("wheel", np.arange(9.0), np.sort(np.cos(np.arange(9))) + 1, "V"),
        },
    }  # fmt: skip
    return Recording(movie=da.from_array(frames, chunks=(7, -1, -1)), **(settings | others))


def same(a: da.Array, b: da.Array) -> None:
    assert a.shape == b.shape
    np.testing.assert_array_equal(a.compute(), b.compute())


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_saved_recording_opens_to_the_same_numbers(tmp_path, suffix, shape):
    recording = recording_of(shape)
    path = save_recording(recording, tmp_path / f"Maus ü{suffix}")
    again = open_recording(path)
    same(again.movie, recording.movie)
    assert again.movie.dtype == np.uint16
    assert again.frame_rate == pytest.approx(8.0)
    assert again.pixel_size == pytest.approx(0.07)
    assert again.warnings == ()
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def bytes_read() -> int:
    """Return the bytes that this process has read so far, from the disk or its cache."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["rchar"])


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="only Linux counts what is read")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_looking_at_a_saved_movie_reads_few_frames_for_one(tmp_path, suffix):
    movie = np.random.default_rng(0).integers(0, 2**16, (32, 256, 256), np.uint16)
    recording = Recording(movie=da.from_array(movie), name="m", frame_rate=8.0)
    opened = open_recording(save_recording(recording, tmp_path / f"m{suffix}"))
    before, shown = bytes_read(), 0
    for frame in (3, 30, 15, 8, 20, 5, 27, 12):
        shown += opened.movie[frame].compute().nbytes
    # 4 frames in a chunk, of noise that no compression makes smaller, and what says where it lies
    assert bytes_read() - before <= 4.1 * shown


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("shape", SHAPES)
def test_both_colours_are_saved(tmp_path, suffix, shape):
    recording = recording_of(shape)
    recording = recording.replace(reference=60_000 - recording.movie)
    again = open_recording(save_recording(recording, tmp_path / f"m{suffix}"))
    same(again.movie, recording.movie)
    same(again.reference, recording.reference)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_frame_times_with_a_gap_are_saved(tmp_path, suffix):
    times = 5 + np.arange(50) / 8 + np.where(np.arange(50) > 20, 0.5, 0)
    recording = recording_of(frame_times=times, behavior={})
    again = open_recording(save_recording(recording, tmp_path / f"m{suffix}"))
    np.testing.assert_allclose(again.times, times, atol=1e-9)
    assert any("missing" in said for said in again.warnings)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_was_done_is_saved_with_it(tmp_path, suffix):
    recording = preprocess(recording_of(), [Bin(), DeltaF(), Detrend(window=2)])
    again = open_recording(save_recording(recording, tmp_path / f"m{suffix}"))
    same(again.movie, recording.movie)
    assert again.movie.dtype == np.float32
    assert again.pixel_size == pytest.approx(0.14)
    assert [dict(step) for step in again.steps] == [dict(step) for step in recording.steps]


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_pixels_keep_their_type(tmp_path, suffix, dtype):
    recording = recording_of()
    recording = recording.replace(movie=(recording.movie // 7 % 100).astype(dtype))
    again = open_recording(save_recording(recording, tmp_path / f"m{suffix}"))
    same(again.movie, recording.movie)
    assert again.movie.dtype == dtype


def test_tiff_readers_that_know_no_such_pixels_are_spared_them(tmp_path):
    recording = recording_of()
    with pytest.raises(RecordingError, match="do not know pixels of int64; save as Zarr or NWB"):
        save_recording(
            recording.replace(movie=recording.movie.astype(np.int64)), tmp_path / "m.tif"
        )
    assert not list(tmp_path.iterdir())


def test_nwb_brings_behavior_and_mouse_back(tmp_path):
    recording = recording_of()
    path = save_recording(recording, tmp_path / "m.nwb")
    again = open_recording(path)
    assert again.subject == "m1"
    traces = read_behavior(path, again)
    assert set(traces) == {"speed", "wheel"}
    for name, trace in recording.behavior.items():
        np.testing.assert_array_equal(traces[name].values, trace.values)
        np.testing.assert_allclose(traces[name].times, trace.times, atol=1e-9)
        assert traces[name].unit == trace.unit


@pytest.mark.parametrize("preprocessed", [False, True])
def test_nwb_passes_pynwb_and_the_inspector(tmp_path, preprocessed):
    import pynwb
    from nwbinspector import Importance, inspect_nwbfile

    recording = recording_of()
    recording = recording.replace(reference=recording.movie + 1)
    if preprocessed:
        recording = preprocess(recording, [Bin(), DeltaF()])
    path = save_recording(recording, tmp_path / "m.nwb")
    assert pynwb.validate(path=str(path)) == []
    grave = {Importance.CRITICAL, Importance.PYNWB_VALIDATION, Importance.ERROR}
    assert [m for m in inspect_nwbfile(nwbfile_path=path) if m.importance in grave] == []
    with pynwb.NWBHDF5IO(path, "r") as io:
        file = io.read()
        place = file.processing["ophys"].data_interfaces if preprocessed else file.acquisition
        series = place["OnePhotonSeries"]
        # NWB stores (time, width, height)
        assert series.data.shape == (50, 15, 10) if preprocessed else (50, 31, 20)
        assert series.imaging_plane.grid_spacing[0] == pytest.approx(recording.pixel_size / 1e3)


def test_nwb_without_a_frame_rate_asks_for_it(tmp_path):
    recording = recording_of(frame_rate=None, behavior={})
    with pytest.raises(FrameRateError, match="frame_rate"):
        save_recording(recording, tmp_path / "m.nwb")
    assert not list(tmp_path.iterdir())


def test_tiff_is_what_imagej_reads(tmp_path):
    path = save_recording(recording_of(), tmp_path / "m.tif")
    with tifffile.TiffFile(path) as file:
        assert file.is_imagej
        assert file.imagej_metadata["finterval"] == pytest.approx(1 / 8)
        assert file.series[0].shape == (50, 20, 31)
        x, per = file.pages[0].tags["XResolution"].value
        assert per / x == pytest.approx(0.07)


def test_a_tiff_that_imagej_cannot_hold_is_an_ome_bigtiff(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_cortex_decoder.recording.saving.tiff.IMAGEJ_BYTES", 10_000)
    path = save_recording(recording_of(), tmp_path / "m.tif")
    with tifffile.TiffFile(path) as file:
        assert file.is_bigtiff
        assert file.is_ome
    same(open_recording(path).movie, recording_of().movie)


def test_zarr_carries_ome_metadata(tmp_path):
    import zarr

    path = save_recording(recording_of(), tmp_path / "m.zarr")
    ome = zarr.open_group(str(path), mode="r").attrs["ome"]
    (image,) = ome["multiscales"]
    assert [axis["name"] for axis in image["axes"]] == ["t", "y", "x"]
    assert [axis["unit"] for axis in image["axes"]] == ["second", "millimeter", "millimeter"]
    (transform,) = image["datasets"][0]["coordinateTransformations"]
    assert transform["scale"] == pytest.approx([1 / 8, 0.07, 0.07])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_is_overwritten_unasked(tmp_path, suffix):
    first, second = recording_of(), recording_of(shape=(20, 6, 5), behavior={})
    path = save_recording(first, tmp_path / f"m{suffix}")
    with pytest.raises(RecordingError, match="exists already"):
        save_recording(second, path)
    same(open_recording(path).movie, first.movie)
    save_recording(second, path, overwrite=True)
    same(open_recording(path).movie, second.movie)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("there", [False, True])
def test_what_is_cancelled_leaves_what_was_there(tmp_path, monkeypatch, suffix, there):
    monkeypatch.setattr("napari_cortex_decoder.recording.saving.blocks.BLOCK_BYTES", 10_000)
    path, old = tmp_path / f"m{suffix}", recording_of(shape=(20, 6, 5), behavior={})
    if there:
        save_recording(old, path)

    def cancel(event: Progress) -> None:
        if event.done > 20:
            raise Cancelled

    with pytest.raises(Cancelled):
        save_recording(recording_of(), path, overwrite=True, progress=cancel)
    assert [p.name for p in tmp_path.iterdir()] == ([path.name] if there else [])
    if there:
        same(open_recording(path).movie, old.movie)


def test_a_disk_that_takes_no_more_leaves_nothing_behind(tmp_path):
    # a limit on the size of a file fails a write as a full disk does, in a process of its own
    script = """
        import resource, signal, sys
        import numpy as np, dask.array as da
        from pathlib import Path
        from napari_cortex_decoder.errors import RecordingError
        from napari_cortex_decoder.recording import Recording, save_recording
        frames = np.random.default_rng(0).random((40, 200, 200))
        recording = Recording(movie=da.from_array(frames), name="m", frame_rate=8.0)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
        for suffix in sys.argv[2:]:
            try:
                save_recording(recording, Path(sys.argv[1]) / f"m{suffix}")
            except RecordingError as error:
                print("refused:", error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path), *SUFFIXES],
        capture_output=True,
        text=True,
        check=False,
    )
    refusals = done.stdout.splitlines()
    assert len(refusals) == len(SUFFIXES), done.stdout + done.stderr
    assert all("nothing was written" in line for line in refusals)
    assert not list(tmp_path.iterdir())


def test_a_tiff_larger_than_the_free_disk_is_refused_before_it_is_begun(tmp_path):
    huge = Recording(movie=da.zeros((2**30, 1024, 1024), chunks=(2**20, 1024, 1024)), name="m")
    with pytest.raises(RecordingError, match=r"takes 9007199\.3 GB and the disk has"):
        save_recording(huge, tmp_path / "m.tif")
    assert not list(tmp_path.iterdir())


def test_impossible_places_are_refused(tmp_path):
    recording = recording_of()
    with pytest.raises(RecordingError, match=r"saved as \.nwb, \.zarr, \.tif, \.tiff"):
        save_recording(recording, tmp_path / "m.avi")
    with pytest.raises(RecordingError, match="make it first"):
        save_recording(recording, tmp_path / "none" / "m.tif")


@pytest.fixture
def on_disk(tmp_path: Path) -> Recording:
    return open_recording(save_recording(recording_of(), tmp_path / "raw.tif"))


def test_what_is_cached_is_read_from_disk_and_not_computed_again(on_disk, monkeypatch):
    steps = [Bin(), DeltaF(), Detrend(window=2)]
    computed = preprocess(on_disk, steps)
    kept = cached(computed)
    same(kept.movie, computed.movie)
    assert kept.steps == computed.steps
    assert kept.path == on_disk.path
    monkeypatch.setattr(
        "napari_cortex_decoder.recording.saving.writing.save_recording",
        lambda *_, **__: pytest.fail("computed again"),
    )
    again = cached(preprocess(open_recording(on_disk.path), steps))
    same(again.movie, computed.movie)


def test_another_setting_or_another_source_is_another_cache(on_disk, tmp_path):
    first = cached(preprocess(on_disk, [Detrend(window=2)]))
    second = cached(preprocess(on_disk, [Detrend(window=3)]))
    assert not np.array_equal(first.movie.compute(), second.movie.compute())
    changed = recording_of().replace(movie=recording_of().movie // 2)
    # another program's file: this one writes over nothing that is open
    save_recording(changed, tmp_path / f"new{on_disk.path.suffix}").replace(on_disk.path)
    third = cached(preprocess(open_recording(on_disk.path), [Detrend(window=2)]))
    same(third.movie, preprocess(changed, [Detrend(window=2)]).movie)


def test_a_cache_that_is_cancelled_is_not_taken_for_whole(on_disk):
    out = preprocess(on_disk, [DeltaF()])

    def cancel(_: Progress) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        cached(out, progress=cancel)
    same(cached(out).movie, out.movie)


def test_a_recording_from_no_file_has_no_place_for_a_cache():
    with pytest.raises(RecordingError, match="save it first"):
        cached(recording_of())
