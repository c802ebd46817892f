"""What Micro-Manager saves: stacks of several files and positions, folders of single frames."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from helpers.movies import movie_of, refused
from napari_cortex_decoder.recording import open_recording

GCAMP, VIOLET = movie_of(frames=10), movie_of(frames=10) + 300
NAMES = ("GCaMP", "Violet")


def info(t: int, c: int) -> list[tuple]:
    """The tag in which Micro-Manager describes a frame."""
    said = {"ElapsedTime-ms": 350.0 + 100 * t + 50 * c, "Channel": NAMES[c], "PixelSizeUm": 20.0}
    return [(51123, 2, 0, json.dumps(said).encode() + b"\0", True)]


def stack(folder: Path, *, positions: int = 1, pages: int = 20) -> list[Path]:
    """An MMStack: files of `pages` frames, each of which describes all positions and files."""
    planes = [(t, c) for t in range(10) for c in range(2)]
    held = {
        f"s_MMStack_Pos{p}{f'_{n // pages}' if n else ''}.ome.tif": (p, planes[n : n + pages])
        for p in range(positions)
        for n in range(0, 20, pages)
    }
    images = "".join(
        f'<Image ID="Image:{p}" Name="s_MMStack_Pos{p}"><Pixels ID="Pixels:{p}" SizeC="2" '
        'DimensionOrder="XYCZT" PhysicalSizeX="20" PhysicalSizeXUnit="µm" SizeT="10" SizeX="31" '
        'SizeY="20" SizeZ="1" Type="uint16">'
        + "".join(f'<Channel ID="Channel:{p}:{c}" Name="{name}"/>' for c, name in enumerate(NAMES))
        + "".join(
            f'<TiffData FirstC="{c}" FirstT="{t}" FirstZ="0" IFD="{n}" PlaneCount="1">'
            f'<UUID FileName="{name}">urn:{name}</UUID></TiffData>'
            for name, (of, part) in held.items()
            if of == p
            for n, (t, c) in enumerate(part)
        )
        + "".join(
            f'<Plane TheC="{c}" TheT="{t}" TheZ="0" DeltaT="{350 + 100 * t}" DeltaTUnit="ms"/>'
            for t, c in planes
        )
        + "</Pixels></Image>"
        for p in range(positions)
    )
    for name, (p, part) in held.items():
        space = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
        xml = f'<?xml version="1.0"?><OME xmlns="{space}" UUID="urn:{name}">{images}</OME>'
        with tifffile.TiffWriter(folder / name) as tif:
            for n, (t, c) in enumerate(part):
                frame = (GCAMP, VIOLET)[c][t] + 1000 * p
                text = None if n else xml.encode()
                tags = info(t, c)
                tif.write(frame, description=text, extratags=tags, metadata=None, contiguous=False)
    (folder / "s_metadata.txt").write_text("{}")
    return [folder / name for name in held]


def check(recording, more: int = 0) -> None:
    np.testing.assert_array_equal(recording.movie.compute(), GCAMP + more)
    np.testing.assert_array_equal(recording.reference.compute(), VIOLET + more)
    assert recording.frame_rate == pytest.approx(10)
    assert recording.times[0] == pytest.approx(0.35)
    assert recording.pixel_size == pytest.approx(0.02)


@pytest.mark.parametrize("pages", [20, 7, 1])
def test_a_stack_in_several_files_is_one_movie_of_two_colours(tmp_path: Path, pages: int) -> None:
    files = stack(tmp_path, pages=pages)
    for given in (tmp_path, files, files[-1]):
        recording = open_recording(given)
        check(recording)
        assert recording.warnings == ()


@pytest.mark.parametrize("pages", [20, 7])
def test_of_several_positions_one_is_shown_and_the_others_named(tmp_path: Path, pages: int) -> None:
    files = stack(tmp_path, positions=2, pages=pages)
    for given in (tmp_path, files, files[0]):
        recording = open_recording(given)
        check(recording)
        assert "'s_MMStack_Pos1'" in recording.warnings[0]
        check(open_recording(given, dataset="s_MMStack_Pos1"), 1000)
    check(open_recording(files[-1]), 1000)


def test_a_part_that_lacks_of_one_of_two_positions_is_told(tmp_path: Path) -> None:
    files = stack(tmp_path, positions=2, pages=8)
    files[1].unlink()
    recording = open_recording(tmp_path)
    np.testing.assert_array_equal(recording.movie.compute(), GCAMP[[0, 1, 2, 3, 8, 9]])
    np.testing.assert_allclose(recording.times, 0.35 + np.array([0, 1, 2, 3, 8, 9]) / 10)
    assert "12 of the 20 frames" in recording.warnings[0]
    assert files[1].name in recording.warnings[0]


def single_frames(folder: Path, name: str, more: int = 0) -> None:
    folder.mkdir(parents=True)
    for c, movie in enumerate((GCAMP, VIOLET)):
        for t, frame in enumerate(movie):
            path = folder / name.format(c=c, t=t, light=NAMES[c])
            tifffile.imwrite(path, frame + more, metadata=None, extratags=info(t, c))


@pytest.mark.parametrize(
    "name", ["img_channel{c:03d}_position000_time{t:09d}_z000.tif", "img_{t:09d}_{light}_000.tif"]
)
def test_the_folder_around_the_one_position_will_do(tmp_path: Path, name: str) -> None:
    single_frames(tmp_path / "session" / "Pos0", name)
    for given in (tmp_path / "session", tmp_path / "session" / "Pos0"):
        recording = open_recording(given)
        check(recording)
        assert recording.warnings == ()  # which light is which stands in each frame


def test_of_folders_of_positions_one_is_asked_for(tmp_path: Path) -> None:
    for p in range(2):
        single_frames(tmp_path / "s" / f"Pos{p}", "img_{t:09d}_{light}_000.tif", 1000 * p)
    sentence = refused(tmp_path / "s")
    assert "Pos0, Pos1" in sentence and "dataset" in sentence
    check(open_recording(tmp_path / "s", dataset="Pos1"), 1000)


def test_the_rate_of_a_stack_of_two_colours_is_that_of_each(tmp_path: Path) -> None:
    text = "ImageJ=1.50\nimages=20\nchannels=2\nframes=10\n"
    with tifffile.TiffWriter(tmp_path / "m.tif") as tif:
        for t in range(10):
            for c, movie in enumerate((GCAMP, VIOLET)):
                tif.write(
                    movie[t],
                    description=None if t or c else text.encode(),
                    extratags=info(t, c),
                    metadata=None,
                    contiguous=False,
                )
    recording = open_recording(tmp_path / "m.tif")
    np.testing.assert_array_equal(recording.reference.compute(), VIOLET)
    assert recording.frame_rate == pytest.approx(10)
