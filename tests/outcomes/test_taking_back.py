"""A list filled by hand comes back: columns inserted, rows sorted, mistakes made; every conclusion lands or is rejected by name."""

from __future__ import annotations

import datetime as dt
import json
import random
import shutil
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from typer.testing import CliRunner

from fraudrisk.cli import app
from fraudrisk.errors import InputError
from fraudrisk.run import RunResult
from fraudrisk.taking_back import ledger_of, take_back
from fraudrisk.workspace import Workspace
from tests.conftest import AS_OF

pytestmark = pytest.mark.slow


@pytest.fixture
def listed(office: Workspace, finished: RunResult, tmp_path: Path) -> Workspace:
    copy = tmp_path / "office"
    shutil.copytree(office.path, copy)
    return Workspace(copy)


class Sheet:
    """The list sheet of a workbook, by header and clue."""

    def __init__(self, workspace: Workspace) -> None:
        self.book = openpyxl.load_workbook(workspace.path / "runs" / AS_OF.isoformat() / "线索清单.xlsx")
        self.sheet = self.book["线索清单"]
        self.head = next(r for r in range(1, 6) if "线索编号" in [c.value for c in self.sheet[r]])
        self.rows = [r for r in range(self.head + 1, self.sheet.max_row + 1) if self.sheet.cell(r, self.column("线索编号")).value]

    def column(self, name: str) -> int:
        return next(c.column for c in self.sheet[self.head] if c.value == name)

    def set(self, row: int, **values: Any) -> str:
        for name, value in values.items():
            self.sheet.cell(self.rows[row], self.column(name)).value = value
        return str(self.sheet.cell(self.rows[row], self.column("线索编号")).value)

    def save(self, path: Path) -> Path:
        self.book.save(path)
        return path


def test_columns_inserted_and_rows_sorted(listed: Workspace, tmp_path: Path) -> None:
    sheet = Sheet(listed)
    wanted = {
        sheet.set(0, 核查结论="属实", 承办人="张某", 转办日期=dt.date(2026, 11, 3), **{"涉案金额/挽回金额": "3.6万/12000"}): "属实",
        sheet.set(1, 核查结论="不属实", 承办人="李某"): "不属实",
        sheet.set(2, 核查结论="移送（公安）", 承办人="李某"): "移送",
        sheet.set(3, 核查结论="无法核实", 备注="人去楼空，电话13800001234停机"): "无法核实",
    }
    values = [[c.value for c in sheet.sheet[r]] for r in sheet.rows]
    random.Random(3).shuffle(values)
    for row, cells in zip(sheet.rows, values, strict=True):
        for column, value in enumerate(cells, 1):
            sheet.sheet.cell(row, column).value = value
    sheet.sheet.insert_cols(3, 2)
    sheet.sheet.cell(sheet.head, 3).value = "本所意见"
    done = take_back(listed, sheet.save(tmp_path / "back.xlsx"), today=dt.date(2026, 11, 24))
    assert (done.taken, done.rejected) == (4, ())
    ledger = ledger_of(listed)
    clues = ledger.clues().set_index("clue_id")
    assert {c: clues.loc[c, "conclusion"] for c in wanted} == wanted
    history = ledger.history()
    assert "13800001234" not in history.to_json(force_ascii=False)
    first = history[(history["after"] == "已反馈") & (history["clue_id"] == next(iter(wanted)))].iloc[0]
    assert (first["who"], first["details"]["involved_yuan"], first["details"]["recovered_yuan"]) == ("张某", 36000.0, 12000.0)
    ledger.close()
    outcomes = listed.table("outcome").set_index("clue_id")
    assert outcomes["conclusion"].to_dict() == wanted
    again = take_back(listed, tmp_path / "back.xlsx", today=dt.date(2026, 11, 24))
    assert (again.taken, again.repeated) == (0, 4)


def test_every_mistake_is_named(listed: Workspace, tmp_path: Path) -> None:
    sheet = Sheet(listed)
    twice = sheet.set(0, 核查结论="属实")
    sheet.set(1, 核查结论="查实")
    sheet.set(2, 核查结论="属实", 转办日期=dt.date(2020, 1, 1))
    sheet.set(3, 核查结论="属实", 备注="=1+1")
    sheet.set(4, 核查结论="无法核实")
    sheet.sheet.cell(sheet.rows[5], sheet.column("线索编号")).value = "YL-110000-202601-0001"
    sheet.set(5, 核查结论="属实")
    copied = max(sheet.rows) + 1
    sheet.sheet.cell(copied, sheet.column("线索编号")).value = twice
    sheet.sheet.cell(copied, sheet.column("核查结论")).value = "不属实"
    sheet.sheet.cell(copied + 1, sheet.column("核查结论")).value = "属实"
    done = take_back(listed, sheet.save(tmp_path / "bad.xlsx"), today=dt.date(2026, 11, 24))
    reasons = " | ".join(r.reason for r in done.rejected)
    for part in (
        "not on the list",
        "before the clue was listed",
        "say why it cannot be verified",
        "no clue of this workspace",
        "another conclusion in row",
        "no clue number",
    ):
        assert part in reasons, (part, reasons)
    assert len(json.loads(done.report.read_text(encoding="utf-8"))) == len(done.rejected)
    assert "a formula; type the value itself" in reasons
    assert done.taken == 0


def test_merged_cells_are_named_row_by_row(listed: Workspace, tmp_path: Path) -> None:
    sheet = Sheet(listed)
    sheet.set(0, 核查结论="属实")
    sheet.set(3, 核查结论="不属实")
    column = sheet.column("核查结论")
    sheet.sheet.merge_cells(start_row=sheet.rows[0], end_row=sheet.rows[2], start_column=column, end_column=column)
    done = take_back(listed, sheet.save(tmp_path / "merged.xlsx"), today=dt.date(2026, 11, 24))
    assert sorted(r.row for r in done.rejected) == sheet.rows[:3]
    assert {r.reason for r in done.rejected} == {"merged cells; every row needs cells of its own"}
    assert done.taken == 1


def test_a_deleted_column_is_named(listed: Workspace, tmp_path: Path) -> None:
    sheet = Sheet(listed)
    sheet.sheet.delete_cols(sheet.column("核查结论"))
    with pytest.raises(InputError, match="'核查结论' is missing"):
        take_back(listed, sheet.save(tmp_path / "less.xlsx"))


def test_the_commands(listed: Workspace, tmp_path: Path) -> None:
    sheet = Sheet(listed)
    sheet.set(0, 核查结论="属实", 承办人="张某")
    done = CliRunner().invoke(app, ["take-back", str(listed.path), str(sheet.save(tmp_path / "one.xlsx"))])
    assert done.exit_code == 0, done.output
    assert "1 conclusions taken" in done.output
    due = CliRunner().invoke(app, ["pending", str(listed.path), "--as-of", "2026-11-25"])
    assert due.exit_code == 0, due.output
    assert "逾期" in due.output
    assert "overdue" in due.output
