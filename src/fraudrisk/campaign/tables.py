"""The tables of a campaign, each a pure function of the detail, with Chinese headers and sums that can be traced back to it.

Every table has the column 说明, which says why a number is missing: no rate is made of nothing, and nothing is shown as zero that is
not known. Shares are fractions of 1; intervals are at 90 %.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fraudrisk.campaign.cases import typical_cases
from fraudrisk.campaign.detail import Detail
from fraudrisk.campaign.hits import league, missed_by_month, precision_by_month
from fraudrisk.campaign.parts import GRADES, SMALL, TOTAL, place, rank_gaps
from fraudrisk.campaign.standing import CLOSED
from fraudrisk.campaign.tips import tips
from fraudrisk.packs import Pack

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TOTAL", "league", "loopholes", "missed_by_month", "precision_by_month", "problem_list", "recovery", "tips", "typical_cases"]

_SHOWN = 3
"""Tactics and risk points named per sector."""


def problem_list(detail: Detail, pack: Pack) -> pd.DataFrame:
    """问题清单: one line per sector of the pack (一领域一方案), and the sum.

    A watched sector without a clue is shown with the number of its businesses: silence is not safety.

    Returns
    -------
    DataFrame
        行业, 主体数, 线索数, A级–D级 (when first listed), 已有结论, 属实, 部分属实, 已办结, 主要手法, 主要风险点, 对策措施, 责任单位, 说明.
    """
    import pandas as pd

    known = {s.code for s in pack.taxonomy.sectors}
    sectors = [(s.code, s.label, s.watch) for s in pack.taxonomy.sectors]
    sectors += [("", "行业不明", False)] if not set(detail.clues["sector"]) <= known else []
    businesses = detail.exposure.groupby("sector")["businesses"].sum()
    lines = []
    for code, label, watch in sectors:
        part = detail.clues[detail.clues["sector"].where(detail.clues["sector"].isin(known), "") == code]
        n = int(businesses.get(code, 0))
        measures = pack.campaign.measures.get(code, [])
        note = (f"未见线索不等于没有风险:{n}户未出线索" if n else "辖区无登记主体") if watch and part.empty else None
        lines.append(
            {
                "行业": label,
                "主体数": n,
                **_counts(part, pack),
                "主要手法": _most(_labels(part, pack)),
                "主要风险点": _most(_risk_points(detail, part, pack), "条"),
                "对策措施": "\n".join(f"{i}. {m.text}({m.owner})" for i, m in enumerate(measures, 1)) or None,
                "责任单位": "、".join(dict.fromkeys(m.owner for m in measures)) or None,
                "说明": note,
            }
        )
    whole = {"行业": TOTAL, "主体数": int(businesses.sum()), **_counts(detail.clues, pack), "说明": _empty(detail)}
    return pd.DataFrame([*lines, whole], columns=list(lines[0]))


def loopholes(detail: Detail, pack: Pack) -> pd.DataFrame:
    """漏洞清单: what confirmed clues have in common that a department could close; a draft for 三书一函.

    A clue may show several loopholes, so the last line counts each confirmed clue once.

    Returns
    -------
    DataFrame
        漏洞, 次数 (confirmed clues), 涉及单位数 (their businesses), 占已证实线索比例, 建议文书, 发送对象, 对应行业, 建议内容, 依据线索编号, 依据来源, 说明;
        most frequent first.
    """
    import pandas as pd

    columns = [
        "漏洞",
        "次数",
        "涉及单位数",
        "占已证实线索比例",
        "建议文书",
        "发送对象",
        "对应行业",
        "建议内容",
        "依据线索编号",
        "依据来源",
        "说明",
    ]
    sure = detail.clues[_confirmed(detail.clues, pack)]
    if sure.empty:
        return _nothing(columns, "漏洞", "截至日没有已证实线索，无从列出漏洞")
    names = {s.code: s.label for s in pack.taxonomy.sectors}
    lines: list[dict[str, Any]] = []
    used: set[str] = set()
    for hole in pack.campaign.loopholes:
        part = sure[sure["clue_id"].isin(_shows(detail, hole.indicators, hole.features, hole.tactics))]
        part = part[part["sector"].isin(hole.sectors)] if hole.sectors else part
        if part.empty:
            continue
        used |= set(part["clue_id"])
        lines.append(
            {
                "漏洞": f"{hole.code} {hole.label}",
                "次数": len(part),
                "涉及单位数": part["business_id"].nunique(),
                "占已证实线索比例": len(part) / len(sure),
                "建议文书": hole.instrument,
                "发送对象": hole.addressee,
                "对应行业": _most([names.get(s, "行业不明") for s in part["sector"]], shown=len(names)),
                "建议内容": hole.suggestion,
                "依据线索编号": "、".join(part["clue_id"]),
                "依据来源": hole.source,
            }
        )
    lines.sort(key=lambda line: (-line["次数"], line["漏洞"]))
    whole = {
        "漏洞": f"{TOTAL}(去重)",
        "次数": len(used),
        "涉及单位数": sure.loc[sure["clue_id"].isin(used), "business_id"].nunique(),
        "占已证实线索比例": len(used) / len(sure),
        "说明": f"已证实线索共{len(sure)}条；一条线索可对应多个漏洞",
    }
    return pd.DataFrame([*lines, whole], columns=columns)


def recovery(detail: Detail, pack: Pack) -> pd.DataFrame:
    """追赃挽损: money involved and recovered, by district and by department, with rank and gaps.

    Money of the conclusions that the pack names (``with_money``). A group with fewer concluded clues than the pack's ``small_sample``
    is marked and not ranked; a group without involved money has no rate.

    Returns
    -------
    DataFrame
        维度 (区划, 部门), 名称, 件数 (concluded), 有金额件数, 涉案金额, 挽回金额, 挽回率, 排名, 与第一名差距, 与前一名差距, 与后一名差距 (shares), 样本过小, 说明.
    """
    import pandas as pd

    columns = ["维度", "名称", "件数", "有金额件数", "涉案金额", "挽回金额", "挽回率", "排名", "与第一名差距", "与前一名差距", "与后一名差距", "样本过小", "说明"]  # fmt: skip
    done = detail.clues[detail.clues["conclusion"].notna()]
    districts = {c: detail.district(c) for c in sorted({*detail.districts, *detail.clues["district"]})}
    owners = {o: o for o in sorted({*detail.clues["owner"]}, key=lambda o: (o not in pack.routing.departments, o))}
    lines = []
    for dimension, column, groups in (("区划", "district", districts), ("部门", "owner", owners)):
        part = [_money(done[done[column] == code], label, pack) for code, label in groups.items()]
        _rank(part)
        total = _money(done, TOTAL, pack) | {"样本过小": None}
        lines += [{"维度": dimension, **line} for line in [*part, total]]
    return pd.DataFrame(lines, columns=columns).astype({"排名": "Int64"})


# ---- parts -----------------------------------------------------------------------------------------------------------


def _confirmed(clues: pd.DataFrame, pack: Pack) -> pd.Series[bool]:
    return clues["conclusion"].isin(pack.campaign.conclusions.confirmed)


def _counts(part: pd.DataFrame, pack: Pack) -> dict[str, int]:
    grades = Counter(part["grade"])
    return {
        "线索数": len(part),
        **{f"{g}级": grades[g] for g in GRADES},
        "已有结论": int(part["conclusion"].notna().sum()),
        **{c: int((part["conclusion"] == c).sum()) for c in pack.campaign.conclusions.confirmed},
        "已办结": int((part["status"] == CLOSED).sum()),
    }


def _money(part: pd.DataFrame, label: str, pack: Pack) -> dict[str, Any]:
    counted = part[part["conclusion"].isin(pack.campaign.conclusions.with_money)]
    involved, recovered = counted["involved_yuan"].fillna(0), counted["recovered_yuan"].fillna(0)
    total, back = float(involved.sum()), float(recovered.sum())
    odd = int((recovered > involved).sum())
    notes = ["尚无结论"] if part.empty else [] if total else ["没有涉案金额，不计挽回率"]
    notes += [f"{odd}件挽回大于涉案，请核对"] if odd else []
    return {
        "名称": label,
        "件数": len(part),
        "有金额件数": int(((involved > 0) | (recovered > 0)).sum()),
        "涉案金额": total,
        "挽回金额": back,
        "挽回率": back / total if total else None,
        "样本过小": SMALL if len(part) < pack.campaign.small_sample else None,
        "说明": "；".join(notes) or None,
    }


def _rank(lines: list[dict[str, Any]]) -> None:
    """Rank those with a rate and enough clues; gaps are to the next different place."""
    ranked = [line for line in lines if line["挽回率"] is not None and line["样本过小"] is None]
    place(ranked, "挽回率", "排名")
    rank_gaps(ranked, "挽回率", first="与第一名差距", above="与前一名差距", below="与后一名差距")
    lines.sort(key=lambda line: (line.get("排名") is None, line.get("排名") or 0))


def _labels(part: pd.DataFrame, pack: Pack) -> list[str]:
    return [pack.tactic_labels[t] for tactics in part["tactics"] for t in tactics if t in pack.tactic_labels]


def _risk_points(detail: Detail, part: pd.DataFrame, pack: Pack) -> list[str]:
    labels = {i.id: i.label for i in pack.indicators.indicators}
    rows = detail.signals[(detail.signals["kind"] == "indicator") & detail.signals["clue_id"].isin(part["clue_id"])]
    return [labels[code] for code in rows["code"] if code in labels]


def _most(values: list[str], unit: str = "", shown: int = _SHOWN) -> str | None:
    counts = sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))
    return "、".join(f"{value}({n}{unit})" for value, n in counts[:shown]) or None


def _shows(detail: Detail, indicators: Sequence[str], features: Sequence[str], tactics: Sequence[str]) -> set[str]:
    s = detail.signals
    rows = s[((s["kind"] == "indicator") & s["code"].isin(indicators)) | ((s["kind"] == "feature") & s["code"].isin(features))]
    named = [c for c, found in zip(detail.clues["clue_id"], detail.clues["tactics"], strict=True) if set(found) & set(tactics)]
    return {*rows["clue_id"], *named}


def _empty(detail: Detail) -> str | None:
    return "截至日没有列出线索" if detail.clues.empty else "截至日尚无结论" if detail.clues["conclusion"].isna().all() else None


def _nothing(columns: list[str], first: str, note: str) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame([{first: "无", "说明": note}], columns=columns)
