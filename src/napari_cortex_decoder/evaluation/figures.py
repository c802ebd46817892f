"""Figures of a reproduction, without a screen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cortex_decoder.evaluation.protocol import REFERENCE, ROWS
from napari_cortex_decoder.evaluation.published import CORRELATION, SHAP_SHARE
from napari_cortex_decoder.saliency.output.figure import save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from napari_cortex_decoder.evaluation.reproduce import Reproduction

HERE, PAPER = "tab:blue", "0.45"


def draw_figures(result: Reproduction, out: Path, overwrite: bool) -> tuple[Path, ...]:
    """Draw AUCs and thresholds of all models, and ROIs if they were measured; give the files."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    where = "simulated mice" if result.simulated else "this cohort"
    height = 1.2 + 0.32 * len(result.scores)
    drawn = []

    def save(name: str, figure: Figure) -> None:
        FigureCanvasAgg(figure)
        save_figure(figure, out / name, overwrite=overwrite)
        drawn.append(out / name)

    figure = Figure(figsize=(7, height), layout="constrained")
    _draw_auc(figure.subplots(), result, where)
    save("auc.png", figure)
    figure = Figure(figsize=(7, height), layout="constrained")
    _draw_thresholds(figure.subplots(), result, where)
    save("thresholds.png", figure)
    if result.correlation is not None:
        figure = Figure(figsize=(8, 5), layout="constrained")
        _draw_rois(list(figure.subplots(2, 1, sharex=True)), result, where)
        save("rois.png", figure)
    return tuple(drawn)


def _draw_auc(axes: Axes, result: Reproduction, where: str) -> None:
    """Dots are models; the bar is the paper's mean ± SD."""
    for y, (name, scores) in enumerate(result.scores.items()):
        mean, sd = ROWS[name].published
        label = "published, mean ± SD" if y == 0 else None
        axes.errorbar(
            mean, y + 0.15, xerr=sd or 0, fmt="D", ms=4, capsize=3, color=PAPER, label=label
        )
        aucs = [score.auc for score in scores]
        label = f"{where}, models" if y == 0 else None
        axes.plot(aucs, np.full(len(aucs), y - 0.15), "o", ms=3, alpha=0.5, color=HERE, label=label)
        axes.plot(np.mean(aucs), y - 0.15, "|", ms=12, mew=2, color=HERE)
    _name_rows(axes, result)
    axes.axvline(0.5, color="0.8", lw=1, zorder=0)
    axes.set_xlabel("AUC in the test mouse")
    axes.legend(loc="best", fontsize="small")


def _draw_thresholds(axes: Axes, result: Reproduction, where: str) -> None:
    for y, scores in enumerate(result.scores.values()):
        best = [score.threshold for score in scores]
        axes.plot(best, np.full(len(best), y), "o", ms=4, alpha=0.5, color=HERE)
    _name_rows(axes, result)
    axes.axvline(0.5, color="0.8", lw=1, zorder=0)
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel(f"threshold of the highest accuracy in the test mouse ({where})")


def _draw_rois(axes: list[Axes], result: Reproduction, where: str) -> None:
    """What correlates above, what is needed below."""
    assert result.correlation is not None
    lost = [score.lost for score in result.scores.get(REFERENCE, ()) if score.lost]
    numbers = np.arange(1, 26)

    def both_sides(values: ArrayLike) -> NDArray[np.floating]:
        mean: NDArray[np.floating] = np.asarray(values).reshape(2, 25).mean(axis=0)
        return mean

    axes[0].plot(numbers, both_sides(result.correlation), "o-", color=HERE, label=where)
    axes[0].plot(numbers, both_sides(CORRELATION), "D--", ms=4, color=PAPER, label="published")
    axes[0].set_ylabel("r with running")
    axes[0].legend(fontsize="small")
    if lost:
        axes[1].bar(numbers, np.mean(lost, axis=0), color=HERE, label="AUC lost without")
    axes[1].set_ylabel("AUC lost", color=HERE)
    share = axes[1].twinx()
    share.plot(numbers, 100 * np.asarray(both_sides(SHAP_SHARE)), "D--", ms=4, color=PAPER)
    share.set_ylabel("published SHAP, %", color=PAPER)
    axes[1].set_xlabel("ROI (left; with its mirror on the right)")
    for one in axes:
        one.axvspan(5.5, 9.5, color="0.93", zorder=0)
    axes[0].annotate("limb S1", (7.5, 1), xycoords=("data", "axes fraction"), ha="center", va="top")


def _name_rows(axes: Axes, result: Reproduction) -> None:
    axes.set_yticks(range(len(result.scores)), [ROWS[name].title for name in result.scores])
    axes.invert_yaxis()
