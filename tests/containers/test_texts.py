"""Texts in HDF5 files lie in heaps, which damage makes endless and an enemy multiplies."""

from __future__ import annotations

import os
import re
import resource
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from helpers.fuzz import most_held
from napari_cortex_decoder.containers.hdf5 import opened
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.labels.nwb import read_nwb_intervals
from napari_cortex_decoder.recording.behavior.nwb import read_nwb_behavior

FAR = 2**26 + 2**20
"""Bytes before and after what is to lie in the middle of a file."""

READ = """
import sys
from pathlib import Path
from napari_cortex_decoder.labels.nwb import read_nwb_intervals
from napari_cortex_decoder.recording import open_recording
path = Path(sys.argv[1])
print(len(read_nwb_intervals(path).intervals) if path.suffix == ".nwb" else open_recording(path))
"""
LABELS = [f"behavior {row}" for row in range(40)]


def pixels(file: h5py.File, name: str) -> None:
    """Take room that nothing is written to."""
    made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    made.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    made.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    space = h5py.h5s.create_simple((FAR,))
    h5py.h5d.create(file.id, name.encode(), h5py.h5t.NATIVE_UINT8, space, made)


def table(path: Path, labels: list[str] = LABELS) -> Path:
    with h5py.File(path, "a") as file:
        file["intervals/ethogram/start_time"] = np.arange(len(labels), dtype=float)
        file["intervals/ethogram/stop_time"] = np.arange(len(labels)) + 0.5
        file["intervals/ethogram/label"] = labels
    return path


def zeroed(path: Path) -> None:
    """Zero the free room of each heap, as a copy does that broke off."""
    content = path.read_bytes()
    for heap in re.finditer(b"GCOL\x01\0\0\0", content):
        with path.open("r+b") as file:
            file.seek(heap.start() + 16)
            file.write(bytes(4096 - 16))


