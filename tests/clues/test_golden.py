"""What people receive, kept as files: a change of a word, a column or an order must be meant. ``UPDATE_GOLDEN=1`` rewrites them."""

from __future__ import annotations

import os
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from fraudrisk.clues.listing import COLUMNS
from fraudrisk.workspace import Workspace
from tests.conftest import AS_OF, TINY

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    ws = Workspace.create(tmp_path_factory.mktemp("golden") / "ws", division="330299", pack=str(TINY))
    register = {
        "企业名称": ["甬城猛牛健身有限公司", "甬城飞燕健身有限公司", "甬城老街茶馆", "=甬城公式健身有限公司"],
        "统一社会信用代码": ["91330299MA0000001X", "91330299MA0000002X", "92330299MA0000003X", "91330299MA0000004X"],
        "成立日期": ["2024-01-01"] * 4,
        "行业代码": ["8930", "8930", "6210", "8930"],
        "行政区划代码": ["330201001", "330202001", "330201002", "330202002"],
        "住所": ["海东区X路1号", "江北区Y路2号", "海东区Z路3号", "江北区W路4号"],
    }
    fines = {
        "决定书文号": ["甬罚1", "甬罚2", "甬罚3"],
        "当事人": ["甬城猛牛健身有限公司", "甬城飞燕健身有限公司", "=甬城公式健身有限公司"],
        "罚款": ["200万元", "3万元", "20万元"],
        "决定日期": ["2026-01-01", "2026-02-01", "2026-03-01"],
        "违法行为类型": ["虚假宣传", "价格欺诈", "合同违法"],
    }
    ws.import_table("business", pd.DataFrame(register))
    ws.import_table("penalty", pd.DataFrame(fines))
    (ws.path / "fraudrisk.toml").write_text(
        (ws.path / "fraudrisk.toml").read_text(encoding="utf-8") + "minimum_score = 1\n", encoding="utf-8"
    )
    again = Workspace(ws.path)
    again.run(AS_OF, 3)
    return again


def same(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def without_version(text: str) -> str:
    from fraudrisk import __version__

    return text.replace(__version__, "VERSION")


def test_list(office: Workspace) -> None:
    same("list.csv", (office.result().folder / "线索清单.csv").read_text(encoding="utf-8-sig"))


def test_explanation(office: Workspace) -> None:
    same("explanation.txt", office.explain("甬城猛牛健身有限公司") + "\n")


def test_workbook(office: Workspace) -> None:
    book = openpyxl.load_workbook(office.result().folder / "线索清单.xlsx")
    lines = []
    for sheet in book.worksheets:
        lines.append(
            f"[{sheet.title}] {sheet.dimensions} freeze {sheet.freeze_panes} {sheet.page_setup.orientation or 'portrait'} print {sheet.print_area}"
        )
        lines += [
            "\t".join("" if c.value is None else str(c.value) for c in row) for row in sheet.iter_rows() if sheet.title != "口径与字段说明"
        ]
    model = office.result().manifest["model"]
    same("workbook.txt", without_version("\n".join(lines)).replace(model, "MODEL").replace(office.pack.digest, "DIGEST") + "\n")


def test_ids_are_text_dates_are_dates_and_formulas_are_defused(office: Workspace) -> None:
    sheet = openpyxl.load_workbook(office.result().folder / "线索清单.xlsx")["线索清单"]
    columns = {c.value: c.column for c in sheet[2]}
    for row in range(3, sheet.max_row + 1):
        assert sheet.cell(row, columns["统一社会信用代码"]).data_type == "s"
        assert sheet.cell(row, columns["统一社会信用代码"]).number_format == "@"
        assert sheet.cell(row, columns["评分"]).data_type == "n"
    names = [sheet.cell(r, columns["企业/项目名称"]).value for r in range(3, sheet.max_row + 1)]
    assert "'=甬城公式健身有限公司" in names
    kinds = [v.type for v in sheet.data_validations.dataValidation]
    assert kinds.count("list") == 3
    assert kinds.count("custom") == len(COLUMNS) - 1  # what was computed takes no typing
    assert not sheet.merged_cells.ranges
