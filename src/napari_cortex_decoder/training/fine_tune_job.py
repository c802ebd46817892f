"""One fine-tune: what it learns from, how it goes, what came of it."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.decoder import Decoder
from napari_cortex_decoder.decoder.config import CnnRnnConfig
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.labels import UNKNOWN, Ethogram
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.training.held_out import HeldOut, training_mask
from napari_cortex_decoder.training.held_out_scores import HeldOutScores
from napari_cortex_decoder.training.label_checks import Depth, plan
from napari_cortex_decoder.training.tune_progress import Epoch, TuneProgress


@dataclass(frozen=True, eq=False)
class FineTuneResult:
    """What a fine-tune came to.

    Attributes
    ----------
    decoder
        The new one.
    before, after
        Scores of base and new decoder on the same held-out frames.
    held_out
        Those frames.
    warnings
        Sentences to read before keeping it.
    seconds
        What took how long: ``encoding``, ``fitting``.
    """

    decoder: Decoder
    before: HeldOutScores
    after: HeldOutScores
    held_out: tuple[HeldOut, ...]
    warnings: tuple[str, ...]
    seconds: dict[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Give all but the decoder, for JSON."""
        return {
            "before": self.before.as_dict(),
            "after": self.after.as_dict(),
            "held_out": [vars(block) for block in self.held_out],
            "warnings": list(self.warnings),
            "seconds": self.seconds,
        }


