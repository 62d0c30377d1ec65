"""Every table is counted again from the detail; small samples are marked; nothing is divided by nothing; nobody can be recognised."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from fraudrisk.campaign import tables
from fraudrisk.campaign.cases import case_text, pick_cases, rounded
from fraudrisk.campaign.detail import Detail, gather
from fraudrisk.campaign.reconcile import differences
from fraudrisk.campaign.report import TABLES, make_tables
from fraudrisk.errors import InputError, NotFoundError
from fraudrisk.linking.names import fold_name, short_forms
from fraudrisk.outcomes.estimates import missed
from fraudrisk.packs import Pack, load_pack
from fraudrisk.taking_back import ledger_of
from fraudrisk.workspace import Workspace
from tests.campaign.conftest import LATE, RUNS, made_up

pytestmark = pytest.mark.slow


def raw(detail: Detail, pack: Pack) -> dict[str, pd.DataFrame]:
    return {name: make(detail, pack) for name, (make, _) in TABLES.items()}


@pytest.mark.parametrize("as_of", [*RUNS, dt.date(2026, 11, 20)])
def test_every_table_reconciles(worked: Workspace, pack: Pack, as_of: dt.date) -> None:
    found = gather(worked, as_of)
    assert differences(found, pack, raw(found, pack)) == []


@examples(max_examples=30)
@given(seed=st.integers(0, 10**6), n=st.integers(0, 90))
def test_any_detail_reconciles(seed: int, n: int) -> None:
    pack = load_pack("elder_fraud")
    found = made_up(pack, seed, n)
    made = make_tables(found, pack)
    shares = pd.concat([made[t][c].dropna() for t, c in (("清单命中率", "命中率"), ("区划排名", "命中率"), ("探索校正", "估计召回率"))])
    assert shares.between(0, 1).all()
    assert not any(made["追赃挽损"]["挽回率"].astype(float).isin([float("inf")]))


SPOILED = {
    "问题清单": ("线索数", 1),
    "漏洞清单": ("次数", 1),
    "追赃挽损": ("涉案金额", 0.01),
    "清单命中率": ("列出", 1),
    "探索校正": ("定向在列", 1),
    "区划排名": ("线索数", 1),
    "防骗提示": ("近90天反映人数", 1),
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_wrong_number_is_noticed(pack: Pack, name: str) -> None:
    found = made_up(pack, 5, 60)
    made = raw(found, pack)
    column, by = SPOILED[name]
    made[name].loc[0, column] += by
    assert [d for d in differences(found, pack, made) if d.startswith(name)]


def test_a_clue_counts_once_by_its_first_list(detail: Detail, worked: Workspace) -> None:
    assert detail.clues["clue_id"].is_unique
    assert len(detail.listings) == sum(len(worked.result(r).selection()) for r in RUNS)
    first = detail.listings.sort_values("run", kind="stable").drop_duplicates("clue_id").set_index("clue_id")
    clues = detail.clues.set_index("clue_id")
    assert clues["listed_on"].to_dict() == first["run"].to_dict()
    assert clues["reason"].to_dict() == first["reason"].to_dict()
    again = clues[clues["latest_on"] > clues["listed_on"]]
    assert len(again) >= 2  # what nobody took up
    lines = {r: worked.result(r).clues().set_index("线索编号")["评分"] for r in RUNS}
    assert all(clues.loc[c, "score"] == lines[clues.loc[c, "listed_on"]][c] for c in again.index)


def test_nothing_known_on_or_after_the_date_is_used(worked: Workspace) -> None:
    before, then, after = (gather(worked, d).clues.set_index("clue_id") for d in (*RUNS[:2], LATE + dt.timedelta(days=10)))
    assert before["conclusion"].isna().all()
    assert set(before["status"]) == {"待分办"}
    told = then["conclusion"].dropna()
    assert 0 < len(told) < after["conclusion"].notna().sum()
    assert (pd.to_datetime(then["concluded_on"].dropna()) < pd.Timestamp(RUNS[1])).all()
    latest = gather(worked)
    assert latest.withheld == 4
    late = after[pd.to_datetime(after["concluded_on"]) >= pd.Timestamp(LATE)].index
    assert len(late) == 1
    assert latest.clues.set_index("clue_id").loc[late, "conclusion"].isna().all()
    closed = LATE + dt.timedelta(days=3)
    same_day, next_day = (gather(worked, closed + dt.timedelta(days=d)).clues.set_index("clue_id").loc[late[0]] for d in (0, 1))
    assert same_day["status"] != "已办结"
    assert (next_day["status"], next_day["conclusion"]) == ("已办结", "属实")


def test_a_clue_checked_again_has_no_conclusion_until_it_returns(worked: Workspace, detail: Detail) -> None:
    ledger = ledger_of(worked)
    history = ledger.history()
    ledger.close()
    again = history[history["after"] == "回头看"]["clue_id"].iloc[0]
    row = detail.clues.set_index("clue_id").loc[again]
    assert (row["status"], row["conclusion"]) == ("核查中", None)
    assert gather(worked, RUNS[1]).clues.set_index("clue_id").loc[again, "conclusion"] is not None


def test_without_a_ledger_the_tables_say_so(unworked: Workspace, pack: Pack) -> None:
    found = gather(unworked)
    assert not (unworked.path / "ledger.db").exists()
    made = make_tables(found, pack)
    assert made["问题清单"]["说明"].iloc[-1] == "截至日尚无结论"
    assert made["漏洞清单"]["说明"].tolist() == ["截至日没有已证实线索，无从列出漏洞"]
    assert made["典型案例"]["案例"].isna().all()
    assert made["追赃挽损"]["挽回率"].isna().all()
    assert made["清单命中率"]["命中率"].isna().all()
    assert made["探索校正"]["估计遗漏"].isna().all()
    assert made["探索校正"]["说明"].tolist() == ["探索抽查尚无有定论的结论，不能估计"]
    assert made["区划排名"]["命中率排名"].isna().all()


def test_no_list_by_that_date_is_said(worked: Workspace) -> None:
    with pytest.raises(NotFoundError, match="the first is of 2026-09-01"):
        gather(worked, dt.date(2026, 8, 1))


def clue_rows(detail: Detail, rows: list[dict[str, object]]) -> Detail:
    """The detail with the first clues overwritten, and no others."""
    clues = detail.clues.head(len(rows)).copy()
    for column in {c for r in rows for c in r}:
        clues[column] = pd.Series([r.get(column) for r in rows], index=clues.index, dtype=object)
    for column in ("involved_yuan", "recovered_yuan"):
        clues[column] = clues[column].astype(float)
    return replace(detail, clues=clues, listings=detail.listings[detail.listings["clue_id"].isin(clues["clue_id"])])


def test_recovery_ranks_with_gaps_and_leaves_small_samples_out(pack: Pack) -> None:
    rows = [{"district": "330201", "conclusion": "属实", "status": "已办结", "involved_yuan": 100.0, "recovered_yuan": 50.0}] * 12
    rows += [{"district": "330202", "conclusion": "属实", "status": "已办结", "involved_yuan": 100.0, "recovered_yuan": 20.0}] * 10
    rows += [{"district": "330203", "conclusion": "属实", "status": "已办结", "involved_yuan": 100.0, "recovered_yuan": 100.0}] * 9
    rows += [{"district": "330201", "conclusion": "不属实", "status": "已办结", "involved_yuan": 9e9, "recovered_yuan": 0.0}]
    table = tables.recovery(clue_rows(made_up(pack, 1, 40), rows), pack)
    one, two, three = (table[table["名称"] == name].iloc[0] for name in ("东区", "西区", "北区"))
    assert (one["排名"], one["挽回率"], one["与第一名差距"], one["与后一名差距"]) == (1, 0.5, 0, 0.3)
    assert (two["排名"], two["挽回率"], two["与前一名差距"]) == (2, 0.2, 0.3)
    assert (three["挽回率"], three["样本过小"]) == (1.0, "样本过小")
    assert pd.isna(three["排名"])
    assert pd.isna(one["样本过小"])
    assert table[(table["维度"] == "区划") & (table["名称"] == "合计")]["涉案金额"].item() == 3100.0


def test_recovered_without_involved_is_said_and_not_divided(pack: Pack) -> None:
    rows = [{"district": "330201", "conclusion": "属实", "involved_yuan": None, "recovered_yuan": 500.0}] * 11
    table = tables.recovery(clue_rows(made_up(pack, 1, 40), rows), pack)
    line = table[table["名称"] == "东区"].iloc[0]
    assert pd.isna(line["挽回率"])
    assert line["说明"] == "没有涉案金额，不计挽回率；11件挽回大于涉案，请核对"


def test_loopholes_count_confirmed_clues_of_their_sectors_only(pack: Pack) -> None:
    detail = made_up(pack, 2, 80)
    table = tables.loopholes(detail, pack)
    holes = {f"{h.code} {h.label}": h for h in pack.campaign.loopholes}
    clues = detail.clues.set_index("clue_id")
    assert len(table) > 10
    for line in table[table["漏洞"].isin(list(holes))].to_dict("records"):
        hole = holes[line["漏洞"]]
        for number in line["依据线索编号"].split("、"):
            clue = clues.loc[number]
            counted = detail.signals[detail.signals["clue_id"] == number]["code"]
            assert clue["conclusion"] in ("属实", "部分属实")
            assert not hole.sectors or clue["sector"] in hole.sectors
            assert set(counted) & {*hole.indicators, *hole.features} or set(clue["tactics"]) & set(hole.tactics)
        assert (line["建议文书"], line["发送对象"]) == (hole.instrument, hole.addressee)


def test_what_a_month_missed_is_the_estimate_from_its_draw(detail: Detail, pack: Pack, worked: Workspace) -> None:
    line = tables.missed_by_month(detail, pack).iloc[0]
    chosen = worked.result(RUNS[0]).selection()
    assert (line["定向在列"], line["抽取数"]) == (
        (chosen["selection_reason"] == "定向").sum(),
        (chosen["selection_reason"] == "探索").sum(),
    )
    assert line["抽取范围"] == chosen["pool"].iloc[0]
    told = detail.clues.set_index("clue_id")["conclusion"]
    drawn = told[detail.listings[(detail.listings["run"] == RUNS[0]) & (detail.listings["reason"] == "探索")]["clue_id"]]
    hits, decided = drawn.isin(["属实", "部分属实"]).sum(), drawn.isin(["属实", "部分属实", "不属实"]).sum()
    assert (line["抽取属实"], line["抽取有定论"]) == (hits, decided)
    rest = missed(int(line["抽取范围"]), int(decided), int(hits))
    assert (line["估计遗漏"], line["遗漏下限"], line["遗漏上限"]) == (rest.expected, rest.low, rest.high)
    assert line["估计召回率"] == line["定向已证实"] / (line["定向已证实"] + rest.expected)
    assert line["召回下限"] <= line["估计召回率"] <= line["召回上限"]
    assert tables.missed_by_month(detail, pack)["说明"].iloc[-1] == "探索抽查尚无有定论的结论，不能估计"


def test_precision_stands_beside_volume(pack: Pack) -> None:
    rows = [{"district": "330201", "conclusion": "不属实", "status": "已办结"}] * 30
    rows += [{"district": "330202", "conclusion": "属实", "status": "已办结"}] * 20
    table = tables.league(clue_rows(made_up(pack, 3, 60), rows), pack).set_index("区划")
    assert table.loc["东区", ["线索数排名", "命中率排名", "距下一名"]].tolist() == [1, 2, 10]
    assert table.loc["西区", ["线索数排名", "命中率排名", "距上一名"]].tolist() == [2, 1, 10]
    assert table.loc["北区", "线索数"] == 0


def test_an_open_or_unfounded_case_is_refused_by_name(detail: Detail, pack: Pack) -> None:
    clues = detail.clues
    waiting = clues[clues["status"] == "已反馈"]["clue_id"].iloc[0]
    wrong = clues[(clues["status"] == "已办结") & (clues["conclusion"] == "不属实")]["clue_id"].iloc[0]
    with pytest.raises(InputError, match=f"{waiting} is 已反馈, not 已办结"):
        tables.typical_cases(detail, pack, wanted=waiting)
    with pytest.raises(InputError, match=f"{wrong} was found 不属实"):
        tables.typical_cases(detail, pack, wanted=wrong)
    with pytest.raises(NotFoundError, match="YL-1"):
        tables.typical_cases(detail, pack, wanted="YL-1")
    allowed = clues[(clues["status"] == "已办结") & (clues["conclusion"] == "属实")]["clue_id"].iloc[0]
    assert tables.typical_cases(detail, pack, wanted=allowed)["案例"].str.contains("经核查属实").all()


def test_cases_are_one_per_tactic_closed_confirmed_and_spread(pack: Pack) -> None:
    detail = made_up(pack, 4, 90)
    picked = pick_cases(detail, pack)
    rows = detail.clues.set_index("clue_id").loc[[c for _, c in picked]]
    assert len(picked) == len({t for t, _ in picked}) == len({c for _, c in picked})
    assert (rows["status"] == "已办结").all()
    assert rows["conclusion"].isin(["属实", "部分属实"]).all()
    assert all(t in row for (t, _), row in zip(picked, rows["tactics"], strict=True))
    possible = detail.clues[(detail.clues["status"] == "已办结") & detail.clues["conclusion"].isin(["属实", "部分属实"])]
    assert rows["district"].nunique() == min(possible["district"].nunique(), len(picked))
    told = tables.typical_cases(detail, pack)
    assert told["案例"].str.count("。").between(2, 4).all()


def test_nobody_can_be_recognised_in_a_case(detail: Detail, pack: Pack, register: pd.DataFrame) -> None:
    told = tables.typical_cases(detail, pack)
    assert told["案例"].notna().sum() >= 3
    text = "\n".join(str(v) for line in told.to_dict("records") for v in line.values())
    forms = {f for name in register["name"].dropna() for f in (name, *short_forms(fold_name(name), ("甬城",))) if len(f) >= 4}
    assert not [f for f in forms if f in text]
    assert not [c for c in register["uscc"].dropna() if c in text]
    assert not re.search(r"YL-|\d{5,}|330299|甬城|海东|云澜", text)
    assert not [a for a in detail.clues["involved_yuan"].dropna() if f"{a:.0f}" in text]


def test_of_the_inspectors_words_only_what_was_done_is_told(pack: Pack) -> None:
    detail = made_up(pack, 1, 3)
    row = {**detail.clues.iloc[0].to_dict(), "tactics": ["T01"], "conclusion": "属实", "kind": "个体工商户", "sector": "wellness"}
    told = [
        case_text(detail, pack, {**row, "measures": measures}, "T01").split("。")[-2]
        for measures in ("责令甬城某0号健康馆改正，对张某罚款5000元，未退款", "不予立案，免予罚款", "张三已搬走", None)
    ]
    assert told == ["处置情况：责令改正、罚款", "现已办结", "现已办结", "现已办结"]
    quoted = replace(
        detail,
        quotes=pd.DataFrame(
            [(row["clue_id"], "T01", q, 3) for q in ("王阿姨听课", "每天早上听课")], columns=["clue_id", "tactic", "quote", "times"]
        ),
    )
    assert "有群众反映“每天早上听课”。" in case_text(quoted, pack, row, "T01")


@given(st.floats(0, 1e12, allow_nan=False))
def test_amounts_keep_one_figure(yuan: float) -> None:
    word = rounded(yuan, load_pack("elder_fraud"))
    assert word is None or re.fullmatch(r"[1-9]0{0,4}(?:亿元|万元|千元)", word), word


def test_districts_are_as_fine_as_tells_them_apart(detail: Detail, worked: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sorted(detail.districts) == [f"33029{i}" for i in range(1, 9)]
    assert detail.district("330291") == "甬城市海东区"
    monkeypatch.setattr(worked, "settings", worked.settings.model_copy(update={"district_digits": 4}))
    assert sorted(gather(worked).districts) == [f"33029{i}" for i in range(1, 9)]  # four digits tell no two apart
    monkeypatch.setattr(
        worked, "settings", worked.settings.model_copy(update={"district_digits": 9, "district_names": {"330291001": "东河街道"}})
    )
    finer = gather(worked)
    assert finer.district("330291001") == "东河街道"
    assert finer.district("330291002") == "甬城市海东区(330291002)"


def test_a_second_pack_has_its_tables(tiny_pack: Pack) -> None:
    made = make_tables(made_up(tiny_pack, 7, 40), tiny_pack)
    assert made["漏洞清单"]["漏洞"].iloc[0] == "K1 预收资金无存管"
