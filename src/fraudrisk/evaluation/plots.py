"""Pictures of a replay and of drift. Needs the extra ``plots``; without it the numbers are still written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fraudrisk.files import atomic_path

if TYPE_CHECKING:
    from fraudrisk.evaluation.backtest import Backtest

__all__ = ["plot_backtest", "save_figure"]

_STRONG, _PALE = "#1f5f8b", "#9aa5ad"


def plot_backtest(result: Backtest, path: Path) -> bool:
    """One page: precision with intervals, found against visited, date by date, and days earlier. False without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    summary = result.summary
    models = summary["models"]
    names = sorted(models, key=lambda n: models[n]["precision@k"])
    figure = Figure(figsize=(11, 7.5), layout="constrained")
    (bars, curve), (dates, days) = figure.subplots(2, 2)
    for row, name in enumerate(names):
        m = models[name]
        color = _STRONG if name == summary["champion"] else _PALE
        low, high = m["precision_interval"]
        bars.barh(row, m["precision@k"], color=color)
        bars.plot([low, high], [row, row], color="black", linewidth=1)
    bars.set_yticks(range(len(names)), names)
    bars.set_xlabel(f"precision at {summary.get('capacity', '')} a date (bar: 90 % interval)")
    for name in names[::-1]:
        found, visited = _gain(result.ranked, name)
        curve.plot(visited, found, label=name, linewidth=2 if name == summary["champion"] else 1)
        per = models[name]["per_date"]
        dates.plot([p["date"] for p in per], [p["hits"] / p["k"] if p["k"] else np.nan for p in per], marker="o", markersize=3, label=name)
    curve.set_xlabel("share visited")
    curve.set_ylabel("share of positives found")
    curve.legend(fontsize=7, loc="lower right")
    dates.set_ylabel("precision at capacity")
    dates.tick_params(axis="x", rotation=45, labelsize=7)
    known = [n for n in names if models[n]["days_earlier"]["mean"] is not None]
    days.barh(range(len(known)), [models[n]["days_earlier"]["mean"] for n in known], color=_PALE)
    for row, name in enumerate(known):
        d = models[name]["days_earlier"]
        days.annotate(
            f"found {d['found']:.0%}, later {d['share_later']:.0%}",
            (0, row),
            fontsize=7,
            va="center",
            xytext=(4, 0),
            textcoords="offset points",
        )
    days.set_yticks(range(len(known)), known)
    days.set_xlabel("days earlier (of those found)")
    figure.suptitle(f"{summary.get('outcome', '')} within {summary.get('window_days', '')} days; leads: {summary['champion']}", fontsize=11)
    save_figure(figure, path)
    return True


def save_figure(figure: Any, path: Path) -> None:
    """Write a figure whole, the same bytes for the same picture."""
    import matplotlib as mpl

    with mpl.rc_context({"svg.hashsalt": "fraudrisk"}), atomic_path(path) as part:
        figure.savefig(part, format="svg", metadata={"Date": None})


def _gain(rows: Any, name: str) -> tuple[Any, Any]:
    """Share of positives found along the order, all dates together."""
    y = np.concatenate([g.sort_values([name, "business_id"], ascending=[False, True])["y"].to_numpy() for _, g in rows.groupby("date")])
    place = np.concatenate([np.arange(len(g)) / len(g) for _, g in rows.groupby("date")])
    order = np.argsort(place, kind="stable")
    points = np.linspace(0, len(y) - 1, min(len(y), 200)).astype(int)
    return (np.cumsum(y[order]) / max(1.0, y.sum()))[points], place[order][points]
