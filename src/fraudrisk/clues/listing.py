"""The lines of the clue list, in the columns inspectors know (DOMAIN §6.1)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fraudrisk.clues.prioritise import EXPLORED
from fraudrisk.clues.routing import route
from fraudrisk.packs.loader import Pack
from fraudrisk.scoring.scorecard import BOUND

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "LEDGER_COLUMNS", "ListInputs", "build_list"]

COLUMNS = (
    "序号", "线索编号", "风险等级", "评分", "企业/项目名称", "统一社会信用代码", "经营地址", "涉诈类别", "主要手法", "主要理由", "建议责任单位",
    "建议核查方式", "紧急程度", "涉及投诉件数/人数", "文本提及金额(元)", "首次反映日期", "最近反映日期", "街道/社区/网格", "关联主体数",
    "近三年处罚/异常", "上次检查日期/本年次数",
)  # fmt: skip
LEDGER_COLUMNS = (
    "转办日期", "办理期限", "剩余工作日", "办理状态", "核查结论", "处置措施", "涉案金额/挽回金额", "反馈举报人日期", "承办人", "备注",
)  # fmt: skip
"""Filled by those who work through the list; what comes back is imported as outcomes."""

_URGENT = ((1.0, "仍在收款"), (0.85, "兑付异常"), (0.65, "仍在拉人"), (0.5, "已失联"), (0.0, "一般"))


@dataclass(frozen=True, slots=True)
class ListInputs:
    """What a list is made from.

    ``picked`` has the chosen businesses with their scores and what :func:`fraudrisk.clues.standing.detail_sql` gives;
    ``complaints`` their fraud complaints, None where no complaints were loaded; ``reasons`` what counted (``business_id,
    indicator, sentence, points``), largest first.
    """

    picked: pd.DataFrame
    complaints: pd.DataFrame | None
    reasons: pd.DataFrame
    numbers: dict[str, str]


def build_list(inputs: ListInputs, pack: Pack, *, as_of: dt.date, reasons_shown: int = 3) -> pd.DataFrame:
    """One line per listed business, :data:`COLUMNS` then :data:`LEDGER_COLUMNS`.

    Parameters
    ----------
    inputs : ListInputs
    pack : Pack
    as_of : datetime.date
        Day the list was made for.
    reasons_shown : int
        Most reasons named; each at most 40 characters.
    """
    import pandas as pd

    complaints = {} if inputs.complaints is None else dict(iter(inputs.complaints.groupby("business_id", sort=False)))
    reasons = dict(iter(inputs.reasons.groupby("business_id", sort=False)))
    picked = inputs.picked.astype(object).where(inputs.picked.notna(), None)
    lines = [
        _line(row, complaints.get(row["business_id"]), reasons.get(row["business_id"]), inputs.numbers, pack, reasons_shown)
        for row in picked.to_dict("records")
    ]
    frame = pd.DataFrame(lines, columns=[*COLUMNS, "建议单位理由", "配合单位", "business_id"])
    for column in LEDGER_COLUMNS:
        frame[column] = "待分办" if column == "办理状态" else None
    return frame[[*COLUMNS, *LEDGER_COLUMNS, "建议单位理由", "配合单位", "business_id"]]


def _line(
    row: dict[Hashable, Any], complaints: pd.DataFrame | None, reasons: pd.DataFrame | None, numbers: dict[str, str], pack: Pack, shown: int
) -> dict[str, Any]:
    category, tactics = _conduct(complaints, pack)
    owner = route(pack, category, tactics, row.get("uscc") or "")
    method = pack.checklists.method.get(tactics[0], "现场") if tactics else "书面" if row["grade"] in "AB" else "现场"
    texts = [] if reasons is None else [s[:40] for s in reasons.loc[reasons["indicator"] != BOUND, "sentence"].head(shown)]
    if row.get("selection_reason") == EXPLORED:
        method, texts = "网上", ["探索抽查：随机抽取，用于估计清单之外的遗漏"]
    people = 0 if complaints is None else complaints["person_key"].nunique()
    return {
        "序号": row["rank"],
        "线索编号": numbers[row["business_id"]],
        "风险等级": row["grade"],
        "评分": row["score"],
        "企业/项目名称": row.get("name") or "(无名称)",
        "统一社会信用代码": row.get("uscc") or row["business_id"],
        "经营地址": row["place"],
        "涉诈类别": pack.category_labels.get(category, "待研判(登记与监管信息)"),
        "主要手法": "、".join(f"{t} {pack.tactic_labels[t]}" for t in tactics[:3]) or None,
        "主要理由": "\n".join(f"{i}. {t}" for i, t in enumerate(texts, 1)),
        "建议责任单位": owner.owner if category else pack.routing.default_owner,
        "建议核查方式": method,
        "紧急程度": next(label for bound, label in _URGENT if row["urgency"] >= bound),
        "涉及投诉件数/人数": f"{0 if complaints is None else len(complaints)}件/{people}人",
        "文本提及金额(元)": None if complaints is None else complaints["amount_added"].sum() or None,
        "首次反映日期": None if complaints is None else complaints["happened_on"].min(),
        "最近反映日期": None if complaints is None else complaints["happened_on"].max(),
        "街道/社区/网格": row.get("division_code") or row.get("district"),
        "关联主体数": row["related"],
        "近三年处罚/异常": f"{_count(row['penalties'])}/{_count(row['listings'])}",
        "上次检查日期/本年次数": f"{_day(row['last_visit'])}/{_count(row['visits'])}",
        "建议单位理由": owner.reason if category else f"尚无涉诈诉求，按登记与监管信息由{pack.routing.default_owner}先行核实",
        "配合单位": "、".join(owner.also) if category else None,
        "business_id": row["business_id"],
    }


def _conduct(complaints: pd.DataFrame | None, pack: Pack) -> tuple[str, list[str]]:
    """The category most persons name, and the tactics by how often they are named."""
    if complaints is None or complaints.empty:
        return "", []
    votes = complaints.groupby("category")["person_key"].nunique()
    category = str(votes.sort_values(ascending=False, kind="stable").index[0])
    named = complaints["tactics"].explode().dropna()
    counts = named.value_counts()
    ranked = sorted(counts.index, key=lambda t: (-int(counts[t]), t))
    return category, [str(t) for t in ranked if t in pack.tactic_labels]


def _count(value: Any) -> str:
    return "未载入" if value is None else f"{value:.0f}次"


def _day(value: Any) -> str:
    return "无" if value is None else f"{value:%Y-%m-%d}"
