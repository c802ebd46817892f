"""One sound file of every kind that this program reads, and how it is read."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import scipy.io
import tifffile
from PIL import Image

from atlas import test_transforms
from decoder import test_import_keras
from helpers.fuzz_recordings import CLIP, MOVIE, Target, of, of_text, recordings
from helpers.fuzz_work import area_decoder, works
from helpers.poses import pose
from labels import test_boris_media, test_elan, test_importing, test_jabs
from napari_cortex_decoder.atlas import load_atlas
from napari_cortex_decoder.atlas.importers.label_image import read_label_image
from napari_cortex_decoder.atlas.importers.transforms import (
    read_mesonet,
    read_wfield,
)
from napari_cortex_decoder.atlas.registration_file import load_registration
from napari_cortex_decoder.cohort import cohort_rows, read_cohort
from napari_cortex_decoder.labels import (
    Behavior,
    LabelSession,
    Paint,
    SetBehaviors,
    Source,
    import_labels,
)
from napari_cortex_decoder.labels.content import Interval
from napari_cortex_decoder.labels.journal import read_journal
from napari_cortex_decoder.labels.nwb import write_nwb_intervals
from napari_cortex_decoder.recording import read_behavior
from napari_cortex_decoder.recording.preprocessing.mask_file import read_mask
from recording import test_behavior_mangled
from sessions import test_kept

SHAPE = (256, 200)


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
EVENTS = "onset\tduration\ttrial_type\n1.0\t1.0\trun\n4.0\t2.5\tgroom\n"
DATES = "time,behavior\n" + "".join(
    f"2024-05-06 23:59:{50 + i // 2}.{i % 2 * 5}00,run\n" for i in range(20)
)
COLUMNS = "frame,run,groom\n" + "".join(f"{i},{i % 9 < 5},{i % 9 > 6}\n" for i in range(40))
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


def decoded(path: Path) -> None:
    test_kept.prediction(40).to_csv(path)


def ethogram_nwb(path: Path) -> None:
    rows = [Interval(i, "", "run", i, i + 0.5, Source.PERSON) for i in range(9)]
    write_nwb_intervals(path, rows, "m")


def write_cohort(folder: Path) -> Path:
    for name in ("a", "b"):
        np.save(folder / f"{name}.npy", MOVIE[:3])
        (folder / f"{name}.csv").write_text(BOUTS)
    (folder / "cohort.csv").write_text("recording,subject,labels\na.npy,1,a.csv\nb.npy,2,b.csv\n")
    return folder / "cohort.csv"


MEDIA = '<MEDIA_DESCRIPTOR MEDIA_URL="file:///m1.avi" TIME_ORIGIN="1000"/>'


def jabs(path: Path) -> None:
    blocks = {"run": [test_jabs.block(5, 11)], "groom": [test_jabs.block(20, 24, present=False)]}
    test_jabs.write(path, {"0": blocks, "1": {}}, external_identities={"0": "left"})


def read_table(path: Path) -> None:
    cohort_rows(path)
    read_cohort(path)


def registration(path: Path) -> None:
    pose(load_atlas("dorsal-cortex")).save(path)


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


def write_journal(folder: Path) -> Path:
    """Write a journal that holds bouts, edits and one step back."""
    session = LabelSession(40, "m", folder)
    session.edit(SetBehaviors(behaviors=(Behavior(name="run"), Behavior(name="groom"))))
    for start, name in ((3, "run"), (20, "groom")):
        session.edit(Paint(start=start, stop=start + 9, behavior=name))
    session.undo()
    session.close()
    return folder / "labels.jsonl"


def all_targets() -> dict[str, Target]:
    """Return every kind of file, by name."""
    made = recordings()
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
    texts |= {"BORIS aggregated": test_importing.AGGREGATED, "events": EVENTS, "dates": DATES}
    texts |= {"one hot": ONE_HOT, "frames": FRAMES, "bouts": BOUTS, "a column each": COLUMNS}
    made |= {f"labels {n}": Target(of_text("l.csv", text), labels) for n, text in texts.items()}
    made |= {
        f"labels {name}": Target(partial(test_boris_media.project, name=name), labels)
        for name in ("m1.boris", "m1.boris.gz")
    }
    annotated = {"state": [(500, 1200, "run"), (1200, 2000, "rest")], "groom": [(2500, 3000, "")]}
    made["labels ELAN"] = Target(
        of("l.eaf", lambda path: test_elan.write(path, annotated, MEDIA)), labels
    )
    made["labels JABS"] = Target(of("m1.json", jabs), labels)
    made["labels decoded"] = Target(of("l.csv", decoded), labels)
    made["labels NWB of pynwb"] = Target(of("l.nwb", ethogram_nwb), labels)
    made["labels NWB"] = Target(of("l.nwb", labels_nwb), labels)
    made["journal"] = Target(write_journal, read_journal)
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
    made["cohort"] = Target(write_cohort, read_table)
    made["training"] = Target(of("t.toml", settings), training)
    return made | works()
