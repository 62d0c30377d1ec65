"""Amounts of money as Chinese people write them: 3万多, 叁万陆仟元整, 3.6w, 三四千, 1,000.00元, 六万五, 两万一.

One grammar serves a register's cells and the amounts inside complaint text. A vague amount reads as its floor: 3万多 is
30,000, 三四千 is 3,000.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["AMOUNT", "Amount", "find_amounts", "parse_amount"]

_CN = {c: i for i, c in enumerate("零一二三四五六七八九")} | {c: i for i, c in enumerate("零壹贰叁肆伍陆柒捌玖")}
_CN |= {"〇": 0, "两": 2, "俩": 2, "貳": 2, "叄": 3, "陸": 6, "廿": 20, "卅": 30, "弍": 2, "仨": 3}
_UNIT = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000, "k": 1000, "K": 1000}
_BIG = {"万": 10_000, "萬": 10_000, "w": 10_000, "W": 10_000, "亿": 100_000_000, "億": 100_000_000}
_CN_CHARS = "零〇一二三四五六七八九两俩仨廿卅壹贰貳叁叄肆伍陆陸柒捌玖"
_UNIT_CHARS = "十拾百佰千仟kKwW万萬亿億"

AMOUNT = re.compile(
    rf"(?:\d+(?:[,\uff0c]\d{{3}}(?!\d))*(?:\.\d+)?[{_UNIT_CHARS}]{{0,2}}|[{_CN_CHARS}十拾百佰千仟]+[{_UNIT_CHARS}]{{0,2}})"
    rf"(?:[零〇]?[\d{_CN_CHARS}]+(?:\.\d+)?[{_UNIT_CHARS}]*)*"
    r"(?:多|余|来|几|出头|左右|上下)?[{_UNIT_CHARS}]?".replace("{_UNIT_CHARS}", _UNIT_CHARS)
)
"""A run that may be an amount; whether it is money is decided by what stands around it."""

_VAGUE = re.compile(
    r"(?:余|多|来|几|出头|左右|上下|以上|近|约|大概|大约|将近|差不多|至少|起码|足足|整整|合计|共计|共|总计|人民币|罚款|罚没|RMB|rmb|¥|\uffe5)"
)
_MONEY_TAIL = re.compile(r"(?:元整|圆整|元钱|块钱|元|圆|块|整|人民币|RMB|rmb)+$")
_FEN = re.compile(r"(?P<jiao>[\d一二三四五六七八九壹贰叁肆伍陆柒捌玖])[角毛](?P<fen>[\d一二三四五六七八九壹贰叁肆伍陆柒捌玖])?分?$")


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount found in text: value in yuan and where it stands."""

    yuan: float
    start: int
    end: int


def parse_amount(cell: str) -> float | None:
    """Read one amount in yuan; ``None`` where the cell is none.

    Examples
    --------
    >>> [parse_amount(a) for a in ("3万余元", "叁万陆仟元整", "3.6w", "三四千", "1,000.00元", "约2万", "六万五", "两万一千三", "0万元")]
    [30000.0, 36000.0, 36000.0, 3000.0, 1000.0, 20000.0, 65000.0, 21300.0, 0.0]
    """
    text = _VAGUE.sub("", cell.strip().replace(" ", ""))
    fraction = 0.0
    if match := _FEN.search(text):
        fraction = _digit(match["jiao"]) / 10 + _digit(match["fen"] or "0") / 100
        text = text[: match.start()]
    text = _MONEY_TAIL.sub("", text).replace(",", "").replace("\uff0c", "")
    if re.fullmatch(r"[+-]?\d+(?:\.\d+)?(?:[eE]\+?\d+)?", text):
        return float(text) + fraction
    value = _number(text)
    return None if value is None else value + fraction


def _digit(char: str) -> int:
    return int(char) if char.isdigit() and char.isascii() else _CN.get(char, 0)


def _number(text: str) -> float | None:
    """Evaluate units by magnitude: every unit multiplies the section before it; a trailing digit borrows the next lower one."""
    if not text:
        return None
    total = section = 0.0
    pending: float | None = None
    last_unit = 1.0
    seen_zero = False
    for part in re.findall(r"\d+(?:\.\d+)?|.", text):
        if part[0].isdigit() and part[0].isascii():
            pending = float(part)
        elif part in _CN:
            digit = float(_CN[part])
            # 三四千: the first of two neighbours is the floor; 零 marks a skipped place, 三零五 is read digit by digit
            joined = pending is not None and not seen_zero
            pending = digit if not joined or pending is None else pending if digit == pending + 1 else pending * 10 + digit
            seen_zero = part in "零〇" and pending == 0
            if seen_zero:
                pending, last_unit = None, 10.0
        elif part in _UNIT:
            section += (1.0 if pending is None else pending) * _UNIT[part]
            last_unit, pending, seen_zero = float(_UNIT[part]), None, False
        elif part in _BIG:
            section = 1.0 if pending is None and not section else section + (pending or 0.0)
            total = (total + section) * _BIG[part] if _BIG[part] > 10_000 else total + section * _BIG[part]
            last_unit, pending, section, seen_zero = float(_BIG[part]), None, 0.0, False
        else:
            return None
    if pending is not None:  # 六万五 = 65,000; 一千二 = 1,200; 三百零五 = 305
        section += pending * (last_unit / 10 if last_unit > 10 and 0 < pending < 10 else 1)
    return total + section


