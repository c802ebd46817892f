"""Every option that says where to write, crossed with everything that may lie there."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

import h5py
import numpy as np
import pytest
import tifffile
import typer
from PIL import Image

from decoder.test_import_keras import write_model
from helpers.places import disk, fill, snapshot, write_protect  # noqa: F401 (a fixture is among them)
from helpers.tuned_mice import blank_area_decoder, blank_decoder
from napari_cortex_decoder.atlas import Registration, load_atlas
from napari_cortex_decoder.cli import app
from napari_cortex_decoder.cli.common import WRITTEN
from napari_cortex_decoder.recording import Recording, save_recording
from napari_cortex_decoder.simulation import simulate_cohort

Run = Callable[..., tuple[int, str, str]]

READ = {
    ("info", "movies"), ("preprocess", "movie"), ("preprocess", "reference"), ("decode", "movies"),
    ("decode", "registration"), ("explain", "movie"), ("explain", "registration"),
    ("explain", "labels"), ("label", "movie"), ("label", "take"), ("areas", "movie"),
    ("areas", "registration"), ("areas", "behavior"), ("areas", "labels"), ("train", "cohort"),
    ("train", "config"),
    ("fine-tune", "movies"), ("fine-tune", "registration"), ("fine-tune", "labels"),
    ("evaluate", "cohort"), ("evaluate", "split"), ("reproduce", "data"),
    ("decoders import", "file"),
}  # fmt: skip
"""Options and arguments of the command line that name what is read."""

RUN_FOLDERS = {
    ("train", "out"), ("train", "cache"), ("fine-tune", "out"), ("evaluate", "out"),
    ("demo", "out"),
}  # fmt: skip
"""Folders with a marker of their own, whose tests stand beside the runs; and the window's."""


@dataclass(frozen=True)
class Writer:
    """How to make a verb write to a target.

    `names` are the files that come into the target, where that is a folder; `inputs` are the files
    that it reads; `again` tells whether it replaces what it wrote before without being asked.
    """

    words: tuple[str, ...]
    suffix: str = ""
    names: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ("m1.nwb",)
    overwrites: bool = True
    again: bool = True


