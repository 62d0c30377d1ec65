"""CSV as offices export it: any of four delimiters, quoted or not, with rows that have a comma too many."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.csv as pv

from fraudrisk.errors import InputError
from fraudrisk.records.rejects import Fault

__all__ = ["read_csv"]

_BLOCK = 1 << 24
Chunk = tuple[pa.Table, pa.Array]


_FREE_TEXT = re.compile(r"内容|正文|诉求$|描述|情况|原因|范围|备注|^text$|content|scope|reason", re.I)
"""Headers of columns in which people write sentences."""


def read_csv(path: Path, encoding: str, delimiter: str, batch_rows: int) -> tuple[list[str], Iterator[Chunk], list[Fault]]:
    """Headers, chunks of string columns with their row numbers, and rows that could not be split.

    Rows with too many fields are mended by joining the surplus into the longest field (unquoted commas inside text);
    the rest of them are rejected. The fast path is Arrow's reader; a file with such rows is read again row by row.
    """
    headers = _headers(path, encoding, delimiter)
    rejected: list[Fault] = []
    return headers, _chunks(path, encoding, delimiter, headers, batch_rows, rejected), rejected


def _headers(path: Path, encoding: str, delimiter: str) -> list[str]:
    with path.open(encoding=encoding, newline="") as stream:
        for row in csv.reader(stream, delimiter=delimiter):
            if any(cell.strip() for cell in row):
                return [cell.replace("\ufeff", "").strip() for cell in row]
    raise InputError("the file has no header row", where=path.name, mend="export it again")


def _chunks(path: Path, encoding: str, delimiter: str, headers: list[str], batch_rows: int, rejected: list[Fault]) -> Iterator[Chunk]:
    names = [f"c{i}" for i in range(len(headers))]
    faulty = 0

    def count(_row: pv.InvalidRow) -> str:
        nonlocal faulty
        faulty += 1
        return "skip"

    try:
        clean = list(_arrow_batches(path, encoding, delimiter, names, count)) if path.stat().st_size < 4 * _BLOCK else None
        if clean is None:  # large: look for faulty rows first, in one pass that keeps nothing
            for _ in _arrow_batches(path, encoding, delimiter, names, count):
                pass
    except pa.ArrowInvalid as error:
        if "straddling" not in str(error) and "cannot guess" not in str(error).lower():
            raise InputError(f"the CSV cannot be read: {str(error).splitlines()[0]}", where=path.name, mend="export it again") from error
        faulty, clean = 1, None
    if faulty or _has_lone_quote(path, encoding):
        yield from _row_by_row(path, encoding, delimiter, headers, batch_rows, rejected)
        return
    row = 2
    for table in clean if clean is not None else _arrow_batches(path, encoding, delimiter, names, count):
        yield table, pa.array(range(row, row + table.num_rows), pa.int64())
        row += table.num_rows


def _arrow_batches(
    path: Path, encoding: str, delimiter: str, names: list[str], handler: Callable[[pv.InvalidRow], str]
) -> Iterator[pa.Table]:
    reader = pv.open_csv(
        path,
        read_options=pv.ReadOptions(
            column_names=names, skip_rows=1, block_size=_BLOCK, encoding="utf-8" if encoding.startswith("utf-8") else encoding
        ),
        parse_options=pv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=handler),
        convert_options=pv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False, null_values=[]),
    )
    for batch in reader:
        yield pa.Table.from_batches([batch])


def _has_lone_quote(path: Path, encoding: str) -> bool:
    """An odd number of quotation marks: some text holds one that quotes nothing, and would swallow the rows after it."""
    if encoding == "utf-16":
        return False
    with path.open("rb") as stream:
        return sum(block.count(b'"') for block in iter(lambda: stream.read(1 << 22), b"")) % 2 == 1


def _row_by_row(path: Path, encoding: str, delimiter: str, headers: list[str], batch_rows: int, rejected: list[Fault]) -> Iterator[Chunk]:
    quoting: Literal[0, 3] = csv.QUOTE_NONE if _has_lone_quote(path, encoding) else csv.QUOTE_MINIMAL
    width = len(headers)
    rows: list[list[str]] = []
    numbers: list[int] = []
    with path.open(encoding=encoding, newline="") as stream:
        reader = csv.reader(stream, delimiter=delimiter, quoting=quoting)
        start = 1
        for fields in reader:
            number, start = start, reader.line_num + 1
            if number == 1 or not any(fields):
                continue
            mended = fields if len(fields) == width else _mend(fields, headers, delimiter)
            if mended is None:
                reason = f"{len(fields)} fields where the header has {width}"
                rejected.append(
                    Fault(path.name, number, "", delimiter.join(fields)[:60], reason, "put quotation marks around text that holds a comma")
                )
                continue
            rows.append(mended)
            numbers.append(number)
            if len(rows) >= batch_rows:
                yield _chunk(rows, numbers, width)
                rows, numbers = [], []
    if rows:
        yield _chunk(rows, numbers, width)


def _mend(fields: list[str], headers: list[str], delimiter: str) -> list[str] | None:
    """Join the pieces of a text that holds delimiters: in the column whose header says text, else where most Chinese stands."""
    width, surplus = len(headers), len(fields) - len(headers)
    if surplus < 0 or surplus > 20:
        return None

    def textiness(start: int) -> int:
        return sum(sum("\u4e00" <= c <= "\u9fff" for c in f) for f in fields[start : start + surplus + 1])

    named = [i for i, header in enumerate(headers) if _FREE_TEXT.search(header)]
    best = named[0] if len(named) == 1 else max(named or range(width), key=textiness)
    if textiness(best) < 10 and not named:
        return None
    return [*fields[:best], delimiter.join(fields[best : best + surplus + 1]), *fields[best + surplus + 1 :]]


def _chunk(rows: list[list[str]], numbers: list[int], width: int) -> Chunk:
    columns = [pa.array([row[i] for row in rows], pa.string()) for i in range(width)]
    return pa.table(columns, names=[f"c{i}" for i in range(width)]), pa.array(numbers, pa.int64())