class FineTuneJob:
    """One fine-tune, checked before anything is computed; parameters as of `fine_tune`."""

    def __init__(
        self,
        base: Decoder,
        labelled: Sequence[tuple[Recording, Ethogram]],
        depth: Depth,
        held_out: Sequence[HeldOut] | None,
        device: str,
        seed: int,
        name: str | None,
        progress: Callable[[TuneProgress], None] | None,
    ) -> None:
        self.base, self.labelled, self.depth, self.device = base, labelled, depth, device
        self.seed, self.progress = seed, progress
        self.cancelled = threading.Event()
        self.name = name or f"{base.name}-tuned"
        planned = plan(base.config, base.name, labelled, depth, held_out)
        self.behaviors, self.gap, self.held_out = planned.behaviors, planned.gap, planned.held_out
        self.labels = planned.labels
        assert isinstance(base.config, CnnRnnConfig)  # else it was refused
        self.config = base.config
        measured = self._held_out_masks()
        self.learns = training_mask(self.labels, self.held_out, self.gap)
        self._check_parts(measured)

    def run(self) -> FineTuneResult:
        """Encode what is not encoded yet, fit, calibrate, score."""
        from napari_cortex_decoder.training import tuning
        from napari_cortex_decoder.training.features import recording_features

        began = time.perf_counter()
        features = []
        total = sum(recording.n_frames for recording, _ in self.labelled)
        before_this = 0
        for recording, _ in self.labelled:

            def encoded_so_far(done: int, _: int, start: int = before_this) -> None:
                self._tell_encoding(start + done, total)

            features.append(
                recording_features(self.base, recording, device=self.device, tell=encoded_so_far)
            )
            before_this += recording.n_frames
        self._tell_encoding(total, total)
        encoded = time.perf_counter()
        network: Any = self.base.network
        before = self._score(features, self.base)
        network = tuning.with_behaviors(network, self.config, self.behaviors)
        config = self.config.model_copy(update={"behaviors": self.behaviors})
        data = [
            tuning.Labeled(f, values, learns)
            for f, values, learns in zip(features, self.labels, self.learns, strict=True)
        ]
        fits = 0

        def tell(epoch: Epoch) -> None:
            nonlocal fits
            fits += 1
            total = tuning.EPOCHS * 4
            self._tell(TuneProgress("fitting", min(fits, total), total, epoch))
            if self.cancelled.is_set():
                raise tuning.Cancelled

        if self.depth == "head":
            network, parts = tuning.fit_head(
                network, config, data, gap=self.gap, seed=self.seed, tell=tell
            )
        else:
            parts = [
                (tuning.head_logits(network, config, one.features)[one.learns],
                 one.labels[one.learns])
                for one in data
            ]  # fmt: skip
        scale, shift = tuning.fit_calibration(
            np.concatenate([logits for logits, _ in parts]),
            np.concatenate([labels for _, labels in parts]),
        )
        layer = network.head.linear_out
        layer.bias.data += layer.bias.new_tensor(shift / scale)
        config = config.model_copy(update={"temperature": float(np.clip(1 / scale, 0.01, 100))})
        fitted = time.perf_counter()
        self._tell(TuneProgress("scoring", 0, 1))
        draft = Decoder(config, network, name=self.name)
        after = self._score(features, draft)
        card = self._provenance(before, after)
        described = config.model_copy(update={"provenance": card})
        result = FineTuneResult(
            decoder=Decoder(described, network, name=self.name),
            before=before,
            after=after,
            held_out=self.held_out,
            warnings=self._warnings(before, after),
            seconds={"encoding": encoded - began, "fitting": fitted - encoded},
        )
        self._tell(TuneProgress("scoring", 1, 1))
        return result

    def _check_parts(self, measured: list[NDArray[np.bool_]]) -> None:
        """Refuse what can be measured or learned only in part."""
        for which, masks in (("learned from", self.learns), ("held out", measured)):
            values = np.concatenate([v[m] for v, m in zip(self.labels, masks, strict=True)])
            for place, behavior in enumerate(self.behaviors):
                if not (values == place).any():
                    raise TrainingError(
                        f"no frame of {behavior!r} is left among those that are {which}: label "
                        "more bouts of it, further apart."
                    )

    def _held_out_masks(self) -> list[NDArray[np.bool_]]:
        masks = [np.zeros(len(values), dtype=bool) for values in self.labels]
        for block in self.held_out:
            if not (
                0 <= block.recording < len(masks)
                and 0 <= block.start < block.stop <= len(masks[block.recording])
            ):
                raise TrainingError(f"{block} is not a stretch of one of the recordings.")
            part = slice(block.start, block.stop)
            masks[block.recording][part] = self.labels[block.recording][part] != UNKNOWN
        return masks

    def _score(self, features: Sequence[NDArray[np.float16]], decoder: Decoder) -> HeldOutScores:
        """Score a decoder on what is held out; a behavior that it does not know it never reads."""
        import torch

        from napari_cortex_decoder.decoder.networks import probabilities
        from napari_cortex_decoder.training.held_out_scores import score
        from napari_cortex_decoder.training.tuning import head_logits

        parts = []
        network: Any = decoder.network
        config: Any = decoder.config
        read = {
            number: probabilities(
                torch.from_numpy(head_logits(network, config, features[number])),
                config.temperature,
            ).numpy()
            for number in {block.recording for block in self.held_out}
        }
        columns = [decoder.behaviors.index(b) if b in decoder.behaviors else -1
                   for b in self.behaviors]  # fmt: skip
        for block in self.held_out:
            own = read[block.recording][block.start : block.stop]
            padded = np.column_stack([own, np.zeros(len(own))])[:, columns]
            parts.append((padded, self.labels[block.recording][block.start : block.stop]))
        return score(
            parts,
            [block.recording for block in self.held_out],
            global_mean_auc=self._global_mean_auc(features),
        )

    def _global_mean_auc(self, features: Sequence[NDArray[np.float16]]) -> float:
        """Measure what the mean of the frame alone tells: a baseline."""
        from sklearn.linear_model import LogisticRegression

        from napari_cortex_decoder.training.held_out_scores import auc

        means = [f[:, -1:].astype(np.float64) for f in features]
        out = self._held_out_masks()
        fit = LogisticRegression().fit(
            np.concatenate([m[k] for m, k in zip(means, self.learns, strict=True)]),
            np.concatenate([v[k] for v, k in zip(self.labels, self.learns, strict=True)]),
        )
        held = np.concatenate([m[k] for m, k in zip(means, out, strict=True)])
        return auc(
            fit.predict_proba(held),
            np.concatenate([v[k] for v, k in zip(self.labels, out, strict=True)]),
        )

    def _warnings(self, before: HeldOutScores, after: HeldOutScores) -> tuple[str, ...]:
        said = []
        if after.balanced_accuracy < before.balanced_accuracy:
            said.append(
                f"the new decoder is worse on what was held out: balanced accuracy "
                f"{after.balanced_accuracy:.3f}, the base's {before.balanced_accuracy:.3f}."
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

    def _provenance(self, before: HeldOutScores, after: HeldOutScores) -> Any:
        """Complete the model card: whose it is, what it learned from, what came of it."""
        given = self.config.provenance
        frames = sum(int(learns.sum()) for learns in self.learns)
        names = [recording.name for recording, _ in self.labelled]
        said = repr([ethogram.bouts for _, ethogram in self.labelled])
        simulated = all(recording.format == "simulation" for recording, _ in self.labelled)
        limits = given.limits
        if given.simulated and not simulated:
            limits = (*limits, "Its encoder learned from simulated mice.")
        return given.model_copy(
            update={
                "simulated": given.simulated and simulated,
                "summary": f"{self.base.name}, fine-tuned ({self.depth}) on {', '.join(names)}.",
                "trained_on": f"{given.trained_on}; then {frames} labelled frames of "
                f"{', '.join(names)}",
                "created": datetime.now(UTC).date().isoformat(),
                "settings": {
                    **given.settings,
                    "fine_tune.base": self.base.name,
                    "fine_tune.base_sha256": self.base.hash,
                    "fine_tune.depth": self.depth,
                    "fine_tune.seed": self.seed,
                    "fine_tune.labels_sha256": hashlib.sha256(said.encode()).hexdigest(),
                },
                "metrics": {
                    "AUC": after.auc,
                    "AUC of the base": before.auc,
                    "balanced accuracy": after.balanced_accuracy,
                    "balanced accuracy of the base": before.balanced_accuracy,
                },
                "held_out": (),
                "calibration": None,
                "limits": limits,
            }
        )

    def _tell_encoding(self, done: int, total: int) -> None:
        if self.cancelled.is_set():
            raise TrainingError("the fine-tune was cancelled before anything was learned.")
        self._tell(TuneProgress("encoding", done, total))

    def _tell(self, event: TuneProgress) -> None:
        if self.progress is not None:
            self.progress(event)
