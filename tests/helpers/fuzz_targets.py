"""One sound file of every kind that this program reads, and how it is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask.array as da
import h5py
import numpy as np
import scipy.io
import tifffile
from PIL import Image

from atlas import test_transforms
from decoder import test_import_keras
from helpers.movies import movie_of
from helpers.poses import pose
from helpers.trace_files import write_nwb_traces
from labels import test_importing
from napari_cortex_decoder.atlas import load_atlas
from napari_cortex_decoder.atlas.importers.label_image import read_label_image
from napari_cortex_decoder.atlas.importers.transforms import (
    read_mesonet,
    read_wfield,
)
from napari_cortex_decoder.atlas.registration_file import load_registration
from napari_cortex_decoder.labels import Behavior, Bout, import_labels
from napari_cortex_decoder.labels.journal import (
    Header,
    StepLine,
    now,
    read_journal,
)
from napari_cortex_decoder.recording import Recording, open_recording, read_behavior
from napari_cortex_decoder.recording.cohort import read_cohort
from napari_cortex_decoder.recording.preprocessing.mask_file import read_mask
from recording import (
    test_behavior_mangled,
    test_format_details,
    test_formats,
    test_tiff,
    test_traces,
)
from recording.test_traces import CELL, NAMES, TRACES


@dataclass(frozen=True)
class Target:
    """A kind of file: `write` makes a sound one in a folder and gives its path."""

    write: Callable[[Path], Path]
    read: Callable[[Path], object]


MOVIE = (movie_of(frames=27, rows=20, columns=30) * 211).astype("uint16")
CLIP = Recording(movie=da.zeros((40, 20, 30)), name="m", frame_rate=2.0)
SHAPE = (256, 200)


def open_movie(path: Path) -> None:
    movie = open_recording(path).movie
    movie[0].compute()
    movie[-1].compute()


def of_text(name: str, text: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_text(text, encoding="utf-8")
        return folder / name

    return write


def of(name: str, make: Callable[[Path], object]) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        make(folder / name)
        return folder / name

    return write


def tiff(**way: Any) -> Callable[[Path], Path]:
    return of("m.tif", lambda path: tifffile.imwrite(path, MOVIE, **way))


def svd(folder: Path) -> Path:
    test_format_details.svd_pair(folder, MOVIE, ("U.npy", "SVT.npy"))
    return folder


def ibl(folder: Path) -> Path:
    test_format_details.ibl(folder, movie_of(frames=40), "haemoCorrected")
    return folder


def dated(folder: Path) -> Path:
    for index, frame in enumerate(MOVIE[:6]):
        tifffile.imwrite(folder / f"2024-05-06_10-11-12.{index * 40000:06d}.tif", frame)
    return folder


def micro_manager(folder: Path) -> Path:
    for index, frame in enumerate(MOVIE[:6]):
        tifffile.imwrite(folder / f"img_{index:09d}_GCaMP_000.tif", frame)
    return folder


def labels_nwb(path: Path) -> None:
    with h5py.File(path, "w") as file:
        table = file.create_group("intervals/ethogram")
        table["start_time"], table["stop_time"] = np.array([1.0, 5.0]), np.array([2.0, 9.0])
        table["label"] = ["run", "groom"]


def mesoscaler(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["affine_ref_to_data512"] = np.array([[1.1, 0, 3.0], [0, 1.1, -2.0]])


def mesoscaler_mat(path: Path) -> None:
    matrix = np.array([[1.1, 0, 3.0], [0, 1.1, -2.0]])
    scipy.io.savemat(path, {"affine_ref_to_data512": {"left": matrix, "right": matrix}})


def label_picture(path: Path) -> None:
    picture = np.zeros((40, 60), np.uint8)
    picture[5:15, 5:25], picture[20:35, 35:55] = 3, 7
    match path.suffix:
        case ".npy":
            np.save(path, picture)
        case ".png":
            Image.fromarray(picture).save(path)
        case _:
            tifffile.imwrite(path, picture, compression="zlib")


def with_names(folder: Path) -> Path:
    label_picture(folder / "labels.npy")
    (folder / "names.csv").write_text("label,acronym,name,side\n3,V1,visual,left\n7,M1,,right\n")
    return folder / "names.csv"


GEOJSON = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "properties": {"acronym": name, "side": side},
            "geometry": {"type": "Polygon", "coordinates": [[[x, 0], [x + 1, 0], [x + 1, 1]]]},
        }
        for name, side, x in (("V1", "left", -3), ("V1", "right", 2), ("M1", "right", 4))
    ],
}
WFIELD = [
    {"acronym": "V1", "name": "visual", "label": 1}
    | {f"{side}_{axis}": [v * s for v in ring] for side, s in (("left", -1), ("right", 1))
       for axis, ring in (("x", (1, 2, 2)), ("y", (1, 1, 2)))}
]  # fmt: skip
ONE_HOT = ",background,run,groom\n" + "".join(
    f"{i},{int(i < 9)},{int(9 <= i < 30)},{int(i >= 30)}\n" for i in range(40)
)
FRAMES = "frame,time_s,behavior\n" + "".join(f"{i},{i / 2},run\n" for i in range(40))
BOUTS = "start_s,stop_s,behavior,source\n1,3.5,run,person\n4,9,groom,model\n"
STATES = "time (s)\tstate\tspeed (cm/s)\n" + "".join(
    f"{i / 2}\t{'ab'[i % 2]}\t{i}\n" for i in range(40)
)


def labels(path: Path) -> object:
    return import_labels(path, CLIP)


def behavior(path: Path) -> object:
    return read_behavior(path, CLIP)


def picture(path: Path) -> object:
    names = path if path.suffix == ".csv" else None
    return read_label_image(path.with_name("labels.npy") if names else path, names, pixel_size=0.1)


def transform(path: Path) -> object:
    return read_mesonet(path, SHAPE)


def write_cohort(folder: Path) -> Path:
    for name in ("a", "b"):
        np.save(folder / f"{name}.npy", MOVIE[:3])
        (folder / f"{name}.csv").write_text(BOUTS)
    (folder / "cohort.csv").write_text("recording,subject,labels\na.npy,1,a.csv\nb.npy,2,b.csv\n")
    return folder / "cohort.csv"


def remembered(folder: Path) -> Path:
    np.save(folder / "m.npy", MOVIE)
    beside = folder / "m.npy.cortex"
    beside.mkdir()
    (beside / "recording.json").write_text(
        json.dumps({"version": 1, "frame_rate": 30.0, "pixel_size": 0.03, "axes": "tyx"})
    )
    return folder / "m.npy"


def registration(path: Path) -> None:
    pose(load_atlas("dorsal-cortex")).save(path)


def area_decoder(path: Path) -> None:
    from napari_cortex_decoder.decoder.file import bundled_files

    path.write_bytes(bundled_files()["run-rest-areas"].read_bytes())


def read_decoder(path: Path) -> None:
    from napari_cortex_decoder.decoder.file import read_config, read_decoder

    read_config(path)
    read_decoder(path)


def state_dict(path: Path) -> None:
    import torch

    torch.save({"rnn.weight_hh_l0": torch.zeros(384, 128), "linear_out.bias": torch.zeros(1)}, path)


def import_state_dict(path: Path) -> None:
    from napari_cortex_decoder.decoder.importing.state_dict import import_state_dict

    import_state_dict(path)


def import_keras(path: Path) -> None:
    from napari_cortex_decoder.decoder.importing.keras import import_keras

    import_keras(path)


def training(path: Path) -> None:
    from napari_cortex_decoder.training.config import read_config

    read_config(path)


def settings(path: Path) -> None:
    from napari_cortex_decoder.training.config import TrainingConfig, as_toml

    path.write_text(as_toml(TrainingConfig()))


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


def write_journal(path: Path) -> None:
    """Write a journal of a version that holds bouts, and one step back."""
    header = Header(
        version=2,
        name="m",
        n_frames=40,
        behaviors=(Behavior(name="run", color=(255, 0, 0)),),
        bouts=(Bout(3, 9, "run"),),
    )
    path.write_bytes(header.as_bytes() + StepLine(kind="undo", time=now()).as_bytes())


def movies() -> dict[str, Target]:
    def wrapped(write: Callable[..., tuple[Path, float | None]]) -> Callable[[Path], Path]:
        return lambda folder: write(folder, MOVIE)[0]

    made = {f"movie {w.__name__}": Target(wrapped(w), open_movie) for w in test_formats.WRITERS}
    made |= {f"TIFF {n}": Target(tiff(**way), open_movie) for n, way in test_tiff.WAYS.items()}
    more = {"svd": svd, "ibl": ibl, "dated TIFFs": dated, "Micro-Manager TIFFs": micro_manager}
    more |= {
        "traces NWB": of("m.nwb", lambda path: write_nwb_traces(path, TRACES, {"name": NAMES})),
        "traces NWB masks": of(
            "m.nwb", lambda path: write_nwb_traces(path, TRACES, masks=np.ones((5, 4, 6)))
        ),
        "traces table": of("m.csv", lambda path: test_traces.write_csv(path, NAMES)),
        "traces MATLAB": of("m.mat", lambda path: test_traces.write_mat(path, a=TRACES, b=CELL)),
        "traces MATLAB 7.3": of("m.mat", lambda path: test_traces.write_mat73(path, NAMES)),
    }
    return made | {f"movie {name}": Target(write, open_movie) for name, write in more.items()}


def all_targets() -> dict[str, Target]:
    """Return every kind of file, by name."""
    made = movies()
    made |= {
        f"behavior {name}": Target(of(f"b{suffix}", write), behavior)
        for name, (suffix, write) in test_behavior_mangled.WRITERS.items()
    }
    made["behavior states"] = Target(of_text("b.tsv", STATES), behavior)
    made["behavior intervals"] = Target(of("b.nwb", labels_nwb), behavior)
    made |= {
        f"mask {suffix}": Target(
            of(f"m{suffix}", label_picture), lambda path: read_mask(path, (20, 30))
        )
        for suffix in (".tif", ".png", ".npy")
    }
    texts = {"BORIS 7": test_importing.TABULAR_7, "BORIS 8": test_importing.TABULAR_8}
    texts |= {"one hot": ONE_HOT, "frames": FRAMES, "bouts": BOUTS}
    made |= {f"labels {n}": Target(of_text("l.csv", text), labels) for n, text in texts.items()}
    made["labels NWB"] = Target(of("l.nwb", labels_nwb), labels)
    made["journal"] = Target(of("labels.jsonl", write_journal), read_journal)
    made |= {
        f"label image {suffix}": Target(of(f"l{suffix}", label_picture), picture)
        for suffix in (".tif", ".png", ".npy")
    }
    made["label names"] = Target(with_names, picture)
    made["outlines GeoJSON"] = Target(of_text("o.json", json.dumps(GEOJSON)), load_atlas)
    made["outlines wfield"] = Target(of_text("o.json", json.dumps(WFIELD)), load_atlas)
    made["registration"] = Target(of("r.json", registration), load_registration)
    placed = pose(load_atlas("dorsal-cortex"))
    made["landmarks wfield"] = Target(
        of("m.json", lambda path: test_transforms.wfield_file(path, placed)), read_wfield
    )
    made["MesoNet text"] = Target(of_text("t.txt", "1.1 0 3\n0 1.1 -2\n"), transform)
    made["mesoscaler HDF5"] = Target(of("t.h5", mesoscaler), transform)
    made["mesoscaler MATLAB"] = Target(of("t.mat", mesoscaler_mat), transform)
    made["Keras"] = Target(of("k.h5", test_import_keras.write_model), import_keras)
    made["state dict"] = Target(of("s.pth", state_dict), import_state_dict)
    made["decoder"] = Target(of("d.safetensors", area_decoder), read_decoder)
    made["cohort"] = Target(write_cohort, read_cohort)
    made["remembered"] = Target(remembered, open_movie)
    made["training"] = Target(of("t.toml", settings), training)
    made["run folder"] = Target(run_folder, read_run)
    return made
