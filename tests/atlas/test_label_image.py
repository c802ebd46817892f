"""Label images as atlases: outlines that give the same pixels back, or a refusal."""

from __future__ import annotations

import io

import numpy as np
import pytest
import shapely
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.atlas.importers.label_image import read_label_image
from napari_cortex_decoder.errors import AtlasError

NAMES = "label,acronym,name,side\n1,A,Area one,left\n2,B,,right\n7,C,Area seven,\n"


def stripes() -> np.ndarray:
    image = np.zeros((60, 80), np.uint16)
    image[10:50, 5:40] = 1
    image[10:50, 40:75] = 2
    image[30:50, 20:60] = 7  # across the midline: becomes a left and a right area
    return image


def write(path, image):
    if path.suffix == ".npy":
        np.save(path, image)
    elif path.suffix == ".png":
        Image.fromarray(image).save(path)
    else:
        tifffile.imwrite(path, image)
    return path


@pytest.mark.parametrize("suffix", [".npy", ".png", ".tif"])
def test_a_label_image_becomes_areas_with_names_and_sides(tmp_path, suffix):
    path = write(tmp_path / f"mine{suffix}", stripes())
    (tmp_path / "names.csv").write_text(NAMES)
    atlas = read_label_image(path, tmp_path / "names.csv", pixel_size=0.1)
    assert [area.label for area in atlas.areas] == ["A left", "B right", "C left", "C right"]
    assert [area.name for area in atlas.areas] == ["Area one", "B", "Area seven", "Area seven"]
    assert atlas.warnings == ()
    painted = Registration.upright(atlas, 0.1, (29.5, 39.5)).label_image((60, 80))
    expected = np.select(
        [stripes() == 1, stripes() == 2, stripes() == 7],
        [1, 2, np.where(np.arange(80) < 40, 3, 4)[None].repeat(60, 0)],
    )
    assert (painted == expected).mean() > 0.99


def test_neighbors_keep_their_border_when_it_is_straightened(tmp_path, atlas):
    placed = Registration.upright(atlas, 0.05, (110, 105)).nudged(degrees=15)
    labels = placed.label_image((220, 211))
    back = read_label_image(
        write(tmp_path / "cortex.tif", labels.astype(np.uint8)), pixel_size=0.05, bregma=(110, 105)
    )
    shapes = [shapely.Polygon(area.polygon) for area in back.areas]
    union = shapely.union_all(shapes)
    assert sum(s.area for s in shapes) == pytest.approx(union.area, rel=1e-6)
    # a pixel that hangs on its area by a corner is a piece of its own, and left out
    holes = [shapely.Polygon(ring) for part in shapely.get_parts(union) for ring in part.interiors]
    assert max((hole.area for hole in holes), default=0) < 1.5 * 0.05**2
    # straightened: far fewer points than pixel corners
    assert sum(len(area.polygon) for area in back.areas) < 3000
    painted = Registration.upright(back, 0.05, (110, 105)).label_image(labels.shape)
    assert ((painted > 0) == (labels > 0)).mean() > 0.99


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), n=st.integers(1, 9))
def test_any_labels_become_sound_outlines(tmp_path, seed, n):
    rng = np.random.default_rng(seed)
    centers = rng.uniform(0, 40, (n + 1, 2))
    rows, columns = np.mgrid[:40, :40]
    apart = [np.hypot(rows - y, columns - x) for y, x in centers]
    image = np.argmin(apart, axis=0).astype(np.uint8)
    if not image.any():
        return
    atlas = read_label_image(write(tmp_path / "any.png", image), pixel_size=0.2)
    labels = {int(area.acronym) for area in atlas.areas}
    assert labels == set(np.unique(image)) - {0}  # Area itself has checked each outline


def test_what_an_outline_cannot_hold_is_said(tmp_path):
    image = np.zeros((60, 80), np.uint8)
    image[5:25, 5:25] = 1
    image[30:50, 5:25] = 1
    atlas = read_label_image(write(tmp_path / "two.png", image), pixel_size=0.1)
    assert len(atlas.areas) == 1
    (warning,) = atlas.warnings
    assert "1 left is in pieces" in warning
    assert "50%" in warning


def test_labels_that_the_table_lacks_are_left_out(tmp_path):
    path = write(tmp_path / "mine.npy", stripes())
    (tmp_path / "names.csv").write_text("label,acronym\n2,B\n")
    atlas = read_label_image(path, tmp_path / "names.csv", pixel_size=0.1)
    assert atlas.acronyms == ("B",)