_EXPLAIN = (
    "explain", "m1.nwb", "--registration", "r.json", "--decoder", "areas.safetensors",
    "--labels", "labels.csv", "--behavior", "run", "--frames", "30", "--patches", "0", "--nwb",
)  # fmt: skip
_EXPLAIN_IMAGES = (
    "explain", "m1.nwb", "--registration", "r.json", "--decoder", "images.safetensors",
    "--labels", "labels.csv", "--behavior", "run", "--frames", "2", "--patches", "0", "--nwb",
    "--map", "grad-cam", "--map-frames", "20:22",
)  # fmt: skip
_AREAS = ("areas", "m1.nwb", "--registration", "r.json", "--behavior", "b.csv")
WRITERS = {
    "label csv": Writer(
        ("label", "m1.nwb", "--import", "labels.csv", "--export"), ".csv",
        inputs=("m1.nwb", "labels.csv"),
    ),
    "label nwb": Writer(
        ("label", "m1.nwb", "--import", "labels.csv", "--export"), ".nwb",
        inputs=("m1.nwb", "labels.csv"),
    ),
    "label boris": Writer(
        ("label", "m1.nwb", "--import", "labels.csv", "--format", "boris-tabular", "--export"),
        ".tsv", inputs=("m1.nwb", "labels.csv"), again=False,
    ),
    "areas csv": Writer((*_AREAS, "--out"), ".csv", inputs=("m1.nwb", "r.json", "b.csv")),
    "areas nwb": Writer(
        (*_AREAS, "--out"), ".nwb", inputs=("m1.nwb", "r.json", "b.csv")
    ),
    "areas correlations": Writer(
        (*_AREAS, "--out", "fine.csv", "--correlations"), ".csv",
        inputs=("m1.nwb", "r.json", "b.csv"),
    ),
    **{
        f"areas events {suffix}": Writer(
            (*_AREAS, "--out", "fine.csv", "--around", "run", "--labels", "labels.csv", "--before",
             "0.1", "--after", "0.1", "--events"),
            suffix, inputs=("m1.nwb", "r.json", "b.csv", "labels.csv"),
        )
        for suffix in (".csv", ".svg")
    },
    "preprocess nwb": Writer(
        ("preprocess", "m1.nwb", "--step", "mask:path=mask.tif", "--out"), ".nwb",
        inputs=("m1.nwb", "mask.tif"), again=False,
    ),
    "preprocess tif": Writer(
        ("preprocess", "m1.nwb", "--step", "mask:path=mask.tif", "--out"), ".tif",
        inputs=("m1.nwb", "mask.tif"), again=False,
    ),
    "decoders import": Writer(
        ("decoders", "import", "gru.h5", "--out"), ".safetensors", inputs=("gru.h5",)
    ),
    "decode": Writer(
        ("decode", "m1.nwb", "--decoder", "areas.safetensors", "--registration", "r.json", "--out"),
        names=("m1.csv", "m1.json"), inputs=("m1.nwb", "r.json", "areas.safetensors"),
    ),
    "explain": Writer(
        (*_EXPLAIN, "--out"),
        names=("m1_areas.csv", "m1_areas.json", "m1_areas.nwb", "m1_lags.csv", "m1_lags.svg"),
        inputs=("m1.nwb", "r.json", "areas.safetensors", "labels.csv"),
    ),
    "explain maps": Writer(
        (*_EXPLAIN_IMAGES, "--out"),
        names=("m1_maps.tif", "m1_maps.mp4"),
        inputs=("m1.nwb", "r.json", "images.safetensors", "labels.csv"),
    ),
    "reproduce": Writer(
        ("reproduce", "ajioka2024", "--data", "cohort", "--rows", "roi-gru", "--epochs", "1",
         "--stride", "12", "--validations", "1", "--device", "cpu", "--out"),
        names=("report.md", "rois.csv", "auc.png"), inputs=(),
    ),
    "simulate": Writer(
        ("simulate", "--mice", "1", "--seconds", "2", "--no-movies", "--out"),
        names=("data_64_5mice.csv", "signal_5mice.mat", "runrest_5mice.mat"),
        inputs=(), overwrites=False, again=False,
    ),
}  # fmt: skip
SLOW = "reproduce" if "FAULT_ROUNDS" not in os.environ else ""
"""What is only refused, and not run, unless rounds are asked for."""
if SLOW:
    del WRITERS["explain maps"]  # minutes; test_api_writers.py crosses what it writes

FOREIGN: dict[str, Callable[[], bytes]] = {}


def foreign(make: Callable[[], bytes]) -> Callable[[], bytes]:
    FOREIGN[make.__name__] = make
    return make


@foreign
def notes() -> bytes:
    return b"never mind the napari-cortex-decoder labels: my notes of ten years\n"


@foreign
def table() -> bytes:
    return b"time,speed\n0,1\n1,2\n"


@foreign
def settings() -> bytes:
    return json.dumps({"version": 1, "mine": [1, 2]}).encode()


@foreign
def movie() -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, np.zeros((3, 8, 8), np.uint16))
    return file.getvalue()


@foreign
def hdf5() -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w") as content:
        content["mine"] = np.arange(9)
    return file.getvalue()


@foreign
def picture() -> bytes:
    file = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "png")
    return file.getvalue()


@foreign
def nothing() -> bytes:
    return b""


def paths_of(verbs: typer.Typer, group: str = "") -> Iterator[tuple[str, str, Any]]:
    """Verb, name and hint of each option or argument of the command line that is a path."""
    for one in verbs.registered_groups:
        assert one.typer_instance is not None
        yield from paths_of(one.typer_instance, f"{one.name} ")
    for command in verbs.registered_commands:
        assert command.callback is not None
        verb = command.name or command.callback.__name__.replace("_", "-")
        for name, hint in get_type_hints(command.callback, include_extras=True).items():
            if "Path" in str(hint).partition("typer.")[0]:
                yield group + verb, name, hint


ALL_PATHS = list(paths_of(app))


def test_every_option_that_takes_a_path_is_known_to_be_read_or_written() -> None:
    tested = {
        ("label", "export"), ("areas", "out"), ("areas", "correlations"), ("areas", "events"),
        ("preprocess", "out"),
        ("decoders import", "out"), ("decode", "out"), ("explain", "out"), ("reproduce", "out"),
        ("simulate", "out"),
    }  # fmt: skip
    assert {(verb, name) for verb, name, _ in ALL_PATHS} == READ | RUN_FOLDERS | tested


