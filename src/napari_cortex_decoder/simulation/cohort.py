"""Cohorts of simulated mice on disk, laid out as the data of Ajioka et al. 2024 are."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.arrays import Singles
from napari_cortex_decoder.atlas import Atlas, load_atlas, relative_change
from napari_cortex_decoder.errors import SimulationError
from napari_cortex_decoder.files import csv_text, make_folder, write_whole, written_whole
from napari_cortex_decoder.recording import save_recording
from napari_cortex_decoder.simulation.parameters import RUN
from napari_cortex_decoder.simulation.recording import SimulatedRecording, simulate_recording

# The paper's own names, whatever the number of mice: code written for its data finds these.
TABLE = "data_64_5mice.csv"
MOVIES = "data_of_image_64_5mice"
BEHAVIOR = "data_of_behavior_64_5mice"
REGISTRATIONS = "registrations"
SIGNALS = "signal_5mice.mat"
LABELS = "runrest_5mice.mat"

MOST = 9_999
"""Mice in a cohort, so that cohorts of different seeds have different mice; also sessions."""

LONGEST = 4_000.0
"""s; a session of some 4,300 fills the 4 GiB at which an ImageJ TIFF ends."""


def simulate_cohort(
    folder: str | Path,
    *,
    mice: int,
    sessions: int,
    seconds: float,
    seed: int = 1,
    movies: bool = True,
    alternating: bool = False,
) -> Path:
    """Write a cohort of simulated mice in the layout of the paper's data.

    Movies are ``data_of_image_64_5mice/<Data_ID>.tif`` (uint16, frame rate and pixel size in
    ImageJ's metadata), behaviour is ``data_of_behavior_64_5mice/<Data_ID>_behavior.mat``
    (``runrest``, 1 = run, and ``speed_rs`` in cm/s, 1 × T each). ``signal_5mice.mat`` holds the
    ΔF/F of the paper's 50 ROIs (approximate positions, atlas ``ajioka-50``) and
    ``runrest_5mice.mat`` the labels again: a cell array a mouse, ``signal1`` and ``runrest1`` for
    the first, a cell a session, 50 × T and 1 × T. The true pose of each brain is added as
    ``registrations/<Data_ID>.json``, which the paper's data lack. ``Data_ID`` is
    ``simulated_<subject>_<session>``: ``simulate_recording(session, subject=subject)`` makes the
    same recording again, with its truth.

    Parameters
    ----------
    folder
        Where to; made if need be. A cohort that lies there already is not touched.
    mice, sessions
        Number of mice, and of sessions of each.
    seconds
        Length of a session; a minute takes 60 MB.
    movies
        Whether to write the movies: all else takes seconds and 1 MB for each minute, and is all
        that ROI decoders need. ROI traces are the movies' but for the camera's noise, which is
        drawn anew.
    alternating
        Whether the camera takes a second color in turns, as `simulate_recording` has it: a movie is
        then an OME-TIFF of two channels with the time of each frame, of twice the size.
    seed
        Which mice: subjects 10,000 × `seed` + 1, + 2, ….

    Returns
    -------
    pathlib.Path
        The CSV that says which session is whose, written when all else is there.

    Raises
    ------
    SimulationError
        If a number is impossible, a cohort lies there already, or the folder cannot be written.
    """
    for name, number, least in (("mice", mice, 1), ("sessions", sessions, 1), ("seed", seed, 0)):
        if not isinstance(number, Integral) or not least <= number <= MOST:
            raise SimulationError(
                f"{name} is {number!r}; give a whole number from {least} to {MOST}."
            )
    if seconds > LONGEST:
        raise SimulationError(
            f"seconds is {seconds}, and the paper's kind of TIFF holds {LONGEST:g}; give fewer."
        )
    folder = Path(folder)
    for name in (TABLE, MOVIES, BEHAVIOR, REGISTRATIONS, SIGNALS, LABELS):
        if os.path.lexists(folder / name):
            raise SimulationError(
                f"{folder}: {name} is there already; choose another folder or remove it."
            )
    rows = []
    all_signals: dict[str, NDArray[np.object_]] = {}
    all_labels: dict[str, NDArray[np.object_]] = {}
    rois = load_atlas("ajioka-50")
    for mouse in range(1, mice + 1):
        subject = (MOST + 1) * seed + mouse
        signals, labels = [], []
        for session in range(1, sessions + 1):
            recording = simulate_recording(
                seed=session, subject=subject, seconds=seconds, alternating=alternating
            )
            data_id = f"simulated_{subject}_{session}"
            for name in (BEHAVIOR, REGISTRATIONS, *([MOVIES] if movies else [])):
                make_folder(folder / name, SimulationError)
            if movies:
                _write_movie(folder / MOVIES / f"{data_id}.tif", recording)
            _write_behavior(folder / BEHAVIOR / f"{data_id}_behavior.mat", recording)
            recording.truth.registration.save(folder / REGISTRATIONS / f"{data_id}.json")
            rows.append((data_id, mouse))
            signals.append(_roi_signals(recording, rois))
            labels.append((recording.truth.ethogram.frames() == RUN)[None].astype(np.uint8))
        all_signals[f"signal{mouse}"] = _cells(signals)
        all_labels[f"runrest{mouse}"] = _cells(labels)
    _write_mat(folder / SIGNALS, all_signals)
    _write_mat(folder / LABELS, all_labels)
    write_whole(folder / TABLE, csv_text([("Data_ID", "Mouse_#"), *rows]), SimulationError)
    return folder / TABLE


def _write_movie(path: Path, recording: SimulatedRecording) -> None:
    import tifffile

    if recording.reference is not None:
        save_recording(recording, path)
        return
    movie, rate, pixel_size = recording.movie, recording.known_frame_rate(), recording.pixel_size
    assert pixel_size is not None  # every simulated recording has one
    with written_whole(path, SimulationError) as part:
        tifffile.imwrite(
            part,
            _frames(movie),
            shape=movie.shape,
            dtype=movie.dtype,
            imagej=True,
            resolution=(1 / pixel_size, 1 / pixel_size),
            metadata={"axes": "TYX", "unit": "mm", "finterval": 1 / rate, "fps": rate},
        )


def _frames(movie: da.Array) -> Iterator[NDArray[np.uint16]]:
    """Return frame after frame; no more than one block of them is in memory."""
    for i in range(movie.numblocks[0]):
        yield from movie.blocks[i].compute(scheduler="synchronous")


def _write_behavior(path: Path, recording: SimulatedRecording) -> None:
    running = recording.truth.ethogram.frames() == RUN
    values = {"runrest": running[None].astype(np.float64), "speed_rs": recording.truth.speed[None]}
    _write_mat(path, values, compressed=False)


def _write_mat(path: Path, values: Mapping[str, NDArray[Any]], *, compressed: bool = True) -> None:
    from scipy.io import savemat

    with written_whole(path, SimulationError) as part:
        savemat(part, values, do_compression=compressed)


def _roi_signals(recording: SimulatedRecording, rois: Atlas) -> Singles:
    """Return ΔF/F of the paper's ROIs, shape (50, t)."""
    registration = replace(recording.truth.registration, atlas=rois)
    labels = registration.label_image(recording.shape)
    traces = recording.area_traces(labels, len(rois.areas))
    dark = recording.truth.subject.dark_offset
    return relative_change(traces, dark=dark).T.astype(np.float32)


def _cells(matrices: Sequence[NDArray[np.generic]]) -> NDArray[np.object_]:
    """Make what SciPy writes as a cell array, 1 × sessions."""
    cells = np.empty((1, len(matrices)), dtype=object)
    cells[0, :] = matrices
    return cells
