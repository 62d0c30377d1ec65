"""The weekly one-page brief (预警简报): HTML that prints on one A4 and reads on a phone, a CSV with every line, and JSON."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fraudrisk.campaign.streams import KINDS
from fraudrisk.campaign.warning import Warnings
from fraudrisk.clues.workbook import safe_text
from fraudrisk.files import atomic_text
from fraudrisk.pages import templates

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DETAILS", "write_brief"]

DETAILS = (
    "类型", "对象", "编号", "等级", "说明", "首次预警", "最近预警", "窗口天数", "人数", "件数", "预期人数", "倍数", "上尾概率", "仍在收款人数",
    "许可到期日", "记录编号", "声明",
)  # fmt: skip
"""Columns of ``预警明细.csv``; a column that a type does not have is empty."""
_ONE = {"business_fraud": "business"}
"""A business that bursts in all its complaints and in its fraud complaints is one line of the brief."""
_WHY = 2
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _FOOT = 360.0, 150.0, 24.0, 10.0, 16.0


def write_brief(warnings: Warnings, folder: Path) -> Path:
    """Write ``预警简报.html``, ``预警明细.csv`` and ``warning.json`` into `folder`, each whole or not at all.

    Parameters
    ----------
    warnings : Warnings
        From :func:`fraudrisk.campaign.warning.early_warning`.
    folder : Path
        Made where it is missing.

    Returns
    -------
    Path
        The HTML file: one page, no script, nothing fetched from elsewhere.
    """
    folder = Path(folder)
    with atomic_text(folder / "预警明细.csv", encoding="utf-8-sig", newline="") as stream:
        _details(warnings).to_csv(stream, index=False)
    with atomic_text(folder / "warning.json") as stream:
        json.dump(_plain(warnings), stream, ensure_ascii=False, indent=1)
        stream.write("\n")
    with atomic_text(folder / "预警简报.html") as stream:
        stream.write(_page(warnings))
    return folder / "预警简报.html"


# -- the page --------------------------------------------------------------------------------------------------------------


def _page(warnings: Warnings) -> str:
    from markupsafe import Markup, escape

    s = warnings.summary
    rows = s["rows"]

    def more(total: int) -> Markup:
        return Markup('<p class="small">{}</p>').format(f"另有{total - rows}条见预警明细.csv") if total > rows else Markup("")

    alarms = [_alarm(a) for a in _one_each(warnings.bursts)]
    return templates("fraudrisk.campaign").get_template("brief.html.j2").render(
        s=s, rows=rows, more=more, alarms=alarms, collecting=sum(a["collecting"] > 0 for a in alarms), jumps=[_jump(j) for j in _rows(warnings.grade_jumps)],
        licences=_rows(warnings.expiring), chart=_chart(warnings.weekly), guard_note=escape(f"{s['guard_days']}天"),
    )  # fmt: skip


def _one_each(bursts: pd.DataFrame) -> list[dict[str, Any]]:
    """One alarm per object, those that go on first, the most surprising before."""
    shown: dict[tuple[str, str], dict[str, Any]] = {}
    for alarm in sorted(_rows(bursts), key=lambda a: (not a["ongoing"], a["p"])):
        shown.setdefault((_ONE.get(alarm["kind"], alarm["kind"]), alarm["key"]), alarm)
    return list(shown.values())


def _alarm(alarm: dict[str, Any]) -> dict[str, Any]:
    expected, ratio = alarm["expected"], alarm["ratio"]
    return {
        **alarm,
        "kind_zh": KINDS[alarm["kind"]],
        "unit": "篇" if alarm["kind"] == "opinion" else "人",
        "expected_zh": f"{expected:.1f}" if expected >= 0.05 else "不足0.1",
        "ratio_zh": f"（{ratio:.1f}倍）" if expected >= 0.05 else "",  # a ratio to almost nothing says nothing
    }


def _jump(jump: dict[str, Any]) -> dict[str, Any]:
    before = jump["score_before"]
    sentences = re.split(r"(?<=\))\uff1b", jump["risen"]) if jump["risen"] else []
    return {
        **jump,
        "before_zh": "-" if before is None else f"{before:g}",
        "score_zh": f"{jump['score']:g}",
        "why": "；".join(sentences[:_WHY]),
    }


def _chart(weekly: pd.DataFrame) -> dict[str, Any] | None:
    """Coordinates of the picture: bars, band, expected line, ticks."""
    weeks = _rows(weekly)
    if not weeks:
        return None
    top = max([w["persons"] for w in weeks] + [w["high"] or 0 for w in weeks] + [1])
    step = next(s for n in range(12) for s in (10**n, 2 * 10**n, 5 * 10**n) if top / s <= 4)
    floor, wide = _HEIGHT - _FOOT, (_WIDTH - _LEFT - _RIGHT) / len(weeks)
    scale = (floor - 14) / (-(-top // step) * step)

    def at(n: int, value: float) -> str:
        return f"{_LEFT + (n + 0.5) * wide:.1f},{floor - value * scale:.1f}"

    known = [n for n, w in enumerate(weeks) if w["expected"] is not None]
    band = [at(n, weeks[n]["high"]) for n in known] + [at(n, weeks[n]["low"]) for n in reversed(known)]
    bars = [
        {
            "x": round(_LEFT + n * wide + wide * 0.2, 1), "middle": round(_LEFT + (n + 0.5) * wide, 1), "width": round(wide * 0.6, 1),
            "y": round(floor - w["persons"] * scale, 1), "height": round(w["persons"] * scale, 1), "value": w["persons"],
            "over": w["high"] is not None and w["persons"] > w["high"],
        }
        for n, w in enumerate(weeks)
    ]  # fmt: skip
    over = [f"{w['week_end']}周{w['persons']}人" for w, b in zip(weeks, bars, strict=True) if b["over"]]
    last = weeks[-1]
    text = f"最近一周(截至{last['week_end']}){last['persons']}人"
    text += f",预期{last['expected']:.1f}人,范围{last['low']:g}至{last['high']:g}人" if last["expected"] is not None else ""
    text += f"。高出预期范围的周:{'、'.join(over)}。" if over else "。没有一周高出预期范围。"
    labels = [{"x": bars[n]["middle"], "text": weeks[n]["week_end"][5:]} for n in range(len(weeks) - 1, -1, -5) if n > 0]
    ticks = [{"y": round(floor - v * scale, 1), "value": v} for v in range(0, int(-(-top // step) * step) + 1, step)]
    return {
        "width": _WIDTH, "height": _HEIGHT, "left": _LEFT, "ticks": ticks, "bars": bars, "labels": labels, "text": text,
        "bands": [" ".join(band)] if len(known) > 1 else [], "lines": [" ".join(at(n, weeks[n]["expected"]) for n in known)] if len(known) > 1 else [],
        "short": len(known) < len(weeks),
    }  # fmt: skip


# -- the files -------------------------------------------------------------------------------------------------------------


def _details(warnings: Warnings) -> pd.DataFrame:
    import pandas as pd

    lines: list[dict[str, Any]] = [
        {
            "类型": "突增:" + KINDS[a["kind"]], "对象": a["label"], "编号": a["key"], "等级": a["grade"], "首次预警": a["first_seen"],
            "最近预警": a["last_seen"], "窗口天数": a["window_days"], "人数": a["persons"], "件数": a["count"], "预期人数": f"{a['expected']:.3g}",
            "倍数": f"{a['ratio']:.3g}", "上尾概率": f"{a['p']:.2g}", "仍在收款人数": a["collecting"], "记录编号": a["records"],
            "说明": "持续" if a["ongoing"] else "已回落",
        }
        for a in _rows(warnings.bursts)
    ]  # fmt: skip
    for j in map(_jump, _rows(warnings.grade_jumps)):
        said = f"{j['grade_before'] or '上次未评'}→{j['grade']}，{j['before_zh']}→{j['score_zh']}分；{j['risen']}"
        lines.append({"类型": "等级上升", "对象": j["name"], "编号": j["business_id"], "等级": j["grade"], "说明": said})
    for x in _rows(warnings.expiring):
        said = f"{x['license_name']}；{x['state']}；{x['days_left']}天"
        lines.append(
            {
                "类型": "许可到期", "对象": x["name"], "编号": x["business_id"], "等级": x["grade"], "说明": said, "许可到期日": x["valid_to"],
                "记录编号": x["license_no"],
            }
        )  # fmt: skip
    full = [{c: "" if line.get(c) is None else line[c] for c in DETAILS} for line in lines]  # an empty cell makes no whole number a float
    frame = pd.DataFrame(full, columns=list(DETAILS), dtype=object).assign(声明=warnings.summary["notice"])
    return frame.map(lambda v: safe_text(v) if isinstance(v, str) else v)


def _plain(warnings: Warnings) -> dict[str, Any]:
    frames = ("bursts", "grade_jumps", "expiring", "rates", "weekly")
    return {"notice": warnings.summary["notice"], "summary": warnings.summary, **{name: _rows(getattr(warnings, name)) for name in frames}}


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain JSON values: missing and infinite as None, days as text."""
    return [{str(k): _value(v) for k, v in row.items()} for row in frame.to_dict("records")]


def _value(value: Any) -> Any:
    if hasattr(value, "item"):
        value = value.item()
    if value is None or value != value or value in (float("inf"), float("-inf")):
        return None
    if isinstance(value, dt.date):
        return f"{value:%Y-%m-%d}"
    return value
