"""Amounts inside text: what is passed over at a glance is never money."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraudrisk.records import amounts

PIECES = ["一", "两", "三", "十", "百", "千", "万", "3", "50", "680", "1.2", "9800", "元", "块钱", "圆", "人民币", "¥", "RMB", "多", "几", "个", "盒", "月", " ", "\u3000", "\n", "\uff0c", "交了", "w", "号"]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_passing_over_bare_digits_loses_no_amount(text: str) -> None:
    quick = list(amounts.find_amounts(text))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(amounts, "_bare", lambda *_: False)
        assert quick == list(amounts.find_amounts(text))
