"""Where each clue stood before a date: the ledger's moves replayed up to it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from fraudrisk.taking_back import ledger_of

if TYPE_CHECKING:
    import pandas as pd

    from fraudrisk.workspace import Workspace

__all__ = ["CLOSED", "COLUMNS", "read_ledger", "standing"]

COLUMNS = ("clue_id", "owner", "status", "conclusion", "concluded_on", "involved_yuan", "recovered_yuan", "measures")
CLOSED = "已办结"
_ENTERED, _TOLD = "待分办", "已反馈"
_STANDS = (_TOLD, CLOSED, "回头看")
"""States in which the last conclusion holds; a clue sent back to be checked again has none until it returns."""


def read_ledger(workspace: Workspace) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Clues and moves of the workspace's ledger; none is made where there is none.

    Returns
    -------
    clues, moves
        As :meth:`fraudrisk.outcomes.ledger.Ledger.clues` and ``history``.
    """
    import pandas as pd

    if workspace.settings.ledger is None and not (workspace.path / "ledger.db").is_file():
        return pd.DataFrame(), pd.DataFrame()
    ledger = ledger_of(workspace)
    try:
        clues, moves = ledger.clues(), ledger.history()
    finally:
        ledger.close()
    moves["conclusion"] = _detail(moves, "conclusion").where(moves["after"] == _TOLD, None)
    return clues, moves


def standing(clues: pd.DataFrame, moves: pd.DataFrame, as_of: dt.date) -> tuple[pd.DataFrame, int]:
    """State and conclusion of every clue as known before `as_of`.

    A move counts from the day it happened (moves written by older versions: from the day they were written down), never before the
    clue was listed or before the move it follows.

    Parameters
    ----------
    clues, moves : DataFrame
        From :func:`read_ledger`.
    as_of : datetime.date

    Returns
    -------
    DataFrame
        :data:`COLUMNS`, one row per clue of the ledger that was in it before the date.
    int
        Moves on or after the date, which were left out.
    """
    import pandas as pd

    if moves.empty:
        return pd.DataFrame(columns=list(COLUMNS)), 0
    moved = moves[moves["kind"].isin(("entered", "moved"))].merge(
        clues[["clue_id", "since", "listed_on", "owner"]], on="clue_id", validate="many_to_one"
    )
    moved = moved.sort_values("number", kind="stable")
    moved["day"] = _days(moved)
    known = moved[moved["day"] < pd.Timestamp(as_of)]
    last = known.drop_duplicates("clue_id", keep="last").set_index("clue_id")
    told = known[known["after"] == _TOLD].drop_duplicates("clue_id", keep="last").set_index("clue_id")
    told = told[last.loc[told.index, "after"].isin(_STANDS)]
    found = pd.DataFrame({"clue_id": last.index, "owner": last["owner"].tolist(), "status": last["after"].tolist()}).set_index("clue_id")
    found["conclusion"] = told["conclusion"]
    found["concluded_on"] = told["day"].dt.date
    for name in ("involved_yuan", "recovered_yuan"):
        found[name] = pd.to_numeric(_detail(told, name))
    found["measures"] = _detail(told, "measures")
    withheld = int(((moved["kind"] == "moved") & (moved["day"] >= pd.Timestamp(as_of))).sum())
    return found.reset_index().sort_values("clue_id", kind="stable")[list(COLUMNS)], withheld


def _days(moved: pd.DataFrame) -> pd.Series[Any]:
    """From which day each move counts; rows in the order of the ledger."""
    import pandas as pd

    here = dt.datetime.now().astimezone().tzinfo
    written = pd.to_datetime(moved["at"], utc=True).dt.tz_convert(here).dt.tz_localize(None).dt.normalize()
    day = pd.to_datetime(moved["day"]).fillna(written)
    listed = pd.to_datetime(moved["listed_on"])
    return day.where((moved["kind"] != "entered") & (day > listed), listed).groupby(moved["clue_id"]).cummax()


def _detail(told: pd.DataFrame, name: str) -> pd.Series[Any]:
    """One entry of what a conclusion was written down with."""
    import pandas as pd

    return pd.Series([(d or {}).get(name) for d in told["details"]], index=told.index, dtype=object)
