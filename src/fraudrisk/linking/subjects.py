"""Where no register was imported: every subject that records name is a business of its own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pyarrow as pa

from fraudrisk.engines import Duck
from fraudrisk.engines.dialect import date_literal
from fraudrisk.records.cleaning import stored_schema
from fraudrisk.records.tables import TABLES

__all__ = ["subject_links", "subject_rows"]

_CODE = {"complaint": "respondent_uscc", "ad_monitor": "NULL"}
_ENTITY = {"complaint": "NULL", "ad_monitor": "NULL"}
_NAME = {"penalty": "party_name", "ad_monitor": "advertiser", "opinion": "entity_guess", "complaint": "respondent_name"}


def subject_rows(duck: Duck, events: Sequence[str]) -> pa.Table:
    """The register the records imply: one row per code, entity id or, failing both, name; known since first named.

    Reads the views ``<table>_rows``.
    """
    named = " UNION ALL ".join(
        f"SELECT {_subject(t)} AS business_id, {_CODE.get(t, 'uscc')} AS uscc, {_ENTITY.get(t, 'entity_id')} AS entity_id, "
        f"{_NAME.get(t, 'name')} AS name, known_at FROM {t}_rows"
        for t in events
    )
    found = duck.query(
        f"""SELECT business_id, any_value(uscc) AS uscc, any_value(entity_id) AS entity_id, min(name) AS name, min(known_at) AS known_at,
  'subject:' || business_id AS record_id, CAST(0 AS BIGINT) AS source_row, CAST(0 AS BIGINT) AS import_no
FROM ({named}) WHERE business_id IS NOT NULL GROUP BY business_id ORDER BY business_id"""
    )
    for column in stored_schema(TABLES["business"]):
        if column.name not in found.column_names:
            found = found.append_column(column, pa.nulls(found.num_rows, column.type))
    return found


def subject_links(table: str, as_of: dt.date) -> str:
    """SQL that gives every record its own subject: ``record_id, business_id, how, score``."""
    return f"""SELECT record_id, min({_subject(table)}) AS business_id, 'subject' AS how, 1.0 AS score FROM {table}_rows
WHERE known_at < {date_literal(as_of)} AND {_subject(table)} IS NOT NULL GROUP BY record_id ORDER BY record_id"""


def _subject(table: str) -> str:
    return f"coalesce({_CODE.get(table, 'uscc')}, {_ENTITY.get(table, 'entity_id')}, {_NAME.get(table, 'name')})"
