"""A tactic is shown by a clause: clauses stand alone, next texts do not touch them, and the one that shows it is quoted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraudrisk.complaints.classifier import ComplaintClassifier
from fraudrisk.complaints.clauses import NOTHING, ClauseHeads, Clauses
from fraudrisk.complaints.schemes import SchemeHeads

FILLER = [
    "楼道的灯坏了三个月",
    "物业电话没有人接",
    "小区门口天天堵车",
    "孩子上学要绕路",
    "去年装的电梯又停了",
    "树枝伸到窗户里来",
    "今天又下雨了",
]
LECTURE, GONE = "每天早上去听课领鸡蛋", "昨天店门锁了人都不见"


def long_text(i: int, *said: str) -> str:
    rest = [FILLER[(i * 3 + k * 2) % len(FILLER)] + "啊哦呀"[k % 3] for k in range(9)]
    rest[i % 7 : i % 7] = said
    return "\uff0c".join(rest) + "\u3002"


TEXTS = [long_text(i, LECTURE) if i % 2 else long_text(i, GONE) for i in range(40)]
QUOTES = [[("T03", LECTURE)] if i % 2 else [("T27", GONE)] for i in range(40)]
STAGES = ["引流" if i % 2 else "失联" if i % 4 else None for i in range(40)]


@pytest.fixture(scope="module")
def classifier() -> ComplaintClassifier:
    return ComplaintClassifier(chars=(1, 2), words=0, bits=14).fit(TEXTS, [str(i % 2) for i in range(40)])


@pytest.fixture(scope="module")
def schemes(classifier: ComplaintClassifier) -> SchemeHeads:
    flags = np.zeros((len(TEXTS), 2))
    writers = [f"w{i // 2 % 4}" for i in range(40)]
    return SchemeHeads.fit(classifier.features(TEXTS), flags, TEXTS, QUOTES, STAGES, ["T03", "T27"], writers, classifier.features)


def test_clauses_are_cut_at_marks_and_by_length(classifier: ComplaintClassifier) -> None:
    text = "听课送鸡蛋\uff0c交了三万\u3002走" + "长" * 90
    cut = Clauses.cut(["", text, "\uff0c\u3002"], classifier.features)
    assert cut.first.tolist() == [0, 0, 5, 5]
    assert [text[a:b] for a, b in cut.places] == ["听课送鸡蛋", "交了三万", "走" + "长" * 39, "长" * 40, "长" * 11]
    assert cut.owner.tolist() == [1] * 5


@given(st.lists(st.text(alphabet="听课送鸡蛋三万元门锁\uff0c\u3002 \n", max_size=60), max_size=6))
def test_a_text_is_scored_alike_alone_and_in_company(classifier: ComplaintClassifier, texts: list[str]) -> None:
    together = Clauses.cut(texts, classifier.features)
    heads = ClauseHeads(np.arange(len(classifier.columns_)), np.ones((len(classifier.columns_), 2), np.float32), np.zeros(2))
    best = together.best(heads.scores(together))
    for i, text in enumerate(texts):
        alone = Clauses.cut([text], classifier.features)
        assert np.allclose(alone.best(heads.scores(alone))[0], best[i], atol=1e-5)
        assert all(0 <= a < b <= len(text) for a, b in alone.places)
        if not alone.places:
            assert best[i].tolist() == [NOTHING] * 2


def test_neighbours_weigh_a_little(classifier: ComplaintClassifier) -> None:
    alone = Clauses.cut([LECTURE], classifier.features).features
    beside = Clauses.cut([f"{LECTURE}\uff0c\u3002{GONE}"], classifier.features).features
    other = Clauses.cut([GONE], classifier.features).features
    assert np.allclose(beside[[0]].todense(), (alone + 0.3 * other).todense(), atol=1e-6)


def test_what_was_quoted_is_marked(classifier: ComplaintClassifier) -> None:
    text = "天天去听课\uff0c领了鸡蛋\uff0c后来人不见"
    cut = Clauses.cut([text, text], classifier.features)
    shown = cut.quoted([text, text], [[("T03", "听课\uff0c领了鸡蛋")], [("T27", "没有这句"), ("T99", "人不见")]], ["T03", "T27"])
    assert shown[:3].tolist() == [[False, False], [True, False], [False, False]]
    assert not shown[3:].any()


def test_one_clause_among_many_is_found_and_quoted(classifier: ComplaintClassifier, schemes: SchemeHeads) -> None:
    texts = [long_text(50, "每天去听课领鸡蛋"), long_text(51, "店门锁了人不见了"), ""]
    tactics, stages, quote = schemes.decide(classifier.features(texts), np.zeros((3, 2)), texts, classifier.features)
    assert tactics[:2] == [["T03"], ["T27"]]
    assert stages[0] == "引流"
    assert [s.quote for s in quote(0, ["T03"])] == ["每天去听课领鸡蛋"]
    assert [(s.tactic, s.quote) for s in quote(1, ["T27", "失联"])] == [("T27", "店门锁了人不见了"), ("失联", "店门锁了人不见了")]
    assert quote(2, ["T03"]) == []


def test_learning_twice_gives_the_same_weights(classifier: ComplaintClassifier, schemes: SchemeHeads) -> None:
    flags, writers = np.zeros((len(TEXTS), 2)), [f"w{i // 2 % 4}" for i in range(40)]
    again = SchemeHeads.fit(classifier.features(TEXTS), flags, TEXTS, QUOTES, STAGES, ["T03", "T27"], writers, classifier.features)
    assert (again.clauses.weights == schemes.clauses.weights).all()
    assert (again.stage_weights == schemes.stage_weights).all()


def test_two_stages_are_told_apart(classifier: ComplaintClassifier) -> None:
    flags, writers = np.zeros((len(TEXTS), 2)), [f"w{i // 2 % 4}" for i in range(40)]
    two: list[str | None] = ["引流" if i % 2 else "失联" for i in range(40)]
    heads = SchemeHeads.fit(classifier.features(TEXTS), flags, TEXTS, QUOTES, two, ["T03", "T27"], writers, classifier.features)
    assert heads.decide(classifier.features(TEXTS), flags, TEXTS, classifier.features)[1] == two
