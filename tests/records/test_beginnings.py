"""A look at the next character changes no match of the pack's patterns, nor of any other."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraudrisk.complaints.lexicon import any_of
from fraudrisk.packs import load_pack
from fraudrisk.records.beginnings import begun

LEXICON = load_pack().lexicon
PATTERNS = [
    any_of(p).pattern for p in (*LEXICON.tactics.values(), *LEXICON.stages.values(), LEXICON.elderly_explicit, LEXICON.promised_return)
]
WORDS = sorted({w for p in PATTERNS for w in re.findall(r"[\u4e00-\u9fff]{1,3}", p)})
TEXT = st.lists(
    st.one_of(st.sampled_from(WORDS), st.sampled_from(["3", "12", "٣", ",", "。", "\n", "万", "%"]), st.text(max_size=2)), max_size=25
)


@settings(max_examples=300, deadline=None)
@given(text=TEXT.map("".join), which=st.sampled_from(range(len(PATTERNS))))
def test_the_packs_patterns_match_as_without_it(text: str, which: int) -> None:
    quick = PATTERNS[which]
    plain = re.sub(r"^\(\?=\[[^\]]*\]\)", "", quick)
    assert [m.span() for m in re.finditer(quick, text)] == [m.span() for m in re.finditer(plain, text)]


def test_the_packs_tactics_are_all_quickened() -> None:
    assert all(any_of(p).pattern.startswith("(?=[") for p in LEXICON.tactics.values())


@pytest.mark.parametrize(
    "pattern", ["a|bc", r"\d+元", "(?:a|)b", "a?b", "(?!x)[a-c]d", "[]^-]x", r"\.x|\]y", "^a", "(?:a?b?)", ".a", "[^a]b", r"\sb", "x{0,3}y"]
)
def test_small_patterns_match_as_without_it(pattern: str) -> None:
    text = "abc a]y .x 3元 ٣元 bd ^x -x ]x xxxy b\na"
    assert [m.span() for m in re.finditer(begun(pattern), text)] == [m.span() for m in re.finditer(pattern, text)]
