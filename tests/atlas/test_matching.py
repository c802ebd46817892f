"""Which area a name means, however a lab writes it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_cortex_decoder.atlas import Area, Atlas, load_atlas
from napari_cortex_decoder.atlas.matching import find_area, picture_of

ATLAS = load_atlas("dorsal-cortex")
WORDS = {"left": ["left", "Left", "L", "l", "LH"], "right": ["right", "RIGHT", "R", "r", "RH"]}


@given(
    st.sampled_from(ATLAS.areas),
    st.sampled_from(range(5)),
    st.sampled_from([" ", "_", "-", ".", " - "]),
    st.booleans(),
    st.booleans(),
)
def test_acronym_or_words_with_the_side_at_either_end_is_that_area(
    area: Area, which: int, sign: str, before: bool, words: bool
) -> None:
    side = WORDS[area.side][which]
    name = area.name if words else area.acronym
    written = f"{side}{sign}{name}" if before else f"{name}{sign}{side}"
    found = find_area(ATLAS, written)
    assert found is not None and found.label == area.label
    assert find_area(ATLAS, written.upper()) is found


@given(st.sampled_from(ATLAS.areas), st.booleans())
def test_a_side_in_a_column_of_its_own_counts(area: Area, words: bool) -> None:
    name = area.name if words else area.acronym
    assert find_area(ATLAS, name) is None
    found = find_area(ATLAS, name, f"{area.side} hemisphere")
    assert found is not None and found.label == area.label


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("MOsL", "MOs left"),
        ("RVISp", "VISp right"),
        ("lMOp", "MOp left"),
        ("VISa_l", "VISa left"),  # not VISal, of which no side would be told
        ("VISal_l", "VISal left"),
        ("VISl_l", "VISl left"),
        ("SSp_ul_R", "SSp-ul right"),
        ("MOs (left hemisphere)", "MOs left"),
    ],
)
def test_letters_that_could_be_sides_or_acronyms(name: str, label: str) -> None:
    found = find_area(ATLAS, name)
    assert found is not None and found.label == label


@pytest.mark.parametrize("name", ["", "L", "speed", "VISp", "left", "MOs both", "MOs12"])
def test_what_names_no_area_is_none(name: str) -> None:
    assert find_area(ATLAS, name) is None


def test_a_name_and_a_column_that_disagree_are_no_area() -> None:
    assert find_area(ATLAS, "L-MOs", "right") is None


def test_every_area_is_in_the_picture_even_a_small_one() -> None:
    square = np.array([[0.0, 0.0], [1, 0], [1, 1], [0, 1]])
    far = [Area("A", "A", "left", 5 * square - 9), Area("B", "B", "right", 5 * square + 4)]
    small = Area("C", "C", "right", 0.04 * square + 0.97)
    atlas = Atlas("far apart", (*far, small))
    registration, shape = picture_of(atlas, atlas.areas)
    assert set(np.unique(registration.label_image(shape))) == {0, 1, 2, 3}
    _, smaller = picture_of(atlas, far)
    assert smaller < shape
