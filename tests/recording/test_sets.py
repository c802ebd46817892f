"""Several files that are one recording: sets that describe themselves, and names that tell."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from helpers.movies import movie_of, refused
from napari_cortex_decoder.recording import open_recording

Movie = NDArray[np.generic]
SIGNAL, VIOLET = movie_of(frames=6), movie_of(frames=6) + 300


def ome_set(
    folder: Path, where: dict[tuple[int, int], tuple[str, int]], *, colours=("GCaMP", "violet")
) -> None:
    """Write planes (t, c) to pages of files, each of which describes them all."""
    names = sorted({name for name, _ in where.values()})
    blocks = "".join(
        f'<TiffData FirstT="{t}" FirstC="{c}" IFD="{page}" PlaneCount="1">'
        f'<UUID FileName="{name}">urn:{name}</UUID></TiffData>'
        for (t, c), (name, page) in where.items()
    )
    channels = "".join(f'<Channel ID="Channel:{n}" Name="{c}"/>' for n, c in enumerate(colours))
    times = 1 + max(t for t, _ in where)
    for name in names:
        xml = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:{name}">'
            '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" '
            f'SizeX="31" SizeY="20" SizeC="{len(colours)}" SizeZ="1" SizeT="{times}" '
            f'TimeIncrement="100" TimeIncrementUnit="ms">{channels}{blocks}</Pixels></Image></OME>'
        )
        mine = sorted((page, t, c) for (t, c), (file, page) in where.items() if file == name)
        movies = {"violet": VIOLET, "405 nm": VIOLET}
        with tifffile.TiffWriter(folder / name) as tif:
            for n, (_, t, c) in enumerate(mine):
                frame = movies.get(colours[c], SIGNAL)[t]
                description = xml.encode() if n == 0 else None
                tif.write(frame, description=description, metadata=None, contiguous=False)


def check(recording, signal: Movie = SIGNAL, violet: Movie | None = VIOLET) -> None:
    np.testing.assert_array_equal(recording.movie.compute(), signal)
    if violet is None:
        assert recording.reference is None
    else:
        np.testing.assert_array_equal(recording.reference.compute(), violet)


EVERY = [(t, c) for t in range(6) for c in range(2)]
SPLITS = {
    "by colour": {(t, c): (f"m_C{c}.ome.tif", t) for t, c in EVERY},
    "by time": {(t, c): (f"m_T{t}.ome.tif", c) for t, c in EVERY},
    "by size": {(t, c): (f"m_{(2 * t + c) // 5}.ome.tif", (2 * t + c) % 5) for t, c in EVERY},
    "a file a plane": {(t, c): (f"m_{t}_{c}.ome.tif", 0) for t, c in EVERY},
    "pages backwards": {(t, c): (f"m_C{c}.ome.tif", 5 - t) for t, c in EVERY},
}


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("colours", [("GCaMP", "violet"), ("405 nm", "470 nm")])
def test_a_set_is_read_as_it_is_described(tmp_path: Path, split: str, colours) -> None:
    ome_set(tmp_path, SPLITS[split], colours=colours)
    files = sorted(tmp_path.glob("*.tif"))
    for given in (files, tmp_path, files[0], files[-1]):
        recording = open_recording(given)
        check(recording)
        assert recording.frame_rate == pytest.approx(10)
        assert recording.warnings == ()


def test_of_a_set_whose_other_colour_is_not_there_the_one_is_shown_and_told(tmp_path: Path) -> None:
    ome_set(tmp_path, SPLITS["by colour"])
    (tmp_path / "m_C0.ome.tif").unlink()
    recording = open_recording(tmp_path / "m_C1.ome.tif")
    check(recording, VIOLET, None)
    assert "6 of the 12 frames" in recording.warnings[0]


def test_a_part_that_lacks_in_the_middle_is_a_gap_in_time(tmp_path: Path) -> None:
    ome_set(tmp_path, SPLITS["by time"])
    (tmp_path / "m_T2.ome.tif").unlink()
    recording = open_recording(tmp_path)
    check(recording, np.delete(SIGNAL, 2, 0), np.delete(VIOLET, 2, 0))
    np.testing.assert_allclose(recording.times, [0, 0.1, 0.3, 0.4, 0.5])


def test_a_set_leads_to_no_file_outside_its_folder(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    where = {(t, 0): ("m.ome.tif" if t < 3 else "../other.ome.tif", t % 3) for t in range(6)}
    ome_set(inside, where, colours=("GCaMP",))
    assert (tmp_path / "other.ome.tif").exists()
    recording = open_recording(inside / "m.ome.tif")
    check(recording, SIGNAL[:3], None)


def test_a_part_that_points_to_the_description_of_its_set_is_read_by_it(tmp_path: Path) -> None:
    ome_set(tmp_path, SPLITS["by colour"])
    part, whole = tmp_path / "m_C1.ome.tif", tmp_path / "m_C0.ome.tif"
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        '<BinaryOnly MetadataFile="m_C0.ome.tif" UUID="urn:m_C0.ome.tif"/></OME>'
    )
    with tifffile.TiffWriter(part) as tif:
        for n, frame in enumerate(VIOLET):
            tif.write(frame, description=xml if n == 0 else None, metadata=None, contiguous=False)
    check(open_recording(part))
    text = tifffile.tiffcomment(whole)
    (tmp_path / "set.companion.ome").write_text(text, "utf-8")
    for path, movie in ((part, VIOLET), (whole, SIGNAL)):
        with tifffile.TiffWriter(path) as tif:
            for n, frame in enumerate(movie):
                pointer = xml.replace('e="m_C0.ome.tif"', 'e="set.companion.ome"', 1)
                tif.write(
                    frame, description=pointer if n == 0 else None, metadata=None, contiguous=False
                )
    check(open_recording(tmp_path))


# -- names that tell -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "{light}_{t:04d}",
        "{t:04d}_{light}",
        "run2_{t}_{nm}_b",
        "{nm}nm-{t:03d}",
        "m_t{t:03d}_c{c}",
        "ch{c}_{t:05d}",
        "img_{t:09d}_{light}_000",
        "img_channel{c:03d}_position000_time{t:09d}_z000",
        "cam{cam}_{t}",
        "{t:03d}_{c}",
        "Exp7{Light}{t:03d}",
    ],
)
def test_the_colour_in_the_name_of_a_frame_makes_movie_and_reference(
    tmp_path: Path, name: str
) -> None:
    for c, (movie, light, nm) in enumerate(((SIGNAL, "blue", 470), (VIOLET, "violet", 405))):
        for t, frame in enumerate(movie):
            said = {"light": light, "Light": light.title(), "nm": nm, "c": c, "cam": c + 1, "t": t}
            tifffile.imwrite(tmp_path / f"{name.format(**said)}.tif", frame)
    check(open_recording(tmp_path))


def test_one_count_through_both_colours_pairs_frames_that_follow_each_other(tmp_path: Path) -> None:
    for t in range(6):
        tifffile.imwrite(tmp_path / f"frame_{2 * t + 1:03d}_uv.tif", VIOLET[t])
        tifffile.imwrite(tmp_path / f"frame_{2 * t + 2:03d}_blue.tif", SIGNAL[t])
    check(open_recording(tmp_path))


def test_a_frame_that_lacks_of_one_colour_takes_its_partner_along(tmp_path: Path) -> None:
    for t in range(6):
        tifffile.imwrite(tmp_path / f"gcamp_{t}.tif", SIGNAL[t])
        if t != 3:
            tifffile.imwrite(tmp_path / f"iso_{t}.tif", VIOLET[t])
    recording = open_recording(tmp_path, frame_rate=10)
    check(recording, np.delete(SIGNAL, 3, 0), np.delete(VIOLET, 3, 0))
    np.testing.assert_allclose(recording.times, [0, 0.1, 0.2, 0.4, 0.5])


@pytest.mark.parametrize("names", [("blue", "violet"), ("m_405", "m_470"), ("x-UV-1", "x-Green-1")])
@pytest.mark.parametrize("suffix", [".tif", ".npy"])
def test_one_file_a_colour_is_movie_and_reference(tmp_path: Path, names, suffix: str) -> None:
    movies = {"violet": VIOLET, "m_405": VIOLET, "x-UV-1": VIOLET}
    for name in names:
        movie = movies.get(name, SIGNAL)
        if suffix == ".tif":
            tifffile.imwrite(tmp_path / f"{name}.tif", movie, photometric="minisblack")
        else:
            np.save(tmp_path / f"{name}.npy", movie)
    check(open_recording([tmp_path / f"{name}{suffix}" for name in names]))
    if suffix == ".tif":
        check(open_recording(tmp_path))


def test_files_of_two_colours_in_parts_are_joined_by_colour(tmp_path: Path) -> None:
    for light, movie in (("blue", SIGNAL), ("violet", VIOLET)):
        for part, cut in ((9, slice(0, 4)), (10, slice(4, 6))):
            path = tmp_path / f"{light}_{part}.tif"
            tifffile.imwrite(path, movie[cut], photometric="minisblack")
    check(open_recording(tmp_path))


def test_a_list_of_files_with_one_frame_each_is_a_movie(tmp_path: Path) -> None:
    for t, frame in enumerate(SIGNAL):
        tifffile.imwrite(tmp_path / f"f{t}.tif", frame)
    check(open_recording(sorted(tmp_path.iterdir())), SIGNAL, None)


def test_parts_of_a_session_that_each_count_their_frames_follow_each_other(tmp_path: Path) -> None:
    for t, frame in enumerate(SIGNAL):
        tifffile.imwrite(tmp_path / f"part{t // 4}_{t % 4}.tif", frame)
    check(open_recording(tmp_path), SIGNAL, None)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["pre_{}", "post_{}"], ["pre", "post"]),
        (["blue_{}", "green_{}", "violet_{}"], ["3 colours"]),
        (["z0_t{}", "z1_t{}"], ["slices"]),
        (["pos0_t{}", "pos1_t{}"], ["positions"]),
    ],
)
def test_what_may_be_anything_is_refused_by_name(tmp_path: Path, names, words) -> None:
    for name in names:
        for t in range(3):
            tifffile.imwrite(tmp_path / f"{name.format(t)}.tif", SIGNAL[t])
    sentence = refused(tmp_path)
    assert all(word in sentence for word in words)


# -- description against content -------------------------------------------------------------


def described(path: Path, movie: Movie, text: str) -> None:
    with tifffile.TiffWriter(path) as tif:
        for n, frame in enumerate(movie):
            description = text.encode() if n == 0 else None
            tif.write(frame, description=description, metadata=None, contiguous=False)


@pytest.mark.parametrize(("promised", "held"), [(9, 5), (5, 9)])
@pytest.mark.parametrize(
    "text",
    [
        "ImageJ=1.53k\nimages={n}\nframes={n}\nfinterval=0.1\n",
        "ImageJ=1.53k\nimages={n}\nslices={n}\nfinterval=0.1\n",
        '<OME><Image ID="Image:0"><Pixels SizeT="{n}" SizeC="1" SizeZ="1" DimensionOrder="XYZCT" '
        'TimeIncrement="0.1"/></Image></OME>',
        '{{"shape": [{n}, 20, 31], "fps": 10}}',
    ],
)
def test_more_or_fewer_frames_than_promised_are_shown_and_told(
    tmp_path: Path, text: str, promised: int, held: int
) -> None:
    described(tmp_path / "m.tif", movie_of(frames=held), text.format(n=promised))
    recording = open_recording(tmp_path / "m.tif")
    np.testing.assert_array_equal(recording.movie.compute(), movie_of(frames=held))
    assert recording.frame_rate == pytest.approx(10)
    assert str(promised) in recording.warnings[0]
    assert str(held) in recording.warnings[0]


@pytest.mark.parametrize(
    "text",
    [
        "<OME><Image></OME>",
        '<OME><Image><Pixels SizeT="many" DimensionOrder="XYZCT"/></Image></OME>',
        '<OME><Image><Pixels SizeT="5" DimensionOrder="XYQ"/></Image></OME>',
        "<OME></OME>",
        "ImageJ=1.5\nimages=5\nframes=-3\n",
        '{"shape": "wide"}',
    ],
)
def test_a_broken_description_costs_the_description_only(tmp_path: Path, text: str) -> None:
    described(tmp_path / "m.tif", SIGNAL, text)
    recording = open_recording(tmp_path / "m.tif")
    check(recording, SIGNAL, None)
    assert recording.warnings and recording.frame_rate is None


def test_another_position_of_the_same_file_is_told_and_can_be_asked_for(tmp_path: Path) -> None:
    images = "".join(
        f'<Image ID="Image:{n}" Name="{name}"><Pixels SizeT="9" DimensionOrder="XYZCT">'
        + "".join(f'<TiffData FirstT="{t}" IFD="{9 * n + t}"/>' for t in range(9))
        + "</Pixels></Image>"
        for n, name in enumerate(("left", "right"))
    )
    movie = movie_of(frames=18)
    described(tmp_path / "m.ome.tif", movie, f"<OME>{images}</OME>")
    first = open_recording(tmp_path / "m.ome.tif")
    check(first, movie[:9], None)
    assert "'right'" in first.warnings[0] and "dataset" in first.warnings[0]
    check(open_recording(tmp_path / "m.ome.tif", dataset="right"), movie[9:], None)


# -- NDTiff ----------------------------------------------------------------------------------


def ndtiff(
    folder: Path,
    places: list[tuple[dict[str, object], str, Movie]],
    elapsed: list[float] | None = None,
) -> None:
    """Write frames as NDTiff 3 does: TIFFs, and an index of where each frame lies; times in ms."""
    folder.mkdir(parents=True, exist_ok=True)
    content: dict[str, bytearray] = {}
    index = b""
    elapsed = elapsed or [1000 + 40.0 * int(axes.get("time", 0)) for axes, *_ in places]
    for (axes, name, frame), ms in zip(places, elapsed, strict=True):
        file = content.setdefault(name, bytearray(b"II*\0".ljust(64, b"\0")))
        start = len(file)
        said = json.dumps({"ElapsedTime-ms": ms}).encode()
        file += frame.astype("<u2").tobytes() + said
        place, rows, columns = json.dumps(axes).encode(), *frame.shape
        index += struct.pack("<I", len(place)) + place + struct.pack("<I", len(name))
        index += name.encode() + struct.pack("<IiiiiIii", start, columns, rows, 1, 0,
                                             start + frame.nbytes, len(said), 0)  # fmt: skip
    for name, file in content.items():
        (folder / name).write_bytes(file)
    (folder / "NDTiff.index").write_bytes(index)


@pytest.mark.parametrize("place", ["", "Full resolution"])
@pytest.mark.parametrize("channels", [("blue", "violet"), (0, 1)])
def test_ndtiff_is_read_as_its_index_says(tmp_path: Path, place: str, channels) -> None:
    names = ["a_NDTiffStack.tif", "a_NDTiffStack_1.tif"]
    ndtiff(
        tmp_path / place,
        [
            ({"channel": channel, "time": t}, names[t // 4], movie[t])
            for t in (5, 1, 0, 2, 3, 4)
            for channel, movie in zip(channels, (SIGNAL, VIOLET), strict=True)
        ],
    )
    for given in (tmp_path, tmp_path / place / names[1]):
        recording = open_recording(given)
        check(recording)
        assert recording.frame_rate == pytest.approx(25)
        assert bool(recording.warnings) == (channels == (0, 1))


def test_frames_that_an_index_lists_and_no_file_holds_are_told(tmp_path: Path) -> None:
    ndtiff(tmp_path, [({"time": t}, f"s_{t // 4}.tif", SIGNAL[t]) for t in range(6)])
    (tmp_path / "s_1.tif").unlink()
    recording = open_recording(tmp_path)
    check(recording, SIGNAL[:4], None)
    assert "4 of the 6 frames" in recording.warnings[0]
