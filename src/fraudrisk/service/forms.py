"""The outcome form: what was typed, and what is wrong with it in Chinese beside the field. What is allowed is the ledger's to say."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from pydantic import ValidationError

from fraudrisk.errors import InputError
from fraudrisk.outcomes.states import check_conclusion
from fraudrisk.service.problems import ProblemError
from fraudrisk.service.schemas import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["REPORTED", "Filled", "fill_in", "read_form"]

REPORTED = "已反馈"
"""The state that owes a conclusion."""
FIELDS = ("to", "conclusion", "why", "measures", "involved_yuan", "recovered_yuan", "on")
_FINDINGS = ("conclusion", "measures", "involved_yuan", "recovered_yuan")
"""Asked, and taken, only with a conclusion."""
_MOST = 20
_WHERE = {"核查结论": "conclusion", "说明": "why"}
_WRONG = {
    "to": "请选择办理进展",
    "conclusion": "请选择核查结论",
    "why": "情况说明最多2000字，不能含控制字符",
    "measures": "处置措施最多500字，不能含控制字符",
    "involved_yuan": "涉案金额应为0以上的数字，单位为元",
    "recovered_yuan": "挽回金额应为0以上的数字，单位为元",
    "on": "办理日期应为有效日期，且不晚于今天",
}
_REASONS = {"无法核实": "结论为“无法核实”时，请写明原因", "移送": "结论为“移送”时，请写明移送给哪个单位"}


@dataclass
class Filled:
    """A form as it was sent: its values as typed, faults by field in the order of the form, and the outcome where there is none."""

    values: dict[str, str] = field(default_factory=lambda: dict.fromkeys(FIELDS, ""))
    errors: dict[str, str] = field(default_factory=dict)
    outcome: Outcome | None = None


async def read_form(body: bytes) -> dict[str, str]:
    """Fields of a form that was sent by a browser.

    Raises
    ------
    ProblemError
        422: it is none.
    """
    try:
        return dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST, encoding="utf-8", errors="strict"))
    except ValueError as error:
        raise ProblemError(422, "this is no form of ours", mend="open the page anew") from error


def fill_in(sent: Mapping[str, str]) -> Filled:
    """Check what was typed with the interface's own model and the ledger's own rules.

    Examples
    --------
    >>> fill_in({"to": "已反馈", "conclusion": "移送", "why": ""}).errors
    {'why': '结论为“移送”时，请写明移送给哪个单位'}
    """
    filled = Filled({name: sent.get(name, "").replace("\r\n", "\n").strip() for name in FIELDS})
    said: dict[str, object] = {name: value for name, value in filled.values.items() if value}
    for name in ("involved_yuan", "recovered_yuan"):
        said |= {name: str(said[name]).replace(",", "").replace("，", "")} if name in said else {}
    if said.get("to") != REPORTED:
        said = {name: value for name, value in said.items() if name not in _FINDINGS}
    faults = {}
    try:
        filled.outcome = Outcome.model_validate(said)
    except ValidationError as error:
        faults = {str(e["loc"][0]): _WRONG[str(e["loc"][0])] for e in error.errors() if e["loc"] and e["loc"][0] in _WRONG}
    if _later(filled.values["on"]):
        faults["on"] = _WRONG["on"]
    faults |= _conclusion(filled.values) if said.get("to") == REPORTED else {}
    filled.errors = {name: faults[name] for name in FIELDS if name in faults}
    if filled.errors:
        filled.outcome = None
    return filled


def _later(day: str) -> bool:
    """Whether a day lies in the future; what is no day is not for this to say."""
    try:
        return dt.date.fromisoformat(day) > dt.datetime.now().astimezone().date()
    except ValueError:
        return False


def _conclusion(values: Mapping[str, str]) -> dict[str, str]:
    try:
        check_conclusion(values["conclusion"], values["why"])
    except InputError as error:
        name = _WHERE.get(error.where, "conclusion")
        return {name: _REASONS.get(values["conclusion"], _WRONG[name]) if name == "why" else _WRONG[name]}
    return {}
