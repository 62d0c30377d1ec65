"""Names: texts stepped through together are tagged as each alone, whatever stands beside them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fraudrisk.complaints import ComplaintReader
from fraudrisk.complaints.tagger import NameTagger, _scores

PARTS = ComplaintReader.load().parts
assert PARTS
TAGGER = PARTS.tagger
TEXT = st.one_of(
    st.text(max_size=20),
    st.lists(
        st.sampled_from(["在甬城康寿健康馆", "交了三万", ",", "叫", "\0", "老人", "福寿堂", "有限公司", "路灯不亮" * 80]), max_size=6
    ).map("".join),
)


@settings(max_examples=150, deadline=None)
@given(texts=st.lists(TEXT, min_size=8, max_size=20))
def test_names_in_a_block_are_those_of_each_text_alone(texts: list[str]) -> None:
    assert TAGGER.find(texts) == [TAGGER.find([t])[0] for t in texts]


@settings(max_examples=100, deadline=None)
@given(texts=st.lists(st.text(alphabet="ab", max_size=9), min_size=8, max_size=12), seed=st.integers(0, 50))
def test_ties_are_broken_alike(texts: list[str], seed: int) -> None:
    random = np.random.default_rng(seed)
    even = NameTagger(random.integers(-1, 2, (1 << 17, 3)).astype(np.float32), random.integers(-1, 2, (3, 3)).astype(float))
    assert even.find(texts) == [even.find([t])[0] for t in texts]


def test_a_long_text_is_scored_alike_in_pieces() -> None:
    text = "来电人在甬城康寿健康馆花了三万" * 1200
    whole = _scores(TAGGER._over, text)
    assert np.array_equal(whole[9000:9020], _scores(TAGGER._over, text[8990:9030])[10:30])
