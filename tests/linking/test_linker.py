from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraudrisk.errors import InputError
from fraudrisk.linking import NameLinker
from fraudrisk.linking.names import fold_name

NAMES = [
    "甬城康寿健康咨询有限公司",
    "甬城（海东）福瑞堂养老服务有限公司",
    "甬城市海东区百草春药店",
    "甬城金穗投资管理有限公司",
    "甬城金穗商贸有限公司",
    "甬城松鹤颐养院",
    "甬城安居乐业商贸有限公司",
    "甬城人民政府食堂",
    "甬城蓝湾旅行社有限公司",
    "甬城蓝湾旅行社有限公司江北分公司",
    *(f"甬城{a}{b}商贸有限公司" for a in "瑞祥丰盛隆昌" for b in "和泰源通"),
]


@pytest.fixture(scope="module")
def linker() -> NameLinker:
    return NameLinker().fit(
        pd.DataFrame(
            {
                "name": NAMES,
                "uscc": [f"U{i}" for i in range(len(NAMES))],
                "former_names": [None, "甬城福满堂老年公寓有限公司", *[None] * (len(NAMES) - 2)],
            }
        )
    )


@pytest.mark.parametrize(
    ("text", "business"),
    [
        ("我妈在甬城康寿健康咨询有限公司买了三万的药", "U0"),
        ("康寿健康咨询天天讲课", "U0"),
        ("甬城(海东)福瑞堂养老服务有限公司不退押金", "U1"),
        ("甬城\uff08海东\uff09福瑞堂 养老服务有限公司不退押金", "U1"),
        ("甬城福满堂老年公寓有限公司改名了", "U1"),
        ("楼下百草春药店卖假药", "U2"),
        ("父亲住在松鹤颐养院交了十万", "U5"),
        ("只想安居乐业", ""),
        ("请人民政府管一管", ""),
        ("路灯不亮", ""),
        ("", ""),
    ],
)
def test_names_in_text(linker: NameLinker, text: str, business: str) -> None:
    assert linker.link([text])["business"].tolist() == [business]


def test_ambiguous_stays_ambiguous_with_candidates(linker: NameLinker) -> None:
    row = linker.link(["有人说金穗公司返利"], mentions=["金穗"]).iloc[0]
    assert row["business"] == ""
    twins = NameLinker().fit(
        pd.DataFrame({"name": ["甬城福寿堂健康管理有限公司"] * 2, "business_id": ["N1", "N2"], "division_code": ["330201", "330202"]})
    )
    both = twins.link(["甬城福寿堂健康管理有限公司骗人"]).iloc[0]
    assert both["business"] == ""
    assert [c["business"] for c in both["candidates"]] == ["N1", "N2"]
    assert twins.link(["甬城福寿堂健康管理有限公司骗人"], districts=["330202001"])["business"].tolist() == ["N2"]


@pytest.mark.parametrize(
    ("mention", "business"),
    [("康寿健康馆", "U0"), ("松鹤颐养院", "U5"), ("百草春药房", "U2"), ("康瘦健康咨询", "U0"), ("张某某", ""), ("那家店", "")],
)
def test_mentions_as_people_write_them(linker: NameLinker, mention: str, business: str) -> None:
    assert linker.link(["要求退款"], mentions=[mention])["business"].tolist() == [business]


def test_register_without_names_is_refused() -> None:
    with pytest.raises(InputError, match="'name'"):
        NameLinker().fit(pd.DataFrame({"title": ["a"]}))
    with pytest.raises(InputError, match="no name"):
        NameLinker().fit(pd.DataFrame({"name": [None, ""]}))


@given(text=st.text(max_size=200))
def test_any_text_gets_one_row(text: str) -> None:
    out = LINKER.link([text, "康寿健康咨询"])
    assert len(out) == 2
    assert out["business"].iloc[1] == "U0"


LINKER = NameLinker().fit(pd.DataFrame({"name": NAMES, "uscc": [f"U{i}" for i in range(len(NAMES))]}))


@given(name=st.text(max_size=40))
def test_folding_is_idempotent(name: str) -> None:
    assert fold_name(fold_name(name)) == fold_name(name)
