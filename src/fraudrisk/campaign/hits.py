"""How often lists were right, and what they missed: by month, and by district beside the count."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from fraudrisk.campaign.detail import Detail
from fraudrisk.campaign.parts import SMALL, TOTAL, place, rank_gaps
from fraudrisk.clues.prioritise import DIRECTED, EXPLORED
from fraudrisk.evaluation.fairness import wilson
from fraudrisk.outcomes.estimates import missed
from fraudrisk.packs import Pack

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["league", "missed_by_month", "precision_by_month"]

_MISSED = (
    "月份", "定向在列", "定向已证实", "抽取范围", "抽取数", "抽取有定论", "抽取属实", "估计遗漏", "遗漏下限", "遗漏上限", "估计召回率", "召回下限", "召回上限",
)  # fmt: skip


def precision_by_month(detail: Detail, pack: Pack) -> pd.DataFrame:
    """清单命中率: of the clues first listed in a month, how many were confirmed; by score (定向) and by lot (探索) apart.

    Returns
    -------
    DataFrame
        月份, 方式, 列出, 已有结论, 属实, 部分属实, 不属实, 未定性, 有定论, 命中率, 命中率下限, 命中率上限 (Wilson, 90 %), 样本过小, 说明.
        未定性 (移送, 无法核实, 重复件) decides nothing; 有定论 is the rest of 已有结论, and what the rate is taken of.
    """
    import pandas as pd

    clues = detail.clues
    groups = [
        (m, r, clues[(clues["month"] == m) & (clues["reason"] == r)]) for m in sorted(set(clues["month"])) for r in (DIRECTED, EXPLORED)
    ]
    groups += [(TOTAL, r, clues[clues["reason"] == r]) for r in (DIRECTED, EXPLORED)] + [(TOTAL, TOTAL, clues)]
    return pd.DataFrame([{"月份": month, "方式": reason, **_precision(part, pack)} for month, reason, part in groups])


def missed_by_month(detail: Detail, pack: Pack) -> pd.DataFrame:
    """探索校正: what each month's lists missed, estimated from the places drawn by lot, and the recall that follows.

    All lists of the month are taken together; off the list (抽取范围) is every business scored that none of them holds by score. Those
    drawn whose check decided something stand for everybody off the list (:func:`fraudrisk.outcomes.estimates.missed`). Finds are the
    confirmed among those listed by score, so that recall is too low while checks are still open.

    Returns
    -------
    DataFrame
        月份, 定向在列, 定向已证实, 抽取范围, 抽取数, 抽取有定论, 抽取属实, 估计遗漏, 遗漏下限, 遗漏上限, 估计召回率, 召回下限, 召回上限, 说明.
    """
    import pandas as pd

    lines = [_missed(detail, pack, month) for month in sorted(set(detail.listings["month"]))]
    return pd.DataFrame(lines or [dict.fromkeys(_MISSED) | {"说明": "没有清单"}], columns=[*_MISSED, "说明"])


def league(detail: Detail, pack: Pack) -> pd.DataFrame:
    """排名 by district: how many clues, and how many of them were right; a count alone rewards junk.

    Returns
    -------
    DataFrame
        区划, 主体数, 线索数, 线索数排名, 距上一名, 距下一名 (clues), 已有结论, 有定论, 属实, 部分属实, 命中率, 命中率下限, 命中率上限, 命中率排名, 样本过小, 说明.
        Equal counts share a rank.
    """
    import pandas as pd

    businesses = detail.exposure.groupby("district")["businesses"].sum()
    lines: list[dict[str, Any]] = []
    for code in sorted({*detail.districts, *detail.clues["district"]}):
        part = detail.clues[detail.clues["district"] == code]
        lines.append({"区划": detail.district(code), "主体数": int(businesses.get(code, 0)), "线索数": len(part), **_precision(part, pack)})
    lines.sort(key=lambda line: (-line["线索数"], line["区划"]))
    place(lines, "线索数", "线索数排名")
    place([line for line in lines if line["命中率"] is not None and line["样本过小"] is None], "命中率", "命中率排名")
    rank_gaps(lines, "线索数", above="距上一名", below="距下一名")
    lines.append({"区划": TOTAL, "主体数": int(businesses.sum()), "线索数": len(detail.clues), **_precision(detail.clues, pack)})
    columns = ["区划", "主体数", "线索数", "线索数排名", "距上一名", "距下一名", "已有结论", "有定论", *pack.campaign.conclusions.confirmed]
    columns += ["命中率", "命中率下限", "命中率上限", "命中率排名", "样本过小", "说明"]
    return pd.DataFrame(lines, columns=columns).astype(dict.fromkeys(("线索数排名", "距上一名", "距下一名", "命中率排名"), "Int64"))


def _precision(part: pd.DataFrame, pack: Pack) -> dict[str, Any]:
    words = pack.campaign.conclusions
    counts = Counter(part["conclusion"].dropna())
    hits, wrong = sum(counts[c] for c in words.confirmed), sum(counts[c] for c in words.refuted)
    n = hits + wrong
    low, high = wilson(hits, n) if n else (None, None)
    note = "没有列出" if part.empty else "尚无结论" if not counts else "尚无有定论的结论" if not n else None
    return {
        "列出": len(part),
        "已有结论": sum(counts.values()),
        **{c: counts[c] for c in (*words.confirmed, *words.refuted)},
        "未定性": sum(counts.values()) - n,
        "有定论": n,
        "命中率": hits / n if n else None,
        "命中率下限": low,
        "命中率上限": high,
        "样本过小": SMALL if n < pack.campaign.small_sample else None,
        "说明": note,
    }


def _missed(detail: Detail, pack: Pack, month: str) -> dict[str, Any]:
    words = pack.campaign.conclusions
    places = detail.listings[detail.listings["month"] == month].merge(detail.clues[["clue_id", "conclusion"]], on="clue_id")
    listed = places[places["reason"] == DIRECTED].drop_duplicates("clue_id")
    drawn = places[(places["reason"] == EXPLORED) & ~places["clue_id"].isin(listed["clue_id"])].drop_duplicates("clue_id")
    found = int(listed["conclusion"].isin(words.confirmed).sum())
    decided = int(drawn["conclusion"].isin([*words.confirmed, *words.refuted]).sum())
    hits = int(drawn["conclusion"].isin(words.confirmed).sum())
    latest = places[places["run"] == places["run"].max()]
    pool = int(latest["pool"].max() + (latest["reason"] == DIRECTED).sum()) - len(listed)
    line: dict[str, Any] = {
        "月份": month, "定向在列": len(listed), "定向已证实": found, "抽取范围": pool, "抽取数": len(drawn), "抽取有定论": decided, "抽取属实": hits,
    }  # fmt: skip
    if not decided:
        return line | {"说明": "没有探索抽查" if drawn.empty else "探索抽查尚无有定论的结论，不能估计"}
    rest = missed(pool, decided, hits)
    line |= {"估计遗漏": rest.expected, "遗漏下限": rest.low, "遗漏上限": rest.high}
    for name, value in (("估计召回率", rest.expected), ("召回下限", rest.high), ("召回上限", rest.low)):
        line[name] = found / (found + value) if found + value else None
    still = int(listed["conclusion"].isna().sum())
    notes = [f"定向尚有{still}条未结论，召回率偏低"] if still else []
    notes += [f"抽查有定论不足{pack.campaign.small_sample}条，区间很宽"] if decided < pack.campaign.small_sample else []
    return line | {"说明": "；".join(notes) or None}
