"""How a clue moves from hand to hand, by when, and how it may end: plain rules, no storage."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import yaml

from fraudrisk.errors import InputError
from fraudrisk.outcomes.workdays import add_working_days

__all__ = ["CONCLUSIONS", "MOVES", "STATES", "Deadline", "check_conclusion", "check_move", "deadline", "due_on"]

MOVES: dict[str, tuple[str, ...]] = {
    "待分办": ("已转办",),
    "已转办": ("核查中", "待分办"),
    "核查中": ("延期", "已反馈"),
    "延期": ("已反馈",),
    "已反馈": ("已办结", "核查中"),
    "已办结": ("回头看",),
    "回头看": ("核查中", "已办结"),
}
"""From each state to which; a return to the one before is a return for more work. Source: DOMAIN 6.1."""
STATES = tuple(MOVES)
CONCLUSIONS = ("属实", "部分属实", "不属实", "无法核实", "移送", "重复件")


@dataclass(frozen=True, slots=True)
class Deadline:
    """Working days allowed per state, from a day on, and after how many more the superior is told."""

    effective_from: dt.date
    limits: dict[str, int]
    escalate_after: int


@lru_cache(maxsize=1)
def _deadlines() -> tuple[Deadline, ...]:
    raw = yaml.safe_load((files("fraudrisk.outcomes") / "deadlines.yaml").read_text(encoding="utf-8"))
    return tuple(sorted((Deadline(**r) for r in raw), key=lambda d: d.effective_from))


def deadline(day: dt.date) -> Deadline:
    """The rule in force on a day.

    Raises
    ------
    InputError
        The day lies before the first rule.
    """
    rules = [d for d in _deadlines() if d.effective_from <= day]
    if not rules:
        raise InputError("no deadline rule was in force", where=f"day {day}", mend="add one to deadlines.yaml")
    return rules[-1]


def due_on(state: str, since: dt.date) -> dt.date | None:
    """By when a clue that came into a state must leave it; None where there is no limit.

    Examples
    --------
    >>> import datetime as dt
    >>> due_on("核查中", dt.date(2026, 9, 21))
    datetime.date(2026, 10, 19)
    """
    days = deadline(since).limits.get(state)
    return None if days is None else add_working_days(since, days)


def check_move(before: str, after: str) -> None:
    """Refuse a move that skips a state.

    Raises
    ------
    InputError
        Names both states and where one may go from here.
    """
    if after not in STATES:
        raise InputError(f"there is no state '{after}'", mend="use one of " + " ".join(STATES))
    if after not in MOVES[before]:
        raise InputError(f"a clue cannot go from {before} to {after}", mend="from here it goes to " + " or ".join(MOVES[before]))


def check_conclusion(conclusion: str | None, why: str) -> None:
    """Refuse a conclusion off the list, 无法核实 without a reason, 移送 without an addressee.

    Raises
    ------
    InputError
    """
    if conclusion is None or conclusion not in CONCLUSIONS:
        raise InputError(f"'{conclusion or ''}' is no conclusion", where="核查结论", mend="use one of " + " ".join(CONCLUSIONS))
    if conclusion in ("无法核实", "移送") and not why.strip():
        what = "why it cannot be verified" if conclusion == "无法核实" else "to whom it is transferred"
        raise InputError(f"{conclusion} must say {what}", where="说明", mend="write it")
