"""The lines of the clue list, in the columns inspectors know (DOMAIN §6.1)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fraudrisk.clues.prioritise import EXPLORED, SILENT
from fraudrisk.clues.routing import route
from fraudrisk.packs.loader import Pack
from fraudrisk.scoring.boosted import BASE
from fraudrisk.scoring.scorecard import BOUND

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "EXTRA_COLUMNS", "LEDGER_COLUMNS", "ListInputs", "build_list"]

COLUMNS = (
    "序号", "线索编号", "风险等级", "评分", "企业/项目名称", "统一社会信用代码", "经营地址", "涉诈类别", "主要手法", "主要理由", "建议责任单位",
    "建议核查方式", "紧急程度", "涉及投诉件数/人数", "文本提及金额(元)", "首次反映日期", "最近反映日期", "街道/社区/网格", "关联主体数",
    "近三年处罚/异常", "上次检查日期/本年次数",
)  # fmt: skip
LEDGER_COLUMNS = (
    "转办日期", "办理期限", "剩余工作日", "办理状态", "核查结论", "处置措施", "涉案金额/挽回金额", "反馈举报人日期", "承办人", "备注",
)  # fmt: skip
"""Filled by those who work through the list; what comes back is imported as outcomes."""
EXTRA_COLUMNS = ("建议单位理由", "配合单位", "核查方式理由", "计划周次", "查实概率", "预期危害")
"""For the desk: in the CSV and JSON Lines, not on the sheet people carry."""

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
    """One line per listed business, :data:`COLUMNS`, :data:`LEDGER_COLUMNS`, :data:`EXTRA_COLUMNS`.

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
    frame = pd.DataFrame(lines, columns=[*COLUMNS, *EXTRA_COLUMNS, "business_id"])
    for column in LEDGER_COLUMNS:
        frame[column] = "待分办" if column == "办理状态" else None
    return frame[[*COLUMNS, *LEDGER_COLUMNS, *EXTRA_COLUMNS, "business_id"]]


def _line(
    row: dict[Hashable, Any], complaints: pd.DataFrame | None, reasons: pd.DataFrame | None, numbers: dict[str, str], pack: Pack, shown: int
) -> dict[str, Any]:
    category, tactics = row["category"], [t for t in str(row["tactics"]).split(",") if t]
    owner = route(pack, category, tactics, row.get("uscc") or "")
    method, why = _method(row, tactics, pack)
    texts = [] if reasons is None else [s[:40] for s in reasons.loc[~reasons["indicator"].isin((BOUND, BASE)), "sentence"].head(shown)]
    if row["selection_reason"] == EXPLORED:
        texts = ["探索抽查：随机抽取，用于估计清单之外的遗漏"]
    elif row["chosen_by"] == SILENT:
        texts = ["所在行业尚无线索，按行业内预期危害最高者补查"[:40], *texts][:shown]
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
        "紧急程度": next(label for bound, label in _URGENT if (row["urgency"] or 0.0) >= bound),
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
        "核查方式理由": why,
        "计划周次": row["week"],
        "查实概率": round(row["probability"], 3),
        "预期危害": round(row["expected_harm"], 3),
        "business_id": row["business_id"],
    }


def _method(row: dict[Hashable, Any], tactics: list[str], pack: Pack) -> tuple[str, str]:
    """How to check, and why somebody must go there or need not (国办发〔2024〕54号: no visit that papers can spare)."""
    if row["selection_reason"] == EXPLORED:
        return "网上", "随机抽取，先作网上和书面核查，有疑点再到现场"
    if not tactics:
        if row["grade"] in "AB":
            return "书面", "仅有登记与监管信息，书面核查即可"
        return "现场", "登记与监管信息风险较高，经营状况须到现场核实"
    method = pack.checklists.method.get(tactics[0], "现场")
    label = pack.tactic_labels[tactics[0]]
    return method, f"{label}的证据在经营场所，须到现场核实" if method == "现场" else f"{label}的证据在合同、账目和网络，{method}核查即可"


def _count(value: Any) -> str:
    return "未载入" if value is None else f"{value:.0f}次"


def _day(value: Any) -> str:
    return "无" if value is None else f"{value:%Y-%m-%d}"
