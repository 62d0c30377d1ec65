"""How good a ranking is when only so many can be visited, and how sure that is.

Ties are not broken by luck: where several rows share the score at the cut, the value is the expectation over their orders,
with the best and the worst case beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fraudrisk.errors import InputError

__all__ = ["AtCapacity", "at_capacity", "average_precision", "block_bootstrap", "brier", "calibration_error", "days_earlier", "psi"]


@dataclass(frozen=True, slots=True)
class AtCapacity:
    """What the first k hold.

    ``hits`` is expected over tied orders, ``best`` and ``worst`` are its bounds; ``base`` is the share of positives in all.
    """

    k: int
    n: int
    positives: float
    hits: float
    best: float
    worst: float

    @property
    def precision(self) -> float:
        """Share of the k that are positive."""
        return self.hits / self.k if self.k else float("nan")

    @property
    def recall(self) -> float:
        """Share of the positives that are among the k."""
        return self.hits / self.positives if self.positives else float("nan")

    @property
    def base(self) -> float:
        """Precision of an order by lot."""
        return self.positives / self.n if self.n else float("nan")

    @property
    def lift(self) -> float:
        """Precision over that of an order by lot."""
        return self.precision / self.base if self.positives else float("nan")


def at_capacity(y: Any, score: Any, k: int) -> AtCapacity:
    """Count the positives among the `k` highest scores.

    Parameters
    ----------
    y : array of 0 and 1
    score : array of float
        Higher is looked at first.
    k : int
        Capacity; all rows where there are fewer.

    Examples
    --------
    >>> found = at_capacity([1, 0, 1, 0], [3, 2, 2, 1], 2)
    >>> found.hits, found.best, found.worst, found.precision
    (1.5, 2.0, 1.0, 0.75)
    """
    y, score = _pair(y, score)
    k = min(k, len(y))
    if not k:
        return AtCapacity(0, len(y), float(y.sum()), 0.0, 0.0, 0.0)
    cut = np.partition(score, len(score) - k)[len(score) - k]
    sure, tied = y[score > cut], y[score == cut]
    places, certain, among = k - len(sure), float(sure.sum()), float(tied.sum())
    worst = certain + max(0.0, places - (len(tied) - among))
    return AtCapacity(k, len(y), float(y.sum()), certain + places * among / len(tied), certain + min(places, among), worst)


def average_precision(y: Any, score: Any) -> float:
    """Area under precision and recall, ties taken together (scikit-learn's); nan where there is no positive."""
    from sklearn.metrics import average_precision_score

    y, score = _pair(y, score)
    return float(average_precision_score(y, score)) if y.sum() else float("nan")


def brier(y: Any, p: Any) -> float:
    """Mean squared error of probabilities (Brier 1950)."""
    y, p = _pair(y, p)
    return float(np.mean((p - y) ** 2))


def calibration_error(y: Any, p: Any, bins: int = 10) -> float:
    """Expected calibration error: mean distance between probability and frequency over equal-width bins (Naeini et al. 2015)."""
    y, p = _pair(y, p)
    place = np.minimum((p * bins).astype(int), bins - 1)
    counts = np.bincount(place, minlength=bins)
    gap = np.abs(np.bincount(place, p, bins) - np.bincount(place, y, bins))
    return float(gap[counts > 0].sum() / len(y))


def days_earlier(y: Any, score: Any, dates: Any) -> dict[str, float]:
    """How much sooner positives are reached when the same visits are made in order of the score.

    The calendar slots of the rows stay as they are and are handed out in order of the score (City of Chicago 2015); tied rows
    share the mean of their slots. Positive means earlier.

    Returns
    -------
    dict
        ``mean``, ``median`` (days) and ``share_later``: the positives that come later than they did.

    Examples
    --------
    >>> days_earlier([0, 1], [0.1, 0.9], ["2025-01-01", "2025-01-11"])
    {'mean': 10.0, 'median': 10.0, 'share_later': 0.0}
    """
    import pandas as pd

    y, score = _pair(y, score)
    day = pd.to_datetime(pd.Series(np.asarray(dates))).to_numpy().astype("datetime64[D]").astype(np.int64).astype(np.float64)
    order = np.argsort(-score, kind="stable")
    slots = np.sort(day)
    block = np.concatenate([[0], np.cumsum(np.diff(-score[order]) > 0)])
    mean = (np.bincount(block, slots) / np.bincount(block))[block]
    new = np.empty(len(y))
    new[order] = mean
    gain = (day - new)[y == 1]
    if not len(gain):
        return {"mean": float("nan"), "median": float("nan"), "share_later": float("nan")}
    return {"mean": float(gain.mean()), "median": float(np.median(gain)), "share_later": float((gain < 0).mean())}


def block_bootstrap(
    measure: Callable[[Any], float], entity: Any, *, rounds: int = 200, level: float = 0.9, seed: int = 0
) -> tuple[float, float]:
    """Interval of a measure when whole entities are drawn again, rows of one entity together.

    Parameters
    ----------
    measure : callable
        Weights (how often each row was drawn) → value; nan rounds are left out.
    entity : array
        Whose row it is.

    Returns
    -------
    low, high : float
        Percentile interval; nan where the measure is never a number.
    """
    codes = np.unique(np.asarray(entity), return_inverse=True)[1]
    n = codes.max() + 1 if len(codes) else 0
    random = np.random.default_rng(seed)
    values = [measure(np.bincount(random.integers(n, size=n), minlength=n)[codes].astype(float)) for _ in range(rounds)] if n else []
    known = np.array([v for v in values if v == v])
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def psi(expected: Any, actual: Any, bins: int = 10) -> float:
    """Population stability index of a column between two samples; missing values are a bin of their own.

    Below 0.1 nothing moved, from 0.25 the population is another (Siddiqi 2006). Bins are the quantiles of `expected`; values
    are first rounded to a hundredth of its range (1st to 99th percentile), so that a column all but constant does not cry wolf.

    Examples
    --------
    >>> psi([1, 2, 3, 4], [1, 2, 3, 4])
    0.0
    """
    expected, actual = np.asarray(expected, np.float64), np.asarray(actual, np.float64)
    if not len(expected) or not len(actual):
        raise InputError("there is nothing to compare", where="psi")
    known = expected[~np.isnan(expected)]
    if len(known):
        low, high = np.quantile(known, [0.01, 0.99])
        unit = (high - low) / 100 or 1.0
        known, expected, actual = (np.round(v / unit) for v in (known, expected, actual))
    edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)[1:-1])) if len(known) else np.empty(0)

    def shares(values: Any) -> Any:
        place = np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, side="right"))
        return (np.bincount(place, minlength=len(edges) + 2) + 1e-4) / (len(values) + 1e-4 * (len(edges) + 2))

    a, b = shares(expected), shares(actual)
    return round(float(np.sum((b - a) * np.log(b / a))), 6) + 0.0


def _pair(y: Any, score: Any) -> tuple[Any, Any]:
    y, score = np.asarray(y, np.float64), np.asarray(score, np.float64)
    if y.shape != score.shape or y.ndim != 1:
        raise InputError(f"{y.shape} labels do not fit {score.shape} scores", where="y, score")
    if np.isnan(score).any() or np.isnan(y).any():
        raise InputError("a label or a score is missing", where=f"row {int(np.flatnonzero(np.isnan(score) | np.isnan(y))[0])}")
    return y, score
