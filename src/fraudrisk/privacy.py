"""Masking and keyed hashes: what lets the package work on records about people without keeping people in them.

Masking happens at the door, before anything is stored, learned or logged. It is idempotent, and works on half-width text
(the cleaning folds full-width digits first). A phone keeps 3+4 digits, an identity number its last two, a card its last
four, a name its surname.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable

__all__ = [
    "HAS_PERSONAL",
    "RULES",
    "WIDE",
    "KeyedHash",
    "fold_width",
    "looks_personal",
    "mask_name",
    "mask_numbers",
    "mask_phone",
    "mask_text",
]

_FULL = {code: code - 0xFEE0 for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))}
_FULL |= {0x3000: 0x20, 0xFF20: 0x40, 0xFF0E: 0x2E, 0xFF0F: 0x2F, 0xFF0D: 0x2D, 0xFF3F: 0x5F, 0xFF05: 0x25, 0xFF0B: 0x2B}
_WIDE = re.compile(f"[{''.join(re.escape(chr(c)) for c in sorted(_FULL))}]")
WIDE = _WIDE.pattern
"""What :func:`fold_width` changes; also valid in RE2."""
_GAP = "[ \\t\u00a0\\-—–_.·•*]{0,2}"  # what people put between digits, also to dodge a filter
_D = r"[0-9〇零一二三四五六七八九幺洞两]"  # a digit as spoken over a hotline: 幺三八…
_SPOKEN = str.maketrans("〇零洞一幺二两三四五六七八九", "00011223456789"[:14])


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text.translate(_SPOKEN))


def _card(match: re.Match[str]) -> str:
    digits = _digits(match.group())
    return "*" * (len(digits) - 4) + digits[-4:]


def _phone(match: re.Match[str]) -> str:
    digits = _digits(match.group())[-11:]
    return f"{digits[:3]}****{digits[-4:]}"


def _spoken_phone(match: re.Match[str]) -> str:
    digits = _digits(match.group())
    return f"{digits[:3]}****{digits[-4:]}" if re.fullmatch(r"1[3-9]\d{9}", digits) else match.group()


def _identity(match: re.Match[str]) -> str:
    value = re.sub(r"[^0-9Xx]", "", match.group())
    return "*" * (len(value) - 2) + value[-2:]


_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊"
    "秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤常温康施文牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单季裴霍涂成苗谷曲盛"
    "冉骆蓝路游辛靳欧阳上官司马诸葛"
)
_NAME_CUE = (
    r"(?:来电人|诉求人|投诉人|举报人|反映人|联系人|申请人|当事人|"
    r"患者|户主|姓名|本人姓名|本人叫|我叫|我是|我母亲|我父亲|我妈|我爸|我爷爷|我奶奶|其母亲|其父亲|老人|市民|业主|居民|村民)"
)
_NAME_END = r"(?=[,\uff0c\u3002.;\uff1b:\uff1a、\s()\uff08\uff09]|来电|反映|称|表示|于|在|到|去|被|先生|女士|电话|联系|身份证|今年|现年|$)"

_Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str] | str]
_NUMBERS: tuple[_Rule, ...] = (
    # identity numbers: 18 (or old 15) digits, spaced or dashed; checked before phones, which they contain
    (re.compile(rf"(?<![0-9A-Za-z])[1-9](?:{_GAP}\d){{5}}{_GAP}(?:19|20)(?:{_GAP}\d){{8,9}}{_GAP}[0-9Xx](?![0-9A-Za-z])"), _identity),
    (re.compile(r"(?<![0-9A-Za-z])[1-9]\d{5}\d{2}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])\d{3}(?![0-9A-Za-z])"), _identity),
    # bank cards: 16–19 digits, often in fours
    (re.compile(r"(?<![0-9A-Za-z])(?:\d[ \-]{0,2}){15,18}\d(?![0-9A-Za-z])"), _card),
    # mobile phones, with any separators, country code or spoken digits
    (re.compile(rf"(?<![0-9A-Za-z])(?:\+?86{_GAP})?1{_GAP}[3-9](?:{_GAP}\d){{9}}(?!\d)"), _phone),
    (re.compile(rf"(?<!{_D})[1一幺]{_GAP}[3-9三四五六七八九](?:{_GAP}{_D}){{9}}(?!{_D})"), _spoken_phone),
    # land lines keep the area code and the last two digits
    (re.compile(r"(?<![0-9A-Za-z])(0\d{2,3})[ \-—]{0,2}[2-8]\d{4,5}(\d{2})(?!\d)"), r"\1-******\2"),
    # accounts that follow their cue
    (re.compile(r"((?:微信|vx|VX|wx|WX|weixin|QQ|qq|扣扣)号?[ :\uff1a是为]{0,3})(?!号)([A-Za-z0-9][A-Za-z0-9_\-]{4,19})"), r"\1***"),
    (re.compile(r"[A-Za-z0-9][A-Za-z0-9._%+\-]*@[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+"), "***@***"),
    # number plates
    (
        re.compile(
            r"([京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-HJ-NP-Z])[ \u00b7.]?[A-HJ-NP-Z0-9]{4,5}[A-HJ-NP-Z0-9挂学警港澳](?![A-Za-z0-9])"
        ),
        r"\1·*****",
    ),
)
_DWELLINGS_AND_NAMES: tuple[_Rule, ...] = (
    # a dwelling below its estate: 3栋2单元501室
    (re.compile(r"\d{1,3}[ ]?(?:栋|幢|号楼|座)[ ]?(?:\d{1,2}|[一二三四五六七八九])[ ]?单元[ ]?\d{0,4}[室号户]?"), "**栋**"),
    (
        re.compile(
            r"((?:家住|住在|住址[:\uff1a是为]?|家庭住址[:\uff1a是为]?|我家在)[^,\uff0c\u3002;\uff1b\s]{0,24}?)\d{1,3}[ ]?(?:栋|幢|号楼|座|号院?)[ ]?\d{0,4}[室号户]?"
        ),
        r"\1**栋**",
    ),
    # names after a cue keep their surname
    (re.compile(rf"({_NAME_CUE}[:\uff1a是为]?\s?)([{_SURNAMES}])[\u4e00-\u9fa5]{{1,2}}{_NAME_END}"), r"\1\2**"),
)

_NUMBERISH = rf"{_D}(?:{_GAP}{_D}){{5}}|@|微信|[VvWw][Xx]|weixin|[Qq][Qq]|扣扣|[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-HJ-NP-Z]"
_DWELLING_WORDS = r"单元|住在|家住|住址|我家在"
_NUMBER_HINT = re.compile(_NUMBERISH)
_WORDS = (
    (re.compile(_DWELLING_WORDS), _DWELLINGS_AND_NAMES[:2]),
    (re.compile(_NAME_CUE), _DWELLINGS_AND_NAMES[2:]),
)
"""Rules by the word without which none of them can match."""

HAS_PERSONAL = f"{_NUMBERISH}|{_DWELLING_WORDS}|{_NAME_CUE}"
"""Without a match no rule can match, so the text needs no masking. Made from the rules' own pieces; also valid in RE2."""

