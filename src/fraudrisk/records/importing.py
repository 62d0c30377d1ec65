"""From a source to a cleaned table: in memory (`read_table`), or streamed to Parquet (`clean_source`)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from fraudrisk.errors import InputError
from fraudrisk.files import atomic_path
from fraudrisk.privacy import KeyedHash
from fraudrisk.records.cleaning import Cleaner, stored_schema
from fraudrisk.records.headers import match_headers
from fraudrisk.records.readers import open_source
from fraudrisk.records.rejects import RejectReport
from fraudrisk.records.tables import Table, get_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["clean_source", "read_table", "write_source"]


def clean_source(
    source: Any,
    table: Table,
    write: Callable[[pa.Table], None],
    *,
    hasher: KeyedHash,
    today: dt.date | None = None,
    known_at: dt.date | None = None,
    rename: Mapping[str, str] | None = None,
    sheet: str | None = None,
    query: str | None = None,
    batch_rows: int = 65_536,
    max_chars: int = 200_000,
    progress: Callable[[int], None] | None = None,
) -> RejectReport:
    """Clean `source` batch by batch and hand each cleaned table to `write`.

    Parameters
    ----------
    source : path, SQLAlchemy URL, or data frame
    table : Table
    write : callable
        Gets every cleaned batch, in order.
    hasher : KeyedHash
    today : datetime.date, optional
        Facts dated later are rejected; the current day when not given.
    known_at : datetime.date, optional
        When rows without a date became known; `today` when not given.
    rename : mapping, optional
        The file's header to canonical name.
    progress : callable, optional
        Called with the rows read so far.

    Returns
    -------
    RejectReport

    Raises
    ------
    InputError
        Where the source cannot be read at all, or no row of it can be kept.
    """
    opened = open_source(source, batch_rows=batch_rows, sheet=sheet, query=query)
    headers = match_headers(opened.headers, table, where=opened.name, rename=rename)
    today = today or dt.datetime.now().astimezone().date()
    cleaner = Cleaner(table, headers, opened.name, today, hasher, known_at, max_chars)
    report = RejectReport(table.name, opened.name)
    for batch in opened.batches:
        cleaned, faults = cleaner.clean(batch)
        report.rows_in += len(batch.rows)
        report.rows_kept += cleaned.num_rows
        report.extend(faults)
        write(cleaned)
        if progress:
            progress(report.rows_in)
    report.rows_in += len(opened.rejected)
    report.extend(opened.rejected)
    _notices(report, headers.dropped, headers.personal, table, cleaner)
    if not report.rows_kept:
        first = next((f for f in report.faults if f.level == "row"), None)
        if first is None:
            raise InputError("the file holds a header and no row", where=opened.name, mend="export it again")
        raise InputError(f"no row can be used: {first.reason}", where=first.place(), mend=first.mend or "mend the file")
    return report


def _notices(report: RejectReport, dropped: tuple[str, ...], personal: tuple[str, ...], table: Table, cleaner: Cleaner) -> None:
    if personal:
        report.notices.append("personal columns left at the door: " + ", ".join(personal))
    if other := [h for h in dropped if h not in personal and h]:
        report.notices.append("columns not used: " + ", ".join(other[:12]) + (" …" if len(other) > 12 else ""))
    kept_out = [c.zh for c in table.columns if c.personal == "drop" and c.name in cleaner.headers.columns]
    if kept_out:
        report.notices.append("personal columns not stored: " + ", ".join(kept_out))
    if cleaner.undated:
        day = cleaner.known_at or cleaner.today
        report.notices.append(f"{cleaner.undated} rows carry no date of their own: taken as known on {day} (--known-at changes it)")


def write_source(source: Any, table: Table, path: Path, **options: Any) -> RejectReport:
    """Clean `source` into one Parquet file, whole or not at all; options as for :func:`clean_source`."""
    import pyarrow.parquet as pq

    with atomic_path(path) as part, pq.ParquetWriter(part, stored_schema(table), compression="zstd") as writer:
        return clean_source(source, table, lambda cleaned: writer.write_table(cleaned) if cleaned.num_rows else None, **options)


def read_table(source: Any, table: str, *, hash_key: bytes = b"", **options: Any) -> pd.DataFrame:
    """Read and clean one table into a data frame.

    Parameters
    ----------
    source : path, SQLAlchemy URL, or data frame
        CSV (UTF-8, GBK, GB18030), xlsx, Parquet, JSON Lines, ``dialect://…`` with ``query=``, or pandas, polars, DuckDB
        and Arrow data.
    table : str
        Canonical or Chinese name of the table.
    hash_key : bytes
        Key for the hashes that join persons; without it the hashes of this call join with nothing else.
    **options
        ``today``, ``known_at``, ``rename``, ``sheet``, ``query`` as for :func:`clean_source`.

    Returns
    -------
    pandas.DataFrame
        Canonical columns; ``frame.attrs["report"]`` is the :class:`RejectReport`.

    Raises
    ------
    InputError
        Names file, row, column and the mend.

    Examples
    --------
    >>> import pandas as pd
    >>> raw = pd.DataFrame({"企业名称": ["云州福寿健康咨询有限公司"], "成立日期": ["2023年6月8日"], "注册资本": ["5,000,000元"]})
    >>> frame = read_table(raw, "business")
    >>> frame.loc[0, "est_date"], float(frame.loc[0, "reg_capital_wan"])
    (datetime.date(2023, 6, 8), 500.0)
    """
    import os

    declared = get_table(table)
    parts: list[pa.Table] = []
    report = clean_source(source, declared, parts.append, hasher=KeyedHash(hash_key or os.urandom(32)), **options)
    frame: pd.DataFrame = pa.concat_tables(parts).to_pandas()
    frame.attrs["report"] = report
    return frame
