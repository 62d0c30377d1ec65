"""The additive scorecard: points from the pack, reasons that are the score, missing adds nothing.

Points are counted in whole tenths, so sums are exact and do not depend on their order: one row scores alike alone, in a
batch, on any engine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator

from fraudrisk.errors import InputError
from fraudrisk.files import atomic_text
from fraudrisk.packs import Pack, load_pack
from fraudrisk.packs.schema import GradeRule, Indicator, Points
from fraudrisk.scoring.refit import refit_points
from fraudrisk.scoring.targets import binary_target

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
    points : path or mapping, optional
        Other points for some indicators, as :meth:`to_json` wrote them; a person may have changed them.

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

    def __init__(self, pack: str | Path | Pack = "elder_fraud", points: str | Path | Mapping[str, Any] | None = None) -> None:
        self.pack = pack
        self.points = points

    def _checked(self) -> Pack:
        return self.pack if isinstance(self.pack, Pack) else load_pack(self.pack)

    @property
    def columns(self) -> list[str]:
        """Columns of :meth:`assess`, in order."""
        return ["score", "grade", *self._checked().indicators.indices]

    def fit(self, X: Any = None, y: Any = None, *, sample_weight: Any = None) -> Scorecard:
        """Without outcomes nothing is learned: the points stand in the pack. With them the points are fitted again.

        Parameters
        ----------
        X : DataFrame, optional
            Features by name.
        y : array of 0 and 1, optional
            What was found.
        sample_weight : array, optional

        Raises
        ------
        InputError
            One class only, or labels that do not fit the rows.
        """
        if y is None:
            return self
        _, code = binary_target(y, len(X))
        weight = np.ones(len(code)) if sample_weight is None else np.asarray(sample_weight, np.float64)
        features = _arrays(X)
        indicators = {i.id: i for i in self._checked().indicators.indicators}
        values = {name: features[i.feature] for name, i in indicators.items() if i.feature in features}
        active = {name: self._active(i, features, len(code)) for name, i in indicators.items()}
        self.points_ = refit_points(indicators, values, active, code, weight)
        return self

    def to_json(self, path: str | Path) -> None:
        """Write the points as plain JSON: indicator → ``[threshold, points]`` pairs, to be read and changed by people."""
        pack, given = self._checked(), self._given()
        rows = {
            i.id: {"label": i.label, "feature": i.feature, **given[i.id].model_dump(exclude_defaults=True)}
            for i in pack.indicators.indicators
        }
        with atomic_text(Path(path)) as stream:
            json.dump({"pack": pack.version, "points": rows}, stream, ensure_ascii=False, indent=1)
            stream.write("\n")

    def _given(self) -> dict[str, Points]:
        """Points in force, by indicator: learned, else given, else the pack's."""
        own = {i.id: i.points for i in self._checked().indicators.indicators}
        if hasattr(self, "points_"):
            return {**own, **self.points_}
        given = self._read_points() if self.points is not None else {}
        for name, row in given.items():
            try:
                own[name] = Points.model_validate({k: v for k, v in row.items() if k not in ("label", "feature")})
            except (AttributeError, ValueError) as error:
                raise InputError("these points cannot be read", where=f"indicator {name}", mend="write them as to_json does") from error
        return own

    def _read_points(self) -> Mapping[str, Any]:
        source = self.points
        if isinstance(source, str | Path):
            try:
                source = json.loads(Path(source).read_text(encoding="utf-8"))
            except (OSError, json.JSONDecodeError) as error:
                raise InputError("the points cannot be read", where=str(self.points), mend="name a file that to_json wrote") from error
        rows = (source or {}).get("points", source or {})
        unknown = sorted(set(rows) - {i.id for i in self._checked().indicators.indicators})
        if unknown:
            raise InputError(
                "the pack has no such indicator", where=f"points {', '.join(unknown[:5])}", mend="use the pack they were made for"
            )
        return dict(rows)

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
        given = self._given()
        tenths = {i.id: self._points(i, given[i.id], features, n) for i in indicators}
        others = sum((np.maximum(tenths[i.id], 0) for i in indicators if not i.never_alone), np.zeros(n, np.int64))
        for i in indicators:
            if i.never_alone:
                tenths[i.id] = np.where(others > 0, tenths[i.id], 0)
        raw = sum(tenths.values(), np.zeros(n, np.int64))
        return {**tenths, BOUND: np.clip(raw, 0, 1000) - raw}

    def _points(self, indicator: Indicator, given: Points, features: Mapping[str, Any], n: int) -> Any:
        values = features.get(indicator.feature)
        if values is None:
            return np.zeros(n, np.int64)
        if values.dtype == object:
            raise InputError("a feature is no number", where=f"column {indicator.feature}", mend="give numbers, missing as NaN")
        return np.where(self._active(indicator, features, n), _to_tenths(given, values), 0)

    def _active(self, indicator: Indicator, features: Mapping[str, Any], n: int) -> Any:
        """Rows in which the indicator's conditions hold."""
        holds = np.ones(n, bool)
        for name in indicator.unless:
            if name in features:
                holds &= ~(np.nan_to_num(features[name]) > 0)
        for name in indicator.requires:
            holds &= np.nan_to_num(features[name]) > 0 if name in features else False
        return holds

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
