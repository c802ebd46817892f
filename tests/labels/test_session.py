"""Labels survive: undo, the journal, crashes, and a second viewer."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.stages import NAMED, N, edits, paint
from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.labels import (
    Bout,
    Edit,
    Labels,
    LabelSession,
    journal_ethogram,
)
from napari_cortex_decoder.labels.journal import NAME


def session_in(folder: Path, n_frames: int = N) -> LabelSession:
    return LabelSession(n_frames, "m1", folder)


def perform(session: LabelSession, todo: list[Edit | str]) -> None:
    for one in todo:
        try:
            if one == "undo":
                session.undo()
            elif one == "redo":
                session.redo()
            elif isinstance(one, str):
                raise AssertionError(one)
            else:
                session.edit(one)
        except LabelError:
            continue  # an impossible edit leaves everything as it was


acts = st.lists(st.one_of(edits, st.sampled_from(["undo", "redo"])), max_size=25)


@given(acts)
def test_any_sequence_of_edits_undone_fully_gives_the_start_and_redone_fully_the_end(
    todo: list[Edit | str],
) -> None:
    session = LabelSession(N, "m1")
    session.edit(NAMED)
    perform(session, todo)
    end = session.labels
    while session.can_undo:
        session.undo()
    assert session.labels == Labels.empty(N)
    while session.can_redo:
        session.redo()
    # what could be redone before the count began is redone as well
    if "undo" not in todo:
        assert session.labels == end


@given(acts)
@settings(max_examples=25, deadline=None)
def test_the_journal_replayed_gives_the_state_and_all_that_can_be_undone(
    tmp_path_factory: pytest.TempPathFactory, todo: list[Edit | str]
) -> None:
    folder = tmp_path_factory.mktemp("cortex")
    session = session_in(folder)
    session.edit(NAMED)
    perform(session, todo)
    session.close()
    again = session_in(folder)
    try:
        assert again.labels == session.labels
        assert journal_ethogram(folder) == session.labels.ethogram
        while again.can_undo:
            again.undo()
        assert again.labels == Labels.empty(N)
    finally:
        again.close()


def test_edits_of_one_run_are_undone_together_even_after_reopening(tmp_path: Path) -> None:
    session = session_in(tmp_path)
    session.edit(NAMED)
    for stop in (5, 9, 14):  # a key held down while the movie plays
        session.edit(paint(2, stop), run="key 2 at 2")
    session.close()
    again = session_in(tmp_path)
    again.undo()
    assert again.labels.ethogram.bouts == ()
    again.redo()
    assert again.labels.ethogram.bouts == (Bout(2, 14, "run"),)
    again.close()


def test_nothing_is_written_before_the_first_edit_nor_for_one_that_changes_nothing(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "m1.tif.cortex"
    session = session_in(folder)
    assert not folder.exists()
    session.edit(NAMED)
    session.edit(paint(3, 9))
    n_lines = len((folder / NAME).read_text().splitlines())
    session.edit(paint(4, 6))
    assert len((folder / NAME).read_text().splitlines()) == n_lines == 3
    session.close()


def test_each_line_says_by_itself_what_was_done_and_when(tmp_path: Path) -> None:
    session = session_in(tmp_path)
    session.edit(NAMED)
    session.edit(paint(3, 9))
    session.undo()
    session.close()
    header, _, edit, undo = map(json.loads, (tmp_path / NAME).read_text().splitlines())
    assert header == {"kind": "recording", "version": 1, "name": "m1", "n_frames": N}
    assert edit["edit"] == {
        "kind": "paint", "start": 3, "stop": 9, "behavior": "run", "source": "person",
    }  # fmt: skip
    assert undo["kind"] == "undo" and edit["time"] <= undo["time"]


@pytest.mark.parametrize("kept", [1, 40, -2])
def test_a_last_line_that_was_cut_off_is_left_out_and_told(tmp_path: Path, kept: int) -> None:
    session = session_in(tmp_path)
    session.edit(NAMED)
    session.edit(paint(3, 9))
    session.edit(paint(20, 30))
    session.close()
    journal = tmp_path / NAME
    *whole, last = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(whole) + last[:kept])
    again = session_in(tmp_path)
    assert again.labels.ethogram.bouts == (Bout(3, 9, "run"),)
    assert "cut off" in again.notice
    again.edit(paint(40, 50))
    again.close()
    third = session_in(tmp_path)
    assert third.labels.ethogram.bouts == (Bout(3, 9, "run"), Bout(40, 50, "run"))
    assert not third.notice
    third.close()


@pytest.mark.parametrize(
    "line",
    [
        b"\x00\xff",
        b'{"kind": "edit"}',
        b'{"kind": "edit", "time": "t", "edit": {"kind": "paint", "start": -1, "stop": 2, '
        b'"behavior": "run"}}',
        b'{"kind": "redo", "time": "t"}',
        b'{"kind": "recording", "name": "m1", "n_frames": 60}',
    ],
    ids=["bytes", "no edit", "negative frame", "nothing to redo", "second header"],
)
def test_a_damaged_line_in_the_middle_is_named_and_nothing_is_written(
    tmp_path: Path, line: bytes
) -> None:
    session = session_in(tmp_path)
    session.edit(NAMED)
    session.close()
    journal = tmp_path / NAME
    content = journal.read_bytes() + line + b"\n" + journal.read_bytes().splitlines(True)[1]
    journal.write_bytes(content)
    with pytest.raises(LabelError, match=r"labels\.jsonl.*line"):
        session_in(tmp_path)
    assert journal.read_bytes() == content


def test_the_journal_of_another_recording_is_refused(tmp_path: Path) -> None:
    session = session_in(tmp_path)
    session.edit(NAMED)
    session.close()
    with pytest.raises(LabelError, match=r"60 frames and this one has\s+61"):
        session_in(tmp_path, n_frames=61)


def test_a_second_editor_is_told_and_can_only_look_until_the_first_is_gone(
    tmp_path: Path,
) -> None:
    first = session_in(tmp_path)
    first.edit(NAMED)
    second = session_in(tmp_path)
    assert second.read_only and "another window" in second.notice
    assert second.labels == first.labels
    with pytest.raises(LabelError, match="another window"):
        second.edit(paint(0, 3))
    first.edit(paint(0, 3))
    second.reload()
    assert second.labels == first.labels and second.read_only
    first.close()
    second.reload()
    assert not second.read_only and not second.notice
    second.edit(paint(5, 9))
    second.close()


def test_two_that_open_an_unlabelled_recording_do_not_mix_their_edits(tmp_path: Path) -> None:
    folder = tmp_path / "m1.tif.cortex"
    first, second = session_in(folder), session_in(folder)
    first.edit(NAMED)
    with pytest.raises(LabelError, match="another window"):
        second.edit(NAMED)
    first.close()
    third, late = session_in(folder), LabelSession(N, "m1", folder)
    assert late.read_only
    third.close()


def test_a_disk_that_fails_later_is_told_with_the_next_edit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    session = session_in(tmp_path)
    session.edit(NAMED)
    monkeypatch.setattr(os, "fsync", broken)
    session.edit(paint(0, 3))
    with pytest.raises(LabelError, match="Input/output error"):
        for start in range(N):
            time.sleep(0.1)  # the disk is written to in the background
            session.edit(paint(start, start + 1, "rest"))
    monkeypatch.undo()
    session.close()
