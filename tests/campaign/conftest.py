"""An office that worked through three lists, and details made up at will."""

from __future__ import annotations

import datetime as dt
import random
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from fraudrisk.campaign.detail import CLUES, Detail, gather
from fraudrisk.clues.numbers import read_numbers
from fraudrisk.packs import Pack
from fraudrisk.taking_back import enter_list, ledger_of
from fraudrisk.workspace import Workspace

RUNS = (dt.date(2026, 9, 1), dt.date(2026, 10, 1), dt.date(2026, 11, 1))
LATE = dt.date(2026, 11, 5)
CHECKED = ("已转办", "核查中", "已反馈")
_UNSENT = 4
ENDS = ("属实", "部分属实", "不属实", "移送", "属实", None)


def _tell(ledger: Any, clue: str, name: str, i: int, on: dt.date, conclusion: str | None) -> None:
    """Work through one clue: every second closed, the sums from its place on the list."""
    for state in CHECKED[: 3 if conclusion else 2]:
        last = state == "已反馈"
        details = {
            "measures": f"责令{name}退还货款" if i % 4 == 0 else "责令改正",
            "involved_yuan": 10_000.0 * (i + 1),
            "recovered_yuan": 4_000.0 * (i + 1),
        }
        why = "市公安局" if conclusion == "移送" and last else ""
        ledger.move(clue, state, who="某所", why=why, on=on, conclusion=conclusion if last else None, details=details if last else None)
    if conclusion and i % 6 != 4:
        ledger.move(clue, "已办结", who="某所", on=on + dt.timedelta(days=3))


def _outcomes(workspace: Workspace, told: dict[str, str | None], on: dt.date) -> None:
    """What taking a list back imports."""
    known = {number: conclusion for number, conclusion in told.items() if conclusion}
    ids = {number: business for business, number in read_numbers(workspace.path / "clues" / "numbers.jsonl").items()}
    frame = pd.DataFrame({"线索编号": list(known), "统一社会信用代码": [ids[n] for n in known], "核查结论": list(known.values())})
    workspace.import_table("outcome", frame.assign(结论日期=on.isoformat()))


def work(workspace: Workspace) -> None:
    """Three lists; what is checked after each is told before the next, and one conclusion comes after the last."""
    for number, day in enumerate(RUNS):
        workspace.run(day, 60)
        enter_list(workspace, day)
        ledger = ledger_of(workspace)
        waiting = ledger.clues()
        fresh = waiting[(waiting["status"] == "待分办") & (waiting["listed_on"] == day)].to_dict("records")
        if number < 2:
            lines = workspace.result(day).clues().set_index("线索编号")["主要手法"]
            told = {c["clue_id"]: "属实" if isinstance(lines[c["clue_id"]], str) else ENDS[i % len(ENDS)] for i, c in enumerate(fresh)}
            for clue in fresh[_UNSENT::_UNSENT]:
                told[clue["clue_id"]] = None  # nobody hands it on: the next list may name it again
            for i, clue in enumerate(fresh):
                if i and i % _UNSENT == 0:
                    continue
                _tell(ledger, clue["clue_id"], clue["name"], i, day + dt.timedelta(days=7), told[clue["clue_id"]])
            _outcomes(workspace, told, day + dt.timedelta(days=7))
        else:
            _tell(ledger, fresh[0]["clue_id"], fresh[0]["name"], 0, LATE, "属实")
        if number == 1:
            again = waiting[waiting["status"] == "已办结"]["clue_id"].iloc[0]
            for state in ("回头看", "核查中"):
                ledger.move(again, state, who="某所", on=day + dt.timedelta(days=9))
        ledger.close()


