"""Points learned from what was found: monotone weights of evidence within the pack's own bins, readable and changeable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import optimize, special

from fraudrisk.packs.schema import Indicator, Points

__all__ = ["refit_points"]

_DOUBLING = 10.0
"""Points that double the odds."""
_MOST = 30.0
_PRIOR = 2.0
"""Rows with the mean outcome that every bin is given beforehand; a bin of three rows says little."""


def refit_points(
    indicators: Mapping[str, Indicator], values: Mapping[str, Any], active: Mapping[str, Any], y: Any, weight: Any
) -> dict[str, Points]:
    """New points for every indicator whose feature is there.

    The weight of evidence of a bin is the log of its odds over those of the bin that gives nothing (Siddiqi 2006). Bins go the
    way the pack's points go, or give nothing; an indicator never changes sides. A logistic regression with weights between 0
    and 1 takes out what correlated indicators say twice.

    Parameters
    ----------
    indicators : mapping of str to Indicator
    values, active : mapping of str to ndarray
        Per indicator its feature's values, and the rows in which it may count (its conditions hold).
    y, weight : ndarray
    """
    base = float(np.average(y, weights=weight))
    woe: dict[str, tuple[list[float], Any, Any]] = {}
    for name, indicator in indicators.items():
        if name not in values:
            continue
        known = np.where(active[name], values[name], np.nan)
        bounds = _bounds(indicator.points, known)
        if not bounds:
            continue
        place = np.where(np.isnan(known), 0, np.searchsorted(bounds, np.nan_to_num(known), side="right"))
        woe[name] = bounds, _weights(indicator.points, bounds, place, y, weight, base), place
    shares = _shares([w[p] for _, w, p in woe.values()], y, weight)
    out = {}
    for (name, (bounds, weights, _)), share in zip(woe.items(), shares, strict=True):
        points = np.clip(np.round(weights[1:] * share * _DOUBLING / np.log(2), 1), -_MOST, _MOST)
        out[name] = Points(kind="steps", steps=[(float(b), float(p) + 0.0) for b, p in zip(bounds, points, strict=True)])
    return out


def _bounds(points: Points, values: Any) -> list[float]:
    if points.kind == "steps":
        return [float(t) for t, _ in points.steps]
    above = values[values > 0]
    return sorted({float(q) for q in np.quantile(above, (0.0, 0.5, 0.8))}) if len(above) else []


def _weights(points: Points, bounds: list[float], place: Any, y: Any, weight: Any, base: float) -> Any:
    """Weight of evidence per bin, the first bin's being 0, in the pack's direction."""
    size = len(bounds) + 1
    hits = np.bincount(place, weight * y, size) + _PRIOR * base
    rows = np.bincount(place, weight, size) + _PRIOR
    odds = special.logit(hits / rows)
    given = np.array([0.0, *(v for _, v in points.steps)]) if points.kind == "steps" else np.arange(size, dtype=float)
    side = 1.0 if given.max() > -given.min() else -1.0
    raised = np.maximum(side * (odds - odds[0]), 0.0)
    # within the bins, the order of the pack's points is the order of the evidence
    rank = np.argsort(side * given, kind="stable")
    from sklearn.isotonic import IsotonicRegression

    even = IsotonicRegression(y_min=0.0).fit_transform(np.arange(size), raised[rank], sample_weight=rows[rank])
    smooth = np.empty(size)
    smooth[rank] = even
    return side * np.where(np.arange(size) == 0, 0.0, smooth)


def _shares(columns: list[Any], y: Any, weight: Any) -> Any:
    if not columns:
        return np.empty(0)
    x = np.column_stack(columns)

    def loss(theta: Any) -> tuple[float, Any]:
        z = x @ theta[1:] + theta[0]
        d = weight * (special.expit(z) - y)
        pull = theta[1:] - 1.0
        value = np.sum(weight * (np.logaddexp(0, z) - y * z)) + 0.5 * np.sum(pull**2)
        return float(value), np.concatenate([[d.sum()], x.T @ d + pull])

    start = np.concatenate([[special.logit(np.clip(np.average(y, weights=weight), 1e-6, 1 - 1e-6))], np.full(x.shape[1], 0.5)])
    best = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(None, None)] + [(0.0, 1.0)] * x.shape[1])
    return best.x[1:]
