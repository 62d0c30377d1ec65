"""催办: letters to those who are overdue, and to their superior where it has lasted; each noted in the ledger, once a day."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fraudrisk.files import atomic_text
from fraudrisk.outcomes.ledger import Ledger

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Reminded", "remind"]

_WITH_UNITS = ("已转办", "核查中", "延期")


@dataclass(frozen=True, slots=True)
class Reminded:
    """Letters written, clues reminded of and raised now (not again the same day)."""

    letters: tuple[Path, ...]
    reminded: int
    raised: int


def remind(ledger: Ledger, folder: Path, *, today: dt.date, who: str, notice: str) -> Reminded:
    """Write one letter per department with overdue clues and one report upwards, and note them.

    What waits to be handed on, or to be closed after its report, is the sender's own to do and goes to himself. A clue is reminded of
    once a day, and raised once for as long as it stays in its state. The letters are plain text, for the office's own letterhead; they
    name clue, business, state and days, and nobody who complained.

    Parameters
    ----------
    ledger : Ledger
    folder : Path
        Letters go to ``folder/DATE``.
    today : date
    who : str
        Who sends them.
    notice : str

    Raises
    ------
    InputError
        The holidays of a year in between are not published; never guessed.
    """
    rows = ledger.pending(today)
    late = rows[rows["overdue"].astype(bool)]
    late = late.assign(to=late["owner"].where(late["status"].isin(_WITH_UNITS), who))
    letters: list[Path] = []
    reminded = raised = 0
    for owner, part in late.groupby("to", sort=True):
        letters.append(_write(folder / today.isoformat() / f"催办_{_safe(str(owner))}.txt", _letter(str(owner), part, today, who, notice)))
        for clue, times in zip(part["clue_id"], part["reminders"], strict=True):
            reminded += ledger.remind(clue, who=who, why=f"第{int(times) + 1}次催办", key=f"remind:{today}:{clue}", on=today)
    upward = late[late["escalate"].astype(bool) & (late["to"] != who)]
    if len(upward):
        letters.append(
            _write(folder / today.isoformat() / "督办_报上级.txt", _letter("上级主管部门", upward, today, who, notice, upward=True))
        )
        for clue, due in zip(upward["clue_id"], upward["due_on"], strict=True):
            raised += ledger.remind(clue, who=who, why="久催不办，报上级督办", key=f"raise:{due}:{clue}", superior=True, on=today)
    return Reminded(tuple(letters), reminded, raised)


def _letter(to: str, rows: pd.DataFrame, today: dt.date, who: str, notice: str, *, upward: bool = False) -> str:
    asks = "以下线索已超过办理期限，请于收函后三个工作日内反馈核查结论，或说明延期理由："
    if upward:
        asks = "以下线索催办后仍未办结，请督促责任单位限期办理："
    elif to == who:
        asks = "以下线索待本办分办或办结，已超过期限："
    lines = [
        f"{n}. {r['clue_id']}  {r['name']}  {r['status']}  期限{r['due_on']:%Y-%m-%d}，已超{-int(r['days_left'])}个工作日"
        + (f"  责任单位：{r['owner']}，已催办{int(r['reminders'])}次" if upward else f"  已催办{int(r['reminders'])}次")
        for n, r in enumerate(rows.to_dict("records"), 1)
    ]
    return "\n".join([f"{to}：", "", asks, "", *lines, "", f"共{len(lines)}条。", who, f"{today:%Y年%m月%d日}", "", notice, ""])


def _write(path: Path, text: str) -> Path:
    with atomic_text(path) as stream:
        stream.write(text)
    return path


def _safe(name: str) -> str:
    return "".join(c if c.isalnum() or c in "()" else "_" for c in name) or "未定"
