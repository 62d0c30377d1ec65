"""Cards as people hold them: one HTML page that prints a card per A4 and reads on a phone, and the rows of the workbook's sheet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fraudrisk.files import atomic_text
from fraudrisk.pages import templates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["card_rows", "write_cards"]


def write_cards(cards: Sequence[Mapping[str, Any]], path: Path, *, as_of: str, notice: str, footer: str) -> None:
    """Write the page, whole or not at all; it loads nothing from anywhere.

    Parameters
    ----------
    cards : sequence of mappings
        As from :func:`fraudrisk.clues.card.build_cards`.
    path : Path
    as_of, notice, footer : str
    """
    text = templates("fraudrisk.clues").get_template("cards.html.j2").render(cards=cards, as_of=as_of, notice=notice, footer=footer)
    with atomic_text(path) as stream:
        stream.write(text)


def card_rows(card: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A card as lines of heading and content, for the workbook's sheet.

    Examples
    --------
    >>> card = dict.fromkeys(["why", "against", "checks", "gaps", "related", "history", "together", "conduct", "tactics"], [])
    >>> card |= {"clue": "YL-1", "name": "某店", "uscc": None, "status": None, "place": None, "grade": "C", "score": 41.0, "low": 41, "high": 60,
    ...          "change": None, "category": None, "months": [0] * 12, "spark": "", "owner": "市场监管", "visits": 0, "cap": 4, "last_visit": None}
    >>> card_rows(card)[0]
    ('线索', 'YL-1  C级  某店')
    """
    change = "" if card["change"] is None else f"，较上期{card['change']:+g}"
    quoted = [
        "\n".join(
            [
                f"{n}. {r['sentence']}（{r['points']:+g}）",
                *(f"   “{q['words']}”（{q['record']}，{q['day'] or '日期不明'}）" for q in r["quotes"][:1]),
            ]
        )
        for n, r in enumerate(card["why"], 1)
    ]
    against = [f"{r['sentence']}（{r['points']:+g}）" for r in card["against"]] + [
        f"先排除：{r['counter']}" for r in card["why"][:3] if r["counter"]
    ]
    visits = "未载入" if card["visits"] is None else f"{card['visits']}次"
    rows = [
        ("线索", f"{card['clue']}  {card['grade']}级  {card['name']}"),
        ("主体", f"{card['uscc'] or '无统一社会信用代码'}  {card['status'] or '登记状态不明'}  {card['place'] or '地址不明'}"),
        ("评分", f"{card['score']:g}分（数据补齐后可能在{card['low']:g}-{card['high']:g}）{change}"),
        ("类别手法", f"{card['category'] or '待研判'} {'、'.join(card['tactics'])}".strip()),
        ("为什么上榜", "\n".join(quoted)),
        ("反证与减分", "\n".join(against)),
        ("到现场看什么", "\n".join(f"{n}. {i['look_at']}（取证：{i['take']}；{i['clause']}）" for n, i in enumerate(card["checks"], 1))),
        ("还缺什么", "\n".join(card["gaps"])),
        ("关联主体", "\n".join(f"{r['how']}：{r['name']}（{r['grade']}级）" for r in card["related"])),
        ("以往记录", "\n".join(f"{h['day'] or '日期不明'} {h['kind']}：{h['words']}" for h in card["history"][:6])),
        ("近十二月反映", f"{card['spark']} 共{sum(card['months'])}人次"),
        (
            "由谁去",
            f"牵头：{card['owner']}"
            + ("；会同：" + "、".join(f"{t['department']}（{t['reason']}）" for t in card["together"]) if card["together"] else ""),
        ),
        ("检查次数", f"本年{visits}，上限{card['cap']}次" + (f"；最近{card['last_visit']}" if card["last_visit"] else "")),
        ("行为规范", "\n".join(card["conduct"])),
        ("核查结论", "□属实 □部分属实 □不属实 □无法核实 □移送 □重复件    核查人：          日期：        "),
    ]
    return [(name, text or "无") for name, text in rows]
