"""The work behind the section *Saliency*: functions that run in a thread."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.choices import LAG_METHODS, MAP_METHODS, ScoreName
from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.decoder.library import load_decoder
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.progress import Report
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.widgets.decode.decode_job import LOADING

if TYPE_CHECKING:
    from napari_cortex_decoder.saliency import (
        AreaImportance,
        CutoutImportance,
        MapCheck,
        OnsetAverage,
        SaliencyMaps,
        TraceSaliency,
    )

Method = Literal[
    "areas",
    "pairs",
    "cutouts",
    "integrated-gradients",
    "grad-cam",
    "occlusion",
    "lags-integrated-gradients",
    "lags-shap",
]
Span = Literal["frame", "range", "bout", "bouts", "behavior", "onsets", "session"]

SPANS: dict[Span, str] = {
    "frame": "This frame",
    "range": "Frames that I mark",
    "bout": "The bout under the slider",
    "bouts": "Some of every bout",
    "behavior": "Bouts of this behavior",
    "onsets": "Around its onsets",
    "session": "The whole session",
}
"""Over which frames one can ask, and how that is called."""

METHODS: dict[Method, str] = {
    "areas": "Importance of areas",
    "pairs": "Importance of pairs of areas",
    "cutouts": "Importance of places (cutouts)",
    **{method: f"Map: {said}" for method, said in MAP_METHODS.items()},
    "lags-integrated-gradients": f"Areas and lags: {LAG_METHODS['integrated-gradients']}",
    "lags-shap": f"Areas and lags: {LAG_METHODS['shap']}",
}
"""What can be asked, and how it is called."""

MAPS: tuple[Method, ...] = tuple(MAP_METHODS)
LAGS: tuple[Method, ...] = ("lags-integrated-gradients", "lags-shap")
"""Methods by what they give: the first for decoders of images only, the last of area traces."""

OF_AREAS: tuple[Method, ...] = ("areas", "pairs")
"""Methods that take areas of the atlas away."""

WITHIN_ONE: tuple[Span, ...] = ("frame", "bout", "behavior")
"""Frames of one behavior, among which labels have nothing to tell apart."""


@dataclass(frozen=True, eq=False)
class Question:
    """What is to be explained: see `SaliencyModel`."""

    decoder: str | Path
    recording: Recording
    registration: Registration | None
    ethogram: Ethogram | None
    behavior: str
    method: Method
    span: Span
    score: ScoreName
    start: int
    stop: int
    compute: Compute
    any_rate: bool


class Result:
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
        """Sentences that whoever uses the result should read."""
        return (*self.said, *self.found.warnings)

    @property
    def title(self) -> str:
        """What was asked of which decoder, in a few words."""
        return f"{self.question.behavior}, read by {self.found.decoder}"

    @property
    def verdict(self) -> str:
        """What may be believed of it, in words."""
        if self.check is not None:
            return str(self.check.verdict)
        if self.areas is not None or self.cutouts is not None:
            return str((self.areas or self.cutouts).verdict)  # type: ignore[union-attr]
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
        areas = registration.atlas.areas
        return tuple(i for i, area in enumerate(areas) if area.label == wanted)


def answer(question: Question, report: Report) -> Result:
    """Load the decoder and explain it; runs in a thread."""
    with LOADING:
        from napari_cortex_decoder import saliency

        decoder = load_decoder(question.decoder)

    recording, ethogram = question.recording, question.ethogram
    behavior, method = question.behavior, question.method
    common: dict[str, Any] = {"any_rate": question.any_rate, "progress": report}
    if method in LAGS:
        lags = saliency.area_saliency(
            decoder,
            recording,
            question.registration,
            behavior,
            method="shap" if method == "lags-shap" else "integrated-gradients",
            frames=_scored(question),
            **common,
        )
        return Result(question, lags=lags)
    common["compute"] = question.compute
    if method in MAPS and question.span == "onsets":
        assert ethogram is not None  # the model asks for labels
        onsets = saliency.onset_average(
            decoder,
            recording,
            ethogram,
            behavior,
            method=method,  # type: ignore[arg-type]
            **common,
        )
        return Result(question, onsets=onsets)
    if method in MAPS:
        start, stop = saliency.fitting_range(decoder, recording, question.start, question.stop)
        maps = saliency.saliency_map(
            decoder,
            recording,
            start,
            stop,
            behavior=behavior,
            method=method,  # type: ignore[arg-type]
            **common,
        )
        return Result(question, maps=maps)
    frames = _scored(question)
    if question.span in WITHIN_ONE:
        ethogram = None
    if method == "cutouts":
        cutouts = saliency.cutout_importance(
            decoder, recording, ethogram, behavior=behavior, frames=frames, **common
        )
        return Result(question, cutouts=cutouts)
    assert question.registration is not None  # the model asks for one
    areas = saliency.area_importance(
        decoder,
        recording,
        question.registration,
        ethogram,
        behavior=behavior,
        targets=method,  # type: ignore[arg-type]
        score=question.score,
        frames=frames,
        **common,
    )
    return Result(question, areas=areas)


def check(result: Result, report: Report) -> Result:
    """Hold maps against their controls; runs in a thread."""
    from napari_cortex_decoder.saliency import check_maps

    question, maps = result.question, result.maps or result.onsets
    assert maps is not None  # the model asks for some
    found = check_maps(
        load_decoder(question.decoder),
        question.recording,
        maps,
        question.ethogram,
        compute=question.compute,
        any_rate=question.any_rate,
        progress=report,
    )
    return Result(question, maps=result.maps, onsets=result.onsets, check=found)


def _scored(question: Question) -> Any:
    """Choose the frames that a question is about."""
    from napari_cortex_decoder.saliency import onset_frames, sample_frames

    ethogram, behavior = question.ethogram, question.behavior
    if ethogram is not None and question.span == "bouts":
        return sample_frames(ethogram)
    if ethogram is not None and question.span == "behavior":
        only = tuple(bout for bout in ethogram.bouts if bout.behavior == behavior)
        of_it = Ethogram(ethogram.behaviors, only, ethogram.n_frames)
        return sample_frames(of_it)
    if ethogram is not None and question.span == "onsets":
        rate = question.recording.known_frame_rate()
        return onset_frames(ethogram, behavior, frame_rate=rate)
    return np.arange(question.start, question.stop)
