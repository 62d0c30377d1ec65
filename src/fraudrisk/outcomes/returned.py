"""A list that came back filled by hand: every conclusion lands on its clue, or is rejected by name."""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fraudrisk.errors import InputError
from fraudrisk.outcomes.states import CONCLUSIONS
from fraudrisk.privacy import mask_text
from fraudrisk.records.amounts import parse_amount
from fraudrisk.records.sheets import read_sheet

__all__ = ["Rejected", "Returned", "read_returned"]

_NUMBER, _CONCLUSION, _STATE = "线索编号", "核查结论", "办理状态"
_PATTERN = re.compile(r"^YL-\d{6}-\d{6}-\d{4,}$")
_FILLED = ("转办日期", "核查结论", "处置措施", "涉案金额/挽回金额", "反馈举报人日期", "承办人", "备注")
_TRANSFER = re.compile(r"^移送\s*[\uff08(:\uff1a]?\s*(?P<to>.*?)[\uff09)]?$")
SHEET = "线索清单"


@dataclass(frozen=True, slots=True)
class Returned:
    """What one row says."""

    clue_id: str
    conclusion: str
    why: str
    who: str
    measures: str
    involved_yuan: float | None
    recovered_yuan: float | None
    handed_on: dt.date | None
    told_on: dt.date | None
    row: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was not taken, where it stands and what to do."""

    row: int
    clue_id: str
    column: str
    value: str
    reason: str


def read_returned(path: Path, known: Mapping[str, dt.date], *, today: dt.date | None = None) -> tuple[list[Returned], list[Rejected]]:
    """Read a filled list; columns may have been inserted, rows sorted, other sheets added.

    Parameters
    ----------
    path : Path
        The workbook, or its CSV.
    known : mapping of str to date
        Numbers of this workspace's clues, and when each was first listed.

    Returns
    -------
    taken, rejected
        Rows without anything filled in are neither.

    Raises
    ------
    InputError
        No such sheet, or the column of numbers or conclusions is gone; names it.
    """
    today = today or dt.datetime.now().astimezone().date()
    headers, rows, places = _open(path)
    marked = _marked(path, headers)
    for column in (_NUMBER, _CONCLUSION):
        if headers.count(column) != 1:
            raise InputError(
                f"the column '{column}' is {'missing' if column not in headers else 'there twice'}", where=f"{path.name}, sheet {SHEET}",
                mend="use the list as it was handed out; columns may be added, not renamed or deleted",
            )  # fmt: skip
    taken: list[Returned] = []
    rejected: list[Rejected] = []
    for cells, place in zip(rows, places, strict=True):
        row = {h: (c or "").strip() for h, c in zip(headers, cells, strict=False) if h}
        if not any(row.get(c) for c in _FILLED) and not set(marked.get(place, {})) & {_NUMBER, *_FILLED}:
            continue
        done = _row(row, place, known, today, marked.get(place, {}))
        (taken if isinstance(done, Returned) else rejected).append(done)  # type: ignore[arg-type]
    return _once(taken, rejected)


def _open(path: Path) -> tuple[list[str], list[list[str | None]], list[int]]:
    if path.suffix.lower() == ".csv":
        import csv

        with path.open(encoding="utf-8-sig", newline="") as stream:
            lines = list(csv.reader(stream))
        return [h.strip() for h in lines[0]], [list(r) for r in lines[1:]], list(range(2, len(lines) + 1))
    headers, rows, places = read_sheet(path, SHEET)
    return [h.split("\n")[0].strip() for h in headers], rows, places


def _marked(path: Path, headers: list[str]) -> dict[int, dict[str, str]]:
    """Cells of a workbook that hold no value of their own, by row and column: formulas, and what was merged into others."""
    if path.suffix.lower() != ".xlsx":
        return {}
    from openpyxl import load_workbook
    from python_calamine import CalamineWorkbook

    marked: dict[int, dict[str, str]] = defaultdict(dict)
    names = dict(enumerate(headers))
    for (top, left), (bottom, right) in CalamineWorkbook.from_path(path).get_sheet_by_name(SHEET).merged_cell_ranges or ():
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                marked[row + 1][names.get(column, "")] = "merged cells; every row needs cells of its own"
    book = load_workbook(path, read_only=True)
    try:
        for cells in book[SHEET].iter_rows():
            for cell in cells:
                if cell.data_type == "f":
                    marked[cell.row][names.get(cell.column - 1, "")] = "a formula; type the value itself"
    finally:
        book.close()
    return marked


def _row(
    row: Mapping[str, str], place: int, known: Mapping[str, dt.date], today: dt.date, marked: Mapping[str, str]
) -> Returned | Rejected:
    number = row.get(_NUMBER, "")

    def no(column: str, reason: str) -> Rejected:
        return Rejected(place, number, column, row.get(column, "")[:60], reason)

    for column in (_NUMBER, *_FILLED):
        if column in marked:
            return no(column, marked[column])
        if row.get(column, "").startswith(("=", "#")):
            return no(column, "a formula or its error; type the value itself")
    if not number:
        return no(_NUMBER, "the row has no clue number (a merged cell, or a line added by hand)")
    if not _PATTERN.match(number) or number not in known:
        return no(_NUMBER, "no clue of this workspace has that number")
    conclusion, why = row.get(_CONCLUSION, ""), row.get("备注", "")
    if match := _TRANSFER.match(conclusion):
        conclusion, why = "移送", match["to"] or why or row.get("处置措施", "")
    if conclusion not in CONCLUSIONS:
        reason = "no conclusion was chosen" if not conclusion else "not on the list: " + "、".join(CONCLUSIONS)
        return no(_CONCLUSION, reason)
    if conclusion in ("无法核实", "移送") and not why:
        return no("备注", "say why it cannot be verified" if conclusion == "无法核实" else "say to whom it is transferred")
    dates: dict[str, dt.date | None] = {}
    for column in ("转办日期", "反馈举报人日期"):
        value = row.get(column, "")
        dates[column] = day = _date(value)
        if value and day is None:
            return no(column, "this is no date; write 2026-11-24")
        if day and day < known[number]:
            return no(column, f"lies before the clue was listed ({known[number]})")
        if day and day > today:
            return no(column, "lies in the future")
    amounts: list[float | None] = [None, None]
    for place_, part in enumerate(re.split(r"[/\uff0f]", row.get("涉案金额/挽回金额", "").replace("元", ""))[:2]):
        if part.strip():
            amounts[place_] = parse_amount(part)
            if amounts[place_] is None:
                return no("涉案金额/挽回金额", "this is no amount; write 38000/12000")
    return Returned(
        number, conclusion, mask_text(why), row.get("承办人", "") or "未写承办人", mask_text(row.get("处置措施", "")), amounts[0], amounts[1],
        dates["转办日期"], dates["反馈举报人日期"], place,
    )  # fmt: skip


def _once(taken: list[Returned], rejected: list[Rejected]) -> tuple[list[Returned], list[Rejected]]:
    """Two rows with one number: alike they are one, else neither counts."""
    by_clue: dict[str, list[Returned]] = defaultdict(list)
    for row in taken:
        by_clue[row.clue_id].append(row)
    kept = []
    for clue, rows in by_clue.items():
        if len({r.conclusion for r in rows}) > 1:
            rejected += [
                Rejected(
                    r.row,
                    clue,
                    _CONCLUSION,
                    r.conclusion,
                    "the clue has another conclusion in row " + ", ".join(str(o.row) for o in rows if o is not r),
                )
                for r in rows
            ]
        else:
            kept.append(rows[0])
    return sorted(kept, key=lambda r: r.row), sorted(rejected, key=lambda r: r.row)


def _date(text: str) -> dt.date | None:
    match = re.match(r"^\s*(\d{4})\s?[-/.\u5e74]\s?(\d{1,2})\s?[-/.\u6708]\s?(\d{1,2})", text)
    try:
        return dt.date(*map(int, match.groups())) if match else None
    except ValueError:
        return None
