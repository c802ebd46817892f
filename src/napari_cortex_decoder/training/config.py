"""What a training run is asked to do: everything that its result depends on but the data."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import tomli_w
from pydantic import Field, ValidationError, model_validator

from napari_cortex_decoder.decoder.config import (
    CnnConfig,
    CnnRnnConfig,
    DecoderConfig,
    TemporalCnnConfig,
)
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.files import read_bytes
from napari_cortex_decoder.reading import reads
from napari_cortex_decoder.settings import Frozen

Fraction = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=100_000)]


class Augmentation(Frozen):
    """How far an example may be taken from what the camera saw; all 0 and no mirror: not at all.

    Attributes
    ----------
    shift
        Largest shift along each axis, as a share of the image's edge. Images only.
    rotation
        Largest rotation in degrees, either way. Images only.
    zoom
        Largest relative change of scale, either way. Images only.
    mirror
        Whether left and right may be swapped: the cortex is symmetric, and so is running. Images
        only.
    gain
        SD of the logarithm of a factor on the whole example (expression, window clarity).
    noise
        SD of white noise, as a share of the example's own SD.
    """

    shift: Annotated[float, Field(ge=0, le=0.5)] = 0.06
    rotation: Annotated[float, Field(ge=0, le=180)] = 8.0
    zoom: Annotated[float, Field(ge=0, le=0.5)] = 0.08
    mirror: bool = True
    gain: Annotated[float, Field(ge=0, le=2)] = 0.25
    noise: Annotated[float, Field(ge=0, le=10)] = 0.2


class Stage(Frozen):
    """One fit, from the weights that the one before it left.

    Attributes
    ----------
    kind
        ``"frames"``: the CNN and its own classifier learn from single images (the paper's stage
        1). ``"features"``: the recurrent head learns from windows of features, which the CNN, now
        fixed, gives once for each frame ("Fix" in the paper's code). ``"windows"``: the whole
        network learns from windows of images ("nonFix") or of area traces: end to end.
    epochs
        Passes over the examples.
    batch_size
        Examples a step, on each device.
    stride
        Take every `stride`-th frame: neighbors are near-copies.
    learning_rate
        The highest of the schedule.
    schedule
        ``"one-cycle"`` (Smith & Topin 2019; the paper's) or ``"cosine"``.
    weight_decay
        AdamW's; with 0 it is Adam.
    patience
        Stop after so many epochs in a row without a lower loss on the validation mice; 0 for
        never. Whatever it is, the weights of the lowest validation loss are kept.
    copies
        Stage ``"features"``: how many variations of each recording are encoded. The first is
        the recording as it is; each further one has a pose, a gain and session statistics of its
        own.
    feature_noise
        Stage ``"features"``: SD of noise on the features, as a share of each one's SD.
    """

    kind: Literal["frames", "features", "windows"]
    epochs: Annotated[int, Field(ge=1, le=10_000)] = 3
    batch_size: Annotated[int, Field(ge=2, le=65_536)] = 64
    stride: Annotated[int, Field(ge=1, le=10_000)] = 1
    learning_rate: Positive = 1e-3
    schedule: Literal["one-cycle", "cosine"] = "one-cycle"
    weight_decay: Annotated[float, Field(ge=0, le=10)] = 0.01
    patience: Count = 0
    copies: Annotated[int, Field(ge=1, le=100)] = 1
    feature_noise: Annotated[float, Field(ge=0, le=10)] = 0.1


class SplitRule(Frozen):
    """Which mice do what; a mouse does one thing only, and frames are never split at random.

    Attributes
    ----------
    validation, test
        How many mice, drawn by the seed, or which, by name. Validation mice decide when to stop,
        which weights to keep and the temperature; test mice only give the metrics.
    head
        How many mice, or which, are kept for the stages after the first: a CNN is surer of the
        mice it has learned from than of the next one. None: all stages learn from all.
    """

    validation: Count | tuple[str, ...] = 1
    test: Count | tuple[str, ...] = 1
    head: Count | tuple[str, ...] = 0


_IMAGE_STAGES = Stage(kind="frames", stride=6), Stage(kind="features", batch_size=128)
_TRACE_STAGES = (Stage(kind="windows", epochs=30, batch_size=256, weight_decay=0.0, patience=5),)


class TrainingConfig(Frozen):
    """A training run.

    Attributes
    ----------
    decoder
        What is trained: architecture, behaviors, window, preprocessing. Its `temperature` is set
        by the run, its `provenance` completed.
    seed
        The same seed, data and software on the CPU give the same decoder.
    all_areas
        Whether an area decoder that names no areas takes all that every registration of the cohort
        shows; else it takes the mean of the whole frame.
    split
        Which mice do what.
    stages
        Fits in their order; none: the usual ones of the architecture.
    augmentation
        Variation of training examples.
    statistics_seconds
        In each epoch a training recording is normalized by the statistics of a random stretch of
        at least so many seconds, so that short recordings decode too; 0: always of the whole.
        No matter for running statistics.
    class_weights
        ``"balanced"``: each behavior counts as much as any other, however rare.
    label_smoothing
        Share of certainty taken from each label (the paper's ROI decoder: .001).
    run_speed
        Where labels are made from speed: above so many cm/s the mouse runs.
    precision
        Lightning's: ``"32-true"``, ``"bf16-mixed"`` or ``"16-mixed"`` (a GPU's).
    encoder_from
        Decoder (bundled name or file) whose CNN is the beginning; empty: random weights.
    half_precision
        Whether the decoder is saved, and scored, as float16: half the size, and probabilities that
        differ in the third or fourth digit.
    calibrate
        Whether a temperature is fitted on the validation mice (Guo et al. 2017).
    """

    decoder: DecoderConfig = CnnRnnConfig()
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    all_areas: bool = True
    split: SplitRule = SplitRule()
    stages: tuple[Stage, ...] = ()
    augmentation: Augmentation = Augmentation()
    statistics_seconds: Annotated[float, Field(ge=0, le=36_000)] = 10.0
    class_weights: Literal["none", "balanced"] = "none"
    label_smoothing: Fraction = 0.0
    run_speed: Annotated[float, Field(ge=0, le=1000)] = 0.5
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    encoder_from: str = ""
    half_precision: bool = False
    calibrate: bool = True

    @model_validator(mode="after")
    def _check(self) -> Self:
        decoder, kinds = self.decoder, [stage.kind for stage in self.stages]
        if isinstance(decoder, CnnConfig):
            allowed = {"frames"}
        elif isinstance(decoder, CnnRnnConfig):
            allowed = {"frames", "features", "windows"}
        else:
            allowed = {"windows"}
            if self.split.head or self.encoder_from:
                raise ValueError(
                    f"split.head and encoder_from are about a CNN, which {decoder.architecture} "
                    "has not"
                )
            if isinstance(decoder, TemporalCnnConfig) and decoder.mixtures:
                raise ValueError(
                    "mixtures are of whole recordings, and training shows windows; set mixtures "
                    "to 0, or fine-tune the bundled run-rest-cortex"
                )
        if unfit := sorted(set(kinds) - allowed):
            raise ValueError(
                f"stage {unfit[0]!r} is none of {decoder.architecture}; use {sorted(allowed)}"
            )
        if isinstance(decoder, CnnRnnConfig) and kinds and kinds[-1] == "frames":
            raise ValueError("the last stage trains no head; add 'features' or 'windows'")
        if self.split.head and len(self.usual_stages) < 2:
            raise ValueError("split.head keeps mice for a second stage, and there is one stage")
        return self

    @property
    def usual_stages(self) -> tuple[Stage, ...]:
        """The stages asked for, or the usual ones of the architecture."""
        if self.stages:
            return self.stages
        if isinstance(self.decoder, CnnConfig):
            return _IMAGE_STAGES[:1]
        if isinstance(self.decoder, CnnRnnConfig):
            return _IMAGE_STAGES[1:] if self.encoder_from else _IMAGE_STAGES
        return _TRACE_STAGES


@reads("the settings of a training", TrainingError, remedy="correct it")
def read_config(path: str | Path) -> TrainingConfig:
    """Read a configuration from a TOML or JSON file.

    Raises TrainingError, which names the field, if one is unknown or impossible, or if the file
    cannot be read.
    """
    path = Path(path)
    content = read_bytes(path, TrainingError)
    try:
        data = json.loads(content) if path.suffix == ".json" else tomllib.loads(content.decode())
    except (ValueError, RecursionError) as reason:
        kind = "JSON" if path.suffix == ".json" else "TOML"
        raise TrainingError(f"{path} is not {kind} ({reason}); correct it there.") from reason
    return parse_config(data, str(path))


def parse_config(data: Any, where: str) -> TrainingConfig:
    """Check a configuration; `where` names its file in a refusal.

    Raises TrainingError if a field is unknown or impossible; names it.
    """
    try:
        return TrainingConfig.model_validate(data)
    except ValidationError as reason:
        first = reason.errors(include_url=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "the configuration"
        said = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            said = "there is no such setting"
        raise TrainingError(
            f"{where}: {field}: {said}; `cortex-decoder train --print-config` shows all settings."
        ) from reason


def as_toml(config: TrainingConfig) -> str:
    """Write a configuration as TOML that `read_config` reads; nothing set is None in TOML."""
    data = config.model_dump(
        mode="json",
        exclude={"decoder": {"provenance", "format_version", "temperature"}},
        exclude_none=True,
    )
    stages = [stage.model_dump(mode="json") for stage in config.usual_stages]
    return tomli_w.dumps(data | {"stages": stages})
