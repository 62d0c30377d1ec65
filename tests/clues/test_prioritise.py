"""Places drawn by lot: the same on every machine, each with its chance, and good for an honest estimate of what a list misses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraudrisk.clues.prioritise import DIRECTED, EXPLORED, prioritise
from fraudrisk.errors import InputError
from fraudrisk.outcomes.estimates import missed


def scored(n: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    score = rng.gamma(1.5, 12, n).clip(0, 100)
    return pd.DataFrame(
        {"business_id": [f"b{i:06d}" for i in range(n)], "score": score, "grade": np.array(list("ABCD"))[np.digitize(score, [20, 40, 60])]}
    )


@given(n=st.integers(1, 200), capacity=st.integers(1, 60), explore=st.sampled_from([0.0, 0.08, 0.3]))
def test_places_are_kept_apart(n: int, capacity: int, explore: float) -> None:
    rows = scored(n)
    picked = prioritise(rows, capacity, explore=explore, draw="2026-11-01")
    drawn = picked[picked["selection_reason"] == EXPLORED]
    directed = picked[picked["selection_reason"] == DIRECTED]
    assert picked["business_id"].is_unique
    assert len(picked) <= capacity
    places = [int(explore * capacity), int(explore * capacity) + (explore * capacity % 1 > 0)]
    assert len(directed) <= capacity - places[0]
    assert len(drawn) in [min(p, n - len(directed)) for p in places]
    if len(drawn):
        assert np.allclose(drawn["propensity"], len(drawn) / (n - len(directed)))
    assert (directed["propensity"] == 1).all()
    assert picked["rank"].tolist() == list(range(1, len(picked) + 1))
    again = prioritise(rows.sample(frac=1, random_state=1), capacity, explore=explore, draw="2026-11-01")
    assert again["business_id"].tolist() == picked["business_id"].tolist()


def test_a_short_list_explores_now_and_then() -> None:
    rows = scored(60)
    drawn = [len(prioritise(rows, 10, explore=0.08, draw=str(d)).query("selection_reason == '探索'")) for d in range(300)]
    assert set(drawn) == {0, 1}
    assert abs(np.mean(drawn) - 0.8) < 0.08


def test_another_draw_is_another_lot() -> None:
    rows = scored(500)
    a, b = (
        set(prioritise(rows, 50, explore=0.2, draw=d).query("selection_reason == '探索'")["business_id"])
        for d in ("2026-11-01", "2026-12-01")
    )
    assert a != b
    with pytest.raises(InputError, match="exploration share"):
        prioritise(rows, 50, explore=1.0)


def test_the_estimate_covers_the_truth() -> None:
    """Fifty seeds: what the list misses lies within the interval at least as often as it says."""
    covered, expected = 0, []
    for seed in range(50):
        rows = scored(3000, seed)
        rng = np.random.default_rng(1000 + seed)
        fraud = pd.Series((rng.random(len(rows)) < 0.02 + rows["score"] / 500).to_numpy(), index=rows["business_id"])
        picked = prioritise(rows, 600, explore=0.2, draw=str(seed))
        drawn = picked[picked["selection_reason"] == EXPLORED]["business_id"]
        directed = picked[picked["selection_reason"] == DIRECTED]["business_id"]
        truth = int(fraud.drop(directed).sum())
        estimate = missed(len(rows) - len(directed), len(drawn), int(fraud[drawn].sum()))
        covered += estimate.low <= truth <= estimate.high
        expected.append(estimate.expected / truth)
    assert covered >= 45
    assert abs(np.mean(expected) - 1) < 0.1
    with pytest.raises(InputError, match="cannot be"):
        missed(10, 5, 6)


def spread(n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    return scored(n).assign(
        district=rng.choice(list("abc"), n, p=[0.8, 0.1, 0.1]), sector=rng.choice(["s1", "s2"], n), owner=rng.choice(["市场监管", "民政"], n),
        watch=True, held=None,
    )  # fmt: skip


def test_a_department_is_never_given_more_than_it_can_check() -> None:
    picked = prioritise(spread(), 60, department_capacity={"民政": 3}, weeks=4, explore=0.1)
    directed = picked[picked["selection_reason"] == DIRECTED]
    assert (directed["owner"] == "民政").sum() == 12
    assert directed[directed["owner"] == "民政"]["week"].value_counts().to_dict() == {1: 3, 2: 3, 3: 3, 4: 3}
    assert len(directed) == 54  # what 民政 cannot take goes to the others
    assert picked["week"].between(1, 4).all()
    assert not (prioritise(spread(), 60, department_capacity={"民政": 0})["owner"] == "民政").any()


def test_expected_harm_decides_and_equal_ones_go_by_id() -> None:
    rows = scored(50).assign(expected_harm=1.0)
    assert prioritise(rows.assign(score=50.0), 5)["business_id"].tolist() == sorted(rows["business_id"])[:5]
    rows.loc[40, "expected_harm"] = 2.0
    assert prioritise(rows, 5)["business_id"].iloc[0] == rows["business_id"][40]


def test_who_is_held_back_is_neither_chosen_nor_drawn() -> None:
    rows = spread()
    top = prioritise(rows, 10)["business_id"]
    rows["held"] = rows["business_id"].where(rows["business_id"].isin(top)).map(lambda b: "在办" if isinstance(b, str) else None)
    assert not set(prioritise(rows, 60, explore=0.5)["business_id"]) & set(top)


def test_a_silent_sector_is_asked_and_another_business_next_month() -> None:
    rows = spread().assign(sector=lambda f: np.where(f.index % 20 == 0, "silent", f["sector"]))
    rows.loc[rows["sector"] == "silent", ["score", "grade"]] = [0.0, "A"]
    a, b = (
        prioritise(rows, 40, minimum_score=10, silent=0.1, draw=d).query("chosen_by == '静默行业'") for d in ("2026-11-01", "2026-12-01")
    )
    assert a["sector"].tolist() == b["sector"].tolist() == ["silent"]
    assert a["business_id"].tolist() != b["business_id"].tolist()
    assert prioritise(rows.assign(watch=False), 40, minimum_score=10, silent=0.1).query("chosen_by == '静默行业'").empty


@pytest.mark.parametrize(
    ("wrong", "says"),
    [({"weeks": 0}, "weeks"), ({"silent": 0.95, "explore": 0.08}, "silent"), ({"department_capacity": {"民政": -1}}, "民政")],
)
def test_bad_settings_are_named(wrong: dict, says: str) -> None:
    with pytest.raises(InputError, match=says):
        prioritise(scored(20), 5, **wrong)


def test_a_capacity_larger_than_the_register_lists_everybody() -> None:
    picked = prioritise(scored(20), 1000, explore=0.08)
    assert len(picked) == 20
