"""Features that are more than one aggregation: licence gaps, related parties, rates against peers, ratios."""

from __future__ import annotations

from collections.abc import Collection

from fraudrisk.engines.dialect import text_literal
from fraudrisk.packs.loader import Pack
from fraudrisk.packs.schema import Feature

__all__ = ["derived", "linked", "unlicensed"]

_HOP = 0.5
"""What a second step keeps of a link's weight."""


def unlicensed(f: Feature, pack: Pack, loaded: Collection[str]) -> dict[str, str]:
    """Acts that need a licence the business did not hold on the day of the act.

    An act is a fraud complaint or a monitored advertisement whose words show the conduct. A licence counts when its name or
    item satisfies the need and the day lies within its validity.
    """
    fraud = ", ".join(text_literal(c) for c in pack.fraud_categories)
    window = f"age_days <= {f.window}" if f.window else "TRUE"
    sources = [
        f"SELECT business_id, record_id, happened_on, unnest(conducts) AS need FROM complaint WHERE {window} AND category IN ({fraud})"
    ]
    if "ad_monitor" in loaded:
        sources.append(f"SELECT business_id, record_id, happened_on, unnest(conducts) AS need FROM ad_monitor WHERE {window}")
    held = " UNION ALL ".join(
        f"SELECT business_id, {text_literal(n.key)} AS need, valid_from, valid_to FROM license "
        f"WHERE regexp_matches(coalesce(license_name, '') || coalesce(item, ''), {text_literal(n.licence)})"
        for n in pack.indicators.licence_needs
    )
    return {
        f"{f.name}_acts": " UNION ALL ".join(sources),
        f"{f.name}_held": held,
        f"{f.name}_sums": f"""SELECT a.business_id, count(DISTINCT a.record_id) AS {f.name} FROM {f.name}_acts a
  WHERE NOT EXISTS (SELECT 1 FROM {f.name}_held h WHERE h.business_id = a.business_id AND h.need = a.need
    AND coalesce(h.valid_from, a.happened_on) <= a.happened_on AND coalesce(h.valid_to, a.happened_on) >= a.happened_on)
  GROUP BY a.business_id""",
    }


def linked(f: Feature, pack: Pack, where: str) -> dict[str, str]:
    """How closely a business shares a person, a phone or premises with those that `where` names: 0 to 1, two steps at most.

    A tie shared by n businesses weighs 1/(n-1); a tie with more than ``hub_limit`` (an agent's phone, a cluster address)
    weighs nothing. A name alone never ties. A business is not linked to itself.
    """
    ties = " UNION ALL ".join(
        f"SELECT business_id, '{mark}' || {column} AS tie FROM business WHERE {column} IS NOT NULL"
        for mark, column in (("person:", "legal_person_id_hash"), ("phone:", "phone_hash"), ("place:", "coalesce(op_address, address)"))
    )
    n = f.name
    edge = "1.0 / (s.members - 1)"
    return {
        f"{n}_ties": ties,
        f"{n}_sized": f"SELECT tie, count(*) AS members FROM {n}_ties GROUP BY tie HAVING count(*) BETWEEN 2 AND {pack.indicators.hub_limit}",
        f"{n}_seeds": f"SELECT DISTINCT business_id FROM {f.table} WHERE {where or 'TRUE'}",
        f"{n}_one": f"""SELECT d.business_id AS seed, t.business_id, max({edge}) AS weight
  FROM {n}_seeds d JOIN {n}_ties o ON o.business_id = d.business_id JOIN {n}_sized s ON s.tie = o.tie JOIN {n}_ties t ON t.tie = o.tie
  WHERE t.business_id <> d.business_id GROUP BY 1, 2""",
        f"{n}_two": f"""SELECT p.seed, t.business_id, max(p.weight * {_HOP} * {edge}) AS weight
  FROM {n}_one p JOIN {n}_ties o ON o.business_id = p.business_id JOIN {n}_sized s ON s.tie = o.tie JOIN {n}_ties t ON t.tie = o.tie
  WHERE t.business_id <> p.business_id AND t.business_id <> p.seed GROUP BY 1, 2""",
        f"{n}_sums": f"SELECT business_id, max(weight) AS {n} FROM (SELECT * FROM {n}_one UNION ALL SELECT * FROM {n}_two) GROUP BY business_id",
    }


def derived(pack: Pack, plain: list[str]) -> str:
    """Close the query: peer rates and ratios over the plain columns, missing features as NULL, in the pack's order."""
    have = set(plain)
    levels = ""
    source = "plain"
    for f in pack.features:
        if f.agg == "peer_rate" and set(f.of) <= have:
            levels += f",\n{f.name}_peers AS ({_peers(f, source)})"
            levels += f",\n{f.name}_with AS (SELECT {source}.*, {_relative(f, pack)} AS {f.name} FROM {source} JOIN {f.name}_peers USING (sector, sole_trader))"
            source = f"{f.name}_with"
            have.add(f.name)
    columns = ",\n  ".join(f"{_last(f, have)} AS {f.name}" for f in pack.features)
    return f"{levels}\nSELECT business_id,\n  {columns}\nFROM {source} ORDER BY business_id"


def _peers(f: Feature, source: str) -> str:
    return f"SELECT sector, sole_trader, sum({f.of[0]}) / greatest(sum(exposure), 1) AS rate FROM {source} GROUP BY sector, sole_trader"


def _relative(f: Feature, pack: Pack) -> str:
    """Posterior mean of a relative rate: Poisson counts, Gamma(k, k) prior, expectation from the peers.

    Clayton & Kaldor 1987, Biometrics 43: (observed + k) / (expected + k).
    """
    k = pack.indicators.peer_prior
    return f"({f.of[0]} + {k}) / (exposure * rate + {k})"


def _last(f: Feature, have: set[str]) -> str:
    if f.agg == "ratio":
        return f"{f.of[0]} / nullif({f.of[1]}, 0)" if set(f.of) <= have else "CAST(NULL AS DOUBLE)"
    return f.name if f.name in have else "CAST(NULL AS DOUBLE)"
