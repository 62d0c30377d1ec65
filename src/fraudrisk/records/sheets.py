"""Workbooks as people keep them: a title above the header, a header merged over two rows, a totals row, ids as numbers."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from fraudrisk.errors import InputError
from fraudrisk.records.headers import header_key
from fraudrisk.records.tables import TABLES

__all__ = ["read_sheet"]

_KNOWN = {header_key(s) for t in TABLES.values() for c in t.columns for s in (c.name, c.zh, *c.aliases)} | {"序号", "text", "name", "label"}
_SEARCHED = 12  # a header further down than this is no header


def read_sheet(path: Path, sheet: str | None) -> tuple[list[str], list[list[str | None]], list[int]]:
    """Headers, rows of text cells, and the sheet row of each.

    Raises
    ------
    InputError
        Damaged workbook, unknown sheet, or no row under a header.
    """
    from python_calamine import CalamineWorkbook

    try:
        book = CalamineWorkbook.from_path(path)
        names = book.sheet_names
        if sheet is not None and sheet not in names:
            raise InputError(f"there is no sheet '{sheet}'", where=path.name, mend="its sheets are " + ", ".join(names))
        grids = [(name, book.get_sheet_by_name(name).to_python(skip_empty_area=False)) for name in ([sheet] if sheet else names)]
    except InputError:
        raise
    except Exception as error:  # calamine raises its own types for every kind of damage
        raise InputError(
            "the workbook is truncated, damaged or protected", where=path.name, mend="open it, save it as .xlsx and try again"
        ) from error
    for _, grid in grids:
        if len(grid) > 1:
            return _split(grid, path.name)
    raise InputError("no sheet holds a table", where=path.name, mend="put a header row and at least one row under it")


def _split(grid: list[list[Any]], name: str) -> tuple[list[str], list[list[str | None]], list[int]]:
    text = [[_cell(v) for v in row] for row in grid]
    top = _header_row(text)
    headers = [c or "" for c in text[top]]
    body = top + 1
    if _is_subheader(text, top):
        headers = _merged(headers, text[body])
        body += 1
    width = max((i + 1 for i, h in enumerate(headers) if h), default=0)
    rows, numbers = [], []
    for number, row in enumerate(text[body:], body + 1):
        filled = [c for c in row[:width] if c]
        if not filled:
            continue
        rows.append(row[:width])
        numbers.append(number)
    if not rows:
        raise InputError("there is a header and no row under it", where=f"{name}, row {top + 1}", mend="export it again")
    return headers[:width], rows, numbers


def _header_row(text: list[list[str | None]]) -> int:
    """The row that names most known columns; without any, the first row that is mostly filled."""
    scores = [sum(header_key(c) in _KNOWN for c in row if c) for row in text[:_SEARCHED]]
    if max(scores) > 0:
        return scores.index(max(scores))
    widest = max(sum(c is not None for c in row) for row in text[:_SEARCHED])
    return next(i for i, row in enumerate(text) if sum(c is not None for c in row) >= max(1, widest - 1))


def _is_subheader(text: list[list[str | None]], top: int) -> bool:
    """A second header row under merged cells: it fills gaps of the first and names columns, too."""
    if top + 1 >= len(text):
        return False
    first, second = text[top], text[top + 1]
    gaps = [i for i, c in enumerate(second) if c and not (i < len(first) and first[i])]
    return bool(gaps) and any(header_key(second[i] or "") in _KNOWN for i in gaps)


def _merged(first: list[str], second: list[str | None]) -> list[str]:
    out, group = [], ""
    for i in range(max(len(first), len(second))):
        group = (first[i] if i < len(first) else "") or group
        below = second[i] if i < len(second) else None
        own = first[i] if i < len(first) else ""
        if below:
            out.append(below if header_key(below) in _KNOWN else f"{group}{below}")
        else:
            out.append(own)
    return out


def _cell(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, float):
        return str(int(value)) if value == int(value) and abs(value) < 1e22 else repr(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return str(value).replace("\ufeff", "").strip() or None
