"""Facts a complaint states: what was paid, how far along it is, whether old people are concerned, who is complained of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fraudrisk.complaints.lexicon import Span, any_of
from fraudrisk.packs.loader import Pack
from fraudrisk.records.amounts import Amount, find_amounts, parse_amount
from fraudrisk.records.screening import Screen, as_column

__all__ = ["Elderly", "FactFinder", "Found"]

Elderly = str
"""明确, 推断 or 未知."""

_P = r"\uff0c,\u3002.;\uff1b\uff01!\uff1f?\n\u3001:\uff1a"
_PAID = re.compile(
    r"(?:交|付|花|转|投|充|缴|汇|打|存|买|购|办|押|借|垫|损失|被骗|骗走|骗去|骗了|收取|收了|收|刷|给了|给|掏|砸|扣|拿出|拿了|定金|押金|费|款|票面|本金|贷|值|卡|上当|被坑|套走|搭进去|套)"
)
_PROMISED = re.compile(
    r"(?:返|送|利息|收益|分红|每月给|每年给|月返|年返|补贴|估价|估值|拍出|拍卖到|卖到|市价|市场价|原价|升值|涨到|增值到|回购|奖励|赔偿|退休金|工资|每月领|月领|能领|可领|可得|领取|到手|拿到|返还|中奖|额度|低保|解冻|发放|成本|网上卖|只要|只卖|起步|底价|万人|值)[^"
    + _P
    + r"]{0,8}$"
)
_TOTAL = re.compile(r"(?:一共|总共|共计|合计|总计|累计|前后|前前后后|加起来|陆续|总额|总金额|涉及金额|涉案金额|共)[^" + _P + r"]{0,12}$")
_EACH = re.compile(r"(?:每人|每位|一人|人均|每个人|每户|每份|每盒|每套|每瓶|一盒|一套|一瓶|每张|一张|单价)[^" + _P + r"]{0,5}$")
_BACK = re.compile(r"(?:退了|退回|退还|退给|退我|返了|返给|已退|追回|要回|拿回)[^" + _P + r"]{0,6}$")
_NAME = re.compile(
    r"(?:叫|名叫|名为|叫做|店名|公司名|名称|单位|公司|抬头|落款|牌子上写|招牌)(?:是|为|叫|写着|:|\uff1a)?[“\"「『《](?P<a>[^”\"」』》]{2,24})[”\"」』》]"
)
_CALLED = re.compile(r"(?:好像叫|名叫|叫做|名为|店名|叫个|叫什么|叫)(?P<a>[\u4e00-\u9fffA-Za-z0-9\uff08\uff09()·*×X]{2,18})")
_CUT = re.compile(
    r"^.*(?:反映|投诉|举报|称|在|到|去|被|叫做|名叫|名为|叫|是|向|找|给|对|与|跟|和|由|从|的|某|一家|这家|那家|那个|这个|一个|开的|举办|有个|有家|新开|进了|购买|加入|参加|办了|签了|联系|通过|请|让|把|关于|为|及|里面|里|旁边|附近|对面|楼下|楼上|前|后|了|于|说|冒充|自称|位于|市民|母亲|父亲|老人|老伴|奶奶|爷爷|妈妈|爸爸|人员)"
)
_RATE = re.compile(r"(?P<n>[\d.]+|[一二两三四五六七八九十]+)\s?(?:%|\uff05|个点|分利|厘|个百分点)")


_TAIL = 80
"""Characters in which a ticket's template tail stands."""


@dataclass(frozen=True, slots=True)
class Found:
    """A value and the words that say it."""

    value: object
    quote: str
    start: int


