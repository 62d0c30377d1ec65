"""Scores of characters: the best path is the best of all, and a long text is scored alike in pieces."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fraudrisk.complaints import ComplaintReader
from fraudrisk.complaints.tagger import _best

PARTS = ComplaintReader.load().parts
assert PARTS
TAGGER = PARTS.names.tagger


@settings(max_examples=100, deadline=None)
@given(n=st.integers(0, 7), seed=st.integers(0, 10_000))
def test_the_best_path_with_one_name_or_none_is_found(n: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    scores, transitions = random.normal(size=(n, 3)), random.normal(size=(3, 3))
    paths = [[2] * n] + [[2] * a + [0] + [1] * (b - a - 1) + [2] * (n - b) for a in range(n) for b in range(a + 2, n + 1)]

    def value(tags: list[int]) -> float:
        return float(sum(scores[k, t] for k, t in enumerate(tags)) + sum(transitions[a, b] for a, b in itertools.pairwise(tags)))

    assert _best(scores, transitions).tolist() == max(paths, key=value)


def test_a_stretch_weighs_what_its_path_beats_being_outside_by() -> None:
    scores = TAGGER.scores("在甬城康寿健康馆交了三万").astype(float)
    t = TAGGER.transitions
    for start, end in ((0, 2), (1, 8), (1, 2), (5, 12)):
        tags = [2] * len(scores)
        tags[start:end] = [0] + [1] * (end - start - 1)
        path = sum(scores[k, tag] for k, tag in enumerate(tags) if tag < 2) + sum(t[a, b] - t[2, 2] for a, b in itertools.pairwise(tags))
        weight = TAGGER.weigh(scores[start, 0], scores[start + 1 : end, 1].sum(), start, end - start, end == len(scores))
        assert np.isclose(weight, path)


def test_a_long_text_is_scored_alike_in_pieces() -> None:
    text = "来电人在甬城康寿健康馆花了三万" * 1200
    whole = TAGGER.scores(text)
    assert np.array_equal(whole[9000:9020], TAGGER.scores(text[8990:9030])[10:30])
