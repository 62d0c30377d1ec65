"""Whom to take under limits: the solver's answer is the best there is, and the greedy rule keeps its bound."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraudrisk.clues import allocate as module
from fraudrisk.clues.allocate import EXACT, GREEDY, allocate

small = st.integers(0, 2)


def fits(rows: tuple[int, ...], groups: list[tuple[np.ndarray, np.ndarray]]) -> bool:
    return all((np.bincount(codes[list(rows)], minlength=len(limits)) <= limits).all() for codes, limits in groups if rows)


@settings(max_examples=60)
@given(
    rows=st.lists(st.tuples(st.integers(1, 50), small, small, small), min_size=1, max_size=9),
    limits=st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=3, max_size=3),
    capacity=st.integers(1, 6),
)
def test_exact_is_the_best_of_all(rows: list[tuple[int, int, int, int]], limits: list[tuple[int, int, int]], capacity: int) -> None:
    rows = sorted(rows, reverse=True)
    values = np.array([r[0] for r in rows], float)
    groups = [(np.array([r[k + 1] for r in rows]), np.array(limits[k])) for k in range(3)]
    mask, how = allocate(values, groups, capacity)
    best = max(
        (values[list(c)].sum() for k in range(capacity + 1) for c in combinations(range(len(rows)), k) if fits(c, groups)), default=0.0
    )
    assert how == EXACT
    assert mask.sum() <= capacity
    assert fits(tuple(np.flatnonzero(mask)), groups)
    assert values[mask].sum() == pytest.approx(best)


def test_where_greed_is_wrong_the_solver_is_asked() -> None:
    values = np.array([10.0, 9, 9])  # taking the first shuts out both others
    groups = [(np.array([0, 0, 1]), np.array([1, 1])), (np.array([0, 1, 0]), np.array([1, 1]))]
    mask, how = allocate(values, groups, 2)
    assert (mask.tolist(), how) == ([False, True, True], EXACT)


def test_too_many_for_the_solver_go_greedily_within_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    values = np.sort(rng.gamma(1, 10, 400))[::-1]
    groups = [(rng.integers(0, 6, 400), np.full(6, 8)), (rng.integers(0, 5, 400), np.full(5, 9)), (rng.integers(0, 4, 400), np.full(4, 11))]
    best, how = allocate(values, groups, 40)
    assert how == EXACT
    monkeypatch.setattr(module, "_EXACT_MOST", 10)
    greedy, how = allocate(values, groups, 40)
    assert how == GREEDY
    assert values[best].sum() / 4 <= values[greedy].sum() <= values[best].sum() + 1e-9
