"""Use every public name as a user with a type checker does; it is checked, never run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import napari_cortex_decoder as ncd

VERSION: str = ncd.__version__
ERRORS: tuple[type[ncd.CortexDecoderError], ...] = (
    ncd.AtlasError,
    ncd.CacheError,
    ncd.DecoderError,
    ncd.DeviceError,
    ncd.EvaluationError,
    ncd.FrameRateError,
    ncd.LabelError,
    ncd.RecordingError,
    ncd.SimulationError,
    ncd.TrainingError,
)


def opened(path: Path) -> ncd.Recording:
    """Open a recording, or the first array of a file that has several."""
    try:
        recording = ncd.open_recording(path, frame_rate=30.0, pixel_size=0.07)
    except ncd.UnclearMovieError as error:
        recording = ncd.open_recording(path, dataset=error.datasets[0])
    trace: ncd.BehaviorTrace = ncd.read_behavior(path, recording, fields=["speed"])["speed"]
    values: NDArray[np.floating] = trace.values
    assert values.shape == (recording.n_frames,)
    return ncd.preprocess(ncd.add_behavior(recording, path), [])


def saved(recording: ncd.Recording, labels: ncd.Ethogram) -> tuple[Path, Path]:
    """Write a recording and its labels."""
    bout: ncd.Bout = labels.bouts[0]
    assert bout.start < bout.stop
    table = ncd.write_labels(labels, "labels.csv", recording, format="bouts", overwrite=True)
    return ncd.save_recording(recording, "m1.nwb", overwrite=True), table


def placed(recording: ncd.Recording) -> ncd.Registration:
    """Place the atlas by landmarks, by a guess, or as it was placed before."""
    atlas: ncd.Atlas = ncd.load_atlas("dorsal-cortex")
    area: ncd.Area = atlas.area("MOs", "left")
    assert area.acronym == "MOs"
    guessed = ncd.guess_registration(recording.movie[0].compute(), atlas=atlas)
    given = atlas.register({"bregma": (60.0, 64.0)}, kind="similarity", pixel_size=0.07)
    return ncd.load_registration("m1.json") if guessed.warnings else given


def simulated() -> tuple[ncd.SimulatedRecording, Path]:
    """Simulate a mouse, and a cohort."""
    mouse = ncd.simulate_recording(seed=1, subject=7, seconds=5.0)
    speed: NDArray[np.float64] = mouse.truth.speed
    assert speed.ndim == 1
    return mouse, ncd.simulate_cohort("cohort", mice=3, sessions=1, seconds=5.0)


def tell(event: ncd.Progress) -> None:
    """End what takes more than an hour."""
    if (event.seconds_left or 0) > 3600:
        raise ncd.Cancelled


def explained(recording: ncd.Recording, registration: ncd.Registration) -> ncd.Verdict:
    """Decode a recording, and say what was read."""
    decoder: ncd.Decoder = ncd.load_decoder(next(iter(ncd.list_decoders())))
    here = ncd.Compute(device="cpu", precision="full", batch_size=8, threads=1)
    prediction: ncd.Prediction = decoder.decode(
        recording, registration=registration, compute=here, progress=tell
    )
    probability: NDArray[np.float32] = prediction.probability
    labels = ncd.read_labels("boris.csv", recording)
    areas: ncd.AreaImportance = ncd.area_importance(
        decoder, recording, registration, labels, behavior="run"
    )
    cut: ncd.CutoutImportance = ncd.cutout_importance(decoder, recording, labels, behavior="run")
    maps: ncd.SaliencyMaps = ncd.saliency_map(decoder, recording, 10, 20, behavior="run")
    around = ncd.Around(before=1.0)
    events = ncd.find_events("run", recording, labels, around)
    average: ncd.EventAverage = ncd.event_average(recording, events, {}, around=around)
    assert probability.shape[0] == len(maps.maps) and cut.verdict and average.said
    return areas.verdict


def learned(recording: ncd.Recording, labels: ncd.Ethogram) -> ncd.Decoder:
    """Train on a cohort, then fine-tune on one mouse."""
    config: ncd.TrainingConfig = ncd.read_config("run.toml")
    base = ncd.train(config, "cohort.csv", "runs/first")
    result: ncd.FineTuneResult = ncd.fine_tune(base, [(recording, labels)], out="tuned")
    job: ncd.FineTuneJob = ncd.start_fine_tune(base, [(recording, labels)], depth="threshold")
    return job.result(timeout=60.0).decoder if result.warnings else result.decoder


def evaluated() -> ncd.EvaluationReport:
    """Evaluate a decoder across mice."""
    report: ncd.EvaluationReport = ncd.evaluate(
        "cohort.csv", protocol="across-mice", decoder=["linear", "run-rest"], processes=2
    )
    report.save("found")
    return report
