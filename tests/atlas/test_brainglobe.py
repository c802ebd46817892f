"""BrainGlobe atlases from above: a small one, made here in BrainGlobe's own on-disk format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.brainglobe_files import STRUCTURES, annotation, write_atlas
from napari_cortex_decoder.atlas import Registration, load_atlas
from napari_cortex_decoder.atlas.importers import brainglobe
from napari_cortex_decoder.errors import AtlasError

pytest.importorskip("brainglobe_atlasapi", reason="the extra `atlas` is not installed")
pytest.importorskip("ngff_zarr")


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_: tmp_path / "cache")
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

    from brainglobe_atlasapi import BrainGlobeAtlas

    def never(_: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(BrainGlobeAtlas, "annotation", property(never))
    again = brainglobe.load_brainglobe("tiny_mouse_100um", folder)
    assert [a.label for a in again.areas] == [a.label for a in first.areas]
    assert all(
        (a.polygon == b.polygon).all() for a, b in zip(again.areas, first.areas, strict=True)
    )


@pytest.mark.parametrize("content", ["", "{}", '{"name": 3, "areas": []}'])
def test_a_broken_cache_is_made_again(folder, content):
    brainglobe.load_brainglobe("tiny_mouse_100um", folder)
    (cached,) = (folder / "cache").rglob("*.json")
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
    with pytest.raises(
        AtlasError,
        match=r"missing_25um: this cannot be read as a BrainGlobe atlas \(no connection\)",
    ):
        brainglobe.load_brainglobe("missing_25um", folder)


def test_without_the_extra_the_remedy_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "brainglobe_atlasapi", None)
    with pytest.raises(AtlasError, match=r"napari-cortex-decoder\[atlas\]"):
        brainglobe.load_brainglobe("allen_mouse_25um")
