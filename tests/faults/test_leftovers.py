"""What dead writers leave behind: swept, put back, and never mistaken for somebody's own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from helpers.places import snapshot
from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.files import scratch, write_whole, written_whole

KILLED = """
import os, sys
from pathlib import Path
from napari_cortex_decoder.files import written_whole
with written_whole(Path(sys.argv[1]), ValueError, overwrite=True) as part:
    part.write_bytes(b"half of it")
    if sys.argv[2] == "die":
        os._exit(9)
    print("writing", flush=True)
    sys.stdin.read()
"""


WORKING = """
import os
from napari_cortex_decoder.files import scratch
with scratch() as folder:
    (folder / "frames.npy").write_bytes(b"gigabytes")
    os._exit(9)
"""


def start(path: Path, what: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", KILLED, str(path), what]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def age(folder: Path) -> None:
    """Let all of a folder be two hours old."""
    then = time.time() - 7200
    for path in [*folder.rglob("*"), folder]:
        os.utime(path, (then, then))


def left_by_a_killed_writer(folder: Path) -> Path:
    assert start(folder / "m1.nwb", "die").wait() == 9
    (left,) = folder.glob(".*")
    assert not (folder / "m1.nwb").exists()
    return left


def test_what_a_killed_writer_left_is_removed_by_the_next_one_when_it_is_old(
    tmp_path: Path,
) -> None:
    age(left_by_a_killed_writer(tmp_path))
    write_whole(tmp_path / "other.csv", "a", DecoderError)
    assert snapshot(tmp_path) == {"other.csv": b"a"}


def test_what_is_new_or_still_being_written_stays(tmp_path: Path) -> None:
    left_by_a_killed_writer(tmp_path)
    with start(tmp_path / "slow.nwb", "wait") as slow:
        assert slow.stdout is not None
        assert slow.stdin is not None
        slow.stdout.readline()
        new, slowly = sorted(tmp_path.glob(".*"), key=lambda one: (one / "new/slow.nwb").exists())
        age(slowly)
        write_whole(tmp_path / "other.csv", "a", DecoderError)
        assert new.exists()
        assert slowly.exists()
        slow.stdin.close()
        assert slow.wait() == 0
    assert (tmp_path / "slow.nwb").read_bytes() == b"half of it"


def test_what_a_killed_program_left_among_temporary_files_is_removed_by_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert subprocess.run([sys.executable, "-c", WORKING], check=False).returncode == 9
    (left,) = tmp_path.iterdir()
    assert left.stat().st_mode & 0o077 == 0 or os.name == "nt"
    age(tmp_path)
    with scratch() as folder:
        assert not left.exists()
        assert not list(folder.iterdir())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("change", ["no lock", "a note in it", "another name"])
def test_what_is_not_ours_by_name_and_lock_is_never_removed(tmp_path: Path, change: str) -> None:
    left = left_by_a_killed_writer(tmp_path)
    if change == "no lock":
        next(left.glob("*.lock")).unlink()
    elif change == "a note in it":
        (left / "note.txt").write_text("mine")
    else:
        left = left.rename(tmp_path / ".m1.3a5b7c9d.part")
    age(left)
    before = snapshot(tmp_path)
    write_whole(tmp_path / "other.csv", "a", DecoderError)
    assert snapshot(tmp_path) == before | {"other.csv": b"a"}


def test_a_folder_that_a_crash_left_set_aside_comes_back(tmp_path: Path) -> None:
    left = left_by_a_killed_writer(tmp_path)
    (left / "old" / "m1.zarr" / "0").mkdir(parents=True)
    (left / "old" / "m1.zarr" / "zarr.json").write_text("{}")
    write_whole(tmp_path / "other.csv", "a", DecoderError)
    assert (tmp_path / "m1.zarr" / "zarr.json").read_text() == "{}"
    assert (tmp_path / "m1.zarr" / "0").is_dir()


def test_what_came_in_the_meantime_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "late.csv"
    with (
        pytest.raises(DecoderError, match=r"late\.csv exists already"),
        written_whole(path, DecoderError) as part,
    ):
        part.write_text("ours")
        path.write_text("theirs")
    assert snapshot(tmp_path) == {"late.csv": b"theirs"}


def test_the_permissions_of_a_file_that_is_written_anew_stay(tmp_path: Path) -> None:
    path = tmp_path / "shared.json"
    path.write_text("old")
    path.chmod(0o664)
    write_whole(path, "new", DecoderError, overwrite=True)
    assert path.stat().st_mode & 0o777 == 0o664


def test_what_is_kept_beside_a_recording_is_not_replaced_by_anything_else(tmp_path: Path) -> None:
    path = tmp_path / "m1.tif.cortex" / "labels.jsonl"
    path.parent.mkdir()
    path.write_text("{}")
    with pytest.raises(DecoderError, match="choose another name"):
        write_whole(path, "start_frame,stop_frame", DecoderError, overwrite=True)
    assert path.read_text() == "{}"
