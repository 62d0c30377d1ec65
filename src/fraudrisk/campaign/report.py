"""What a campaign hands upward: the tables as a workbook and as JSON; and the tips, which the public reads, as pages to print."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fraudrisk import __version__
from fraudrisk.campaign import tables
from fraudrisk.campaign.detail import Detail, gather
from fraudrisk.campaign.reconcile import differences
from fraudrisk.campaign.tips import pages
from fraudrisk.clues.workbook import SheetWriter
from fraudrisk.errors import IntegrityError
from fraudrisk.files import atomic_path, atomic_text
from fraudrisk.packs import Pack
from fraudrisk.pages import templates

if TYPE_CHECKING:
    import pandas as pd

    from fraudrisk.workspace import Workspace

__all__ = ["TABLES", "make_tables", "tip_pages", "write_campaign"]

BOOK, TIPS = "专项行动报表", "防骗提示"
TABLES: dict[str, tuple[Callable[[Detail, Pack], pd.DataFrame], str]] = {
    "问题清单": (tables.problem_list, "每个行业一行；线索数按首次列入时的行业和等级计；各行之和等于合计，等于曾列出的线索条数"),
    "漏洞清单": (tables.loopholes, "三书一函起草参考，只看已证实线索；一条线索可对应多个漏洞，合计去重；依据线索编号可逐条核对"),
    "追赃挽损": (tables.recovery, "件数为已有结论的线索；金额取台账最近一次反馈；挽回率=挽回金额/涉案金额；差距为百分点；样本过小的不排名"),
    "清单命中率": (
        tables.precision_by_month,
        "按首次列入的月份；命中率=(属实+部分属实)/有定论；移送、无法核实、重复件不定性；区间为90%威尔逊区间",
    ),
    "探索校正": (tables.missed_by_month, "用随机抽查的结果估计清单之外的遗漏；召回率=定向已证实/(定向已证实+估计遗漏)；区间为90%"),
    "区划排名": (tables.league, "线索数与命中率并列，只看条数会鼓励凑数；样本过小的不排命中率"),
    "典型案例": (
        tables.typical_cases,
        "只取已办结且属实的线索，每种手法一例；不写名称、编号、地址，金额只留一位有效数字；对外使用前由承办单位核对",
    ),
    "防骗提示": (tables.tips, "人数为截至日前诉求中反映该手法的人数，仅供内部安排宣传；对外只用“防骗提示.html”"),
}
"""Name of each table, the function that makes it, and how it is counted."""
_SHARES = frozenset(
    {"占已证实线索比例", "挽回率", "与第一名差距", "与前一名差距", "与后一名差距", "命中率", "命中率下限", "命中率上限"}
    | {"估计召回率", "召回下限", "召回上限"}
)
_MONEY = frozenset({"涉案金额", "挽回金额"})
_ROUGH = frozenset({"估计遗漏", "遗漏下限", "遗漏上限"})
_WIDTHS = {
    "行业": 18, "漏洞": 26, "对策措施": 44, "主要手法": 26, "主要风险点": 28, "建议内容": 36, "依据线索编号": 24, "依据来源": 24, "对应行业": 22, "案例": 70,
    "正文": 44, "怎么做": 26, "标题": 18, "手法": 22, "名称": 16, "区划": 16, "说明": 30, "责任单位": 16, "问谁": 18, "建议文书": 14, "发送对象": 14,
    "涉案金额": 16, "挽回金额": 16, "涉诈类别": 18,
}  # fmt: skip
_WIDTH = 9
_LINE, _MOST_LINES = 13.5, 30
_FIXED = dt.datetime(2026, 1, 1)  # the same content gives the same bytes


def make_tables(detail: Detail, pack: Pack) -> dict[str, pd.DataFrame]:
    """All tables, by their Chinese names.

    Raises
    ------
    IntegrityError
        A table does not reconcile with the detail; says which and by how much.
    """
    made = {name: make(detail, pack) for name, (make, _) in TABLES.items()}
    if faults := differences(detail, pack, made):
        raise IntegrityError("the campaign tables do not agree with the clues: " + "; ".join(faults), mend="report this as a fault")
    return made


def write_campaign(workspace: Workspace, out: str | Path, as_of: dt.date | None = None) -> Path:
    """Write 专项行动报表.xlsx and .json, which are internal, and 防骗提示.html, which is for the public.

    Parameters
    ----------
    workspace : Workspace
    out : str or Path
        Folder; files of the same name are replaced.
    as_of : datetime.date, optional
        As for :func:`fraudrisk.campaign.detail.gather`.

    Returns
    -------
    Path
        The workbook.

    Raises
    ------
    NotFoundError, IntegrityError, InputError
        No list by that date; tables that do not reconcile; a tip that names a business.
    """
    folder, pack = Path(out), workspace.pack
    detail = gather(workspace, as_of)
    made = make_tables(detail, pack)
    book = folder / f"{BOOK}.xlsx"
    public = tip_pages(detail, pack, workspace.settings.tips_per_page)
    cover = _cover(detail, pack)
    _write_book(book, {"封面说明": cover, **made}, pack, f"{pack.version} fraudrisk {__version__} 截至{detail.as_of}")
    with atomic_text(folder / f"{BOOK}.json") as stream:
        head = {"notice": pack.notice, "as_of": detail.as_of, "run": detail.run, "pack": pack.version, "version": __version__}
        content = head | {"tables": {name: _plain(frame).to_dict("records") for name, frame in made.items()}}
        json.dump(content, stream, ensure_ascii=False, indent=1, default=str)
    with atomic_text(folder / f"{TIPS}.html") as stream:
        stream.write(public)
    return book


def tip_pages(detail: Detail, pack: Pack, per_page: int) -> str:
    """The tips as HTML in large print, one A4 page per district."""
    return templates("fraudrisk.campaign").get_template("tips.html.j2").render(pages=pages(detail, pack, per_page))


def _write_book(path: Path, sheets: dict[str, pd.DataFrame], pack: Pack, footer: str) -> None:
    import xlsxwriter

    with atomic_path(path) as part:
        options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
        book = xlsxwriter.Workbook(str(part), options)
        book.set_properties({"title": f"{pack.taxonomy.label}{BOOK}", "comments": pack.notice, "created": _FIXED})
        writer = _Writer(book, pack, footer)
        for name, frame in sheets.items():
            sheet = writer.sheet(name, _plain(frame), freeze=1, wide=name != "封面说明")
            if name != "封面说明":
                _widen(sheet, frame)
        book.close()


class _Writer(SheetWriter):
    """The list's writer, with shares as per cent and money with separators."""

    def __init__(self, book: Any, pack: Pack, footer: str) -> None:
        super().__init__(book, pack, footer)
        base = {"font_name": "宋体", "font_size": 10, "valign": "top", "border": 1}
        self.share, self.rough = book.add_format({**base, "num_format": "0.0%"}), book.add_format({**base, "num_format": "#,##0.0"})
        self.separated = book.add_format({**base, "num_format": "#,##0.00"})

    def _cell(self, sheet: Any, row: int, column: int, name: str, value: Any) -> None:
        known = next((f for names, f in ((_SHARES, self.share), (_ROUGH, self.rough), (_MONEY, self.separated)) if name in names), None)
        if known is not None and isinstance(value, int | float):
            sheet.write_number(row, column, value, known)
        else:
            super()._cell(sheet, row, column, name, value)


