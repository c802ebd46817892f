"""The fit of a fine-tune: learn, calibrate, score on what was held out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from napari_cortex_decoder.arrays import Floats, Ints
from napari_cortex_decoder.decoder import Decoder, Provenance, make_decoder
from napari_cortex_decoder.decoder.learned_frames import said_of_learning
from napari_cortex_decoder.decoder.networks import probabilities
from napari_cortex_decoder.progress import Cancelled, Progress, Report
from napari_cortex_decoder.scoring.auc import auc
from napari_cortex_decoder.tuning import heads
from napari_cortex_decoder.tuning.base_mice import auc_on_base_mice
from napari_cortex_decoder.tuning.detrended_base import DETREND_SECONDS
from napari_cortex_decoder.tuning.encoding import encode_frames
from napari_cortex_decoder.tuning.end_to_end import Filmed, fit_end_to_end
from napari_cortex_decoder.tuning.epoch import Epoch
from napari_cortex_decoder.tuning.head_behaviors import with_behaviors
from napari_cortex_decoder.tuning.head_regression import EPOCHS
from napari_cortex_decoder.tuning.heads import Features
from napari_cortex_decoder.tuning.held_out import N_FOLDS, Masks
from napari_cortex_decoder.tuning.held_out_scores import HeldOutScores, score
from napari_cortex_decoder.tuning.result import Candidate, FineTuneResult
from napari_cortex_decoder.tuning.task import TuneTask
from napari_cortex_decoder.tuning.tunable import Model, model_of
from napari_cortex_decoder.tuning.ways import compare, ways_of

_FROM_NOTHING = {"linear": "linear filters of areas", "mean": "a filter of the frame's mean"}
_WORSE = 0.02  # AUC on mice of the base from which on it is worth a warning


def fit_task(task: TuneTask, report: Report, checkpoint: Path | None = None) -> FineTuneResult:
    """Fit what a task asks for.

    `report` gets epochs and steps; once it raises `Cancelled`, the best so far is the result. Only
    ``"end-to-end"`` needs a checkpoint, to go on from after a kill. Raises TrainingError if there
    are too few labelled frames, or it was cancelled before there was anything to keep.
    """
    began = time.perf_counter()
    asked, base, start = task.asked, task.base, task.start
    fitting = _Fitting(report)
    candidates: tuple[Candidate, ...] = ()
    features: Features
    origin: Decoder | None = base
    if asked.depth == "end-to-end":
        assert checkpoint is not None
        model, features = _end_to_end(task, checkpoint, fitting.step)
    else:
        ways = ways_of(task)
        if len(ways) > 1:
            candidates = compare(ways, task, report)
            (chosen,) = (one.depth for one in candidates if one.chosen)
            ways = [way for way in ways if way.name == chosen]
        (way,) = ways
        model, features = way.fit(task.learns, fitting.epoch)
        origin = base if way.base is start else way.base
    network, config = model
    fitted = time.perf_counter()

    def scoring(event: Progress) -> None:
        with suppress(Cancelled):  # what was learned is scored, in seconds
            report(event)

    scoring(Progress("scoring", 0, 1))
    draft = make_decoder(config, network, name=asked.name)
    baseline = _global_mean_auc(task)
    before = _score(task, task.before, base, baseline)
    after_logits = heads.held_out_logits(draft, features, task.held_out)
    after = _score(task, after_logits, draft, baseline)
    on_base = None
    chosen = next((one.depth for one in candidates if one.chosen), asked.depth)
    if chosen != "threshold":  # which leaves every AUC as it is
        on_base = auc_on_base_mice(base, draft, asked.compute, scoring)
    card = _provenance(task, origin, chosen, before, after, on_base)
    result = FineTuneResult(
        decoder=make_decoder(
            config.model_copy(update={"provenance": card}), network, name=asked.name
        ),
        before=before,
        after=after,
        held_out=task.held_out,
        warnings=_warnings(task, candidates, before, after, on_base),
        candidates=candidates,
        seconds={"fitting": fitted - began, "scoring": time.perf_counter() - fitted},
    )
    scoring(Progress("scoring", 1, 1))
    return result


def _end_to_end(
    task: TuneTask, checkpoint: Path, tell: Callable[[int, int, Epoch | None], None]
) -> tuple[Model, Features]:
    """Fit all of a CNN-RNN; give what its new encoder makes of the held-out frames, too."""
    asked = task.asked
    data = heads.labeled(task.features, task.labels, task.learns)
    tuned = fit_end_to_end(
        with_behaviors(model_of(task.start), asked.behaviors),
        [Filmed(f, own) for f, own in zip(task.frames, data, strict=True)],
        gap=asked.gap,
        seed=asked.seed,
        compute=asked.compute,
        checkpoint=checkpoint,
        tell=tell,
    )
    features = [
        encode_frames(tuned, frames, measured, asked.compute)
        for frames, measured in zip(task.frames, task.measured, strict=True)
    ]
    return tuned, features


class _Fitting:
    """Reports epochs and steps."""

    def __init__(self, report: Report) -> None:
        self._report, self._epochs = report, 0

    def epoch(self, epoch: Epoch) -> None:
        """Report an epoch of a head."""
        total = EPOCHS * (N_FOLDS + 1)
        self._epochs += epoch.epoch > 0
        self.step(min(self._epochs, total), total, epoch)

    def step(self, done: int, total: int, epoch: Epoch | None) -> None:
        """Report a step."""
        said = {} if epoch is None else {"epoch": vars(epoch)}
        self._report(Progress("fitting", done, total, details=said))


def _score(
    task: TuneTask, logits: Sequence[Floats], decoder: Decoder, baseline: float | None
) -> HeldOutScores:
    """Score a decoder's logits of held-out blocks; a behavior that it does not know is never read.

    `baseline` is the AUC of the mean of the frame.
    """
    known = decoder.behaviors
    columns = [known.index(b) if b in known else -1 for b in task.asked.behaviors]
    parts = []
    for block, own in zip(task.held_out, logits, strict=True):
        p = probabilities(torch.from_numpy(np.array(own)), decoder.config.temperature).numpy()
        frames, n = np.arange(block.start, block.stop), len(task.labels[block.recording])
        p[(frames < decoder.config.frames_before) | (frames >= n - decoder.config.frames_after)] = (
            np.nan
        )
        padded = np.column_stack([p, np.zeros(len(p))])[:, columns]
        parts.append((padded, task.labels[block.recording][block.start : block.stop]))
    recordings = [block.recording for block in task.held_out]
    return score(parts, recordings, global_mean_auc=baseline)


def _global_mean_auc(task: TuneTask) -> float | None:
    """Measure what the mean of the image alone tells: a baseline."""
    from sklearn.linear_model import LogisticRegression

    def means(masks: Masks) -> Floats:
        columns = [f[m, -1:] for f, m in zip(task.features, masks, strict=True)]
        return np.concatenate(columns).astype(np.float64)

    def labels(masks: Masks) -> Ints:
        return np.concatenate([v[m] for v, m in zip(task.labels, masks, strict=True)])

    fit = LogisticRegression().fit(means(task.learns), labels(task.learns))
    return auc(fit.predict_proba(means(task.measured)), labels(task.measured))


def _warnings(
    task: TuneTask,
    candidates: Sequence[Candidate],
    before: HeldOutScores,
    after: HeldOutScores,
    on_base: tuple[float, float] | None,
) -> tuple[str, ...]:
    said = []
    chosen = next((one for one in candidates if one.chosen), None)
    if task.asked.depth == "best" and task.traces is not None and not task.traces.areas:
        said.append(
            "nothing says where areas lie, so decoders of areas were not compared: they often read "
            "a mouse best. Place the atlas and fine-tune again."
        )
    if chosen is not None and chosen.depth == "mean":
        said.append(
            "a baseline wins: no decoder reads these labels better than a filter of the frame's "
            "mean, and that is what was fitted."
        )
    if task.start is not task.base and (chosen is None or chosen.depth in ("threshold", "head")):
        said.append(
            f"slow drift is taken away (moving mean of {DETREND_SECONDS:.0f} s), which in sessions "
            "of minutes passes for behavior. The new decoder reads a recording from its first "
            "frame on, not first where you look."
        )
    if after.balanced_accuracy < before.balanced_accuracy:
        said.append(
            f"the new decoder is worse on what was held out: balanced accuracy "
            f"{after.balanced_accuracy:.3f}, the base's {before.balanced_accuracy:.3f}."
        )
    if on_base is not None and on_base[1] < on_base[0] - _WORSE:
        said.append(
            f"the new decoder is worse on the simulated mice that its base was tested on: AUC "
            f"{on_base[1]:.3f}, the base's {on_base[0]:.3f}; keep the base for other mice."
        )
    if after.auc <= after.shifted_auc_high:
        said.append(
            f"its AUC of {after.auc:.3f} is within what labels shifted in time give "
            f"({after.shifted_auc_high:.3f}): it may have learned nothing."
        )
    if after.global_mean_auc is not None and after.auc <= after.global_mean_auc:
        said.append(
            f"the mean of the frame alone gives an AUC of {after.global_mean_auc:.3f}, no "
            "less than the decoder."
        )
    return tuple(said)


def _provenance(
    task: TuneTask,
    origin: Decoder | None,
    chosen: str,
    before: HeldOutScores,
    after: HeldOutScores,
    on_base: tuple[float, float] | None,
) -> Provenance:
    """Complete the model card: whose it is, what it learned from, what came of it."""
    asked = task.asked
    given = Provenance(simulated=asked.simulated) if origin is None else origin.provenance
    names = ", ".join(asked.recordings)
    frames = sum(int(learns.sum()) for learns in task.learns)
    how = ", detrended" if origin is task.base and task.start is not task.base else ""
    summary, trained_on = f"Fitted to {names} ({_FROM_NOTHING.get(chosen)}).", ""
    if origin is not None:
        summary = f"{origin.name}, fine-tuned ({chosen}{how}) on {names}."
        trained_on = f"{given.trained_on}; then "
    held_out = [
        [(block.start, block.stop) for block in task.held_out if block.recording == number]
        for number in range(len(asked.frames_sha256))
    ]
    limits = given.limits
    if given.simulated and not asked.simulated:
        limits = (*limits, "Its encoder learned from simulated mice.")
    metrics = {
        "AUC": after.auc,
        "AUC of the base": before.auc,
        "balanced accuracy": after.balanced_accuracy,
        "balanced accuracy of the base": before.balanced_accuracy,
    }
    if on_base is not None:
        metrics["AUC on simulated mice of the base"] = on_base[1]
        metrics["AUC of the base on them"] = on_base[0]
    return given.model_copy(
        update={
            "simulated": given.simulated and asked.simulated,
            "summary": summary,
            "trained_on": f"{trained_on}{frames} labelled frames of {names}",
            "created": datetime.now(UTC).date().isoformat(),
            "settings": {
                **given.settings,
                "fine_tune.base": asked.base,
                "fine_tune.base_sha256": asked.base_sha256,
                "fine_tune.depth": chosen,
                "fine_tune.seed": asked.seed,
                "fine_tune.labels_sha256": asked.labels_sha256,
                **said_of_learning(given.settings, asked.frames_sha256, held_out),
            },
            "metrics": metrics,
            "held_out": (),
            "calibration": None,
            "limits": limits,
        }
    )