class FactFinder:
    """Reads facts out of one folded text, by the pack's cue words and this package's grammar of amounts.

    Parameters
    ----------
    pack : Pack
    """

    def __init__(self, pack: Pack) -> None:
        lexicon = pack.lexicon
        self._stages = [(code, any_of(patterns)) for code, patterns in lexicon.stages.items()]
        self._settled = any_of(lexicon.settled)
        self._codes = sorted(t.code for t in pack.taxonomy.tactics)
        self._explicit = any_of(lexicon.elderly_explicit)
        self._inferred = any_of(lexicon.elderly_inferred)
        self._return = any_of(lexicon.promised_return)
        self._professional = any_of(lexicon.professional_claim)
        self._head = re.compile(rf"\s*(?:{'|'.join(f'(?:{p})' for p in lexicon.template_head) or '(?!)'})\s*")
        self._tails = [re.compile(p) for p in lexicon.template_tail]
        self._may_end = Screen(re.compile("|".join(f"(?:{p})" for p in lexicon.template_tail) or "(?!)"))
        self._may_name_old = Screen(self._explicit), Screen(self._inferred)
        self._may_claim = Screen(self._professional)
        self._stop = frozenset(lexicon.respondent_stop)
        suffixes = sorted(lexicon.respondent_suffix, key=len, reverse=True)
        self._respondent = re.compile(
            rf"[\u4e00-\u9fffA-Za-z0-9\uff08\uff09()·*×]{{1,20}}?(?:{'|'.join(map(re.escape, suffixes)) or '(?!)'})"
        )

    def cores(self, texts: Sequence[str]) -> list[tuple[int, int]]:
        """:meth:`core` of every text."""
        templates = self._may_end.may_match(as_column([t[-_TAIL:] for t in texts]))
        return [self.core(text) if tail else (self._begin(text), len(text)) for text, tail in zip(texts, templates, strict=True)]

    def core(self, text: str) -> tuple[int, int]:
        """Where the complaint itself begins and ends, without the ticket's template head and tail."""
        start, end = self._begin(text), len(text)
        for _ in range(4):
            cut = min(
                (m.start() for p in self._tails if (m := p.search(text, max(start, end - _TAIL), end)) and m.start() > start + 5),
                default=end,
            )
            if cut == end:
                break
            end = cut
        return start, end

    def _begin(self, text: str) -> int:
        start = 0
        for _ in range(4):
            match = self._head.match(text, start)
            if not match or match.end() == start or match.end() >= len(text) - 5:
                break
            start = match.end()
        return start

    def professionals(self, texts: Sequence[str]) -> list[bool]:
        """:meth:`professional` of every text."""
        return [may and self.professional(t) for t, may in zip(texts, self._may_claim.may_match(as_column(texts)), strict=True)]

    def professional(self, text: str) -> bool:
        """Whether it reads like a professional claimant's template."""
        return len({m.group() for m in self._professional.finditer(text)}) >= 2

    def elderly(self, text: str) -> Elderly:
        """明确 where age or old people are named, 推断 where family or habits suggest it, else 未知."""
        explicit, inferred = self.elderly_flags(text)
        return "明确" if explicit else "推断" if inferred else "未知"

    def elderly_flags_of(self, texts: Sequence[str]) -> list[list[bool]]:
        """:meth:`elderly_flags` of every text."""
        column = as_column(texts)
        may = zip(*(screen.may_match(column) for screen in self._may_name_old), strict=True)
        return [
            [explicit and bool(self._explicit.search(t)), inferred and bool(self._inferred.search(t))]
            for t, (explicit, inferred) in zip(texts, may, strict=True)
        ]

    def elderly_flags(self, text: str) -> list[bool]:
        """Whether it uses words that name old people, and words that suggest them."""
        return [bool(self._explicit.search(text)), bool(self._inferred.search(text))]

    def stage(self, text: str) -> Found | None:
        """How far along the scheme is: the first stage of the lexicon that the text speaks of."""
        if match := self._settled.search(text):
            return Found("已解决", match.group(), match.start())
        for code, pattern in self._stages:
            if match := pattern.search(text):
                return Found(code, match.group(), match.start())
        return None

    def flags(self, text: str, spans: Sequence[Span]) -> list[bool]:
        """What the lexicon saw: one flag per tactic, one per stage, one for settled."""
        seen = {s.tactic for s in spans}
        return [*(code in seen for code in self._codes), *(bool(p.search(text)) for _, p in self._stages), bool(self._settled.search(text))]

    def amount(self, text: str) -> Found | None:
        """What was paid or lost in total, in yuan: a stated total, else the sum of the payments named."""
        paid: list[Amount] = []
        total: Amount | None = None
        for amount in find_amounts(text):
            before = text[max(0, amount.start - 16) : amount.start]
            near = _after_break(before)
            if (
                _PROMISED.search(near)
                or _BACK.search(near)
                or amount.yuan < 5
                or text[amount.end : amount.end + 2].lstrip("元块").startswith("送")
            ):
                continue
            if _TOTAL.search(near) and _paid_near(text, amount):
                total = amount if total is None or amount.yuan >= total.yuan else total
            elif _paid_near(text, amount) and not (_EACH.search(near) and paid):
                paid.append(amount)
        if total and (not paid or total.yuan >= max(a.yuan for a in paid)):
            return Found(total.yuan, text[total.start : total.end], total.start)
        if not paid:
            return None
        values: list[Amount] = []
        for amount in paid:  # the same figure told twice is one payment
            if not any(amount.yuan == other.yuan for other in values):
                values.append(amount)
        return Found(sum(a.yuan for a in values), text[values[0].start : values[0].end], values[0].start)

    def promised_return(self, text: str, amount: float | None = None) -> Found | None:
        """The highest promised yearly rate of return, in percent.

        A month's rate counts twelvefold; a return in yuan counts against what was paid.
        """
        best: Found | None = None
        for match in self._return.finditer(text):
            rate = _yearly(match.group(), amount)
            if rate and (best is None or rate > float(best.value)):  # type: ignore[arg-type]
                best = Found(rate, match.group(), match.start())
        return best

    def respondent(self, text: str) -> Found | None:
        """Who is complained of, as written."""
        for pattern in (_NAME, self._respondent, _CALLED):
            for match in pattern.finditer(text):
                raw, start = (match["a"], match.start("a")) if pattern is not self._respondent else (match.group(), match.start())
                cut = _CUT.match(raw) if pattern is self._respondent else None
                name = raw[cut.end() :] if cut else raw
                if len(name) >= 3 and name not in self._stop and not any(name == s for s in self._stop):
                    return Found(name, name, start + len(raw) - len(name))
        return None


