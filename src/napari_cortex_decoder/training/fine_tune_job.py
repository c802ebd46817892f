"""One fine-tune from recordings and labels: checked before anything is computed, then read."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.decoder import Decoder
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.training.held_out import HeldOut, held_out_masks, training_mask
from napari_cortex_decoder.training.label_checks import Depth, plan
from napari_cortex_decoder.training.tune_progress import TuneProgress
from napari_cortex_decoder.training.tune_result import FineTuneResult
from napari_cortex_decoder.training.tune_task import Asked, TuneTask, labels_hash, save_task

Stopped = Callable[[], bool]


class FineTuneJob:
    """One fine-tune; parameters as of `fine_tune`.

    Attributes
    ----------
    asked
        What it comes to.

    Raises
    ------
    TrainingError, FrameRateError, RecordingError, DeviceError
        If the labels are not enough, a recording does not suit the decoder, or there is no such
        device.
    """

    def __init__(
        self,
        base: Decoder,
        labelled: Sequence[tuple[Recording, Ethogram]],
        depth: Depth,
        held_out: Sequence[HeldOut] | None,
        device: str,
        seed: int,
        name: str | None,
    ) -> None:
        from napari_cortex_decoder.decoder.engine import select_device

        select_device(device)  # refused before anything is written
        self._base = base
        self._recordings = [recording for recording, _ in labelled]
        planned = plan(base.config, base.name, labelled, depth, held_out)
        self._labels = planned.labels
        self.asked = Asked(
            name=name or f"{base.name}-tuned",
            depth=depth,
            seed=seed,
            device=device,
            base=base.name,
            base_sha256=base.hash,
            behaviors=planned.behaviors,
            gap=planned.gap,
            held_out=tuple((b.recording, b.start, b.stop) for b in planned.held_out),
            recordings=tuple(recording.name for recording in self._recordings),
            labels_sha256=labels_hash(planned.labels),
            simulated=all(recording.format == "simulation" for recording in self._recordings),
        )
        measured = held_out_masks(planned.labels, planned.held_out)
        learns = training_mask(planned.labels, planned.held_out, planned.gap)
        for which, masks in (("learned from", learns), ("held out", measured)):
            self._check_part(which, masks)
        if depth == "end-to-end":
            from napari_cortex_decoder.training.end_to_end import decision

            decision(learns, planned.gap)  # refused before minutes of encoding

    def _check_part(self, which: str, masks: Sequence[NDArray[np.bool_]]) -> None:
        """Refuse what can be measured or learned only in part."""
        values = np.concatenate([v[m] for v, m in zip(self._labels, masks, strict=True)])
        for place, behavior in enumerate(self.asked.behaviors):
            if not (values == place).any():
                raise TrainingError(
                    f"no frame of {behavior!r} is left among those that are {which}: label "
                    "more bouts of it, further apart."
                )

    def run(self, tell: Callable[[TuneProgress], None], cancelled: Stopped) -> FineTuneResult:
        """Read what is not read yet, fit, calibrate, score: in this process."""
        from napari_cortex_decoder.training.tune_fit import fit_task

        began = time.perf_counter()
        task = TuneTask(self.asked, self._base, self._labels, self._features(tell, cancelled))
        encoded = time.perf_counter() - began
        result = fit_task(task, tell, cancelled)
        result.seconds["encoding"] = encoded
        return result

    def prepare(
        self, folder: Path, tell: Callable[[TuneProgress], None], cancelled: Stopped
    ) -> None:
        """Leave in a folder all that another process needs to fit."""
        from napari_cortex_decoder.training.features import write_frames
        from napari_cortex_decoder.training.tune_task import array_file

        features = self._features(tell, cancelled)
        for number, recording in enumerate(self._recordings):
            write_frames(
                self._base,
                recording,
                array_file(folder, "frames", number),
                self._reading(number, tell, cancelled),
            )
        save_task(folder, TuneTask(self.asked, self._base, self._labels, features))

    def _features(
        self, tell: Callable[[TuneProgress], None], cancelled: Stopped
    ) -> list[NDArray[np.float16]]:
        from napari_cortex_decoder.training.features import recording_features

        return [
            recording_features(
                self._base,
                recording,
                device=self.asked.device,
                tell=self._reading(number, tell, cancelled),
            )
            for number, recording in enumerate(self._recordings)
        ]

    def _reading(
        self, number: int, tell: Callable[[TuneProgress], None], cancelled: Stopped
    ) -> Callable[[int, int], None]:
        """Give what is told of one recording, as a share of all."""
        lengths = [recording.n_frames for recording in self._recordings]
        before, total = sum(lengths[:number]), sum(lengths)

        def told(done: int, _: int) -> None:
            if cancelled():
                raise TrainingError("the fine-tune was cancelled before anything was learned.")
            tell(TuneProgress("encoding", before + done, total))

        return told
