"""Every function that writes, crossed with everything that may lie at its path."""

from __future__ import annotations

import ast
import io
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import dask.array as da
import h5py
import numpy as np
import pytest
import tifffile

import napari_cortex_decoder
from helpers.places import disk, fill, snapshot, write_protect  # noqa: F401 (a fixture is among them)
from helpers.toys import SIZE, linear_decoder, quarters, two_places
from napari_cortex_decoder.atlas import write_correlations, write_traces
from napari_cortex_decoder.atlas.nwb_export import write_traces_nwb
from napari_cortex_decoder.cohort import CohortRow, write_cohort
from napari_cortex_decoder.decoder import (
    RoiRnnConfig,
    TracePreprocessing,
    Window,
    make_decoder,
)
from napari_cortex_decoder.decoder.networks import build_network
from napari_cortex_decoder.decoder.prediction import Prediction
from napari_cortex_decoder.errors import CortexDecoderError
from napari_cortex_decoder.evaluation import Effort, write_report
from napari_cortex_decoder.evaluation.measures import MouseResult
from napari_cortex_decoder.evaluation.reproduce import Reproduction
from napari_cortex_decoder.evaluation.saving import EvaluationReport
from napari_cortex_decoder.evaluation.scores import ModelScore
from napari_cortex_decoder.labels import write_labels
from napari_cortex_decoder.recording import Recording, open_recording, save_recording
from napari_cortex_decoder.saliency import area_importance, saliency_map
from napari_cortex_decoder.saliency.masking import encoding
from napari_cortex_decoder.saliency.output import export
from napari_cortex_decoder.saliency.output.figure import draw_areas, save_figure
from napari_cortex_decoder.saliency.output.nwb_export import write_nwb
from napari_cortex_decoder.saliency.output.video import write_mp4
from napari_cortex_decoder.scoring.around_events import event_average
from napari_cortex_decoder.scoring.events import Around

PACKAGE = Path(napari_cortex_decoder.__file__).parent
DOOR = {"written_whole", "write_whole", "write_json"}

Write = Callable[..., object]
"""Takes a path and `overwrite`."""

CROSSED = {
    "atlas/atlas.py:save", "atlas/nwb_export.py:write_traces_nwb", "atlas/traces.py:write_traces",
    "atlas/traces.py:write_correlations", "decoder/decoder.py:save", "labels/ethogram.py:to_csv",
    "decoder/prediction.py:to_csv", "decoder/prediction.py:to_json",
    "evaluation/report.py:write_report", "evaluation/report.py:_write",
    "evaluation/saving.py:save",
    "labels/exporting.py:write_labels", "labels/nwb.py:write_nwb_intervals",
    "cohort.py:write_cohort", "recording/saving/writing.py:save_recording",
    "saliency/output/export.py:write_csv",
    "saliency/output/export.py:write_json", "saliency/output/export.py:write_tiff",
    "saliency/output/figure.py:save_figure", "saliency/output/nwb_export.py:write_nwb",
    "saliency/output/video.py:write_mp4", "scoring/around_events.py:to_csv",
}  # fmt: skip
"""Functions that write to a path that a user gives, and that the tests below cross."""

OWN_FOLDERS = {
    # a folder beside the recording, of the cache, or of a run, whose marker says what is in it
    "atlas/importers/brainglobe.py:load_brainglobe", "labels/session.py:_write_anew",
    "recording/sidecar.py:remember_metadata", "cameras/kept.py:remember_cameras",
    "kept.py:keep", "sessions/state.py:remember_state",
    "widgets/sessions/session_files.py:remember_cohort",
    "evaluation/reproduce.py:_keep", "evaluation/cases.py:look",
    "evaluation/tasks.py:test", "evaluation/work.py:split", "runs/folder.py:write_progress",
    "runs/folder.py:_mark", "runs/folder.py:_sweep", "runs/folder.py:ask",
    "training/arrays.py:write_array", "tuning/end_to_end.py:save",
    "training/fitting.py:save_checkpoint", "training/pipeline.py:finish",
    "training/pipeline.py:_fit", "training/run_folder.py:settle_split",
    "tuning/folder.py:keep",
    "tuning/task.py:save_task",
    # refuses what is there (crossed on the command line); the window's
    "simulation/cohort.py:simulate_cohort", "simulation/cohort.py:_write_movie",
    "simulation/cohort.py:_write_mat", "widgets/demo.py:run_demo", "widgets/demo.py:picture",
}  # fmt: skip

APPENDS = {
    # journals and logs in folders of their own, and files that only their maker ever sees
    "containers/nwb_output.py", "decoder/cache/feature_cache.py", "labels/journal_writer.py",
    "runs/folder.py", "runs/process.py",
}  # fmt: skip