@pytest.mark.parametrize(("verb", "name", "hint"), ALL_PATHS, ids=lambda one: str(one)[:20])
def test_what_is_not_marked_as_written_is_guarded_as_read(verb: str, name: str, hint: Any) -> None:
    assert (WRITTEN in hint.__metadata__) == ((verb, name) not in READ)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small movie, and everything that the verbs read beside it."""
    folder = tmp_path_factory.mktemp("made")
    frames = np.random.default_rng(1).integers(200, 900, (60, 64, 64), dtype=np.uint16)
    import dask.array as da

    recording = Recording(movie=da.from_array(frames), name="m1", frame_rate=30.0)
    save_recording(recording, folder / "m1.nwb")
    placed = Registration.upright(load_atlas("dorsal-cortex"), 0.17, (32, 32))
    placed.save(folder / "r.json")
    times = np.arange(60) / 30
    rows = [f"{time:.4f},{abs(np.sin(9 * time)):.4f}" for time in times]
    (folder / "b.csv").write_text("\n".join(["time,speed", *rows]) + "\n")
    runs = [[0, 20, "rest"], [20, 40, "run"], [40, 60, "rest"]]
    (folder / "labels.csv").write_text(
        "start_frame,stop_frame,behavior\n" + "".join(f"{a},{b},{c}\n" for a, b, c in runs)
    )
    tifffile.imwrite(folder / "mask.tif", np.ones((64, 64), np.uint8))
    write_model(folder / "gru.h5")
    simulate_cohort(folder / "cohort", mice=3, sessions=1, seconds=10, movies=False)
    blank_area_decoder().save(folder / "areas.safetensors")
    blank_decoder(recording).save(folder / "images.safetensors")
    return folder


@pytest.fixture
def lab(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a lab has, in a folder of its own that is where the verbs are typed."""
    folder = tmp_path / "lab"
    shutil.copytree(made, folder)
    monkeypatch.chdir(folder)
    return folder


def refused(run: Run, words: tuple[object, ...]) -> str:
    """Run what must be refused in one sentence of one line."""
    code, _, said = run(*words)
    lines = [line for line in said.splitlines() if not line.startswith("warning: ")]
    assert code == 2, said
    assert len(lines) == 1, said
    assert lines[0].startswith("cortex-decoder: ")
    return lines[0]


def targets(writer: Writer) -> list[tuple[str, str]]:
    """What is typed and where its file will be, for each file that a verb writes."""
    if writer.names:
        return [("out", f"out/{name}") for name in writer.names]
    return [(f"result{writer.suffix}",) * 2]


CASES = [
    pytest.param(writer, typed, place, id=f"{name}-{place}")
    for name, writer in WRITERS.items()
    for typed, place in targets(writer)
]


@pytest.mark.parametrize("overwrite", [(), ("--overwrite",)], ids=["", "overwrite"])
@pytest.mark.parametrize(("writer", "typed", "place"), CASES)
def test_neither_what_is_read_nor_a_folder_is_ever_replaced(
    run: Run, lab: Path, writer: Writer, typed: str, place: str, overwrite: tuple[str, ...]
) -> None:
    if overwrite and not writer.overwrites:
        pytest.skip("it replaces nothing, whatever is asked")
    (lab / place).parent.mkdir(exist_ok=True)

    def a_folder() -> None:
        (lab / place).mkdir()
        (lab / place / "years of work.txt").write_text("mine")

    def a_device() -> None:
        (lab / place).symlink_to("/dev/null")

    def a_link_to_nothing() -> None:
        (lab / place).symlink_to(lab / "not there")

    put: dict[str, Callable[[], object]] = {
        "a folder": a_folder, "a device": a_device, "a link to nothing": a_link_to_nothing,
    }  # fmt: skip
    for name in writer.inputs:
        put[f"a link to {name}"] = lambda name=name: (lab / place).symlink_to(lab / name)
        put[f"a hard link to {name}"] = lambda name=name: os.link(lab / name, lab / place)
    for victim, make in put.items():
        make()
        before = snapshot(lab)
        said = refused(run, (*writer.words, typed, *overwrite))
        assert snapshot(lab) == before, (victim, said)
        shutil.rmtree(lab / place) if victim == "a folder" else (lab / place).unlink()
    if not writer.names:
        for name in writer.inputs:
            before = snapshot(lab)
            refused(run, (*writer.words, name, *overwrite))
            assert snapshot(lab) == before, name