RULES = tuple(pattern for pattern, _ in (*_NUMBERS, *_DWELLINGS_AND_NAMES))
"""Where none of them matches, :func:`mask_text` only folds widths."""

_PERSONAL_HEADER = re.compile(
    r"身份证|证件号|手机|电话|联系方式|姓名|住址|家庭地址|邮箱|微信|QQ|银行卡|账号|卡号|年龄|性别|民族|出生|籍贯|phone|mobile|id_?card|email|birth",
    re.I,
)


def looks_personal(header: str) -> bool:
    """Whether a column's header says it holds personal data.

    Examples
    --------
    >>> looks_personal("身份证号"), looks_personal("行业代码")
    (True, False)
    """
    return bool(_PERSONAL_HEADER.search(header))


def fold_width(text: str) -> str:
    """Full-width letters, digits and spaces to half-width; Chinese punctuation stays.

    Examples
    --------
    >>> fold_width("\uff11\uff13\uff18\u30001234\uff0c三楼") == "138 1234\uff0c三楼"
    True
    """
    return text.translate(_FULL) if _WIDE.search(text) else text


def mask_text(text: str) -> str:
    """Mask personal data in free text.

    Parameters
    ----------
    text : str
        Any text; full-width digits are folded first.

    Returns
    -------
    str
        The masked text. Masking twice changes nothing.

    Examples
    --------
    >>> mask_text("来电人张三丰,电话幺三八幺二三四五六七八,身份证33010219500101123X")
    '来电人张**,电话138****5678,身份证****************3X'
    """
    masked = mask_numbers(text)
    for hint, rules in _WORDS:
        if hint.search(masked):
            for pattern, replacement in rules:
                masked = pattern.sub(replacement, masked)
    return masked


def mask_numbers(text: str) -> str:
    """Mask phones, identity, card and plate numbers and accounts only: for names and addresses of businesses.

    Examples
    --------
    >>> mask_numbers("老人王记茶馆13812345678")
    '老人王记茶馆138****5678'
    """
    masked = fold_width(text)
    if _NUMBER_HINT.search(masked):
        for pattern, replacement in _NUMBERS:
            masked = pattern.sub(replacement, masked)
    return masked


def mask_name(name: str) -> str:
    """Surname and stars.

    Examples
    --------
    >>> mask_name("欧阳春"), mask_name("张三"), mask_name("")
    ('欧**', '张**', '')
    """
    name = name.strip()
    return f"{name[0]}**" if name else ""


def mask_phone(phone: str) -> str:
    """First three and last four digits; shorter numbers keep two.

    Examples
    --------
    >>> mask_phone("138 1234 5678"), mask_phone("87651234")
    ('138****5678', '******34')
    """
    digits = re.sub(r"\D", "", fold_width(phone))
    if len(digits) == 11 and digits[0] == "1":
        return f"{digits[:3]}****{digits[-4:]}"
    return "*" * max(len(digits) - 2, 0) + digits[-2:]


class KeyedHash:
    """HMAC-SHA-256 of a normalised value: equal persons join, nobody can be looked up without the key.

    Parameters
    ----------
    key : bytes
        From the environment, or the workspace's own random key.

    Examples
    --------
    >>> one = KeyedHash(b"k" * 32)
    >>> one("138 1234 5678") == one("13812345678"), len(one("a"))
    (True, 24)
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __call__(self, value: str) -> str:
        """24 hexadecimal digits, or an empty string for an empty or masked value."""
        plain = re.sub(r"[\s\-—·]", "", fold_width(value)).upper()
        if not plain or "*" in plain:
            return ""
        return hmac.new(self._key, plain.encode(), hashlib.sha256).hexdigest()[:24]
