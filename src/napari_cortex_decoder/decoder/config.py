"""What a decoder is, apart from its tensors: everything the header of its file carries."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

FORMAT_VERSION = 1
"""Version of the decoder file; a file with a higher one is refused."""


BehaviorName = Annotated[
    str, StringConstraints(min_length=1, max_length=50, pattern=r"^\w[^\p{C}]*$")
]
"""A behaviour's name: printable, because it goes to screens, tables and file headers."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Window(_Frozen):
    """The images one prediction sees: `past` before frame t, t itself, `future` after it.

    The default is the paper's: 11 images, t − 5 … t + 5 (Ajioka et al. 2024).
    """

    past: Annotated[int, Field(ge=0, le=1000)] = 5
    future: Annotated[int, Field(ge=0, le=1000)] = 5

    @property
    def length(self) -> int:
        """Number of images."""
        return self.past + 1 + self.future


class Preprocessing(_Frozen):
    """How raw frames become the images that the encoder sees.

    Attributes
    ----------
    image_size
        Rows and columns of an image in pixels; frames of another size are resampled. Multiples
        of 32, because the encoder halves five times.
    channel_offsets
        Frames that make up the three channels of image t, relative to t.
    scale
        What the centred frame is divided by: ``"movie-sd"``, one standard deviation of the whole
        raw stack, as the paper does (dominated by brightness over space: images are of order
        0.02); or ``"centered-sd"``, one standard deviation of the stack after each pixel's mean
        was taken away (images are of order 1).
    """

    image_size: tuple[int, int] = (128, 128)
    channel_offsets: tuple[int, int, int] = (-1, 0, 1)
    scale: Literal["movie-sd", "centered-sd"] = "movie-sd"

    @model_validator(mode="after")
    def _check(self) -> Preprocessing:
        if any(size < 32 or size > 1024 or size % 32 for size in self.image_size):
            raise ValueError(f"image_size {self.image_size} must be multiples of 32 up to 1024")
        first, _, last = self.channel_offsets
        if list(self.channel_offsets) != sorted(set(self.channel_offsets)) or not (
            -100 <= first <= 0 <= last <= 100
        ):
            raise ValueError(
                f"channel_offsets {self.channel_offsets} must increase and lie around 0, "
                "at most 100 frames from it"
            )
        return self


class Provenance(_Frozen):
    """Where a decoder comes from and what may be said of it.

    Attributes
    ----------
    simulated
        Whether it learned from simulated mice; every place that shows the decoder says so.
    summary
        One sentence for the decoder chooser.
    trained_on
        The data, in words: mice, sessions, minutes, frame rate.
    software
        Versions that made it.
    created
        ISO date.
    settings
        Settings of the training run, for the record.
    metrics
        Scores by name, on mice that no training saw.
    """

    simulated: bool = False
    summary: str = ""
    trained_on: str = ""
    software: str = ""
    created: str = ""
    settings: dict[str, str | int | float | bool | None] = Field(default_factory=dict)
    metrics: dict[str, float] = Field(default_factory=dict)


class DecoderConfig(_Frozen):
    """Architecture, behaviours, window, preprocessing and provenance of one decoder.

    Attributes
    ----------
    behaviors
        Names, in the order of the columns of a prediction. Two behaviours share one logit, that
        of the second (the paper's rest | run); more have one each.
    frame_rate
        Frames a second (Hz) that it learned from.
    recurrent
        Kind of recurrent layer.
    """

    format_version: Literal[1] = 1
    architecture: Literal["cnn-rnn"] = "cnn-rnn"
    behaviors: Annotated[tuple[BehaviorName, ...], Field(min_length=2, max_length=100)] = (
        "rest",
        "run",
    )
    frame_rate: Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)] = 30.0
    window: Window = Window()
    preprocessing: Preprocessing = Preprocessing()
    recurrent: Literal["gru", "lstm", "rnn"] = "gru"
    hidden_size: Annotated[int, Field(ge=1, le=4096)] = 128
    n_layers: Annotated[int, Field(ge=1, le=8)] = 2
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    provenance: Provenance = Provenance()

    @model_validator(mode="after")
    def _check(self) -> DecoderConfig:
        if len(set(self.behaviors)) != len(self.behaviors):
            raise ValueError(f"behaviors {self.behaviors} repeat a name")
        return self

    @property
    def n_logits(self) -> int:
        """Outputs of the network: one for two behaviours, else one each."""
        return 1 if len(self.behaviors) == 2 else len(self.behaviors)

    @property
    def frames_before(self) -> int:
        """Raw frames before t that a prediction at t needs."""
        return self.window.past - self.preprocessing.channel_offsets[0]

    @property
    def frames_after(self) -> int:
        """Raw frames after t that a prediction at t needs; 0 = causal."""
        return self.window.future + self.preprocessing.channel_offsets[-1]