@pytest.mark.parametrize(("writer", "typed", "place"), CASES)
def test_what_the_verb_did_not_write_is_replaced_only_where_that_is_asked_for(
    run: Run, lab: Path, writer: Writer, typed: str, place: str
) -> None:
    (lab / place).parent.mkdir(exist_ok=True)
    for name, make in FOREIGN.items():
        (lab / place).write_bytes(make())
        before = snapshot(lab)
        said = refused(run, (*writer.words, typed))
        assert snapshot(lab) == before, name
        assert Path(place).name in said
    if writer.overwrites and place != "out/m1_areas.csv" and not place.startswith("out/m1_l"):
        if SLOW in writer.words:
            return
        code, _, said = run(*writer.words, typed, "--overwrite")
        assert code == 0, said
        assert (lab / place).read_bytes() != make()


@pytest.mark.parametrize("name", [n for n, w in WRITERS.items() if w.again and n != SLOW])
def test_what_a_verb_wrote_before_it_writes_again(run: Run, lab: Path, name: str) -> None:
    writer = WRITERS[name]
    typed, place = targets(writer)[0]
    for _ in range(2):
        code, _, said = run(*writer.words, typed)
        assert code == 0, said
    assert not list(lab.rglob(".*.part*"))
    assert (lab / place).stat().st_size


@pytest.mark.parametrize("name", WRITERS)
def test_where_nothing_may_be_written_nothing_is_and_the_old_file_stays(
    run: Run,
    lab: Path,
    disk: Path,  # noqa: F811
    name: str,
) -> None:
    writer = WRITERS[name]
    typed, place = targets(writer)[0]
    (disk / place).parent.mkdir(exist_ok=True)
    if name not in (SLOW, "simulate"):
        assert run(*writer.words, disk / typed)[0] == 0
    write_protect(disk)
    before = snapshot(disk), snapshot(lab)
    asked = ("--overwrite",) if writer.overwrites else ()
    said = refused(run, (*writer.words, disk / typed, *asked))
    assert (snapshot(disk), snapshot(lab)) == before
    assert "writ" in said or "Read-only" in said


@pytest.mark.parametrize("name", [name for name in WRITERS if name != SLOW])
def test_on_a_full_disk_the_old_file_stays_and_nothing_is_left_behind(
    run: Run,
    lab: Path,
    disk: Path,  # noqa: F811
    name: str,
) -> None:
    writer = WRITERS[name]
    typed, _ = targets(writer)[0]
    if name != "simulate":
        assert run(*writer.words, disk / typed)[0] == 0
    fill(disk)
    before = snapshot(disk), snapshot(lab)
    asked = ("--overwrite",) if writer.overwrites else ()
    said = refused(run, (*writer.words, disk / typed, *asked))
    kept = {name: what for name, what in snapshot(disk).items() if what is not None}
    assert kept == {name: what for name, what in before[0].items() if what is not None}
    assert snapshot(lab) == before[1]
    assert "the disk is full" in said or "the disk has" in said


@pytest.mark.parametrize(
    "words",
    [
        WRITERS["decode"].words,
        WRITERS["explain"].words,
        WRITERS["reproduce"].words,
        WRITERS["simulate"].words,
        ("train", "cohort.csv", "--out"),
        ("fine-tune", "m1.nwb", "--labels", "labels.csv", "--depth", "threshold", "--out"),
        ("fine-tune", "m1.nwb", "--labels", "labels.csv", "--depth", "end-to-end", "--out"),
    ],
    ids=lambda words: " ".join((words[0], *words[-2:-1])),
)
def test_a_file_where_a_folder_is_to_be_stays(run: Run, lab: Path, words: tuple[str, ...]) -> None:
    (lab / "cohort.csv").write_text(f"movie,subject,labels\n{lab}/m1.nwb,1,{lab}/labels.csv\n")
    (lab / "thesis.txt").write_text("years of work")
    before = snapshot(lab)
    for named in ("thesis.txt", "m1.nwb", "thesis.txt/below"):
        refused(run, (*words, named))
        assert snapshot(lab) == before
