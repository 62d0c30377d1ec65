"""Complaint texts from template families, in the voices in which people really write and recorders really type.

Families and slot values live in ``texts.yaml``. A family is marked ``train`` or ``test``; amounts, relatives, gifts, places,
the spelling of the business, punctuation, typos and numbers inside the text are drawn for each ticket.
"""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fraudrisk.simulate.world import load_yaml

__all__ = ["Family", "Mention", "Rendered", "TextMaker", "load_families"]

_TOKEN = re.compile(r"\{(\w+)\}|\[([^\[\]]*)\]")
_WIDE = str.maketrans({",": "\uff0c", ";": "\uff1b", ":": "\uff1a", "?": "\uff1f", "!": "\uff01"})
_VOICES: dict[str, dict[str, tuple[str, ...]]] = {
    "recorder": {
        "me": ("来电人", "市民", "诉求人", "其本人"),
        "elder": ("其母亲", "其父亲", "其奶奶", "其岳母", "其外公", "家中老人", "其本人"),
        "elder2": ("其老伴", "其爱人", "其大伯", "其姨妈"),
    },
    "first": {
        "me": ("我", "本人", "我们"),
        "elder": ("我妈", "我爸", "我母亲", "我奶奶", "我岳父", "老头子", "俺娘", "我们家老太太", "我"),
        "elder2": ("我老伴", "老太婆", "我姨", "我公公"),
    },
}
_HEADS = {
    "recorder": ("市民来电反映:", "来电人称,", "市民反映:", "【12345转办】诉求人反映:", "诉求内容:", "接话务员转述,", "来电反映,", ""),
    "first": ("", "", "你好,", "领导你好,", "我要投诉,", "各位领导,", "求助!", "说个事,"),
}
_TAILS = {
    "recorder": (
        "请核实处理并回复。",
        "诉求人要求回复。",
        "(来电人要求保密)",
        "现来电请求帮助。",
        "以上情况请相关部门尽快核实处理,并将结果告知市民。",
        "",
        "",
    ),
    "first": ("谢谢。", "急!!", "拜托了", "求求你们管管吧", "", "", "", "附件有聊天记录"),
}
_TYPOS = (
    ("保健品", "保件品"), ("讲座", "将座"), ("退款", "退欠"), ("老人", "老仁"), ("理疗", "里疗"),
    ("押金", "压金"), ("定金", "订金"), ("公证处", "公正处"), ("养老", "养佬"), ("抵押", "低押"),
    ("查处", "查除"), ("骗", "偏"), ("已经", "己经"), ("联系", "连系"), ("没有", "没由"),
    ("办理", "办里"), ("身份证", "身分证"), ("一直", "一只"), ("会员", "汇员"), ("交了", "缴了"),
    ("赔偿", "陪偿"), ("说", "说说"), ("在", "再"),
)  # fmt: skip
_FILLERS = ("那个,", "就是说,", "呃,", "然后呢,", "你晓得吧,")
_EMOJI = ("\U0001f621", "\U0001f62d", "\U0001f64f", "\U0001f4a2")
_CN = "零一二三四五六七八九"
_FORMAL = "零壹贰叁肆伍陆柒捌玖"
_SIZES = {"amt_xs": (20, 900), "amt_s": (300, 9_000), "amt_m": (2_000, 60_000), "amt_l": (30_000, 800_000)}
_FULL_DIGITS = {48 + i: 0xFF10 + i for i in range(10)}


class Mention(NamedTuple):
    """How a business may be called: its full name, what people say, a name that is slightly wrong."""

    full: str
    short: str
    wrong: str


class Rendered(NamedTuple):
    """A text, and the largest amount written in it (0 where there is none)."""

    text: str
    yuan: int


@dataclass(frozen=True)
class Family:
    """One template family of ``texts.yaml``."""

    id: str
    label: str
    use: str
    text: str
    also: str = ""
    stage: str = ""
    tactics: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()
    about: str = "business"
    hard: str = ""
    type: str = "投诉"
    weight: float = 1.0
    mass: bool = False


@functools.cache
def load_families(use: str) -> tuple[Family, ...]:
    """Load the families marked `use`, or all of them for ``all``."""
    raw: list[dict[str, Any]] = load_yaml("texts.yaml")["families"]
    listed = [_family(item) for item in raw]
    return tuple(f for f in listed if use in ("all", f.use))


