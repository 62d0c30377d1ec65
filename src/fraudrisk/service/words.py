"""Words of the pages: refusals, roles, districts, days left."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import TYPE_CHECKING

from fraudrisk.errors import InputError
from fraudrisk.outcomes.workdays import working_days_left

if TYPE_CHECKING:
    from collections.abc import Collection

    from fraudrisk.config import Settings
    from fraudrisk.service.auth import Principal

__all__ = ["REFUSED", "days_left", "districts", "who_words"]

_STREET = 9
_ROLES = {"inspector": "检查人员", "analyst": "分析人员", "auditor": "审计人员"}
REFUSED = {
    403: ("无权查看或办理", "该主体属于其他辖区，或您的角色不能这样办理；表单打开太久也会这样，请返回上一页重新打开。"),
    404: ("没有找到", "请核对统一社会信用代码或线索编号，或按名称查询。"),
    405: ("不能这样打开", "请从查询页重新进入。"),
    409: ("情况已有变化", "请重新打开页面核对。"),
    413: ("内容太长", "请缩短后再提交。"),
    422: ("请求不完整", "请返回重新打开页面后再试。"),
    429: ("请求太频繁", "请稍等片刻再试。"),
    500: ("系统出错", "请稍后再试；仍不行请把下面的请求编号告诉管理员。"),
    503: ("系统尚未就绪", "请稍后再试。"),
}
"""Title and mend of a refusal, by status."""


def who_words(principal: Principal) -> str:
    """Who is logged in: a role and its divisions, never a name.

    Examples
    --------
    >>> from fraudrisk.service.auth import Principal
    >>> who_words(Principal("key:a", "inspector", ("330299",)))
    '检查人员（330299）'
    """
    role = _ROLES[principal.role]
    return f"{role}（{'、'.join(principal.divisions)}）" if principal.divisions else role


def districts(settings: Settings, divisions: Collection[str]) -> dict[str, str]:
    """Division code → what its district is called: as set, else its code, as short as tells districts apart.

    Examples
    --------
    >>> from fraudrisk.config import Settings
    >>> districts(Settings(district_names={"330299": "某区"}), ["330299210", "330281001"])
    {'330281': '330281', '330299': '某区'}
    """
    first = settings.district_digits
    digits = next((n for n in range(first, _STREET + 1) if len({d[:n] for d in divisions}) > 1), first)
    return {code: settings.district_names.get(code, code) for code in sorted({d[:digits] for d in divisions})}


def days_left(due_on: str | None) -> tuple[str, bool]:
    """How long until a clue is due, and whether it is late; nothing where there is no limit.

    A year whose holidays are not published yet is not guessed: then the day alone is said.
    """
    if due_on is None:
        return "", False
    return _left(dt.datetime.now().astimezone().date(), dt.date.fromisoformat(due_on))


@lru_cache(maxsize=4096)
def _left(today: dt.date, due: dt.date) -> tuple[str, bool]:
    """Counted day by day, so once for all clues that are due on one day."""
    due_on = due.isoformat()
    try:
        left = working_days_left(today, due)
    except InputError:
        return f"{due_on}前", due < today
    if due < today:
        return f"已超期{-left}个工作日（{due_on}）", True
    return (f"还剩{left}个工作日（{due_on}）" if left else f"今天到期（{due_on}）"), False
