"""What is counted for early warning: complaints and posts as events of businesses, schemes, patterns, categories and districts."""
# ruff: noqa: S608 - keys are this module's, values are literals made by engines.dialect

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from fraudrisk.engines import Duck
from fraudrisk.engines.dialect import date_literal, text_literal
from fraudrisk.features.render import known_sql
from fraudrisk.packs import Pack

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CITY", "KINDS", "burst_events", "burst_keys", "schemes", "watched_complaints"]

KINDS = {
    "business": "主体诉求", "business_fraud": "主体涉诈诉求", "opinion": "主体舆情", "scheme": "关联主体涉诈诉求", "pattern": "同类手法涉诈诉求",
    "category": "涉诈类别", "district": "区划涉诈诉求", "city": "全辖区涉诈诉求",
}  # fmt: skip
"""Kinds of key and what inspectors call them."""
CITY = "全辖区"
_PERSON = "coalesce(c.complainant_hash, 't' || q.text_key, c.record_id)"


def watched_complaints(pack: Pack, as_of: dt.date, days: int, digits: int) -> str:
    """SQL of all complaints read in the last `days` days, also those about no known business: one row each.

    Reads the views of a run. A row whose day of registration is missing was dated by its import and is left out: a whole import on
    one day is no burst.
    """
    bound = date_literal(as_of)
    fraud = ", ".join(map(text_literal, pack.fraud_categories))
    return f"""
WITH c AS (
  SELECT * FROM complaint_rows WHERE known_at < {bound} AND known_at >= {bound} - INTERVAL {days} DAY AND reported_at IS NOT NULL
  QUALIFY row_number() OVER (PARTITION BY record_id ORDER BY known_at DESC, source_row DESC) = 1
)
SELECT c.record_id, c.known_at AS day, {_PERSON} AS person_key, q.text_key, f.business_id, q.category, q.tactics, q.stage,
  coalesce(q.category IN ({fraud}), FALSE) AS fraud, substr(coalesce(c.division_code, r.division_code, ''), 1, {digits}) AS district
FROM c JOIN readings q USING (record_id) LEFT JOIN fact_complaint f USING (record_id) LEFT JOIN register r ON r.business_id = f.business_id
ORDER BY c.known_at, c.record_id"""


def burst_events(duck: Duck, loaded: Collection[str], as_of: dt.date, days: int) -> pd.DataFrame:
    """Events of every kind: ``stream, kind, key, person_key, text_key, day, record_id, business_id, stage``.

    Reads the views ``watched`` (:func:`watched_complaints`), ``scheme_of`` (:func:`schemes`) and, where loaded, ``fact_opinion``.
    A fraud complaint that no scheme explains is counted by category, tactic and district instead.
    """
    keyed = [
        ("business", "business_id", "business_id IS NOT NULL", "watched"),
        ("business_fraud", "business_id", "business_id IS NOT NULL AND fraud", "watched"),
        ("scheme", "scheme", "fraud", "watched JOIN scheme_of USING (business_id)"),
        ("pattern", "category || '/' || tactic || '/' || district", "TRUE", f"({_PATTERNED})"),
        ("category", "category", "fraud", "watched"),
        ("district", "district", "fraud AND district <> ''", "watched"),
        ("city", text_literal(CITY), "fraud", "watched"),
    ]
    parts = [
        f"SELECT 'complaint' AS stream, '{kind}' AS kind, {key} AS key, person_key, text_key, day, record_id, business_id, stage FROM {source} WHERE {where}"
        for kind, key, where, source in keyed
        if "complaint" in loaded
    ]
    if "opinion" in loaded:
        text = r"md5(regexp_replace(lower(concat(title, text)), '[\s\p{P}]+', '', 'g'))"
        parts.append(
            f"SELECT 'opinion' AS stream, 'opinion' AS kind, business_id AS key, {text} AS person_key, {text} AS text_key, known_at AS day, "
            f"record_id, business_id, CAST(NULL AS VARCHAR) AS stage FROM ({known_sql('opinion', as_of)}) "
            f"WHERE coalesce(collected_at, post_time) IS NOT NULL AND known_at >= {date_literal(as_of)} - INTERVAL {days} DAY"
        )
    every = " UNION ALL ".join(parts)
    dated = f"SELECT * REPLACE (CAST(day AS TIMESTAMP) AS day) FROM ({every}) ORDER BY kind, key, day, record_id"
    found: pd.DataFrame = duck.query(dated).to_pandas()
    return found


