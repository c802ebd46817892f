"""BrainGlobe atlases from above: a small one, made here in BrainGlobe's own on-disk format."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_cortex_decoder.atlas import Registration, load_atlas
from napari_cortex_decoder.atlas.importers import brainglobe
from napari_cortex_decoder.errors import AtlasError

pytest.importorskip("brainglobe_atlasapi", reason="the extra `atlas` is not installed")
nz = pytest.importorskip("ngff_zarr")

STRUCTURES = {
    # id: (acronym, name, path)
    997: ("root", "root", [997]),
    315: ("Isocortex", "Isocortex", [997, 315]),
    985: ("MOp", "Primary motor area", [997, 315, 500, 985]),
    320: ("MOp1", "Primary motor area, Layer 1", [997, 315, 500, 985, 320]),
    648: ("MOp5", "Primary motor area, Layer 5", [997, 315, 500, 985, 648]),
    500: ("MO", "Somatomotor areas", [997, 315, 500]),
    385: ("VISp", "Primary visual area", [997, 315, 669, 385]),
    593: ("VISp1", "Primary visual area, layer 1", [997, 315, 669, 385, 593]),
    669: ("VIS", "Visual areas", [997, 315, 669]),
    894: ("RSPagl", "Retrosplenial area, lateral agranular part", [997, 315, 894]),
    512: ("CB", "Cerebellum", [997, 512]),
}
SHAPE = (132, 40, 114)  # voxels of 100 µm: front–back, top–bottom, right–left
MICRONS = 100.0


def annotation() -> np.ndarray:
    """Two hemispheres seen from the front right: MOp before VISp, RSPagl between, CB behind."""
    volume = np.zeros(SHAPE, np.uint32)
    volume[20:120, 9:11, 5:109] = 997  # an unassigned rim over everything
    for side in (slice(60, 90), slice(24, 54)):  # left and right of the midline at 57
        volume[30:60, 10, side] = 320
        volume[30:60, 11:20, side] = 648
        volume[60:100, 10:20, side] = 593
    volume[70:90, 10:20, 50:64] = 894  # across the midline
    volume[95:115, 10:20, 24:90] = 512
    volume[95:115, 20:25, 24:90] = 593  # cortex under the cerebellum is not seen from above
    volume[40, 10:20, 95] = 593  # a speck
    return volume


def write_atlas(folder: Path, name: str, structures=None, volume=None) -> None:
    root = folder / "brainglobe-atlasapi"
    volume = annotation() if volume is None else volume
    parts = {
        "terminology": f"/terminologies/{name}/1_0",
        "coordinate_space": f"/coordinate-spaces/{name}/1_0",
        "annotation_set": f"/annotation-sets/{name}/1_0",
        "template": f"/templates/{name}/1_0",
    }
    for part in parts.values():
        (root / part[1:]).mkdir(parents=True)
    for part, file, dtype in (
        ("annotation_set", "annotations_compressed.ome.zarr", np.uint32),
        ("template", "template.ome.zarr", np.uint16),
    ):
        image = nz.to_ngff_image(
            volume.astype(dtype), dims=["z", "y", "x"], scale=dict.fromkeys("zyx", MICRONS / 1000)
        )
        target = root / parts[part][1:] / file
        nz.to_ngff_zarr(str(target), nz.to_multiscales(image, scale_factors=[]), version="0.5")
    rows = [
        {
            "identifier": identifier,
            "parent_identifier": path[-2] if len(path) > 1 else None,
            "annotation_value": identifier,
            "name": words,
            "abbreviation": acronym,
            "color_hex_triplet": "#1F9D5A",
            "root_identifier_path": path,
        }
        for identifier, (acronym, words, path) in (structures or STRUCTURES).items()
    ]
    table = pd.DataFrame(rows).astype({"parent_identifier": "UInt32"})
    table.to_csv(root / parts["terminology"][1:] / "terminology.csv", index=False)
    manifest = {
        "name": name,
        "citation": "Somebody et al. 2020",
        "atlas_link": "http://example.org",
        "species": "Mus musculus",
        "symmetric": True,
        "resolution": [MICRONS] * 3,
        "orientation": "asr",
        "shape": list(volume.shape),
        "version": "1.0",
        "additional_references": [],
        "terminology": {"name": name, "location": parts["terminology"]},
        "coordinate_space": {"name": name, "location": parts["coordinate_space"]},
        "annotation_set": {
            "name": name,
            "location": parts["annotation_set"],
            "template": {"name": name, "location": parts["template"]},
        },
    }
    place = root / "atlases" / name / "1_0"
    place.mkdir(parents=True)
    (place / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(brainglobe, "_cache_path", lambda stem: tmp_path / f"cache/{stem}.json")
    write_atlas(tmp_path, "tiny_mouse_100um")
    return tmp_path


def test_isocortex_from_above_with_layers_taken_for_their_area(folder):
    atlas = brainglobe.load_brainglobe("tiny_mouse_100um", folder)
    assert sorted(area.label for area in atlas.areas) == [
        "MOp left",
        "MOp right",
        "RSPagl left",
        "RSPagl right",
        "VISp left",
        "VISp right",
    ]
    assert atlas.area("MOp", "left").name == "Primary motor area"
    assert atlas.warnings == ()
    assert "tiny_mouse_100um 1.0" in atlas.source


def test_load_atlas_finds_it_where_brainglobe_keeps_its_atlases(folder, monkeypatch):
    from brainglobe_atlasapi import config

    settings = folder / "bg_config.conf"
    settings.write_text(
        f"[default_dirs]\nbrainglobe_dir = {folder}\ninterm_download_dir = {folder}\n"
    )
    monkeypatch.setattr(config, "CONFIG_PATH", settings)
    assert len(load_atlas("tiny_mouse_100um").areas) == 6


def test_areas_lie_in_mm_from_bregma_on_their_side(folder):
    atlas = brainglobe.load_brainglobe("tiny_mouse_100um", folder)
    # MOp fills 3.0–6.0 mm from the front; bregma is at 5.4. Voxels 60–90 of the right–left axis
    # are 0.3–3.3 mm to the left of the middle of 114
    left = atlas.area("MOp", "left").polygon
    assert left.min(0) == pytest.approx([-3.3, -2.4])
    assert left.max(0) == pytest.approx([-0.3, 0.6])
    assert atlas.area("MOp", "right").polygon.min(0) == pytest.approx([0.3, -2.4])
    # the cerebellum hides what is behind 9.5 mm
    assert atlas.area("VISp", "left").polygon.max(0)[1] == pytest.approx(9.5 - 5.4)


def test_the_view_paints_what_the_volume_shows(folder):
    atlas = brainglobe.load_brainglobe("tiny_mouse_100um", folder)
    painted = Registration.upright(atlas, 0.1, (53.5, 56.5)).label_image((132, 114))
    assert atlas.areas[painted[45, 30] - 1].label == "MOp left"  # left on screen is left
    assert atlas.areas[painted[80, 60] - 1].label == "RSPagl right"
    assert painted[105, 40] == 0


def test_the_second_time_the_volume_is_not_read_again(folder, monkeypatch):
    first = brainglobe.load_brainglobe("tiny_mouse_100um", folder)

    def never(*_: object) -> None:
        raise AssertionError("projected again")

    monkeypatch.setattr(brainglobe, "_project", never)
    again = brainglobe.load_brainglobe("tiny_mouse_100um", folder)
    assert [a.label for a in again.areas] == [a.label for a in first.areas]
    assert all(
        (a.polygon == b.polygon).all() for a, b in zip(again.areas, first.areas, strict=True)
    )


@pytest.mark.parametrize("content", ["", "{}", '{"name": 3, "areas": []}'])
def test_a_broken_cache_is_made_again(folder, content):
    (cached,) = [brainglobe._cache_path("tiny_mouse_100um_1.0_1")]
    cached.parent.mkdir()
    cached.write_text(content)
    assert len(brainglobe.load_brainglobe("tiny_mouse_100um", folder).areas) == 6
    assert len(json.loads(cached.read_text())["areas"]) == 6


def test_where_the_cache_cannot_be_written_the_atlas_says_so(folder):
    (folder / "cache").write_text("a file where a folder should be")
    atlas = brainglobe.load_brainglobe("tiny_mouse_100um", folder)
    assert len(atlas.areas) == 6
    assert "could not be kept" in atlas.warnings[-1]


def test_a_volume_of_another_length_says_that_bregma_is_a_guess(folder):
    write_atlas(folder, "other_mouse_100um", volume=annotation()[10:120])
    atlas = brainglobe.load_brainglobe("other_mouse_100um", folder)
    assert "where bregma lies" in atlas.warnings[0]


def test_an_atlas_without_isocortex_is_refused(folder):
    fish = {997: STRUCTURES[997], 512: STRUCTURES[512]}
    write_atlas(folder, "fish_100um", structures=fish)
    with pytest.raises(AtlasError, match="no structure 'Isocortex'"):
        brainglobe.load_brainglobe("fish_100um", folder)


@pytest.mark.parametrize("name", ["../../etc", "a/b", "", "-x", "two words"])
def test_a_name_that_would_leave_the_folder_is_refused(folder, name):
    with pytest.raises(AtlasError, match="is no name of an atlas"):
        brainglobe.load_brainglobe(name, folder)


def test_an_atlas_that_brainglobe_cannot_give_is_refused_in_one_sentence(folder, monkeypatch):
    import brainglobe_atlasapi.bg_atlas as api

    def offline(*_: object, **__: object) -> None:
        raise ConnectionError("no connection")

    monkeypatch.setattr(api, "check_s3_status", lambda *_, **__: False)
    monkeypatch.setattr(api, "check_internet_connection", offline)
    with pytest.raises(AtlasError, match=r"cannot give the atlas 'missing_25um' \(no connection\)"):
        brainglobe.load_brainglobe("missing_25um", folder)


def test_without_the_extra_the_remedy_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "brainglobe_atlasapi", None)
    with pytest.raises(AtlasError, match=r"napari-cortex-decoder\[atlas\]"):
        brainglobe.load_brainglobe("allen_mouse_25um")
