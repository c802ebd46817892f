"""What a decoder is, apart from its tensors: everything the header of its file carries.

One class an architecture, told apart by `architecture`: a field that an architecture has no use for
cannot be written.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, TypeAdapter, model_validator

from napari_cortex_decoder.decoder.card import Provenance
from napari_cortex_decoder.labels import Cleaning
from napari_cortex_decoder.labels.behaviors import Name
from napari_cortex_decoder.settings import Frozen, Hertz

FORMAT_VERSION = 1
"""Version of the decoder file; a file with a higher one is refused."""

DETREND_SECONDS = 1000 / 30
"""The paper's moving mean: 1000 frames at 30 Hz (Ajioka et al. 2024)."""

AreaLabel = Annotated[
    str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\p{C}\s][^\p{C}]*$")
]
"""Acronym and side of an area, as ``Area.label`` has them: ``"MOs left"``."""

UpToAnHour = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
Size = Annotated[int, Field(ge=1, le=4096)]


class Window(Frozen):
    """The images, or samples of traces, that one prediction sees: `past`, frame t, `future`.

    The default is the paper's CNN-RNN: 11 images, t − 5 … t + 5 (Ajioka et al. 2024).
    """

    past: Annotated[int, Field(ge=0, le=1000)] = 5
    future: Annotated[int, Field(ge=0, le=1000)] = 5

    @property
    def length(self) -> int:
        """Number of images or samples."""
        return self.past + 1 + self.future


class FrameStatistics(Frozen):
    """Over which frames means and spreads are taken."""

    # ``"session"``: over the whole recording, as the paper does; so no prediction is known before
    # its end. ``"running"``: at each frame over the frames up to it, never a later one
    statistics: Literal["session", "running"] = "session"
    # with running statistics: frames of so many seconds at the beginning are used to measure, not
    # to predict from. No matter otherwise
    warm_up_seconds: UpToAnHour = 10.0
    # length of a moving mean that is subtracted; None for none. It is centred with session
    # statistics, and looks only back with running ones
    detrend_seconds: UpToAnHour | None = None

    @property
    def causal(self) -> bool:
        """Whether no later frame has any part in them."""
        return self.statistics == "running"

    def warm_up_frames(self, frame_rate: float) -> int:
        """Frames at the beginning that no prediction is made from; 0 with session statistics."""
        return max(1, round(self.warm_up_seconds * frame_rate)) if self.causal else 0


class Preprocessing(FrameStatistics):
    """How raw frames become the images that the encoder sees."""

    # rows and columns of an image in pixels; frames of another size are resampled. Multiples of 32,
    # because the encoder halves five times
    image_size: tuple[int, int] = (128, 128)
    # frames that make up the three channels of image t, relative to t
    channel_offsets: tuple[int, int, int] = (-1, 0, 1)
    # what the centred frame is divided by: ``"movie-sd"``, one standard deviation of the whole raw
    # stack, as the paper does (dominated by brightness over space: images are of order 0.02); or
    # ``"centered-sd"``, one standard deviation of the stack after each pixel's mean, or its moving
    # mean, was taken away (images are of order 1)
    scale: Literal["movie-sd", "centered-sd"] = "movie-sd"

    @model_validator(mode="after")
    def _check(self) -> Self:
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
        if self.detrend_seconds is not None and self.scale == "movie-sd":
            raise ValueError(
                "scale 'movie-sd' is that of raw frames, and detrended ones are not raw; "
                "take 'centered-sd'"
            )
        return self


class TracePreprocessing(FrameStatistics):
    """How a movie becomes the traces that an area decoder sees.

    The mean of each area over time, detrended and scaled (Ajioka et al. 2024, where detrending is
    worth .063 AUC).
    """

    # acronym and side of each area, in the order of the network's inputs; none for the mean of the
    # whole frame
    areas: Annotated[tuple[AreaLabel, ...], Field(max_length=1000)] = ()
    # name of the atlas whose areas they are, to tell a user which one to place
    atlas: Annotated[str, StringConstraints(max_length=100, pattern=r"^[^\p{C}]*$")] = ""
    detrend_seconds: UpToAnHour | None = DETREND_SECONDS
    # ``"min-max"``: each trace to 0 … 1, as the paper does; ``"sd"``: to mean 0 and SD 1;
    # ``"mean-sd"``: to mean 0, all by the mean of their SDs, so that what changes most still does
    scaling: Literal["min-max", "sd", "mean-sd"] = "min-max"
    # whether each trace is an input twice: as it is before detrending, in the same units, and
    # detrended. So bouts of minutes are seen, and drift is told from them
    beside_raw: bool = False
    # with how many of the areas it makes do; None: it needs all
    fewest: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(set(self.areas)) != len(self.areas):
            raise ValueError("areas repeat a label")
        return self

    @property
    def n_traces(self) -> int:
        """Number of traces: one an area, or one for the whole frame."""
        return len(self.areas) or 1

    @property
    def n_inputs(self) -> int:
        """Numbers of a frame that a network sees."""
        return self.n_traces * (1 + self.beside_raw)


class _Config(Frozen):
    """What all architectures have."""

    format_version: Literal[1] = 1
    # names, in the order of the columns of a prediction. Two behaviours share one logit, that of
    # the second (the paper's rest | run); more have one each
    behaviors: Annotated[tuple[Name, ...], Field(min_length=2, max_length=100)] = ("rest", "run")
    frame_rate: Hertz = 30.0  # frames a second (Hz) that it learned from
    # logits are divided by it before they become probabilities: over 1 makes them less sure
    temperature: Annotated[float, Field(ge=0.01, le=100)] = 1.0
    cleaning: Cleaning = Cleaning()  # how its probabilities become bouts
    provenance: Provenance = Provenance()

    @model_validator(mode="after")
    def _check_behaviors(self) -> Self:
        if len(set(self.behaviors)) != len(self.behaviors):
            raise ValueError(f"behaviors {self.behaviors} repeat a name")
        return self

    @property
    def n_logits(self) -> int:
        """Outputs of the network: one for two behaviours, else one each."""
        return 1 if len(self.behaviors) == 2 else len(self.behaviors)


