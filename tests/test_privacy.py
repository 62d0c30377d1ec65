"""Promise 6 at its root: whatever people put between the digits, the number is masked, and no prefilter lets it by."""

from __future__ import annotations

import re

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraudrisk.privacy import HAS_PERSONAL, mask_numbers, mask_text
from fraudrisk.records import read_table

GAPS = st.text(alphabet=" \t\u00a0-—–_.·•*", max_size=2)
SPOKEN = {"0": "零〇洞0", "1": "一幺1", "2": "二两2", "3": "三3", "4": "四4", "5": "五5", "6": "六6", "7": "七7", "8": "八8", "9": "九9"}


@st.composite
def phones(draw: st.DrawFn) -> str:
    """A mobile number as people write it: plain, spaced, dotted, full-width, spoken."""
    digits = "1" + draw(st.sampled_from("3456789")) + draw(st.text(alphabet="0123456789", min_size=9, max_size=9))
    style = draw(st.sampled_from(["plain", "wide", "spoken"]))
    if style == "wide":
        digits = "".join(chr(ord(d) + 0xFEE0) for d in digits)
    elif style == "spoken":
        digits = "".join(draw(st.sampled_from(SPOKEN[d])) for d in digits)
    return "".join(d + draw(GAPS) for d in digits[:-1]) + digits[-1]


def plain(text: str) -> str:
    """Digits of a text, however written, in a row."""
    table = {ord(form): d for d, forms in SPOKEN.items() for form in forms} | {0xFF10 + i: str(i) for i in range(10)}
    return re.sub(r"[ \t\u00a0\-—–_.·•]", "", text.translate(table))


@given(phone=phones(), around=st.sampled_from(["请回电{}谢谢", "{}", "找老板({})退款", "店里贴着:{},没人接"]))
def test_no_way_of_writing_a_phone_gets_by(phone: str, around: str) -> None:
    masked = mask_text(around.format(phone))
    assert not re.search(r"1[3-9]\d{9}", plain(masked)), masked
    assert mask_text(masked) == masked


@given(phone=phones())
def test_the_prefilter_of_the_import_sees_what_the_rules_mask(phone: str) -> None:
    folded = pa.array([phone.translate({0xFF10 + i: ord("0") + i for i in range(10)})])
    assert pc.match_substring_regex(folded, HAS_PERSONAL)[0].as_py()


@given(text=st.text(alphabet="13890一三八九零〇幺 -·.@微信vxQQ京A老人张李单元住在", max_size=40))
def test_the_prefilter_never_hides_a_text_that_would_be_masked(text: str) -> None:
    if mask_text(text) != text:
        assert re.search(HAS_PERSONAL, text)
    if mask_numbers(text) != text:
        assert re.search(HAS_PERSONAL, text)


@pytest.mark.parametrize(
    "phone",
    [
        "138\u00a01234\u00a05678",
        "幺·三·八·一·二·三·四·五·六·七·八",
        "幺三八 1234 5678",
        "\uff11\uff13\uff18 1234 5678",
        "330299 1950 0101 123X",
    ],
)
def test_nothing_of_it_is_stored(phone: str) -> None:
    frame = pd.DataFrame({"工单编号": ["T1"], "登记时间": ["2026-11-01"], "诉求内容": [f"店主电话{phone},不退钱"]})
    text = read_table(frame, "complaint")["text"].iloc[0]
    assert "****" in text
    assert not re.search(r"1[3-9]\d{9}|\d{17}[\dX]", plain(text))
