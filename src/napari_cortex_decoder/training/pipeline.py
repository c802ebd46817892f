"""The steps of a training run, from recordings to the decoder file."""

from __future__ import annotations

import datetime
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import nn

from napari_cortex_decoder import __version__
from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.decoder import (
    Calibration,
    Decoder,
    MouseScore,
    Provenance,
    load_decoder,
    make_decoder,
)
from napari_cortex_decoder.decoder.cache.recording_cache import frames_digest
from napari_cortex_decoder.decoder.config import ImageConfig
from napari_cortex_decoder.decoder.learned_frames import said_of_learning
from napari_cortex_decoder.decoder.networks import Cnn, CnnRnn, build_network
from napari_cortex_decoder.decoder.randomness import seeded
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.files import remove_file, write_json, write_whole
from napari_cortex_decoder.progress import Progress
from napari_cortex_decoder.scoring.calibration import fit_temperature
from napari_cortex_decoder.training.augmentation import vary_images, vary_traces
from napari_cortex_decoder.training.cache import areas_shown_by_all, cache_features, cache_session
from napari_cortex_decoder.training.config import Stage, TrainingConfig
from napari_cortex_decoder.training.examples import CachedArray, Examples, RandomStretch
from napari_cortex_decoder.training.fitting import fit_stage
from napari_cortex_decoder.training.run_folder import TrainingFolder
from napari_cortex_decoder.training.scoring import calibration, decode_mice, score_mice, summarize
from napari_cortex_decoder.training.sessions import Session
from napari_cortex_decoder.training.split import Split
from napari_cortex_decoder.training.stages import Variation, feature_noise
from napari_cortex_decoder.training.starting import load_weights, prepare_encoder


