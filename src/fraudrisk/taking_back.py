"""The way back: a filled list goes into the ledger and becomes outcomes that the next list learns from."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fraudrisk.clues.numbers import read_numbers
from fraudrisk.clues.prioritise import DIRECTED
from fraudrisk.files import atomic_text
from fraudrisk.outcomes.ledger import Ledger
from fraudrisk.outcomes.returned import Rejected, Returned, read_returned

if TYPE_CHECKING:
    from fraudrisk.workspace import Workspace

__all__ = ["TakenBack", "enter_list", "ledger_of", "take_back"]

_CODE_LENGTH = 18
_PATH = {
    "待分办": ("已转办", "核查中", "已反馈"),
    "已转办": ("核查中", "已反馈"),
    "核查中": ("已反馈",),
    "延期": ("已反馈",),
    "回头看": ("核查中", "已反馈"),
}


@dataclass(frozen=True, slots=True)
class TakenBack:
    """Rows taken, rows that said nothing new, and rows rejected by name."""

    taken: int
    repeated: int
    rejected: tuple[Rejected, ...]
    report: Path


def ledger_of(workspace: Workspace) -> Ledger:
    """The workspace's ledger: the database its settings name, else a file in it."""
    named = workspace.settings.ledger
    return Ledger(named.get_secret_value() if named else workspace.path / "ledger.db")


def enter_list(workspace: Workspace, as_of: dt.date | None = None, *, who: str = "清单") -> int:
    """Enter the clues of a run into the ledger as 待分办; known ones stay as they are. Returns how many were new."""
    result = workspace.result(as_of)
    day = dt.date.fromisoformat(result.manifest["as_of"])
    ids = {number: business for business, number in read_numbers(workspace.path / "clues" / "numbers.jsonl").items()}
    lines = result.clues()
    rows = [
        {"clue_id": number, "business_id": ids[number], "name": str(name), "owner": str(owner)}
        for number, name, owner in zip(lines["线索编号"], lines["企业/项目名称"], lines["建议责任单位"], strict=True)
    ]
    ledger = ledger_of(workspace)
    try:
        return ledger.add(rows, who=who, on=day)
    finally:
        ledger.close()


def take_back(workspace: Workspace, path: Path, *, today: dt.date | None = None) -> TakenBack:
    """Take a filled list: conclusions into the ledger, and as ``outcome`` records into the workspace.

    Every clue goes through the states that lie between; a clue that was concluded before is left alone. The report of rejects is
    written whether or not there are any.

    Raises
    ------
    InputError
        The workbook is not the list.
    """
    import pandas as pd

    day = today or dt.datetime.now().astimezone().date()
    codes: dict[str, str] = {}
    chosen: dict[str, str] = {}
    for run in workspace.runs():
        enter_list(workspace, run)
        lines = workspace.result(run).clues()
        codes |= dict(zip(lines["线索编号"], lines["统一社会信用代码"], strict=True))
        selection = workspace.result(run).selection()
        chosen |= dict(zip(selection["business_id"], selection["selection_reason"], strict=True))
    ledger = ledger_of(workspace)
    try:
        clues = {str(c["clue_id"]): c for c in ledger.clues().to_dict("records")}
        rows, rejected = read_returned(path, {number: c["listed_on"] for number, c in clues.items()}, today=day)
        fresh = [r for r in rows if clues[r.clue_id]["status"] in _PATH]
        for row in fresh:
            _move(ledger, row, clues[row.clue_id]["status"], day)
    finally:
        ledger.close()
    if fresh:
        frame = pd.DataFrame(
            {
                "线索编号": [r.clue_id for r in fresh],
                "统一社会信用代码": [code if len(code := str(codes.get(r.clue_id, ""))) == _CODE_LENGTH else None for r in fresh],
                "企业/项目名称": [clues[r.clue_id]["name"] for r in fresh],
                "核查日期": [(r.handed_on or day).isoformat() for r in fresh],
                "结论日期": [day.isoformat()] * len(fresh),
                "核查结论": [r.conclusion for r in fresh],
                "处置措施": [r.measures for r in fresh],
                "涉案金额": [None if r.involved_yuan is None else str(r.involved_yuan) for r in fresh],
                "挽回金额": [None if r.recovered_yuan is None else str(r.recovered_yuan) for r in fresh],
                "线索来源": [chosen.get(clues[r.clue_id]["business_id"], DIRECTED) for r in fresh],
            }
        )
        workspace.import_table("outcome", frame)
    report = workspace.path / "rejects" / "returned" / f"{path.stem}.json"
    with atomic_text(report) as stream:
        json.dump(
            [{"row": r.row, "clue": r.clue_id, "column": r.column, "value": r.value, "reason": r.reason} for r in rejected],
            stream,
            ensure_ascii=False,
            indent=1,
        )
    return TakenBack(len(fresh), len(rows) - len(fresh), tuple(rejected), report)


def _move(ledger: Ledger, row: Returned, status: str, day: dt.date) -> None:
    details = {"measures": row.measures, "involved_yuan": row.involved_yuan, "recovered_yuan": row.recovered_yuan, "row": row.row}
    for state in _PATH[status]:
        last = state == "已反馈"
        ledger.move(
            row.clue_id, state, who=row.who, why=row.why if last else "随清单回填", on=max(row.handed_on or day, day) if last else row.handed_on or day,
            conclusion=row.conclusion if last else None, details=details if last else None,
        )  # fmt: skip