@pytest.fixture(scope="session")
def unworked(office: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """One list, and nobody has entered it into a ledger."""
    folder = tmp_path_factory.mktemp("campaign") / "unworked"
    shutil.copytree(office.path, folder)
    with (folder / "fraudrisk.toml").open("a", encoding="utf-8") as stream:
        stream.write('minimum_grade = "A"\nexploration_share = 0.2\n')
    workspace = Workspace(folder)
    workspace.run(RUNS[0], 60)
    return workspace


@pytest.fixture(scope="session")
def worked(unworked: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("campaign") / "worked"
    shutil.copytree(unworked.path, folder)
    workspace = Workspace(folder)
    work(workspace)
    return workspace


@pytest.fixture(scope="session")
def detail(worked: Workspace) -> Detail:
    return gather(worked)


@pytest.fixture(scope="session")
def register(worked: Workspace) -> pd.DataFrame:
    result = worked.result()
    path = Path(result.folder) / "work" / result.manifest["digest"] / "register.parquet"
    return pd.read_parquet(path)


def made_up(pack: Pack, seed: int, n: int) -> Detail:
    """A detail of `n` clues over three months and districts; whatever the ledger could hold may be in it."""
    draw = random.Random(seed)
    sectors = [*(s.code for s in pack.taxonomy.sectors), ""]
    indicators = [i.id for i in pack.indicators.indicators]
    states = {None: ("待分办", "已转办", "核查中"), **dict.fromkeys(ENDS[:4], ("已反馈", "已办结", "回头看"))}
    rows, listings, signals = [], [], []
    for i in range(n):
        month = draw.randrange(3)
        reason = draw.choice(("定向", "定向", "探索"))
        conclusion = draw.choice([*ENDS, "无法核实", "重复件"])
        clue = f"YL-330299-20260{month + 7}-{i:04d}"
        money = draw.choice((None, 0.0, round(draw.uniform(0, 1e6), 2)))
        rows.append(
            {
                "clue_id": clue, "business_id": f"b{i}", "name": f"甬城某{i}号健康馆", "sector": draw.choice(sectors),
                "district": draw.choice(("330201", "330202", "")), "kind": draw.choice(("个体工商户", "有限责任公司", "")),
                "owner": draw.choice(pack.routing.departments[:3]), "category": draw.choice([*pack.fraud_categories, ""]),
                "tactics": draw.sample(list(pack.tactic_labels), draw.randrange(min(4, len(pack.tactic_labels) + 1))), "grade": draw.choice("ABCD"), "score": draw.uniform(0, 100),
                "listed_on": dt.date(2026, month + 7, 1), "month": f"2026-0{month + 7}", "latest_grade": "B", "latest_on": dt.date(2026, 9, 1),
                "reason": reason, "propensity": 1.0, "status": draw.choice(states.get(conclusion, ("已反馈", "已办结"))), "conclusion": conclusion,
                "concluded_on": None, "involved_yuan": money if conclusion else None,
                "recovered_yuan": draw.choice((None, 0.0, 5000.0)) if conclusion else None,
                "measures": draw.choice((None, "责令改正")) if conclusion else None,
            }
        )  # fmt: skip
        for later in range(month, 3):
            if later == month or draw.random() < 0.4:
                told = reason if later == month else draw.choice(("定向", "探索"))
                listings.append(
                    {"run": dt.date(2026, later + 7, 1), "month": f"2026-0{later + 7}", "clue_id": clue, "reason": told, "pool": 400}
                )
        signals += [
            {"clue_id": clue, "kind": "indicator", "code": c, "value": 5.0}
            for c in draw.sample(indicators, draw.randrange(min(5, len(indicators))))
        ]
    voiced = [
        {"district": d, "tactic": t, "people": draw.randrange(1, 9)}
        for d in ("", "330201")
        for t in pack.tactic_labels
        if draw.random() < 0.4
    ]
    return Detail(
        dt.date(2026, 10, 1),
        dt.date(2026, 9, 1),
        pd.DataFrame(rows, columns=list(CLUES)),
        pd.DataFrame(signals, columns=["clue_id", "kind", "code", "value"]),
        pd.DataFrame(listings, columns=["run", "month", "clue_id", "reason", "pool"]),
        pd.DataFrame(voiced, columns=["district", "tactic", "people"]),
        pd.DataFrame([{"sector": s, "district": "330201", "businesses": 40} for s in sectors[:-1]]),
        pd.DataFrame(columns=["clue_id", "tactic", "quote", "times"]),
        {"330201": "东区", "330202": "西区", "330203": "北区"},
        pa.chunked_array([[f"甬城某{i}号健康馆" for i in range(n)]], pa.string()),
    )
