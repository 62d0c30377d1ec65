"""What the list says of a business beside its score: who complained, how urgent it is, what was checked before."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from fraudrisk.engines.dialect import date_literal, text_literal
from fraudrisk.features.render import known_sql
from fraudrisk.packs.loader import Pack

__all__ = ["complaints_sql", "detail_sql", "standing_sql"]

_RECENT = 365
"""Days in which a stage that people name still decides how urgent a clue is."""
_SHOWN = 730
"""Days of complaints a list speaks of."""
_PENALTIES = 1096


def _fraud(pack: Pack) -> str:
    return f"category IN ({', '.join(map(text_literal, pack.fraud_categories))})"


def standing_sql(pack: Pack, as_of: dt.date, loaded: Collection[str]) -> str:
    """Every scored business with sector, district, ``victims`` (persons, two years) and ``urgency`` (0–1).

    Reads the views ``scores``, ``register`` and, where loaded, ``fact_complaint``. The urgency is that of the most urgent stage
    anybody named within a year.
    """
    base = "SELECT s.*, r.sector, r.district, {columns} FROM scores s JOIN register r USING (business_id){join} ORDER BY s.business_id"
    if "complaint" not in loaded:
        return base.format(columns="0 AS victims, 0.0 AS urgency", join="")
    levels = " ".join(f"WHEN {text_literal(s.code)} THEN {s.urgency}" for s in pack.taxonomy.stages)
    said = f"""SELECT business_id, count(DISTINCT person_key) FILTER (WHERE age_days <= {_SHOWN}) AS victims,
  max(CASE stage {levels} ELSE 0 END) FILTER (WHERE age_days <= {_RECENT}) AS urgency
FROM ({known_sql("complaint", as_of)}) WHERE {_fraud(pack)} GROUP BY business_id"""
    columns = "coalesce(c.victims, 0) AS victims, CAST(coalesce(c.urgency, 0) AS DOUBLE) AS urgency"
    return base.format(columns=columns, join=f" LEFT JOIN ({said}) c USING (business_id)")


def detail_sql(as_of: dt.date, loaded: Collection[str]) -> str:
    """Register columns and history of the businesses in the view ``listed``; a table not loaded gives NULL."""
    parts = {
        "penalties": ("penalty", f"count(*) FILTER (WHERE age_days <= {_PENALTIES})", "BIGINT"),
        "listings": ("abnormal_listing", "count(*) FILTER (WHERE removed_on IS NULL)", "BIGINT"),
        "visits": ("inspection", "count(*) FILTER (WHERE age_days <= 365)", "BIGINT"),
        "last_visit": ("inspection", "max(happened_on)", "DATE"),
    }
    joins, columns = "", ""
    for name, (table, expression, kind) in parts.items():
        if table in loaded:
            joins += f"\nLEFT JOIN (SELECT business_id, {expression} AS {name} FROM ({known_sql(table, as_of)}) GROUP BY business_id) {name} USING (business_id)"
            columns += f", coalesce({name}.{name}, 0) AS {name}" if kind == "BIGINT" else f", {name}.{name} AS {name}"
        else:
            columns += f", CAST(NULL AS {kind}) AS {name}"
    return f"""
WITH ties AS (SELECT business_id, 'p' || legal_person_id_hash AS tie FROM register WHERE legal_person_id_hash IS NOT NULL
  UNION ALL SELECT business_id, 'f' || phone_hash FROM register WHERE phone_hash IS NOT NULL),
related AS (SELECT a.business_id, count(DISTINCT b.business_id) AS related FROM ties a SEMI JOIN listed USING (business_id)
  JOIN ties b ON a.tie = b.tie AND a.business_id <> b.business_id GROUP BY a.business_id)
SELECT r.business_id, r.uscc, r.name, coalesce(r.op_address, r.address) AS place, r.division_code, coalesce(related.related, 0) AS related{columns}
FROM register r SEMI JOIN listed USING (business_id) LEFT JOIN related USING (business_id){joins} ORDER BY r.business_id"""


def complaints_sql(pack: Pack, as_of: dt.date) -> str:
    """Fraud complaints of the last two years about the businesses in the view ``listed``."""
    return f"""SELECT business_id, record_id, happened_on, category, tactics, stage, person_key, amount_added
FROM ({known_sql("complaint", as_of)}) SEMI JOIN listed USING (business_id)
WHERE {_fraud(pack)} AND happened_on >= {date_literal(as_of)} - INTERVAL {_SHOWN} DAY ORDER BY business_id, happened_on, record_id"""
