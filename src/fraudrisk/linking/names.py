"""Forms of a business name: as registered, without brackets, legal form, branch, region; whole columns at a time."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from fraudrisk.complaints.grams import fold_text
from fraudrisk.complaints.tokens import Tokenizer

__all__ = ["GENERIC", "Distinctive", "fold_name", "name_keys", "region_prefixes", "short_forms"]

_LEGAL = (
    r"(?:集团)?(?:股份有限公司|有限责任公司|责任有限公司|有限公司|股份公司|集团公司|集团|公司|普通合伙企业|有限合伙企业|合伙企业|\(普通合伙\)|\(有限合伙\)|\(个人独资\)"
    r"|\(个体工商户\)|个体工商户|农民专业合作社|专业合作社|合作社|经营部|商行|厂)$"
)
_BRANCH = r"(?:[\u4e00-\u9fff0-9]{2,12}?(?:分公司|分店|营业部|分部|门店|办事处)|第?[一二三四五六七八九十0-9]+(?:分公司|分店|门店|店))$"
_ADMIN = (
    r"^(?:[\u4e00-\u9fff]{2,3}?(?:省|自治区))?(?:(?:[\u4e00-\u9fff]城|[\u4e00-\u9fff]{1,3}[^城超门都夜上下])市(?!场))?"
    r"(?:[\u4e00-\u9fff]{1,3}?[^社小校园景片]区|[\u4e00-\u9fff]{1,3}?县)?"
)
_BRACKETS = re.compile(r"\([^()]{0,12}\)")

GENERIC = re.compile(
    "健康|养生|养老|咨询|科技|管理|服务|商贸|贸易|商业|文化|传播|投资|信息|技术|发展|实业|集团|中心|医疗|医药|生物|器械|保健|食品|用品|产业|企业|经营|销售|零售|批发|百货|超市|便利|药房|药店|"
    "大药房|诊所|门诊|医院|旅行社|旅游|国际|旅行|教育|培训|学校|幼儿园|美容|美发|健身|体育|餐饮|饭店|餐厅|酒店|宾馆|物业|房地产|地产|置业|置地|建筑|工程|装饰|装修|设计|广告|印刷|汽车|维修|"
    "运输|物流|快递|电子|电器|电脑|网络|软件|智能|数据|通信|机电|设备|机械|五金|建材|家具|服装|服饰|鞋|珠宝|首饰|工艺|美术|艺术|收藏|拍卖|典当|农业|种植|养殖|生态|环保|能源|化工|金属|材料|"
    "人力资源|劳务|保安|保洁|家政|法律|会计|财务|税务|代理|租赁|中介|经纪|公寓|颐养|护理|康复|老年|老人|托老|敬老|福利|社区|社会|公益|基金|基金会|协会|资产|财富|理财|金融|资本|控股|股权|基地|市场|分公司|"
    "总店|分店|小店|门市部|工作室|俱乐部|会所|体验|馆|店|院|部|行|坊|屋|堂|阁|轩|所|站|厂|室|局|城|园|场|楼|苑|家|社|的|新|大|小|老|东|西|南|北|中|国|省|市|区|县|镇|村|路|街"
)
"""Words that say what a business does, not which it is."""


def fold_name(name: str) -> str:
    """Width, case, brackets, spaces and marks folded: two spellings of one registered name become equal.

    Examples
    --------
    >>> fold_name("云州（望溪）康寿 健康咨询有限公司") == fold_name("云州(望溪)康寿健康咨询有限公司")
    True
    """
    folded = fold_text(name).replace("\uff08", "(").replace("\uff09", ")")
    return re.sub(r"[\s\-—_·•.,\uff0c\u3001'\"“”‘’《》<>\[\]【】/\\]", "", folded)


def name_keys(names: pa.Array) -> pa.Array:
    """:func:`fold_name` over a column, by Arrow kernels where the characters are common."""
    distinct = pc.dictionary_encode(names)
    values = [fold_name(n) if n else None for n in distinct.dictionary.to_pylist()]
    return pa.array(values, pa.string()).take(distinct.indices)


def region_prefixes(keys: Iterable[str], *, share: float = 0.02) -> tuple[str, ...]:
    """Two to four leading characters that so many names share that they name the region, longest first.

    Examples
    --------
    >>> region_prefixes(["甬城康寿堂", "甬城福满楼", "甬城百草厅", "李记面馆"] * 10)
    ('甬城',)
    """
    keys = list(keys)
    counts: Counter[str] = Counter()
    for key in keys:
        counts.update({key[:2], key[:3], key[:4]})
    common = {
        p: c
        for p, c in counts.items()
        if c > max(share * len(keys), min(20, 0.5 * len(keys))) and re.fullmatch(r"[\u4e00-\u9fff]{2,4}", p) and not GENERIC.fullmatch(p)
    }
    kept = [p for p, c in common.items() if not any(q != p and q.startswith(p) and common[q] > 0.6 * c for q in common)]
    return tuple(sorted(kept, key=lambda p: (-len(p), p)))


class Distinctive:
    """Tells a name from ordinary words, learned from the register itself.

    A trade word is one many names share, or one of :data:`GENERIC`. A form can be told from ordinary words when what is left
    without trade words is no dictionary word (康寿), or is one that stands beside a trade word (鲲鹏物业, but not 安居乐业).

    Parameters
    ----------
    keys : iterable of str
        Folded names.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self._tokenizer = Tokenizer()
        counts: Counter[str] = Counter()
        n = 0
        for key in keys:
            counts.update(set(self._tokenizer.cut(key)))
            n += 1
        self._shared = frozenset(t for t, c in counts.items() if c > max(20, 0.0005 * n))

    def __call__(self, form: str) -> bool:
        """Whether `form`, found in running text, means a business."""
        if len(form) < 4 or self._tokenizer.knows(form):  # too short, or itself a word: 安居乐业
            return False
        tokens = self._tokenizer.cut(form)
        own = [t for t in tokens if t not in self._shared and not GENERIC.fullmatch(t)]
        left = sum(map(len, own))
        if left < 2:
            return False
        unknown = any(len(t) > 1 and not self._tokenizer.knows(t) for t in own) or sum(len(t) == 1 for t in own) >= 2
        return unknown or len(form) - left >= 2


def short_forms(key: str, regions: tuple[str, ...]) -> dict[str, float]:
    """Forms people may write for a folded name, each with how surely it means that name (0–1).

    Examples
    --------
    >>> sorted(short_forms("甬城市康寿健康咨询有限公司", ("甬城",)).items(), key=lambda f: -f[1])[:3]
    [('甬城市康寿健康咨询有限公司', 1.0), ('甬城市康寿健康咨询', 0.95), ('康寿健康咨询', 0.85)]
    """
    forms = {key: 1.0}
    bare = _BRACKETS.sub("", key)
    if bare != key:
        forms.setdefault(bare, 0.95)
    unbranched = re.sub(_BRANCH, "", bare)
    if unbranched != bare and len(unbranched) >= 6:
        forms.setdefault(unbranched, 0.8)
    stem = re.sub(_LEGAL, "", bare)
    forms.setdefault(stem, 0.95)
    local = re.sub(_ADMIN, "", stem)
    for region in regions:
        if local.startswith(region):
            local = re.sub(r"^[市省区县]", "", local[len(region) :])
            break
    forms.setdefault(local, 0.85)
    short = re.sub(r"(?:咨询|科技|管理|服务|商贸|贸易|信息|技术|发展|实业|文化传播|文化|集团|中心)+$", "", local)
    if short != local:
        forms.setdefault(short, 0.7)
    return {form: surety for form, surety in forms.items() if len(form) >= 3}
