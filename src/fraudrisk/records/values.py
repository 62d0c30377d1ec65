"""Single cells: what counts as missing, and how dates, amounts, numbers and yes/no are written in real exports.

Each parser takes folded, stripped text and returns a value, ``None`` for missing, or raises ``ValueError`` with the mend.
They run once per *distinct* cell of a column (see :mod:`fraudrisk.records.cleaning`), so they can afford to be readable.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

from fraudrisk.records.amounts import parse_amount

__all__ = [
    "NULLS",
    "PARSERS",
    "is_null",
    "parse_bool",
    "parse_date",
    "parse_datetime",
    "parse_float",
    "parse_int",
    "parse_list",
    "parse_wan",
]

NULLS = frozenset(
    {
        "",
        "\\n",
        "null",
        "none",
        "nan",
        "nat",
        "n/a",
        "na",
        "#n/a",
        "无",
        "暂无",
        "空",
        "未填",
        "不详",
        "/",
        "\\",
        "-",
        "--",
        "—",
        "——",
        "...",
        "?",
        "0000-00-00",
    }
)
"""Spellings of missing, lower-cased (DOMAIN §2.10)."""

_LONG_TERM = {(9999, 9, 9), (9999, 12, 31), (2099, 12, 31)}  # "no end"; a date column reads it as missing
_FILLER = {(1900, 1, 1), (1900, 1, 0), (1, 1, 1)}
_CHINA = dt.timezone(dt.timedelta(hours=8))
_EXCEL_EPOCH = dt.datetime(1899, 12, 30)
_YMD = re.compile(
    r"(\d{4})\s*[-/.年]\s*(\d{1,2})(?:\s*[-/.月]\s*(\d{1,2})\s*日?)?月?(?:[T\s]*(\d{1,2})\s*[:时]\s*(\d{1,2})(?:\s*[:分]\s*(\d{1,2})(?:\.\d+)?)?\s*秒?分?)?(?:\s*[+-]\d{2}:?\d{2}|Z)?"
)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2}))?")


def is_null(cell: str) -> bool:
    r"""Whether a cell means missing, masked-out cells (only stars) included.

    Examples
    --------
    >>> [is_null(c) for c in ("暂无", "*****", r"\N", "0")]
    [True, True, True, False]
    """
    return cell.strip().lower() in NULLS or (bool(cell) and not cell.strip("* "))


def parse_datetime(cell: str) -> dt.datetime | None:
    """Read a date or moment in any spelling of the catalogue; China time for epochs, no zone in the result.

    Raises
    ------
    ValueError
        Where the cell is no date.

    Examples
    --------
    >>> parse_datetime("2020年6月"), parse_datetime("45234"), parse_datetime("9999-9-9")
    (datetime.datetime(2020, 6, 1, 0, 0), datetime.datetime(2023, 11, 4, 0, 0), None)
    """
    if match := _YMD.fullmatch(cell):
        year, month, day, hour, minute, second = (int(g) if g else None for g in match.groups())
        return _moment(year or 0, month or 0, 1 if day is None else day, hour or 0, minute or 0, second or 0)
    if re.fullmatch(r"(?:19|20|99)\d{6}(?:\d{6})?", cell):
        parts = _COMPACT.fullmatch(cell)
        assert parts is not None  # noqa: S101  (the same shape)
        return _moment(*(int(g or 0) for g in parts.groups()))
    if re.fullmatch(r"-?\d+(?:\.\d+)?(?:[eE]\+?\d+)?", cell):
        return _from_number(float(cell))
    raise ValueError("no date; write it as 2026-11-24")


def _moment(year: int, month: int, day: int, hour: int, minute: int, second: int) -> dt.datetime | None:
    if (year, month, day) in _LONG_TERM or (year, month, day) in _FILLER or year in (0, 9999):
        return None
    try:
        return dt.datetime(year, month, day, hour % 24, minute, second)
    except ValueError as error:
        raise ValueError("no such day; write it as 2026-11-24") from error


def _from_number(number: float) -> dt.datetime | None:
    if number <= 0:
        return None  # a zero or negative epoch is a filler of some exporter
    if 20_000 <= number < 80_000:  # Excel serial days: 1954 to 2119
        return (_EXCEL_EPOCH + dt.timedelta(days=number)).replace(microsecond=0)
    if 1e8 <= number < 1e10:
        return dt.datetime.fromtimestamp(int(number), _CHINA).replace(tzinfo=None)
    if 1e11 <= number < 1e13:
        return dt.datetime.fromtimestamp(int(number) // 1000, _CHINA).replace(tzinfo=None)
    raise ValueError("a number that is neither an Excel day nor an epoch; write the date as 2026-11-24")


def parse_date(cell: str) -> dt.date | None:
    """Read a day; see :func:`parse_datetime`."""
    moment = parse_datetime(cell)
    return moment.date() if moment else None


def parse_float(cell: str) -> float:
    """Read a number with separators, units after it ignored.

    Examples
    --------
    >>> parse_float("1,234.50"), parse_float("12人")
    (1234.5, 12.0)
    """
    match = re.fullmatch(r"([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*(?:[\u4e00-\u9fff%]{0,4})", cell.replace(",", "").replace("\uff0c", ""))
    if not match:
        raise ValueError("no number; write it as 1234.5")
    return float(match.group(1))


def parse_int(cell: str) -> int:
    """Read a whole number (``2017.0`` and ``12人`` included)."""
    value = parse_float(cell)
    if value != int(value):
        raise ValueError("no whole number")
    return int(value)


def parse_wan(cell: str) -> float:
    """Read an amount in 万元; a cell that says 元 is converted.

    Examples
    --------
    >>> parse_wan("500"), parse_wan("5,000,000元"), parse_wan("500万元人民币")
    (500.0, 500.0, 500.0)
    """
    bare = cell.replace(",", "").replace("人民币", "").strip()
    if re.fullmatch(r"[+-]?\d+(?:\.\d+)?", bare):
        return float(bare)
    amount = parse_amount(bare)
    if amount is None:
        raise ValueError("no amount; write 500 for 500万元")
    return amount / 10_000


def parse_money(cell: str) -> float:
    """Read an amount in yuan, in digits or in words."""
    amount = parse_amount(cell)
    if amount is None:
        raise ValueError("no amount; write 36000")
    return amount


def parse_bool(cell: str) -> bool:
    """Read yes or no."""
    lowered = cell.lower()
    if lowered in {"是", "有", "1", "1.0", "y", "yes", "true", "t", "已", "√"}:
        return True
    if lowered in {"否", "无", "没有", "0", "0.0", "n", "no", "false", "f", "未", "×"}:
        return False
    raise ValueError("neither yes nor no; write 是 or 否")


def parse_list(cell: str) -> list[str]:
    """Split a list of names or addresses.

    Examples
    --------
    >>> parse_list("甲店;乙店、丙店")
    ['甲店', '乙店', '丙店']
    """
    return [part for raw in re.split(r"[;\uff1b、|\n]|,(?=\D)|\uff0c", cell.strip("[]")) if (part := raw.strip(" \"'"))]


PARSERS: dict[str, Callable[[str], object]] = {
    "date": parse_date,
    "datetime": parse_datetime,
    "int": parse_int,
    "float": parse_float,
    "amount": parse_money,
    "wan": parse_wan,
    "bool": parse_bool,
    "list": parse_list,
}
