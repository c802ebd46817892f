"""Journals that grow long, disks that fill up, and locks that are deleted."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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
    Replace,
    journal_ethogram,
)
from napari_cortex_decoder.labels import journal as journal_module
from napari_cortex_decoder.labels import session as session_module
from napari_cortex_decoder.labels.journal import NAME


@contextmanager
def session_in(folder: Path, n_frames: int = N) -> Iterator[LabelSession]:
    session = LabelSession(n_frames, "m1", folder)
    try:
        yield session
    finally:
        session.close()


@contextmanager
def long_from(n_bytes: int, depth: int = 1000) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in (journal_module, session_module):
            patch.setattr(module, "LONG", n_bytes)
            patch.setattr(module, "DEPTH", depth)
        yield


@contextmanager
def full_disk(left: int) -> Iterator[None]:
    """No file can grow beyond so many bytes: writing truly fails, in the middle of a line."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (left, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def states_back(session: LabelSession) -> list[Labels]:
    found = [session.labels]
    while session.can_undo:
        session.undo()
        found.append(session.labels)
    return found


acts = st.lists(
    st.one_of(
        st.tuples(edits, st.sampled_from([None, "a", "b"])), st.sampled_from(["undo", "redo"])
    ),
    max_size=40,
)


@given(acts, st.sampled_from([300, 1_000, 4_000]), st.sampled_from([2, 5, 1000]))
@settings(max_examples=60, deadline=None)
def test_a_journal_that_was_shortened_gives_the_same_state_and_the_same_steps_back_and_forth(
    tmp_path_factory: pytest.TempPathFactory,
    todo: list[tuple[Edit, str | None] | str],
    n_bytes: int,
    depth: int,
) -> None:
    folder = tmp_path_factory.mktemp("cortex")
    with long_from(n_bytes, depth):
        with session_in(folder) as session:
            session.edit(NAMED)
            for one in todo:
                try:
                    if isinstance(one, tuple):
                        session.edit(one[0], one[1])
                    else:
                        (session.undo if one == "undo" else session.redo)()
                except LabelError:
                    continue  # an impossible edit leaves everything as it was
            end, forth = session.labels, session.can_redo
        with session_in(folder) as again:
            assert again.labels == end and again.can_redo == forth
            while again.can_redo:
                again.redo()
            last = again.labels
            reopened = states_back(again)
    with session_in(folder) as third:
        while third.can_redo:
            third.redo()
        assert third.labels == last
        assert states_back(third)[: len(reopened)] == reopened


def test_a_long_journal_is_shortened_before_it_grows_further_and_keeps_the_latest_steps(
    tmp_path: Path,
) -> None:
    with long_from(20_000, depth=50), session_in(tmp_path, 10_000) as session:
        session.edit(NAMED)
        for number in range(1_000):
            session.edit(paint(10 * number, 10 * number + 5, ("rest", "run")[number % 2]))
            assert (tmp_path / NAME).stat().st_size < 200_000
    with session_in(tmp_path, 10_000) as again:
        assert len(again.labels.ethogram.bouts) == 1_000
        n_back = len(states_back(again)) - 1
        assert 50 <= n_back < 1_000
        assert len(again.labels.ethogram.bouts) == 1_000 - n_back
    assert len(list(tmp_path.iterdir())) == 2  # the journal and its lock


