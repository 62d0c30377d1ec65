"""Open a source as batches of raw cells: CSV, xlsx, Parquet, JSON Lines, a database, or a data frame in memory.

Everything arrives as text (ids stay ids, 1330299002026110900123 never becomes 1.33E+21), with the row number of the file,
so that every later message can name the place. Nothing is cleaned here.
"""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fraudrisk.errors import InputError
from fraudrisk.records.csvfile import read_csv
from fraudrisk.records.rejects import Fault

__all__ = ["RawBatch", "Source", "open_source"]

_SHEET_SUFFIXES = {".xlsx", ".xls", ".xlsm", ".et", ".ods", ".xlsb"}
_OLE_OR_ZIP = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


@dataclass(slots=True)
class RawBatch:
    """Some rows of a source, as text.

    Parameters
    ----------
    table : pyarrow.Table
        String columns, in file order, named by position (``c0``, ``c1``, …).
    rows : pyarrow.Array
        Row number of each row in the source, counted as a person would (the header is row 1 of a CSV).
    """

    table: pa.Table
    rows: pa.Array


@dataclass(slots=True)
class Source:
    """An opened source: its headers, and its rows when asked for.

    Parameters
    ----------
    name : str
        What messages call it: the file's name, or the database table.
    headers : list of str
    batches : iterator of RawBatch
    rejected : list of Fault
        Rows that were not even rows (wrong number of fields); grows while `batches` is consumed.
    """

    name: str
    headers: list[str]
    batches: Iterator[RawBatch]
    rejected: list[Fault] = field(default_factory=list)


def open_source(source: Any, *, batch_rows: int = 65_536, sheet: str | None = None, query: str | None = None) -> Source:
    """Open anything that holds rows.

    Parameters
    ----------
    source : path, SQLAlchemy URL, or data frame
        A file by its suffix; ``dialect://…`` with `query` for a database; pandas, polars, DuckDB or Arrow data through the
        Arrow interface.
    batch_rows : int
        Rows at a time.
    sheet : str, optional
        Sheet of a workbook; the first one with rows when not given.
    query : str, optional
        A table name or SELECT for a database URL.

    Raises
    ------
    InputError
        Missing, empty, binary, truncated or wrongly encoded; names the file and the mend.
    """
    if isinstance(source, pa.Table | pa.RecordBatch | pa.RecordBatchReader) or hasattr(source, "__arrow_c_stream__"):
        return _arrow_source(_to_arrow(source), "data frame", first_row=1)
    if isinstance(source, str) and "://" in source:
        from fraudrisk.records.database import read_database

        name, table = read_database(source, query)
        return _arrow_source(table, name, first_row=1)
    path = Path(source)
    _check_file(path)
    suffix = path.suffix.lower()
    if suffix in _SHEET_SUFFIXES:
        return _sheet_source(path, sheet)
    if suffix in {".parquet", ".pq"}:
        return _parquet_source(path, batch_rows)
    if suffix in {".jsonl", ".ndjson", ".json"}:
        return _json_source(path)
    if suffix in {".csv", ".tsv", ".txt", ""}:
        return _csv_source(path, batch_rows)
    raise InputError("a file of this kind cannot be read", where=str(path), mend="use .csv, .xlsx, .parquet or .jsonl")


def _check_file(path: Path) -> None:
    if not path.exists():
        raise InputError("there is no such file", where=str(path), mend="check the path")
    if path.is_dir():
        raise InputError("this is a folder", where=str(path), mend="name the file in it")
    if path.stat().st_size == 0:
        raise InputError("the file is empty", where=str(path), mend="export it again")


def _string_columns(table: pa.Table) -> pa.Table:
    arrays = [_as_text(column) for column in table.columns]
    return pa.table(arrays, names=[f"c{i}" for i in range(len(arrays))])


def _as_text(column: pa.ChunkedArray) -> pa.Array:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_string(kind):
        text = column
    elif pa.types.is_floating(kind):
        text = pa.array(
            [None if v is None else (str(int(v)) if v == v and abs(v) < 1e22 and v == int(v) else repr(v)) for v in column.to_pylist()],
            pa.string(),
        )
    elif pa.types.is_nested(kind):
        text = pa.array([None if v is None else _flat(v) for v in column.to_pylist()], pa.string())
    elif pa.types.is_null(kind):
        text = pa.nulls(len(column), pa.string())
    else:
        text = pc.cast(column, pa.string())
    combined = text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text
    if isinstance(combined, pa.ChunkedArray):
        combined = pa.concat_arrays(combined.chunks) if combined.num_chunks else pa.array([], pa.string())
    return combined


def _flat(value: Any) -> str:
    return ";".join(str(v) for v in value) if isinstance(value, list) else json.dumps(value, ensure_ascii=False)


def _to_arrow(source: Any) -> pa.Table:
    if isinstance(source, pa.RecordBatch):
        return pa.Table.from_batches([source])
    if isinstance(source, pa.RecordBatchReader):
        return source.read_all()
    return source if isinstance(source, pa.Table) else pa.table(source)


def _arrow_source(table: pa.Table, name: str, first_row: int) -> Source:
    rows = pa.array(range(first_row, first_row + table.num_rows), pa.int64())
    return Source(name, [str(h) for h in table.column_names], iter([RawBatch(_string_columns(table), rows)]))


