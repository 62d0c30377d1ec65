"""积案回头看: what was closed, or complained about long ago, read and scored again with what is known today."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import TYPE_CHECKING

from fraudrisk.engines.dialect import date_literal
from fraudrisk.features.render import known_sql
from fraudrisk.packs.loader import Pack

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "look_back", "old_tickets", "old_tickets_sql", "ties_sql"]

COLUMNS = (
    "线索编号",
    "企业/项目名称",
    "原结论",
    "办结日期",
    "原等级",
    "现等级",
    "原评分",
    "现评分",
    "变化原因",
    "关联新线索",
    "建议",
    "business_id",
)
_GRADES = "ABCD"


def look_back(
    closed: pd.DataFrame, now: pd.DataFrame, then_points: pd.DataFrame, now_points: pd.DataFrame, ties: pd.DataFrame, pack: Pack
) -> pd.DataFrame:
    """Closed clues whose grade rose, about which somebody complained since, or which are tied to a clue on the new list.

    Parameters
    ----------
    closed : DataFrame
        ``clue_id, business_id, name, conclusion, closed_on, grade_then, score_then``.
    now : DataFrame
        ``business_id, grade, score, last_said`` as of today.
    then_points, now_points : DataFrame
        Contributions, indexed by business, of the day the clue was listed and of today; what rose is named.
    ties : DataFrame
        ``business_id, clue_id``: clues of the new list that share a person or phone with a closed one.

    Returns
    -------
    DataFrame
        :data:`COLUMNS`, the largest rise first.
    """
    import pandas as pd

    if closed.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    both = closed.merge(now[["business_id", "grade", "score", "last_said"]], on="business_id")
    tied = ties.groupby("business_id")["clue_id"].agg(lambda c: "、".join(sorted(c)[:3])).to_dict() if len(ties) else {}
    labels = {i.id: i.label for i in pack.indicators.indicators}
    rows = []
    for row in both.to_dict("records"):
        business, reasons = row["business_id"], []
        rose = _GRADES.index(row["grade"]) > _GRADES.index(row["grade_then"])
        said = (
            row["last_said"] is not None
            and row["last_said"] == row["last_said"]
            and pd.Timestamp(row["last_said"]) > pd.Timestamp(row["closed_on"])
        )
        if rose:
            reasons.append(f"等级由{row['grade_then']}升为{row['grade']}{_what_rose(business, then_points, now_points, labels)}")
        if said:
            reasons.append(f"办结后又有涉诈诉求（最近{pd.Timestamp(row['last_said']):%Y-%m-%d}）")
        if business in tied:
            reasons.append("与新线索同一负责人或电话")
        if reasons:
            advice = "重新核查" if said or rose else "并案研判"
            rows.append(
                (
                    row["clue_id"], row["name"], row["conclusion"], row["closed_on"], row["grade_then"], row["grade"], row["score_then"],
                    row["score"], "；".join(reasons), tied.get(business), advice, business,
                )
            )  # fmt: skip
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    rise = table["现评分"] - table["原评分"]
    return (
        table.assign(_rise=rise)
        .sort_values(["_rise", "线索编号"], ascending=[False, True], kind="stable")
        .drop(columns="_rise")
        .reset_index(drop=True)
    )


def _what_rose(business: str, then: pd.DataFrame, now: pd.DataFrame, labels: dict[str, str]) -> str:
    if business not in then.index or business not in now.index:
        return ""
    was, has = ({k: float(v) for k, v in frame.loc[business].to_dict().items() if v == v} for frame in (then, now))
    change = {k: has.get(k, 0.0) - was.get(k, 0.0) for k in labels}
    up = sorted((k for k in labels if change[k] > 0), key=lambda k: (-change[k], k))[:3]
    return "：" + "、".join(f"{labels[k]}+{change[k]:g}" for k in up) if up else "（模型或规则更新）"


def old_tickets_sql(pack: Pack, as_of: dt.date, days: int) -> str:
    """Complaints that were closed more than `days` ago and that today's model reads as fraud, by business, where no clue came of them."""
    from fraudrisk.engines.dialect import text_literal

    fraud = ", ".join(map(text_literal, pack.fraud_categories))
    return f"""SELECT business_id, count(DISTINCT person_key) AS persons, count(*) AS tickets, min(happened_on) AS first_said, max(closed_on) AS closed_on
FROM ({known_sql("complaint", as_of)}) WHERE category IN ({fraud}) AND closed_on < {date_literal(as_of)} - INTERVAL {days} DAY
GROUP BY business_id ORDER BY business_id"""


def old_tickets(tickets: pd.DataFrame, now: pd.DataFrame, known: Collection[str], ties: pd.DataFrame, *, most: int = 200) -> pd.DataFrame:
    """Old complaints worth another look: of businesses graded C or D today, or tied to a new clue, that no clue ever named.

    Returns
    -------
    DataFrame
        :data:`COLUMNS`; at most `most` rows, the highest score first.
    """
    import pandas as pd

    tied = ties.groupby("business_id")["clue_id"].agg(lambda c: "、".join(sorted(c)[:3])) if len(ties) else pd.Series(dtype=object)
    both = tickets[~tickets["business_id"].isin(set(known))].merge(now[["business_id", "name", "grade", "score"]], on="business_id")
    both = both.assign(tied=both["business_id"].map(tied))
    both = both[both["grade"].isin(["C", "D"]) | both["tied"].notna()]
    both = both.sort_values(["score", "business_id"], ascending=[False, True], kind="stable").head(most)
    what = both["tickets"].astype(str) + "件已结诉求按现模型判为涉诈，涉及" + both["persons"].astype(str) + "人"
    return pd.DataFrame(
        {
            "线索编号": None, "企业/项目名称": both["name"], "原结论": "诉求已办结，未作线索", "办结日期": both["closed_on"], "原等级": None,
            "现等级": both["grade"], "原评分": None, "现评分": both["score"], "变化原因": what, "关联新线索": both["tied"],
            "建议": "补录线索", "business_id": both["business_id"],
        },
        columns=list(COLUMNS),
    ).reset_index(drop=True)  # fmt: skip


def ties_sql(hub_limit: int) -> str:
    """Pairs ``business_id, other``: businesses that share a person or phone with one in the view ``listed``; hubs tie nobody."""
    return f"""WITH ties AS (SELECT business_id, 'p' || legal_person_id_hash AS tie FROM register WHERE legal_person_id_hash IS NOT NULL
  UNION ALL SELECT business_id, 'f' || phone_hash FROM register WHERE phone_hash IS NOT NULL),
small AS (SELECT * FROM ties QUALIFY count(*) OVER (PARTITION BY tie) <= {hub_limit})
SELECT DISTINCT b.business_id, a.business_id AS other FROM small a SEMI JOIN listed USING (business_id) JOIN small b
  ON a.tie = b.tie AND a.business_id <> b.business_id ORDER BY 1, 2"""
