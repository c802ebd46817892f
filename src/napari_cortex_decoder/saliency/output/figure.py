"""Figures for a paper, drawn without a screen: bars of areas with intervals and control, maps."""

from __future__ import annotations

import io
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.files import write_whole
from napari_cortex_decoder.saliency.importance.area_result import AreaImportance
from napari_cortex_decoder.saliency.importance.cutout import CutoutImportance
from napari_cortex_decoder.saliency.maps.onsets import OnsetAverage
from napari_cortex_decoder.saliency.maps.saliency_maps import SaliencyMaps
from napari_cortex_decoder.saliency.maps.trace_maps import TraceSaliency
from napari_cortex_decoder.saliency.output.kinds import MARK, RESULTS
from napari_cortex_decoder.saliency.output.legend import UNITS

AGAINST, FOR = "#0072b2", "#d55e00"
"""Ends of the signed scale: blue and vermillion of Okabe & Ito (2008), told apart by all eyes."""

SIGNED = LinearSegmentedColormap.from_list("signed", [AGAINST, "#ffffff", FOR])

MOST_BARS = 20
"""Areas that are shown as bars, the most important ones."""

MOST_MAPS = 7
"""Maps of a series that are shown beside each other."""


def draw_areas(
    result: AreaImportance, registration: Registration, shape: tuple[int, int]
) -> Figure:
    """Draw the importance of areas: bars with intervals and controls beside the map.

    Parameters
    ----------
    result
        What `area_importance` gave.
    registration
        The one it was computed with.
    shape
        Rows and columns of a frame.
    """
    both = result.table.get("alone", result.table["low"] * np.nan).notna().any()
    figure, (bars, *between, picture) = _page(result, 3 if both else 2)
    draw_bars(bars, result)
    for axes in between:
        _draw_carried(axes, result)
    image = result.paint(registration, shape)
    scale = _scale(image)
    shown = _show(picture, image, scale)
    _outline(picture, registration)
    _scale_bar(figure, picture, shown, UNITS[result.score])
    return figure


