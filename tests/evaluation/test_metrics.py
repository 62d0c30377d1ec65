"""Measures at capacity against plain definitions, ties and all."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import cross_val_score
from sklearn.tree import DecisionTreeClassifier

from fraudrisk.errors import InputError
from fraudrisk.evaluation import TemporalSplit, at_capacity, audit, block_bootstrap, calibration_error, days_earlier, psi, refuse_banned


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2)), min_size=1, max_size=6), st.integers(1, 6))
def test_ties_are_averaged_over_every_order(rows: list[tuple[bool, int]], k: int) -> None:
    y, score = [int(a) for a, _ in rows], [b for _, b in rows]
    found = at_capacity(y, score, k)
    hits = [
        sum(y[i] for i in order[: min(k, len(y))])
        for order in itertools.permutations(range(len(y)))
        if all(score[a] >= score[b] for a, b in itertools.pairwise(order))
    ]
    assert found.hits == pytest.approx(np.mean(hits))
    assert (found.worst, found.best) == (min(hits), max(hits))


def test_nothing_is_made_up() -> None:
    none = at_capacity([0, 0], [1, 2], 1)
    assert none.precision == 0
    assert np.isnan(none.recall)
    with pytest.raises(InputError, match="do not fit"):
        at_capacity([1], [1, 2], 1)
    with pytest.raises(InputError, match="row 1"):
        at_capacity([1, 0], [1, np.nan], 1)


def test_days_earlier_hands_out_the_same_slots() -> None:
    days = pd.date_range("2025-01-01", periods=4)
    assert days_earlier([0, 0, 0, 1], [0, 0, 0, 1], days)["mean"] == 3
    assert days_earlier([1, 0, 0, 0], [0, 1, 1, 1], days) == {"mean": -3.0, "median": -3.0, "share_later": 1.0}
    assert days_earlier([1, 1, 0, 0], [5, 5, 5, 5], days)["mean"] == pytest.approx(-1.0)  # all tied: everybody gets the mean slot
    assert days_earlier([1, 0, 0, 0], [5, 5, 5, 5], days)["mean"] == pytest.approx(-1.5)


def test_calibration_and_stability() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(20_000)
    assert calibration_error(rng.random(20_000) < p, p) < 0.01
    assert calibration_error(rng.random(20_000) < p**2, p) > 0.1
    assert psi(p, rng.random(20_000)) < 0.01
    assert psi(p, p + 0.3) > 0.25
    assert psi([1.0, np.nan] * 50, [1.0] * 100) > 0.25  # what was missing and is not is another population
    assert psi(np.r_[0.98 + np.arange(500) * 1e-6, [3.0] * 20], np.r_[0.981 + np.arange(500) * 1e-6, [3.0] * 20]) < 0.1


def test_the_bootstrap_draws_whole_businesses() -> None:
    y = np.repeat([1.0, 0.0], 50)
    alone = block_bootstrap(lambda w: float(np.average(y, weights=w)), np.arange(100))
    together = block_bootstrap(lambda w: float(np.average(y, weights=w)), np.repeat([0, 1], 50))
    assert together[1] - together[0] > alone[1] - alone[0]
    assert alone[0] < 0.5 < alone[1]


def test_time_is_never_looked_through() -> None:
    days = pd.date_range("2025-01-01", periods=300)
    X = pd.DataFrame({"as_of": days, "x": np.arange(300)})
    split = TemporalSplit(["2025-05-01", "2025-08-01"], label_window="30D", gap="5D")
    folds = list(split.split(X))
    assert split.get_n_splits() == len(folds) == 2
    for (train, test), start in zip(folds, pd.to_datetime(["2025-05-01", "2025-08-01"]), strict=True):
        assert (days[train] + pd.Timedelta("35D") <= start).all()
        assert (days[test] >= start).all()
    assert days[folds[0][1]].max() < pd.Timestamp("2025-08-01")
    groups = np.arange(300) % 150
    for train, test in TemporalSplit(["2025-05-01"], label_window="30D", entity_disjoint=True).split(X, groups=groups):
        assert not set(groups[train]) & set(groups[test])
    y = (np.arange(300) % 3 == 0).astype(int)
    assert len(cross_val_score(DecisionTreeClassifier(), X[["x"]], y, cv=TemporalSplit(["2025-05-01"], time=days))) == 1
    for broken, message in (
        (TemporalSplit(["2024-01-01"]), "0 rows to learn from"),
        (TemporalSplit(["soon"]), "no date"),
        (TemporalSplit(["2025-05-01"], time="day"), "no column 'day'"),
        (TemporalSplit(["2025-05-01"], entity_disjoint=True), "groups"),
    ):
        with pytest.raises(InputError, match=message):
            list(broken.split(X))


def test_groups_with_few_rows_are_not_estimated() -> None:
    rng = np.random.default_rng(1)
    rows = pd.DataFrame({"kind": ["a"] * 500 + ["b"] * 12 + [None] * 40, "selected": (rng.random(552) < 0.4).astype(int), "y": 1.0})
    rows.loc[rows["selected"] == 0, "y"] = np.nan
    table = audit(rows, ["kind"]).set_index("group")
    assert table.loc["a", "precision"] == 1
    assert table.loc["a", "rate_low"] < table.loc["a", "selection_rate"] < table.loc["a", "rate_high"]
    assert table.loc["b", "note"] == "cannot be estimated (12 rows)"
    assert np.isnan(table.loc["b", "selection_rate"])
    assert "缺失" in table.index
    with pytest.raises(InputError, match="no column"):
        audit(rows, ["nothing"])


@pytest.mark.parametrize("name", ["complainant_hash", "legal_person_surname", "籍贯", "Inspector_Assigned", "投诉人性别"])
def test_features_of_persons_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=name):
        refuse_banned(["victims_30", name])
    refuse_banned(["victims_30", "sector"])
