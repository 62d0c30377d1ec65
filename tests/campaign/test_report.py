"""What is handed upward: whole, repeatable, with the notice on everything but what the public reads."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from fraudrisk.campaign import report
from fraudrisk.campaign.detail import Detail
from fraudrisk.campaign.report import TABLES, make_tables, write_campaign
from fraudrisk.errors import IntegrityError
from fraudrisk.packs import Pack
from fraudrisk.workspace import Workspace
from tests.campaign.conftest import made_up

pytestmark = pytest.mark.slow
FILES = ("专项行动报表.xlsx", "专项行动报表.json", "防骗提示.html")


@pytest.fixture(scope="module")
def written(worked: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_campaign(worked, tmp_path_factory.mktemp("out"))


def test_the_same_bytes_twice(written: Path, worked: Workspace, tmp_path: Path) -> None:
    write_campaign(worked, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(FILES)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (written.parent / name).read_bytes(), name


def test_every_sheet_carries_the_notice_and_its_table(written: Path, detail: Detail, pack: Pack) -> None:
    book = openpyxl.load_workbook(written)
    assert book.sheetnames == ["封面说明", *TABLES]
    for name, frame in make_tables(detail, pack).items():
        sheet = book[name]
        assert pack.notice in sheet.cell(1, 1).value
        assert [c.value for c in sheet[2]] == list(frame.columns)
        assert sheet.max_row == 2 + len(frame)
        assert "内部资料" in sheet.oddHeader.left.text
        assert pack.version in sheet.oddFooter.left.text
    head = [c.value for c in book["追赃挽损"][2]]
    last = [c.value for c in book["追赃挽损"][book["追赃挽损"].max_row]]
    assert isinstance(last[head.index("涉案金额")], int | float)
    assert book["追赃挽损"].cell(book["追赃挽损"].max_row, head.index("挽回率") + 1).number_format == "0.0%"


def test_the_json_says_the_same(written: Path, detail: Detail, pack: Pack) -> None:
    content = json.loads((written.parent / FILES[1]).read_text(encoding="utf-8"), parse_constant=lambda c: pytest.fail(f"{c} is no JSON"))
    assert (content["notice"], content["as_of"]) == (pack.notice, detail.as_of.isoformat())
    made = make_tables(detail, pack)
    assert {n: len(rows) for n, rows in content["tables"].items()} == {n: len(f) for n, f in made.items()}
    total = content["tables"]["问题清单"][-1]
    assert total["线索数"] == len(detail.clues)
    assert content["tables"]["清单命中率"][-1]["命中率"] == made["清单命中率"]["命中率"].iloc[-1]


def test_the_public_page_carries_nothing_internal(written: Path, detail: Detail, pack: Pack) -> None:
    page = (written.parent / FILES[2]).read_text(encoding="utf-8")
    assert pack.notice not in page
    assert not [v for column in ("clue_id", "business_id", "name") for v in detail.clues[column] if str(v) in page]
    for word in ("线索", "YL-", str(detail.as_of.year), pack.version, "内部"):
        assert word not in page


def test_what_was_withheld_is_said_on_the_cover(written: Path, worked: Workspace, tmp_path: Path) -> None:
    cells = [str(c.value) for row in openpyxl.load_workbook(written)["封面说明"].iter_rows() for c in row]
    assert any("台账中4次办理发生在截至日当日或以后" in c for c in cells)
    later = write_campaign(worked, tmp_path, dt.date(2026, 11, 20))
    assert not any("次办理发生" in str(c.value) for row in openpyxl.load_workbook(later)["封面说明"].iter_rows() for c in row)


def test_tables_that_do_not_agree_are_not_written(worked: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(detail: Detail, pack: Pack) -> object:
        table = report.tables.league(detail, pack)
        table.loc[0, "线索数"] += 1
        return table

    monkeypatch.setitem(report.TABLES, "区划排名", (wrong, ""))
    with pytest.raises(IntegrityError, match="区划排名: 线索数"):
        write_campaign(worked, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_text_is_never_a_formula(pack: Pack, tmp_path: Path) -> None:
    from dataclasses import replace

    detail = replace(made_up(pack, 3, 20), districts={"330201": "=HYPERLINK(1)"})
    path = tmp_path / "book.xlsx"
    report._write_book(path, make_tables(detail, pack), pack, "脚注")
    cells = [c for sheet in openpyxl.load_workbook(path) for row in sheet.iter_rows() for c in row]
    assert not [c.coordinate for c in cells if c.data_type == "f"]
    assert any(c.value == "'=HYPERLINK(1)" for c in cells)


def test_an_office_with_a_register_and_nothing_else(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "office", division="330200")
    names = [f"云州康寿{i}健康咨询有限公司" for i in range(30)]
    workspace.import_table("business", pd.DataFrame({"企业名称": names, "成立日期": ["2025-03-01"] * 30}))
    workspace.run(dt.date(2026, 11, 1), 5)
    book = write_campaign(workspace, tmp_path / "out")
    content = json.loads(book.with_suffix(".json").read_text(encoding="utf-8"))["tables"]
    assert content["问题清单"][-1]["说明"] == "截至日没有列出线索"
    assert content["探索校正"] == [dict.fromkeys(content["探索校正"][0]) | {"说明": "没有清单"}]
    assert content["防骗提示"][0]["说明"] == "截至日前90天没有可提示的诉求"
    assert (tmp_path / "out" / FILES[2]).read_text(encoding="utf-8").count("<article") == 3
