"""What this program has kept of its own work, and an atlas of BrainGlobe, as targets."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from dataclasses import asdict
from pathlib import Path

import h5py
import numpy as np

from helpers.brainglobe_files import write_atlas
from helpers.fuzz_recordings import Target
from helpers.labeled_mice import sessions_of
from helpers.tuned_mice import blank_decoder, patchy_mouse
from napari_cortex_decoder.errors import CortexDecoderError
from napari_cortex_decoder.evaluation import Effort, reproduce
from napari_cortex_decoder.evaluation.scores import ModelScore
from napari_cortex_decoder.progress import Progress
from napari_cortex_decoder.simulation import simulate_cohort

ATLAS = "tiny_mouse_100um"


def area_decoder(path: Path) -> None:
    from napari_cortex_decoder.decoder.file import bundled_files

    path.write_bytes(bundled_files()["run-rest-areas"].read_bytes())


def run_folder(folder: Path) -> Path:
    from napari_cortex_decoder.runs.folder import RunFolder

    run = RunFolder(folder / "run", "training")
    with run.claim():
        run.ask({"seed": 1, "data": {"cohort": "c.csv"}})
        run.place("metrics.json").write_text('{"auc": 0.9}')
    (folder / "run" / "progress.jsonl").write_text(
        '{"stage": "windows", "done": 1, "total": 9, "loss": 0.4}\n' * 4
    )
    return folder / "run"


def read_run(path: Path) -> None:
    from napari_cortex_decoder.runs.folder import RunFolder

    folder = RunFolder(path, "training")
    folder.asked()
    folder.progress()


def fine_tuned(folder: Path) -> Path:
    from napari_cortex_decoder.compute import Compute
    from napari_cortex_decoder.tuning.folder import FineTuneFolder
    from napari_cortex_decoder.tuning.held_out_scores import HeldOutScores
    from napari_cortex_decoder.tuning.task import Asked

    run = FineTuneFolder(folder / "run")
    scores = HeldOutScores(9, 0.9, 0.8, 0.8, 0.7, ((3, 1), (1, 4)), 0.1, (), 0.5, 0.6, None, 0.5)
    asked = Asked(
        name="mine", depth="head", seed=1, compute=Compute(), base="b", base_sha256="0", gap=3,
        behaviors=("rest", "run"), held_out=((0, 3, 9),), recordings=("m",), labels_sha256="1",
        recordings_sha256="2", simulated=True,
    )  # fmt: skip
    said = {"name": "mine", "before": asdict(scores), "warnings": ["a sentence."]}
    said |= {
        "after": asdict(scores),
        "held_out": [{"recording": 0, "start": 3, "stop": 9}],
        "seconds": {"fitting": 0.1},
    }
    with run.claim():
        run.ask(asked.model_dump(mode="json"))
        run.result_file.write_text(json.dumps(said))
        area_decoder(run.decoder_file)
    return folder / "run"


def read_fine_tuned(path: Path) -> None:
    from napari_cortex_decoder.tuning.folder import FineTuneFolder
    from napari_cortex_decoder.tuning.task import read_asked

    folder = FineTuneFolder(path)
    read_asked(folder)
    folder.progress()
    folder.result()


def write_cache(folder: Path) -> Path:
    """Write what the cache of decoding has kept, now and in an earlier version."""
    from napari_cortex_decoder.decoder.cache.feature_cache import EntryWriter, entry_path

    os.environ["CORTEX_DECODER_CACHE"] = str(folder)
    kind = np.dtype([("features", "f4", (3,))])
    entry = EntryWriter(entry_path("features", "0" * 32), "m1", kind, 9)
    entry.write(0, features=np.zeros((9, 3)))
    entry.finish()
    with h5py.File(folder / f"features-{'1' * 32}.h5", "w") as file:
        file["features"], file["means"] = np.zeros((9, 3)), np.zeros(9)
        file.attrs["recording"] = "m2"
    return folder


def list_kept(path: Path) -> None:
    from napari_cortex_decoder.decoder.cache.feature_cache import list_cache

    os.environ["CORTEX_DECODER_CACHE"] = str(path)
    list_cache()


def training_cache(folder: Path) -> Path:
    """Write what a recording is read into for a training."""
    from napari_cortex_decoder.decoder import CnnConfig, Preprocessing
    from napari_cortex_decoder.training.cache import cache_session

    (session,) = sessions_of(1, n_frames=60)
    images = CnnConfig(preprocessing=Preprocessing(image_size=(32, 32), scale="centered-sd"))
    return cache_session(session, images, folder.joinpath).file


def read_cached(path: Path) -> object:
    from napari_cortex_decoder.training.examples import CachedArray

    return CachedArray(path, np.zeros(60, np.int64), 0, 60).values.sum()


class Stopped(CortexDecoderError):
    """A fit was gone on with."""


def stop(*_: object) -> None:
    raise Stopped("This is far enough.")


def half_tuned(folder: Path) -> Path:
    """Leave a fine-tune from end to end as a kill after its first epochs does."""
    from napari_cortex_decoder.compute import CPU
    from napari_cortex_decoder.tuning.epoch import epoch_of
    from napari_cortex_decoder.tuning.fit import fit_task
    from napari_cortex_decoder.tuning.folder import FineTuneFolder
    from napari_cortex_decoder.tuning.held_out import HeldOut
    from napari_cortex_decoder.tuning.preparation import Preparation
    from napari_cortex_decoder.tuning.task import load_task

    run = FineTuneFolder(folder / "run")
    mouse = patchy_mouse(n=470)
    held_out = (HeldOut(0, 410, 470),)
    job = Preparation(blank_decoder(mouse[0]), [mouse], "end-to-end", held_out, CPU, 1, "mine")

    def kill_later(event: Progress) -> None:
        if (epoch := epoch_of(event)) and epoch.epoch:
            stop()

    with run.claim(), contextlib.suppress(Stopped):
        run.ask(job.asked.model_dump(mode="json"))
        job.prepare(run, lambda _: None)
        fit_task(load_task(run), kill_later, run.place("work/checkpoint.pt"))
    return folder / "run"


def go_on(path: Path) -> None:
    from napari_cortex_decoder.tuning.fit import fit_task
    from napari_cortex_decoder.tuning.folder import FineTuneFolder
    from napari_cortex_decoder.tuning.task import load_task

    folder = FineTuneFolder(path)
    folder.progress()
    with contextlib.suppress(Stopped):
        fit_task(load_task(folder), stop, path / "work" / "checkpoint.pt")


def reproduced(folder: Path) -> Path:
    """Write a cohort in the paper's layout, and scores of all models of one row."""
    simulate_cohort(folder, mice=3, sessions=1, seconds=20, seed=6, movies=False)
    pairs = itertools.permutations("123", 2)
    scores = [
        ModelScore(validation=a, test=b, auc=0.9, accuracy=0.8, threshold=0.5) for a, b in pairs
    ]
    kept = {"settings": {"seed": 1, **asdict(Effort())}}
    kept["scores"] = [score.model_dump(mode="json") for score in scores]
    (folder / "out" / "models").mkdir(parents=True)
    (folder / "out" / "models" / "motor.json").write_text(json.dumps(kept))
    return folder / "runrest_5mice.mat"


def read_reproduced(path: Path) -> None:
    with contextlib.suppress(Stopped):
        reproduce(path.parent, path.parent / "out", rows=["motor"], progress=stop)


def brainglobe(folder: Path) -> Path:
    write_atlas(folder, ATLAS)
    return next(folder.rglob("manifest.json"))


def read_brainglobe(path: Path) -> None:
    from napari_cortex_decoder.atlas.importers.brainglobe import load_brainglobe

    load_brainglobe(ATLAS, path.parents[4])


def works() -> dict[str, Target]:
    """Return each kind of file, by name."""
    return {
        "run folder": Target(run_folder, read_run),
        "fine-tune folder": Target(fine_tuned, read_fine_tuned),
        "fine-tune half done": Target(half_tuned, go_on),
        "cache": Target(write_cache, list_kept),
        "cache of a training": Target(training_cache, read_cached),
        "reproduced": Target(reproduced, read_reproduced),
        "BrainGlobe": Target(brainglobe, read_brainglobe),
    }