class Pipeline:
    """The steps of one training; what is on disk already is not done again.

    `cache` is a folder for what recordings are read into; None: one in the run folder.
    """

    def __init__(
        self,
        folder: TrainingFolder,
        config: TrainingConfig,
        sessions: Sequence[Session],
        split: Split,
        compute: Compute,
        cache: Path | None,
    ) -> None:
        self._folder = folder
        self._config = config
        self._sessions = sessions
        self._split = split
        self._compute = compute
        self._cached_file = folder.cached_file if cache is None else cache.joinpath
        self._stages = config.usual_stages
        self._phases = _phases(self._stages)
        self._started = time.monotonic()
        earlier = folder.progress()
        self._seconds_before = float(earlier[-1].details["seconds"]) if earlier else 0.0

    def finish(self) -> None:
        """Train, calibrate, score and save."""
        network = self.train_network()
        name = self._folder.path.name
        decoder = self._as_saved(make_decoder(self._decoder_config, network, name=name))
        compute = self._compute
        temperature = 1.0
        if self._config.calibrate:
            deciding = self._of(self._split.validation)
            mice = decode_mice(decoder, deciding, compute=compute)
            temperature = fit_temperature(
                np.concatenate([mouse.probability for mouse in mice]),
                np.concatenate([mouse.labels for mouse in mice]),
            )
        calibrated = decoder.config.model_copy(update={"temperature": temperature})
        decoder = make_decoder(calibrated, decoder.network, name=name)
        mice = decode_mice(
            decoder, self._of(self._split.test), compute=compute, report=partial(self._tell, 0)
        )
        held_out, reliability = score_mice(mice), calibration(mice)
        metrics = {
            "temperature": temperature,
            "summary": summarize(held_out),
            "mice": [score.model_dump() for score in held_out],
            "calibration": reliability.model_dump() if reliability else None,
        }
        write_json(self._folder.metrics_file, metrics, TrainingError)
        card = self._card(held_out, reliability)
        described = calibrated.model_copy(update={"provenance": card})
        make_decoder(described, decoder.network, name=name).save(
            self._folder.decoder_file, half_precision=self._config.half_precision
        )

    def _as_saved(self, decoder: Decoder) -> Decoder:
        """Round the weights as the file will, so that scores are those of the file."""
        if not self._config.half_precision:
            return decoder
        rounded = self._folder.place("checkpoints/rounded.safetensors")
        decoder.save(rounded, half_precision=True)
        return load_decoder(rounded)

    def _card(
        self, held_out: tuple[MouseScore, ...], reliability: Calibration | None
    ) -> Provenance:
        """Complete the model card."""
        given = self._config.decoder.provenance
        settings = _flat(self._config.model_dump(mode="json", exclude={"decoder"}))
        if self._config.encoder_from:  # a path says nothing elsewhere, and tells about this disk
            settings["encoder_from"] = f"SHA-256 {load_decoder(self._config.encoder_from).hash}"
        if not given.simulated:  # nobody will open a mouse that was drawn for a training
            split = self._split
            learned = self._of((*split.training, *split.head))
            digests = [frames_digest(session.load().recording) for session in learned]
            settings |= said_of_learning({}, digests, [()] * len(digests))
        return given.model_copy(
            update={
                "trained_on": given.trained_on or self._describe(),
                "software": (
                    f"napari-cortex-decoder {__version__}, torch {torch.__version__}, "
                    f"Python {platform.python_version()}"
                ),
                "created": datetime.datetime.now(datetime.UTC).date().isoformat(),
                "settings": settings,
                "metrics": summarize(held_out),
                "held_out": held_out,
                "calibration": reliability,
            }
        )

    def train_network(self) -> nn.Module:
        """Run the stages that are not finished yet."""
        with seeded(self._config.seed):
            return self._train_stages()

    def _train_stages(self) -> nn.Module:
        cached = self._read()
        network = build_network(self._decoder_config)
        if isinstance(network, Cnn | CnnRnn):
            prepare_encoder(network.cnn, self._config)
        done = [
            number
            for number, stage in enumerate(self._stages, start=1)
            if self._folder.stage_file(number, stage.kind).exists()
        ]
        if done:
            file = self._folder.stage_file(done[-1], self._stages[done[-1] - 1].kind)
            load_weights(network, file)
        for number, stage in enumerate(self._stages, start=1):
            if number > max(done, default=0):
                self._fit(number, stage, network, cached)
        return network

    def _read(self) -> dict[str, CachedArray]:
        """Read every recording that is learned from or decided by."""
        self._decoder_config = self._config.decoder
        if not isinstance(self._decoder_config, ImageConfig) and self._config.all_areas:
            self._decoder_config = areas_shown_by_all(self._decoder_config, self._sessions)
        mice = {*self._split.training, *self._split.head, *self._split.validation}
        wanted = [session for session in self._sessions if session.subject in mice]
        cached = {}
        for done, session in enumerate(wanted, start=1):
            cached[session.name] = cache_session(session, self._decoder_config, self._cached_file)
            self._tell(0, Progress("reading", done, len(wanted)))
        return cached

    def _fit(
        self, number: int, stage: Stage, network: nn.Module, cached: dict[str, CachedArray]
    ) -> None:
        """Run one stage and leave its weights."""
        config, split = self._decoder_config, self._split
        learning = split.head if number > 1 and split.head else split.training
        seed = self._config.seed * 1000 + number
        shown = [
            {f"{number}-{session.name}": cached[session.name] for session in self._of(mice)}
            for mice in (learning, split.validation)
        ]
        arrays = [[*own.values()] for own in shown]
        stretch = self._stretch(seed)
        part: nn.Module = network
        offsets = np.arange(-config.window.past, config.window.future + 1)
        vary: Variation
        images = config if isinstance(config, ImageConfig) else None
        if images and isinstance(network, CnnRnn) and stage.kind == "features":
            part, vary = network.head, partial(feature_noise, share=stage.feature_noise)
            arrays = [
                cache_features(
                    network.cnn,
                    own,
                    self._folder.cached_file,
                    images,
                    copies=n_copies,
                    augmentation=self._config.augmentation,
                    stretch=stretch,
                    seed=seed,
                    compute=self._compute,
                    report=partial(self._tell, number),
                )
                for own, n_copies in zip(shown, (stage.copies, 1), strict=True)
            ]
            stretch = None  # each copy had its own
        elif images and isinstance(network, Cnn | CnnRnn):
            channels = np.asarray(images.preprocessing.channel_offsets)
            vary = partial(vary_images, by=self._config.augmentation)
            if stage.kind == "frames":
                part, offsets = network.cnn, channels
            else:
                offsets = offsets[:, None] + channels
        else:
            vary = partial(vary_traces, by=self._config.augmentation)
        training = Examples(arrays[0], offsets, stride=stage.stride, stretch=stretch)
        validation = Examples(arrays[1], offsets, stride=stage.stride)
        _check_behaviors(training, config.behaviors, "training", learning)
        _check_behaviors(validation, config.behaviors, "validation", split.validation)
        fit_stage(
            part,
            stage,
            self._config,
            training,
            validation,
            vary,
            self._folder.checkpoint_file(number, stage.kind),
            self._compute,
            seed=seed,
            report=partial(self._tell, number),
            begin=partial(self._folder.forget_after, self._phases.index((stage.kind, number)) + 1),
        )
        if int(os.environ.get("LOCAL_RANK", "0")) == 0:
            weights = {name: t.contiguous() for name, t in network.state_dict().items()}
            write_whole(
                self._folder.stage_file(number, stage.kind),
                save(weights),
                TrainingError,
                overwrite=True,
            )
            remove_file(self._folder.checkpoint_file(number, stage.kind))

    def _stretch(self, seed: int) -> RandomStretch | None:
        """Say how recordings are normalized anew in each epoch."""
        config = self._decoder_config
        shortest = round(self._config.statistics_seconds * config.frame_rate)
        if not shortest or config.preprocessing.causal:
            return None
        if isinstance(config, ImageConfig):
            scaling = "mean" if config.preprocessing.scale == "movie-sd" else "sd"
        else:
            scaling = config.preprocessing.scaling
        return RandomStretch(shortest, seed, scaling)

    def _of(self, mice: Sequence[str]) -> list[Session]:
        return [session for session in self._sessions if session.subject in mice]

    def _describe(self) -> str:
        split, rate = self._split, self._config.decoder.frame_rate
        mice = len(split.training) + len(split.head)
        sessions = len(self._of((*split.training, *split.head)))
        return (
            f"{sessions} sessions of {mice} mice at {rate:g} Hz; stopped by "
            f"{len(split.validation)} others, scored on {len(split.test)} that no training saw"
        )

    def _tell(self, number: int, event: Progress) -> None:
        """Add to the progress; `number` is that of the stage, 0 for none."""
        seconds = round(self._seconds_before + time.monotonic() - self._started, 2)
        phase = self._phases.index((event.stage, number)) + 1
        place = {"phase": phase, "phases": len(self._phases)}
        self._folder.tell(replace(event, details={**place, **event.details, "seconds": seconds}))


