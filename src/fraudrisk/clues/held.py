"""Who is not visited now, and why: in hand already, checked lately, or at the most visits a year."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "held_list", "hold_back"]

COLUMNS = ("企业/项目名称", "统一社会信用代码", "风险等级", "评分", "涉诈类别", "暂缓原因", "建议", "business_id")


def hold_back(
    standing: pd.DataFrame, in_hand: Mapping[str, str], *, as_of: dt.date, revisit_days: int = 90, visits_per_year: int = 4
) -> pd.DataFrame:
    """Reasons not to visit, one row per business: the first that holds.

    A business that was checked lately for cause (not by lot) is visited again when fraud complaints came after the check; one whose
    case was confirmed is not listed again but looked back at; one about which a clue proved untrue within a year only when somebody
    complains anew; one at its yearly cap is checked at the desk, and so is one graded C or D meanwhile (国办发〔2024〕54号: on-site checks
    are capped, and one must not be checked over and over).

    Parameters
    ----------
    standing : DataFrame
        As from :func:`fraudrisk.clues.standing.standing_sql`.
    in_hand : mapping of str to str
        Business → clue number and state of what is being worked on.
    as_of : date
    revisit_days : int
        Days after a check in which nobody comes again without a new complaint.
    visits_per_year : int
        Most checks in a calendar year.

    Returns
    -------
    DataFrame
        ``held`` (None where nothing speaks against a visit) and ``proposal``, on the index of `standing`.

    Examples
    --------
    >>> import pandas as pd, datetime as dt
    >>> rows = pd.DataFrame({"business_id": ["a", "b"], "grade": ["B", "C"], "last_meant": [dt.date(2026, 10, 20), None], "last_said": [None, None],
    ...                      "visits": [1, 0], "cleared_on": [None, None], "settled_on": [None, None], "settled_as": [None, None]})
    >>> hold_back(rows, {}, as_of=dt.date(2026, 11, 1))["held"].fillna("").tolist()
    ['2026-10-20已检查，其后无新的涉诈诉求', '']
    """
    import numpy as np
    import pandas as pd

    visit, said, settled, cleared = (pd.to_datetime(standing[c]) for c in ("last_meant", "last_said", "settled_on", "cleared_on"))
    since = pd.Timestamp(as_of) - visit
    lately = (since.dt.days <= revisit_days) & ~(said > visit)
    capped = standing["visits"].fillna(0) >= visits_per_year
    clue = standing["business_id"].map(in_hand)
    unfounded = cleared.notna() & ~(said > cleared)
    conditions = [clue.notna(), settled.notna(), unfounded, lately, capped & ~(said > visit)]
    reasons = [
        "在办：" + clue.astype(str),
        settled.dt.strftime("%Y-%m-%d") + "已核查，结论" + standing["settled_as"].astype(str),
        cleared.dt.strftime("%Y-%m-%d") + "已核查不属实，其后无新的涉诈诉求",
        visit.dt.strftime("%Y-%m-%d") + "已检查，其后无新的涉诈诉求",
        "本年已检查" + standing["visits"].fillna(0).astype(int).astype(str) + f"次，达年度上限{visits_per_year}次",
    ]
    desk = standing["grade"].isin(["C", "D"]).map({True: "先作书面或网上核查；有新诉求即解除", False: "到期再查；有新诉求即解除"})
    proposals = ["并入在办线索", "列入积案回头看", "有新诉求即解除", desk, "改为书面或网上核查"]

    def first(texts: list[Any]) -> Any:
        out = np.full(len(standing), None, dtype=object)
        for condition, text in list(zip(conditions, texts, strict=True))[::-1]:
            rows = condition.to_numpy(bool)
            out[rows] = text if isinstance(text, str) else text.to_numpy(object)[rows]
        return out

    return pd.DataFrame({"held": first(reasons), "proposal": first(proposals)}, index=standing.index)


def held_list(held: pd.DataFrame, labels: Mapping[str, str]) -> pd.DataFrame:
    """What is written for people: the businesses that would have been on the list, in its order, :data:`COLUMNS`."""
    import pandas as pd

    return pd.DataFrame(
        {
            "企业/项目名称": held["name"].fillna("(无名称)"),
            "统一社会信用代码": held["uscc"].fillna(held["business_id"]),
            "风险等级": held["grade"],
            "评分": held["score"],
            "涉诈类别": held["category"].map(labels),
            "暂缓原因": held["held"],
            "建议": held["proposal"],
            "business_id": held["business_id"],
        },
        columns=list(COLUMNS),
    )
