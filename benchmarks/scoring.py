"""Scoring a stream of Arrow batches against a bare ``Booster.predict`` on the same matrix; one row; reasons; real data where it is.

Goals: stream 0.9x of bare, one row under 1 ms beyond the booster's own time, reasons of 1,000 rows under 10 s. On the inspections
of Chicago (the city's own split) AUC 0.685, AP 0.30, precision@100 0.44, first half 0.70, 8.0 days; on the enterprises, side tables
only, out of fold, AUC 0.80, AP 0.49; calibration error 0.03 on each (folder named by FRAUDRISK_REAL_DATA).
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa


def _best(work: Any, rounds: int = 5) -> float:
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return min(times)


def speed() -> None:
    """Synthetic features, 400,000 rows of 60 columns."""
    from fraudrisk.scoring import RiskScorer, score_batches

    rng = np.random.default_rng(0)
    names = [f"f{k}" for k in range(60)]
    x = np.where(rng.random((400_000, 60)) < 0.3, np.nan, rng.gamma(1, 1, (400_000, 60)))
    y = (np.nan_to_num(x[:, 0]) + np.nan_to_num(x[:, 1]) + rng.normal(size=len(x)) > 4).astype(int)
    frame = pd.DataFrame(x, columns=names)
    model = RiskScorer(n_estimators=200).fit(frame.iloc[:40_000], y[:40_000], time=np.arange(40_000))
    table = pa.Table.from_pandas(frame.assign(business_id=np.arange(len(frame)).astype(str)), preserve_index=False)
    batches = table.to_batches(max_chunksize=65_536)
    bare = _best(lambda: model.booster_.predict(x, raw_score=True), 3)
    stream = _best(lambda: [b.num_rows for b in score_batches(model, batches)], 3)
    one, row = table.slice(0, 1).to_batches(), x[:1]
    single, own = _best(lambda: list(score_batches(model, one)), 200), _best(lambda: model.booster_.predict(row, raw_score=True), 200)
    reasons = _best(lambda: model.reasons(frame.iloc[:1000]), 1)
    print(
        f"stream of {len(x):,} rows: {len(x) / stream:,.0f} rows/s, {bare / stream:.2f}x of bare Booster.predict (goal 0.9x); one row {(single - own) * 1e3:.2f} ms "
        f"beyond the booster's {own * 1e3:.2f} ms (goal 1 ms); reasons of 1,000 rows {reasons:.2f} s (goal 10 s)"
    )


def chicago(folder: Path) -> None:
    """The city's split and columns; nothing tuned on the test rows."""
    from sklearn.metrics import roc_auc_score

    from fraudrisk.evaluation import at_capacity, calibration_error, days_earlier
    from fraudrisk.evaluation.metrics import average_precision
    from fraudrisk.scoring import RiskScorer

    rows = pd.read_csv(folder / "inspections" / "chicago_food.csv")
    never = ["Inspection_Date", "License", "Inspection_ID", "Business_ID", "criticalCount", "seriousCount", "minorCount", "pass_flag", "fail_flag", "criticalFound", "city_score", "split"]  # fmt: skip
    train, test = (rows[rows["split"] == s] for s in ("train", "test"))
    y = test["criticalFound"].to_numpy()

    def line(name: str, score: Any, probability: Any | None) -> None:
        days = days_earlier(y, score, test["Inspection_Date"])
        half, ece = (
            at_capacity(y, score, len(y) // 2).recall,
            calibration_error(y, probability) if probability is not None else float("nan"),
        )
        print(
            f"Chicago, {name}: AUC {roc_auc_score(y, score):.3f}, AP {average_precision(y, score):.3f}, P@100 {at_capacity(y, score, 100).precision:.3f}, "
            f"first half {half:.3f}, {days['mean']:.2f} days earlier ({days['share_later']:.0%} later), ECE {ece:.3f}"
        )

    line("the city's own score", test["city_score"].to_numpy(), None)
    for name, without in (("RiskScorer()", []), ("without Inspector_Assigned", ["Inspector_Assigned"])):
        columns = [c for c in rows if c not in never + without]
        p = RiskScorer().fit(train[columns], train["criticalFound"], time=train["Inspection_Date"]).predict_proba(test[columns])[:, 1]
        line(name, p, p)


def enterprises(folder: Path) -> None:
    """Side tables of the firms, summed up per firm; the id carries the authority and is no feature."""
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold

    from fraudrisk.evaluation import calibration_error
    from fraudrisk.evaluation.metrics import average_precision
    from fraudrisk.scoring import RiskScorer

    read = {
        n: pd.read_csv(folder / "enterprises" / f"{n}.csv")
        for n in ("entprise_info", "annual_report_info", "tax_info", "news_info", "other_info")
    }
    firms = read["entprise_info"].set_index("id")
    reports, taxes, news = read["annual_report_info"].sort_values("ANCHEYEAR"), read["tax_info"], read["news_info"]
    numbers = [c for c in reports if c not in ("id", "BUSSTNAME")]
    by = reports.groupby("id")
    money = ["TAXATION_BASIS", "TAX_AMOUNT", "TAX_RATE"]
    parts = [
        by[numbers].last().add_prefix("last_"), by[numbers].max().add_prefix("max_"), by[numbers].mean().add_prefix("mean_"), by.size().rename("reports"),
        by["BUSSTNAME"].last().rename("business"), taxes.groupby("id").size().rename("taxes"), taxes.groupby("id")[[*money, "DEDUCTION"]].sum().add_prefix("tax_sum_"),
        taxes.groupby("id")[money].max().add_prefix("tax_max_"), taxes.groupby("id")["TAX_CATEGORIES"].nunique().rename("tax_kinds"),
        taxes.groupby("id")["TAX_ITEMS"].nunique().rename("tax_items"), pd.crosstab(taxes["id"], taxes["TAX_CATEGORIES"]).add_prefix("tax_"),
        pd.to_datetime(taxes["START_DATE"], errors="coerce").groupby(taxes["id"]).max().rename("tax_last"), pd.crosstab(news["id"], news["positive_negtive"]).add_prefix("news_"),
        pd.to_datetime(news["public_date"], errors="coerce").groupby(news["id"]).max().rename("news_last"), read["other_info"].groupby("id").sum(min_count=1),
    ]  # fmt: skip
    x = firms[[]]
    for part in parts:
        x = x.join(part)
    y = firms["label"].to_numpy()
    p = np.zeros(len(x))
    for a, b in StratifiedKFold(5, shuffle=True, random_state=0).split(x, y):
        p[b] = RiskScorer().fit(x.iloc[a], y[a]).predict_proba(x.iloc[b])[:, 1]
    print(f"enterprises, out of fold: AUC {roc_auc_score(y, p):.3f}, AP {average_precision(y, p):.3f}, ECE {calibration_error(y, p):.3f}")


def main() -> None:
    speed()
    folder = os.environ.get("FRAUDRISK_REAL_DATA")
    if not folder or not (Path(folder) / "inspections").is_dir():
        print("real records: skipped, FRAUDRISK_REAL_DATA names no folder with them")
        return
    chicago(Path(folder))
    enterprises(Path(folder))