def _draw_carried(axes: Axes, result: AreaImportance) -> None:
    """Draw, beside each bar, the AUC of what learned anew from that alone, and without it."""
    table = result.ranked().head(MOST_BARS).iloc[::-1]
    for name, shift, fill in (("alone", 0.15, AGAINST), ("others", -0.15, "white")):
        places = np.arange(len(table)) + shift
        axes.hlines(places, table[f"{name}_low"], table[f"{name}_high"], color=AGAINST, linewidth=1)
        label = "of it alone" if name == "alone" else "of all others"
        axes.plot(
            table[name], places, "o", color=AGAINST, markerfacecolor=fill, markersize=4, label=label
        )
    axes.axvline(result.retrained[0], color="black", linestyle="--", linewidth=0.8, label="of all")
    axes.axvline(0.5, color="black", linewidth=0.8)
    axes.set_ylim(-0.6, len(table) - 0.4)
    axes.set_yticks([])
    axes.tick_params(labelsize=7)
    axes.set_xlabel("AUC of decoders that learned anew\nfrom traces; 95 % interval", fontsize=8)
    axes.legend(fontsize=7, frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
    axes.spines[["top", "right"]].set_visible(False)


def draw_bars(axes: Axes, result: AreaImportance) -> None:
    """Draw one bar an area, its 95 % interval, and the range of random places in blue."""
    table = result.ranked().head(MOST_BARS).iloc[::-1]
    places = np.arange(len(table))
    axes.barh(places, table["importance"], color="#999999", height=0.7)
    strong = (table["low"] > 0).to_numpy()
    axes.barh(places[strong], table["importance"][strong], color=FOR, height=0.7)
    for place, (_, row) in zip(places, table.iterrows(), strict=True):
        axes.plot([row["low"], row["high"]], [place, place], color="black", linewidth=1.2)
        if np.isfinite(row["control"]):
            ends, low, high = [place - 0.45, place + 0.45], row["control_low"], row["control_high"]
            axes.fill_betweenx(ends, low, high, color="#56b4e9", alpha=0.5, linewidth=0)
            axes.plot([row["control"]] * 2, ends, color="#0072b2", linewidth=1.5)
    names = [
        f"{row['acronym']}{'' if row['side'] == 'both' else ' ' + row['side'][0].upper()}"
        + (f"  p {row['p']:.2f}" if row["p"] >= 0.01 else "  p < .01" if row["p"] >= 0 else "")
        for _, row in table.iterrows()
    ]
    axes.set_yticks(places, names, fontsize=7)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_ylim(-0.6, len(table) - 0.4)
    label = f"importance ({UNITS[result.score]});\n95 % interval; blue: random places"
    axes.set_xlabel(label, fontsize=8)
    axes.tick_params(axis="x", labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)


def draw_cutouts(result: CutoutImportance, picture: NDArray[np.floating]) -> Figure:
    """Draw the grid of cutouts over a frame.

    Parameters
    ----------
    result
        What `cutout_importance` gave.
    picture
        Shape (y, x): a frame, or its mean.
    """
    figure, (bars, axes) = _page(result, 2)
    values = [np.sort(result.map.ravel())[::-1], np.sort(result.edge)[::-1]]
    for x, ys, color in zip(("cutouts", "edge"), values, (FOR, AGAINST), strict=True):
        bars.plot([x] * len(ys), ys, "o", color=color, alpha=0.5, markersize=4)
    bars.axhline(0, color="black", linewidth=0.8)
    bars.set_ylabel(f"importance ({UNITS[result.whole.score]})")
    bars.margins(x=0.5)
    axes.imshow(picture, cmap="gray")
    scale = _scale(result.map)
    over = result.picture((picture.shape[0], picture.shape[1]))
    shown = _show(axes, over, scale, alpha=0.5)
    axes.set_axis_off()
    _scale_bar(figure, axes, shown, UNITS[result.whole.score])
    return figure


def draw_maps(
    result: SaliencyMaps | OnsetAverage,
    registration: Registration | None,
    shape: tuple[int, int],
    verdict: str = "",
) -> Figure:
    """Draw some maps of a series on one scale, with the log-odds of the behavior below.

    Parameters
    ----------
    result
        What `saliency_map` or `onset_average` gave.
    registration
        Where the atlas lies, for its outlines.
    shape
        Rows and columns of a frame of the movie.
    verdict
        What the controls say of the maps.
    """
    n = len(result.maps)
    shown = np.unique(np.linspace(0, n - 1, min(n, MOST_MAPS)).round().astype(int))
    figure = Figure(figsize=(1.6 * len(shown) + 1.2, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, len(shown), height_ratios=[2, 1])
    rows, columns = result.grid
    if isinstance(result, OnsetAverage):
        what = f"mean of {len(result.onsets)} onsets of {result.behavior}"
        titles = [f"{result.seconds[i]:+.1f} s" for i in shown]
        x: NDArray[np.floating] = result.seconds
        label = "s from the onset"
    else:
        what = result.behavior
        titles = [f"frame {result.frames[i]}" for i in shown]
        x, label = np.arange(*result.scored, dtype=np.float64), "frame"
    figure.suptitle(
        f"{result.recording}: {what}, read by {result.decoder}; {result.method}, "
        f"{rows} × {columns} places are told apart",
        fontsize=8,
    )
    extent = (-0.5, shape[1] - 0.5, shape[0] - 0.5, -0.5)
    panels = [figure.add_subplot(grid[0, i]) for i in range(len(shown))]
    for axes, i, title in zip(panels, shown, titles, strict=True):
        image = _show(axes, result.maps[i], result.scale, extent=extent)
        axes.set_title(title, fontsize=8)
        if registration is not None:
            _outline(axes, registration)
        axes.set_axis_off()
    unit = "Grad-CAM" if result.method == "grad-cam" else "log-odds"
    _scale_bar(figure, panels, image, unit)
    below = figure.add_subplot(grid[1, :])
    below.plot(x, result.log_odds, color="black", linewidth=1)
    below.axhline(0, color="#999999", linewidth=0.6)
    if isinstance(result, OnsetAverage):
        below.axvline(0, color=FOR, linewidth=0.8)
    below.set_xlabel(label, fontsize=7)
    below.set_ylabel(f"log-odds of {result.behavior}", fontsize=7)
    below.tick_params(labelsize=6)
    below.spines[["top", "right"]].set_visible(False)
    if verdict:
        figure.supxlabel(textwrap.fill(verdict, 120), fontsize=7)
    return figure


def draw_lags(result: TraceSaliency) -> Figure:
    """Draw what areas give at each lag of the window, the most salient areas on top."""
    table = result.table.head(MOST_BARS)
    order = [result.areas.index(name) for name in table["area"]]
    figure = Figure(figsize=(6, 1.2 + 0.2 * len(order)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    shown = axes.imshow(
        result.amount[:, order].T,
        cmap="viridis",
        aspect="auto",
        extent=(result.lags[0] - 0.5, result.lags[-1] + 0.5, len(order) - 0.5, -0.5),
    )
    names = [f"{row.area}  {row.share:.0%}" for row in table.itertuples()]
    axes.set_yticks(range(len(order)), names, fontsize=7)
    axes.set_xlabel("frames from the decoded one", fontsize=8)
    axes.set_title(f"{result.behavior}, read by {result.decoder}; {result.method}", fontsize=9)
    figure.colorbar(shown, label="mean amount, log-odds")
    return figure


def save_figure(figure: Figure, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a figure as PNG, SVG or PDF, as the name says.

    Such a figure is replaced; any other file only where `overwrite` allows it. Raises DecoderError
    if it cannot be written, or the name ends otherwise.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (".png", ".svg", ".pdf"):
        raise DecoderError(f"{path}: a figure is written as .png, .svg or .pdf; name it so.")
    says = {"Software" if suffix == ".png" else "Creator": MARK}
    drawn = io.BytesIO()  # Matplotlib does not survive a full disk
    with rc_context({"pdf.fonttype": 42}):  # whole fonts inside, which journals ask for
        figure.savefig(drawn, format=suffix[1:], dpi=200, metadata=says)
    kind = RESULTS[suffix]
    write_whole(path, drawn.getvalue(), DecoderError, kind=kind, overwrite=overwrite)


def _page(result: AreaImportance | CutoutImportance, panels: int) -> tuple[Figure, list[Axes]]:
    """Lay out a page: panels, what it is above, and the verdict below."""
    figure = Figure(figsize=(3 + 3 * panels, 5.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, panels, width_ratios=[1.1, *[0.6] * (panels - 2), 1])
    whole = result.whole
    score = "AUC" if whole.score == "auc" else "log-odds"
    figure.suptitle(
        f"{result.recording}: {result.behavior}, read by {result.decoder}; {score} "
        f"{whole.value:.3f} ({whole.low:.3f}–{whole.high:.3f}), {whole.n_frames} frames of "
        f"{whole.n_units} bouts",
        fontsize=9,
    )
    same = result.redundancy if isinstance(result, AreaImportance) else ()
    verdict = textwrap.fill(" ".join((str(result.verdict), *same)), 45 * panels + 40)
    figure.supxlabel(verdict, fontsize=8)
    return figure, list(axes)


def _show(axes: Axes, image: NDArray[np.floating], scale: float, **how: Any) -> AxesImage:
    return axes.imshow(image, cmap=SIGNED, vmin=-scale, vmax=scale, **how)


def _scale(values: NDArray[np.floating]) -> float:
    """Return one amount for both ends of a scale."""
    amounts = np.abs(values[np.isfinite(values)])
    return float(amounts.max()) if amounts.size and amounts.max() > 0 else 1.0


def _outline(axes: Axes, registration: Registration) -> None:
    for ring in registration.outlines():
        closed = np.concatenate([ring, ring[:1]])
        axes.plot(closed[:, 1], closed[:, 0], color="black", linewidth=0.4)
    axes.set_axis_off()


def _scale_bar(figure: Figure, axes: Axes | list[Axes], shown: AxesImage, label: str) -> None:
    bar = figure.colorbar(shown, ax=axes, shrink=0.7)
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=7)