def _phases(stages: Sequence[Stage]) -> list[tuple[str, int]]:
    """Name all that takes time in a run, in order, each with the number of its stage."""
    phases = [("reading", 0)]
    for number, stage in enumerate(stages, start=1):
        if stage.kind == "features":
            phases.append(("encoding", number))
        phases.append((stage.kind, number))
    return [*phases, ("scoring", 0)]


def _check_behaviors(
    examples: Examples, behaviors: tuple[str, ...], part: str, mice: Sequence[str]
) -> None:
    """Refuse to learn from, or to decide by, mice that do not do everything."""
    counts = np.bincount(examples.labels, minlength=len(behaviors))
    missing = [name for name, count in zip(behaviors, counts, strict=True) if not count]
    if missing:
        raise TrainingError(
            f"the {part} mice ({', '.join(mice)}) never show {missing[0]!r} in a frame that has a "
            f"whole window; take other mice (split.{part}) or leave out that behavior."
        )


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, str | int | float | bool | None]:
    """Write nested settings as dotted names."""
    flat: dict[str, str | int | float | bool | None] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for number, item in enumerate(value, start=1):
                flat |= _flat(item, f"{prefix}{name}.{number}.")
        else:
            flat[prefix + name] = ", ".join(map(str, value)) if isinstance(value, list) else value
    return flat
