"""Names: each text's own, whatever stands beside it, and nothing is learned from texts that name nobody."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from fraudrisk.complaints import ComplaintReader
from fraudrisk.complaints.names import NameFinder
from fraudrisk.errors import InputError

READER = ComplaintReader.load()
assert READER.parts
NAMES = READER.parts.names
TEXT = st.one_of(
    st.text(max_size=20),
    st.lists(
        st.sampled_from(["在甬城康寿健康馆", "交了三万", ",", "叫", "\0", "老人", "福寿堂", "有限公司", "路灯不亮" * 80]), max_size=6
    ).map("".join),
)


def find(texts: list[str]) -> list[tuple[int, int] | None]:
    return NAMES.find(texts, READER.classifier.features(texts))


@settings(max_examples=150, deadline=None)
@given(texts=st.lists(TEXT, min_size=2, max_size=20))
def test_names_in_a_block_are_those_of_each_text_alone(texts: list[str]) -> None:
    together = find(texts)
    assert together == [find([t])[0] for t in texts]
    for text, place in zip(texts, together, strict=True):
        if place:
            assert 0 <= place[0] < place[1] <= len(text)
            assert "\0\0\0\0" not in text[slice(*place)]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("母亲在甬城康寿健康馆听课,花三万买了床垫", "甬城康寿健康馆"),
        ("投诉颐和源养老服务有限公司,床位费八万不退", "颐和源养老服务有限公司"),
        ("小区门口的路灯坏了半个月没有人修,晚上老人摔跤", None),
        ("楼下一个店天天发鸡蛋,我妈买了两万的药", None),
    ],
)
def test_who_is_named(text: str, name: str | None) -> None:
    (place,) = find([text])
    assert (text[slice(*place)] if place else None) == name


def test_texts_that_name_nobody_teach_nothing() -> None:
    with pytest.raises(InputError, match="0 of 2"):
        NameFinder.fit(["路灯不亮", "井盖丢了"], [None, None], sparse.csr_matrix((2, 4)))
    with pytest.raises(InputError, match="1 of 2"):  # each writer alone teaches half of it
        NameFinder.fit(["路灯不亮", "福寿堂骗人"], [None, "福寿堂"], sparse.csr_matrix((2, 4)), ["a", "b"])
    with pytest.raises(InputError, match="1 of 1"):
        NameFinder.fit(["福寿堂骗人"], ["福寿堂"], sparse.csr_matrix((1, 4)))
