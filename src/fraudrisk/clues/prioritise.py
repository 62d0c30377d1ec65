"""Who gets on the list when not everybody can be visited."""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fraudrisk.clues.allocate import allocate
from fraudrisk.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DIRECTED", "EXPLORED", "SILENT", "prioritise"]

DIRECTED, EXPLORED = "定向", "探索"
"""Why a business stands on a list: chosen by expected harm, or drawn by lot."""

_GRADES = "ABCD"
_NEEDED = ("business_id", "score", "grade")
SILENT = "静默行业"
_SPARE, _LOT = "余额递补", "抽签"


def prioritise(
    scored: pd.DataFrame,
    capacity: int,
    *,
    district_share: float = 0.4,
    sector_share: float = 0.5,
    minimum_grade: str = "A",
    minimum_score: float = 0.0,
    department_capacity: Mapping[str, int] | None = None,
    weeks: int = 4,
    silent: float = 0.0,
    explore: float = 0.0,
    draw: str = "",
) -> pd.DataFrame:
    """Pick and rank the businesses to check, one line per business.

    The largest sum of expected harm under the capacity, the limit of each department, and the share of each district and sector
    (:func:`fraudrisk.clues.allocate.allocate` says whether that was solved exactly). What districts and sectors leave over goes to
    the next in order, whatever their district and sector; a department's capacity is never exceeded. Ties go by id, so that equal
    input gives an equal list.

    Parameters
    ----------
    scored : DataFrame
        ``business_id``, ``score``, ``grade``; optional ``expected_harm`` (the score where not given), ``district``, ``sector``,
        ``owner`` (department), ``held`` (why it is not visited now, None where nothing speaks against it), ``watch`` (whether its
        sector is watched), ``looked_at`` (whether somebody checked it for cause within a year).
    capacity : int
        Most businesses on the list.
    district_share, sector_share : float
        Largest part of the list one district or one sector may take before the others are served.
    minimum_grade, minimum_score
        Nobody below them is listed by score, even where capacity is left.
    department_capacity : mapping of str to int, optional
        Checks a week, per owner; an owner that is not named has no limit but the list's.
    weeks : int
        Weeks the list covers.
    silent : float
        Most of the capacity that goes to watched sectors nobody of which is listed: the one with the largest expected harm of each,
        whatever its grade, because silence is not safety; those with any evidence first, then the sectors least looked at. Whole
        places only.
    explore : float
        Share of the capacity drawn from everybody who is not listed, whatever their grade, so that what the list misses can be
        estimated (:func:`fraudrisk.outcomes.estimates.missed`); a part of a place is a chance of one, so that a short list explores
        now and then, too.
    draw : str
        Names the draw (say, the date): the places go to the smallest SHA-256 of it and the id, the same on every machine.

    Returns
    -------
    DataFrame
        The chosen rows in order, those explored last, with ``rank`` (from 1), ``week`` (from 1), ``chosen_by``, ``selection_reason``
        (定向 or 探索) and ``propensity`` (1 where chosen by expected harm, else the chance with which it was drawn).

    Raises
    ------
    InputError
        A capacity or a number of weeks below 1, a missing column, or a business that occurs twice; names it.

    Examples
    --------
    >>> import pandas as pd
    >>> scored = pd.DataFrame({"business_id": list("abcd"), "score": [70, 65, 61, 25], "grade": list("DDDB"), "district": list("1112")})
    >>> prioritise(scored, 2, district_share=0.5)["business_id"].tolist()
    ['a', 'd']
    """
    import pandas as pd

    limits = dict(department_capacity or {})
    _check(scored, capacity, weeks, explore, silent, limits)
    places = _places(explore, capacity, draw)
    free = scored[scored["held"].isna()] if "held" in scored else scored
    order = _eligible(free, minimum_grade, minimum_score)
    directed = capacity - places - math.floor(silent * capacity)
    mask, how = allocate(order["_value"].to_numpy(), _groups(order, directed, district_share, sector_share, limits, weeks), directed)
    picked = order[mask].assign(chosen_by=how)
    quiet = _quiet(scored, free, picked, math.floor(silent * capacity), draw)
    spare = _spare(order, mask | order.index.isin(quiet.index), capacity - places - len(picked) - len(quiet), limits, weeks)
    picked = _together([picked, order[spare].assign(chosen_by=_SPARE), quiet])
    picked = picked.assign(selection_reason=DIRECTED, propensity=1.0)
    if places:
        drawn = _drawn(free.drop(index=picked.index), places, draw)
        picked = pd.concat([picked, drawn]) if len(picked) else drawn
    picked = picked.reset_index(drop=True).assign(rank=lambda f: range(1, len(f) + 1))
    return picked.assign(week=_weeks(picked, capacity, limits, weeks))


def _check(scored: pd.DataFrame, capacity: int, weeks: int, explore: float, silent: float, limits: Mapping[str, int]) -> None:
    if capacity < 1:
        raise InputError(
            f"a capacity of {capacity} leaves no list", where="capacity", mend="give the number of visits the team can make, at least 1"
        )
    if weeks < 1:
        raise InputError(f"a list for {weeks} weeks is none", where="weeks", mend="give at least 1")
    if not 0 <= explore < 1:
        raise InputError(f"an exploration share of {explore} is none", where="explore", mend="give 0 to less than 1")
    if not 0 <= silent < 1 - explore:
        raise InputError(
            f"a share of {silent} for silent sectors is none", where="silent", mend="give 0 to less than what exploration leaves"
        )
    for name, most in limits.items():
        if most < 0:
            raise InputError(f"a capacity of {most} a week is none", where=f"department_capacity, {name}", mend="give 0 or more")
    for column in _NEEDED:
        if column not in scored.columns:
            raise InputError(f"there is no column '{column}'", where=f"columns {', '.join(map(str, scored.columns[:12]))}")
    twice = scored["business_id"][scored["business_id"].duplicated()]
    if len(twice):
        raise InputError(f"business '{twice.iloc[0]}' occurs twice", where="column business_id", mend="give one row per business")