def _parquet_source(path: Path, batch_rows: int) -> Source:
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError("the Parquet file is truncated or damaged", where=path.name, mend="write it again") from error

    def batches() -> Iterator[RawBatch]:
        row = 1
        for batch in file.iter_batches(batch_size=batch_rows):
            yield RawBatch(_string_columns(pa.Table.from_batches([batch])), pa.array(range(row, row + batch.num_rows), pa.int64()))
            row += batch.num_rows

    return Source(path.name, list(file.schema_arrow.names), batches())


def _json_source(path: Path) -> Source:
    text = _decode(path.read_bytes(), path.name)
    rejected: list[Fault] = []
    records: list[tuple[int, dict[str, Any]]] = []
    parsed = _json_array(text, path.name) if text.lstrip().startswith("[") else None
    for number, item in enumerate(parsed, 1) if parsed is not None else _json_lines(text, path.name, rejected):
        if isinstance(item, dict):
            records.append((number, item))
        else:
            rejected.append(Fault(path.name, number, "", str(item)[:60], "not a JSON object", "write one object per line"))
    if not records:
        raise InputError("no record in the file", where=path.name, mend="write one JSON object per line")
    headers = list(dict.fromkeys(key for _, record in records for key in record))
    columns = [pa.array([_cell(record.get(h)) for _, record in records], pa.string()) for h in headers]
    table = pa.table(columns, names=[f"c{i}" for i in range(len(headers))])
    return Source(path.name, headers, iter([RawBatch(table, pa.array([n for n, _ in records], pa.int64()))]), rejected)


def _json_array(text: str, name: str) -> list[Any]:
    try:
        return list(json.loads(text))
    except json.JSONDecodeError as error:
        raise InputError("the JSON is truncated or damaged", where=f"{name}, row {error.lineno}", mend="export it again") from error


def _json_lines(text: str, name: str, rejected: list[Fault]) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(io.StringIO(text), 1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except json.JSONDecodeError as error:
            rejected.append(Fault(name, number, f"character {error.colno}", "", "damaged JSON", "write the line again"))


def _cell(value: Any) -> str | None:
    if value is None or value != value:
        return None
    if isinstance(value, float) and value == int(value) and abs(value) < 1e22:
        return str(int(value))
    if isinstance(value, str):  # a lone surrogate cannot be stored as UTF-8
        return value.encode("utf-8", "replace").decode("utf-8")
    return _flat(value) if isinstance(value, list | dict) else str(value)


def _sheet_source(path: Path, sheet: str | None) -> Source:
    from fraudrisk.records.sheets import read_sheet

    headers, rows, numbers = read_sheet(path, sheet)
    width = len(headers)
    columns = [pa.array([row[i] if i < len(row) else None for row in rows], pa.string()) for i in range(width)]
    table = pa.table(columns, names=[f"c{i}" for i in range(width)])
    return Source(path.name, headers, iter([RawBatch(table, pa.array(numbers, pa.int64()))]))


def _csv_source(path: Path, batch_rows: int) -> Source:
    with path.open("rb") as stream:
        head = stream.read(4096)
    if head.startswith(_OLE_OR_ZIP):
        raise InputError("this is a workbook with the name of a text file", where=path.name, mend="rename it to .xlsx")
    encoding = detect_encoding(path)
    delimiter = _delimiter(path, encoding)
    headers, chunks, rejected = read_csv(path, encoding, delimiter, batch_rows)
    return Source(path.name, headers, (RawBatch(table, rows) for table, rows in chunks), rejected)


def detect_encoding(path: Path) -> str:
    """UTF-8 (with or without BOM), UTF-16 by its BOM, else GB18030 (which holds GBK and GB2312); strict over the whole file.

    Raises
    ------
    InputError
        Binary, or valid in none of them; names the first row that is not.
    """
    with path.open("rb") as stream:
        head = stream.read(4096)
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        if b"\0" in head:
            raise InputError("the file is binary", where=path.name, mend="export it as CSV")
        encoding = "utf-8-sig" if head.startswith(codecs.BOM_UTF8) else "utf-8"
        place = _first_fault(path, encoding)
        if place is None:
            return encoding
        other = _first_fault(path, "gb18030")
        if other is None:
            return "gb18030"
    nearest, row = max((place, "UTF-8"), (other, "GB18030"))
    raise InputError(
        f"the file is neither UTF-8 nor GB18030 (as {row} it breaks in row {nearest})",
        where=f"{path.name}, row {nearest}",
        mend="save it as UTF-8",
    )


def _first_fault(path: Path, encoding: str) -> int | None:
    """Row of the first byte that `encoding` cannot read, or None."""
    decoder = codecs.getincrementaldecoder(encoding)()
    row = 1
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            try:
                row += decoder.decode(block).count("\n")
            except UnicodeDecodeError as error:
                return row + block[: error.start].count(b"\n")
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return row
    return None


def _decode(raw: bytes, name: str) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError as error:
            place = raw[: error.start].count(b"\n") + 1
    raise InputError("the file is neither UTF-8 nor GB18030", where=f"{name}, row {place}", mend="save it as UTF-8")


def _delimiter(path: Path, encoding: str) -> str:
    with path.open(encoding=encoding, errors="replace", newline="") as stream:
        first = stream.readline()
    counts: Sequence[tuple[int, str]] = [(first.count(d), d) for d in (",", "\t", ";", "|")]
    most, delimiter = max(counts, key=lambda pair: pair[0])
    return delimiter if most else ","
