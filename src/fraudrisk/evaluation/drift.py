"""Whether the world a model was made for is still there: population, category mix, calibration and list precision by month."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fraudrisk.errors import InputError
from fraudrisk.evaluation.fairness import wilson
from fraudrisk.evaluation.metrics import calibration_error, psi
from fraudrisk.evaluation.plots import save_figure
from fraudrisk.files import atomic_text

if TYPE_CHECKING:
    import datetime as dt

    import pandas as pd

    from fraudrisk.workspace import Workspace

__all__ = ["Drift", "monitor", "verdict"]

_WATCH, _ACT = 0.1, 0.25
"""Bounds of the population stability index (Siddiqi 2006)."""
_CALIBRATION = 0.05
_FEWEST = 30
_VERDICTS = {"steady": "平稳", "watch": "留意", "act": "须重估"}


@dataclass(frozen=True)
class Drift:
    """What moved between runs.

    Parameters
    ----------
    stability : DataFrame
        ``run, column, psi, verdict`` against the first run.
    mix : DataFrame
        Share of each complaint category by month of report.
    precision : DataFrame
        ``month, checked, hits, precision, low, high`` of concluded clues.
    calibration : DataFrame
        ``run, n, ece`` where a probability and outcomes are there; empty else.
    verdict : str
        ``steady``, ``watch`` or ``act``.
    reasons : tuple of str
    """

    stability: pd.DataFrame
    mix: pd.DataFrame
    precision: pd.DataFrame
    calibration: pd.DataFrame
    verdict: str
    reasons: tuple[str, ...]

    def text(self) -> str:
        """For a terminal."""
        lines = [f"verdict: {self.verdict} ({_VERDICTS[self.verdict]})", *(f"  {r}" for r in self.reasons)]
        moved = self.stability[self.stability["psi"] >= _WATCH].sort_values("psi", ascending=False).head(12)
        lines += [f"  {r.run}  {r.column:28} PSI {r.psi:.3f}  {r.verdict}" for r in moved.itertuples()]
        return "\n".join(lines)

    def save(self, folder: str | Path) -> Path:
        """Write ``monitor.json``, ``stability.csv`` and, where matplotlib is installed, ``monitor.svg``."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_text(folder / "stability.csv", encoding="utf-8-sig", newline="") as stream:
            self.stability.to_csv(stream, index=False)
        self._plot(folder / "monitor.svg")
        with atomic_text(folder / "monitor.json") as stream:
            json.dump(
                {
                    "verdict": self.verdict,
                    "reasons": list(self.reasons),
                    "stability": json.loads(self.stability.to_json(orient="records")),
                    "mix": json.loads(self.mix.to_json(orient="split")),
                    "precision": json.loads(self.precision.to_json(orient="records")),
                    "calibration": json.loads(self.calibration.to_json(orient="records")),
                },
                stream,
                ensure_ascii=False,
                indent=1,
            )
        return folder

    def _plot(self, path: Path) -> None:
        try:
            from matplotlib.figure import Figure
        except ImportError:
            return
        figure = Figure(figsize=(11, 7), layout="constrained")
        (stability, mix), (precision, calibration) = figure.subplots(2, 2)
        for name, rows in self.stability.groupby("column"):
            top = rows["psi"].max()
            stability.plot(
                rows["run"], rows["psi"], linewidth=2 if name == "score" else 0.7, label=name if top >= _WATCH or name == "score" else None
            )
        for bound in (_WATCH, _ACT):
            stability.axhline(bound, color="grey", linestyle=":")
        stability.set_ylabel("PSI against the first run")
        stability.tick_params(axis="x", rotation=45, labelsize=7)
        if len(self.stability):
            stability.legend(fontsize=6)
        for name in self.mix.columns:
            mix.plot(self.mix.index, self.mix[name], label=name)
        mix.set_ylabel("share of complaints read")
        mix.tick_params(axis="x", rotation=45, labelsize=7)
        if len(self.mix):
            mix.legend(fontsize=6)
        known = self.precision.dropna(subset=["precision"])
        precision.errorbar(
            known["month"].astype(str),
            known["precision"],
            yerr=[known["precision"] - known["low"], known["high"] - known["precision"]],
            fmt="o",
        )
        precision.set_ylabel("precision of concluded clues")
        precision.tick_params(axis="x", rotation=45, labelsize=7)
        calibration.plot(self.calibration["run"], self.calibration["ece"], marker="o")
        calibration.axhline(_CALIBRATION, color="grey", linestyle=":")
        calibration.set_ylabel("calibration error")
        save_figure(figure, path)