def _eligible(free: pd.DataFrame, minimum_grade: str, minimum_score: float) -> pd.DataFrame:
    """Who may be listed by score, most expected harm first."""
    level = free["grade"].map(_GRADES.index)
    return _ordered(free[(level >= _GRADES.index(minimum_grade)) & (free["score"] >= minimum_score)])


def _ordered(frame: pd.DataFrame) -> pd.DataFrame:
    value = frame["expected_harm"] if "expected_harm" in frame else frame["score"].clip(lower=0) + 1e-9
    ordered = frame.assign(_value=value.astype("float64"))
    return ordered.sort_values(["_value", "score", "business_id"], ascending=[False, False, True], kind="stable")


def _quiet(scored: pd.DataFrame, free: pd.DataFrame, picked: pd.DataFrame, places: int, draw: str) -> pd.DataFrame:
    """One business of each watched sector that has none on the list; those alike by lot, so that another month asks another one."""
    if not places or "watch" not in free or "sector" not in free:
        return _ordered(free.head(0)).assign(chosen_by=SILENT)
    pool = _ordered(free[free["watch"].fillna(False).astype(bool) & ~free["sector"].isin(set(picked["sector"]))])
    best = pool[pool["_value"] == pool.groupby("sector")["_value"].transform("max")]
    lots = [hashlib.sha256(f"{draw}:{b}".encode()).hexdigest() for b in best["business_id"]]
    one = best.assign(_lot=lots).sort_values("_lot").drop_duplicates("sector").drop(columns="_lot")
    attention = scored.groupby("sector")["looked_at"].mean().to_dict() if "looked_at" in scored else {}
    one = one.assign(_bare=one["score"] <= 0, _attention=one["sector"].map(attention))
    one = one.sort_values(["_bare", "_attention", "_value", "business_id"], ascending=[True, True, False, True], kind="stable")
    return one.drop(columns=["_bare", "_attention"]).head(places).assign(chosen_by=SILENT)


def _together(parts: list[pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    return _ordered(pd.concat([p for p in parts if len(p)] or parts[:1])).drop(columns="_value")


def _groups(
    order: pd.DataFrame, capacity: int, district: float, sector: float, limits: Mapping[str, int], weeks: int
) -> list[tuple[Any, Any]]:
    import numpy as np
    import pandas as pd

    groups = []
    for name, share in (("district", district), ("sector", sector)):
        if name in order:
            codes, names = pd.factorize(order[name], use_na_sentinel=False)
            groups.append((codes, np.full(len(names), max(1, math.floor(share * capacity)))))
    if limits and "owner" in order:
        codes, names = pd.factorize(order["owner"], use_na_sentinel=False)
        groups.append((codes, np.array([limits.get(str(n), capacity) * (weeks if str(n) in limits else 1) for n in names], int)))
    return groups


def _spare(order: pd.DataFrame, mask: Any, places: int, limits: Mapping[str, int], weeks: int) -> Any:
    """What is left over, in order; a department that is full takes no more."""
    import numpy as np

    rest = ~mask
    if limits and "owner" in order:
        room = {n: most * weeks for n, most in limits.items()}
        for name, used in order["owner"][mask].value_counts().items():
            room[str(name)] = room.get(str(name), len(order)) - int(used)
        nth = order["owner"][rest].groupby(order["owner"][rest]).cumcount()
        fits = nth < order["owner"][rest].map(room).fillna(len(order))
        rest[np.flatnonzero(rest)[~fits.to_numpy()]] = False
    return rest & (np.cumsum(rest) <= places)


def _places(share: float, capacity: int, draw: str) -> int:
    """Whole places of a share; what is left over is the chance of one more, by the draw's own digest."""
    whole = math.floor(share * capacity)
    lot = int.from_bytes(hashlib.sha256(f"places:{draw}".encode()).digest()[:6], "big") / 2**48
    return whole + (lot < share * capacity - whole)


def _drawn(pool: pd.DataFrame, places: int, draw: str) -> pd.DataFrame:
    """So many of the pool by lot, each with its chance."""
    prefix = f"{draw}:".encode()
    digests = ((hashlib.sha256(prefix + b.encode()).digest(), n) for n, b in enumerate(pool["business_id"].tolist()))
    some = pool.iloc[[n for _, n in heapq.nsmallest(places, digests)]]
    return some.assign(chosen_by=_LOT, selection_reason=EXPLORED, propensity=len(some) / max(1, len(pool)))


def _weeks(picked: pd.DataFrame, capacity: int, limits: Mapping[str, int], weeks: int) -> Any:
    """Week of each line: the most harmful first, each department (or the whole team) at its pace."""
    import numpy as np

    overall = np.arange(len(picked)) // max(1, math.ceil(capacity / weeks)) + 1
    if not limits or "owner" not in picked:
        return overall
    nth = picked.groupby("owner", dropna=False).cumcount()
    pace = picked["owner"].map(limits)
    own = nth // pace.where(pace > 0, 1).fillna(len(picked)) + 1
    return np.where(pace.notna(), np.minimum(own, weeks), overall).astype(int)
