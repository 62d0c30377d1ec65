"""A replay in words and a plain table, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import datetime as dt

    import pandas as pd

    from fraudrisk.evaluation.backtest import Backtest
    from fraudrisk.workspace import Workspace

__all__ = ["backtest_text", "groups_text", "listed_groups"]


def backtest_text(result: Backtest) -> str:
    """Settings, one line per model, who leads and why, and what was left out."""
    s = result.summary
    days = "days earlier"
    lines = [
        f"{s['outcome']} ({s['label']}) within {s['window_days']} days · {len(s['dates'])} dates {s['dates'][0]} to {s['dates'][-1]} · capacity {s['capacity']}",
        f"{s['rows']:,} rows judged, {s['positives']:,} positive; observed: {s['observed']}; learned from {len(s['training_dates'])} earlier dates",
        "",
        f"{'model':20}{'precision@k':>13}{'90 % interval':>18}{'recall@k':>10}{'lift':>7}{'x complaints':>14}{'AP':>8}{'ECE':>8}{days:>14}{'found':>8}{'later':>8}",
    ]
    for name, m in sorted(s["models"].items(), key=lambda kv: -kv[1]["precision@k"]):
        d = m["days_earlier"]
        low, high = m["precision_interval"]
        lines.append(
            f"{name:20}{m['precision@k']:>13.3f}{f'{low:.3f} to {high:.3f}':>18}{m['recall@k']:>10.3f}{_number(m['lift'], 7, 1)}"
            f"{_number(m['lift_over_complaint_count'], 14, 2)}{_number(m['AP'], 8, 3)}{_number(m['ECE'], 8, 3)}{_number(d['mean'], 14, 1)}"
            f"{d['found']:>8.0%}{d['share_later']:>8.0%}"
        )
    lines += ["", f"leads: {s['champion']}", f"why: {s['why']}", f"rule: {s['rule']}"]
    lines += [f"note: {n}" for n in s["notes"]]
    return "\n".join(lines)


def listed_groups(workspace: Workspace, as_of: dt.date | None = None) -> pd.DataFrame:
    """The audit of a run's list by district, entity type, size (registered capital) and age, with what checks concluded since."""
    import pandas as pd
    import pyarrow.parquet as pq

    from fraudrisk.evaluation.fairness import audit
    from fraudrisk.evaluation.labels import outcome_rule

    result = workspace.result(as_of)
    work = result.folder / "work" / result.manifest["digest"]
    rows = pq.read_table(
        work / "register.parquet", columns=["business_id", "district", "entity_type", "reg_capital_wan", "age_days"]
    ).to_pandas()
    listed = set(pd.read_parquet(result.folder / "contributions.parquet", columns=["business_id"])["business_id"])
    rows["selected"] = rows["business_id"].isin(listed).astype(int)
    rows["entity_type"] = rows["entity_type"].map(lambda t: None if t is None else "个体户" if "个体" in t else "企业")
    rows["size"] = pd.cut(
        rows["reg_capital_wan"].astype(float), [-1, 10, 100, 1000, float("inf")], labels=["≤10万", "10–100万", "100–1000万", ">1000万"]
    )
    rows["age"] = pd.cut(rows["age_days"].astype(float) / 365.25, [-1, 1, 3, 10, float("inf")], labels=["<1年", "1–3年", "3–10年", ">10年"])
    rule = outcome_rule(workspace.pack, "confirmed")
    rows["y"] = float("nan")
    if rule.table in workspace.loaded:
        from fraudrisk.evaluation.panel import labelled

        known = labelled(workspace, rule, result.manifest["as_of"])
        rows["y"] = rows["business_id"].map(known)
    return audit(rows, ["district", "entity_type", "size", "age"])


def groups_text(workspace: Workspace, as_of: dt.date | None = None) -> str:
    """:func:`listed_groups` as a table."""
    table = listed_groups(workspace, as_of)
    lines = [
        f"{'attribute':14}{'group':14}{'rows':>9}{'listed':>8}{'rate':>9}{'90 % interval':>20}{'x all':>8}{'checked':>9}{'precision':>11}  note"
    ]
    for r in table.to_dict("records"):
        interval = f"{r['rate_low']:.4f} to {r['rate_high']:.4f}" if r["rate_low"] == r["rate_low"] else "-"
        lines.append(
            f"{r['attribute']:14}{r['group']:14}{r['rows']:>9,}{r['selected']:>8}{_number(r['selection_rate'], 9, 4)}{interval:>20}"
            f"{_number(r['ratio'], 8, 2)}{r['checked']:>9}{_number(r['precision'], 11, 2)}  {r['note']}"
        )
    return "\n".join(lines)


def _number(value: Any, width: int, digits: int) -> str:
    return f"{'-':>{width}}" if value is None or value != value else f"{value:>{width}.{digits}f}"
