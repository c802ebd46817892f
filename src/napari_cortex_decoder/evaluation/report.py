"""Tables of a reproduction, each beside the paper's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from napari_cortex_decoder.errors import EvaluationError
from napari_cortex_decoder.evaluation.figures import draw_figures
from napari_cortex_decoder.evaluation.protocol import REFERENCE, ROWS
from napari_cortex_decoder.evaluation.published import (
    CORRELATION,
    RUN_FRACTION,
    SHAP_SHARE,
    THRESHOLDS,
)
from napari_cortex_decoder.evaluation.reproduce import Reproduction
from napari_cortex_decoder.evaluation.scores import ModelScore, by_mouse, compare
from napari_cortex_decoder.files import (
    Kind,
    begins,
    check_place,
    csv_text,
    make_folder,
    write_whole,
)
from napari_cortex_decoder.saliency.output.kinds import RESULTS

_TITLE = "# The protocol of Ajioka et al. 2024"

FILES: dict[str, Kind] = {
    "auc.csv": begins("row,decoder,models,AUC"),
    "models.csv": begins("row,validation mouse,test mouse"),
    "mice.csv": begins("row,mouse "),
    "rois.csv": begins("ROI,r with running"),
    "report.md": begins(_TITLE),
    **dict.fromkeys(("auc.png", "thresholds.png", "rois.png"), RESULTS[".png"]),
}
"""What `write_report` writes, and may write anew."""

_GROUPS = {
    "M2 & M1": (1, 2, 3, 4),
    "medial (13)": (13,),
    "FLa & HLa": (6, 8),
    "other FL & HL": (7, 9),
    "parietal + RSP": (14, 15, 16, 17),
    "V1 + Vm": (18, 19, 20, 21),
    "Vl + A1": (22, 23, 24, 25),
}
"""Numbers of ROIs on the left; i + 25 is the same on the right."""


def write_report(result: Reproduction, out: str | Path, *, overwrite: bool = False) -> Path:
    """Write tables (CSV, Markdown) and figures (PNG) to a folder; return its ``report.md``.

    What an earlier report left is replaced; any other file of these names only with `overwrite`.
    Raises EvaluationError if the folder cannot be written.
    """
    out = make_folder(out, EvaluationError)
    _write(out / "auc.csv", _auc_table(result), overwrite)
    _write(out / "models.csv", _model_table(result), overwrite)
    _write(out / "mice.csv", _mouse_table(result), overwrite)
    if result.correlation is not None:
        _write(out / "rois.csv", _roi_table(result), overwrite)
    figures = draw_figures(result, out, overwrite)
    report = out / "report.md"
    text = _markdown(result, figures)
    write_whole(report, text, EvaluationError, kind=FILES["report.md"], overwrite=overwrite)
    return report


def check_report(out: str | Path, *, overwrite: bool = False) -> None:
    """Refuse what `write_report` would refuse of its folder, before hours are spent."""
    out = make_folder(out, EvaluationError)
    for name, kind in FILES.items():
        check_place(out / name, EvaluationError, kind=kind, overwrite=overwrite)


def mean_loss(scores: Sequence[ModelScore]) -> list[float]:
    """Average the AUC lost without ROIs i and i + 25 over models; empty if not measured."""
    measured = [score.lost for score in scores if score.lost]
    return [float(value) for value in np.mean(measured, axis=0)] if measured else []


Table = list[list[str]]


def _auc_table(result: Reproduction) -> Table:
    tests = compare(result.scores, REFERENCE)
    table = [
        [
            "row", "decoder", "models", "AUC", "SD", "published AUC", "published SD",
            "within 2 SD", "accuracy at 0.5", "best thresholds",
            "p (models)", "p (mice)",
        ]
    ]  # fmt: skip
    for name, scores in result.scores.items():
        aucs = np.array([score.auc for score in scores])
        mean, sd = ROWS[name].published
        thresholds = [score.threshold for score in scores]
        near = "" if sd is None else "yes" if abs(aucs.mean() - mean) <= 2 * sd else "no"
        test = tests.get(name)
        table.append(
            [
                name,
                ROWS[name].title,
                str(len(aucs)),
                f"{aucs.mean():.3f}",
                f"{aucs.std():.3f}",
                f"{mean:.3f}",
                "" if sd is None else f"{sd:.3f}",
                near,
                f"{np.mean([score.accuracy for score in scores]):.3f}",
                f"{min(thresholds):.3f}–{max(thresholds):.3f}",
                "" if test is None else f"{test.models:.2g}",
                "" if test is None else f"{test.mice:.2g}",
            ]
        )
    return table


def _model_table(result: Reproduction) -> Table:
    table = [["row", "validation mouse", "test mouse", "AUC", "accuracy at 0.5", "best threshold"]]
    for name, scores in result.scores.items():
        for score in scores:
            numbers = (score.auc, score.accuracy, score.threshold)
            table.append([name, score.validation, score.test, *(f"{n:.4f}" for n in numbers)])
    return table


def _mouse_table(result: Reproduction) -> Table:
    mice = [*dict.fromkeys(m for scores in result.scores.values() for m in by_mouse(scores))]
    table = [["row", *(f"mouse {mouse}" for mouse in mice)]]
    for name, scores in result.scores.items():
        found = by_mouse(scores)
        table.append([name, *(f"{found[m]:.3f}" if m in found else "" for m in mice)])
    if result.run_fraction:
        found = result.run_fraction
        table.append(["run fraction", *(f"{found[m]:.2f}" if m in found else "" for m in mice)])
    return table


def _roi_table(result: Reproduction) -> Table:
    assert result.correlation is not None
    lost = mean_loss(result.scores.get(REFERENCE, ()))
    table = [["ROI", "r with running", "published r", "AUC lost without it and its mirror"]]
    for i, r in enumerate(result.correlation):
        table.append(
            [str(i + 1), f"{r:.3f}", f"{CORRELATION[i]:.3f}", f"{lost[i % 25]:.4f}" if lost else ""]
        )
    return table


def _group_table(result: Reproduction) -> Table:
    assert result.correlation is not None
    lost = mean_loss(result.scores.get(REFERENCE, ()))
    table = [
        ["ROIs", "r with running", "published r", "AUC lost, an ROI and its mirror",
         "published SHAP, an ROI"]
    ]  # fmt: skip
    for name, left in _GROUPS.items():
        both = np.array([*left, *(i + 25 for i in left)]) - 1
        table.append(
            [
                name,
                f"{np.mean(result.correlation[both]):.2f}",
                f"{np.mean(np.array(CORRELATION)[both]):.2f}",
                f"{np.mean([lost[i - 1] for i in left]):.4f}" if lost else "",
                f"{100 * np.mean(np.array(SHAP_SHARE)[both]):.1f} %",
            ]
        )
    return table


def _markdown(result: Reproduction, figures: Iterable[Path]) -> str:
    what = "SIMULATED mice" if result.simulated else "the mice of the data given"
    effort = result.effort
    parts = [
        _TITLE,
        f"Measured on **{what}**, seed {result.seed}; ROI decoders: {effort.epochs} epochs, every "
        f"{effort.stride}. frame of the training mice, learning rate up to "
        f"{effort.learning_rate:g}. Published: PLoS Comput Biol 20(3): e1011074.",
    ]
    if result.simulated:
        parts.append(
            "Simulated mice were tuned to the paper's pattern of results: that they show it says "
            "that program and simulation work, and nothing of real animals."
        )
    parts += [
        "## AUC",
        _as_markdown(_auc_table(result)),
        f"p: Wilcoxon's rank-sum test against {REFERENCE}, Holm-corrected. Over models it is the "
        "paper's test, but the models share mice and are not independent: their n is the number "
        "of mice, and with five against five no p is below .008 even before correction. The last "
        "column says what the mice alone can say.",
    ]
    if any(ROWS[name].kind == "bundled" for name in result.scores):
        parts.append(
            "The rows of the bundled decoder were not trained on this cohort: it learned from "
            "other, simulated mice, and there is one model, not one for each pair."
        )
    parts += [
        "Best thresholds of the paper's models ranged "
        f"{THRESHOLDS[0]:.3f}–{THRESHOLDS[1]:.3f}: calibration does not transfer between mice.",
        "## By test mouse",
        _as_markdown(_mouse_table(result)),
    ]
    if result.run_fraction:
        published = "/".join(f"{value:.2f}" for value in RUN_FRACTION)
        parts.append(f"Published run fractions of mice 1–5: {published}.")
    if result.correlation is not None:
        parts += ["## What correlates, and what is needed", _as_markdown(_group_table(result))]
    parts += [f"![{figure.stem}]({figure.name})" for figure in figures]
    return "\n\n".join(parts) + "\n"


def _as_markdown(table: Table) -> str:
    head, *rows = table
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _write(path: Path, table: Table, overwrite: bool) -> None:
    kind = FILES[path.name]
    write_whole(path, csv_text(table), EvaluationError, kind=kind, overwrite=overwrite)