def colored() -> np.ndarray:
    return np.zeros((20, 20, 3), np.uint8)


IMAGES = {
    "one value": (".png", np.full((20, 20), 3, np.uint8), "one value only, 3"),
    "all zero": (".npy", np.zeros((20, 20), int), "one value only, 0"),
    "negative": (".npy", np.array([[0, -1], [1, 1]]), "none negative"),
    "a photograph": (".tif", np.arange(10000, dtype=np.uint16).reshape(100, 100), "9999 labels"),
    "fractions": (".npy", np.array([[0.0, 1.0], [1.0, 0.0]]), "whole numbers"),
    "a stack": (".tif", np.ones((3, 20, 20), np.uint8), "one plane"),
    "colors": (".png", colored(), "in colors"),
}


@pytest.mark.parametrize(("suffix", "image", "said"), IMAGES.values(), ids=IMAGES.keys())
def test_images_that_are_no_labels_are_refused(tmp_path, suffix, image, said):
    path = write(tmp_path / f"bad{suffix}", image)
    with pytest.raises(AtlasError, match=rf"bad\{suffix}.*{said}"):
        read_label_image(path, pixel_size=0.1)


def pickled() -> bytes:
    content = io.BytesIO()
    np.save(content, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return content.getvalue()


def claims_a_huge_size() -> bytes:
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        content, {"descr": "<i8", "fortran_order": False, "shape": (10**6, 10**6)}
    )
    return content.getvalue()


FILES = {
    "not an image": ("x.png", b"hello", "cannot be read as an image"),
    "not a tiff": ("x.tif", b"hello", "cannot be read as an image"),
    "not npy": ("x.npy", b"hello", "cannot be read as an image"),
    "empty": ("x.npy", b"", "cannot be read as an image"),
    "pickled": ("x.npy", pickled(), "cannot be read as an image"),
    "huge": ("x.npy", claims_a_huge_size(), "at most 8192"),
    "other ending": ("x.jpg", b"hello", "TIFF, PNG or NPY"),
}


@pytest.mark.parametrize(("name", "content", "said"), FILES.values(), ids=FILES.keys())
def test_files_that_are_no_images_are_refused(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(AtlasError, match=said):
        read_label_image(tmp_path / name, pixel_size=0.1)


def test_a_table_of_names_is_read_as_spreadsheets_write_it(tmp_path):
    path = write(tmp_path / "mine.npy", stripes())
    text = "label;acronym;name\r\n2;B;Flaeche zwei\r\n".replace("ae", "\u00e4")
    (tmp_path / "names.csv").write_bytes(text.encode("cp1252"))
    atlas = read_label_image(path, tmp_path / "names.csv", pixel_size=0.1)
    assert {area.acronym for area in atlas.areas} == {"B"}
    assert {area.name for area in atlas.areas} == {"Fl\u00e4che zwei"}


TABLES = {
    "no acronym": ("label,name\n1,A\n", "needs 'label' and 'acronym'"),
    "empty": ("", "is empty"),
    "text label": ("label,acronym\none,A\n", "line 2: label 'one'"),
    "zero": ("label,acronym\n0,A\n", "line 2: label '0'"),
    "twice": ("label,acronym\n1,A\n1,B\n", "line 3"),
    "odd side": ("label,acronym,side\n1,A,up\n", "side 'up'"),
    "no name": ("label,acronym\n1,\n", "acronym ''"),
    "short line": ("label,acronym\n1\n", "acronym ''"),
    "other labels": ("label,acronym\n9,A\n", "none of the labels"),
    "twice the same area": ("label,acronym,side\n1,A,left\n2,A,left\n", "'A left' more than once"),
}


@pytest.mark.parametrize(("table", "said"), TABLES.values(), ids=TABLES.keys())
def test_tables_that_do_not_name_the_labels_are_refused(tmp_path, table, said):
    path = write(tmp_path / "mine.npy", stripes())
    (tmp_path / "names.csv").write_text(table)
    with pytest.raises(AtlasError, match=said):
        read_label_image(path, tmp_path / "names.csv", pixel_size=0.1)


@pytest.mark.parametrize("size", [0, -1, float("nan")])
def test_an_impossible_pixel_size_is_refused(tmp_path, size):
    with pytest.raises(AtlasError, match="pixel size"):
        read_label_image(write(tmp_path / "mine.npy", stripes()), pixel_size=size)
