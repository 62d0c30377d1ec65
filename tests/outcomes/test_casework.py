"""The next list knows what became of the last: in hand, settled, overdue, worth another look; and who leads orders it."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from fraudrisk.casework import casework
from fraudrisk.errors import IntegrityError
from fraudrisk.evaluation.rankers import office_model
from fraudrisk.run import RunResult
from fraudrisk.scoring import Leader, Scorecard
from fraudrisk.taking_back import enter_list, ledger_of, take_back
from fraudrisk.workspace import Workspace
from tests.conftest import AS_OF

pytestmark = pytest.mark.slow
LATER = dt.date(2026, 11, 28)


@pytest.fixture
def copy(office: Workspace, finished: RunResult, tmp_path: Path) -> Workspace:
    shutil.copytree(office.path, tmp_path / "office")
    return Workspace(tmp_path / "office")


def fill(workspace: Workspace, conclusions: dict[str, str]) -> None:
    rows = pd.read_csv(workspace.result(AS_OF).folder / "线索清单.csv", dtype=str, encoding="utf-8-sig")
    path = workspace.path / "back.csv"
    rows.assign(核查结论=rows["线索编号"].map(conclusions), 承办人="张某", 转办日期="2026-11-02", 备注="已核查").to_csv(
        path, index=False, encoding="utf-8-sig"
    )
    take_back(workspace, path, today=dt.date(2026, 11, 20))


def test_the_next_list_knows_the_last(copy: Workspace) -> None:
    clues = copy.result(AS_OF).clues()["线索编号"].tolist()
    ids = dict(zip(clues, copy.result(AS_OF).selection()["business_id"], strict=True))
    confirmed, denied, moved = clues[0], clues[1], clues[2]
    fill(copy, {confirmed: "属实", denied: "不属实"})
    ledger = ledger_of(copy)
    for state in ("已转办", "核查中"):
        ledger.move(moved, state, who="desk", on=dt.date(2026, 11, 3))
    ledger.close()
    result = copy.run(LATER, 40)
    held = result.held().set_index("business_id")
    assert held.loc[ids[confirmed], "held"].endswith("结论属实")
    assert held.loc[ids[moved], "held"] == f"在办：{moved} 核查中"
    listed = set(result.selection()["business_id"])
    assert not listed & {ids[confirmed], ids[denied], ids[moved]}
    book = openpyxl.load_workbook(result.folder / "线索清单.xlsx")
    assert book.sheetnames == ["封面说明", "线索清单", "重点线索卡", "分行业覆盖", "超期催办", "积案回头看", "证据摘录", "口径与字段说明"]
    overdue = {r[0]: r for r in book["超期催办"].iter_rows(min_row=3, values_only=True)}
    assert overdue[moved][3] == "核查中"
    assert (overdue[moved][5] < 0) == (overdue[moved][6] == "是")
    assert clues[5] in overdue  # nobody handed it on
    assert all(copy.pack.notice in sheet["A1"].value for sheet in book)
    again = Workspace(copy.path).run(LATER, 40)
    assert [p.read_bytes() for p in sorted(again.folder.glob("*.*"))] == [p.read_bytes() for p in sorted(result.folder.glob("*.*"))]


def test_a_ledger_says_nothing_of_days_that_had_not_come(copy: Workspace) -> None:
    enter_list(copy, AS_OF)
    ledger = ledger_of(copy)
    clue = str(ledger.clues()["clue_id"].iloc[0])
    ledger.move(clue, "已转办", who="desk", on=dt.date(2026, 11, 10))
    ledger.close()
    assert casework(copy, dt.date(2026, 11, 9)).in_hand == {}
    assert list(casework(copy, dt.date(2026, 11, 10)).in_hand.values()) == [f"{clue} 已转办"]


def test_a_learned_champion_orders_and_explains_the_list(copy: Workspace) -> None:
    pack, features = copy.pack, copy.result(AS_OF).features()
    register = pd.read_parquet(next((copy.path / "runs" / AS_OF.isoformat() / "work").glob("*/register.parquet")))
    rows = features.merge(register[["business_id", "sector", "district"]], on="business_id")
    names = tuple(c for c in rows if c != "business_id" and rows[c].notna().any())
    y = (rows["victims_730"].fillna(0) + rows["penalties_1095"].fillna(0) > 0).astype(int)
    model = office_model(pack, names).fit(rows[list(names)], y, time=pd.Series(np.arange(len(rows))), entity=rows["business_id"])
    models = copy.path / "models"
    model.save(models / "risk")
    (models / "champion.json").write_text(json.dumps({"champion": "risk_scorer", "as_of": AS_OF.isoformat()}))
    result = copy.run(AS_OF, 30)
    assert result.manifest["leader"] == "risk_scorer"
    scores = result.scores().set_index("business_id")
    chance = pd.Series(model.predict_proba(rows[list(names)])[:, 1], index=rows["business_id"])
    pd.testing.assert_series_equal(scores["probability"], chance.rename("probability"), check_exact=True)
    parts = result.contributions().set_index("business_id")
    listed = result.selection().query("selection_reason == '定向'")["business_id"]
    margin = parts.loc[listed].sum(axis=1)
    expected = model.decision_function(rows.set_index("business_id").loc[listed, list(names)])
    np.testing.assert_allclose(margin, expected, atol=1e-9)
    clue = result.clues().iloc[0]
    assert clue["主要理由"].startswith("1. ")
    assert len(result.evidence())
    text = copy.explain(str(clue["线索编号"]))
    assert clue["主要理由"].split("\n")[0].removeprefix("1. ")[:20] in text
    (models / "champion.json").write_text(json.dumps({"champion": "scorecard", "as_of": AS_OF.isoformat()}))
    assert Workspace(copy.path).explain(str(clue["线索编号"])) == text  # what led then is kept with the run
    assert Leader.of_folder(models, pack).kind == "scorecard"


def test_a_damaged_champion_stops_the_run(copy: Workspace) -> None:
    models = copy.path / "models"
    models.mkdir(exist_ok=True)
    (models / "champion.json").write_text('{"champion": "scorecard_refitted"}')
    with pytest.raises(IntegrityError, match="missing"):
        Leader.of_folder(models, copy.pack)
    Scorecard(copy.pack).to_json(models / "points.json")
    assert Leader.of_folder(models, copy.pack).kind == "scorecard_refitted"
    (models / "champion.json").write_text("{")
    with pytest.raises(IntegrityError, match="damaged"):
        Leader.of_folder(models, copy.pack)