def _family(item: dict[str, Any]) -> Family:
    """YAML lists become tuples."""
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in item.items()}
    return Family(**fields)


def _parse(template: str) -> list[tuple[str, Any]]:
    """Split a template into literals, slots and alternatives (which may hold slots)."""
    parts: list[tuple[str, Any]] = []
    at = 0
    for match in _TOKEN.finditer(template):
        if match.start() > at:
            parts.append(("text", template[at : match.start()]))
        slot, choices = match.groups()
        parts.append(("slot", slot) if slot else ("any", [_parse(c) for c in choices.split("|")]))
        at = match.end()
    if at < len(template):
        parts.append(("text", template[at:]))
    return parts


@dataclass
class TextMaker:
    """Renders families, one draw of random numbers after the other.

    Parameters
    ----------
    seed : int
    families : sequence of Family

    Examples
    --------
    >>> maker = TextMaker(7, load_families("train"))
    >>> made = maker.render(0, Mention("甬城颐康健康咨询有限公司", "颐康健康馆", "颐糠健康馆"), first_person=True)
    >>> len(made.text) > 20, made.yuan > 0
    (True, True)
    """

    seed: int
    families: Sequence[Family]
    _rng: random.Random = field(init=False, repr=False)
    _parsed: list[list[tuple[str, Any]]] = field(init=False, repr=False)
    _slots: dict[str, list[str]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)  # noqa: S311  (a simulation)
        self._parsed = [_parse(f.text) for f in self.families]
        self._slots = load_yaml("texts.yaml")["slots"]
        self._yuan = 0

    def render(self, family: int, mention: Mention | None, *, first_person: bool) -> Rendered:
        """One ticket's text about `mention` (a business without a name where it is None)."""
        rng = self._rng
        voice = "first" if first_person else "recorder"
        self._yuan = 0
        body = self._fill(self._parsed[family], _VOICES[voice], _spoken(rng, mention))
        text = self._tidy(rng.choice(_HEADS[voice]) + body + rng.choice(_TAILS[voice]))
        return Rendered(self._spoil(self._personal(text)), self._yuan)

    def _fill(self, parts: list[tuple[str, Any]], voice: dict[str, tuple[str, ...]], shop: str) -> str:
        out = []
        for kind, value in parts:
            if kind == "text":
                out.append(value)
            elif kind == "any":
                out.append(self._fill(self._rng.choice(value), voice, shop))
            elif value == "shop":
                out.append(shop)
            elif value in _SIZES:
                out.append(self._amount(*_SIZES[value]))
            else:
                out.append(self._rng.choice(voice.get(value) or self._slots[value]))
        return "".join(out)

    def _amount(self, low: int, high: int) -> str:
        yuan = round_yuan(low * (high / low) ** self._rng.random())
        self._yuan = max(self._yuan, yuan)
        return write_amount(yuan, self._rng)

    def _tidy(self, text: str) -> str:
        """Punctuation as the writer likes it: full width, ASCII, or hardly any."""
        style = self._rng.random()
        if style < 0.62:
            return re.sub(r"(?<!\d),|,(?!\d)|[;:?!]", lambda m: m.group().translate(_WIDE), text)
        if style < 0.82:
            return text
        return re.sub(r"(?<!\d)[,;:。]|[,;:。](?!\d)", " " if style < 0.9 else "", text)

    def _personal(self, text: str) -> str:
        """Sometimes a phone, an identity number of no region, or an already masked name stands in the text."""
        draw = self._rng.random()
        if draw > 0.09:
            return text
        number = f"1{self._rng.randint(3, 9)}{self._rng.randrange(10**9):09d}"
        if draw < 0.025:
            return f"{text}联系电话{number}"
        if draw < 0.04:
            return f"{text} 电话 {number[:3]} {number[3:7]} {number[7:]}"
        if draw < 0.05:
            return f"{text}手机{number.translate(_FULL_DIGITS)}"
        if draw < 0.056:
            return f"{text}身份证{self._identity()}"
        if draw < 0.075:
            return f"{text}(联系人{self._rng.choice('王李张陈周')}**,{number[:3]}****{number[7:]})"
        return f"{text}【姓名】【电话】"

    def _identity(self) -> str:
        born = f"19{self._rng.randint(35, 65)}{self._rng.randint(1, 12):02d}{self._rng.randint(1, 28):02d}"
        digits = f"99{self._rng.randrange(10**4):04d}{born}{self._rng.randrange(1000):03d}"
        return digits + "10X98765432"[sum(int(d) * pow(2, 17 - i, 11) for i, d in enumerate(digits)) % 11]

    def _spoil(self, text: str) -> str:
        """Typing slips, speech recognition, fillers, full-width digits, an emoji; most texts stay clean."""
        rng = self._rng
        draw = rng.random()
        if draw < 0.1:
            wrong = [pair for pair in _TYPOS if pair[0] in text]
            return text.replace(*rng.choice(wrong), 1) if wrong else text
        if draw < 0.13:
            return text.translate(_FULL_DIGITS)
        if draw < 0.16 and len(text) > 20:
            at = text.find(rng.choice("\uff0c,"), 5) + 1 or 0
            return text[:at] + rng.choice(_FILLERS) + text[at:]
        return text + rng.choice(_EMOJI) * rng.randint(1, 3) if draw > 0.99 else text


