"""Read a table or a SELECT from any database that SQLAlchemy reaches; the office's own system stays read-only."""

from __future__ import annotations

import re

import pyarrow as pa

from fraudrisk.errors import InputError

__all__ = ["read_database"]


def read_database(url: str, query: str | None) -> tuple[str, pa.Table]:
    """Name of what was read, and its rows.

    Raises
    ------
    InputError
        No driver, no connection, no such table, or a statement that is not a SELECT. The password is never shown.
    """
    import sqlalchemy as sa

    if not query:
        raise InputError("a database needs a table or a SELECT", where=_shown(url), mend="add --query TABLE")
    is_select = bool(re.match(r"\s*(?:select|with)\b", query, re.I))
    if not is_select and not re.fullmatch(r"[\w.]+", query):
        raise InputError("only a table name or a SELECT is read", where=_shown(url), mend="write SELECT … FROM …")
    try:
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            if is_select:
                result = connection.execute(sa.text(query))
            else:
                schema, _, name = query.rpartition(".")
                result = connection.execute(sa.select(sa.text("*")).select_from(sa.table(name, schema=schema or None)))
            headers = list(result.keys())
            rows = [tuple(None if v is None else str(v) for v in row) for row in result]
    except (sa.exc.SQLAlchemyError, ModuleNotFoundError) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise InputError(
            f"the database cannot be read: {reason}", where=_shown(url), mend="check the address, the driver and the table"
        ) from error
    columns = [pa.array([row[i] for row in rows], pa.string()) for i in range(len(headers))]
    return (query if not is_select else "query", pa.table(columns, names=[str(h) for h in headers]))


def _shown(url: str) -> str:
    return re.sub(r"//([^:/@]*):[^@]*@", r"//\1:***@", url)
