"""The work behind the section *Saliency*: functions that run in a thread."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.decoder.library import load_decoder
from napari_cortex_decoder.errors import CortexDecoderError
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.widgets.decode_job import LOADING
from napari_cortex_decoder.widgets.long_task import Tell

if TYPE_CHECKING:
    from napari_cortex_decoder.saliency import (
        AreaImportance,
        CutoutImportance,
        Progress,
        SaliencyMaps,
    )

Method = Literal["areas", "pairs", "cutouts", "integrated-gradients", "grad-cam", "occlusion"]
Span = Literal["frame", "bout", "bouts", "session"]

SPANS: dict[Span, str] = {
    "frame": "This frame",
    "bout": "The bout under the slider",
    "bouts": "Some of every bout",
    "session": "The whole session",
}
"""Over which frames one can ask, and how that is called."""

SAMPLED = 900
"""Frames that are scored of all bouts together."""

FIGURES = (".png", ".svg", ".pdf")


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
    start: int
    stop: int
    device: str
    any_rate: bool


class Result:
    """The answer to a question: one of three kinds.

    No dataclass: pydantic would look into one that stands in a model, and so into what only torch
    knows.

    Attributes
    ----------
    question
        What was asked.
    areas, cutouts, maps
        The one that was asked for; the others are None.
    """

    def __init__(
        self,
        question: Question,
        *,
        areas: AreaImportance | None = None,
        cutouts: CutoutImportance | None = None,
        maps: SaliencyMaps | None = None,
    ) -> None:
        self.question = question
        self.areas, self.cutouts, self.maps = areas, cutouts, maps

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences that whoever uses the result should read."""
        found = self.areas or self.cutouts or self.maps
        return () if found is None else found.warnings

    @property
    def verdict(self) -> str:
        """What may be believed of it, in words."""
        if self.maps is not None:
            rows, columns = self.maps.grid
            return (
                f"an illustration: {rows} × {columns} places are told apart. Its number is the "
                "importance of areas."
            )
        found = self.areas or self.cutouts
        return "" if found is None else str(found.verdict)

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Kinds of files it can be written to."""
        return (".tif",) if self.maps is not None else (".csv", ".json", *FIGURES)


def answer(question: Question, tell: Tell) -> Result:
    """Load the decoder and explain it; runs in a thread."""
    with LOADING:
        from napari_cortex_decoder import saliency

        decoder = load_decoder(question.decoder)

    def report(event: Progress) -> None:
        tell(event.stage, event.done, event.total)

    recording, ethogram = question.recording, question.ethogram
    common: dict[str, Any] = {
        "device": question.device,
        "any_rate": question.any_rate,
        "progress": report,
    }
    if question.method in ("integrated-gradients", "grad-cam", "occlusion"):
        start, stop = saliency.fitting_range(decoder, recording, question.start, question.stop)
        maps = saliency.saliency(
            decoder,
            recording,
            start,
            stop,
            question.behavior,
            method=question.method,
            **common,
        )
        return Result(question, maps=maps)
    if question.span == "bouts" and ethogram is not None:
        frames = saliency.sample_frames(ethogram, SAMPLED)
    else:
        frames = np.arange(question.start, question.stop)
    if question.span in ("frame", "bout"):
        ethogram = None  # within one bout there is nothing to tell apart
    if question.method == "cutouts":
        cutouts = saliency.cutout_importance(
            decoder, recording, ethogram, question.behavior, frames=frames, **common
        )
        return Result(question, cutouts=cutouts)
    assert question.method in ("areas", "pairs")
    assert question.registration is not None  # the model asks for one
    areas = saliency.area_importance(
        decoder,
        recording,
        question.registration,
        ethogram,
        question.behavior,
        targets=question.method,
        frames=frames,
        **common,
    )
    return Result(question, areas=areas)


def export(result: Result, path: Path) -> None:
    """Write a result as its suffix says; runs in a thread.

    Raises
    ------
    CortexDecoderError
        If it cannot be written so.
    """
    from napari_cortex_decoder.saliency.export import write_csv, write_json, write_tiff
    from napari_cortex_decoder.saliency.figure import draw_areas, draw_cutouts, save_figure

    suffix = path.suffix.lower()
    if suffix not in result.suffixes:
        raise CortexDecoderError(
            f"{path.name}: this result is written as {', '.join(result.suffixes)}; name it so."
        )
    if result.maps is not None:
        write_tiff(result.maps, path)
        return
    found = result.areas or result.cutouts
    assert found is not None
    if suffix == ".csv":
        write_csv(found, path)
    elif suffix == ".json":
        write_json(found, path)
    elif result.areas is not None:
        registration = result.question.registration
        assert registration is not None
        save_figure(draw_areas(result.areas, registration, result.question.recording.shape), path)
    elif result.cutouts is not None:
        movie = result.question.recording.movie
        shown = movie[movie.shape[0] // 2].compute()
        save_figure(draw_cutouts(result.cutouts, shown), path)
