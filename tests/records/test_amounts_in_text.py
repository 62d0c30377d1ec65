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


@pytest.mark.parametrize(
    ("text", "yuan"),
    [
        ("卡五千一张,办了两张", [5000]),
        ("签了两份,一份20万一份10万", [200_000, 100_000]),
        ("存五万一,还差一点", [51_000]),
        ("找我借三万周转", [30_000]),
        ("三周后再交三周的钱", []),
        ("买了60万年金险", [600_000]),
        ("交两万八千八成了会员", [28_800]),
        ("打了七成折", []),
        ("59蚊一樽", [59]),
        ("一万四里头有床垫", [14_000]),
        ("半年1900/月", [1900]),
        ("2024/5/6交的3000", [3000]),
        ("已打96110和12345", []),
        ("12345元", [12_345]),
        ("2013年到2016", []),
        ("2016元", [2016]),
    ],
)
def test_what_follows_a_number_says_whether_it_is_money(text: str, yuan: list[float]) -> None:
    assert [a.yuan for a in amounts.find_amounts(text)] == yuan
