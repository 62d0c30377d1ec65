"""A workbook as people keep it: a title over the header, a totals row, ids and dates that Excel took for numbers."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from fraudrisk.files import atomic_path

__all__ = ["write_workbook"]

_CREATED = dt.datetime(2026, 11, 1)  # a fixed stamp: the same city gives the same bytes
_EXCEL_DAY_ZERO = dt.date(1899, 12, 30)


def write_workbook(
    path: Path,
    headers: Sequence[str],
    text: pd.DataFrame,
    *,
    title: str = "",
    total: Sequence[str] | None = None,
    numbers: Sequence[str] = (),
    serial_dates: str = "",
) -> None:
    """Write a table of text as one sheet.

    Parameters
    ----------
    path : pathlib.Path
    headers : sequence of str
    text : pandas.DataFrame
    title : str
        Goes into the first row, alone.
    total : sequence of str, optional
        A last row.
    numbers : sequence of str
        Columns whose cells are stored as floating numbers.
    serial_dates : str
        A date column whose cells are stored, every third row, as Excel's serial day.
    """
    import xlsxwriter

    with atomic_path(path) as part:
        book = xlsxwriter.Workbook(str(part), {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
        book.set_properties({"created": _CREATED})
        sheet = book.add_worksheet("数据")
        top = 0
        if title:
            sheet.write_string(0, 0, title)
            top = 1
        sheet.write_row(top, 0, list(headers))
        as_number = [name in numbers for name in text.columns]
        serial = list(text.columns).index(serial_dates) if serial_dates else -1
        for row, cells in enumerate(text.itertuples(index=False, name=None), top + 1):
            for column, cell in enumerate(cells):
                if cell is None or cell == "":
                    continue
                number = _as_number(cell, as_number[column], column == serial and row % 3 == 0)
                if number is None:
                    sheet.write_string(row, column, cell)
                else:
                    sheet.write_number(row, column, number)
        if total:
            sheet.write_row(top + 1 + len(text), 0, list(total))
        book.close()


def _as_number(cell: str, number: bool, serial: bool) -> float | None:
    if number and cell.isascii() and cell.isdigit():
        return float(cell)
    if serial and re.fullmatch(r"\d{4}-\d\d-\d\d", cell):
        return float((dt.date.fromisoformat(cell) - _EXCEL_DAY_ZERO).days)
    return None