ELSEWHERE = {
    "benchmarking/movie.py",  # a folder of its own
    "evaluation/page.py",  # a text in memory, which becomes part of a page that is written whole
}


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.parent.name != "files":
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef):
                    yield path.relative_to(PACKAGE).as_posix(), node


def calls(node: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for one in ast.walk(node):
        if isinstance(one, ast.Call):
            named = one.func
            yield getattr(named, "id", getattr(named, "attr", "")), one


def writes(mode: object) -> bool:
    return isinstance(mode, str) and 0 < len(mode) < 4 and bool(set(mode) & set("wax+"))


def test_every_function_that_writes_is_known() -> None:
    found = {
        f"{path}:{node.name}"
        for path, node in functions()
        if any(name in DOOR and isinstance(call.func, ast.Name) for name, call in calls(node))
    }
    assert found == CROSSED | OWN_FOLDERS


def test_nothing_is_written_past_the_door() -> None:
    """What opens a file to write does so at the place that the door gave, or in a journal."""
    for path, node in functions():
        through = any(name in DOOR for name, _ in calls(node))
        for name, call in calls(node):
            said = [*call.args, *(word.value for word in call.keywords)]
            opens = name == "open" and any(
                isinstance(one, ast.Constant) and writes(one.value) for one in said
            )
            if opens or name in ("write_text", "write_bytes", "savefig", "savemat", "imwrite"):
                known = path in APPENDS or path in ELSEWHERE
                assert through or known, f"{path}: {node.name} calls {name} past files.py"


@pytest.fixture(scope="session")
def writers() -> MappingProxyType[str, tuple[str, Write]]:
    """Suffix, and what writes a small result, by a name."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 900, (12, 16, 16), dtype=np.uint16)
    movie = Recording(movie=da.from_array(frames), name="m", frame_rate=30.0)
    two, ethogram = two_places(120)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "InferenceNetwork", lambda network: network)
        decoder, _ = linear_decoder(np.full((SIZE, SIZE), 0.01))
        areas = area_importance(decoder, two, quarters(), ethogram, patches=0)
        maps = saliency_map(decoder, two, 50, 53, method="occlusion")
    placed, traces = quarters(), rng.random((12, 4))
    shown = placed.atlas.areas
    config = RoiRnnConfig(
        window=Window(past=3, future=0), preprocessing=TracePreprocessing(areas=("A left",))
    )
    small = make_decoder(config, build_network(config), name="small")
    prediction = Prediction(
        np.full((12, 2), 0.5, np.float32), ("rest", "run"), np.arange(12) / 30, "d", "0" * 64,
        "cpu", (), {},
    )  # fmt: skip
    score = ModelScore(validation="1", test="2", auc=0.9, accuracy=0.8, threshold=0.4)
    result = Reproduction({"roi-gru": (score, score)}, np.zeros(50), {}, True, Effort(), 1)

    def report(path: Path, overwrite: bool = False) -> None:
        write_report(result, path.parent, overwrite=overwrite)

    mouse = MouseResult(
        decoder="linear", mouse="1", sessions=("m1",), frames=9, scores={"AUC": 0.9},
        confusion=((1, 0), (0, 1)), reliability=((0.5, 0.5, 9),),
    )  # fmt: skip
    found = EvaluationReport(
        protocol="within", settings={"seed": 1}, gap_seconds=1, results=(mouse,)
    )

    def evaluation(path: Path, overwrite: bool = False) -> None:
        found.save(path.parent, overwrite=overwrite)

    def traces_nwb(path: Path, overwrite: bool = False) -> None:
        write_traces_nwb(
            path, traces, placed.label_image((SIZE, SIZE)), shown, np.arange(12) / 30,
            session_start=datetime.now(UTC), name="m", overwrite=overwrite,
        )  # fmt: skip

    def labels(format: str) -> Write:
        return lambda path, **how: write_labels(ethogram, path, two, format=format, **how)

    columns = [area.label for area in shown]
    average = event_average(movie, [1], {}, around=Around(before=0.04, after=0.04))
    row = CohortRow(None, "", {"recording": "m.tif", "subject": "1"})
    return MappingProxyType(
        {
            "registration": (".json", placed.save),
            "traces": (".csv", lambda path, **how: write_traces(path, traces, columns, **how)),
            "traces nwb": (".nwb", traces_nwb),
            "correlations": (
                ".csv",
                lambda path, **how: write_correlations(path, shown, {"run": traces[0]}, **how),
            ),
            "decoder": (".safetensors", small.save),
            "prediction csv": (".csv", prediction.to_csv),
            "prediction json": (".json", prediction.to_json),
            "ethogram": (".csv", ethogram.to_csv),
            "events": (".csv", average.to_csv),
            "cohort": (".csv", lambda path, **how: write_cohort(path, [row], **how)),
            "bouts": (".csv", labels("bouts")),
            "frames": (".csv", labels("frames")),
            "labels nwb": (".nwb", labels("nwb")),
            "report": ("report.md", report),
            "report table": ("auc.csv", report),
            "report figure": ("rois.png", report),
            "report page": ("report.html", evaluation),
            "report of mice": ("mice.csv", evaluation),
            "report json": ("report.json", evaluation),
            "areas csv": (".csv", lambda path, **how: export.write_csv(areas, path, **how)),
            "areas json": (".json", lambda path, **how: export.write_json(areas, path, **how)),
            "areas nwb": (".nwb", lambda path, **how: write_nwb(areas, path, two, **how)),
            "maps nwb": (".nwb", lambda path, **how: write_nwb(maps, path, two, **how)),
            "maps": (".tif", lambda path, **how: export.write_tiff(maps, path, **how)),
            "video": (".mp4", lambda path, **how: write_mp4(maps, path, two, **how)),
            **{
                f"figure {suffix}": (
                    suffix,
                    lambda path, **how: save_figure(
                        draw_areas(areas, placed, (SIZE, SIZE)), path, **how
                    ),
                )
                for suffix in (".png", ".svg", ".pdf")
            },
            # these replace nothing that they were not asked to
            "recording tif": (".tif", lambda path, **how: save_recording(movie, path, **how)),
            "recording nwb": (".nwb", lambda path, **how: save_recording(movie, path, **how)),
            "boris": (".tsv", labels("boris-tabular")),
            "deepethogram": (".csv", labels("deepethogram")),
        }
    )  # fmt: skip


AGAIN = [
    "registration", "traces", "traces nwb", "correlations", "decoder", "prediction csv",
    "prediction json", "ethogram", "events", "cohort", "bouts", "frames", "labels nwb", "report",
    "report table",
    "report figure", "report page", "report of mice", "report json",
    "areas csv", "areas json", "areas nwb", "maps nwb", "maps", "video",
    "figure .png", "figure .svg", "figure .pdf",
]  # fmt: skip
ASKS = ["recording tif", "recording nwb", "boris", "deepethogram"]


def foreign_like(suffix: str) -> bytes:
    """A lab's own file, of the very format where that is a format of others, too."""
    file = io.BytesIO()
    if suffix == ".tif":
        tifffile.imwrite(file, np.zeros((3, 8, 8), np.uint16))
    elif suffix == ".nwb":
        with h5py.File(file, "w") as content:
            content["session_description"] = "recorded last spring"
    elif suffix == ".json":
        file.write(b'{"version": 1, "matrix": [], "decoder": "mine", "warnings": []}')
    elif suffix == ".png":
        file.write(b"\x89PNG\r\n\x1a\n a graph of ours")
    elif suffix == ".mp4":
        file.write(b"\0\0\0\x20ftypisom of the mouse")
    elif suffix == ".pdf":
        file.write(b"%PDF-1.4 a paper of ours")
    elif suffix == ".svg":
        file.write(b"<?xml version='1.0'?><svg/>")
    else:
        file.write(b"time,speed,start_frame,frame,acronym\n0,1,2,3,4\n")
    return file.getvalue()


def place_of(writers: MappingProxyType[str, tuple[str, Write]], name: str, folder: Path) -> Path:
    suffix = writers[name][0]
    return folder / (suffix if "." in suffix[1:] else f"result{suffix}")


def refused(write: Write, path: Path, **how: bool) -> str:
    with pytest.raises(CortexDecoderError) as told:
        write(path, **how)
    assert "\n" not in str(told.value)
    return str(told.value)


@pytest.mark.parametrize("name", [*AGAIN, *ASKS])
def test_a_folder_or_what_others_made_is_left_as_it_is(
    writers: MappingProxyType[str, tuple[str, Write]], tmp_path: Path, name: str
) -> None:
    write, path = writers[name][1], place_of(writers, name, tmp_path)
    path.mkdir()
    (path / "mine.txt").write_text("mine")
    before = snapshot(tmp_path)
    for overwrite in (False, True):
        if not name.startswith("report"):  # it writes its other files first
            refused(write, path, overwrite=overwrite)
            assert snapshot(tmp_path) == before
    (path / "mine.txt").rename(tmp_path / "elsewhere")
    path.rmdir()

    theirs = foreign_like(path.suffix)
    path.write_bytes(theirs)
    assert path.name in refused(write, path)
    assert path.read_bytes() == theirs
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    refused(write, path)
    assert (tmp_path / "elsewhere").read_bytes() == theirs
    write(path, overwrite=True)
    assert path.is_symlink()
    assert (tmp_path / "elsewhere").read_bytes() != theirs
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("name", AGAIN)
def test_its_own_earlier_result_is_replaced_unless_it_is_write_protected(
    writers: MappingProxyType[str, tuple[str, Write]], tmp_path: Path, name: str
) -> None:
    write, path = writers[name][1], place_of(writers, name, tmp_path)
    write(path)
    os.utime(path, (0, 0))
    write(path)
    assert path.stat().st_mtime > 0
    path.chmod(0o444)
    before = path.read_bytes()
    assert "write-protected" in refused(write, path, overwrite=True)
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ASKS)
def test_what_says_not_whose_it_is_is_replaced_only_when_asked(
    writers: MappingProxyType[str, tuple[str, Write]], tmp_path: Path, name: str
) -> None:
    write, path = writers[name][1], place_of(writers, name, tmp_path)
    write(path)
    before = path.read_bytes()
    refused(write, path)
    assert path.read_bytes() == before
    write(path, overwrite=True)


