"""Run the protocol of Ajioka et al. 2024 on data in its layout; begun runs are gone on with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from napari_cortex_decoder.arrays import Floats
from napari_cortex_decoder.atlas import correlate_behavior
from napari_cortex_decoder.compute import HERE, Compute
from napari_cortex_decoder.errors import EvaluationError
from napari_cortex_decoder.evaluation.cohort import RoiCohort, read_roi_cohort
from napari_cortex_decoder.evaluation.protocol import Effort, Pair, Row, chosen_rows, pairs
from napari_cortex_decoder.evaluation.scores import ModelScore
from napari_cortex_decoder.files import json_with, make_folder, read_model, write_whole
from napari_cortex_decoder.progress import Progress, Report, unheard
from napari_cortex_decoder.settings import Frozen
from napari_cortex_decoder.simulation.cohort import TABLE
from napari_cortex_decoder.training.run import TRAINING_LIBRARIES

SIMULATED = "simulated_"
"""How the sessions of simulated mice are called."""

_USUAL = Effort()


@dataclass(frozen=True, eq=False)
class Reproduction:
    """What came of the protocol."""

    scores: dict[str, tuple[ModelScore, ...]]  # models of each row
    # shape (50,): mean over sessions of each ROI's correlation with running; None where no ROI
    # traces were needed
    correlation: Floats | None
    run_fraction: dict[str, float]  # share of running of each mouse; empty likewise
    simulated: bool  # whether the mice are simulated
    # as asked for
    effort: Effort
    seed: int


def reproduce(
    data: str | Path,
    out: str | Path,
    *,
    rows: Sequence[str] = ("roi",),
    effort: Effort = _USUAL,
    validations: int | None = None,
    seed: int = 1,
    compute: Compute = HERE,
    progress: Report = unheard,
) -> Reproduction:
    """Train and test the models of some rows of the paper's table.

    `data` is laid out as the paper's (Zenodo 10.5281/zenodo.10408334). `rows` are names of `ROWS`,
    ``"roi"`` for all of ROI decoders or ``"all"``; those of image decoders take hours on a
    processor. Each mouse is tested with so many others validating, `validations`, or with all, as
    in the paper (20 models of five mice). Each model's score is kept in ``out/models`` as soon as
    it is known, and not measured again by the same call. Raises EvaluationError if there is no such
    row, data are missing or do not fit, or `out` cannot be written or holds scores of other
    settings; RecordingError or TrainingError if a file is damaged, or an image decoder cannot be
    trained.
    """
    data, out = Path(data), Path(out)
    chosen = chosen_rows(rows)
    if not data.is_dir():
        raise EvaluationError(f"{data}: there is no such folder; give that of the paper's data.")
    cohort = None
    if any(row.kind == "roi" for row in chosen.values()):
        cohort = read_roi_cohort(data)
    scores = {}
    for name, row in chosen.items():
        asked: dict[str, int | float] = {"seed": seed}
        if row.kind == "roi":
            asked |= asdict(effort)
        jobs = _jobs(row, data, out, cohort, effort, validations, seed=seed, compute=compute)
        file = out / "models" / f"{name}.json"
        known = _known(file, asked)
        for done, (pair, job) in enumerate(jobs.items()):
            progress(Progress(name, done, len(jobs)))
            if pair not in known:
                known[pair] = job()
                _keep(file, asked, known.values())
        scores[name] = tuple(known[pair] for pair in jobs)
    return Reproduction(
        scores=scores,
        correlation=None if cohort is None else _correlation(cohort),
        run_fraction={} if cohort is None else _run_fraction(cohort),
        simulated=_is_simulated(data),
        effort=effort,
        seed=seed,
    )


class _Kept(Frozen):
    """What is kept of a row: with which settings, and its models so far."""

    settings: dict[str, int | float]
    scores: tuple[ModelScore, ...]


def _jobs(
    row: Row,
    data: Path,
    out: Path,
    cohort: RoiCohort | None,
    effort: Effort,
    validations: int | None,
    *,
    seed: int,
    compute: Compute,
) -> dict[Pair, Callable[[], ModelScore]]:
    """Say what there is to do for a row, and how."""
    try:
        if row.kind == "roi":
            from napari_cortex_decoder.evaluation.roi_models import RoiModels

            assert cohort is not None
            models = RoiModels(row, cohort, effort, seed=seed, compute=compute)
            return {pair: partial(models.score, pair) for pair in pairs([*cohort], validations)}
        from napari_cortex_decoder.evaluation import image_models
    except ModuleNotFoundError as reason:
        if reason.name not in TRAINING_LIBRARIES:
            raise
        raise EvaluationError(
            f"this protocol trains decoders and needs {reason.name}, which is not installed; "
            "pip install 'napari-cortex-decoder[train]'."
        ) from reason
    mice = image_models.movie_mice(data)
    bundled = row.kind == "bundled"  # it has learned from others: any mouse may test it
    score = partial(
        image_models.score_on_movies, row, data, out / "runs", seed=seed, compute=compute
    )
    tried = [Pair("", mouse) for mouse in mice] if bundled else pairs(mice, validations)
    return {pair: partial(score, pair) for pair in tried}


def _known(file: Path, asked: dict[str, int | float]) -> dict[Pair, ModelScore]:
    """Return the models that an earlier call has measured with the same settings."""
    if not file.exists():
        return {}
    remedy = "remove it, and its models are trained anew"
    kept = read_model(file, _Kept, None, EvaluationError, remedy=remedy)
    if kept.settings != asked:
        raise EvaluationError(
            f"{file} was made with {kept.settings}, and now {asked} is asked for; choose another "
            "--out, or remove it."
        )
    return {Pair(score.validation, score.test): score for score in kept.scores}


def _keep(file: Path, asked: dict[str, int | float], scores: Iterable[ModelScore]) -> None:
    make_folder(file.parent, EvaluationError)
    kept = _Kept(settings=asked, scores=tuple(scores))
    text = kept.model_dump_json(indent=1)
    write_whole(file, text, EvaluationError, kind=json_with("settings", "scores"))


def _correlation(cohort: RoiCohort) -> Floats:
    """Correlate ΔF/F, as it is, with running."""
    r = [
        correlate_behavior(session.traces, session.running)
        for sessions in cohort.values()
        for session in sessions
    ]
    return np.asarray(np.nanmean(r, axis=0))


def _run_fraction(cohort: RoiCohort) -> dict[str, float]:
    return {
        mouse: float(np.concatenate([session.running for session in sessions]).mean())
        for mouse, sessions in cohort.items()
    }


def _is_simulated(data: Path) -> bool:
    """Return whether sessions are called as the simulation calls them."""
    table = data / TABLE
    if not table.is_file():
        return False
    lines = table.read_text(encoding="utf-8", errors="replace").splitlines()[1:]
    return any(SIMULATED in line for line in lines)