class CnnConfig(_Config):
    """The paper's first stage: each image by itself."""

    architecture: Literal["cnn"] = "cnn"
    preprocessing: Preprocessing = Preprocessing()

    @property
    def window(self) -> Window:
        """The one image of frame t."""
        return Window(past=0, future=0)

    @property
    def frames_before(self) -> int:
        """Raw frames before t that a prediction at t needs."""
        return -self.preprocessing.channel_offsets[0]

    @property
    def frames_after(self) -> int:
        """Raw frames after t that a prediction at t needs; 0 = causal."""
        return self.preprocessing.channel_offsets[-1]


class CnnRnnConfig(_Config):
    """The paper's decoder: recurrent layers over the features of a window of images.

    `recurrent` is the kind of its layers.
    """

    architecture: Literal["cnn-rnn"] = "cnn-rnn"
    window: Window = Window()
    preprocessing: Preprocessing = Preprocessing()
    recurrent: Literal["gru", "lstm", "rnn"] = "gru"
    hidden_size: Size = 128
    n_layers: Annotated[int, Field(ge=1, le=8)] = 2
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2

    @property
    def frames_before(self) -> int:
        """Raw frames before t that a prediction at t needs."""
        return self.window.past - self.preprocessing.channel_offsets[0]

    @property
    def frames_after(self) -> int:
        """Raw frames after t that a prediction at t needs; 0 = causal."""
        return self.window.future + self.preprocessing.channel_offsets[-1]


class _TraceConfig(_Config):
    """What decoders of area traces have: a window of samples."""

    window: Window = Window(past=15, future=15)
    preprocessing: TracePreprocessing = TracePreprocessing()

    @property
    def frames_before(self) -> int:
        """Frames before t that a prediction at t needs."""
        return self.window.past

    @property
    def frames_after(self) -> int:
        """Frames after t that a prediction at t needs; 0 = causal."""
        return self.window.future

    @property
    def mixes_areas(self) -> bool:
        """Whether areas are mixed by weights that each recording is asked for."""
        return False


class RoiRnnConfig(_TraceConfig):
    """The paper's ROI decoder: one recurrent layer over a window of area traces."""

    architecture: Literal["roi-rnn"] = "roi-rnn"
    # kind of recurrent layer; ``"keras-gru"`` is the cell of the published weights
    # (``reset_after=False``, ``hard_sigmoid``), which torch's GRU cannot hold
    recurrent: Literal["gru", "lstm", "rnn", "keras-gru"] = "gru"
    hidden_size: Size = 32


class TemporalCnnConfig(_TraceConfig):
    """Dilated convolutions over seconds of area traces, at any frame rate, of what areas are seen.

    Traces are brought to `frame_rate` first, and what it says back to the recording's frames. What
    lies beyond the ends is zeros, as are areas that are not shown: every frame is predicted.
    """

    architecture: Literal["temporal-cnn"] = "temporal-cnn"
    frame_rate: Hertz = 10.0
    window: Window = Window(past=63, future=63)
    preprocessing: TracePreprocessing = TracePreprocessing(scaling="sd", beside_raw=True)
    # size. Each block doubles what is seen: the window has 2 · (2ⁿ − 1) + 1 samples
    channels: Size = 64
    n_blocks: Annotated[int, Field(ge=1, le=9)] = 6
    # share of channels that a block leaves out while it learns
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    # signals that areas are mixed into, by weights that each recording is asked for; 0: areas are
    # read as they are, with the same weights in all recordings
    mixtures: Annotated[int, Field(ge=0, le=1024)] = 0

    @model_validator(mode="after")
    def _check_window(self) -> Self:
        how = self.preprocessing
        if self.mixtures and (how.causal or not how.areas or how.scaling != "mean-sd"):
            raise ValueError("mixtures need areas, scaling 'mean-sd' and statistics of the session")
        if self.mixtures and not how.beside_raw:
            raise ValueError("mixtures need traces beside_raw")
        if self.window.length != 2 * (2**self.n_blocks - 1) + 1:
            seen = f"window of {self.window.length} samples"
            raise ValueError(f"{seen} is not what {self.n_blocks} blocks see")
        return self

    @property
    def mixes_areas(self) -> bool:
        """Whether they are."""
        return self.mixtures > 0

    @property
    def frames_before(self) -> int:
        """Frames before t that a prediction at t needs: none."""
        return 0

    @property
    def frames_after(self) -> int:
        """Frames after t that a prediction at t needs: none."""
        return 0


class LinearConfig(_TraceConfig):
    """A baseline: logistic regression on every sample of a window of traces."""

    architecture: Literal["linear"] = "linear"


ImageConfig = CnnConfig | CnnRnnConfig
"""Decoders that see images."""

TraceConfig = RoiRnnConfig | LinearConfig | TemporalCnnConfig
"""Decoders that see area traces, and so need to know where the areas lie."""

DecoderConfig = Annotated[ImageConfig | TraceConfig, Field(discriminator="architecture")]
"""Architecture, behaviours, window, preprocessing and provenance of one decoder."""

ARCHITECTURES = ("cnn", "cnn-rnn", "roi-rnn", "linear", "temporal-cnn")
"""Names by which they are told apart."""

DECODER_CONFIG: TypeAdapter[DecoderConfig] = TypeAdapter(DecoderConfig)
"""Reads any of them from JSON or a mapping: `validate_json`, `validate_python`."""