@pytest.mark.parametrize("name", [*AGAIN, *ASKS])
def test_one_kind_of_ours_does_not_take_the_place_of_another(
    writers: MappingProxyType[str, tuple[str, Write]], tmp_path: Path, name: str
) -> None:
    suffix, write = writers[name]
    if suffix not in (".nwb", ".tif", ".json"):
        pytest.skip("what has such a suffix is told by another test")
    same = ("areas nwb", "maps nwb") if name in ("areas nwb", "maps nwb") else (name,)
    for other, (its_suffix, makes) in writers.items():
        if its_suffix == suffix and other not in same:
            path = tmp_path / f"{other}{suffix}"
            makes(path)
            before = path.read_bytes()
            refused(write, path)
            assert path.read_bytes() == before, other


@pytest.mark.parametrize("name", [*AGAIN, *ASKS])
def test_no_room_and_no_permission_leave_the_old_file(
    writers: MappingProxyType[str, tuple[str, Write]],
    disk: Path,  # noqa: F811
    name: str,
) -> None:
    write, path = writers[name][1], place_of(writers, name, disk)
    write(path)
    before = snapshot(disk)
    write_protect(disk)
    refused(write, path, overwrite=True)
    assert snapshot(disk) == before
    write_protect(disk, False)
    fill(disk)
    before = snapshot(disk)
    assert "the disk" in refused(write, path, overwrite=True)
    assert snapshot(disk) == before


