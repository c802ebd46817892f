"""Decoders of areas learn from traces what they learn from the movies that these are of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from helpers.trace_files import write_nwb_traces
from napari_cortex_decoder import simulate_recording, train
from napari_cortex_decoder.atlas import area_traces
from napari_cortex_decoder.compute import CPU
from napari_cortex_decoder.decoder import CnnRnnConfig, RoiRnnConfig, Window
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording import open_recording
from napari_cortex_decoder.training import (
    LabeledRecording,
    Session,
    Stage,
    TrainingConfig,
    cohort_sessions,
)
from napari_cortex_decoder.training.scoring import decode_mice

STAGE = Stage(kind="windows", epochs=1, batch_size=32, stride=8)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Session, ...]]:
    """Traces in files, listed in a CSV, and the movies that they are of."""
    folder, movies, rows = tmp_path_factory.mktemp("cohort"), [], ["recording,subject,labels"]
    for subject in (1, 2, 3, 4):
        mouse = simulate_recording(seed=1, subject=subject, seconds=20, shape=(48, 48))
        placed, name = mouse.truth.registration, f"m{subject}"
        labels, areas = placed.label_image(mouse.shape), placed.atlas.areas
        seen = [i for i in range(len(areas)) if (labels == i + 1).any()]
        values = area_traces(mouse.movie, labels, len(areas))[:, seen]
        write_nwb_traces(folder / f"{name}.nwb", values, {"name": [areas[i].label for i in seen]})
        mouse.truth.ethogram.to_csv(folder / f"{name}.csv")
        rows.append(f"{name}.nwb,{subject},{name}.csv")
        given = LabeledRecording(mouse, mouse.truth.ethogram, placed)
        movies.append(Session(name, str(subject), name, lambda given=given: given))
    (folder / "cohort.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder / "cohort.csv", tuple(movies)


@pytest.mark.slow
def test_traces_train_and_score_a_decoder_as_their_movies_do(cohort, tmp_path: Path) -> None:
    csv, movies = cohort
    traces = cohort_sessions(csv, run_speed=0.5)
    config = TrainingConfig(
        decoder=RoiRnnConfig(hidden_size=4, window=Window(past=4, future=4)),
        all_areas=True, stages=(STAGE,), calibrate=False,
    )  # fmt: skip
    learned = [
        train(config, sessions, tmp_path / name, compute=CPU)
        for name, sessions in (("movies", movies), ("traces", traces))
    ]
    assert learned[0].config.preprocessing.areas == learned[1].config.preprocessing.areas
    assert learned[1].config.preprocessing.atlas == "dorsal-cortex"
    for one, other in zip(*(d.network.parameters() for d in learned), strict=True):
        np.testing.assert_allclose(one.detach(), other.detach(), atol=1e-4)
    ours, theirs = (decode_mice(learned[0], s, compute=CPU) for s in (traces, movies))
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one.probability, other.probability, atol=1e-4)


def test_a_network_of_images_does_not_learn_from_traces(cohort, tmp_path: Path) -> None:
    config = TrainingConfig(decoder=CnnRnnConfig(window=Window(past=1, future=0)), stages=(STAGE,))
    with pytest.raises(RecordingError, match="traces of areas"):
        train(config, cohort_sessions(cohort[0], run_speed=0.5), tmp_path / "run", compute=CPU)
    assert open_recording(cohort[0].with_name("m1.nwb")).traces is not None