def test_a_journal_of_more_than_256_mib_is_read(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        session.edit(NAMED)
        session.edit(paint(3, 9))
        session.edit(paint(20, 30))
    header, *lines = (tmp_path / NAME).read_bytes().splitlines()
    with (tmp_path / NAME).open("wb") as file:  # blanks are JSON, too
        file.write(header + b"\n")
        for line in lines:
            file.write(line[:-1] + b" " * (90 << 20) + line[-1:] + b"\n")
    with session_in(tmp_path) as session:
        session.edit(paint(40, 50))
        assert (tmp_path / NAME).stat().st_size < 10_000
        session.undo()
        session.undo()
    ethogram = journal_ethogram(tmp_path)
    assert ethogram is not None and ethogram.bouts == (Bout(3, 9, "run"),)


def test_a_long_journal_that_cannot_be_shortened_for_want_of_room_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise LabelError("the disk is full")

    with long_from(2_000), session_in(tmp_path, 1_000) as session:
        monkeypatch.setattr(session_module, "write_whole", full)
        session.edit(NAMED)
        for number in range(60):
            session.edit(paint(10 * number, 10 * number + 5))
        monkeypatch.undo()
    with session_in(tmp_path, 1_000) as again:
        assert len(again.labels.ethogram.bouts) == 60


def test_a_program_of_before_is_told_by_the_version_of_a_shortened_journal(tmp_path: Path) -> None:
    with long_from(500), session_in(tmp_path) as session:
        session.edit(NAMED)
        for start in range(0, 50, 5):
            session.edit(paint(start, start + 2))
    header = json.loads((tmp_path / NAME).read_text().splitlines()[0])
    assert header["version"] == 2 and header["n_frames"] == N


@pytest.mark.parametrize("room", [0, 40, 150])
def test_edits_that_fail_on_a_full_disk_leave_no_thread_no_open_file_and_no_half_line(
    tmp_path: Path, room: int
) -> None:
    def count() -> tuple[int, int]:
        files = Path("/proc/self/fd")
        return threading.active_count(), len(list(files.iterdir())) if files.exists() else 0

    with session_in(tmp_path) as session:
        with full_disk(room):
            with pytest.raises(LabelError, match="cannot be written"):
                session.edit(NAMED)
            before = count()
            for _ in range(20):
                with pytest.raises(LabelError, match="cannot be written"):
                    session.edit(NAMED)
            assert count() == before
        assert not session.labels.behaviors
        session.edit(NAMED)
        session.edit(paint(3, 9))
        with full_disk((tmp_path / NAME).stat().st_size + 20):
            for _ in range(20):
                with pytest.raises(LabelError, match="cannot be written"):
                    session.edit(paint(20, 30))
        session.edit(paint(40, 50))
    with session_in(tmp_path) as again:
        assert again.labels.ethogram.bouts == (Bout(3, 9, "run"), Bout(40, 50, "run"))
        assert not again.notice


def test_two_editors_whose_lock_was_deleted_never_both_write(tmp_path: Path) -> None:
    with session_in(tmp_path) as first:
        first.edit(NAMED)
        (tmp_path / "labels.lock").unlink()
        with session_in(tmp_path) as second:
            second.edit(paint(3, 9))
            with pytest.raises(LabelError, match="another window"):
                first.edit(paint(20, 30))
            second.edit(paint(40, 50))
        first.reload()
        assert first.labels == second.labels and not first.read_only
        first.edit(paint(20, 30))
    with session_in(tmp_path) as third:
        assert [bout.start for bout in third.labels.ethogram.bouts] == [3, 20, 40]


def test_whoever_comes_back_after_another_editor_is_told_and_overwrites_nothing(
    tmp_path: Path,
) -> None:
    with session_in(tmp_path) as session:
        session.edit(NAMED)
    for edited_before in (False, True):
        with session_in(tmp_path) as first:
            start = 30 * edited_before
            if edited_before:
                first.edit(paint(start, start + 3))
            (tmp_path / "labels.lock").unlink()
            with session_in(tmp_path) as second:
                second.edit(paint(start + 5, start + 9))
            before = (tmp_path / NAME).read_bytes()
            with pytest.raises(LabelError, match=r"edited elsewhere|changed by another program"):
                first.edit(paint(start + 15, start + 20))
            assert (tmp_path / NAME).read_bytes() == before


@pytest.mark.skipif(os.name == "nt", reason="Windows deletes no file that is open")
@pytest.mark.parametrize("gone", ["journal", "folder"])
def test_an_edit_is_refused_where_nobody_would_find_it(tmp_path: Path, gone: str) -> None:
    folder = tmp_path / "m1.tif.cortex"
    with session_in(folder) as session:
        session.edit(NAMED)
        if gone == "folder":
            shutil.rmtree(folder)
        else:
            (folder / NAME).unlink()
        with pytest.raises(LabelError):
            session.edit(paint(3, 9))
        assert not session.labels.ethogram.bouts


def test_an_edit_larger_than_any_line_that_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_cortex_decoder.labels import journal_writer

    with session_in(tmp_path) as session:
        session.edit(NAMED)
        monkeypatch.setattr(journal_writer, "MAX_LINE", 200)
        bouts = tuple(Bout(start, start + 2, "run") for start in range(0, N, 3))
        with pytest.raises(LabelError, match="too many bouts"):
            session.edit(Replace(start=0, stop=N, bouts=bouts))
        session.edit(paint(3, 9))
