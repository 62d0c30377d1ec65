"""The additive scorecard: points from the pack, reasons that are the score, missing adds nothing.

Points are counted in whole tenths, so sums are exact and do not depend on their order: one row scores alike alone, in a
batch, on any engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator

from fraudrisk.errors import InputError
from fraudrisk.packs import Pack, load_pack
from fraudrisk.packs.schema import GradeRule, Indicator, Points

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BOUND", "Scorecard"]

BOUND = "bound"
"""The contribution that keeps a score within 0 and 100, so that contributions still sum to it."""
_GRADES = ("A", "B", "C", "D")


class Scorecard(BaseEstimator):  # type: ignore[misc]
    """Score businesses by the pack's indicators.

    Parameters
    ----------
    pack : str, Path or Pack
        Whose indicators and grades.

    Examples
    --------
    >>> import pandas as pd
    >>> card = Scorecard("elder_fraud")
    >>> features = pd.DataFrame({"lost_contact": [1.0, 0.0], "serious_in_force": [1.0, None]}, index=["a", "b"])
    >>> card.assess(features)[["score", "grade"]].to_dict("list")
    {'score': [22.0, 0.0], 'grade': ['B', 'A']}
    >>> float(card.contributions(features).loc["a"].sum())
    22.0
    """

    def __init__(self, pack: str | Path | Pack = "elder_fraud") -> None:
        self.pack = pack

    def _checked(self) -> Pack:
        return self.pack if isinstance(self.pack, Pack) else load_pack(self.pack)

    @property
    def columns(self) -> list[str]:
        """Columns of :meth:`assess`, in order."""
        return ["score", "grade", *self._checked().indicators.indices]

    def fit(self, X: Any = None, y: Any = None) -> Scorecard:
        """Nothing to learn: the points stand in the pack."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def assess(self, X: pd.DataFrame) -> pd.DataFrame:
        """Score, grade and the points of each index.

        Parameters
        ----------
        X : DataFrame
            Features by name, one row per business. A column that is not there is missing for all.

        Returns
        -------
        DataFrame
            ``score`` (0–100), ``grade`` (A–D) and one column per index; same index as `X`.

        Raises
        ------
        InputError
            A feature that is no number; names it.
        """
        import pandas as pd

        return pd.DataFrame(self.score_arrays(_arrays(X), len(X)), index=X.index)

    def contributions(self, X: pd.DataFrame) -> pd.DataFrame:
        """Points of every indicator, and the bound; a row sums to its score."""
        import pandas as pd

        tenths = self._tenths(_arrays(X), len(X))
        return pd.DataFrame({name: points / 10 for name, points in tenths.items()}, index=X.index)

    def score_arrays(self, features: Mapping[str, Any], n: int) -> dict[str, Any]:
        """:meth:`assess` over plain arrays: what every engine calls."""
        pack = self._checked()
        tenths = self._tenths(features, n)
        total = sum(tenths.values(), np.zeros(n, np.int64))
        out: dict[str, Any] = {"score": total / 10, "grade": self._grade(total, features, n)}
        for name in pack.indicators.indices:
            out[name] = sum((tenths[i.id] for i in pack.indicators.indicators if i.index == name), np.zeros(n, np.int64)) / 10
        return out

    def _tenths(self, features: Mapping[str, Any], n: int) -> dict[str, Any]:
        indicators = self._checked().indicators.indicators
        tenths = {i.id: self._points(i, features, n) for i in indicators}
        others = sum((np.maximum(tenths[i.id], 0) for i in indicators if not i.never_alone), np.zeros(n, np.int64))
        for i in indicators:
            if i.never_alone:
                tenths[i.id] = np.where(others > 0, tenths[i.id], 0)
        raw = sum(tenths.values(), np.zeros(n, np.int64))
        return {**tenths, BOUND: np.clip(raw, 0, 1000) - raw}

    def _points(self, indicator: Indicator, features: Mapping[str, Any], n: int) -> Any:
        values = features.get(indicator.feature)
        if values is None:
            return np.zeros(n, np.int64)
        points = _to_tenths(indicator.points, values)
        for name in indicator.unless:
            if name in features:
                points = np.where(np.nan_to_num(features[name]) > 0, 0, points)
        for name in indicator.requires:
            present = np.nan_to_num(features[name]) > 0 if name in features else np.zeros(n, bool)
            points = np.where(present, points, 0)
        return points

    def _grade(self, total: Any, features: Mapping[str, Any], n: int) -> Any:
        file = self._checked().indicators
        bounds = np.array([round(file.grades[g] * 10) for g in _GRADES])  # type: ignore[index]
        grade = np.searchsorted(bounds, total, side="right") - 1
        for rule in file.grade_rules:
            holds = _holds(rule, features, n)
            if rule.at_most:
                grade = np.where(holds, np.minimum(grade, _GRADES.index(rule.at_most)), grade)
            if rule.at_least:
                grade = np.where(holds, np.maximum(grade, _GRADES.index(rule.at_least)), grade)
        return np.array(_GRADES, dtype=object)[grade]


def _to_tenths(points: Points, values: Any) -> Any:
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    if points.kind == "steps":
        table = np.array([0, *(round(p * 10) for _, p in points.steps)], np.int64)
        tenths = table[np.searchsorted([t for t, _ in points.steps], filled, side="right")]
    elif points.kind == "linear":
        tenths = np.rint(np.minimum(np.maximum(filled, 0) * points.per, points.max) * 10).astype(np.int64)
    else:
        tenths = np.rint(np.minimum(np.log10(1 + np.maximum(filled, 0)) * points.per, points.max) * 10).astype(np.int64)
    return np.where(known, tenths, 0)


def _holds(rule: GradeRule, features: Mapping[str, Any], n: int) -> Any:
    holds = np.ones(n, bool)
    for c in rule.all:
        values = features.get(c.feature)
        if values is None:
            return np.zeros(n, bool)
        known = ~np.isnan(values)
        holds &= known & (np.nan_to_num(values) >= (c.min if c.min is not None else -np.inf))
        holds &= np.nan_to_num(values) <= (c.max if c.max is not None else np.inf)
    return holds


def _arrays(frame: pd.DataFrame) -> dict[str, Any]:
    out = {}
    for name in frame.columns:
        try:
            out[str(name)] = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
        except (TypeError, ValueError) as error:
            raise InputError("a feature is no number", where=f"column {name}", mend="give numbers, missing as NaN") from error
    return out
