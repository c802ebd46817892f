"""What is asked of a decoder, and what came out: the same in the window and on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.choices import LAGS, MAP_METHODS, FillName, Method, ScoreName, Span
from napari_cortex_decoder.compute import HERE, Compute
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.saliency.masking.frames import SAMPLED

if TYPE_CHECKING:
    from napari_cortex_decoder.saliency.importance.area_result import AreaImportance
    from napari_cortex_decoder.saliency.importance.cutout import CutoutImportance
    from napari_cortex_decoder.saliency.maps.checking import MapCheck
    from napari_cortex_decoder.saliency.maps.onsets import OnsetAverage
    from napari_cortex_decoder.saliency.maps.saliency_maps import SaliencyMaps
    from napari_cortex_decoder.saliency.maps.trace_maps import TraceSaliency

Kind = Literal["areas", "cutouts", "maps", "onsets", "lags"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Question:
    """What is to be explained.

    Attributes
    ----------
    decoder
        Name or file of the decoder that is asked.
    recording, registration, ethogram
        What it reads, where the atlas lies there, and the labels; None where there are none.
    behavior
        Which of the decoder's behaviors.
    method
        What is measured.
    span
        Over which frames.
    score
        What importance is counted in, where labels tell frames apart.
    start, stop
        Frames [start, stop), for spans in a row; a `stop` of None is the end.
    frames
        About how many are scored of ``"bouts"``, ``"behavior"`` or ``"session"``; None: all.
    fills, patches, seed
        As for `area_importance`.
    compute, any_rate
        As for `Decoder.decode`.
    """

    decoder: str | Path
    recording: Recording
    registration: Registration | None = None
    ethogram: Ethogram | None = None
    behavior: str
    method: Method = "areas"
    span: Span = "bouts"
    score: ScoreName = "auc"
    start: int = 0
    stop: int | None = None
    frames: int | None = SAMPLED
    fills: tuple[FillName, ...] = ("mean",)
    patches: int | None = None
    seed: int = 0
    compute: Compute = HERE
    any_rate: bool = False

    @property
    def kind(self) -> Kind:
        """What its answer is."""
        if self.method in LAGS:
            return "lags"
        if self.method in MAP_METHODS:
            return "onsets" if self.span == "onsets" else "maps"
        return "cutouts" if self.method == "cutouts" else "areas"


class Answer:
    """The answer to a question: one of five kinds.

    No dataclass: pydantic would look into one that stands in a model, and so into what only torch
    knows.

    Attributes
    ----------
    question
        What was asked.
    areas, cutouts, maps, onsets, lags
        The one that was asked for; the others are None.
    check
        Controls of maps, once somebody asked for them.
    said
        What else is to be said of it: that it is stale, or could not be kept.
    """

    def __init__(
        self,
        question: Question,
        *,
        areas: AreaImportance | None = None,
        cutouts: CutoutImportance | None = None,
        maps: SaliencyMaps | None = None,
        onsets: OnsetAverage | None = None,
        lags: TraceSaliency | None = None,
        check: MapCheck | None = None,
    ) -> None:
        self.question = question
        self.areas, self.cutouts, self.maps = areas, cutouts, maps
        self.onsets, self.lags, self.check = onsets, lags, check
        self.said: tuple[str, ...] = ()

    @property
    def found(
        self,
    ) -> AreaImportance | CutoutImportance | SaliencyMaps | OnsetAverage | TraceSaliency:
        """The one kind that it is."""
        kinds = (self.areas, self.cutouts, self.maps, self.onsets, self.lags)
        return next(kind for kind in kinds if kind is not None)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences that whoever uses the answer should read."""
        return (*self.said, *self.found.warnings)

    @property
    def title(self) -> str:
        """What was asked of which decoder, in a few words."""
        return f"{self.question.behavior}, read by {self.found.decoder}"

    @property
    def verdict(self) -> str:
        """What may be believed of it, in words."""
        if self.areas is not None:
            return " ".join((str(self.areas.verdict), *self.areas.redundancy))
        judged = self.check or self.cutouts
        if judged is not None:
            return str(judged.verdict)
        if self.lags is not None:
            return (
                "an illustration: what each area gives at each lag, added up. No control says "
                "whether the decoder needs it."
            )
        maps = self.maps or self.onsets
        assert maps is not None
        rows, columns = maps.grid
        n = "" if self.onsets is None else f" Mean of {len(self.onsets.onsets)} onsets."
        return (
            f"an illustration: {rows} × {columns} places are told apart.{n} Its number is the "
            "importance of areas; Check holds it against random weights and random places."
        )

    def members(self, place: int) -> tuple[int, ...]:
        """Return the places in the atlas of what a bar stands for."""
        if self.areas is not None:
            return self.areas.targets[place].members
        registration = self.question.registration
        if self.lags is None or registration is None:
            return ()
        wanted = self.lags.areas[place]
        return tuple(i for i, area in enumerate(registration.atlas.areas) if area.label == wanted)
