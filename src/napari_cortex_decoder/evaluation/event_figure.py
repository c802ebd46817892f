"""Averages around events on disk: a table, or a figure of courses with maps above."""

from __future__ import annotations

import textwrap
from collections.abc import Collection
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.errors import EvaluationError
from napari_cortex_decoder.files import Kind
from napari_cortex_decoder.saliency.output.figure import FOR, MOST_MAPS, SIGNED, save_figure
from napari_cortex_decoder.saliency.output.kinds import RESULTS
from napari_cortex_decoder.scoring.around_events import TABLE, EventAverage, EventMaps

EVENT_KINDS: dict[str, Kind] = {".csv": TABLE, **{s: RESULTS[s] for s in (".pdf", ".svg", ".png")}}
"""Kinds of files that an average is written to, by suffix."""

_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
"""Those of Okabe & Ito (2008), told apart by all eyes."""


def event_kind(path: Path) -> Kind:
    """Return the kind of file that a path is of. Raises EvaluationError if it ends otherwise."""
    kind = EVENT_KINDS.get(path.suffix.lower())
    if kind is None:
        raise EvaluationError(
            f"{path}: averages around events are written as {', '.join(EVENT_KINDS)}; name it so."
        )
    return kind


def write_events(
    average: EventAverage,
    path: Path,
    *,
    maps: EventMaps | None = None,
    registration: Registration | None = None,
    name: str = "",
    selected: Collection[str] = (),
    overwrite: bool = False,
) -> None:
    """Write an average as its suffix says: its table, or its figure as `draw_events` makes it.

    Such a file is replaced; any other only where `overwrite` allows it. Raises EvaluationError if
    the suffix is of no such file; CortexDecoderError if it cannot be written.
    """
    if event_kind(path) is TABLE:
        average.to_csv(path, overwrite=overwrite)
    else:
        figure = draw_events(average, maps, registration, name, selected)
        save_figure(figure, path, overwrite=overwrite)


def draw_events(
    average: EventAverage,
    maps: EventMaps | None = None,
    registration: Registration | None = None,
    name: str = "",
    selected: Collection[str] = (),
) -> Figure:
    """Draw what happens around events: a panel a unit, and some of the maps above.

    `maps` are of the same events; the registration gives their outlines, and `selected` are areas
    to draw, instead of those that change most. `name` is that of the recording.
    """
    drawn = average.shown(selected)
    units = tuple(dict.fromkeys(average.units[i] for i in drawn))
    panels = len(units) + (maps is not None)
    figure = Figure(figsize=(8, 0.8 + 2.1 * panels), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(f"{name}: around {average.event}" if name else average.event, fontsize=9)
    grid = figure.add_gridspec(panels, MOST_MAPS)
    if maps is not None:
        pictures, scale = maps.maps, maps.scale
        shown = np.unique(np.linspace(0, len(pictures) - 1, MOST_MAPS).round().astype(int))
        places = [figure.add_subplot(grid[0, i]) for i in range(len(shown))]
        for axes, i in zip(places, shown, strict=True):
            image = axes.imshow(pictures[i], cmap=SIGNED, vmin=-scale, vmax=scale)
            axes.set_title(f"{maps.seconds[i]:+.1f} s", fontsize=8)
            for ring in () if registration is None else registration.outlines():
                closed = np.concatenate([ring, ring[:1]])
                axes.plot(closed[:, 1], closed[:, 0], color="black", linewidth=0.4)
            axes.set_axis_off()
        bar = figure.colorbar(image, ax=places, shrink=0.8)
        bar.set_label(maps.unit, fontsize=7)
        bar.ax.tick_params(labelsize=6)
    for place, unit in enumerate(units, panels - len(units)):
        axes = figure.add_subplot(grid[place, :])
        of_unit = [i for i in drawn if average.units[i] == unit]
        for color, i in zip(_COLORS * len(of_unit), of_unit, strict=False):
            x, label = average.seconds, f"{average.names[i]} (n {average.n[i]})"
            axes.plot(x, average.mean[i], color=color, linewidth=1.2, label=label)
            axes.fill_between(x, average.low[i], average.high[i], color=color, alpha=0.2, lw=0)
        axes.axvline(0, color=FOR, linewidth=0.8)
        axes.set_ylabel(unit or "value", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.legend(fontsize=6, ncols=3, frameon=False)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    axes.set_xlabel("s from the event; mean, and 95 % interval over events", fontsize=8)
    figure.supxlabel(textwrap.fill(" ".join(average.said), 120), fontsize=7)
    return figure
