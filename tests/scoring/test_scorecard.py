"""Promises 2, 3 and 9: one row, one answer; the reasons are the score; missing adds nothing."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraudrisk.errors import InputError
from fraudrisk.packs import Pack
from fraudrisk.scoring import Scorecard, score_batches
from fraudrisk.scoring.reasons import explain

value = st.one_of(st.none(), st.sampled_from([0.0, 1.0, 2.0, 3.0, 10.0, 365.0, 50_000.0]), st.floats(0, 1e7, allow_nan=False))


@st.composite
def frames(draw: st.DrawFn, names: tuple[str, ...]) -> pd.DataFrame:
    n = draw(st.integers(1, 6))
    return pd.DataFrame({name: [draw(value) for _ in range(n)] for name in names}, index=[f"b{i}" for i in range(n)], dtype=float)


@given(data=st.data())
def test_contributions_sum_to_the_score(pack: Pack, data: st.DataObject) -> None:
    frame = data.draw(frames(tuple(f.name for f in pack.features)))
    card = Scorecard(pack)
    scores, parts = card.assess(frame), card.contributions(frame)
    assert (np.rint(parts.to_numpy() * 10).sum(axis=1) == np.rint(scores["score"].to_numpy() * 10)).all()
    assert scores["score"].between(0, 100).all()
    reasons = explain(pack, frame.rename_axis("business_id").reset_index()).reasons
    said = reasons.groupby("business_id")["points"].sum() if len(reasons) else {}
    assert all(math.isclose(said.get(b, 0.0), s, abs_tol=1e-9) for b, s in scores["score"].items())


@given(data=st.data())
def test_one_row_scores_alike_alone_and_in_a_batch(pack: Pack, data: st.DataObject) -> None:
    frame = data.draw(frames(tuple(f.name for f in pack.features)))
    card = Scorecard(pack)
    whole = card.assess(frame)
    for row in frame.index:
        pd.testing.assert_frame_equal(card.assess(frame.loc[[row]]), whole.loc[[row]], check_exact=True)
    batch = pa.RecordBatch.from_pandas(frame.rename_axis("business_id").reset_index(), preserve_index=False)
    streamed = pa.Table.from_batches(list(score_batches(card, (batch.slice(i, 1) for i in range(batch.num_rows))))).to_pandas()
    assert streamed["score"].tolist() == whole["score"].tolist()
    assert streamed["grade"].tolist() == whole["grade"].tolist()


@given(data=st.data())
def test_missing_adds_nothing(pack: Pack, data: st.DataObject) -> None:
    frame = data.draw(frames(tuple(f.name for f in pack.features)))
    card = Scorecard(pack)
    parts = card.contributions(frame)
    for indicator in pack.indicators.indicators:
        gone = frame[indicator.feature].isna()
        assert (parts.loc[gone, indicator.id] == 0).all()
    nothing = pd.DataFrame(np.nan, index=["x"], columns=frame.columns)
    assert card.assess(nothing)["score"].tolist() == [0.0]


def test_count_alone_never_makes_d(pack: Pack) -> None:
    names = [
        f.name
        for f in pack.features
        if f.table == "complaint" and not f.tactics and f.agg in ("distinct", "burst", "peer_rate") and not f.stages
    ]
    grade = Scorecard(pack).assess(pd.DataFrame({n: [1e6] for n in names}))["grade"].iloc[0]
    assert grade in "ABC"


def test_grade_rules(pack: Pack) -> None:
    card = Scorecard(pack)
    bust = pd.DataFrame({"bust_365": [1.0], "victims_730": [10.0]})
    assert card.assess(bust)["grade"].iloc[0] >= "C"
    plain = pd.DataFrame(
        {
            "complaints_730": [5.0],
            "victims_730": [0.0],
            "ads_in_force": [0.0],
            "penalties_in_force": [0.0],
            "unlicensed_730": [1.0],
            "barred_words": [1.0],
            "lost_contact": [1.0],
            "serious_in_force": [1.0],
        }
    )
    assert card.assess(plain)["score"].iloc[0] > 40
    assert card.assess(plain)["grade"].iloc[0] == "B"


def test_bad_features_are_named(pack: Pack) -> None:
    with pytest.raises(InputError, match="lost_contact"):
        Scorecard(pack).assess(pd.DataFrame({"lost_contact": ["many"]}))
    with pytest.raises(InputError, match="business_id"):
        next(score_batches(Scorecard(pack), [pa.record_batch({"a": [1.0]})]))


def test_clone_and_parameters(pack: Pack) -> None:
    from sklearn.base import clone

    assert clone(Scorecard("elder_fraud")).get_params() == {"pack": "elder_fraud", "points": None}
