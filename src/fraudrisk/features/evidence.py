"""The records behind a feature, with the words to quote: rendered from the same spec as the number itself.

Only businesses that are listed are explained; the view ``listed`` holds them. A quote is an exact part of one cell of the
record it names.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from typing import Any

from fraudrisk.engines.dialect import text_literal
from fraudrisk.features import special
from fraudrisk.features.render import bind, condition, known_sql
from fraudrisk.packs.loader import Pack
from fraudrisk.packs.schema import Feature
from fraudrisk.records.tables import TABLES

__all__ = ["EVIDENCE", "evidence_sql"]

EVIDENCE = ("business_id", "feature", "table_name", "record_id", "happened_on", "quote")
"""Columns of the query."""

_QUOTE = {
    "penalty": "coalesce(violation_type, case_name)",
    "abnormal_listing": "list_reason",
    "serious_violation": "serious_reason",
    "license": "coalesce(item, license_name)",
    "annual_report": "operating_state",
    "inspection": "result",
    "ad_monitor": "substr(coalesce(text, ocr_text), 1, 40)",
    "opinion": "substr(coalesce(title, text), 1, 40)",
    "registration_change": "change_item",
    "outcome": "conclusion",
}


def evidence_sql(pack: Pack, as_of: dt.date, loaded: Collection[str], names: Iterable[str], *, each: int = 3) -> str | None:
    """Records behind the features `names` of the listed businesses.

    Parameters
    ----------
    pack, as_of, loaded
        As for :func:`fraudrisk.features.feature_sql`.
    names : iterable of str
        Features to explain.
    each : int
        Most records per business and feature, latest first.

    Returns
    -------
    str or None
        Query giving ``business_id, feature, table_name, record_id, happened_on, quote``; None where there is nothing to ask.
    """
    specs = {f.name: f for f in pack.features}
    parts = {"business": "SELECT r.* FROM register r SEMI JOIN listed USING (business_id)"}
    selects: list[str] = []
    for name in dict.fromkeys(names):
        for basis in _basis(specs[name], specs):
            selects += _select(name, basis, pack, as_of, loaded)
    if not selects:
        return None
    parts |= {
        t: f"SELECT * FROM ({known_sql(t, as_of)}) SEMI JOIN listed USING (business_id)" for t in TABLES if t in loaded and t != "business"
    }
    ctes = ",\n".join(f"{name} AS ({sql})" for name, sql in parts.items())
    union = "\nUNION ALL\n".join(selects)
    return f"""WITH {ctes},
