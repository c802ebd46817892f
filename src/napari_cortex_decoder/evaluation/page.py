"""The report of an evaluation as one page that opens in any browser, all pictures in it."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from napari_cortex_decoder import __version__
from napari_cortex_decoder.evaluation.measures import Summary, by_mouse, over_mice
from napari_cortex_decoder.evaluation.scores import holm

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from napari_cortex_decoder.evaluation.results import Found

_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_NULL, _MEAN = "0.6", "0.35"


def page(report: Found) -> str:
    """Return the HTML of a report; names that come from files are escaped."""
    from jinja2 import Environment

    template = files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    names = list(dict.fromkeys(name for one in report.results for name in one.scores))
    return (
        Environment(autoescape=True, keep_trailing_newline=True)
        .from_string(template)
        .render(
            title=f"Evaluation: {report.protocol}",
            mice=len({one.mouse for one in report.results}),
            sessions=len({name for one in report.results for name in one.sessions}),
            version=__version__,
            date=datetime.now(UTC).date().isoformat(),
            said=report.honest,
            dots=_svg(_dots(report)),
            overall=_overall(report),
            comparisons=[
                (
                    f"{c.one} − {c.other}",
                    c.mice,
                    f"{c.difference:+.3f}",
                    "too few mice" if c.p is None else f"{c.p:.2g}",
                )
                for c in report.comparisons
            ],
            groups=_groups(report),
            scores=names,
            every=[
                (report.name_of(row), *(_cell(over_mice(own, name)) for name in names))
                for row, own in report.rows.items()
            ],
            reliability=_svg(_reliability(report)),
            by_mouse=[
                (
                    one.mouse,
                    ", ".join(filter(None, [report.name_of(one.row), one.model])),
                    ", ".join(one.sessions),
                    one.frames,
                    *(
                        _number(one.scores.get(name))
                        for name in (
                            "AUC",
                            "AUC, labels shifted",
                            "balanced accuracy",
                            "F1 of bouts",
                            "onset error (s)",
                        )
                    ),
                )
                for one in report.results
            ],
            settings=report.settings.items(),
        )
    )


def _overall(report: Found) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for row, own in report.summaries().items():
        interval = "" if own.low is None else f"{own.low:.3f}–{own.high:.3f}"
        beside = ("AUC, labels shifted", "AUC, labels of another session", "AUC, the frame's mean")
        rows.append(
            (
                report.name_of(row),
                own.mice,
                f"{own.mean:.3f}",
                interval,
                f"{own.worst:.3f}",
                *(_cell(over_mice(report.rows[row], name)) for name in beside),
            )
        )
    return rows


def _groups(report: Found) -> list[tuple[object, ...]]:
    """Compare groups of mice by the AUC of each mouse."""
    from scipy.stats import kruskal

    of = {one.mouse: one.group for one in report.results if one.group}
    if len(set(of.values())) < 2:
        return []
    rows, tested = [], []
    for row, own in report.rows.items():
        groups: dict[str, list[float]] = {}
        for mouse, value in by_mouse(own, "AUC").items():
            if mouse in of:
                groups.setdefault(of[mouse], []).append(value)
        values = list(groups.values())
        enough = len(values) > 1 and min(map(len, values)) > 1 and np.ptp(np.concatenate(values))
        tested.append(float(kruskal(*values).pvalue) if enough else None)
        means = (f"{np.mean(own):.3f}" for own in values)
        counts = " / ".join(str(len(own)) for own in values)
        rows.append((report.name_of(row), " / ".join(groups), counts, " / ".join(means)))
    corrected = iter(holm([p for p in tested if p is not None]))
    said = ("too few mice" if p is None else f"{next(corrected):.2g}" for p in tested)
    return [(*row, p) for row, p in zip(rows, said, strict=True)]


def _dots(report: Found) -> Figure:
    """Draw the AUC of each mouse, mean and interval; over minutes or days where there are any."""
    from matplotlib.figure import Figure

    summaries = report.summaries()
    if any(at is not None for _, _, at in summaries):
        return _curves(report)
    figure = Figure(figsize=(7, 0.9 + 0.45 * len(summaries)), layout="constrained")
    axes = figure.subplots()
    for y, (row, own) in enumerate(summaries.items()):
        values = list(by_mouse(report.rows[row], "AUC").values())
        axes.plot(values, np.full(len(values), y), "o", ms=5, alpha=0.5, color=_COLORS[0])
        if own.low is not None and own.high is not None:
            axes.plot([own.low, own.high], [y - 0.22] * 2, color="k", lw=1.5)
        axes.plot(own.mean, y - 0.22, "D", ms=6, color="k", label="" if y else "mean, 95 %")
        for name, color, mark in (
            ("AUC, labels shifted", _NULL, "|"),
            ("AUC, the frame's mean", _MEAN, "x"),
        ):
            found = over_mice(report.rows[row], name)
            if found is not None:
                label = "" if y else name.removeprefix("AUC, ")
                axes.plot(found.mean, y, mark, ms=12, mew=2, color=color, label=label)
    axes.axvline(0.5, color=_NULL, lw=0.8, ls=":")
    axes.set_yticks(range(len(summaries)), [report.name_of(row) for row in summaries])
    axes.set(xlabel="AUC, a dot a mouse", ylim=(len(summaries) - 0.4, -0.7))
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def _curves(report: Found) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    curves: dict[str, list[tuple[float, str, float]]] = {}
    for (decoder, kind, at), own in report.rows.items():
        for mouse, value in by_mouse(own, "AUC").items():
            name = ", ".join(filter(None, [decoder, kind]))
            curves.setdefault(name, []).append((at or 0.0, mouse, value))
    for number, (name, points) in enumerate(curves.items()):
        color = _COLORS[number % len(_COLORS)]
        for mouse in dict.fromkeys(mouse for _, mouse, _ in points):
            line = sorted((at, value) for at, other, value in points if other == mouse)
            axes.plot(*np.transpose(line), "-o", ms=3, lw=0.8, alpha=0.4, color=color)
        places = sorted({at for at, _, _ in points})
        means = [np.mean([value for at, _, value in points if at == place]) for place in places]
        axes.plot(places, means, "-D", ms=6, lw=2, color=color, label=name)
    axes.axhline(0.5, color=_NULL, lw=0.8, ls=":")
    days = report.protocol == "ageing"
    axes.set(
        xlabel="days since training" if days else "minutes of the new mouse's labels",
        ylabel="AUC, a line a mouse",
    )
    axes.legend(frameon=False)
    return figure


def _reliability(report: Found) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=_NULL, lw=0.8, ls=":")
    for number, (row, own) in enumerate(report.rows.items()):
        bins: dict[int, list[tuple[float, float, int]]] = {}
        for said, true, frames in (point for one in own for point in one.reliability):
            bins.setdefault(min(int(10 * said), 9), []).append((said, true, frames))
        points = [
            np.average([p[:2] for p in some], axis=0, weights=[p[2] for p in some])
            for _, some in sorted(bins.items())
        ]
        color = _COLORS[number % len(_COLORS)]
        axes.plot(*np.transpose(points), "-o", ms=4, color=color, label=report.name_of(row))
    axes.set(xlabel="probability said", ylabel="share that came true", xlim=(0, 1), ylim=(0, 1))
    axes.legend(frameon=False, fontsize="small")
    return figure


def _svg(figure: Figure) -> str:
    """Return a figure as part of a page; text stays text."""
    from matplotlib import rc_context

    content = io.StringIO()
    with rc_context({"svg.fonttype": "none"}):
        figure.savefig(
            content, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
        )
    text = content.getvalue()
    return text[text.index("<svg") :]


def _cell(summary: Summary | None) -> str:
    return "" if summary is None else _number(summary.mean)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