def monitor(workspace: Workspace, *, outcomes: pd.DataFrame | None = None, runs: Sequence[dt.date] | None = None) -> Drift:
    """Hold every finished run against the first.

    Parameters
    ----------
    workspace : Workspace
        With at least two finished runs.
    outcomes : DataFrame, optional
        ``month``, ``y`` and, for calibration, ``probability`` of concluded clues; the ``outcome`` table where not given.
    runs : sequence of date, optional
        All where not given.

    Raises
    ------
    InputError
        Fewer than two runs.
    """
    import pandas as pd

    days = sorted(runs or workspace.runs())
    if len(days) < 2:
        raise InputError(
            f"{len(days)} finished run(s) leave nothing to compare",
            where=str(workspace.path),
            mend="run again on a later date: fraudrisk run",
        )
    base_features, base_scores = (getattr(workspace.result(days[0]), n)() for n in ("features", "scores"))
    lines = []
    for day in days[1:]:
        result = workspace.result(day)
        features, scores = result.features(), result.scores()
        for name in features.columns.drop("business_id"):
            if name in base_features and pd.api.types.is_numeric_dtype(features[name]):
                lines.append((day.isoformat(), name, psi(base_features[name], features[name])))
        lines.append((day.isoformat(), "score", psi(base_scores["score"], scores["score"])))
    stability = pd.DataFrame(lines, columns=["run", "column", "psi"])
    stability["verdict"] = np.select([stability["psi"] >= _ACT, stability["psi"] >= _WATCH], ["act", "watch"], "steady")
    outcomes = _concluded(workspace) if outcomes is None else outcomes
    precision, calibration = _precision(outcomes), _calibration(outcomes)
    word, reasons = verdict(stability, precision, calibration)
    return Drift(stability, _mix(workspace, days[-1]), precision, calibration, word, tuple(reasons))


def verdict(stability: pd.DataFrame, precision: pd.DataFrame, calibration: pd.DataFrame) -> tuple[str, list[str]]:
    """One of ``steady``, ``watch``, ``act``, with the reasons.

    ``act`` where the latest scores moved by a PSI of 0.25, probabilities are off by 0.1, or the last month's precision lies
    below every earlier interval; ``watch`` from 0.1 and 0.05 on, or where a feature moved by 0.25.
    """
    reasons, level = [], 0
    last = stability[stability["run"] == stability["run"].max()] if len(stability) else stability
    score = float(last.loc[last["column"] == "score", "psi"].max()) if len(last) else 0.0
    if score >= _WATCH:
        level = max(level, 2 if score >= _ACT else 1)
        reasons.append(f"the scores moved: PSI {score:.3f} (0.1 watch, 0.25 act)")
    moved = last[(last["column"] != "score") & (last["psi"] >= _ACT)]
    if len(moved):
        level = max(level, 1)
        reasons.append(
            f"{len(moved)} feature(s) moved by 0.25 or more: {', '.join(moved.sort_values('psi', ascending=False)['column'].head(5))}"
        )
    if len(calibration):
        error = float(calibration["ece"].iloc[-1])
        if error >= _CALIBRATION:
            level = max(level, 2 if error >= 2 * _CALIBRATION else 1)
            reasons.append(f"probabilities are off by {error:.3f} on average (bound {_CALIBRATION})")
    known = precision.dropna(subset=["precision"])
    if len(known) >= 3 and known["high"].iloc[-1] < known["low"].iloc[:-1].min():
        level = 2
        reasons.append(f"precision of the last month ({known['precision'].iloc[-1]:.2f}) lies below every earlier interval")
    return ("steady", "watch", "act")[level], reasons or ["nothing moved beyond its bound"]


def _concluded(workspace: Workspace) -> pd.DataFrame:
    import pandas as pd

    if "outcome" not in workspace.loaded:
        return pd.DataFrame(columns=["month", "y"])
    table = workspace.table("outcome").dropna(subset=["conclusion"])
    found = table["conclusion"].isin(["属实", "部分属实"]) | table["conclusion"].str.startswith("移送")
    known = found | (table["conclusion"] == "不属实")
    months = pd.to_datetime(table["concluded_on"].fillna(table["checked_on"])).dt.to_period("M").astype(str)
    return pd.DataFrame({"month": months, "y": found.astype(float)})[known]


def _precision(outcomes: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for month, part in outcomes.groupby("month"):
        low, high = wilson(part["y"].sum(), len(part))
        rows.append(
            {"month": month, "checked": len(part), "hits": int(part["y"].sum()), "precision": part["y"].mean(), "low": low, "high": high}
        )
    return pd.DataFrame(rows, columns=["month", "checked", "hits", "precision", "low", "high"])


def _calibration(outcomes: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    if "probability" not in outcomes:
        return pd.DataFrame(columns=["run", "n", "ece"])
    rows = [(m, len(p), calibration_error(p["y"], p["probability"])) for m, p in outcomes.groupby("month") if len(p) >= _FEWEST]
    return pd.DataFrame(rows, columns=["run", "n", "ece"])


def _mix(workspace: Workspace, day: dt.date) -> pd.DataFrame:
    """Share of each category by month, as the latest run read them."""
    import pandas as pd
    import pyarrow.parquet as pq

    result = workspace.result(day)
    if "complaint" not in result.manifest["inputs"]:
        return pd.DataFrame()
    facts = pq.read_table(
        result.folder / "work" / result.manifest["digest"] / "fact_complaint.parquet", columns=["record_id", "happened_on", "category"]
    ).to_pandas()
    facts = facts.drop_duplicates("record_id")
    month = pd.to_datetime(facts["happened_on"]).dt.to_period("M").astype(str)
    return pd.crosstab(month, facts["category"], normalize="index")
