"""What the list says of a business beside its score: who complained, how urgent it is, what was checked before."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from fraudrisk.engines.dialect import date_literal, text_literal
from fraudrisk.features.render import bind, known_sql
from fraudrisk.packs.loader import Pack

__all__ = ["complaints_sql", "detail_sql", "standing_sql"]

_RECENT = 365
"""Days in which a stage that people name still decides how urgent a clue is."""
_SHOWN = 730
"""Days of complaints a list speaks of."""
_PENALTIES = 1096
_CLEARED = "不属实"
_BY_LOT = ("随机", "双随机", "探索")
"""Checks that were not meant for this business: they say little of what a lead is about."""


def _fraud(pack: Pack) -> str:
    return f"category IN ({', '.join(map(text_literal, pack.fraud_categories))})"


def standing_sql(pack: Pack, as_of: dt.date, loaded: Collection[str]) -> str:
    """Every scored business with what decides about its place on a list.

    Reads the views ``scores``, ``register`` and the facts that are loaded. Adds ``name``, ``uscc``, ``sector``, ``watch``, ``district``;
    ``victims`` (persons, two years), ``amount`` (yuan), ``urgency`` (that of the most urgent stage anybody named within a year, NULL
    where nobody did), ``category`` (the one most persons name), ``tactics`` (codes with commas, by how often they are named),
    ``last_said``; ``visits`` (this calendar year) and ``last_visit`` (inspections and concluded clues), ``last_meant`` (the last that
    was no draw by lot), ``cleared_on`` (a clue that was not true), ``settled_on`` and ``settled_as`` (a confirmed clue).
    """
    parts = {**_said(pack, as_of, loaded), **_checked(pack, as_of, loaded)}
    ctes = ", ".join(f"{name} AS ({sql})" for name, sql in parts.items() if sql)
    joins = "".join(
        f" LEFT JOIN {name} USING (business_id)" for name in ("said", "voted", "named", "checked", "cleared", "settled") if parts.get(name)
    )

    def column(name: str, table: str, otherwise: str) -> str:
        return f"coalesce({table}.{name}, {otherwise}) AS {name}" if parts.get(table) else f"{otherwise} AS {name}"

    columns = ", ".join(
        [
            column("victims", "said", "0"),
            column("amount", "said", "CAST(0 AS DOUBLE)"),
            column("urgency", "said", "CAST(NULL AS DOUBLE)"),
            column("last_said", "said", "CAST(NULL AS DATE)"),
            column("category", "voted", "''"),
            column("tactics", "named", "''"),
            column("visits", "checked", "CAST(NULL AS BIGINT)" if not parts.get("checked") else "0"),
            column("last_visit", "checked", "CAST(NULL AS DATE)"),
            column("last_meant", "checked", "CAST(NULL AS DATE)"),
            column("cleared_on", "cleared", "CAST(NULL AS DATE)"),
            column("settled_on", "settled", "CAST(NULL AS DATE)"),
            column("settled_as", "settled", "CAST(NULL AS VARCHAR)"),
        ]
    )
    head = f"WITH {ctes} " if ctes else ""
    return f"{head}SELECT s.*, r.name, r.uscc, r.sector, r.watch, r.district, {columns} FROM scores s JOIN register r USING (business_id){joins} ORDER BY s.business_id"


def _said(pack: Pack, as_of: dt.date, loaded: Collection[str]) -> dict[str, str]:
    if "complaint" not in loaded:
        return {}
    levels = " ".join(f"WHEN {text_literal(s.code)} THEN {s.urgency}" for s in pack.taxonomy.stages)
    known = ", ".join(text_literal(t) for t in pack.tactic_labels)
    return {
        "lead": f"SELECT * FROM ({known_sql('complaint', as_of)}) WHERE {_fraud(pack)}",
        "said": f"""SELECT business_id, count(DISTINCT person_key) FILTER (WHERE age_days <= {_SHOWN}) AS victims,
  CAST(coalesce(sum(amount_added) FILTER (WHERE age_days <= {_SHOWN}), 0) AS DOUBLE) AS amount,
  CAST(max(CASE stage {levels} END) FILTER (WHERE age_days <= {_RECENT}) AS DOUBLE) AS urgency, max(happened_on) AS last_said
