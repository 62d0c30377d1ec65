"""The card an inspector needs at the door (DOMAIN §6.2): who, how risky, why, what to look at, what is missing, what was before."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fraudrisk.clues.routing import Route, route
from fraudrisk.engines.dialect import text_literal
from fraudrisk.features.render import known_sql
from fraudrisk.packs.loader import Pack
from fraudrisk.packs.schema import CheckItem, Points
from fraudrisk.scoring.boosted import BASE
from fraudrisk.scoring.scorecard import BOUND

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CardInputs", "build_cards", "history_sql", "months_sql", "related_sql", "sparkline"]

_CHECKS = 8
_QUOTES = 2
_SHOWN_HISTORY = 12
_BARS = "▁▂▃▄▅▆▇█"
_WORDS = {
    "penalty": ("处罚", "coalesce(violation_type, case_name, '')"),
    "abnormal_listing": ("列入异常名录", "coalesce(list_reason, '') || CASE WHEN removed_on IS NOT NULL THEN '（已移出）' ELSE '' END"),
    "serious_violation": ("列入严重违法", "coalesce(serious_reason, '')"),
    "inspection": ("检查", "coalesce(result, '')"),
    "registration_change": ("变更", "coalesce(change_item, '')"),
    "outcome": ("线索核查", "coalesce(conclusion, '')"),
}


@dataclass(frozen=True, slots=True)
class CardInputs:
    """What cards are made from; each frame has ``business_id``.

    ``standing`` is :func:`fraudrisk.clues.standing.standing_sql`'s with the register's columns; ``features`` what was scored;
    ``reasons`` and ``evidence`` what counted; ``history``, ``months`` and ``related`` the queries of this module; ``before`` the
    scores of an earlier run.
    """

    standing: pd.DataFrame
    features: pd.DataFrame
    reasons: pd.DataFrame
    evidence: pd.DataFrame
    history: pd.DataFrame
    months: pd.DataFrame
    related: pd.DataFrame
    before: dict[str, float]
    numbers: dict[str, str]


def build_cards(
    inputs: CardInputs, pack: Pack, *, as_of: dt.date, visits_per_year: int = 4, reasons_shown: int = 5
) -> list[dict[str, Any]]:
    """One card per row of ``inputs.standing``, as plain JSON, in its order.

    Parameters
    ----------
    inputs : CardInputs
    pack : Pack
    as_of : date
    visits_per_year : int
        The cap that is shown beside the visits of this year.
    reasons_shown : int
        Most reasons for and against, each.

    Returns
    -------
    list of dict
        Keys: ``business_id, clue, name, uscc, status, place, grade, score, low, high, change, probability, as_of, notice, category, tactics, why,
        against, checks, gaps, related, history, months, spark, owner, together, conduct, visits, cap, last_visit``.
    """
    reasons, history, months_of, related = (_grouped(f) for f in (inputs.reasons, inputs.history, inputs.months, inputs.related))
    quotes = _quotes(inputs.evidence)
    counters = {i.id: i.counter for i in pack.indicators.indicators}
    low, high, missing = _band(inputs.features, pack)
    rows = inputs.standing.astype(object).where(inputs.standing.notna(), None)
    tactic_labels, category_labels = pack.tactic_labels, pack.category_labels
    checks: dict[tuple[str, ...], list[dict[str, str]]] = {}
    cards = []
    for row in rows.to_dict("records"):
        business = row["business_id"]
        category, tactics = row["category"], [t for t in str(row["tactics"]).split(",") if t in tactic_labels]
        owner = route(pack, category, tactics, row["uscc"] or "")
        why, against = _reasons(reasons.get(business, []), quotes.get(business, {}), counters, reasons_shown)
        ago = {m["ago"]: m["n"] for m in months_of.get(business, ())}
        months = [int(ago.get(11 - k, 0)) for k in range(12)]
        if (named := tuple(tactics[:3])) not in checks:
            checks[named] = _checks(tactics, pack)
        cards.append(
            {
                "business_id": business,
                "clue": inputs.numbers.get(business),
                "name": row["name"] or "(无名称)",
                "uscc": row["uscc"],
                "status": row["status"],
                "place": row["place"],
                "grade": row["grade"],
                "score": row["score"],
                "low": max(0.0, round(row["score"] + low[business], 1)),
                "high": min(100.0, round(row["score"] + high[business], 1)),
                "change": None if business not in inputs.before else round(row["score"] - inputs.before[business], 1),
                "probability": round(row["probability"], 3),
                "as_of": as_of.isoformat(),
                "notice": pack.notice,
                "title": pack.taxonomy.title,
                "category": category_labels.get(category),
                "tactics": [tactic_labels[t] for t in named],
                "why": why,
                "against": against,
                "checks": checks[named],
                "gaps": _gaps(row, missing.get(business, []), pack),
                "related": _related(related.get(business, [])),
                "history": _history(history.get(business, [])),
                "months": months,
                "spark": sparkline(months),
                "owner": owner.owner if category else pack.routing.default_owner,
                "together": _together(row, tactics, owner, pack),
                "conduct": pack.checklists.conduct,
                "visits": None if row["visits"] is None else int(row["visits"]),
                "cap": visits_per_year,
                "last_visit": _day(row["last_visit"]),
            }
        )
    return cards


def sparkline(counts: list[int]) -> str:
    """Counts as a line of bars, for print and screen readers' plain text.

    Examples
    --------
    >>> sparkline([0, 1, 4])
    '▁▃█'
    """
    top = max(counts, default=0)
    return "".join(_BARS[0 if not top else round(c / top * (len(_BARS) - 1))] for c in counts)


def history_sql(as_of: dt.date, loaded: Collection[str]) -> str | None:
    """What is on record of the businesses in the view ``listed``: ``business_id, day, kind, words, record_id``, latest first."""
    parts = [
        f"SELECT business_id, happened_on AS day, {text_literal(kind)} AS kind, {words} AS words, record_id FROM ({known_sql(t, as_of)}) SEMI JOIN listed USING (business_id)"
        for t, (kind, words) in _WORDS.items()
        if t in loaded
    ]
    if not parts:
        return None
    return f"""SELECT * FROM ({" UNION ALL ".join(parts)})