_PATTERNED = """SELECT watched.*, unnest(tactics) AS tactic FROM watched LEFT JOIN scheme_of USING (business_id)
  WHERE fraud AND scheme IS NULL AND district <> ''"""


def burst_keys(duck: Duck, pack: Pack, loaded: Collection[str], digits: int) -> pd.DataFrame:
    """All that could have had an event, the silent ones too: ``kind, key, label, peer, since``.

    A business is compared with its sector and kind of subject, as in the pack's peer rates.
    """
    import pandas as pd

    business = [k for k, table in (("business", "complaint"), ("business_fraud", "complaint"), ("opinion", "opinion")) if table in loaded]
    register = duck.query(
        "SELECT business_id AS key, name AS label, sector || CASE WHEN entity_type LIKE '%个体%' THEN '/1' ELSE '' END AS peer, "
        f"CAST(happened_on AS TIMESTAMP) AS since, substr(coalesce(division_code, ''), 1, {digits}) AS district FROM register ORDER BY business_id"
    ).to_pandas()
    parts = [register.drop(columns="district").assign(kind=kind) for kind in business]
    if "complaint" in loaded:
        parts.append(duck.query(_SCHEME_KEYS).to_pandas())
        parts.append(_patterns(pack, sorted(set(register["district"]) - {""})))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["kind", "key", "label", "peer", "since"])


_SCHEME_KEYS = """SELECT 'scheme' AS kind, scheme AS key, min_by(name, business_id) || '等' || count(*) || '户' AS label, '' AS peer, CAST(min(happened_on) AS TIMESTAMP) AS since
FROM scheme_of JOIN register USING (business_id) GROUP BY scheme ORDER BY scheme"""


def _patterns(pack: Pack, districts: list[str]) -> pd.DataFrame:
    import pandas as pd

    fraud = {c.code: c.short for c in pack.taxonomy.categories if c.fraud}
    rows: list[tuple[str, str, str, str]] = [("category", code, short, "") for code, short in fraud.items()]
    rows += [("district", d, f"区划{d}", "") for d in districts]
    rows += [
        ("pattern", f"{c}/{t.code}/{d}", f"{fraud[c]}·{t.short}·区划{d}", c)
        for t in pack.taxonomy.tactics
        for c in t.categories
        if c in fraud
        for d in districts
    ]
    return pd.DataFrame([*rows, ("city", CITY, CITY, "")], columns=["kind", "key", "label", "peer"])


def schemes(duck: Duck, pack: Pack) -> pa.Table:
    """Businesses tied by one person or one phone, directly or through others: ``business_id, scheme``.

    A tie, or a whole group, of more than the pack's ``hub_limit`` businesses is an agent's or a cluster address's and ties nobody.
    The scheme is named by its smallest business id.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    limit = pack.indicators.hub_limit
    edges = duck.query(f"""
WITH ties AS (SELECT business_id, 'p' || legal_person_id_hash AS tie FROM register WHERE legal_person_id_hash IS NOT NULL
  UNION ALL SELECT business_id, 'f' || phone_hash FROM register WHERE phone_hash IS NOT NULL)
SELECT business_id, first_value(business_id) OVER (PARTITION BY tie ORDER BY business_id) AS head FROM ties
QUALIFY count(*) OVER (PARTITION BY tie) BETWEEN 2 AND {limit} ORDER BY 1, 2""")
    names, codes = np.unique(np.concatenate([edges.column(c).to_numpy() for c in ("business_id", "head")]).astype(str), return_inverse=True)
    n = edges.num_rows
    if not n:
        return pa.table({"business_id": pa.array([], pa.string()), "scheme": pa.array([], pa.string())})
    graph = coo_matrix((np.ones(n), (codes[:n], codes[n:])), shape=(len(names), len(names)))
    group: Any = connected_components(graph, directed=False)[1]
    size = np.bincount(group)[group]
    heads = names[np.unique(group, return_index=True)[1]][group]  # names are sorted: the first of a group is its smallest
    kept = (size >= 2) & (size <= limit)
    return pa.table({"business_id": pa.array(names[kept], pa.string()), "scheme": pa.array(heads[kept], pa.string())})
