"""What is kept beside a movie and among the user's own data: neither hides the other."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest

from helpers.stages import NAMED, paint
from helpers.tuned_mice import blank_decoder, patchy_mouse
from napari_cortex_decoder.labels import (
    Bout,
    Labels,
    LabelSession,
    journal_ethogram,
)
from napari_cortex_decoder.labels.journal import NAME
from napari_cortex_decoder.recording import cached, open_recording, preprocess
from napari_cortex_decoder.recording.preprocessing import Bin
from napari_cortex_decoder.recording.sidecar import (
    remember_metadata,
    remembered_metadata,
    sidecar_folders,
)
from napari_cortex_decoder.tuning.fine_tune import fine_tune
from napari_cortex_decoder.widgets.labels import tuning_files

N = 60
ReadOnly = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def movie(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A movie in a folder into which somebody who is not root can look."""
    root = Path(tempfile.mkdtemp())
    root.chmod(0o755)
    (root / "archive").mkdir()
    (root / "own").mkdir()
    (root / "own").chmod(0o777)
    monkeypatch.setenv("XDG_DATA_HOME", str(root / "own"))
    path = root / "archive" / "m1.npy"
    np.save(path, np.zeros((N, 8, 8), np.float32))
    yield path
    shutil.rmtree(root)


@pytest.fixture
def read_only(movie: Path) -> ReadOnly:
    """While this lasts nobody may write beside the movie: truly, even where tests run as root."""

    @contextmanager
    def read_only() -> Iterator[None]:
        folders = [movie.parent, *(p for p in movie.parent.rglob("*") if p.is_dir())]
        for folder in folders:
            folder.chmod(0o555)
        is_root = os.geteuid() == 0
        if is_root:
            for file in (movie.parent.parent / "own").rglob("*"):
                os.chown(file, 65534, 65534)
            os.seteuid(65534)
        try:
            yield
        finally:
            if is_root:
                os.seteuid(0)
            for folder in folders:
                folder.chmod(0o755)

    return read_only


pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions of POSIX")


@contextmanager
def session_of(movie: Path, n_frames: int = N) -> Iterator[LabelSession]:
    kept = sidecar_folders(movie)
    session = LabelSession(n_frames, movie.name, kept.folder, kept.other, away=kept.away)
    try:
        yield session
    finally:
        session.close()


def bouts_of(movie: Path) -> tuple[Bout, ...]:
    kept = sidecar_folders(movie)
    ethogram = journal_ethogram(kept.folder, kept.other)
    assert ethogram is not None
    return ethogram.bouts


def test_labels_beside_a_movie_that_may_not_be_written_to_are_shown_and_go_on_elsewhere(
    movie: Path, read_only: ReadOnly
) -> None:
    with session_of(movie) as session:
        session.edit(NAMED)
        session.edit(paint(3, 9))
    beside = movie.with_name("m1.npy.cortex") / NAME
    before = beside.read_bytes()
    with read_only():
        assert bouts_of(movie) == (Bout(3, 9, "run"),)
        with session_of(movie) as session:
            assert session.labels.ethogram.bouts == (Bout(3, 9, "run"),)
            session.edit(paint(20, 30))
            assert "cannot be written" in session.notice and str(beside.parent) in session.notice
            assert session.notice.count("\n") == 0
        with session_of(movie) as session:
            assert session.labels.ethogram.bouts == (Bout(3, 9, "run"), Bout(20, 30, "run"))
            assert "cannot be written" in session.notice
    assert beside.read_bytes() == before


def test_what_was_labelled_elsewhere_comes_back_when_the_folder_can_be_written_to_again(
    movie: Path, read_only: ReadOnly
) -> None:
    with session_of(movie) as session:
        session.edit(NAMED)
        session.edit(paint(3, 9))
    with read_only(), session_of(movie) as session:
        session.edit(paint(20, 30))
    assert bouts_of(movie) == (Bout(3, 9, "run"), Bout(20, 30, "run"))
    with session_of(movie) as session:
        assert session.labels.ethogram.bouts == (Bout(3, 9, "run"), Bout(20, 30, "run"))
        session.edit(paint(40, 50))
        assert not session.notice
        for _ in range(3):
            session.undo()
        assert session.labels.ethogram.bouts == ()
        for _ in range(3):
            session.redo()
    shutil.rmtree(movie.parent.parent / "own" / "napari-cortex-decoder")
    assert [bout.start for bout in bouts_of(movie)] == [3, 20, 40]  # all of it is beside the movie


