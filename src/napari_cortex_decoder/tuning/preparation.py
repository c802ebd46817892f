"""One fine-tune from recordings and labels: checked before anything is computed, then read."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.arrays import Bools
from napari_cortex_decoder.choices import Depth
from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.decoder import Decoder, load_decoder
from napari_cortex_decoder.decoder.config import TraceConfig
from napari_cortex_decoder.decoder.suitability import reads_rate
from napari_cortex_decoder.decoder.trace_decoder import reads_traces
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.progress import Report
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.runs import RunFolder
from napari_cortex_decoder.tuning.held_out import HeldOut, held_out_masks, training_mask
from napari_cortex_decoder.tuning.label_checks import plan
from napari_cortex_decoder.tuning.result import FineTuneResult
from napari_cortex_decoder.tuning.task import (
    Asked,
    TuneTask,
    array_name,
    labels_hash,
    recordings_hash,
    save_task,
)

AREA_DECODER = "run-rest-areas"
"""The bundled decoder whose head is a candidate beside a base of images."""


class Preparation:
    """One fine-tune; parameters and errors as of `fine_tune`. `asked` is what they come to."""

    def __init__(
        self,
        decoder: Decoder | str | Path,
        labelled: Sequence[tuple[Recording, Ethogram]],
        depth: Depth,
        held_out: Sequence[HeldOut] | None,
        compute: Compute,
        seed: int,
        name: str | None,
    ) -> None:
        from napari_cortex_decoder.decoder.cache.recording_cache import frames_digest
        from napari_cortex_decoder.decoder.engine.area_places import locate_areas
        from napari_cortex_decoder.decoder.engine.devices import select_device

        if find_spec("sklearn") is None:
            raise TrainingError(
                "fine-tuning needs scikit-learn, which is not installed; "
                "pip install 'napari-cortex-decoder[train]'."
            )
        base = decoder if isinstance(decoder, Decoder) else load_decoder(decoder)
        select_device(compute)  # refused before anything is written
        self._base = base
        self._recordings = [recording for recording, _ in labelled]
        planned = plan(base.config, base.name, labelled, depth, held_out)
        if isinstance(base.config, TraceConfig):
            for recording in self._recordings:
                locate_areas(base.config.preprocessing, recording, None)
        self._labels = planned.labels
        self.asked = Asked(
            name=name or f"{base.name}-tuned",
            depth=depth,
            seed=seed,
            compute=compute,
            base=base.name,
            base_sha256=base.hash,
            behaviors=planned.behaviors,
            gap=planned.gap,
            held_out=tuple((b.recording, b.start, b.stop) for b in planned.held_out),
            recordings=tuple(recording.name for recording in self._recordings),
            labels_sha256=labels_hash(planned.labels),
            recordings_sha256=recordings_hash(self._recordings),
            frames_sha256=tuple(map(frames_digest, self._recordings)),
            simulated=all(recording.format == "simulation" for recording in self._recordings),
        )
        self._held_out = planned.held_out
        measured = held_out_masks(planned.labels, planned.held_out)
        self._learns = training_mask(planned.labels, planned.held_out, planned.gap)
        for which, masks in (("learned from", self._learns), ("held out", measured)):
            self._check_part(which, masks)
        if depth == "end-to-end":
            from napari_cortex_decoder.tuning.end_to_end import decision

            decision(self._learns, planned.gap)  # refused before minutes of encoding

    def _check_part(self, which: str, masks: Sequence[Bools]) -> None:
        """Refuse what can be measured or learned only in part."""
        values = np.concatenate([v[m] for v, m in zip(self._labels, masks, strict=True)])
        for place, behavior in enumerate(self.asked.behaviors):
            if not (values == place).any():
                raise TrainingError(
                    f"no frame of {behavior!r} is left among those that are {which}: label "
                    "more bouts of it, further apart."
                )

    def run(self, report: Report) -> FineTuneResult:
        """Read what is not read yet, fit, calibrate, score: in this process."""
        from napari_cortex_decoder.tuning.fit import fit_task

        began = time.perf_counter()
        task = self._task(report)
        encoded = time.perf_counter() - began
        result = fit_task(task, report)
        result.seconds["encoding"] = encoded
        return result

    def prepare(self, folder: RunFolder, report: Report) -> None:
        """Leave in a folder all that another process needs to fit."""
        from napari_cortex_decoder.tuning.features import write_frames

        task = self._task(report)
        for number, recording in enumerate(self._recordings):
            place = folder.place(array_name("frames", number))
            write_frames(task.start, recording, place, self._reading(report, number))
        save_task(folder, task)

    def _task(self, report: Report) -> TuneTask:
        """Read the recordings as the base does, and detrended where that is no worse."""
        from napari_cortex_decoder.tuning.detrended_base import detrended_base, reads_as_well
        from napari_cortex_decoder.tuning.heads import held_out_logits, labeled

        steady = None
        if self.asked.depth not in ("threshold", "linear"):  # nothing is encoded anew for these
            steady = detrended_base(self._base, self._recordings)
        passes = 1 if steady is None else 2
        features = self._features(self._base, report, 0, passes)
        start, before = self._base, held_out_logits(self._base, features, self._held_out)
        if steady is not None:
            others = self._features(steady, report, 1, passes)
            both = [labeled(each, self._labels, self._learns) for each in (others, features)]
            if reads_as_well(self._base, self.asked.behaviors, *both, gap=self.asked.gap):
                start, features = steady, others
        task = TuneTask(self.asked, self._base, start, self._labels, features, before)
        return self._with_traces(task, report) if self.asked.depth in ("linear", "best") else task

    def _with_traces(self, task: TuneTask, report: Report) -> TuneTask:
        """Add what linear filters read, and a bundled decoder of areas that reads it, too."""
        from napari_cortex_decoder.tuning.features import all_area_traces, trace_features

        traces = all_area_traces(self._recordings, lambda number: self._reading(report, number))
        if self.asked.depth == "linear" and not traces.areas:
            raise TrainingError(
                f"{self._recordings[0].name}: linear filters read areas, and nothing says where "
                "they lie; give a registration of the atlas (command line: --registration)."
            )
        task = replace(task, traces=traces)
        if isinstance(self._base.config, TraceConfig) or self._base.config.preprocessing.causal:
            return task
        other = reads_traces(load_decoder(AREA_DECODER))
        wanted, fewest = other.config.preprocessing.areas, other.config.preprocessing.fewest
        shown = [label in traces.areas for label in wanted]
        suits = all(reads_rate(r.known_frame_rate(), other.config) for r in self._recordings)
        if not suits or sum(shown) < (len(wanted) if fewest is None else fewest):
            return task
        read = []
        for recording, values in zip(self._recordings, traces.values, strict=True):
            own = np.full((len(values), len(wanted)), np.nan)
            for column in np.flatnonzero(shown):
                own[:, column] = values[:, traces.areas.index(wanted[column])]
            read.append(trace_features(other, recording, own))
        return replace(task, area_base=other, area_features=read)

    def _features(
        self, decoder: Decoder, report: Report, done: int, passes: int
    ) -> list[NDArray[np.floating]]:
        from napari_cortex_decoder.tuning.features import recording_features

        return [
            recording_features(
                decoder,
                recording,
                compute=self.asked.compute,
                report=self._reading(report, number, done, passes),
            )
            for number, recording in enumerate(self._recordings)
        ]

    def _reading(self, report: Report, number: int, done: int = 0, passes: int = 1) -> Report:
        """Return what is told of one recording in one of some passes, as a share of all."""
        lengths = [recording.n_frames for recording in self._recordings]
        before, total = done * sum(lengths) + sum(lengths[:number]), passes * sum(lengths)
        return lambda event: report(replace(event, done=before + event.done, total=total))