QUALIFY row_number() OVER (PARTITION BY business_id ORDER BY day DESC, record_id) <= {_SHOWN_HISTORY} ORDER BY business_id, day DESC, record_id"""


def months_sql(pack: Pack, as_of: dt.date) -> str:
    """Persons with fraud complaints in each of the last twelve periods of thirty days: ``business_id, ago, n``."""
    fraud = ", ".join(map(text_literal, pack.fraud_categories))
    return f"""SELECT business_id, (age_days - 1) // 30 AS ago, count(DISTINCT person_key) AS n FROM ({known_sql("complaint", as_of)}) SEMI JOIN listed USING (business_id)
WHERE category IN ({fraud}) AND age_days BETWEEN 1 AND 360 GROUP BY business_id, ago ORDER BY business_id, ago"""


def related_sql(hub_limit: int) -> str:
    """Businesses tied to those in the view ``listed``, with how: ``business_id, other, name, grade, how``; hubs tie nobody."""
    ties = " UNION ALL ".join(
        f"SELECT business_id, {text_literal(how)} AS how, {column} AS tie FROM register WHERE {column} IS NOT NULL"
        for how, column in (
            ("同一负责人", "legal_person_id_hash"),
            ("同一电话", "phone_hash"),
            ("同一地址", "coalesce(op_address, address)"),
        )
    )
    return f"""WITH ties AS ({ties}), small AS (SELECT * FROM ties QUALIFY count(*) OVER (PARTITION BY how, tie) <= {hub_limit})