found AS ({union})
SELECT * FROM found QUALIFY row_number() OVER (PARTITION BY business_id, feature ORDER BY happened_on DESC NULLS LAST, record_id) <= {each}
ORDER BY business_id, feature, happened_on DESC NULLS LAST, record_id"""


def _basis(f: Feature, specs: dict[str, Feature]) -> list[Feature]:
    """A ratio or a rate is explained by what it is made from."""
    return [b for name in f.of for b in _basis(specs[name], specs)] if f.of else [f]


def _select(name: str, f: Feature, pack: Pack, as_of: dt.date, loaded: Collection[str]) -> list[str]:
    if f.agg == "attribute":
        return _attribute(name, f, as_of)
    if f.table not in loaded:
        return []
    where = condition(f, pack, as_of) or "TRUE"
    if f.agg == "unlicensed":
        return _unlicensed(name, f, pack, loaded)
    if f.agg == "linked":
        return [_linked(name, f, pack, as_of)]
    if f.table == "complaint":
        return [
            f"SELECT c.business_id, '{name}' AS feature, 'complaint' AS table_name, c.record_id, c.happened_on, {_complaint_quote(f)} AS quote "
            f"FROM complaint c JOIN readings q USING (record_id) WHERE {_qualified(where, 'c')}"
        ]
    quote = bind(f.quote, as_of) if f.quote else _QUOTE[f.table]
    return [
        f"SELECT business_id, '{name}' AS feature, '{f.table}' AS table_name, record_id, happened_on, {quote} AS quote FROM {f.table} WHERE {where}"
    ]


def _qualified(where: str, alias: str) -> str:
    """Say whose columns a condition means, where two tables are joined."""
    import sqlglot
    from sqlglot import exp

    def own(node: Any) -> Any:
        return exp.column(node.name, table=alias) if isinstance(node, exp.Column) and not node.table else node

    return str(sqlglot.parse_one(where, dialect="duckdb").transform(own).sql(dialect="duckdb"))


def _complaint_quote(f: Feature) -> str:
    opening = "coalesce(q.evidence[1].quote, q.opening)"
    if f.column == "promised_return":
        return f"coalesce(q.return_quote, {opening})"
    if f.column in ("read_amount", "amount_added"):
        return f"coalesce(q.amount_quote, {opening})"
    if f.tactics:
        codes = ", ".join(map(text_literal, f.tactics))
        return f"coalesce(list_filter(q.evidence, lambda e: e.tactic IN ({codes}))[1].quote, {opening})"
    return f"coalesce(q.stage_quote, {opening})" if f.stages else opening


def _attribute(name: str, f: Feature, as_of: dt.date) -> list[str]:
    if not f.quote:
        return []
    return [
        f"SELECT business_id, '{name}' AS feature, 'business' AS table_name, record_id, happened_on, {bind(f.quote, as_of)} AS quote FROM business "
        f"WHERE {bind(f.column, as_of)} > 0"
    ]


def _unlicensed(name: str, f: Feature, pack: Pack, loaded: Collection[str]) -> list[str]:
    built = special.unlicensed(f, pack, loaded)
    acts, held, _ = built
    word = " ".join(
        f"WHEN a.need = {text_literal(n.key)} THEN regexp_extract(t.text, {text_literal(n.conduct)})" for n in pack.indicators.licence_needs
    )
    texts = "SELECT record_id, 'complaint' AS table_name, concat_ws(' ', title, text) AS text FROM complaint_rows"
    if "ad_monitor" in loaded:
        texts += " UNION ALL SELECT record_id, 'ad_monitor', concat_ws(' ', text, ocr_text) FROM ad_monitor_rows"
    gap = (
        f"NOT EXISTS (SELECT 1 FROM ({built[held]}) h WHERE h.business_id = a.business_id AND h.need = a.need "
        "AND coalesce(h.valid_from, a.happened_on) <= a.happened_on AND coalesce(h.valid_to, a.happened_on) >= a.happened_on)"
    )
    return [
        f"SELECT DISTINCT ON (a.record_id, a.business_id) a.business_id, '{name}' AS feature, t.table_name, a.record_id, a.happened_on, CASE {word} END AS quote "
        f"FROM ({built[acts]}) a JOIN ({texts}) t ON t.record_id = a.record_id WHERE {gap}"
    ]


def _linked(name: str, f: Feature, pack: Pack, as_of: dt.date) -> str:
    """The seed's own record: its id and conclusion. The seeds of listed businesses need not be listed themselves."""
    where = condition(f, pack, as_of) or "TRUE"
    built = special.linked(f, pack, where)
    inner = {
        f"{f.table}": known_sql(f.table, as_of),
        "business": "SELECT * FROM register",
        **{k: v for k, v in built.items() if not k.endswith("_sums")},
    }
    ctes = ", ".join(f"{k} AS ({v})" for k, v in inner.items())
    quote = _QUOTE[f.table]
    return (
        f"SELECT * FROM (WITH {ctes} SELECT p.business_id, '{name}' AS feature, '{f.table}' AS table_name, e.record_id, e.happened_on, {quote} AS quote "
        f"FROM (SELECT * FROM {f.name}_one UNION ALL SELECT * FROM {f.name}_two) p SEMI JOIN listed l ON l.business_id = p.business_id "
        f"JOIN {f.table} e ON e.business_id = p.seed WHERE {_qualified(where, 'e')})"
    )
