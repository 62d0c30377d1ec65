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
    assert len(directed) <= capacity - int(explore * capacity)
    assert len(drawn) == min(int(explore * capacity), n - len(directed))
    if len(drawn):
        assert np.allclose(drawn["propensity"], len(drawn) / (n - len(directed)))
    assert (directed["propensity"] == 1).all()
    assert picked["rank"].tolist() == list(range(1, len(picked) + 1))
    again = prioritise(rows.sample(frac=1, random_state=1), capacity, explore=explore, draw="2026-11-01")
    assert again["business_id"].tolist() == picked["business_id"].tolist()


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
