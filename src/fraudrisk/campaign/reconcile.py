"""Do the tables say what the detail says? Counted again from the detail, by other means than the tables use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fraudrisk.campaign.cases import pick_cases
from fraudrisk.campaign.detail import Detail
from fraudrisk.campaign.standing import CLOSED
from fraudrisk.campaign.tables import TOTAL
from fraudrisk.packs import Pack

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["differences"]

_CENT = 0.005


def differences(detail: Detail, pack: Pack, tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """What does not agree, one sentence each; empty when all tables reconcile.

    Parameters
    ----------
    detail : Detail
    pack : Pack
    tables : mapping of str to DataFrame
        By their Chinese names, as :func:`fraudrisk.campaign.report.make_tables` gives them; those not there are not checked.
    """
    checks = {
        "问题清单": _problems,
        "漏洞清单": _loopholes,
        "追赃挽损": _recovery,
        "清单命中率": _precision,
        "探索校正": _missed,
        "区划排名": _league,
        "典型案例": _cases,
        "防骗提示": _tips,
    }
    return [f"{name}: {fault}" for name, check in checks.items() if name in tables for fault in check(detail, pack, tables[name])]


def _problems(detail: Detail, pack: Pack, table: pd.DataFrame) -> Iterator[str]:
    clues = detail.clues
    expected = {"线索数": len(clues), "主体数": int(detail.exposure["businesses"].sum()), "已有结论": int(clues["conclusion"].count())}
    expected |= {f"{g}级": clues["grade"].tolist().count(g) for g in "ABCD"}
    expected |= {"已办结": clues["status"].tolist().count(CLOSED)}
    expected |= {c: clues["conclusion"].tolist().count(c) for c in pack.campaign.conclusions.confirmed}
    yield from _sums(table, "行业", expected)
    if sum(expected[f"{g}级"] for g in "ABCD") != len(clues):
        yield "grades do not sum to the clues"


def _loopholes(detail: Detail, pack: Pack, table: pd.DataFrame) -> Iterator[str]:
    confirmed = set(pack.campaign.conclusions.confirmed)
    sure = {c for c, said in zip(detail.clues["clue_id"], detail.clues["conclusion"], strict=True) if said in confirmed}
    named: set[str] = set()
    for line in table[table["依据线索编号"].notna()].to_dict("records"):
        numbers = str(line["依据线索编号"]).split("、")
        named |= set(numbers)
        if len(set(numbers)) != line["次数"]:
            yield f"{line['漏洞']}: {line['次数']} counted, {len(set(numbers))} numbers named"
        if not set(numbers) <= sure:
            yield f"{line['漏洞']}: names clues that are not confirmed"
        if abs(line["占已证实线索比例"] - line["次数"] / len(sure)) > 1e-9:
            yield f"{line['漏洞']}: the share does not follow from the count"
    total = table[table["漏洞"].str.startswith(TOTAL)]
    if len(total) and int(total["次数"].iloc[0]) != len(named):
        yield f"the sum says {int(total['次数'].iloc[0])}, the lines name {len(named)} clues"
    if bool(sure) != bool(len(total)):
        yield "confirmed clues and the table disagree on whether there are any"


def _recovery(detail: Detail, pack: Pack, table: pd.DataFrame) -> Iterator[str]:
    clues = detail.clues
    counted = clues[clues["conclusion"].isin(pack.campaign.conclusions.with_money)]
    expected: dict[str, float] = {
        "件数": int(clues["conclusion"].count()),
        "涉案金额": float(counted["involved_yuan"].sum()),
        "挽回金额": float(counted["recovered_yuan"].sum()),
    }
    for dimension, part in table.groupby("维度"):
        yield from (f"{dimension}: {fault}" for fault in _sums(part, "名称", expected))
    small = table["件数"] < pack.campaign.small_sample
    if table.loc[small & (table["名称"] != TOTAL), "排名"].notna().any():
        yield "a small sample is ranked"
    rates = table[table["挽回率"].notna()]
    if any(abs(r - back / all_) > 1e-9 for r, back, all_ in zip(rates["挽回率"], rates["挽回金额"], rates["涉案金额"], strict=True)):
        yield "a rate does not follow from its amounts"


def _precision(detail: Detail, pack: Pack, table: pd.DataFrame) -> Iterator[str]:
    words = pack.campaign.conclusions
    for reason in sorted(set(detail.clues["reason"])):
        mine = detail.clues[detail.clues["reason"] == reason]
        expected = {"列出": len(mine), "已有结论": int(mine["conclusion"].count())}
        expected |= {c: mine["conclusion"].tolist().count(c) for c in (*words.confirmed, *words.refuted)}
        yield from (f"{reason}: {fault}" for fault in _sums(table[table["方式"] == reason], "月份", expected))
    whole = table[(table["月份"] == TOTAL) & (table["方式"] == TOTAL)]
    if int(whole["列出"].iloc[0]) != len(detail.clues):
        yield f"{int(whole['列出'].iloc[0])} listed in all, {len(detail.clues)} clues in the detail"
    decided = table[[*words.confirmed, *words.refuted]].sum(axis=1)
    if (decided + table["未定性"] != table["已有结论"]).any() or (decided != table["有定论"]).any():
        yield "conclusions do not sum to those there are"


def _missed(detail: Detail, pack: Pack, table: pd.DataFrame) -> Iterator[str]:
    del pack
    for line in table[table["月份"].notna()].to_dict("records"):
        runs = detail.listings[detail.listings["month"] == line["月份"]]
        if line["定向在列"] + line["抽取数"] != runs["clue_id"].nunique():
            yield f"{line['月份']}: {line['定向在列']} and {line['抽取数']} places, {runs['clue_id'].nunique()} businesses on its lists"
        if line["估计遗漏"] == line["估计遗漏"] and line["估计遗漏"] is not None and line["估计遗漏"] < line["抽取属实"]:
            yield f"{line['月份']}: fewer are estimated than were found"


def _league(detail: Detail, pack: Pack, table: pd.DataFrame) -> Iterator[str]:
    del pack
    yield from _sums(table, "区划", {"线索数": len(detail.clues), "已有结论": int(detail.clues["conclusion"].count())})


def _cases(detail: Detail, pack: Pack, table: pd.DataFrame) -> Iterator[str]:
    told = int(table["案例"].notna().sum())
    picked = pick_cases(detail, pack)
    if told != len(picked):
        yield f"{told} told, {len(picked)} picked"
    rows = detail.clues.set_index("clue_id").loc[[c for _, c in picked]]
    if not ((rows["status"] == CLOSED) & rows["conclusion"].isin(pack.campaign.conclusions.confirmed)).all():
        yield "a case is not closed and confirmed"


def _tips(detail: Detail, pack: Pack, table: pd.DataFrame) -> Iterator[str]:
    count = next(c for c in table.columns if c.endswith("反映人数"))
    named = detail.voiced[detail.voiced["tactic"].isin(pack.campaign.tips)]["people"].sum()
    yield from _sums(table, "区划", {count: int(named)} if table[count].notna().any() else {})


def _sums(table: pd.DataFrame, name: str, expected: Mapping[str, float]) -> Iterator[str]:
    """The lines sum to the last one, and that is what the detail says."""
    last = table[name] == TOTAL
    for column, value in expected.items():
        lines: Any = table.loc[~last, column].sum()
        total: Any = table.loc[last, column].iloc[0]
        if abs(lines - value) > _CENT or abs(total - value) > _CENT:
            yield f"{column}: the lines sum to {lines:g}, {TOTAL} says {total:g}, the detail {value:g}"
