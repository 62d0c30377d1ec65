"""Who gets on the list when not everybody can be visited."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

from fraudrisk.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DIRECTED", "EXPLORED", "prioritise"]

DIRECTED, EXPLORED = "定向", "探索"
"""Why a business stands on a list: chosen by score, or drawn by lot."""

_GRADES = "ABCD"
_NEEDED = ("business_id", "score", "grade")


def prioritise(
    scored: pd.DataFrame,
    capacity: int,
    *,
    district_share: float = 0.4,
    sector_share: float = 0.5,
    minimum_grade: str = "B",
    explore: float = 0.0,
    draw: str = "",
) -> pd.DataFrame:
    """Pick and rank the businesses to check, one line per business.

    Order: grade, then urgency (where money is still moving), then score, then id, so that equal input gives an equal list.
    A first pass keeps every district and every sector within its share of the capacity; what is left over goes to the next in
    order whatever their district and sector.

    Parameters
    ----------
    scored : DataFrame
        ``business_id``, ``score``, ``grade``; optional ``urgency`` (0–1), ``district``, ``sector``.
    capacity : int
        Most businesses on the list.
    district_share, sector_share : float
        Largest part of the list one district or one sector may take in the first pass.
    minimum_grade : str
        Nobody below it is listed by score.
    explore : float
        Share of the capacity drawn from everybody who is not listed, whatever their grade, so that what the list misses can be
        estimated (:func:`fraudrisk.outcomes.estimates.missed`); whole places only.
    draw : str
        Names the draw (say, the date): the places go to the smallest SHA-256 of it and the id, the same on every machine.

    Returns
    -------
    DataFrame
        The chosen rows in order, those explored last, with ``rank`` (from 1), ``within_quota``, ``selection_reason`` (定向 or 探索)
        and ``propensity`` (1 where chosen by score, else the chance with which it was drawn).

    Raises
    ------
    InputError
        A capacity below 1, a missing column, or a business that occurs twice; names it.

    Examples
    --------
    >>> import pandas as pd
    >>> scored = pd.DataFrame({"business_id": list("abcd"), "score": [70, 65, 61, 25], "grade": list("DDDB"), "district": list("1112")})
    >>> prioritise(scored, 2, district_share=0.5)["business_id"].tolist()
    ['a', 'd']
    """
    if capacity < 1:
        raise InputError(
            f"a capacity of {capacity} leaves no list", where="capacity", mend="give the number of visits the team can make, at least 1"
        )
    import pandas as pd

    for column in _NEEDED:
        if column not in scored.columns:
            raise InputError(f"there is no column '{column}'", where=f"columns {', '.join(map(str, scored.columns[:12]))}")
    twice = scored["business_id"][scored["business_id"].duplicated()]
    if len(twice):
        raise InputError(f"business '{twice.iloc[0]}' occurs twice", where="column business_id", mend="give one row per business")
    level = scored["grade"].map(_GRADES.index)
    eligible = scored[level >= _GRADES.index(minimum_grade)].copy()
    eligible["_level"] = level[eligible.index]
    if "urgency" not in eligible:
        eligible["urgency"] = 0.0
    order = eligible.sort_values(["_level", "urgency", "score", "business_id"], ascending=[False, False, False, True], kind="stable")
    if not 0 <= explore < 1:
        raise InputError(f"an exploration share of {explore} is none", where="explore", mend="give 0 to less than 1")
    places = math.floor(explore * capacity)
    directed = capacity - places
    chosen, spare = _within(order, directed, {"district": district_share, "sector": sector_share})
    rest = spare[: directed - len(chosen)]
    picked = order.loc[order.index.isin({*chosen, *rest})].drop(columns="_level")
    picked = picked.assign(within_quota=picked.index.isin(set(chosen)), selection_reason=DIRECTED, propensity=1.0)
    if places:
        drawn = _drawn(scored.drop(index=picked.index), places, draw)
        picked = pd.concat([picked, drawn]) if len(picked) else drawn
    return picked.reset_index(drop=True).assign(rank=lambda f: range(1, len(f) + 1))


def _drawn(pool: pd.DataFrame, places: int, draw: str) -> pd.DataFrame:
    """So many of the pool by lot, each with its chance."""
    digests = [hashlib.sha256(f"{draw}:{b}".encode()).hexdigest() for b in pool["business_id"]]
    some = pool.assign(_digest=digests).sort_values("_digest").head(places)
    if "urgency" not in some:
        some = some.assign(urgency=0.0)
    return some.drop(columns="_digest").assign(within_quota=True, selection_reason=EXPLORED, propensity=len(some) / max(1, len(pool)))


def _within(order: pd.DataFrame, capacity: int, shares: dict[str, float]) -> tuple[list[int], list[int]]:
    """Row labels within every quota, and those passed over, in order."""
    groups = [(order[name].tolist(), max(1, math.floor(share * capacity))) for name, share in shares.items() if name in order.columns]
    taken: list[dict[str, int]] = [{} for _ in groups]
    chosen: list[int] = []
    spare: list[int] = []
    for position, label in enumerate(order.index.tolist()):
        if len(chosen) == capacity:
            break
        keys = [values[position] for values, _ in groups]
        if all(count.get(key, 0) < limit for count, key, (_, limit) in zip(taken, keys, groups, strict=True)):
            chosen.append(label)
            for count, key in zip(taken, keys, strict=True):
                count[key] = count.get(key, 0) + 1
        else:
            spare.append(label)
    return chosen, spare