def _spoken(rng: random.Random, mention: Mention | None) -> str:
    """Name the business as the complainant does: in full, short, wrong, or not at all."""
    draw = rng.random()
    if mention is None or draw < 0.16:
        return rng.choice(("一家店", "这家公司", "那个店", "某公司", "这个地方", "他们公司"))
    if draw < 0.48:
        return mention.full
    if draw < 0.86:
        return mention.short
    return rng.choice(("好像叫", "叫什么", "大概叫", "")) + mention.wrong


def round_yuan(value: float) -> int:
    """Round as people do when they speak of money: two figures, often one.

    Examples
    --------
    >>> round_yuan(36_412.0), round_yuan(98.6)
    (36000, 99)
    """
    scale = int(10 ** max(len(str(int(value))) - 2, 0))
    return int(round(value / scale) * scale)


def write_amount(yuan: int, rng: random.Random) -> str:
    """Write an amount in one of the notations people use."""
    if yuan < 1000:
        return rng.choice((f"{yuan}元", f"{yuan}块", f"{yuan}块钱", f"¥{yuan}", f"{yuan}.00元"))
    if yuan % 1000 or yuan < 10_000:
        lead, rest = divmod(yuan, 1000)
        spoken = f"{_two(_CN[lead])}千{_CN[rest // 100] if rest >= 100 else ''}" if lead < 10 else f"{yuan}块"
        return rng.choice((f"{yuan}元", f"{yuan:,}元", f"{yuan}块钱", spoken, spoken + "多" if not rest else spoken, f"{yuan}.00元"))
    return _in_wan(yuan, rng)


def _in_wan(yuan: int, rng: random.Random) -> str:
    wan, rest = yuan // 10_000, yuan % 10_000 // 1000
    plain = f"{wan}.{rest}" if rest else str(wan)
    spoken = f"{_count(wan)}万{_CN[rest] if rest else ''}"
    formal = "".join(_FORMAL[_CN.index(c)] if c in _CN else {"十": "拾", "百": "佰"}.get(c, c) for c in _count(wan, two="二"))
    whole = f"{formal}万{_FORMAL[rest] + '仟' if rest else ''}元整"
    vague: tuple[str, ...] = (
        (f"{wan}万多", f"{_count(wan)}万余元", f"约{plain}万元", f"将近{plain}万")
        if rest
        else (f"{wan}万块", f"{_count(wan)}万元", f"大概{wan}万")
    )
    exact = (f"{yuan}元", f"{plain}万", f"{plain}万元", spoken, f"{plain}w", f"{yuan:,}元", f"{yuan:,}.00元", whole)
    return rng.choice((*exact, *vague))


def _two(digit: str) -> str:
    return "两" if digit == "二" else digit


def _count(number: int, two: str = "两") -> str:
    """1 to 999 in Chinese, as a count of 万."""
    if number < 10:
        return two if number == 2 else _CN[number]
    hundreds, rest = divmod(number, 100)
    head = f"{_CN[hundreds]}百" if hundreds else ""
    if rest == 0:
        return head
    tens, ones = divmod(rest, 10)
    middle = (("" if tens == 1 and not hundreds else _CN[tens]) + "十") if tens else "零"
    return head + middle + (_CN[ones] if ones else "")
