"""Edits of labels do what their names say, and nothing beside it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from helpers.stages import BEHAVIORS, N, behaviors, edits, frames, names_of, some_bouts, spans
from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.labels import (
    Behavior,
    Bout,
    Edit,
    Erase,
    Ethogram,
    Flip,
    Labels,
    Merge,
    MoveBorder,
    Paint,
    Replace,
    SetBehaviors,
    Source,
    Split,
    Verify,
)


def labels_of(*bouts: Bout) -> Labels:
    return Labels.of(Ethogram(BEHAVIORS, bouts, N))


REST, RUN = Bout(10, 20, "rest"), Bout(20, 30, "run", Source.MODEL)


@given(some_bouts(), spans(), behaviors)
def test_painting_changes_these_frames_and_no_other(
    bouts: tuple[Bout, ...], span: tuple[int, int], behavior: str
) -> None:
    before = labels_of(*bouts)
    after = Paint(start=span[0], stop=span[1], behavior=behavior).apply(before)
    expected = np.array(names_of(before.ethogram), dtype=object)
    expected[slice(*span)] = behavior
    assert names_of(after.ethogram) == expected.tolist()


@given(some_bouts(), spans())
def test_erasing_makes_unknown_not_rest(bouts: tuple[Bout, ...], span: tuple[int, int]) -> None:
    before = labels_of(*bouts)
    expected = before.ethogram.frames()
    expected[slice(*span)] = -1
    after = Erase(start=span[0], stop=span[1]).apply(before)
    np.testing.assert_array_equal(after.ethogram.frames(), expected)


@given(some_bouts(), spans(), behaviors)
def test_what_is_painted_joins_its_like(
    bouts: tuple[Bout, ...], span: tuple[int, int], behavior: str
) -> None:
    after = Paint(start=span[0], stop=span[1], behavior=behavior).apply(labels_of(*bouts))
    for one, following in pairwise(after.ethogram.bouts):
        alike = (one.behavior, one.source) == (following.behavior, following.source)
        touches = span[0] in (one.stop, following.start) or span[1] in (one.stop, following.start)
        assert not (alike and one.stop == following.start and touches and behavior == one.behavior
                    and one.source == Source.PERSON)  # fmt: skip


@given(some_bouts(), frames)
def test_a_split_changes_no_frame_and_a_merge_undoes_it(
    bouts: tuple[Bout, ...], frame: int
) -> None:
    before = labels_of(*bouts)
    around = [bout for bout in bouts if bout.start < frame < bout.stop]
    if not around:
        return
    after = Split(frame=frame).apply(before)
    np.testing.assert_array_equal(after.ethogram.frames(), before.ethogram.frames())
    assert len(after.ethogram.bouts) == len(bouts) + 1
    assert Merge(frame=around[0].start).apply(after) == before


def test_a_merge_fills_what_is_between_and_is_a_persons() -> None:
    after = Merge(frame=12).apply(labels_of(REST, Bout(25, 30, "run", Source.MODEL)))
    assert after.ethogram.bouts == (Bout(10, 30, "rest", Source.PERSON),)


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        (25, (Bout(10, 25, "rest"), Bout(25, 30, "run", Source.MODEL))),
        (15, (Bout(10, 15, "rest"), Bout(15, 30, "run"))),
        (40, (Bout(10, 40, "rest"),)),
        (20, (REST, RUN)),
    ],
    ids=["right", "left", "over the whole neighbour", "nowhere"],
)
def test_a_border_between_two_bouts_moves(to: int, expected: tuple[Bout, ...]) -> None:
    assert MoveBorder(border=20, to=to).apply(labels_of(REST, RUN)).ethogram.bouts == expected


@pytest.mark.parametrize(
    ("border", "to", "expected"),
    [
        (10, 5, (Bout(5, 20, "rest"),)),
        (10, 15, (Bout(15, 20, "rest"),)),
        (20, 25, (Bout(10, 25, "rest"),)),
        (20, 12, (Bout(10, 12, "rest"),)),
    ],
)
def test_a_border_to_what_is_unknown_moves(
    border: int, to: int, expected: tuple[Bout, ...]
) -> None:
    assert MoveBorder(border=border, to=to).apply(labels_of(REST)).ethogram.bouts == expected


def test_a_flip_is_a_persons_word_and_a_verified_bout_keeps_its_behavior() -> None:
    flipped = Flip(frame=25, behavior="groom").apply(labels_of(REST, RUN))
    assert flipped.ethogram.bouts == (REST, Bout(20, 30, "groom", Source.PERSON))
    verified = Verify(start=25, stop=26).apply(labels_of(REST, RUN))
    assert verified.ethogram.bouts == (REST, Bout(20, 30, "run", Source.VERIFIED))


def test_replacing_brings_its_behaviors_and_gives_them_keys() -> None:
    after = Replace(start=15, stop=25, bouts=(Bout(16, 18, "sleep"),)).apply(labels_of(REST, RUN))
    assert after.ethogram.bouts == (
        Bout(10, 15, "rest"), Bout(16, 18, "sleep"), Bout(25, 30, "run", Source.MODEL),
    )  # fmt: skip
    assert after.behavior_of("4") == "sleep"


def test_behaviors_are_renamed_removed_and_get_other_keys() -> None:
    edit = SetBehaviors(
        behaviors=(Behavior(name="locomotion", key="7", color=(1, 2, 3)),),
        renamed={"run": "locomotion"},
    )
    after = edit.apply(labels_of(REST, RUN))
    assert after.ethogram.bouts == (Bout(20, 30, "locomotion", Source.MODEL),)
    assert after.behavior_of("7") == "locomotion" and after.behavior_of("1") is None


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (Paint(start=5, stop=5, behavior="run"), "are none"),
        (Paint(start=5, stop=61, behavior="run"), "outside"),
        (Paint(start=5, stop=6, behavior="sleep"), "add it first"),
        (Split(frame=40), "no bout"),
        (Merge(frame=25), "no bout follows"),
        (MoveBorder(border=15, to=17), "begins or ends"),
        (MoveBorder(border=20, to=61), "outside"),
        (Flip(frame=40, behavior="run"), "no bout"),
        (Replace(start=5, stop=6, bouts=(Bout(5, 9, "run"),)), "leave the frames"),
        (
            SetBehaviors(behaviors=(Behavior(name="a", key="1"), Behavior(name="b", key="1"))),
            "have the key 1",
        ),
        (SetBehaviors(behaviors=(Behavior(name="a"), Behavior(name="a"))), "repeat a name"),
    ],
)
def test_an_impossible_edit_is_refused_with_a_reason(edit: Edit, reason: str) -> None:
    with pytest.raises(LabelError, match=reason):
        edit.apply(labels_of(REST, RUN))


@given(edits)
def test_every_edit_can_be_written_down_and_read_back(edit: Edit) -> None:
    adapter: TypeAdapter[Edit] = TypeAdapter(Edit)
    assert adapter.validate_json(edit.model_dump_json()) == edit


@pytest.mark.parametrize(
    "fields",
    [{"name": ""}, {"name": "a\nb"}, {"name": "run", "key": "0"},
     {"name": "run", "color": (256, 0, 0)}],
)  # fmt: skip
def test_behaviors_that_cannot_be_shown_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Behavior(**fields)


@given(st.lists(behaviors, unique=True))
def test_labels_of_an_ethogram_have_keys_in_order(names: list[str]) -> None:
    labels = Labels.of(Ethogram(tuple(names), (), N))
    assert [labels.behavior_of(str(key + 1)) for key in range(len(names))] == names