def _after_break(before: str) -> str:
    for place in range(len(before) - 1, -1, -1):
        if before[place] in "\uff0c,\u3002;\uff1b\uff01!\uff1f?\n":
            return before[place + 1 :]
    return before


def _paid_near(text: str, amount: Amount) -> bool:
    before = _after_break(text[max(0, amount.start - 14) : amount.start])
    after = re.split("[" + _P + "]", text[amount.end : amount.end + 10])[0]
    return bool(
        _PAID.search(before)
        or re.match(
            r"(?:多|余|来)?(?:元|块|块钱|元钱)?(?:的)?(?:钱)?(?:买|办|交|给|定金|押金|费|学费|货款|就没了|没了|打水漂|投|充|一套|一盒|都|全)",
            after,
        )
    )


def _yearly(words: str, amount: float | None) -> float | None:
    if match := _RATE.search(words):
        number = float(match["n"]) if match["n"][0].isdigit() and match["n"].count(".") < 2 else parse_amount(match["n"]) or 0.0
        if "分利" in match.group() or re.search(r"月息|月利|每月|月返|一个月|按月", words):
            number *= 12
        elif "厘" in match.group():
            number *= 1.2
        elif re.search(r"每天|日息|一天|日返", words):
            number *= 365
        return min(number, 1000.0) if number else None
    money = next(find_amounts(words), None)
    if money and amount and money.yuan < amount:
        per_year = 12 if re.search(r"月", words) else 52 if re.search(r"周|星期|礼拜", words) else 365 if re.search(r"天|日", words) else 1
        return min(round(money.yuan * per_year / amount * 100, 1), 1000.0)
    return None