SELECT a.business_id, b.business_id AS other, coalesce(r.name, '') AS name, s.grade, string_agg(DISTINCT a.how, '、' ORDER BY a.how) AS how
FROM small a SEMI JOIN listed USING (business_id) JOIN small b ON a.tie = b.tie AND a.how = b.how AND a.business_id <> b.business_id
JOIN register r ON r.business_id = b.business_id JOIN scores s ON s.business_id = b.business_id
GROUP BY a.business_id, b.business_id, r.name, s.grade ORDER BY a.business_id, s.grade DESC, b.business_id"""


def _band(features: pd.DataFrame, pack: Pack) -> tuple[dict[str, float], dict[str, float], dict[str, list[str]]]:
    """By how much missing data could lower or raise each score, and which indicators lack it. Silence is not safety."""
    import numpy as np

    low, high = np.zeros(len(features)), np.zeros(len(features))
    lacking: dict[str, list[str]] = {}
    ids = features["business_id"].tolist()
    for i in pack.indicators.indicators:
        absent = features[i.feature].isna().to_numpy() if i.feature in features else np.ones(len(features), bool)
        least, most = _reach(i.points)
        low += np.where(absent, min(0.0, least), 0)
        high += np.where(absent, max(0.0, most), 0)
        if most > 0:
            for row in np.flatnonzero(absent):
                lacking.setdefault(ids[row], []).append(i.label)
    return dict(zip(ids, low.tolist(), strict=True)), dict(zip(ids, high.tolist(), strict=True)), lacking


def _reach(points: Points) -> tuple[float, float]:
    values = [0.0, *(p for _, p in points.steps), points.max]
    return min(values), max(values)


def _grouped(frame: pd.DataFrame) -> dict[str, list[dict[Any, Any]]]:
    """Rows of each business, in order. Plain dicts: a frame per business costs a hundred times as much."""
    out: dict[str, list[dict[Any, Any]]] = {}
    for row in frame.to_dict("records"):
        out.setdefault(row["business_id"], []).append(row)
    return out


def _quotes(evidence: pd.DataFrame) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """The first few records behind each feature of each business."""
    out: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for q in evidence.to_dict("records"):
        said = out.setdefault(q["business_id"], {}).setdefault(q["feature"], [])
        if len(said) < _QUOTES:
            said.append({"record": q["record_id"], "day": _day(q["happened_on"]), "words": q["quote"]})
    return out


def _reasons(
    reasons: list[dict[Any, Any]], quotes: dict[str, list[dict[str, Any]]], counters: Mapping[str, str | None], most: int
) -> tuple[list[Any], list[Any]]:
    out = [
        {
            "sentence": r["sentence"],
            "points": round(float(r["points"]), 2),
            "quotes": quotes.get(r["feature"], []),
            "counter": counters.get(r["indicator"]),
        }
        for r in reasons
        if r["indicator"] not in (BOUND, BASE)
    ]
    for_, against = ([r for r in out if (r["points"] > 0) is side][:most] for side in (True, False))
    return for_, against


def _checks(tactics: list[str], pack: Pack) -> list[dict[str, str]]:
    """What to look at: of each named tactic in turn, so that the first few cover the main ones."""
    lists = [pack.checklists.tactics.get(t, []) for t in tactics[:3]] or [pack.checklists.general]
    items: dict[str, CheckItem] = {}
    for place in range(max(map(len, lists), default=0)):
        for one in lists:
            if place < len(one):
                items.setdefault(one[place].look_at, one[place])
    return [i.model_dump() for i in list(items.values())[:_CHECKS]]


def _gaps(row: dict[Any, Any], lacking: list[str], pack: Pack) -> list[str]:
    gaps = []
    if lacking:
        gaps.append(f"以下情况没有数据，未加分也未减分：{'、'.join(lacking[:6])}{'等' if len(lacking) > 6 else ''}")
    if row["last_visit"] is None:
        gaps.append("没有检查记录，经营地址未经核实")
    if not row["tactics"]:
        gaps.append("尚无涉诈诉求，没有关于手法的信息；没有诉求不等于没有风险")
    if row["urgency"] is None and row["tactics"]:
        gaps.append("诉求未说明是否仍在收款，到场先问清")
    return gaps


def _related(related: list[dict[Any, Any]]) -> list[dict[str, str]]:
    return [{"name": r["name"], "grade": r["grade"], "how": r["how"]} for r in related[:5]]


def _history(history: list[dict[Any, Any]]) -> list[dict[str, Any]]:
    return [{"day": _day(h["day"]), "kind": h["kind"], "words": h["words"][:60], "record": h["record_id"]} for h in history]


def _together(row: dict[Any, Any], tactics: list[str], owner: Route, pack: Pack) -> list[dict[str, str]]:
    persons, urgency = row["victims"] or 0, row["urgency"] or 0.0
    found = {
        j.department: j.reason
        for j in reversed(pack.routing.joint)
        if (not j.tactics or set(j.tactics) & set(tactics)) and persons >= j.min_persons and urgency >= j.min_urgency
    }
    others = [d for d in dict.fromkeys([*found, *owner.also]) if d != owner.owner]
    return [{"department": d, "reason": found.get(d, "职责相关")} for d in others][:5]


def _day(value: Any) -> str | None:
    return None if value is None or value != value else f"{value:%Y-%m-%d}"
