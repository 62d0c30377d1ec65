"""The learned model: scikit-learn's conventions, one row one answer, later periods, bundles, bad input."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

from fraudrisk.errors import InputError, IntegrityError, NotFoundError
from fraudrisk.packs import Pack
from fraudrisk.scoring import RiskScorer, directions, score_batches
from fraudrisk.scoring.boosted import BASE, FewPositivesWarning, UnseenCategoryWarning

WHY = "rows are sampled for every tree (subsample) and split into periods, so a weight of two is not the row twice; it holds in expectation"


def expected_failures(estimator: Any) -> dict[str, str]:
    return dict.fromkeys(("check_sample_weight_equivalence_on_dense_data", "check_sample_weight_equivalence_on_sparse_data"), WHY)


@parametrize_with_checks([RiskScorer(n_jobs=1)], expected_failed_checks=expected_failures)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learn_conventions(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def table() -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(3)
    n = 1200
    frame = pd.DataFrame(
        {
            "victims": rng.poisson(1.0, n).astype(float),
            "age": np.where(rng.random(n) < 0.2, np.nan, rng.gamma(2, 4, n)),
            "sector": rng.choice(["保健", "养老", "零售", None], n),
            "opened": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 2000, n), "D"),
            "sole": rng.integers(0, 2, n).astype(bool),
        }
    )
    margin = 1.2 * frame["victims"] + (frame["sector"] == "保健") * 1.5 - 0.1 * frame["age"].fillna(5) - 2.2 + frame["sole"] * 0.7
    return frame, (rng.random(n) < 1 / (1 + np.exp(-margin))).astype(int).to_numpy()


@pytest.fixture(scope="module")
def model(table: tuple[pd.DataFrame, np.ndarray]) -> RiskScorer:
    frame, y = table
    return RiskScorer(monotone={"victims": 1}, calibrate_by="sole").fit(frame, y, time=pd.date_range("2023-01-01", periods=len(y)))


def arrays(frame: pd.DataFrame) -> pa.Table:
    plain = frame.assign(opened=(frame["opened"] - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1), sole=frame["sole"].astype(float))
    return pa.Table.from_pandas(plain.assign(business_id=[f"b{i}" for i in range(len(frame))]), preserve_index=False)


def test_a_row_a_batch_and_a_stream_score_alike_to_the_last_bit(model: RiskScorer, table: tuple[pd.DataFrame, np.ndarray]) -> None:
    frame, _ = table
    whole = model.decision_function(frame)
    some = range(0, len(frame), 37)
    assert [model.decision_function(frame.iloc[[i]])[0] for i in some] == [whole[i] for i in some]
    for size in (1, 7, 500):
        streamed = pa.Table.from_batches(score_batches(model, arrays(frame).to_batches(max_chunksize=size)))
        assert streamed.column("margin").to_pylist() == whole.tolist()
        assert streamed.column("probability").to_pylist() == model.predict_proba(frame)[:, 1].tolist()
    assert next(iter(score_batches(model, [arrays(frame).to_batches()[0].slice(0, 0)]))).num_rows == 0


def test_contributions_sum_to_the_margin(model: RiskScorer, table: tuple[pd.DataFrame, np.ndarray]) -> None:
    frame, _ = table
    parts = model.contributions(frame)
    assert np.allclose(parts.sum(axis=1), model.decision_function(frame), atol=1e-9)
    reasons = model.reasons(frame.iloc[:5], top=2)
    assert len(reasons) == 10
    first = reasons[reasons["row"] == 0]
    assert first["contribution"].abs().is_monotonic_decreasing
    assert parts.loc[0, first["feature"].iloc[0]] == first["contribution"].iloc[0]
    assert BASE not in set(reasons["feature"])


@settings(max_examples=30)
@given(row=st.integers(0, 1199), more=st.floats(0, 20))
def test_more_is_never_less_risky_where_the_direction_is_known(
    model: RiskScorer, table: tuple[pd.DataFrame, np.ndarray], row: int, more: float
) -> None:
    given_row = table[0].iloc[[row]]
    assert model.decision_function(given_row.assign(victims=given_row["victims"] + more))[0] >= model.decision_function(given_row)[0]


def test_the_order_of_the_rows_and_the_process_change_nothing(
    model: RiskScorer, table: tuple[pd.DataFrame, np.ndarray], tmp_path: Path
) -> None:
    frame, y = table
    again = RiskScorer(monotone={"victims": 1}, calibrate_by="sole").fit(frame, y, time=pd.date_range("2023-01-01", periods=len(y)))
    assert (again.decision_function(frame) == model.decision_function(frame)).all()
    model.save(tmp_path / "m", metrics={"AUC": 0.8}, data="invented rows", as_of="2026-01-01")
    frame.to_pickle(tmp_path / "rows.pkl")
    code = (
        "import sys, pandas as pd; from fraudrisk import RiskScorer; "
        "print([v.hex() for v in RiskScorer.load(sys.argv[1]).decision_function(pd.read_pickle(sys.argv[2])).tolist()])"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "m"), str(tmp_path / "rows.pkl")], capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == str([v.hex() for v in model.decision_function(frame).tolist()])
    assert "invented rows" in (tmp_path / "m" / "CARD.md").read_text(encoding="utf-8")
    assert not list((tmp_path / "m").glob("*.pkl"))


def test_bundles_are_checked_before_they_are_read(model: RiskScorer, tmp_path: Path) -> None:
    model.save(tmp_path / "m")
    booster = tmp_path / "m" / "booster.txt"
    booster.write_text(booster.read_text(encoding="utf-8").replace("leaf_value=", "leaf_value=9", 1), encoding="utf-8")
    with pytest.raises(IntegrityError, match=r"booster\.txt"):
        RiskScorer.load(tmp_path / "m")
    model.save(tmp_path / "m")
    manifest = tmp_path / "m" / "model.json"
    meta = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps({**meta, "format": 99}), encoding="utf-8")
    with pytest.raises(InputError, match="newer than this version reads"):
        RiskScorer.load(tmp_path / "m")
    manifest.write_text(json.dumps({**meta, "versions": {"lightgbm": "99.0.0"}}), encoding="utf-8")
    with pytest.raises(InputError, match=r"lightgbm 99\.0\.0"):
        RiskScorer.load(tmp_path / "m")
    with pytest.raises(NotFoundError):
        RiskScorer.load(tmp_path / "none")


def test_later_rows_stop_and_calibrate(table: tuple[pd.DataFrame, np.ndarray]) -> None:
    frame, y = table
    time = np.array(pd.date_range("2023-01-01", periods=len(y)))
    assert RiskScorer().fit(frame, y, time=time).how_["calibrated"] == "on later periods"
    holes = time.copy()
    holes[::9] = np.datetime64("NaT")
    assert RiskScorer().fit(frame, y, time=holes).how_["calibrated"] == "on later periods"
    assert RiskScorer().fit(frame, y).how_["calibrated"].startswith("out of fold")
    # a later period in which everything is rarer pulls the probabilities down
    rare = y.copy()
    late = time >= np.quantile(time.astype(np.int64), 0.6).astype("datetime64[ns]")
    rare[late & (np.arange(len(y)) % 4 > 0)] = 0
    assert (
        RiskScorer().fit(frame, rare, time=time).predict_proba(frame)[:, 1].mean()
        < RiskScorer().fit(frame, y, time=time).predict_proba(frame)[:, 1].mean() * 0.6
    )


def test_few_positives_are_said(table: tuple[pd.DataFrame, np.ndarray]) -> None:
    frame, y = table
    few = np.zeros_like(y)
    few[np.flatnonzero(y)[:8]] = 1
    with pytest.warns(FewPositivesWarning, match="8 positives are too few to beat the scorecard"):
        model = RiskScorer().fit(frame, few)
    assert model.how_["enough"] is False
    few[np.flatnonzero(y)[:30]] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("error", FewPositivesWarning)
        assert RiskScorer().fit(frame, few).how_["enough"] is True


def test_unseen_categories_are_counted_and_missing(model: RiskScorer, table: tuple[pd.DataFrame, np.ndarray]) -> None:
    frame = table[0].iloc[:6].copy()
    strange, missing = frame.assign(sector="造船"), frame.assign(sector=None)
    with pytest.warns(UnseenCategoryWarning, match=r"6 value\(s\) of column sector"):
        scores = model.decision_function(strange)
    assert (scores == model.decision_function(missing)).all()
    assert model.columns_.unseen(strange) == {"sector": 6}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns="victims"), "victims"),
        (lambda f: f.assign(victims="many"), "column victims"),
        (lambda f: f.assign(victims=np.inf), "infinity"),
        (lambda f: f.assign(opened=1.0), "column opened"),
        (lambda f: f.assign(sector=[{"a": 1}] * len(f)), "column sector"),
    ],
)
def test_a_wrong_table_is_named(model: RiskScorer, table: tuple[pd.DataFrame, np.ndarray], change: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        model.predict_proba(change(table[0].iloc[:20]))


def test_what_cannot_be_learned_from_is_refused(table: tuple[pd.DataFrame, np.ndarray]) -> None:
    frame, y = table
    for labels, rows, message in (
        (np.zeros(50), 50, "one class"),
        (y[:5] * 0 + [0, 1, 0, 1, 0], 5, "too few"),
        (None, 50, "target y is None"),
    ):
        with pytest.raises(InputError, match=message):
            RiskScorer().fit(frame.iloc[:rows], labels)
    with pytest.raises(InputError, match="inconsistent numbers"):
        RiskScorer().fit(frame.iloc[:50], y[:49])
    with pytest.raises(InputError, match="monotone"):
        RiskScorer(monotone={"nothing": 1}).fit(frame, y)
    with pytest.raises(InputError, match="negative"):
        RiskScorer().fit(frame, y, sample_weight=np.where(np.arange(len(y)) == 3, -1.0, 1.0))
    with pytest.raises(NotFittedError):
        RiskScorer().predict_proba(frame)
    constant = frame.assign(same=1.0, empty=np.nan)
    assert len(RiskScorer().fit(constant, y).predict(constant)) == len(y)


def test_groups_are_calibrated_apart(model: RiskScorer) -> None:
    assert set(model.calibration_.groups) == {"0", "1"}


def test_the_search_is_seeded_and_tells(table: tuple[pd.DataFrame, np.ndarray]) -> None:
    frame, y = table
    told: list[tuple[str, int, int]] = []
    one = RiskScorer(search=2, n_estimators=60, progress=lambda *a: told.append(a)).fit(frame, y)
    two = RiskScorer(search=2, n_estimators=60).fit(frame, y)
    assert one.settings_ == two.settings_
    assert told[-1] == ("试参数", 3, 3)


def test_frames_of_other_libraries(model: RiskScorer, table: tuple[pd.DataFrame, np.ndarray]) -> None:
    import polars as pl

    frame = table[0].iloc[:10]
    expected = model.decision_function(frame)
    assert (model.decision_function(pl.from_pandas(frame)) == expected).all()
    assert (model.decision_function(pa.Table.from_pandas(frame, preserve_index=False)) == expected).all()


def test_the_packs_directions(pack: Pack) -> None:
    known = directions(pack)
    assert known["victims_365"] == 1
    assert known["settled_share"] == -1
    assert "years_registered" not in known


def test_a_learned_margin_is_explained_in_the_scorecards_sentences(pack: Pack) -> None:
    from fraudrisk.scoring.reasons import explain_margin

    rng = np.random.default_rng(4)
    n = 400
    frame = pd.DataFrame(
        {
            "business_id": [f"b{i}" for i in range(n)],
            "cure_claims_365": rng.poisson(0.5, n).astype(float),
            "years_registered": rng.gamma(2, 3, n),
            "sector": rng.choice(["a", "b"], n),
        }
    )
    y = (frame["cure_claims_365"] + rng.normal(size=n) * 0.5 > 1.2).astype(int)
    columns = ["cure_claims_365", "years_registered", "sector"]
    model = RiskScorer(monotone={"cure_claims_365": 1}).fit(frame[columns], y)
    few = frame.nlargest(5, "cure_claims_365")
    told = explain_margin(pack, few, model, top=2)
    sums = told.reasons.groupby("business_id")["points"].sum()
    margins = pd.Series(model.decision_function(few[columns]), index=few["business_id"])
    assert np.allclose(sums.loc[margins.index], margins)
    value = few["cure_claims_365"].iloc[0]
    assert f"{value:.0f}人反映宣称治病、停药或虚假诊断" in set(told.reasons["sentence"])
    assert "cure_claims_365" in told.features
