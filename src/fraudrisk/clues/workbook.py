"""The workbook people receive (DOMAIN §6.1): eight sheets that open in Excel, WPS and LibreOffice."""

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

__all__ = ["SheetWriter", "Sheets", "csv_columns", "field_notes", "safe_text", "write_workbook"]

_WIDTHS = {
    "序号": 4, "线索编号": 20, "风险等级": 5, "评分": 6, "企业/项目名称": 20, "统一社会信用代码": 20, "经营地址": 20, "涉诈类别": 12, "主要手法": 18,
    "主要理由": 40, "建议责任单位": 10, "建议核查方式": 6, "紧急程度": 9, "涉及投诉件数/人数": 10, "文本提及金额(元)": 12, "首次反映日期": 11,
    "最近反映日期": 11, "街道/社区/网格": 13, "关联主体数": 7, "近三年处罚/异常": 10, "上次检查日期/本年次数": 16, "建议单位理由": 36, "配合单位": 18,
    "摘录": 50, "反证": 30, "提示": 36, "行业": 18, "区划": 12, "字段": 22, "说明": 90, "项目": 22, "内容": 90, "理由": 44, "记录编号": 20, "指标": 6,
    "加分": 6, "来源": 9, "日期": 11, "变化原因": 50, "关联新线索": 22, "原结论": 14, "建议": 12, "责任单位": 12, "预计区间(90%)": 10, "办结日期": 11,
    "办理期限": 11,
}  # fmt: skip
_OTHER_WIDTH = 12
_PRINTED = 12
"""Columns A to L of the list are what one carries: they fill a landscape A4; the rest is for the screen."""
_CARD_HEAD, _CARD_BODY, _CARD_SCALE = 12, 82, 74
"""Widths of a card's two columns, and the percentage at which the longest card fills one A4 page."""
_CARD_LINE, _CARD_ROOM = 14.5, 4
"""Points a line of a card takes, and a row more: fonts that stand in for 宋体 are taller."""
_LINE = 13.5
"""Height of a line in points."""
_TEXT = {"线索编号", "统一社会信用代码", "记录编号", "街道/社区/网格", "区划"}
_DATES = {"首次反映日期", "最近反映日期", "日期", "转办日期", "办理期限", "反馈举报人日期", "办结日期"}
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
    cards: list[list[tuple[str, str]]]
    coverage: pd.DataFrame
    overdue: pd.DataFrame
    lookback: pd.DataFrame
    evidence: pd.DataFrame
    fields: pd.DataFrame
    overdue_note: str = ""


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
        writer.cards("重点线索卡", sheets.cards)
        writer.sheet("分行业覆盖", sheets.coverage)
        writer.sheet("超期催办", sheets.overdue, note=sheets.overdue_note or ("" if len(sheets.overdue) else "台账中没有在办线索"))
        writer.sheet("积案回头看", sheets.lookback, note="" if len(sheets.lookback) else "没有等级上升、办结后又有诉求或与新线索关联的旧案")
        writer.sheet("证据摘录", sheets.evidence)
        writer.sheet("口径与字段说明", sheets.fields, wide=False)
        book.close()


class SheetWriter:
    """Writes data frames as sheets that look and behave alike."""

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
        self._print(sheet, wide=wide)
        return sheet

    def cards(self, name: str, cards: list[list[tuple[str, str]]]) -> None:
        """Cards below each other, one printed page each."""
        sheet = self.book.add_worksheet(name)
        sheet.write_string(0, 0, self.pack.notice, self.notice)
        sheet.set_column(0, 0, _CARD_HEAD)
        sheet.set_column(1, 1, _CARD_BODY)
        row, breaks = 1, []
        for lines in cards:
            for title, text in lines:
                body = safe_text(text)[:32_000]
                sheet.write_string(row, 0, title, self.head)
                sheet.write_string(row, 1, body, self.plain)
                sheet.set_row(row, _CARD_LINE * _wrapped(body, _CARD_BODY) + _CARD_ROOM)
                row += 1
            breaks.append(row)
        sheet.set_h_pagebreaks(breaks[:-1])
        sheet.repeat_rows(0, 0)
        sheet.print_area(0, 0, max(1, row - 1), 1)
        self._print(sheet, wide=False, pages=0)

    def _print(self, sheet: Any, *, wide: bool, pages: int = 1) -> None:
        sheet.set_paper(9)
        if wide:
            sheet.set_landscape()
        if pages:
            sheet.fit_to_pages(1, 0)
        else:
            sheet.set_print_scale(_CARD_SCALE)  # fitting to pages would drop the breaks between cards
        sheet.set_margins(left=0.4, right=0.4, top=0.7, bottom=0.7)
        sheet.set_header(f"&L内部资料 注意保密&C{self.pack.taxonomy.title}&R&A")
        sheet.set_footer(f"&L{self.footer}&R第&P页/共&N页")

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
    return _wrapped(value, _WIDTHS.get(column, _OTHER_WIDTH))


def _wrapped(value: str, width: int) -> int:
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
    """Closed lists where people fill in; what was computed takes no typing, while rows can be sorted and columns inserted."""
    if not rows:
        return
    closed = {"办理状态": _STATES, "核查结论": _CONCLUSIONS, "建议责任单位": pack.routing.departments}
    for position, name in enumerate(columns):
        values = closed.get(name)
        rule: dict[str, Any]
        if values:
            rule = {"validate": "list", "source": values, "error_title": "请从列表选择", "error_message": "、".join(values)[:250]}
        elif name in listing.COLUMNS:
            rule = {
                "validate": "custom",
                "value": "=FALSE",
                "error_title": "本列由系统计算",
                "error_message": "请填写右侧的办理栏；对本列有异议请写在备注",
            }
        else:
            continue
        sheet.data_validation(2, position, 1 + rows, position, rule)


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
        ("清单顺序", "预期危害=查实概率×危害（人数、金额按数量级）×紧急程度，从大到小；同分按编号；各部门每周能力、区划与行业份额为限"),
        ("探索抽查", "按比例随机抽取未列入的主体，用于估计清单遗漏；先作网上和书面核查"),
        ("预计问题主体", "本格全部主体查实概率之和，区间为同均值泊松分布的90%区间；是估计，不是任务数"),
        ("积案回头看", "已办结线索与陈年诉求按现行规则和模型重评：等级上升、办结后又有诉求、与新线索关联者列出"),
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
    return (*listing.COLUMNS, *listing.LEDGER_COLUMNS, *listing.EXTRA_COLUMNS)