_DIGITS = _CN_CHARS.replace("零", "").replace("〇", "")
_ALONE = re.compile(rf"(?<=[{_DIGITS}])(?=\d)|(?<=\d)(?=[{_DIGITS}])")
"""9800一床, 押一付五7200: figures and characters side by side, no unit between, are two numbers."""
_SPARE = re.compile(rf"(?<=[{_UNIT_CHARS}])(?P<a>[{_DIGITS}])(?=(?P<b>[{_DIGITS}]))")
"""九千八一张: after a unit one bare digit closes the number; only neighbours (三万六七) are one vague figure."""


def _numbers(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Where the numbers of a run stand."""
    raw = text[start:end]
    cuts = {m.start() for m in _ALONE.finditer(raw)} | {m.end() for m in _SPARE.finditer(raw) if _CN[m["b"]] != _CN[m["a"]] + 1}
    if raw[-1] == "一" and raw[-2:-1] in _LARGE and _MEASURE.match(text, end):
        cuts.add(len(raw) - 1)
    places = [0, *sorted(cuts), len(raw)]
    return ((start + a, start + b) for a, b in itertools.pairwise(places))


_LARGE = frozenset("万萬wW千仟百佰kK")
_MONEY_AFTER = re.compile(r"\s?(?:多|余|几|来)?(?:元|块|圆|蚊|人民币|RMB|rmb)")
_MONEY_BEFORE = re.compile(r"(?:¥|\uffe5|人民币|RMB)\s?$")
_MEASURE = re.compile(
    r"(?:[年月日号天周岁名位人户家次栋幢楼层座室斤克盒箱瓶罐袋只头棵亩平米条部台套份股期节堂课桌张片粒颗支集章遍晚趟档格饼坛对根笼垄副幅枚床间罐桶筐本册件块间把辆口组针剂]|里(?![头面边])"
    r"|小时|分钟|星期|礼拜|疗程|个)"
)
"""五千一张 is five thousand for each: before what is counted, a last 一 belongs to it."""
_NOT_MONEY = re.compile(
    r"(?:个点|[%\uff05]|个百分点|分利|[月日号天岁名位人户家次栋幢楼层座室斤克盒箱瓶罐袋头棵亩平米条部台套份股期节堂课桌张片粒颗袋支集章遍]|公[里斤分顷升尺]|只(?![给要退有还剩是能到卖收])|年(?!金)|周(?!转)|里(?![头面边])"
    r"|小时|分钟|星期|礼拜|个月|多岁|多人|多名|多位|多户|多个|个|倍|积分|分贝|G|g|ml|kg|级|路|号线)"
)
_SHARE = re.compile(r"\s?成")
"""七成, but 两万八成交."""
_HOTLINE = re.compile(r"12(?:3(?:0[1569]|1[135689]|2[0189]|3[1-9]|45|48|5[0158]|6[5-9]|7[17]|8[1589]|93)|0[26])|95[0-9]{3}|96110")
_YEAR = re.compile(r"20(?:0[1-9]|[12]\d)")


_MONEY_NEXT, _MONEY_LAST = frozenset("多余几来元块圆蚊人Rr"), frozenset("¥\uffe5币Bb")


def _bare(text: str, start: int, end: int) -> bool:
    """Whether a run is one or two characters without a large unit and beside no word of money: most runs of a text are."""
    if end - start > 2 or not _LARGE.isdisjoint(text[start:end]):
        return False
    after, before = text[end : end + 1], text[max(0, start - 1) : start]
    return not (after in _MONEY_NEXT or after.isspace() or before in _MONEY_LAST or before.isspace())


_FIGURES = re.compile(r"[1-9]\d{2,7}(?:\.\d+)?(?:多|余|来|左右)?")
_DATE_OR_CLOCK = re.compile(r"\s?(?:[:点多年]|[-/.]\d)")


def find_amounts(text: str) -> Iterator[Amount]:
    """Every amount of money in `text`, in order: with a unit of money, or large enough and not counting something else.

    Examples
    --------
    >>> [a.yuan for a in find_amounts("交了3万6,返了2次,第3天又交五千块,一共四万一")]
    [36000.0, 5000.0, 41000.0]
    >>> [a.yuan for a in find_amounts("五千一张的卡办了两张,打了12345")]
    [5000.0]
    """
    runs = (m for m in AMOUNT.finditer(text) if not _bare(text, *m.span()))
    for start, end in (place for run in runs for place in _numbers(text, *run.span())):
        raw = text[start:end]
        money = _MONEY_AFTER.match(text, end) or _MONEY_BEFORE.search(text[max(0, start - 4) : start])
        if not money and not _large(text, raw, end):
            continue
        value = parse_amount(raw)
        if value:
            yield Amount(value, start, end)


def _large(text: str, raw: str, end: int) -> bool:
    """Whether a number beside no word of money is large enough to be money, and counts nothing else."""
    figures = raw.replace(",", "")
    if _LARGE.isdisjoint(raw) and not _FIGURES.fullmatch(figures):
        return False
    if raw.isdigit() and (_DATE_OR_CLOCK.match(text, end) or _HOTLINE.fullmatch(raw) or _YEAR.fullmatch(raw)):
        return False
    spaced = raw.isdigit() and text[end : end + 1].isspace()
    return not (_NOT_MONEY.match(text, end + spaced) or (len(raw) < 3 and _SHARE.match(text, end)))
