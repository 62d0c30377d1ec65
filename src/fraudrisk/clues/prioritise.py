"""Who gets on the list when not everybody can be visited."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fraudrisk.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["prioritise"]

_GRADES = "ABCD"
_NEEDED = ("business_id", "score", "grade")


def prioritise(
    scored: pd.DataFrame, capacity: int, *, district_share: float = 0.4, sector_share: float = 0.5, minimum_grade: str = "B"
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
        Nobody below it is listed.

    Returns
    -------
    DataFrame
        The chosen rows in order, with ``rank`` (from 1) and ``within_quota``.

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
    chosen, spare = _within(order, capacity, {"district": district_share, "sector": sector_share})
    rest = spare[: capacity - len(chosen)]
    picked = order.loc[order.index.isin({*chosen, *rest})].drop(columns="_level")
    picked = picked.assign(within_quota=picked.index.isin(set(chosen)))
    return picked.reset_index(drop=True).assign(rank=lambda f: range(1, len(f) + 1))


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
