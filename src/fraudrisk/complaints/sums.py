"""What the total of a complaint may be: an amount it names, a sum of them, a price times a count; and what speaks for each.

:mod:`fraudrisk.complaints.payments` learns from these descriptions which one is what was paid.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from fraudrisk.records.amounts import Amount, parse_amount

__all__ = ["SENTENCE", "Candidate", "candidates", "describe", "says_total"]

_BREAK = re.compile(r"[\uff0c,\u3002;\uff1b\uff01!\uff1f?\n\u3001:\uff1a]")
SENTENCE = re.compile(r"[\u3002;\uff1b\uff01!\uff1f?\n]")
_CLAUSE = re.compile(r"[\uff0c,\u3002;\uff1b\uff01!\uff1f?\n]")
_TOTAL = re.compile(
    r"(?:一共|总共|共计|合计|总计|累计|前后|前前后后|加起来|陆续|总额|总金额|涉及金额|涉案金额|共)[^\uff0c,\u3002;\uff1b\n]{0,12}$"
)
_CUES = tuple(
    re.compile(words)
    for words in (
        r"[交付缴充投转汇打买购花掏刷存押凑贷办]|借给|给了",
        r"[返送领奖赚挣得]|利息|收益|分红|补贴|回本|工资|退休金|补助",
        r"[退还赔]|追回|要回|拿回",
        r"[每各]|一[人张套盒份床棵]|单价",
        r"[值估卖起涨价]|网上|成本|只要|收费",
        r"被骗|骗走|骗了|损失|套走|搭|没了|打水漂|拿走|收走|划走|扣",
        r"[要让叫说称需得]|承诺|如果|先",
        r"[没未不]交|没给|[没不]办|没买|不肯|拒绝|差点",
        r"[总共]|合计|累计|前后|加起来|陆续|合起来|合着",
        r"别人|邻居|有人|他们|群里|大家|隔壁|老人们|其他|户|另|亲戚|同事|街坊",
        r"我|母亲|父亲|老伴|奶奶|爷爷|婆婆|岳|来电人|本人|诉求人|反映人",
        r"又|再|还|后来|追加|另外|接着|随后|第二|次日|加",
        r"下[个周月一]|准备|打算|正要|马上|差点|催|要求|想要?让|如果|要是|才能",
        r"各|每人|一人一|都[交买办投]|[俩两]人|分别",
    )
)
"""Paid, got, given back, each, price, lost, asked for, not paid, in all, others, one's own, once more, not yet, both: kinds of words
beside an amount."""

_MEASURE = "(?P<m>疗程|[人个位名份套盒瓶箱棵株间张床台幅只头亩口户股单件条块斤期次回笔年月节堂包袋桶罐册枚把组平对根笼垄分副米筐针剂间眼桩桌颗粒本档格饼坛])"
_UNIT_BEFORE = re.compile(rf"(?:[每一单]{_MEASURE}|(?P<each>各))[^\uff0c,\u3002;\n]{{0,5}}$")
_UNIT_AFTER = re.compile(rf"(?:多|余)?(?:元|块钱|块)?(?:钱)?[^\uff0c,\u3002;\n]{{0,2}}(?:/|一|每){_MEASURE}")
_COUNT = re.compile(rf"(?P<n>\d{{1,3}}|[二三四五六七八九]?十[一二三四五六七八九]?|[两俩三仨四五六七八九])(?:来|多|余)?个?{_MEASURE}")
_BOUGHT = re.compile(r"[买投拿办交搬订送要刷存认领参报](?:了|过|回|来|下|掉|去)*共?$")
_TWO = re.compile(r"老两口|两口子|我们?[俩两]|夫妻|和我?老[伴公婆头]|爸妈|父母|爷爷奶奶|外公外婆|公婆|俩老|二老|各[一买办交]|[他她]俩")
_PERSON = frozenset("人位个名口户")
_NEAR, _MOST_TIMES, _PRODUCTS = 14, 60, 5
"""Characters between a price and its count; the largest count; counts tried for one price."""
_TOP, _RUN, _ALL = 6, 5, 10
"""Likeliest amounts that are added up, longest run of neighbours, most amounts that are all added up."""


@dataclass(slots=True)
class Candidate:
    """One reading of the total: which of the amounts make it, and how.

    ``count`` describes the count of a product: the number, whether it counts what the price is for, how far it stands, whether
    the price is one for each, whether "the two of us" is the count, whether it comes after the price.
    """

    yuan: float
    members: tuple[int, ...]
    kinds: set[str] = field(default_factory=set)
    count: tuple[float, ...] = (0, 0, 99, 0, 0, 0)


_LIKELIEST, _LEFT, _OF_TEXT = 3, 5, (8, 9, 17, 18)
"""Among the numbers of :func:`describe`: the likeliest of a reading, what it leaves out, and what is the same for all readings."""
_KINDS = ("one", "likeliest", "two", "three", "again", "all", "run", "product")


def candidates(text: str, found: Sequence[Amount], chances: Any) -> list[Candidate]:
    """Readings of the total, each value once.

    Parameters
    ----------
    text : str
        Folded.
    found : sequence of Amount
        The amounts the text names, in order; at least one.
    chances : ndarray of float, shape (n_found,)
        How likely each was paid; any scale.
    """
    out: dict[float, Candidate] = {}
    for members, kind in _additions(found, chances):
        _add(out, Candidate(sum(found[i].yuan for i in members), members), kind)
    for product in _products(text, found):
        _add(out, product, "product")
    return list(out.values())


def _add(out: dict[float, Candidate], candidate: Candidate, kind: str) -> None:
    """The reading with the fewest amounts stands for its value."""
    key = round(candidate.yuan, 2)
    there = out.get(key)
    if there is None or len(there.members) > len(candidate.members):
        candidate.kinds = there.kinds if there else candidate.kinds
        out[key] = there = candidate
    there.kinds.add(kind)


def _additions(found: Sequence[Amount], chances: Any) -> Iterator[tuple[tuple[int, ...], str]]:
    n = len(found)
    yield from (((i,), "one") for i in range(n))
    order = np.argsort(-np.asarray(chances), kind="stable").tolist()
    likeliest = list({found[i].yuan: i for i in reversed(order)}.values())[::-1]  # the same figure told twice is one payment
    yield from ((tuple(likeliest[:k]), "likeliest") for k in range(2, min(_TOP, len(likeliest)) + 1))
    yield from ((pair, "two") for pair in itertools.combinations(likeliest[:5], 2))
    yield from ((three, "three") for three in itertools.combinations(likeliest[:4], 3))
    if 1 < n <= _ALL:
        yield tuple(likeliest), "all"
        yield tuple(range(n)), "all"
    yield from ((tuple(range(a, b)), "run") for a in range(n) for b in range(a + 2, min(n, a + _RUN) + 1))
    for yuan in {a.yuan for a in found}:
        same = tuple(i for i in range(n) if found[i].yuan == yuan)
        if len(same) > 1:
            yield same, "again"


def _products(text: str, found: Sequence[Amount]) -> Iterator[Candidate]:
    counts = [(n, m["m"], m.start(), m.end()) for m in _COUNT.finditer(text) if 1 < (n := parse_amount(m["n"]) or 0) <= _MOST_TIMES]
    two = bool(_TWO.search(text))
    if not counts and not two:
        return
    for k, amount in enumerate(found):
        unit = _unit(text, amount)
        fitting = [
            (n, float(same), near, float(unit is not None), 0.0, float(start > amount.start))
            for n, measure, start, end in counts
            if not (amount.start < end and start < amount.end)
            for same in (unit is not None and (measure == unit or (unit in _PERSON and measure in _PERSON)),)
            for near in (min(abs(start - amount.end), abs(amount.start - end), 60),)
            if same or near <= _NEAR or _BOUGHT.search(text[max(0, start - 5) : start])
        ]
        if two:
            fitting.append((2.0, float(unit is None or unit in _PERSON), 5, float(unit is not None), 1.0, 1.0))
        for count in sorted(fitting, key=lambda c: (not c[1], c[2]))[:_PRODUCTS]:
            yield Candidate(amount.yuan * count[0], (k,), count=count)


@lru_cache(maxsize=1024)
def _number(words: str) -> float:
    return parse_amount(words) or 0.0


def _unit(text: str, amount: Amount) -> str | None:
    """What the amount is the price of one of, if it is one."""
    if match := _UNIT_BEFORE.search(text[max(0, amount.start - 9) : amount.start]):
        return match["m"] or "人"
    match = _UNIT_AFTER.match(text, amount.end)
    return match["m"] if match else None


def says_total(text: str, amount: Amount) -> bool:
    """Whether the clause says that this amount is the total."""
    return bool(_TOTAL.search(_CLAUSE.split(text[max(0, amount.start - 16) : amount.start])[-1]))


def describe(text: str, found: Sequence[Amount], chances: Any, said: float, readings: Sequence[Candidate]) -> Any:
    """What speaks for and against each reading, and last for none of them.

    Parameters
    ----------
    chances : ndarray of float, shape (n_found,)
        Log-odds that each amount was paid.
    said : float
        Log-odds that the text says at all what was paid.

    Returns
    -------
    ndarray of float, shape (n_readings + 1, n_descriptions)
        Of none: what is said of the whole text; the rest is missing.
    """
    values, yuan = np.array([a.yuan for a in found]), np.array([r.yuan for r in readings])
    inside = np.zeros((len(readings), len(found)), bool)
    for row, reading in zip(inside, readings, strict=True):
        row[list(reading.members)] = True
    outside = ~inside
    some, size = outside.any(axis=1), inside.sum(axis=1)
    total = np.array([says_total(text, a) for a in found])
    beside = np.array([_beside(text, a) for a in found], float)
    first, last = inside.argmax(axis=1), len(found) - 1 - inside[:, ::-1].argmax(axis=1)
    numbers = (
        size,
        inside @ chances,
        np.where(inside, chances, np.inf).min(axis=1),
        np.where(inside, chances, -np.inf).max(axis=1),
        np.where(outside, chances, -9.0).max(axis=1),
        outside @ np.logaddexp(0, chances),
        np.log10(yuan + 1),
        np.log10(yuan / values.max()),
        np.full(len(readings), len(found)),
        np.full(len(readings), len(set(values.tolist()))),
        inside @ total,
        outside @ total,
        (outside & (np.abs(values - yuan[:, None]) < 1)).any(axis=1),
        some & (np.abs(outside @ values - yuan) < 1),
        first / len(found),
        last / len(found),
        np.array([a.start for a in found])[first] / max(len(text), 1),
        np.full(len(readings), len(text) / 300),
        np.full(len(readings), said),
    )
    described = np.column_stack(
        (
            *numbers,
            [[kind in r.kinds for kind in _KINDS] for r in readings],
            [r.count for r in readings],
            (inside @ beside) / size[:, None],
        )
    )
    none = np.full(described.shape[1], np.nan)
    none[_LIKELIEST], none[_LEFT] = np.max(chances), np.logaddexp(0, chances).sum()
    none[list(_OF_TEXT)] = described[0, list(_OF_TEXT)]
    return np.vstack([described, none])


def _beside(text: str, amount: Amount) -> list[bool]:
    """Which kinds of words stand before the amount in its clause, and in its sentence, and which after it."""
    left = text[max(0, amount.start - 40) : amount.start]
    clause = _BREAK.split(left)[-1]
    sentence = SENTENCE.split(left)[-1]
    after = SENTENCE.split(text[amount.end : amount.end + 20])[0]
    return [bool(cue.search(part)) for part in (clause, sentence, after) for cue in _CUES]
