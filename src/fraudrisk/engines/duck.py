"""DuckDB: the default engine. One connection, Parquet in, Arrow out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import duckdb

from fraudrisk.engines.dialect import text_literal
from fraudrisk.errors import FraudRiskError, InputError
from fraudrisk.files import atomic_path

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Duck"]


class Duck:
    """A DuckDB connection in memory that spills to disk and keeps row order.

    Parameters
    ----------
    memory : str
        Most memory DuckDB may take before it spills, such as ``"2GB"``.
    spill : Path, optional
        Folder for what does not fit.

    Examples
    --------
    >>> with Duck() as duck:
    ...     duck.query("SELECT 40 + 2 AS answer").column("answer").to_pylist()
    [42]
    """

    def __init__(self, *, memory: str = "2GB", spill: Path | None = None) -> None:
        settings: dict[str, Any] = {"memory_limit": memory, "preserve_insertion_order": True}
        if spill:
            settings["temp_directory"] = str(spill)
        self._connection = duckdb.connect(":memory:", config=settings)
        self._connection.execute("SET autoinstall_known_extensions = false; SET autoload_known_extensions = false; SET TimeZone = 'UTC'")
        with suppress(duckdb.Error):  # in a notebook without ipywidgets there is no bar, and asking for none is an error
            self._connection.execute("SET enable_progress_bar = false")

    def __enter__(self) -> Duck:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give the memory back."""
        self._connection.close()

    def view(self, name: str, source: Sequence[Path] | pa.Table) -> None:
        """Make Parquet files, or an Arrow table, readable as `name`; columns are matched by name."""
        if isinstance(source, Sequence):
            files = ", ".join(text_literal(str(path)) for path in source)
            self.execute(f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM read_parquet([{files}], union_by_name = true)")
        else:
            self._connection.register(name, source)

    def execute(self, sql: str) -> None:
        """Run a statement."""
        self._run(sql)

    def query(self, sql: str) -> pa.Table:
        """Run a query and return all of it."""
        result: pa.Table = self._run(sql, relation=True).to_arrow_table()
        return result

    def batches(self, sql: str, rows: int = 65_536) -> Iterator[pa.RecordBatch]:
        """Run a query and stream its answer."""
        yield from self._run(sql, relation=True).to_arrow_reader(rows)

    def write(self, sql: str, path: Path) -> None:
        """Write a query's answer to one Parquet file, whole or not at all; give it an ORDER BY and the bytes repeat."""
        with atomic_path(path) as part:
            self.execute(f"COPY ({sql}) TO {text_literal(str(part))} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)")

    def _run(self, sql: str, *, relation: bool = False) -> Any:
        try:
            return self._connection.sql(sql) if relation else self._connection.execute(sql)
        except duckdb.OutOfMemoryException as error:
            raise InputError(
                "not enough memory or disk for this step", mend="free some space, or raise engine_memory in fraudrisk.toml"
            ) from error
        except duckdb.IOException as error:
            if "space" in str(error).lower():
                raise InputError("the disk is full", mend="free some space and run again; earlier results are untouched") from error
            raise FraudRiskError(f"the engine cannot read or write a file: {_first_line(error)}") from error
        except duckdb.Error as error:
            raise FraudRiskError(f"SQL failed: {_first_line(error)} -- in: {sql}") from error


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
