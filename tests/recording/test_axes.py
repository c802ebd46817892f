"""Axes in any order that a file tells, and what lies beside the movie in its file."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import av
import h5py
import numpy as np
import pytest
import scipy.io
import zarr

from helpers.movies import movie_of, refused
from napari_cortex_decoder.recording import add_behavior, open_recording

MOVIE = movie_of(frames=8, rows=20, columns=31)


def same(recording, movie=MOVIE) -> None:
    np.testing.assert_array_equal(recording.movie.compute(), movie)


ORDERS = {"tyx": (0, 1, 2), "yxt": (1, 2, 0), "xyt": (2, 1, 0), "txy": (0, 2, 1)}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("axes", lambda order: order.upper()),
        ("dims", lambda order: [{"t": "time", "y": "rows", "x": "columns"}[a] for a in order]),
        ("DimensionOrder", lambda order: order[::-1].upper()),
        ("dimensions", lambda order: ", ".join(order)),
    ],
)
def test_the_order_that_an_attribute_tells_counts(tmp_path: Path, order, name, value) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["movie"] = MOVIE.transpose(ORDERS[order])
        file["movie"].attrs[name] = value(order)
    same(open_recording(tmp_path / "m.h5"))


@pytest.mark.parametrize("order", ORDERS)
def test_dimension_scales_and_names_of_dimensions_count(tmp_path: Path, order: str) -> None:
    words = [{"t": "time", "y": "y (mm)", "x": "x (mm)"}[axis] for axis in order]
    data = MOVIE.transpose(ORDERS[order])
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["movie"] = data
        for n, word in enumerate(words):
            file[word] = np.arange(data.shape[n])
            file[word].make_scale()
            file["movie"].dims[n].attach_scale(file[word])
    same(open_recording(tmp_path / "m.h5"))
    array = zarr.create_array(
        tmp_path / "m.zarr", shape=data.shape, dtype=data.dtype, chunks=(4, 4, 4),
        dimension_names=words,
    )  # fmt: skip
    array[:] = data
    same(open_recording(tmp_path / "m.zarr"))


@pytest.mark.parametrize("at", [(1,), (0,), (3,), (1, 1), (0, 4), (0, 1, 1, 3)])
@pytest.mark.parametrize("suffix", [".npy", ".h5"])
def test_axes_of_length_1_anywhere_are_no_axes(tmp_path: Path, at, suffix: str) -> None:
    array = MOVIE
    for place in at:
        array = np.expand_dims(array, place)
    if suffix == ".npy":
        np.save(tmp_path / "m.npy", array)
    else:
        with h5py.File(tmp_path / "m.h5", "w") as file:
            file["movie"] = array
    same(open_recording(tmp_path / f"m{suffix}"))


def test_a_column_major_array_has_time_last_unless_the_user_knows_better(tmp_path: Path) -> None:
    np.save(tmp_path / "m.npy", np.asfortranarray(MOVIE.transpose(1, 2, 0)))
    recording = open_recording(tmp_path / "m.npy")
    same(recording)
    assert "column-major" in recording.warnings[0]
    np.save(tmp_path / "t.npy", np.asfortranarray(MOVIE))
    same(open_recording(tmp_path / "t.npy", axes="tyx"))


def test_raw_frames_that_lie_column_after_column(tmp_path: Path) -> None:
    MOVIE.transpose(0, 2, 1).tofile(tmp_path / "m.dat")
    same(open_recording(tmp_path / "m.dat", shape=(20, 31), axes="txy"))
    assert "txy" in refused(tmp_path / "m.dat", shape=(20, 31), axes="xy")


@pytest.mark.parametrize("fortran", [False, True])
def test_an_array_that_was_not_written_to_its_end_shows_its_frames(tmp_path: Path, fortran) -> None:
    array = np.asfortranarray(MOVIE.transpose(1, 2, 0)) if fortran else MOVIE
    np.save(tmp_path / "m.npy", array)
    content = (tmp_path / "m.npy").read_bytes()
    (tmp_path / "m.npy").write_bytes(content[: -3 * MOVIE[0].nbytes])
    recording = open_recording(tmp_path / "m.npy")
    same(recording, MOVIE[:5])
    assert any("5 of the 8 frames" in sentence for sentence in recording.warnings)
    MOVIE[:5].tofile(tmp_path / "m.bin")
    recording = open_recording(tmp_path / "m.bin", shape=(8, 20, 31))
    same(recording, MOVIE[:5])
    assert "5 of the 8 frames" in recording.warnings[0]


# -- Zarr ------------------------------------------------------------------------------------


def ome_zarr(group: zarr.Group, movie=MOVIE, *, interval: float | None = 0.1) -> None:
    """Write an image of two levels into a group: t c z y x."""
    levels = []
    for level in range(2):
        data = movie[:, None, None, :: 2**level, :: 2**level]
        group.create_array(
            str(level), shape=data.shape, dtype=data.dtype, chunks=(1, 1, 1, 10, 31)
        )[:] = data
        scale = [interval or 1, 1, 1, 0.02 * 2**level, 0.02 * 2**level]
        steps = [{"type": "scale", "scale": scale}]
        levels.append({"path": str(level), "coordinateTransformations": steps})
    time = {"name": "t", "type": "time", **({"unit": "second"} if interval else {})}
    axes = [time, {"name": "c"}, *({"name": a, "unit": "millimeter"} for a in "zyx")]
    group.attrs["multiscales"] = [{"axes": axes, "datasets": levels}]


@pytest.mark.parametrize("place", ["", "0", "A/1/0", "series/0"])
def test_an_image_anywhere_in_a_zarr_is_found_and_its_levels_are_one_movie(
    tmp_path: Path, place: str
) -> None:
    root = zarr.open_group(tmp_path / "m.zarr", mode="w", zarr_format=2)
    group = root.require_group(place) if place else root
    ome_zarr(group)
    labels = group.create_group("labels/cells")
    ome_zarr(labels)
    recording = open_recording(tmp_path / "m.zarr")
    same(recording)
    assert recording.frame_rate == pytest.approx(10)
    assert recording.pixel_size == pytest.approx(0.02)
    small = open_recording(tmp_path / "m.zarr", dataset=f"{place}/1".strip("/"))
    same(small, MOVIE[:, ::2, ::2])


def test_of_several_images_one_is_asked_for(tmp_path: Path) -> None:
    root = zarr.open_group(tmp_path / "m.zarr", mode="w", zarr_format=2)
    ome_zarr(root.create_group("0"))
    ome_zarr(root.create_group("1"), MOVIE[::-1])
    sentence = refused(tmp_path / "m.zarr")
    assert "0/0" in sentence and "1/0" in sentence and "0/1" not in sentence
    same(open_recording(tmp_path / "m.zarr", dataset="1"), MOVIE[::-1])


def test_what_the_axes_do_not_say_the_xml_beside_them_does(tmp_path: Path) -> None:
    root = zarr.open_group(tmp_path / "m.zarr", mode="w", zarr_format=2)
    ome_zarr(root.create_group("0"), interval=None)
    (tmp_path / "m.zarr" / "OME").mkdir()
    xml = tmp_path / "m.zarr" / "OME" / "METADATA.ome.xml"
    xml.write_text('<OME><Image ID="I:0"><Pixels SizeT="8" TimeIncrement="0.2"/></Image></OME>')
    assert open_recording(tmp_path / "m.zarr").frame_rate == pytest.approx(5)
    xml.write_text("<OME><Image")
    assert open_recording(tmp_path / "m.zarr").frame_rate is None


# -- videos ----------------------------------------------------------------------------------


def video(path: Path, codec: str, n: int, **options: str) -> None:
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=10, options=options)
        stream.height, stream.width = 48, 64
        stream.pix_fmt = "yuv420p" if codec != "ffv1" else "gray"
        for i in range(n):
            grey = np.full((48, 64), 20 + 5 * i, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="gray").reformat(format=stream.pix_fmt)
            frame.pts = i
            file.mux(stream.encode(frame))
        file.mux(stream.encode())


@pytest.mark.parametrize("codec", ["libvpx-vp9", "libvpx"])
def test_a_codec_that_looks_ahead_gives_each_frame_once(tmp_path: Path, codec: str) -> None:
    options = {"auto-alt-ref": "1", "lag-in-frames": "16", "g": "20", "crf": "5", "b": "1M"}
    video(tmp_path / "m.webm", codec, 40, **options)
    luma = [float(frame.mean()) for frame in open_recording(tmp_path / "m.webm").movie.compute()]
    assert len(luma) == 40 and luma == sorted(luma)


@pytest.mark.parametrize("suffix", [".mkv", ".webm"])
def test_pictures_that_only_help_to_decode_others_are_no_frames(
    tmp_path: Path, suffix: str
) -> None:
    options = {"auto-alt-ref": "0", "lag-in-frames": "0", "g": "10", "crf": "5", "b": "1M"}
    video(tmp_path / "whole.mkv", "libvpx", 40, **options)
    hidden = tmp_path / f"hidden{suffix}"
    with av.open(str(tmp_path / "whole.mkv")) as source, av.open(str(hidden), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        for n, packet in enumerate(p for p in source.demux(stream) if p.size):
            content = bytes(packet)
            if n in (7, 13, 26):  # as an encoder marks a picture that is not to be shown
                content = bytes([content[0] & ~0x10]) + content[1:]
            new = av.Packet(content)
            new.pts, new.dts, new.time_base = packet.pts, packet.dts, packet.time_base
            new.stream, new.is_keyframe = copy, packet.is_keyframe
            target.mux(new)
    with av.open(str(hidden)) as file:
        shown = [frame.to_ndarray(format="gray") for frame in file.decode(video=0)]
    recording = open_recording(hidden)
    assert recording.n_frames == len(shown) == 37
    luma = [round(float(frame.mean())) for frame in recording.movie.compute()]
    for n in (36, 0, 14, 7, 25, 6):
        assert round(float(recording.movie[n].compute().mean())) == luma[n]
    assert luma == sorted(luma) and len(set(luma)) == 37


@pytest.mark.parametrize(("suffix", "start"), [(".mp4", 1.7), (".mov", 0.3), (".mp4", 2.0)])
def test_a_video_that_was_cut_without_encoding_shows_what_is_behind_the_cut(
    tmp_path: Path, suffix: str, start: float
) -> None:
    video(tmp_path / "whole.mp4", "libx264", 40, g="10", bf="2", crf="5")
    whole = open_recording(tmp_path / "whole.mp4")
    cut = tmp_path / f"cut{suffix}"
    with av.open(str(tmp_path / "whole.mp4")) as source, av.open(str(cut), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        first = int(start / stream.time_base)
        key = int(int(start) / stream.time_base)
        for packet in source.demux(stream):
            if packet.dts is not None and packet.pts >= key:
                packet.stream = copy
                packet.pts -= first
                packet.dts -= first
                target.mux(packet)
    recording = open_recording(cut)
    same(recording, whole.movie[round(10 * start) :].compute())
    hidden = round(10 * (start - int(start)))
    assert bool(recording.warnings) == bool(hidden)
    assert not hidden or f"{hidden} are hidden" in recording.warnings[0]


def test_pictures_before_the_first_key_frame_are_told(tmp_path: Path) -> None:
    video(tmp_path / "whole.mkv", "libx264", 40, g="10", bf="0", crf="5")
    whole = open_recording(tmp_path / "whole.mkv")
    with (
        av.open(str(tmp_path / "whole.mkv")) as source,
        av.open(str(tmp_path / "cut.mkv"), "w") as target,
    ):
        copy = target.add_stream_from_template(source.streams.video[0])
        for n, packet in enumerate(source.demux(source.streams.video[0])):
            if packet.dts is not None and n >= 13:
                packet.stream = copy
                target.mux(packet)
    recording = open_recording(tmp_path / "cut.mkv")
    same(recording, whole.movie[20:].compute())
    assert "7 come before the first key frame" in recording.warnings[0]


# -- other things in the same file -----------------------------------------------------------


def test_series_of_which_the_frames_are_elsewhere_do_not_spoil_one_that_is_there(
    tmp_path: Path,
) -> None:
    path = tmp_path / "m.nwb"
    with h5py.File(path, "w") as file:
        for n, name in enumerate(("raw", "empty", "corrected")):
            group = file.create_group(f"acquisition/{name}")
            group.attrs["neurodata_type"] = "OnePhotonSeries"
            if n == 0:
                group["external_file"] = np.array([b"./raw.tif"])
                group["data"] = np.empty((0, 0, 0))
            if n == 2:
                group["data"] = MOVIE
                group["starting_time"] = 0.0
                group["starting_time"].attrs["rate"] = 10.0
    recording = open_recording(path)
    same(recording)
    said = " ".join(recording.warnings)
    assert "raw.tif" in said and "empty" in said
    assert "raw.tif" in refused(path, dataset="raw")
    with h5py.File(path, "a") as file:
        del file["acquisition/corrected"]
    assert "no pixels" in refused(path)


@pytest.mark.parametrize("kind", [b"string", b"function_handle"])
@pytest.mark.parametrize(("first", "compressed"), [(True, True), (False, False), (True, False)])
def test_objects_that_nobody_asked_for_do_not_spoil_a_matlab_file(
    tmp_path: Path, kind: bytes, first: bool, compressed: bool
) -> None:
    def element(number: int, data: bytes) -> bytes:
        return struct.pack("<II", number, len(data)) + data + bytes(-len(data) % 8)

    saved = io.BytesIO()
    more = {"speed": np.arange(8.0), "fps": 10.0, "nothing": np.zeros((0, 0)), "s": {"a": 1}}
    scipy.io.savemat(saved, {"movie": MOVIE.transpose(1, 2, 0), **more}, do_compression=compressed)
    header, variables = saved.getvalue()[:128], saved.getvalue()[128:]
    opaque = element(6, struct.pack("<II", 17, 0)) + element(1, b"notes") + element(1, b"MCOS")
    place = element(6, struct.pack("<II", 13, 0)) + element(5, struct.pack("<2i", 6, 1))
    place += element(1, b"") + element(6, struct.pack("<6I", 3707764736, 2, 1, 1, 1, 1))
    opaque = element(14, opaque + element(1, kind) + element(14, place))
    nameless = element(6, struct.pack("<II", 9, 0)) + element(5, struct.pack("<2i", 1, 64))
    nameless = element(14, nameless + element(1, b"") + element(2, bytes(64)))
    parts = [opaque, variables] if first else [variables, opaque]
    content = b"".join(parts) + nameless
    at = struct.pack("<Q", 128 + len(content) - len(nameless))
    path = tmp_path / "m.mat"
    path.write_bytes(header[:116] + at + header[124:] + content)
    recording = open_recording(path)
    same(recording)
    assert recording.frame_rate == 10
    speed = add_behavior(recording, path, fields=["speed"]).behavior["speed"]
    np.testing.assert_array_equal(speed.values, np.arange(8.0))
