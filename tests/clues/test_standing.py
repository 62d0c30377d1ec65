"""Harm, holding back, coverage, looking back: what decides about a place beside the score."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraudrisk.clues.card import sparkline
from fraudrisk.clues.coverage import coverage
from fraudrisk.clues.harm import expected_harm
from fraudrisk.clues.held import hold_back
from fraudrisk.clues.lookback import look_back, old_tickets
from fraudrisk.packs import Pack
from fraudrisk.packs.schema import Harm
from fraudrisk.run import RunResult

DAY = dt.date(2026, 11, 1)


def standing(**columns: object) -> pd.DataFrame:
    base = {
        "business_id": ["b1"],
        "grade": ["B"],
        "last_meant": [None],
        "last_said": [None],
        "visits": [0],
        "cleared_on": [None],
        "settled_on": [None],
        "settled_as": [None],
    }
    return pd.DataFrame({**base, **{k: [v] for k, v in columns.items()}})


@given(p=st.floats(0.001, 0.9), victims=st.integers(0, 10**5), amount=st.floats(0, 1e9), urgency=st.one_of(st.none(), st.floats(0, 1)))
def test_harm_rises_with_everything_it_is_made_of(p: float, victims: int, amount: float, urgency: float | None) -> None:
    def harm(**changed: object) -> float:
        row = {"probability": p, "victims": victims, "amount": amount, "urgency": urgency} | changed
        return float(expected_harm(pd.DataFrame([row]), Harm())[0])

    assert harm() > 0
    assert harm(probability=p * 1.1) > harm()
    assert harm(victims=victims * 10 + 9) > harm()
    assert harm(amount=amount * 10 + 1e5) > harm()
    assert harm(urgency=1.0) >= harm() >= harm(urgency=0.0)


@pytest.mark.parametrize(
    ("row", "hand", "reason"),
    [
        ({}, {}, None),
        ({}, {"b1": "YL-1 核查中"}, "在办：YL-1 核查中"),
        ({"settled_on": dt.date(2026, 9, 1), "settled_as": "属实", "last_said": dt.date(2026, 10, 1)}, {}, "2026-09-01已核查，结论属实"),
        ({"last_meant": dt.date(2026, 10, 1)}, {}, "2026-10-01已检查，其后无新的涉诈诉求"),
        ({"last_meant": dt.date(2026, 10, 1), "last_said": dt.date(2026, 10, 2)}, {}, None),
        ({"last_meant": dt.date(2026, 7, 1)}, {}, None),
        ({"cleared_on": dt.date(2026, 2, 1)}, {}, "2026-02-01已核查不属实，其后无新的涉诈诉求"),
        ({"cleared_on": dt.date(2026, 2, 1), "last_said": dt.date(2026, 3, 1)}, {}, None),
        ({"last_meant": dt.date(2026, 7, 1), "visits": 4}, {}, "本年已检查4次，达年度上限4次"),
    ],
)
def test_why_nobody_goes_there_now(row: dict, hand: dict, reason: str | None) -> None:
    out = hold_back(standing(**row), hand, as_of=DAY, revisit_days=90, visits_per_year=4)
    assert (None if pd.isna(out["held"][0]) else out["held"][0]) == reason
    assert pd.isna(out["proposal"][0]) == (reason is None)


def test_a_dangerous_one_is_checked_at_the_desk_meanwhile() -> None:
    out = hold_back(standing(last_meant=dt.date(2026, 10, 20), grade="D"), {}, as_of=DAY)
    assert "书面或网上核查" in out["proposal"][0]


def test_coverage_adds_up_and_every_zero_says_what_to_do(finished: RunResult, pack: Pack) -> None:
    n = 600
    rng = np.random.default_rng(1)
    sectors = [s.code for s in pack.taxonomy.sectors]
    scored = pd.DataFrame(
        {
            "business_id": [f"b{i}" for i in range(n)], "sector": rng.choice(sectors[:-2], n), "district": rng.choice(["330201", "330202", ""], n),
            "grade": rng.choice(list("ABCD"), n), "victims": rng.poisson(0.3, n), "probability": rng.uniform(0, 0.1, n),
            "held": np.where(rng.random(n) < 0.1, "在办", None),
        }
    )  # fmt: skip
    listed = set(scored["business_id"][:40])
    table = coverage(scored, listed, pack)
    total = table[table["行业"] == "全部行业"].iloc[0]
    cells, sums = table[(table["区划"] != "合计")], table[(table["区划"] == "合计") & (table["行业"] != "全部行业")]
    assert total["主体数"] == n == sums["主体数"].sum()
    assert total["列入清单"] == 40 == sums["列入清单"].sum()
    watched = {s.label for s in pack.taxonomy.sectors if s.watch}
    assert cells["列入清单"].sum() == sums[sums["行业"].isin(watched)]["列入清单"].sum()
    assert abs(total["预计问题主体"] - scored["probability"].sum()) < 0.06
    empty = cells[cells["列入清单"] == 0]
    assert len(empty)
    assert empty["提示"].notna().all()
    low, high = map(int, total["预计区间(90%)"].split("-"))
    assert low <= scored["probability"].sum() <= high


def test_look_back_names_what_rose(pack: Pack) -> None:
    closed = pd.DataFrame(
        [("YL-1", "b1", "甲店", "不属实", dt.date(2026, 6, 1), "B", 25.0), ("YL-2", "b2", "乙店", "不属实", dt.date(2026, 6, 1), "B", 25.0),
         ("YL-3", "b3", "丙店", "不属实", dt.date(2026, 6, 1), "B", 25.0)],
        columns=["clue_id", "business_id", "name", "conclusion", "closed_on", "grade_then", "score_then"],
    )  # fmt: skip
    now = pd.DataFrame(
        {
            "business_id": ["b1", "b2", "b3"],
            "grade": ["C", "B", "B"],
            "score": [45.0, 25.0, 25.0],
            "last_said": [None, dt.date(2026, 7, 1), dt.date(2026, 5, 1)],
        }
    )
    then_points = pd.DataFrame({"H1": [0.0, 0, 0], "T4": [12.0, 12, 12]}, index=["b1", "b2", "b3"])
    now_points = pd.DataFrame({"H1": [18.0, 0, 0], "T4": [12.0, 12, 12]}, index=["b1", "b2", "b3"])
    ties = pd.DataFrame({"business_id": ["b1"], "other": ["x"], "clue_id": ["YL-9"]})
    table = look_back(closed, now, then_points, now_points, ties, pack).set_index("线索编号")
    assert table.index.tolist() == ["YL-1", "YL-2"]  # nothing changed about the third
    assert table.loc["YL-1", "变化原因"] == "等级由B升为C：无证经营+18；与新线索同一负责人或电话"
    assert table.loc["YL-1", "关联新线索"] == "YL-9"
    assert "办结后又有涉诈诉求（最近2026-07-01）" in table.loc["YL-2", "变化原因"]


def test_old_tickets_without_a_clue_come_up_again() -> None:
    tickets = pd.DataFrame(
        {"business_id": ["a", "b", "c"], "persons": [3, 1, 2], "tickets": [4, 1, 2], "first_said": DAY, "closed_on": DAY}
    )
    now = pd.DataFrame({"business_id": ["a", "b", "c"], "name": ["甲", "乙", "丙"], "grade": ["D", "A", "C"], "score": [70.0, 5.0, 45.0]})
    none = pd.DataFrame({"business_id": [], "other": [], "clue_id": []})
    assert old_tickets(tickets, now, {"c"}, none)["企业/项目名称"].tolist() == ["甲"]
    tied = pd.DataFrame({"business_id": ["b"], "other": ["x"], "clue_id": ["YL-9"]})
    assert old_tickets(tickets, now, set(), tied)["企业/项目名称"].tolist() == ["甲", "丙", "乙"]


@given(st.lists(st.integers(0, 1000), max_size=24))
def test_a_sparkline_has_a_bar_per_month(counts: list[int]) -> None:
    line = sparkline(counts)
    assert len(line) == len(counts)
    if counts and max(counts):
        assert line[counts.index(max(counts))] == "█"