def _widen(sheet: Any, frame: pd.DataFrame) -> None:
    """Widths of columns the list does not have, and rows as high as their longest cell then needs."""
    widths = [_WIDTHS.get(c, _WIDTH) for c in frame.columns]
    for position, width in enumerate(widths):
        sheet.set_column(position, position, width)
    for row, values in enumerate(_plain(frame).itertuples(index=False), 2):
        sheet.set_row(row, _LINE * max(_lines(v, w) for v, w in zip(values, widths, strict=True)))


def _lines(value: Any, width: int) -> int:
    if not isinstance(value, str):
        return 1
    return min(sum(-(-sum(2 if c > "\u2e80" else 1 for c in line) // width) or 1 for line in value.split("\n")), _MOST_LINES)


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Python numbers, and None where nothing is known."""
    return frame.astype(object).where(frame.notna(), None)


def _cover(detail: Detail, pack: Pack) -> pd.DataFrame:
    import pandas as pd

    clues = detail.clues
    rows = [
        ("声明", pack.notice),
        ("截至日期(as-of)", f"{detail.as_of}:当日及以后才知道的事实一律未用；登记与诉求取自{detail.run}的清单"),
        ("线索", f"曾列出{len(clues)}条，已有结论{int(clues['conclusion'].notna().sum())}条；同一主体多次列入只计首次"),
        ("未计入", f"台账中{detail.withheld}次办理发生在截至日当日或以后" if detail.withheld else "无"),
        ("样本过小", f"有定论(追赃挽损为已有结论)不足{pack.campaign.small_sample}条的比率只作标注，不排名"),
        *((name, how) for name, (_, how) in TABLES.items()),
    ]
    return pd.DataFrame(rows, columns=["项目", "内容"])
