"""A mouse to fine-tune on, a base that knows nothing, and how to watch and kill a trainer."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import dask.array as da
import numpy as np
import torch

from napari_cortex_decoder.decoder import (
    CnnRnnConfig,
    Decoder,
    Preprocessing,
    RoiRnnConfig,
    TracePreprocessing,
    Window,
    make_decoder,
)
from napari_cortex_decoder.decoder.frames.normalization import normalized_frames
from napari_cortex_decoder.decoder.networks import CnnRnn, build_network, reestimate_batch_norm
from napari_cortex_decoder.labels import Behavior, Ethogram, LabelSession, Replace, SetBehaviors
from napari_cortex_decoder.progress import Progress
from napari_cortex_decoder.recording import Recording, save_recording, sidecar_folder
from napari_cortex_decoder.tuning.epoch import epoch_of


def patchy_mouse(n: int = 600, name: str = "mouse1", seed: int = 1) -> tuple[Recording, Ethogram]:
    """A patch grows brighter with every other bout; what is left of the movie is noise."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) // 20 % 2
    movie = rng.normal(1000, 10, (n, 32, 32))
    movie[labels == 1, 10:18] += 15
    recording = Recording(
        movie=da.from_array(movie.astype(np.uint16), chunks=(100, 32, 32)),
        name=name,
        subject=name,
        frame_rate=30.0,
    )
    return recording, Ethogram.from_frames(labels, ("rest", "run"))


def write_labelled(recording: Recording, ethogram: Ethogram, path: Path) -> Path:
    """Leave a movie on the disk, with its labels beside it."""
    save_recording(recording, path)
    session = LabelSession(recording.n_frames, path.stem, sidecar_folder(path))
    session.edit(SetBehaviors(behaviors=tuple(Behavior(name=n) for n in ethogram.behaviors)))
    session.edit(Replace(start=0, stop=recording.n_frames, bouts=ethogram.bouts))
    session.close()
    return path


def boris_file(path: Path, ethogram: Ethogram) -> Path:
    """Write what BORIS exports as tabular events: a START and a STOP a bout, and a point event."""
    rows = ["Observation id,Subject,Behavior,Behavior type,Time"]
    for bout in ethogram.bouts:
        for kind, frame in (("START", bout.start), ("STOP", bout.stop)):
            rows.append(f"o,No focal subject,{bout.behavior},{kind},{frame / 30:.3f}")
    rows.append("o,No focal subject,blink,POINT,4.000")
    path.write_text("\n".join(rows) + "\n")
    return path


def blank_decoder(recording: Recording) -> Decoder:
    """A decoder that has learned nothing, but whose features differ from frame to frame."""
    torch.manual_seed(0)
    config = CnnRnnConfig(
        preprocessing=Preprocessing(image_size=(32, 32), scale="centered-sd"), hidden_size=16
    )
    network = CnnRnn(config)
    block = next(normalized_frames(recording, config.preprocessing))
    images = np.stack([block[:-2], block[1:-1], block[2:]], axis=1)
    reestimate_batch_norm(network.cnn, torch.from_numpy(images))
    return make_decoder(config, network.eval(), name="blank")


def blank_area_decoder() -> Decoder:
    """A decoder of the traces of three areas that has learned nothing."""
    torch.manual_seed(0)
    areas = TracePreprocessing(
        areas=("MOs left", "MOs right", "SSp-ll left"), atlas="dorsal-cortex",
        statistics="running", warm_up_seconds=0.1, detrend_seconds=1,
    )  # fmt: skip
    config = RoiRnnConfig(window=Window(past=3, future=0), preprocessing=areas)
    return make_decoder(config, build_network(config), name="areas")


def epochs(told: Iterable[Progress]) -> list[tuple[int, int]]:
    """Which epochs were told of: fold and number."""
    return [(epoch.fold, epoch.epoch) for event in told if (epoch := epoch_of(event))]


def wait_until(reached: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, "it does not get there"
        time.sleep(0.05)


def trainers(folder: Path) -> list[int]:
    """Return the numbers of the processes that were given this folder."""
    found = subprocess.run(
        ["pgrep", "-f", f"tuning.trainer {folder}"], capture_output=True, text=True, check=False
    )
    return [int(number) for number in found.stdout.split()]


def kill_trainer(folder: Path) -> None:
    """Kill whatever process was given this folder."""
    for number in trainers(folder):
        os.kill(number, signal.SIGKILL)
