"""Screening: what RE2 lets go Python would not have matched, and a block's answers are those of its texts alone."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraudrisk.complaints.facts import FactFinder
from fraudrisk.complaints.grams import fold_text, fold_texts, letters_of
from fraudrisk.packs import load_pack
from fraudrisk.privacy import RULES, mask_text
from fraudrisk.records.cleaning import clean_text, mask_texts
from fraudrisk.records.screening import Screen, as_column, widened

FACTS = FactFinder(load_pack())
PIECES = [
    "来电人张三丰,", "业主王\u3000", "电话138 1234-5678", "幺三八幺二三四五六七八", "0574-87651234", "33010219500101123X", "6222 0210 0111 2345 678", "微信号:abc_12345", "a.b@c.cn",
    "浙B·12345", "3栋2单元501室", "家住幸福路8号楼3", "<p>", "&nbsp;", "&amp;lt;", " \n", "\u2028", "\x85\n", "\xa0\n\x1c", "\x00", "\t\t", "\uff11\uff13\uff05", "\u200b", "٣٣٣٣٣٣", "\u3000",
    "老人", "老年人家", "七十多岁", "٧٥岁", "养老院", "妈妈", "依据食品安全法", "退一赔三", "第五条", "请尽快调查处理。", "谢谢您！ ", "市民来电反映:", "领导您好,", "。", "\n", " ",
]  # fmt: skip
TEXTS = st.lists(st.one_of(st.lists(st.sampled_from(PIECES), max_size=8).map("".join), st.text(max_size=40)), min_size=0, max_size=6)
BLOCK = ["路灯不亮"] * 40
"""Enough texts for the block's own path."""


@settings(max_examples=300, deadline=None)
@given(texts=TEXTS, at=st.integers(0, 40))
def test_a_block_is_masked_as_each_text_alone(texts: list[str], at: int) -> None:
    block = BLOCK[:at] + texts + BLOCK[at:]
    assert mask_texts(block) == [mask_text(clean_text(t)) for t in block]


@settings(max_examples=300, deadline=None)
@given(texts=TEXTS, at=st.integers(0, 40))
def test_a_block_is_read_as_each_text_alone(texts: list[str], at: int) -> None:
    block = BLOCK[:at] + texts + BLOCK[at:]
    folded = fold_texts(block)
    assert folded == [fold_text(t) for t in block]
    assert letters_of(block) == [re.sub(r"[\W_]+", "", t) for t in block]
    assert FACTS.cores(folded) == [FACTS.core(t) for t in folded]
    assert FACTS.professionals(folded) == [FACTS.professional(t) for t in folded]
    assert FACTS.elderly_flags_of(folded) == [FACTS.elderly_flags(t) for t in folded]


@pytest.mark.parametrize("pattern", [r.pattern for r in RULES], ids=range(len(RULES)))
def test_every_masking_rule_is_known_to_re2(pattern: str) -> None:
    assert widened(pattern) is not None


PARTS = st.sampled_from(["a", "b", "[ab]", r"[^\sa]", r"[\[\]b]", r"\d", r"\s", ".", r"\u8001", "(?:ab|c)", "(?=a)", "(?!b)", "(?<!a)", "(?<=b)", "$", "^", r"\.", "|"])  # fmt: skip
AGAIN = st.sampled_from(["", "", "", "?", "*", "{1,2}", "+"])


def _valid(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


@settings(max_examples=600, deadline=None)
@given(
    pattern=st.lists(st.tuples(PARTS, AGAIN).map("".join), min_size=1, max_size=6).map("".join).filter(_valid),
    texts=st.lists(st.text(alphabet="abc[].1٣老 \n\x1c\u3000", max_size=8), min_size=1, max_size=8),
)
def test_what_is_screened_out_does_not_match(pattern: str, texts: list[str]) -> None:
    compiled = re.compile(pattern)
    for text, may in zip(texts, Screen(compiled).may_match(pa.array(texts)), strict=True):
        assert may or not compiled.search(text)


@pytest.mark.parametrize("pattern", [r"(a)\1", r"\bno", r"\w", "(?i:a)", "(?P<n>a)(?P=n)", "a{,2}b"])
def test_what_re2_reads_otherwise_is_left_to_python(pattern: str) -> None:
    assert widened(pattern) is None
    assert Screen(re.compile(pattern)).may_match(pa.array(["x", "y"])) == [True, True]


def test_flags_are_left_to_python() -> None:
    assert Screen(re.compile("a", re.IGNORECASE)).may_match(pa.array(["A"])) == [True]


def test_half_a_surrogate_pair_spoils_no_block() -> None:
    block = [*BLOCK, "\ud83d", "\ude00来电人张三丰,"]
    assert as_column(block) is block
    assert mask_texts(block) == [mask_text(clean_text(t)) for t in block]
    assert fold_texts(block) == block
