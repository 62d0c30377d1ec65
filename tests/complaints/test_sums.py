"""Readings of a total: every sum and product a reader of the text would try, and what describes them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraudrisk.complaints.sums import candidates, describe, says_total
from fraudrisk.records.amounts import find_amounts


@pytest.mark.parametrize(
    ("text", "total", "kind"),
    [
        ("每人39800,我们俩都办了", 79600, "product"),
        ("一张卡两万三,我跟姐姐各一张", 46000, "product"),
        ("买了十套,一套一千四", 14000, "product"),
        ("一个疗程2160,前后买了4个疗程", 8640, "product"),
        ("投两万四是一股,我投了两股", 48000, "product"),
        ("货款4.2万,后来又交了5.6万", 98000, "two"),
        ("正月1.2万,二月9800,三月1.6万,四月15000", 52800, "all"),
        ("押金三千,上个月又交三千", 6000, "again"),
        ("交了88元团费,又买了4980元的镯子", 4980, "one"),
    ],
)
def test_what_a_reader_would_add_up_is_among_the_readings(text: str, total: float, kind: str) -> None:
    found = list(find_amounts(text))
    readings = {r.yuan: r for r in candidates(text, found, np.zeros(len(found)))}
    assert kind in readings[total].kinds


def test_a_count_of_other_things_is_no_factor_of_a_distant_price() -> None:
    text = "门票五百块一张。群里老师讲了很久很久的课,大家都听得很认真很高兴,来了三十个人"
    found = list(find_amounts(text))
    assert {r.yuan for r in candidates(text, found, np.zeros(1))} == {500.0}


def test_the_clause_says_total() -> None:
    text = "先交三千,后来又买药,前后共花了四万一"
    first, last = find_amounts(text)
    assert not says_total(text, first)
    assert says_total(text, last)


@given(st.lists(st.tuples(st.integers(1, 99_999), st.floats(-9, 9)), min_size=1, max_size=25))
def test_readings_are_sums_of_their_members_and_each_value_stands_once(payments: list[tuple[int, float]]) -> None:
    text = ",".join(f"交了{v}元" for v, _ in payments)
    found = list(find_amounts(text))
    chances = np.array([payments[i % len(payments)][1] for i in range(len(found))])
    readings = candidates(text, found, chances)
    assert len({r.yuan for r in readings}) == len(readings)
    for reading in readings:
        plain = sum(found[i].yuan for i in reading.members)
        assert reading.yuan == pytest.approx(plain * (reading.count[0] if reading.kinds == {"product"} else 1))
    described = describe(text, found, chances, 0.5, readings)
    assert len(described) == len(readings) + 1
    assert np.isfinite(described[:-1]).all()
    assert np.isnan(described[-1]).any(), "none of them has no members to describe"