def test_a_zarr_folder_is_replaced_only_if_all_in_it_is_ours(tmp_path: Path) -> None:
    frames = np.arange(12 * 8 * 8, dtype=np.uint16).reshape(12, 8, 8)
    recording = Recording(movie=da.from_array(frames), name="m", frame_rate=30.0)
    path = save_recording(recording, tmp_path / "m.zarr")
    save_recording(recording, path, overwrite=True)
    (path / "0" / "notes.txt").write_text("mine")
    before = snapshot(tmp_path)
    for overwrite in (False, True):
        with pytest.raises(CortexDecoderError, match="choose another name"):
            save_recording(recording, path, overwrite=overwrite)
        assert snapshot(tmp_path) == before
    (tmp_path / "file.zarr").write_text("mine")
    with pytest.raises(CortexDecoderError, match="is a file, and a folder is to be there"):
        save_recording(recording, tmp_path / "file.zarr", overwrite=True)
    assert (tmp_path / "file.zarr").read_text() == "mine"


@pytest.mark.parametrize("suffix", [".tif", ".nwb", ".zarr"])
def test_no_file_of_a_movie_that_is_open_is_replaced(tmp_path: Path, suffix: str) -> None:
    frames = np.arange(12 * 8 * 8, dtype=np.uint16).reshape(12, 8, 8)
    source = Recording(movie=da.from_array(frames), name="m", frame_rate=30.0)
    path = save_recording(source, tmp_path / f"m{suffix}")
    (tmp_path / f"link{suffix}").symlink_to(path)
    opened = open_recording(path)
    part = opened.movie[3:5]
    del opened
    before = snapshot(tmp_path)
    for name in (f"m{suffix}", f"link{suffix}"):
        with pytest.raises(CortexDecoderError, match="one of the files that are read"):
            save_recording(source, tmp_path / name, overwrite=True)
    assert snapshot(tmp_path) == before
    np.testing.assert_array_equal(part.compute(), frames[3:5])
    del part
    save_recording(source, path, overwrite=True)