FROM lead GROUP BY business_id""",
        "voted": f"""SELECT business_id, first(category ORDER BY n DESC, category) AS category FROM (
  SELECT business_id, category, count(DISTINCT person_key) AS n FROM lead WHERE age_days <= {_SHOWN} GROUP BY business_id, category) GROUP BY business_id""",
        "named": f"""SELECT business_id, string_agg(tactic, ',' ORDER BY n DESC, tactic) AS tactics FROM (
  SELECT business_id, tactic, count(*) AS n FROM (SELECT business_id, unnest(tactics) AS tactic FROM lead WHERE age_days <= {_SHOWN})
  WHERE tactic IN ({known}) GROUP BY business_id, tactic) GROUP BY business_id""",
    }


def _checked(pack: Pack, as_of: dt.date, loaded: Collection[str]) -> dict[str, str]:
    lot = ", ".join(map(text_literal, _BY_LOT))
    kinds = {
        "inspection": f"happened_on AS day, coalesce(selection_reason NOT IN ({lot}), false) AS meant",
        "outcome": "coalesce(checked_on, happened_on) AS day, true AS meant",
    }
    visits = " UNION ALL ".join(f"SELECT business_id, {c} FROM ({known_sql(t, as_of)})" for t, c in kinds.items() if t in loaded)
    parts = {}
    if visits:
        parts[
            "checked"
        ] = f"""SELECT business_id, count(*) FILTER (WHERE day >= {date_literal(dt.date(as_of.year, 1, 1))}) AS visits, max(day) AS last_visit,
  max(day) FILTER (WHERE meant) AS last_meant
FROM ({visits}) GROUP BY business_id"""
    if "outcome" in loaded:
        parts["cleared"] = f"""SELECT business_id, max(happened_on) AS cleared_on FROM ({known_sql("outcome", as_of)})
WHERE age_days <= {_RECENT} AND conclusion = {text_literal(_CLEARED)} GROUP BY business_id"""
    confirmed = [o for o in pack.indicators.outcomes if o.table == "outcome" and o.name == "confirmed"]
    if confirmed and "outcome" in loaded:
        parts[
            "settled"
        ] = f"""SELECT business_id, max(happened_on) AS settled_on, arg_max(conclusion, (happened_on, record_id)) AS settled_as
FROM ({known_sql("outcome", as_of)}) WHERE age_days <= {_RECENT} AND {bind(confirmed[0].positive, as_of)} GROUP BY business_id"""
    return parts


def detail_sql(as_of: dt.date, loaded: Collection[str]) -> str:
    """Register columns and history of the businesses in the view ``listed``; a table not loaded gives NULL."""
    parts = {
        "penalties": ("penalty", f"count(*) FILTER (WHERE age_days <= {_PENALTIES})", "BIGINT"),
        "listings": ("abnormal_listing", "count(*) FILTER (WHERE removed_on IS NULL)", "BIGINT"),
    }
    joins, columns = "", ""
    for name, (table, expression, kind) in parts.items():
        if table in loaded:
            joins += f"\nLEFT JOIN (SELECT business_id, {expression} AS {name} FROM ({known_sql(table, as_of)}) GROUP BY business_id) {name} USING (business_id)"
            columns += f", coalesce({name}.{name}, 0) AS {name}"
        else:
            columns += f", CAST(NULL AS {kind}) AS {name}"
    return f"""
WITH ties AS (SELECT business_id, 'p' || legal_person_id_hash AS tie FROM register WHERE legal_person_id_hash IS NOT NULL
  UNION ALL SELECT business_id, 'f' || phone_hash FROM register WHERE phone_hash IS NOT NULL),
related AS (SELECT a.business_id, count(DISTINCT b.business_id) AS related FROM ties a SEMI JOIN listed USING (business_id)
  JOIN ties b ON a.tie = b.tie AND a.business_id <> b.business_id GROUP BY a.business_id)
SELECT r.business_id, r.status, coalesce(r.op_address, r.address) AS place, r.division_code, coalesce(related.related, 0) AS related{columns}
FROM register r SEMI JOIN listed USING (business_id) LEFT JOIN related USING (business_id){joins} ORDER BY r.business_id"""


def complaints_sql(pack: Pack, as_of: dt.date) -> str:
    """Fraud complaints of the last two years about the businesses in the view ``listed``."""
    return f"""SELECT business_id, record_id, happened_on, category, tactics, stage, person_key, amount_added
FROM ({known_sql("complaint", as_of)}) SEMI JOIN listed USING (business_id)
WHERE {_fraud(pack)} AND happened_on >= {date_literal(as_of)} - INTERVAL {_SHOWN} DAY ORDER BY business_id, happened_on, record_id"""
