"""Whom a list picks, and how often rightly, group by group; and what a model must never learn from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fraudrisk.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BANNED", "audit", "refuse_banned", "wilson"]

BANNED = re.compile(
    r"complainant|reporter|诉求人|投诉人|举报人|来电人|surname|姓氏|hometown|home_town|native_place|籍贯|户籍|inspector|检查人|执法人员|ethnic|民族|gender|性别|religion|宗教",
    re.IGNORECASE,
)
"""Attributes of those who complain, of the person behind a business, and of the inspector: no feature may be made of them."""

_SMALLEST = 30
"""Rows of a group below which nothing is estimated."""


def refuse_banned(columns: Sequence[str]) -> None:
    """Refuse features made of persons.

    Raises
    ------
    InputError
        Names the columns.
    """
    found = [c for c in columns if BANNED.search(str(c))]
    if found:
        raise InputError(
            "a model may not learn from attributes of complainants, of the legal person, or from who inspects",
            where=f"column {', '.join(map(str, found[:5]))}",
            mend="leave them out",
        )


def audit(rows: pd.DataFrame, by: Sequence[str], *, selected: str = "selected", y: str = "y", smallest: int = _SMALLEST) -> pd.DataFrame:
    """Selection rate and precision of every group, with intervals.

    Parameters
    ----------
    rows : DataFrame
        One row per business: `selected` (0 or 1), `y` (0, 1, or missing where nobody looked), and the columns `by`.
    by : sequence of str
        Say, district, sole_trader, size, age. Missing is a group of its own.
    smallest : int
        Groups with fewer rows, and precisions from fewer checked, are said to be not estimable.

    Returns
    -------
    DataFrame
        ``attribute, group, rows, selected, selection_rate, rate_low, rate_high, ratio`` (to the rate of all), ``checked, hits,
        precision, precision_low, precision_high, note``; intervals are Wilson's at 90 %.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"district": ["a"] * 40 + ["b"] * 5, "selected": [1, 0] * 22 + [1], "y": 1.0})
    >>> audit(rows, ["district"])[["group", "selected", "note"]].to_dict("list")
    {'group': ['a', 'b'], 'selected': [20, 3], 'note': ['precision: cannot be estimated (20 checked)', 'cannot be estimated (5 rows)']}
    """
    import pandas as pd

    for column in (selected, y, *by):
        if column not in rows.columns:
            raise InputError(f"there is no column '{column}'", where="audit", mend="name columns of the frame")
    overall = rows[selected].mean()
    lines = []
    for attribute in by:
        groups = rows[attribute].astype(object).where(rows[attribute].notna(), "缺失")
        for name, part in rows.groupby(groups.astype(str), sort=True):
            picked = part[part[selected] > 0]
            checked = picked[y].dropna()
            line: dict[str, Any] = {
                "attribute": attribute,
                "group": name,
                "rows": len(part),
                "selected": len(picked),
                "checked": len(checked),
            }
            line["hits"] = int(checked.sum())
            enough, seen = len(part) >= smallest, len(checked) >= smallest
            rate = wilson(len(picked), len(part)) if enough else (np.nan, np.nan)
            right = wilson(line["hits"], len(checked)) if enough and seen else (np.nan, np.nan)
            line |= {
                "selection_rate": len(picked) / len(part) if enough else np.nan,
                "rate_low": rate[0],
                "rate_high": rate[1],
                "ratio": len(picked) / len(part) / overall if enough and overall else np.nan,
                "precision": line["hits"] / len(checked) if enough and seen else np.nan,
                "precision_low": right[0],
                "precision_high": right[1],
                "note": f"cannot be estimated ({len(part)} rows)"
                if not enough
                else ""
                if seen
                else f"precision: cannot be estimated ({len(checked)} checked)",
            }
            lines.append(line)
    order = ["attribute", "group", "rows", "selected", "selection_rate", "rate_low", "rate_high", "ratio", "checked", "hits"]
    return pd.DataFrame(lines, columns=[*order, "precision", "precision_low", "precision_high", "note"])


def wilson(hits: float, n: float, z: float = 1.6449) -> tuple[float, float]:
    """Interval of a share (Wilson 1927); `z` = 1.6449 is 90 %.

    Examples
    --------
    >>> tuple(round(v, 3) for v in wilson(5, 50))
    (0.05, 0.192)
    """
    if not n:
        return float("nan"), float("nan")
    p = hits / n
    middle, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return float((middle - half) / (1 + z * z / n)), float((middle + half) / (1 + z * z / n))
