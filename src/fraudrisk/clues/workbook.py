"""The workbook people receive: cover, list, evidence, coverage, notes on fields; opens in Excel, WPS and LibreOffice."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fraudrisk.clues import listing
from fraudrisk.files import atomic_path
from fraudrisk.packs.loader import Pack

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SheetWriter", "Sheets", "write_workbook"]

_WIDTHS = {
    "序号": 4, "线索编号": 20, "风险等级": 5, "评分": 6, "企业/项目名称": 20, "统一社会信用代码": 20, "经营地址": 20, "涉诈类别": 12, "主要手法": 18,
    "主要理由": 40, "建议责任单位": 10, "建议核查方式": 6, "紧急程度": 9, "涉及投诉件数/人数": 10, "文本提及金额(元)": 12, "首次反映日期": 11,
    "最近反映日期": 11, "街道/社区/网格": 13, "关联主体数": 7, "近三年处罚/异常": 10, "上次检查日期/本年次数": 16, "建议单位理由": 36, "配合单位": 18,
    "摘录": 50, "反证": 30, "提示": 36, "行业": 18, "区划": 12, "字段": 22, "说明": 90, "项目": 22, "内容": 90, "理由": 44, "记录编号": 20, "指标": 6,
    "加分": 6, "来源": 9, "日期": 11,
}  # fmt: skip
_OTHER_WIDTH = 12
_PRINTED = 12
"""Columns A to L of the list are what one carries: they fill a landscape A4; the rest is for the screen."""
_LINE = 13.5
"""Height of a line in points."""
_TEXT = {"线索编号", "统一社会信用代码", "记录编号", "街道/社区/网格", "区划"}
_DATES = {"首次反映日期", "最近反映日期", "日期", "转办日期", "办理期限", "反馈举报人日期"}
_MONEY = {"文本提及金额(元)"}
_STATES = ["待分办", "已转办", "核查中", "延期", "已反馈", "已办结", "回头看"]
_CONCLUSIONS = ["属实", "部分属实", "不属实", "无法核实", "移送", "重复件"]
_GRADE_COLOURS = {"D": "#F4B6B6", "C": "#F9D9A8", "B": "#FFF3B0", "A": "#DDEEDD"}
_FIXED = dt.datetime(2026, 1, 1)  # the same content gives the same bytes


@dataclass(frozen=True, slots=True)
class Sheets:
    """What the workbook shows, each a data frame with Chinese headers."""

    cover: pd.DataFrame
    clues: pd.DataFrame
    evidence: pd.DataFrame
    coverage: pd.DataFrame
    fields: pd.DataFrame


def write_workbook(sheets: Sheets, path: Path, pack: Pack, *, footer: str, sheet_rows: int = 1000) -> None:
    """Write the workbook, whole or not at all.

    Ids are text, dates are dates, amounts are numbers; text that begins like a formula is written as text and never as a
    formula; the notice stands on every sheet and every printed page.

    Parameters
    ----------
    sheets : Sheets
    path : Path
    pack : Pack
    footer : str
        Version line, printed on every page.
    sheet_rows : int
        Most clues on the sheet; a note says how many more stand in the CSV.
    """
    import xlsxwriter

    with atomic_path(path) as part:
        book = xlsxwriter.Workbook(
            str(part), {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
        )
        book.set_properties({"title": pack.taxonomy.title, "comments": pack.notice, "created": _FIXED})
        writer = SheetWriter(book, pack, footer)
        writer.sheet("封面说明", sheets.cover, wide=False)
        shown = sheets.clues.head(sheet_rows)
        more = len(sheets.clues) - len(shown)
        listed = writer.sheet("线索清单", shown, note=f"另有{more}条见同名CSV文件" if more else "", freeze=5)
        listed.print_area(0, 0, 1 + len(shown), _PRINTED - 1)
        _for_hand(listed, list(shown.columns), len(shown), pack)
        writer.sheet("分行业覆盖", sheets.coverage)
        writer.sheet("证据摘录", sheets.evidence)
        writer.sheet("口径与字段说明", sheets.fields, wide=False)
        book.close()


class SheetWriter:
    """Sheets of one look: the notice on top and on every printed page, text never a formula."""

    def __init__(self, book: Any, pack: Pack, footer: str) -> None:
        base = {"font_name": "宋体", "font_size": 10, "valign": "top", "text_wrap": True, "border": 1}
        self.book, self.pack, self.footer = book, pack, footer
        self.plain = book.add_format(base)
        self.text = book.add_format({**base, "num_format": "@"})
        self.date = book.add_format({**base, "num_format": "yyyy-mm-dd"})
        self.money = book.add_format({**base, "num_format": "#,##0"})
        self.head = book.add_format({**base, "bold": True, "bg_color": "#D9E2EC", "align": "center", "valign": "vcenter"})
        self.notice = book.add_format({"font_name": "宋体", "font_size": 9, "bold": True, "font_color": "#9C1C1C", "text_wrap": False})
        self.grades = {g: book.add_format({**base, "bold": True, "align": "center", "bg_color": c}) for g, c in _GRADE_COLOURS.items()}

    def sheet(self, name: str, frame: pd.DataFrame, *, note: str = "", freeze: int = 0, wide: bool = True) -> Any:
        """Notice in row 1, headers in row 2, data below."""
        sheet = self.book.add_worksheet(name)
        sheet.write_string(0, 0, self.pack.notice + (f" {note}" if note else ""), self.notice)
        columns = list(frame.columns)
        for position, column in enumerate(columns):
            sheet.write_string(1, position, column, self.head)
            sheet.set_column(position, position, _WIDTHS.get(column, _OTHER_WIDTH))
        sheet.set_row(1, 2 * _LINE)
        for row, values in enumerate(frame.itertuples(index=False), 2):
            sheet.set_row(row, _LINE * max(_lines(c, v) for c, v in zip(columns, values, strict=True)))
            for position, (column, value) in enumerate(zip(columns, values, strict=True)):
                self._cell(sheet, row, position, column, value)
        sheet.freeze_panes(2, freeze)
        if len(frame):
            sheet.autofilter(1, 0, 1 + len(frame), len(columns) - 1)
        sheet.repeat_rows(0, 1)
        sheet.set_paper(9)
        if wide:
            sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.set_margins(left=0.4, right=0.4, top=0.7, bottom=0.7)
        sheet.set_header(f"&L内部资料 注意保密&C{self.pack.taxonomy.title}&R&A")
        sheet.set_footer(f"&L{self.footer}&R第&P页/共&N页")
        return sheet

    def _cell(self, sheet: Any, row: int, column: int, name: str, value: Any) -> None:
        if value is None or value != value:
            sheet.write_blank(row, column, None, self.plain)
        elif name == "风险等级":
            sheet.write_string(row, column, value, self.grades[value])
        elif isinstance(value, dt.date):
            sheet.write_datetime(row, column, dt.datetime(value.year, value.month, value.day), self.date)
        elif isinstance(value, bool):
            sheet.write_string(row, column, "是" if value else "否", self.plain)
        elif isinstance(value, int | float) and name not in _TEXT:
            sheet.write_number(row, column, value, self.money if name in _MONEY else self.plain)
        else:
            sheet.write_string(row, column, safe_text(str(value))[:32_000], self.text if name in _TEXT else self.plain)


def _lines(column: str, value: Any) -> int:
    """Lines a cell takes when wrapped: Chinese characters are two wide. Spreadsheets do not all work this out by themselves."""
    if not isinstance(value, str):
        return 1
    width = _WIDTHS.get(column, _OTHER_WIDTH)
    return min(sum(-(-sum(2 if c > "\u2e80" else 1 for c in line) // width) or 1 for line in value.split("\n")), 30)


def safe_text(value: str) -> str:
    """Put an apostrophe before text that a spreadsheet would run as a formula.

    Examples
    --------
    >>> safe_text("=HYPERLINK(1)"), safe_text("普通")
    ("'=HYPERLINK(1)", '普通')
    """
    return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") and not value.lstrip("+-").replace(".", "", 1).isdigit() else value


def _for_hand(sheet: Any, columns: list[str], rows: int, pack: Pack) -> None:
    """Closed lists where people fill in."""
    for name, values in (("办理状态", _STATES), ("核查结论", _CONCLUSIONS), ("建议责任单位", pack.routing.departments)):
        if rows and name in columns:
            position = columns.index(name)
            sheet.data_validation(
                2,
                position,
                1 + rows,
                position,
                {"validate": "list", "source": values, "error_title": "请从列表选择", "error_message": "、".join(values)[:250]},
            )


def field_notes(pack: Pack) -> list[tuple[str, str]]:
    """What each column and each indicator means, for the last sheet."""
    notes = [
        ("线索编号", "YL-行政区划-首次列入年月-序号；同一主体再次列入沿用原号"),
        (
            "风险等级",
            "、".join(f"{g}级{v:g}分起" for g, v in pack.indicators.grades.items())
            + f";{pack.taxonomy.title}等级，与企业信用风险分类ABCD无关",
        ),
        ("评分", "0-100，各项理由分值之和；缺失的数据不加分也不减分"),
        ("主要理由", "按加分从高到低；全部理由和摘录见“证据摘录”"),
        ("涉及投诉件数/人数", "只计判为涉诈的诉求；同一人、同一文本对同一主体只计一人"),
        ("文本提及金额(元)", "诉求人自述已付金额合计，未经核实"),
        ("近三年处罚/异常", "各类处罚数/现仍在列的异常名录数"),
    ]
    notes += [
        (f"指标 {i.id} {i.label}", f"{i.index};依据:{_doc(pack, i.feature)};失效:{i.expires};可能的反证:{i.counter}")
        for i in pack.indicators.indicators
    ]
    return notes + [(f"手法 {t.code} {t.label}", t.sign) for t in pack.taxonomy.tactics]


def _doc(pack: Pack, feature: str) -> str:
    return next(f.doc for f in pack.features if f.name == feature)


def csv_columns() -> tuple[str, ...]:
    """Columns of the CSV and JSON Lines, which also hold what the sheet leaves out."""
    return (*listing.COLUMNS, *listing.LEDGER_COLUMNS, "建议单位理由", "配合单位")
