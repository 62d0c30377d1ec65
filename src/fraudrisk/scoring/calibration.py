"""From a model's margin to a probability that holds on a later period (Platt 1999), for each group apart where it pays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import special

__all__ = ["Calibration"]

_FEWEST = 20
"""Positives and negatives a group needs for a line of its own."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """``p = 1 / (1 + exp(-(slope * margin + shift)))``; order within a group is never changed.

    Parameters
    ----------
    slope, shift : float
    groups : dict
        Group → (slope, shift), for groups with a line of their own.
    """

    slope: float = 1.0
    shift: float = 0.0
    groups: dict[str, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def fit(cls, margin: Any, y: Any, weight: Any | None = None, group: Any | None = None) -> Calibration:
        """Learn from margins of rows the model did not learn from.

        Parameters
        ----------
        margin, y : ndarray
        weight : ndarray, optional
        group : ndarray of float, optional
            A group with at least 20 of either outcome gets its own line.
        """
        slope, shift = _line(margin, y, weight)
        own = {}
        for name in np.unique(group[~np.isnan(group)]) if group is not None else ():
            rows = group == name
            if min(y[rows].sum(), (1 - y[rows]).sum()) >= _FEWEST:
                own[f"{name:g}"] = _line(margin[rows], y[rows], None if weight is None else weight[rows])
        return cls(slope, shift, own)

    def margin(self, raw: Any, group: Any | None = None) -> Any:
        """The calibrated margin (log-odds)."""
        slope, shift = self.lines(len(raw), group)
        return slope * raw + shift

    def lines(self, n: int, group: Any | None = None) -> tuple[Any, Any]:
        """Slope and shift of every row."""
        slope, shift = np.full(n, self.slope), np.full(n, self.shift)
        if group is not None:
            for name, (a, b) in self.groups.items():
                rows = group == float(name)
                slope[rows], shift[rows] = a, b
        return slope, shift

    def meta(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"slope": self.slope, "shift": self.shift, "groups": {k: list(v) for k, v in self.groups.items()}}

    @classmethod
    def from_meta(cls, meta: dict[str, Any]) -> Calibration:
        """From :meth:`meta`."""
        return cls(meta["slope"], meta["shift"], {k: (v[0], v[1]) for k, v in meta["groups"].items()})


def _line(margin: Any, y: Any, weight: Any | None) -> tuple[float, float]:
    """Logistic regression on one variable, drawn a little towards the margin as it is."""
    from scipy.optimize import minimize

    w = np.ones(len(y)) if weight is None else weight

    def loss(line: Any) -> float:
        z = line[0] * margin + line[1]
        return float(np.sum(w * (np.logaddexp(0, z) - y * z)) + 0.5 * ((line[0] - 1) ** 2 + 0.01 * line[1] ** 2))

    def slope(line: Any) -> Any:
        d = w * (special.expit(line[0] * margin + line[1]) - y)
        return np.array([d @ margin + line[0] - 1, d.sum() + 0.01 * line[1]])

    best = minimize(loss, np.array([1.0, 0.0]), jac=slope, method="BFGS")
    return (float(best.x[0]), float(best.x[1])) if best.x[0] > 0 else (1.0, float(best.x[1]))
