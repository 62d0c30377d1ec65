"""From the pack's feature specs to one SQL query: a grouped sub-query per table, joined to the register.

The renderer writes the as-of bound itself; a feature's author cannot leave it out or loosen it. A table that was not loaded
makes its features missing, not zero.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

from fraudrisk.engines.dialect import AS_OF, date_literal, text_literal
from fraudrisk.features import special
from fraudrisk.packs.loader import Pack
from fraudrisk.packs.schema import Feature
from fraudrisk.records.tables import TABLES

__all__ = ["bind", "condition", "feature_sql", "known_sql"]

_ZERO_WHEN_NONE = {"count", "distinct", "sum", "burst", "unlicensed", "linked"}
_GROUPED = {"count", "distinct", "sum", "max", "min", "days_since_last", "days_since_first", "burst"}


def feature_sql(pack: Pack, as_of: dt.date, loaded: Collection[str]) -> str:
    """One row per business, one column per feature.

    Parameters
    ----------
    pack : Pack
    as_of : datetime.date
        Facts known on or after it are not seen.
    loaded : collection of str
        Event tables that were imported; the views ``fact_<table>`` and ``register`` must exist.

    Returns
    -------
    str
        A query in DuckDB's dialect, ordered by business.
    """
    specs = pack.features
    parts = {"business": "SELECT * FROM register"}
    parts |= {table: known_sql(table, as_of) for table in TABLES if table in loaded and table != "business"}
    columns: dict[str, str] = {}
    joins: list[str] = []
    for table in list(parts):
        grouped = [f for f in specs if f.table == table and f.agg in _GROUPED]
        if grouped and table != "business":
            parts[f"{table}_sums"] = _grouped(table, grouped, pack, as_of)
            joins.append(f"{table}_sums")
            columns |= {f.name: _filled(f, f"{table}_sums.{f.name}") for f in grouped}
    for f in specs:
        if f.agg == "attribute":
            columns[f.name] = f"CAST({bind(f.column, as_of)} AS DOUBLE)"
        elif f.agg in ("unlicensed", "linked") and f.table in loaded and (f.agg == "linked" or "complaint" in loaded):
            where = condition(f, pack, as_of)
            built = special.unlicensed(f, pack, loaded) if f.agg == "unlicensed" else special.linked(f, pack, where)
            parts |= built
            name = list(built)[-1]
            joins.append(name)
            columns[f.name] = _filled(f, f"{name}.{f.name}")
    base = ",\n".join(f"{name} AS ({sql})" for name, sql in parts.items())
    first = ",\n  ".join(f"{sql} AS {name}" for name, sql in columns.items())
    joined = "".join(f"\n  LEFT JOIN {name} USING (business_id)" for name in joins)
    # peers of a rate: same sector, same kind of subject; exposure is the part of the last year it has existed
    lead = "business_id, sector, coalesce(entity_type LIKE '%个体%', FALSE) AS sole_trader, greatest(least(coalesce(age_days, 365), 365), 1) / 365.0 AS exposure"
    query = f"WITH {base},\nplain AS (SELECT {lead},\n  {first}\n  FROM business{joined})"
    return query + special.derived(pack, list(columns))


def known_sql(table: str, as_of: dt.date) -> str:
    """The facts of `table` as a reader on `as_of` would have seen them."""
    bound = date_literal(as_of)
    late = [c for c in TABLES[table].columns if c.revealed_by and c.personal is None]
    hidden = ", ".join(
        f"CASE WHEN {c.revealed_by} < {bound}{f' OR {c.revealed_by} IS NULL' if c.undated_shown else ''} THEN {c.name} END AS {c.name}"
        for c in late
    )
    replaced = f" REPLACE ({hidden})" if hidden else ""
    return f"SELECT *{replaced}, date_diff('day', happened_on, {bound}) AS age_days FROM fact_{table} WHERE known_at < {bound}"


def _grouped(table: str, specs: list[Feature], pack: Pack, as_of: dt.date) -> str:
    columns = ",\n    ".join(f"{_aggregate(f, pack, as_of)} AS {f.name}" for f in specs)
    return f"SELECT business_id,\n    {columns}\n  FROM {table} GROUP BY business_id"


def _aggregate(f: Feature, pack: Pack, as_of: dt.date) -> str:
    where = condition(f, pack, as_of)
    only = f" FILTER (WHERE {where})" if where else ""
    column = bind(f.column, as_of) if f.column else ""
    if f.agg == "count":
        return f"count(*){only}"
    if f.agg == "distinct":
        return f"count(DISTINCT {column}){only}"
    if f.agg == "sum":
        return f"sum({column}){only}"
    if f.agg in ("max", "min"):
        return f"{f.agg}({column}){only}"
    if f.agg == "days_since_last":
        return f"min(age_days){only}"
    if f.agg == "days_since_first":
        return f"max(age_days){only}"
    before = _window(f, pack, as_of, start=f.window or 0, length=365)
    return f"count(DISTINCT {column}){only} / (1 + count(DISTINCT {column}) FILTER (WHERE {before}) * {f.window} / 365.0)"


def condition(f: Feature, pack: Pack, as_of: dt.date) -> str:
    """The rows a feature looks at, as SQL; empty for all."""
    return _window(f, pack, as_of, start=0, length=f.window)


def _window(f: Feature, pack: Pack, as_of: dt.date, *, start: int, length: int | None) -> str:
    tests = []
    if length:
        tests.append(f"age_days <= {start + length}" if not start else f"age_days > {start} AND age_days <= {start + length}")
    if f.categories:
        codes = dict.fromkeys(c for name in f.categories for c in (pack.fraud_categories if name == "fraud" else (name,)))
        tests.append(f"category IN ({', '.join(map(text_literal, codes))})")
    if f.tactics:
        tests.append("(" + " OR ".join(f"list_contains(tactics, {text_literal(t)})" for t in f.tactics) + ")")
    if f.stages:
        tests.append(f"stage IN ({', '.join(map(text_literal, f.stages))})")
    if f.where:
        tests.append(f"({bind(f.where, as_of)})")
    return " AND ".join(tests)


def bind(sql: str, as_of: dt.date) -> str:
    """Put the date where an expression says ``as_of``."""
    import sqlglot
    from sqlglot import exp

    def date(node: Any) -> Any:
        if isinstance(node, exp.Column) and node.name == AS_OF and not node.table:
            return sqlglot.parse_one(date_literal(as_of), dialect="duckdb")
        return node

    return str(sqlglot.parse_one(sql, dialect="duckdb").transform(date).sql(dialect="duckdb"))


def _filled(f: Feature, column: str) -> str:
    return f"CAST(coalesce({column}, 0) AS DOUBLE)" if f.agg in _ZERO_WHEN_NONE else f"CAST({column} AS DOUBLE)"