def in_a_program(*words: object) -> tuple[str, float, int]:
    """Run Python; give what it said, its seconds of a processor and the most bytes it held."""
    begun = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        done = subprocess.run(
            [sys.executable, "-c", f"{READ}\nimport resource\nprint('held', resource.getrusage("
             "resource.RUSAGE_SELF).ru_maxrss)", *map(str, words)],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        pytest.fail("it is read for ever")
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    held = re.search(r"held (\d+)", done.stdout)
    return (
        (done.stdout + done.stderr).strip(),
        ended.ru_utime + ended.ru_stime - begun.ru_utime - begun.ru_stime,
        int(held[1]) * 1024 if held else 0,
    )


@pytest.mark.parametrize("where", ["alone", "in the middle of pixels"])
def test_a_heap_of_texts_that_leads_to_itself_is_told(tmp_path: Path, where: str) -> None:
    path = tmp_path / "l.nwb"
    with h5py.File(path, "w") as file:
        if where != "alone":
            pixels(file, "before")
    table(path)
    with h5py.File(path, "a") as file:
        if where != "alone":
            pixels(file, "after")
    assert in_a_program(path)[0].startswith("40")
    zeroed(path)
    assert "l.nwb: the heap of its texts is damaged" in in_a_program(path)[0]


def test_an_import_of_labels_whose_heap_leads_to_itself_ends_and_holds_nothing(
    tmp_path: Path, run: Callable[..., tuple[int, str, str]]
) -> None:
    np.save(tmp_path / "m.npy", np.zeros((90, 8, 8), np.uint8))
    path = tmp_path / "l.nwb"
    with h5py.File(path, "w") as file:
        pixels(file, "before")
    table(path)
    with h5py.File(path, "a") as file:
        pixels(file, "after")
    zeroed(path)
    program = "from napari_cortex_decoder.cli import main; print('begun', flush=True); main()"
    words = ["label", "m.npy", "--frame-rate", "30", "--import", "l.nwb"]
    with subprocess.Popen(
        [sys.executable, "-c", program, *words], cwd=tmp_path, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None and process.stdout.readline() == "begun\n"
        time.sleep(4)
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            pytest.fail("it is deaf to Ctrl-C")
        assert process.returncode in (2, 130)
    (tmp_path / "l.csv").write_text("start_s,stop_s,behavior\n1,2,run\n")
    code, _, said = run(
        "label", tmp_path / "m.npy", "--frame-rate", 30, "--import", tmp_path / "l.csv"
    )
    assert code == 0, said


def pointing_at_the_first(path: Path, name: str, count: int) -> None:
    """Let all texts of a dataset be its first one."""
    with h5py.File(path) as file:
        start, length = file[name].id.get_offset(), file[name].size
        assert length == count
    with path.open("r+b") as file_:
        file_.seek(start)
        one = file_.read(16)
        file_.seek(start)
        file_.write(one * count)


def test_a_long_text_that_many_rows_point_at_is_refused_before_it_costs_anything(
    tmp_path: Path,
) -> None:
    path = table(tmp_path / "l.nwb", ["x" * 30_000_000] + ["run"] * 4999)
    pointing_at_the_first(path, "intervals/ethogram/label", 5000)
    said, seconds, held = in_a_program(path)
    assert "l.nwb: its texts become more than" in said
    assert seconds < 15 and held < 2**30  # seconds of a process that imports as well


def test_attributes_that_point_at_one_long_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file["movie"] = np.zeros((7, 20, 30), "u2")
        texts = np.array(["x" * 30_000_000] + ["run"] * 3000, dtype=h5py.string_dtype())
        file["movie"].attrs["notes"] = texts
        place = h5py.h5o.get_info(file["movie"].id).addr
    content = path.read_bytes()
    heaps = [one.start() for one in re.finditer(b"GCOL\x01\0\0\0", content)]
    first = next(
        content.find(heap.to_bytes(8, "little")) - 4 for heap in heaps
        if content.find(heap.to_bytes(8, "little")) > place
    )  # fmt: skip
    with path.open("r+b") as file_:
        file_.seek(first)
        file_.write(content[first : first + 16] * 3001)
    said, seconds, held = in_a_program(path)
    assert "m.h5: its texts become more than" in said, said
    assert seconds < 15 and held < 2**30


def test_one_attribute_after_the_other_cannot_hold_more_either(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file["movie"] = np.zeros((7, 20, 30), "u2")
        for number in range(20):
            file["movie"].attrs[f"notes {number}"] = "x" * 20_000_000
    said, _, held = in_a_program(path)
    assert "m.h5: its texts become more than" in said and held < 2**30


@pytest.mark.parametrize("chunks", [None, (1000,)])
def test_rows_beside_a_long_text_are_all_read(tmp_path: Path, chunks: tuple[int] | None) -> None:
    rows = 100_000
    with h5py.File(tmp_path / "l.nwb", "w") as file:
        group = file.create_group("intervals/ethogram")
        group["start_time"], group["stop_time"] = np.arange(rows) * 1.0, np.arange(rows) + 0.5
        labels = np.array([f"b{row % 7}" for row in range(rows)], dtype=object)
        labels[5], labels[rows - 3] = "x" * 50_000, "y" * 5000
        group.create_dataset("label", data=labels, dtype=h5py.string_dtype(), chunks=chunks)
    found = read_nwb_intervals(tmp_path / "l.nwb")
    assert [one.behavior for one in found.intervals] == labels.tolist()
    assert len(read_nwb_behavior(tmp_path / "l.nwb").intervals) == 9


TEXT = "a text that stands for all of them"
LAYOUTS: dict[str, dict[str, object]] = {
    "earliest": {},
    "latest": {"libver": "latest"},
    "with a block before it": {"userblock_size": 512},
    "in the order of making": {"track_order": True},
}
OLD = ("earliest", "with a block before it")


def written(path: Path, where: str, **layout: object) -> None:
    """Write texts to one place of a file."""
    texts = h5py.string_dtype()
    with h5py.File(path, "w", **layout) as file:
        match where:
            case "an attribute":
                file.attrs["names"] = TEXT
            case "an attribute of many":
                for number in range(40):
                    file.attrs[f"{number}"] = np.zeros(900)
                file.attrs["names"] = [TEXT, TEXT]
            case "rows of columns":
                rows = np.array([(1.0, TEXT), (2.0, "")], [("x", "f8"), ("name", texts)])
                file["names"] = rows
            case "a compact dataset":
                made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                made.set_layout(h5py.h5d.COMPACT)
                space = h5py.h5s.create_simple((2,))
                kind = h5py.h5t.py_create(texts, logical=True)
                h5py.Dataset(h5py.h5d.create(file.id, b"names", kind, space, made))[:] = TEXT
            case _:
                more = {"compression": "gzip"} if where == "packed chunks" else {}
                chunks = (2,) if "chunks" in where else None
                file.create_dataset("names", data=[TEXT] * 2, dtype=texts, chunks=chunks, **more)


def claim(path: Path, where: str, length: int, heap: int | None) -> None:
    """Let the first text that is referred to claim a length, and perhaps another heap."""
    if where == "packed chunks":
        with h5py.File(path, "r+") as file:
            rows = file["names"].id
            references = bytearray(zlib.decompress(rows.read_direct_chunk((0,))[1]))
            references[:4] = struct.pack("<I", length)
            rows.write_direct_chunk((0,), zlib.compress(references))
        return
    content = bytearray(path.read_bytes())
    with h5py.File(path) as file:
        begin = file.userblock_size
    real = content.find(b"GCOL") - begin
    at = content.find(struct.pack("<IQ", len(TEXT), real))
    content[at : at + 12] = struct.pack("<IQ", length, real if heap is None else heap)
    path.write_bytes(content)


def names(path: Path) -> object:
    with opened(path) as file:
        return file["names"][()] if "names" in file else file.attrs["names"]


PLACES = (
    "an attribute", "an attribute of many", "a dataset", "chunks", "packed chunks",
    "rows of columns", "a compact dataset",
)  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="it looks at itself in /proc")
@pytest.mark.parametrize("heap", [None, 2**40])
@pytest.mark.parametrize("where", PLACES)
def test_a_text_that_claims_gigabytes_is_refused_before_there_is_room_for_it(
    tmp_path: Path, where: str, heap: int | None
) -> None:
    path = tmp_path / "m.h5"
    written(path, where)
    names(path)
    claim(path, where, 3 * 2**30, heap)
    Path("/proc/self/clear_refs").write_text("5")
    before = most_held()
    with pytest.raises(RecordingError, match=r"m\.h5.*(become more|allocation failed)"):
        names(path)
    assert most_held() - before < 2**27


@pytest.mark.parametrize("where", ["an attribute", "an attribute of many"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_attributes_are_looked_at_wherever_a_version_of_the_format_puts_them(
    tmp_path: Path, where: str, layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.h5"
    written(path, where, **LAYOUTS[layout])
    if layout not in OLD and where == "an attribute of many":  # they lie in a heap then
        assert list(names(path)) == [TEXT, TEXT]  # type: ignore[call-overload]
        return
    monkeypatch.setattr(subprocess, "Popen", None)  # nothing is begun for what can be seen
    assert TEXT in names(path)  # type: ignore[operator]
    if layout in OLD:  # the others have checksums
        claim(path, where, 3 * 2**30, None)
        with pytest.raises(RecordingError, match="become more"):
            names(path)


def test_a_list_of_lists_of_texts_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "l.nwb"
    table(path)
    with h5py.File(path, "a") as file:
        del file["intervals/ethogram/label"]
        inner = h5py.vlen_dtype(h5py.string_dtype())
        made = file.create_dataset("intervals/ethogram/label", (40,), inner)
        made[0] = np.array(["a", "b"], dtype=object)
    assert "lists in lists" in in_a_program(path)[0]


def test_no_file_stays_open(tmp_path: Path) -> None:
    path = table(tmp_path / "l.nwb")
    read_nwb_intervals(path)
    opened = [os.path.realpath(one) for one in Path("/dev/fd").iterdir()]
    assert str(path) not in opened
