"""Facts: what was known of each business before a date, one row each, ready to be counted.

The bound ``known_at < as_of`` is written here and again by the renderer; no caller can leave it out. A column that became
known later than its row (a removal, a closing) is hidden until its own date.
"""

from __future__ import annotations

import datetime as dt

from fraudrisk.engines.dialect import date_literal, text_literal
from fraudrisk.packs.loader import Pack
from fraudrisk.records.tables import TABLES, Column, Table

__all__ = ["fact_sql", "register_sql"]


def register_sql(pack: Pack, as_of: dt.date) -> str:
    """The register as it was known before `as_of`: the latest row of each business, with its sector.

    Reads the view ``business_rows``. Adds ``sector``, ``watch`` (on the pack's watch-list), ``district`` (six digits of the
    division code), ``happened_on`` (date of establishment) and ``age_days``.
    """
    bound = date_literal(as_of)
    columns = ", ".join(
        f"CASE WHEN {c.revealed_by} < {bound} OR {c.revealed_by} IS NULL THEN {c.name} END AS {c.name}" for c in _late(TABLES["business"])
    )
    return f"""
WITH latest AS (
  SELECT * REPLACE ({columns}) FROM business_rows WHERE known_at < {bound}
  QUALIFY row_number() OVER (PARTITION BY business_id ORDER BY known_at DESC, approve_date DESC NULLS LAST, import_no DESC, source_row DESC) = 1
)
SELECT *, {_sector(pack, "code")} AS sector, {_sector(pack, "watch")} AS watch,
  coalesce(substr(division_code, 1, 6), '') AS district, est_date AS happened_on,
  date_diff('day', est_date, {bound}) AS age_days
FROM latest ORDER BY business_id"""


def _late(table: Table) -> list[Column]:
    return [c for c in table.columns if c.revealed_by]


def _sector(pack: Pack, field: str) -> str:
    """The first sector whose industry prefix matches; else the first whose word stands in the name; else the last."""
    by_code, by_word = [], []
    for sector in pack.taxonomy.sectors:
        value = text_literal(sector.code) if field == "code" else str(sector.watch).lower()
        if sector.industries:
            pattern = "^[A-Z]?(?:" + "|".join(sector.industries) + ")"
            by_code.append(f"WHEN regexp_matches(coalesce(industry_code, ''), {text_literal(pattern)}) THEN {value}")
        if sector.name_words:
            by_word.append(f"WHEN regexp_matches(coalesce(name, ''), {text_literal('|'.join(sector.name_words))}) THEN {value}")
    last = pack.taxonomy.sectors[-1]
    default = text_literal(last.code) if field == "code" else str(last.watch).lower()
    cases = " ".join([*by_code, *by_word])
    return f"CASE {cases} ELSE {default} END" if cases else default


def fact_sql(table: str, pack: Pack, as_of: dt.date) -> str:
    """Facts of one table known before `as_of`, each with its business.

    Reads the views ``<table>_rows`` (all imports, with ``import_no``), ``link_<table>`` (``record_id``, ``business_id``) and,
    for complaints, ``readings``. A record that came again counts once, as last known. Adds ``happened_on``.
    """
    declared = TABLES[table]
    rows = f"""
rows AS (
  SELECT * FROM {table}_rows WHERE known_at < {date_literal(as_of)}
  QUALIFY row_number() OVER (PARTITION BY record_id ORDER BY known_at DESC, import_no DESC, source_row DESC) = 1
)"""
    dates = ", ".join(f"CAST({d} AS DATE)" for d in declared.known_from)
    happened = f"coalesce({dates}, known_at) AS happened_on"
    if table == "complaint":
        return f"WITH {rows},{_read_complaints(pack, happened)}"
    advert = _conducts(pack, "coalesce(r.text, '') || coalesce(r.ocr_text, '')")
    extra = f", {advert} AS conducts" if table == "ad_monitor" else ""
    return f"""WITH {rows}
SELECT l.business_id, r.*, {happened}{extra} FROM rows r JOIN link_{table} l USING (record_id) ORDER BY l.business_id, r.known_at, r.record_id"""


def _read_complaints(pack: Pack, happened: str) -> str:
    """Complaints joined with what reading them gave.

    ``person_key`` folds copies: the same text about the same shop belongs to whoever sent it first. ``amount_added`` is what a
    ticket adds to the highest amount the same person named before, so that its sum is the sum over persons.
    """
    fraud = ", ".join(text_literal(c) for c in pack.fraud_categories)
    conducts = _conducts(pack, "coalesce(r.title, '') || coalesce(r.text, '')")
    return f"""
known AS (
  SELECT l.business_id, r.* EXCLUDE (text, title, demand), {happened},
    q.category, q.confidence, q.secondary, q.tactics, q.stage, q.elderly, q.promised_return, q.professional_claim, q.text_key,
    coalesce(q.amount_yuan, nullif(r.amount_yuan, 0)) AS read_amount,
    coalesce(r.complainant_hash, 't' || q.text_key, r.record_id) AS own_key,
    CASE WHEN q.category IN ({fraud}) THEN {conducts} ELSE [] END AS conducts
  FROM rows r JOIN link_complaint l USING (record_id) JOIN readings q USING (record_id)
), folded AS (
  SELECT *, first_value(own_key) OVER (PARTITION BY business_id, text_key ORDER BY known_at, record_id) AS person_key FROM known
)
SELECT * EXCLUDE (own_key),
  greatest(coalesce(read_amount, 0) - coalesce(max(read_amount) OVER (
    PARTITION BY business_id, person_key ORDER BY known_at, record_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0), 0) AS amount_added
FROM folded ORDER BY business_id, known_at, record_id"""


def _conducts(pack: Pack, text: str) -> str:
    """Keys of the licence needs whose conduct the text shows."""
    needs = pack.indicators.licence_needs
    tests = ", ".join(f"CASE WHEN regexp_matches({text}, {text_literal(n.conduct)}) THEN {text_literal(n.key)} END" for n in needs)
    return f"list_filter([{tests}], lambda need: need IS NOT NULL)" if needs else "CAST([] AS VARCHAR[])"