def test_labels_of_a_movie_that_never_could_be_written_to_come_along_when_it_can(
    movie: Path, read_only: ReadOnly
) -> None:
    with read_only(), session_of(movie) as session:
        session.edit(NAMED)
        session.edit(paint(3, 9))
        session.undo()
        assert "cannot be written" in session.notice
    with session_of(movie) as session:
        assert session.labels.ethogram.bouts == () and session.can_redo
        session.redo()
        session.edit(paint(40, 50))
    assert bouts_of(movie) == (Bout(3, 9, "run"), Bout(40, 50, "run"))
    with read_only():  # and back again: what lies elsewhere is older now
        assert [bout.start for bout in bouts_of(movie)] == [3, 40]
        with session_of(movie) as session:
            session.edit(paint(52, 55))
    with session_of(movie) as session:
        assert [bout.start for bout in session.labels.ethogram.bouts] == [3, 40, 52]


def test_where_both_places_were_edited_the_newer_is_shown_and_undo_shows_the_older(
    movie: Path, read_only: ReadOnly, tmp_path: Path
) -> None:
    with session_of(movie) as session:
        session.edit(NAMED)
        session.edit(paint(3, 9))
    with read_only(), session_of(movie) as session:
        session.edit(paint(20, 30))
    away = shutil.move(movie.parent.parent / "own" / "napari-cortex-decoder", tmp_path / "away")
    with session_of(movie) as session:  # another computer, that knows nothing of it
        session.edit(paint(40, 50))
    shutil.move(away, movie.parent.parent / "own" / "napari-cortex-decoder")
    for _ in range(2):  # looking changes nothing
        with session_of(movie) as session:
            assert [bout.start for bout in session.labels.ethogram.bouts] == [3, 40]
            assert "undo shows the others" in session.notice
    with session_of(movie) as session:
        session.undo()
        assert [bout.start for bout in session.labels.ethogram.bouts] == [3, 20]
    with session_of(movie) as session:  # told once, and kept
        assert not session.notice
        assert [bout.start for bout in session.labels.ethogram.bouts] == [3, 20]
        while session.can_undo:
            session.undo()
        assert session.labels == Labels.empty(N)


def test_what_was_said_last_about_a_recording_counts_wherever_it_was_written(
    movie: Path, read_only: ReadOnly
) -> None:
    with read_only():
        remember_metadata(movie, frame_rate=20.0, pixel_size=0.05)
    remember_metadata(movie, frame_rate=30.0)
    assert remembered_metadata(movie) == {"frame_rate": 30.0, "pixel_size": 0.05}
    with read_only():
        remember_metadata(movie, frame_rate=40.0)
        assert remembered_metadata(movie) == {"frame_rate": 40.0, "pixel_size": 0.05}


def test_the_file_that_was_written_last_is_found_in_either_place(
    movie: Path, read_only: ReadOnly
) -> None:
    beside = sidecar_folders(movie)
    with read_only():
        elsewhere = sidecar_folders(movie)
        assert elsewhere.away and (elsewhere.folder, elsewhere.other) == beside[1::-1]
        assert elsewhere.newest("x.json") == elsewhere.folder / "x.json"
    beside.folder.mkdir()
    (beside.folder / "x.json").write_text("beside")
    with read_only():
        assert sidecar_folders(movie).newest("x.json").read_text() == "beside"


def test_preprocessed_frames_are_computed_once_wherever_they_could_be_written(
    movie: Path, read_only: ReadOnly
) -> None:
    told: list[int] = []

    def computed() -> int:
        told.clear()
        binned = preprocess(open_recording(movie, frame_rate=30.0), [Bin(pixels=2)])
        frames = cached(binned, progress=lambda event: told.append(event.done)).movie
        assert frames.shape == (N, 4, 4) and not frames.compute().any()
        return len(told)

    with read_only():
        assert computed()
        assert not computed()
    assert not computed()
    shutil.rmtree(movie.parent.parent / "own" / "napari-cortex-decoder")
    assert computed()
    with read_only():
        assert not computed()


def test_a_fine_tune_that_was_begun_elsewhere_is_found_and_forgotten_in_either_place(
    movie: Path, read_only: ReadOnly
) -> None:
    recording, ethogram = patchy_mouse(600)
    base = blank_decoder(recording)

    def tuned() -> dict[str, float]:
        out = tuning_files.run_folder(movie)
        return fine_tune(base, [(recording, ethogram)], out=out, depth="threshold").seconds

    def found() -> dict[str, float] | None:
        run, cut_short = tuning_files.find_run(movie)
        assert not cut_short
        return None if run is None else run.result().seconds

    assert found() is None
    beside = tuned()
    assert found() == beside
    with read_only():
        assert found() == beside
        elsewhere = tuned()
        assert found() == elsewhere
    assert found() == elsewhere
    tuning_files.forget_run(movie)
    assert found() is None
    assert not list(movie.parent.parent.rglob("fine-tune"))
