"""Give every record its business: by code, then by registered or former name; complaints also by who and what they name.

Only the register as it was known before the date of the run is looked at, and a key that two businesses share decides
nothing.
"""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pyarrow.compute as pc

from fraudrisk.engines import Duck
from fraudrisk.engines.dialect import date_literal
from fraudrisk.linking.linker import NameLinker
from fraudrisk.linking.names import name_keys

__all__ = ["LINK_SCHEMA", "make_keys", "resolve_complaints", "resolve_records"]

LINK_SCHEMA = pa.schema([("record_id", pa.string()), ("business_id", pa.string()), ("how", pa.string()), ("score", pa.float64())])
_NAME_OF = {"penalty": "party_name", "ad_monitor": "advertiser", "opinion": "entity_guess"}


def make_keys(duck: Duck, as_of: dt.date) -> None:
    """Make the view ``register_keys`` (``kind, key, business_id``): keys that one business alone has.

    Reads ``business_rows``: an old row may hold the code or the name an event was recorded under.
    """
    known = f"SELECT * FROM business_rows WHERE known_at < {date_literal(as_of)}"
    names = duck.query(f"SELECT DISTINCT business_id, unnest(list_append(coalesce(former_names, []), name)) AS name FROM ({known})")
    keyed = pa.table({"business_id": names.column("business_id"), "name_key": name_keys(names.column("name").combine_chunks())})
    duck.view("register_names", keyed)
    kinds = " UNION ALL ".join(
        f"SELECT '{k}' AS kind, {k} AS key, business_id FROM ({known}) WHERE {k} IS NOT NULL" for k in ("uscc", "entity_id", "reg_no")
    )
    duck.execute(f"""CREATE OR REPLACE TABLE register_keys AS
SELECT kind, key, any_value(business_id) AS business_id FROM (
  {kinds} UNION ALL SELECT 'name', name_key, business_id FROM register_names WHERE length(name_key) >= 4
) GROUP BY kind, key HAVING count(DISTINCT business_id) = 1""")


def resolve_records(duck: Duck, table: str, as_of: dt.date) -> str:
    """SQL that gives ``record_id, business_id, how, score`` of the records of a registry table.

    Needs ``register_keys`` and ``<table>_rows``.
    """
    bound = date_literal(as_of)
    name = _NAME_OF.get(table, "name")
    rows = f"SELECT DISTINCT record_id, uscc, entity_id, {name} AS name FROM {table}_rows WHERE known_at < {bound}"
    names = duck.query(f"SELECT DISTINCT name FROM ({rows}) WHERE name IS NOT NULL")
    duck.view(f"{table}_names", pa.table({"name": names.column("name"), "name_key": name_keys(names.column("name").combine_chunks())}))
    return f"""
WITH found AS (
  SELECT r.record_id, coalesce(u.business_id, e.business_id, n.business_id) AS business_id,
    CASE WHEN u.business_id IS NOT NULL THEN 'uscc' WHEN e.business_id IS NOT NULL THEN 'entity_id' ELSE 'name' END AS how
  FROM ({rows}) r
  LEFT JOIN register_keys u ON u.kind = 'uscc' AND u.key = r.uscc
  LEFT JOIN register_keys e ON e.kind = 'entity_id' AND e.key = r.entity_id
  LEFT JOIN {table}_names t ON t.name = r.name
  LEFT JOIN register_keys n ON n.kind = 'name' AND n.key = t.name_key
)
SELECT record_id, min(business_id) AS business_id, min(how) AS how, 1.0 AS score
FROM found WHERE business_id IS NOT NULL GROUP BY record_id HAVING count(DISTINCT business_id) = 1 ORDER BY record_id"""


def resolve_complaints(duck: Duck, as_of: dt.date) -> pa.Table:
    """Links of complaints: by the respondent's code, by its name as written, by names in the text in one pass.

    Needs ``register_keys``, ``register``, ``complaint_rows`` and ``readings``.
    """
    bound = date_literal(as_of)
    register = duck.query(
        "SELECT business_id, name, former_names, coalesce(op_address, address) AS address, division_code FROM register"
    ).to_pandas()
    linker = NameLinker().fit(register)
    by_code = f"""SELECT DISTINCT c.record_id, k.business_id FROM complaint_rows c JOIN register_keys k ON k.kind = 'uscc' AND k.key = c.respondent_uscc
  WHERE c.known_at < {bound}"""
    parts = [
        duck.query(
            f"SELECT record_id, min(business_id) AS business_id, 'uscc' AS how, 1.0 AS score FROM ({by_code}) GROUP BY record_id HAVING count(*) = 1 ORDER BY record_id"
        )
    ]
    rest = f"""SELECT c.record_id, concat_ws(' ', c.title, c.text) AS text, coalesce(c.respondent_name, q.respondent) AS mention,
    concat_ws(' ', c.place_text, c.respondent_address) AS place, c.division_code AS district
  FROM complaint_rows c JOIN readings q USING (record_id) WHERE c.known_at < {bound} AND c.record_id NOT IN (SELECT record_id FROM ({by_code}))
  QUALIFY row_number() OVER (PARTITION BY c.record_id ORDER BY c.known_at DESC, c.import_no DESC, c.source_row DESC) = 1 ORDER BY c.record_id"""
    for batch in duck.batches(rest):
        linked = linker.link(
            batch.column("text"), mentions=batch.column("mention"), places=batch.column("place"), districts=batch.column("district")
        )
        found = pa.array(linked["business"].to_numpy() != "")
        table = pa.table(
            {
                "record_id": batch.column("record_id"),
                "business_id": pa.array(linked["business"], pa.string()),
                "how": pa.array(["name"] * len(linked), pa.string()),
                "score": pa.array(linked["score"], pa.float64()),
            }
        )
        parts.append(table.filter(pc.fill_null(found, False)))
    links: pa.Table = pa.concat_tables([p.cast(LINK_SCHEMA) for p in parts])
    return links.sort_by("record_id")
