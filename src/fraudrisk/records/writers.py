"""Write rows to CSV, JSON Lines, xlsx or Parquet, by suffix; the file is whole or absent."""

from __future__ import annotations

import csv
import json
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from fraudrisk.errors import InputError
from fraudrisk.files import atomic_path

__all__ = ["RowWriter"]

_SUFFIXES = (".csv", ".jsonl", ".xlsx", ".parquet")


class RowWriter:
    """Writes rows one by one; nested values become JSON where the format has none.

    Parameters
    ----------
    path : Path
        ``.csv`` (UTF-8 with BOM), ``.jsonl``, ``.xlsx`` or ``.parquet``.
    columns : list of str

    Raises
    ------
    InputError
        Another suffix, or a place that cannot be written.
    """

    def __init__(self, path: Path, columns: list[str]) -> None:
        if path.suffix.lower() not in _SUFFIXES:
            raise InputError("an output of this kind cannot be written", where=str(path), mend=f"use {', '.join(_SUFFIXES)}")
        self.path, self.columns, self.kind = path, columns, path.suffix.lower()
        self._stack = ExitStack()
        self._rows: list[dict[str, Any]] = []

    def __enter__(self) -> RowWriter:
        self._part = self._stack.enter_context(atomic_path(self.path))
        if self.kind in (".csv", ".jsonl"):
            self._stream = self._stack.enter_context(
                self._part.open("w", encoding="utf-8-sig" if self.kind == ".csv" else "utf-8", newline="")
            )
        if self.kind == ".csv":
            self._csv = csv.writer(self._stream)
            self._csv.writerow(self.columns)
        return self

    def write(self, row: dict[str, Any]) -> None:
        """Write one row; keys that are no column are left out."""
        if self.kind == ".jsonl":
            self._stream.write(json.dumps({c: row[c] for c in self.columns}, ensure_ascii=False) + "\n")
        elif self.kind == ".csv":
            self._csv.writerow([_flat(row[c]) for c in self.columns])
        else:
            self._rows.append({c: row[c] for c in self.columns})

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None and self.kind == ".parquet":
            self._parquet()
        elif kind is None and self.kind == ".xlsx":
            self._sheet()
        self._stack.__exit__(kind, error, trace)

    def _parquet(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        arrays = {c: pa.array([r[c] for r in self._rows]) for c in self.columns}
        pq.write_table(pa.table(arrays), self._part, compression="zstd")

    def _sheet(self) -> None:
        import xlsxwriter

        if len(self._rows) > 1_048_575:
            raise InputError("a sheet holds at most 1,048,575 rows", where=str(self.path), mend="write .csv, .jsonl or .parquet")
        options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "constant_memory": True}
        with xlsxwriter.Workbook(str(self._part), options) as book:
            sheet = book.add_worksheet()
            sheet.write_row(0, 0, self.columns)
            for number, row in enumerate(self._rows, 1):
                for column, name in enumerate(self.columns):
                    value = _flat(row[name])
                    if isinstance(value, int | float) and not isinstance(value, bool):
                        sheet.write_number(number, column, value)
                    elif value is not None:
                        sheet.write_string(number, column, str(value)[:32_000])


def _flat(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
