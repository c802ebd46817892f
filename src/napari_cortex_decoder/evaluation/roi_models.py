"""Train and test the paper's ROI decoders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from napari_cortex_decoder.arrays import Ints, Singles
from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.decoder import RoiRnnConfig, TracePreprocessing, Window
from napari_cortex_decoder.decoder.config import DETREND_SECONDS
from napari_cortex_decoder.decoder.engine.traces import preprocess_traces
from napari_cortex_decoder.decoder.networks import build_network, probabilities
from napari_cortex_decoder.decoder.randomness import seeded
from napari_cortex_decoder.errors import EvaluationError
from napari_cortex_decoder.evaluation.cohort import N_ROIS, RoiCohort, RoiSession
from napari_cortex_decoder.evaluation.protocol import REFERENCE, ROWS, Effort, Pair, Row
from napari_cortex_decoder.evaluation.scores import ModelScore, score_model
from napari_cortex_decoder.files import scratch
from napari_cortex_decoder.progress import unheard
from napari_cortex_decoder.training import Stage, TrainingConfig
from napari_cortex_decoder.training.examples import CachedArray, Examples
from napari_cortex_decoder.training.fitting import fit_stage
from napari_cortex_decoder.training.stages import unvaried

FRAME_RATE = 30.0
LABEL_SMOOTHING = 0.001
BATCH_SIZE = 256

_TESTED_AT_ONCE = 2048
_ABLATION_STRIDE = 15


class RoiModels:
    """The models of one row, each of one pair of mice."""

    def __init__(
        self, row: Row, cohort: RoiCohort, effort: Effort, *, seed: int, compute: Compute
    ) -> None:
        assert row.recurrent
        areas = tuple(f"ROI {i} {'L' if i <= N_ROIS // 2 else 'R'}" for i in range(1, N_ROIS + 1))
        self._row = row
        self._effort = effort
        self._seed = seed
        self._compute = compute
        self._config = RoiRnnConfig(
            recurrent=row.recurrent,
            window=Window(past=row.half_window, future=row.half_window),
            frame_rate=FRAME_RATE,
            preprocessing=TracePreprocessing(
                areas=areas,
                atlas="ajioka-50",
                detrend_seconds=DETREND_SECONDS if row.detrended else None,
            ),
        )
        rng = np.random.default_rng(seed)
        self.traces: dict[str, list[Singles]] = {}
        self.labels: dict[str, list[Ints]] = {}
        for mouse, sessions in cohort.items():
            self.traces[mouse] = [
                self._prepare(session, f"mouse {mouse}, session {number}")
                for number, session in enumerate(sessions, start=1)
            ]
            labels = [session.running for session in sessions]
            self.labels[mouse] = _permuted(labels, rng, mouse) if row.null else labels

    def _prepare(self, session: RoiSession, where: str) -> Singles:
        traces = preprocess_traces(session.traces, self._config.preprocessing, FRAME_RATE, where)
        if self._row.rois is not None:
            left = np.zeros(N_ROIS, np.float32)
            left[np.array(self._row.rois) - 1] = 1
            traces = traces * left  # after scaling, as in the paper
        return traces

    def score(self, pair: Pair) -> ModelScore:
        """Train on all mice but two, and score the one kept for testing."""
        network = self._train(pair).eval()
        traces = self.traces[pair.test]
        half = self._row.half_window  # only frames that have a whole window count
        running = np.concatenate([v[half : len(v) - half] for v in self.labels[pair.test]])
        lost = []
        if self._row == ROWS[REFERENCE]:
            subset = running[::_ABLATION_STRIDE]
            whole = self._decode(network, traces, stride=_ABLATION_STRIDE)
            base = score_model(whole, subset).auc
            for roi in range(N_ROIS // 2):
                blinded = [_blind(each, (roi, roi + N_ROIS // 2)) for each in traces]
                without = self._decode(network, blinded, stride=_ABLATION_STRIDE)
                lost.append(base - score_model(without, subset).auc)
        return score_model(self._decode(network, traces), running, pair, lost)

    def _train(self, pair: Pair) -> nn.Module:
        stage = Stage(
            kind="windows",
            epochs=self._effort.epochs,
            batch_size=BATCH_SIZE,
            stride=self._effort.stride,
            learning_rate=self._effort.learning_rate,
            weight_decay=0.0,
        )
        config = TrainingConfig(
            decoder=self._config,
            stages=(stage,),
            seed=self._seed,
            label_smoothing=LABEL_SMOOTHING,
            calibrate=False,
        )
        training = [mouse for mouse in self.traces if mouse not in pair]
        offsets = np.arange(-self._row.half_window, self._row.half_window + 1)
        with scratch() as folder:
            learned, decided = (
                Examples(self._cached(mice, folder), offsets, stride=self._effort.stride)
                for mice in (training, [pair.validation])
            )
            with seeded(self._seed):
                network = build_network(self._config)
                fit_stage(
                    network,
                    stage,
                    config,
                    learned,
                    decided,
                    unvaried,
                    folder / "fit.ckpt",
                    self._compute,
                    seed=self._seed,
                    report=unheard,
                    begin=lambda _: None,
                )
        return network.cpu()

    def _cached(self, mice: Sequence[str], folder: Path) -> list[CachedArray]:
        cached = []
        for mouse in mice:
            for i, (traces, labels) in enumerate(
                zip(self.traces[mouse], self.labels[mouse], strict=True)
            ):
                file = folder / f"{mouse}-{i}.npy"
                np.save(file, traces)
                cached.append(CachedArray(file, labels, 0, len(labels)))
        return cached

    @torch.inference_mode()
    def _decode(
        self, network: nn.Module, sessions: Sequence[Singles], *, stride: int = 1
    ) -> Singles:
        """Return P(run) of every `stride`-th pooled frame that has a whole window."""
        windows = [
            torch.from_numpy(each).unfold(0, 2 * self._row.half_window + 1, 1).transpose(1, 2)
            for each in sessions
        ]
        results, before = [], 0
        for each in windows:
            own = torch.arange(-before % stride, len(each), stride)
            for part in own.split(_TESTED_AT_ONCE) if len(own) else ():
                results.append(probabilities(network(each[part]))[:, 1])
            before += len(each)
        return np.asarray(torch.cat(results).numpy())


def _permuted(labels: Sequence[Ints], rng: np.random.Generator, mouse: str) -> list[Ints]:
    """Exchange the labels of each session for those of another one of the same mouse."""
    lengths = {len(each) for each in labels}
    if len(labels) < 2 or len(lengths) > 1:
        raise EvaluationError(
            f"mouse {mouse} has {len(labels)} sessions of {sorted(lengths)} frames; null labels "
            "need two or more of one length: leave out the row 'null'."
        )
    order = rng.permutation(len(labels))
    # each takes those of the next one in a random circle, so none keeps its own
    following = dict(zip(order, np.roll(order, -1), strict=True))
    return [labels[following[i]] for i in range(len(labels))]


def _blind(traces: Singles, rois: Sequence[int]) -> Singles:
    """Set some ROIs to their mean over the session."""
    blinded = traces.copy()
    blinded[:, list(rois)] = traces[:, list(rois)].mean(axis=0)
    return blinded
