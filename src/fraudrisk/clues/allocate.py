"""Whom to take when every group has a limit: exact where a solver is quick, else by a greedy rule with a proved bound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["EXACT", "GREEDY", "allocate"]

EXACT, GREEDY = "最优", "贪心"
_EXACT_MOST = 20_000
"""Candidates the solver is asked about; more are taken greedily."""


def allocate(values: Any, groups: Sequence[tuple[Any, Any]], capacity: int) -> tuple[Any, str]:
    """Choose rows with the largest sum of values, within the capacity and the limit of every group.

    Taking the best that still fits gives the best sum where nothing was passed over for a limit, and at least 1/(k+1) of it for
    k kinds of groups (Korte & Hausmann 1978: the greedy rule on an intersection of matroids). Where something was passed over,
    the integer programme is solved to the end by HiGHS (scipy), over the rows that can matter: of those alike in every group only
    as many as their limits allow.

    Parameters
    ----------
    values : ndarray of float
        Above 0, in descending order; equal values in the order in which they are preferred.
    groups : sequence of (codes, limits)
        For every kind of group an integer code per row, and an array with the limit of each code.
    capacity : int
        Most rows chosen.

    Returns
    -------
    mask : ndarray of bool
    how : str
        :data:`EXACT` or :data:`GREEDY`.

    Examples
    --------
    >>> allocate(np.array([9.0, 8, 7]), [(np.array([0, 0, 1]), np.array([1, 1]))], 2)[0].tolist()
    [True, False, True]
    """
    mask, passed = _greedy(values, groups, capacity)
    if not passed or not len(groups):
        return mask, EXACT
    few = _can_matter(groups, capacity, len(values))
    if not len(few):
        return mask, EXACT
    if len(few) > _EXACT_MOST:
        return mask, GREEDY
    solved = _solve(values[few], [(codes[few], limits) for codes, limits in groups], capacity)
    if solved is None or values[few][solved].sum() <= values[mask].sum() * (1 + 1e-9):
        return mask, GREEDY if solved is None else EXACT
    exact = np.zeros(len(values), bool)
    exact[few[solved]] = True
    return exact, EXACT


def _greedy(values: Any, groups: Sequence[tuple[Any, Any]], capacity: int) -> tuple[Any, bool]:
    mask = np.zeros(len(values), bool)
    left = [limits.tolist() for _, limits in groups]
    rows = zip(*(codes.tolist() for codes, _ in groups), strict=True) if groups else ((),) * len(values)
    taken, passed = 0, False
    for row, keys in enumerate(rows):
        if taken == capacity:
            break
        if all(limits[key] > 0 for limits, key in zip(left, keys, strict=True)):
            mask[row] = True
            taken += 1
            for limits, key in zip(left, keys, strict=True):
                limits[key] -= 1
        else:
            passed = True
    return mask, passed


def _can_matter(groups: Sequence[tuple[Any, Any]], capacity: int, n: int) -> Any:
    """Of rows alike in every group, the first ones: no more than their tightest limit can be chosen."""
    import pandas as pd

    cells = pd.DataFrame({k: codes for k, (codes, _) in enumerate(groups)})
    place = cells.groupby(list(cells), sort=False).cumcount().to_numpy()
    tightest = np.minimum.reduce([np.full(n, capacity), *(limits[codes] for codes, limits in groups)])
    return np.flatnonzero(place < tightest)


def _solve(values: Any, groups: Sequence[tuple[Any, Any]], capacity: int) -> Any | None:
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array, vstack

    n = len(values)
    rows = [csr_array(np.ones((1, n)))]
    limits = [np.array([capacity])]
    for codes, most in groups:
        rows.append(csr_array((np.ones(n), (codes, np.arange(n))), shape=(len(most), n)))
        limits.append(most)
    answer = milp(
        -values / values.max(), integrality=np.ones(n, np.int64), bounds=Bounds(0, 1),
        constraints=LinearConstraint(vstack(rows), ub=np.concatenate(limits).astype(np.float64)),
        options={"mip_rel_gap": 0.0, "time_limit": 60.0},
    )  # fmt: skip
    return None if answer.status != 0 else np.flatnonzero(answer.x > 0.5)
