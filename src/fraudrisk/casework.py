"""What the ledger and earlier runs know on the day of a run: what is in hand, what is overdue, what was closed and on which grounds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fraudrisk.errors import InputError
from fraudrisk.taking_back import ledger_of

if TYPE_CHECKING:
    import pandas as pd

    from fraudrisk.workspace import Workspace

__all__ = ["OVERDUE", "Casework", "casework"]

OVERDUE = ("线索编号", "企业/项目名称", "责任单位", "办理状态", "办理期限", "剩余工作日", "是否逾期", "催办次数", "是否报上级")
_IN_HAND = ("已转办", "核查中", "延期")
_CLOSED = ("已反馈", "已办结")
_MONTH = dt.timedelta(days=25)


@dataclass(frozen=True)
class Casework:
    """The state of the work as of a date.

    Parameters
    ----------
    in_hand : dict
        Business → clue number and state.
    overdue : DataFrame
        :data:`OVERDUE`, most overdue first; what is not yet due is listed too.
    closed : DataFrame
        ``clue_id, business_id, name, conclusion, closed_on, grade_then, score_then``.
    points_then : DataFrame
        Contributions of closed clues' businesses on the day they were listed, by business.
    before : dict
        Scores of the run a month ago, by business.
    note : str
        Why days left are not counted, where they cannot be.
    """

    in_hand: dict[str, str]
    overdue: pd.DataFrame
    closed: pd.DataFrame
    points_then: pd.DataFrame
    before: dict[str, float]
    note: str


def casework(workspace: Workspace, as_of: dt.date) -> Casework:
    """Gather it. A workspace without a ledger or earlier runs has none; moves after the date are not known yet."""
    import pandas as pd

    earlier = [d for d in workspace.runs() if d < as_of]
    before = _scores_before(workspace, earlier, as_of)
    named = workspace.settings.ledger
    if named is None and not (workspace.path / "ledger.db").is_file():
        return Casework({}, pd.DataFrame(columns=list(OVERDUE)), _closed_frame([]), pd.DataFrame(), before, "")
    ledger = ledger_of(workspace)
    try:
        clues = ledger.clues()
        clues = clues.loc[[d <= as_of for d in clues["since"]]]  # by label: of an empty ledger [] would mean no columns
        note, pending = "", pd.DataFrame(columns=list(OVERDUE))
        try:
            rows = ledger.pending(as_of)
            rows = rows[rows["clue_id"].isin(set(clues["clue_id"]))]
            pending = pd.DataFrame(
                {
                    "线索编号": rows["clue_id"], "企业/项目名称": rows["name"], "责任单位": rows["owner"], "办理状态": rows["status"],
                    "办理期限": rows["due_on"], "剩余工作日": rows["days_left"], "是否逾期": rows["overdue"].astype(bool),
                    "催办次数": rows["reminders"], "是否报上级": rows["escalate"].astype(bool),
                }
            ).astype({"是否逾期": object, "是否报上级": object})  # fmt: skip
        except InputError as error:
            note = f"节假日安排尚未公布，剩余工作日未计算（{error.where}）"
    finally:
        ledger.close()
    hand = clues[clues["status"].isin(_IN_HAND)]
    in_hand = {b: f"{c} {s}" for b, c, s in zip(hand["business_id"], hand["clue_id"], hand["status"], strict=True)}
    closed, points = _closed(workspace, clues[clues["status"].isin(_CLOSED)], earlier)
    return Casework(in_hand, pending.reset_index(drop=True), closed, points, before, note)


def _scores_before(workspace: Workspace, earlier: list[dt.date], as_of: dt.date) -> dict[str, float]:
    """Scores of the latest run at least about a month old, else of the run before."""
    if not earlier:
        return {}
    old = [d for d in earlier if d <= as_of - _MONTH]
    scores = workspace.result(old[-1] if old else earlier[-1]).scores()
    return dict(zip(scores["business_id"], scores["score"].astype(float), strict=True))


def _closed_frame(rows: Sequence[tuple[object, ...]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows, columns=["clue_id", "business_id", "name", "conclusion", "closed_on", "grade_then", "score_then"])


def _closed(workspace: Workspace, clues: pd.DataFrame, earlier: list[dt.date]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Each closed clue with grade, score and points of the first run that listed it."""
    import pandas as pd

    wanted = set(clues["business_id"])
    scores: dict[str, tuple[str, float]] = {}
    points: list[pd.DataFrame] = []
    for day in earlier if wanted else ():
        result = workspace.result(day)
        listed = wanted & set(result.selection()["business_id"]) - set(scores)
        if listed:
            then = result.scores().set_index("business_id").loc[sorted(listed)]
            scores |= {b: (g, float(s)) for b, g, s in zip(then.index, then["grade"], then["score"], strict=True)}
            given = result.contributions()
            points.append(given[given["business_id"].isin(listed)].set_index("business_id"))
    rows = [
        (c["clue_id"], c["business_id"], c["name"], c["conclusion"], c["since"], *scores[c["business_id"]])
        for c in clues.to_dict("records")
        if c["business_id"] in scores
    ]
    return _closed_frame(rows), pd.concat(points) if points else pd.DataFrame()
