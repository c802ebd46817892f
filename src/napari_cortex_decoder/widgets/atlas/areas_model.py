"""State and intents around single areas: which are selected, and what they do over time."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import shapely
from numpy.typing import NDArray
from psygnal import Signal
from pydantic import PrivateAttr

from napari_cortex_decoder.atlas import Area, Registration
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.sessions.areas import AreaTraces, area_traces_of, write_area_traces
from napari_cortex_decoder.widgets.atlas.area_traces import (
    Correlations,
    correlate,
    correlates,
    same_place,
)
from napari_cortex_decoder.widgets.atlas.placing_model import PlacingModel
from napari_cortex_decoder.widgets.parts.colors import Color, palette_color
from napari_cortex_decoder.widgets.parts.section_model import TaskModel
from napari_cortex_decoder.widgets.recording.labels_model import LabelsModel
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel

_MOSTLY = 0.5  # share of an area inside a lasso that selects it


class AreasModel(TaskModel):
    """The areas of the placed atlas, by their place in it."""

    areas: tuple[Area, ...] = ()  # None before an atlas is placed
    selected: tuple[int, ...] = ()  # in the order in which they were chosen
    hovered: int | None = None  # the area under the mouse; None if there is none
    # of all areas where they lie now; None until they are computed
    traces: AreaTraces | None = None
    correlations: Correlations | None = None  # of these traces with the recording's behavior
    dark: float = 0.0  # what the camera reads without light, in counts: no part of F₀

    lasso_wanted: ClassVar[Signal] = Signal()
    """The user wants to draw a line around areas on the movie."""

    _movie: MovieModel
    _placing: PlacingModel
    _labels: LabelsModel
    _recording: Recording | None = None
    _tree: shapely.STRtree = None
    _slots: dict[int, int] = PrivateAttr(default_factory=dict)
    _computed: AreaTraces | None = None
    _computing: Registration | None = None

    def __init__(self, movie: MovieModel, placing: PlacingModel, labels: LabelsModel) -> None:
        super().__init__()
        self._movie, self._placing, self._labels = movie, placing, labels
        self._ties.tie(self._on_recording, movie.events.recording)
        self._ties.tie(self._on_placing, placing.events.placing)

    @property
    def obstacle(self) -> str | None:
        """Why traces cannot be computed now; None if they can."""
        if self._movie.recording is None:
            return "Open a recording first."
        if self._placing.placing is None:
            return "Place the atlas first."
        if self.progress.running:
            return "The traces are being computed."
        return None

    @property
    def behaviors(self) -> tuple[str, ...]:
        """What traces can be correlated with: measured traces, and labels as 0 and 1."""
        recording, ethogram = self._movie.recording, self._labels.ethogram
        measured = () if recording is None else recording.behavior.values()
        return (
            *(trace.name for trace in measured if correlates(trace)),
            *(() if ethogram is None else ethogram.behaviors),
        )

    def color(self, area: int) -> Color:
        """Colour of a selected area, the same wherever it is shown and as long as it is."""
        return palette_color(self._slots[area])

    def select(self, areas: Iterable[int]) -> None:
        """Select these areas and no others."""
        chosen = tuple(dict.fromkeys(areas))
        self._slots = {area: slot for area, slot in self._slots.items() if area in chosen}
        for area in chosen:
            if area not in self._slots:
                taken = self._slots.values()
                self._slots[area] = next(i for i in range(len(taken) + 1) if i not in taken)
        self.selected = chosen

    def toggle(self, area: int) -> None:
        """Select an area besides the others, or no longer."""
        others = tuple(i for i in self.selected if i != area)
        self.select(others if area in self.selected else (*others, area))

    def select_inside(self, outline: NDArray[np.floating]) -> None:
        """Select the areas that lie mostly inside an outline, (n, 2) row, column in px."""
        placed = self._placing.registration
        if placed is None or len(outline) < 3:
            return
        lasso = shapely.make_valid(shapely.Polygon(placed.to_mm(outline)))
        shapes = self._tree.geometries
        inside = shapely.area(shapely.intersection(shapes, lasso)) / shapely.area(shapes)
        self.select(int(i) for i in np.flatnonzero(inside > _MOSTLY))

    def at(self, row: float, column: float) -> int | None:
        """Return the area at a point of the movie; where areas overlap, the smaller one."""
        placed = self._placing.registration
        if placed is None:
            return None
        found = self._tree.query(shapely.Point(placed.to_mm([(row, column)])[0]), "intersects")
        return min((int(i) for i in found), key=lambda i: self.areas[i].size, default=None)

    def compute(self) -> None:
        """Average the movie over each area; does nothing while there is an `obstacle`."""
        recording, placed, dark = self._recording, self._placing.registration, self.dark
        if self.obstacle is not None or recording is None or placed is None:
            return
        self.message = ""
        self._computing = placed
        self._task.start(
            "Averaging the areas",
            lambda report: area_traces_of(recording, placed, dark=dark, progress=report),
            self._computed_all,
        )

    def export(self, path: str | Path) -> None:
        """Write the traces of all areas, as NWB or CSV by the suffix."""
        traces, recording, path = self.traces, self._recording, Path(path)
        if traces is None or recording is None:
            return
        said = self._say(f"Saved {path.name}.")
        write = partial(write_area_traces, overwrite=True)  # the dialog has asked
        self._background.run(write, path, traces, recording, then=said)

    def _on_recording(self, recording: Recording | None) -> None:
        before, self._recording = self._recording, recording
        if before is not None and recording is not None and before.movie is recording.movie:
            self._correlate()  # behavior may have come
            return
        self.cancel()
        self._background.drop()
        self._computed = self.traces = self.correlations = None
        self.message = ""

    def _on_placing(self) -> None:
        """Follow the atlas to where it lies now."""
        placed = self._placing.registration
        areas = () if placed is None else placed.atlas.areas
        if areas is not self.areas:
            self._take_areas(areas)
        if self._computing is not None and not same_place(self._computing, placed):
            self._stop("Stopped, because the atlas was moved.")
        computed = self._computed
        fits = computed is not None and same_place(computed.registration, placed)
        traces = computed if fits else None
        if traces is not self.traces:
            self.traces = traces
            self.message = "" if fits else "The atlas was moved: compute the traces again."
            self._correlate()

    def _take_areas(self, areas: tuple[Area, ...]) -> None:
        """Take over the areas of another atlas; selected ones stay so if it has them, too."""
        names = {self.areas[i].label for i in self.selected}
        self.hovered = None
        self.select(())
        self._tree = shapely.STRtree([shapely.Polygon(area.polygon) for area in areas])
        self.areas = areas
        self.select(i for i, area in enumerate(areas) if area.label in names)

    def _correlate(self) -> None:
        """Correlate the traces with all behavior, off the GUI thread."""
        traces, movie = self.traces, self._movie
        timed = movie.clock is not None and movie.clock.unit == "s"
        if traces is None or movie.recording is None or not self.behaviors or not timed:
            self.correlations = None
            return

        def take(found: Correlations) -> None:
            if self.traces is traces:
                self.correlations = found

        self._background.run(correlate, traces, movie.recording, self._labels.ethogram, then=take)

    def _computed_all(self, traces: AreaTraces) -> None:
        self._computed = self.traces = traces
        if (
            not traces.is_relative
            and self._recording is not None
            and self._recording.traces is None
        ):
            self.message = "The movie varies around 0: its mean is shown as it is, not ΔF/F."
        self._correlate()
