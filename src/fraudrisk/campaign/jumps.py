"""Grades that rose between two runs, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fraudrisk.scoring.reasons import explain
from fraudrisk.scoring.scorecard import BOUND

if TYPE_CHECKING:
    import pandas as pd

    from fraudrisk.packs import Pack
    from fraudrisk.run import RunResult

__all__ = ["JUMPS", "grade_jumps"]

JUMPS = ("business_id", "name", "district", "grade_before", "grade", "score_before", "score", "risen", "indicators")
_GRADES = "ABCD"
_RISEN_TO = ("C", "D")


def grade_jumps(pack: Pack, before: RunResult, now: RunResult) -> pd.DataFrame:
    """Businesses whose grade rose to C or D between two runs, with the indicators that rose.

    Returns
    -------
    DataFrame
        ``business_id, grade_before, grade, score_before, score, risen`` (sentences, largest gain first, with the points gained) and
        ``indicators`` (their ids). A business the earlier run did not know has no grade before.
    """
    both = now.scores()[["business_id", "grade", "score"]].merge(
        before.scores()[["business_id", "grade", "score"]], on="business_id", how="left", suffixes=("", "_before")
    )
    rank = both["grade"].map(_GRADES.index) - both["grade_before"].map(_GRADES.index, na_action="ignore").fillna(-1)
    risen = both[both["grade"].isin(_RISEN_TO) & (rank > 0)]
    ids = set(risen["business_id"])
    why = _gains(pack, before.features(), now.features(), ids)
    risen = risen.assign(
        risen=["；".join(f"{s}(+{p:g})" for _, s, p in why.get(b, [])) for b in risen["business_id"]],
        indicators=[",".join(i for i, _, _ in why.get(b, [])) for b in risen["business_id"]],
        _gain=risen["score"] - risen["score_before"].fillna(0),
    )
    return risen.sort_values(["grade", "_gain", "business_id"], ascending=[False, False, True], kind="stable", ignore_index=True)[
        [c for c in JUMPS if c not in ("name", "district")]
    ]


def _gains(pack: Pack, before: pd.DataFrame, now: pd.DataFrame, ids: set[str]) -> dict[str, list[tuple[str, str, float]]]:
    """Indicators with more points than before, with today's sentence; or that counted against before and no longer do."""
    old, new = (explain(pack, frame[frame["business_id"].isin(ids)]) for frame in (before, now))
    today, then = (e.reasons[["business_id", "indicator", "sentence", "points"]] for e in (new, old))
    both = today.merge(then, on=["business_id", "indicator"], how="outer", suffixes=("", "_old"))
    both = both[both["indicator"] != BOUND]
    both = both.assign(
        gain=(both["points"].fillna(0) - both["points_old"].fillna(0)).round(1),
        sentence=both["sentence"].fillna("减分理由不再成立：" + both["sentence_old"]),
    )
    risen = both[both["gain"] > 0].sort_values(["business_id", "gain", "indicator"], ascending=[True, False, True], kind="stable")
    columns = ["indicator", "sentence", "gain"]
    return {str(b): list(rows[columns].itertuples(index=False, name=None)) for b, rows in risen.groupby("business_id", sort=False)}
