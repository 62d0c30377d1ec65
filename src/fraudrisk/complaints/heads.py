"""What else one feature matrix tells: which tactics a fraud complaint shows, how far along the scheme is, whether it concerns old people.

Linear heads over the classifier's own hashed features, and over what the lexicon saw; they cost one more sparse product.
Because they are linear, the words that made a tactic are those whose weights add up most: the clause with the largest sum is
quoted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.svm import LinearSVC

from fraudrisk.complaints.lexicon import Span

__all__ = ["ElderlyHead", "TextHeads", "project"]

_CLAUSE = re.compile(r"[^\u3002\uff01\uff1f!?\uff1b;\n\uff0c,\u3001\u2026\s]+")
_LONGEST, _SHORTEST = 40, 4
_LEXICON = 0.1
"""Weight of a lexicon hit beside features of length one; from folds by writer (0.03 to 1.0 tried)."""
NONE = "null"


class TextHeads:
    """Tactics (many per text) and stage (one per text) from a feature matrix.

    Parameters
    ----------
    tactics, stages : sequences of str
        Codes, in the order of the weights.
    columns : ndarray of int
        Columns of the feature matrix that carry weight.
    weights : ndarray of float32, shape (n_columns + n_flags, n_tactics + n_stages)
    intercept : ndarray
    threshold : float
        A tactic is shown where its decision value is above it.
    """

    def __init__(self, tactics: Sequence[str], stages: Sequence[str], columns: Any, weights: Any, intercept: Any, threshold: float) -> None:
        self.tactics, self.stages = list(tactics), list(stages)
        self.columns, self.weights, self.intercept, self.threshold = columns, weights, intercept, threshold

    @classmethod
    def fit(
        cls,
        features: sparse.csr_matrix,
        flags: Any,
        tactics: Sequence[set[str]],
        stages: Sequence[str | None],
        codes: Sequence[str],
        *,
        threshold: float = -0.3,
    ) -> TextHeads:
        """Learn from fraud texts.

        Parameters
        ----------
        features : csr_matrix
            As the classifier weighs them.
        flags : ndarray of bool, shape (n_texts, n_flags)
            What the lexicon saw in each text.
        tactics, stages
            Gold labels, one set and one stage (or None) per text.
        codes : sequence of str
            Tactics to learn, in order.
        """
        columns = np.flatnonzero(np.bincount(features.indices, minlength=features.shape[1]) > 1)
        x = _beside(project(features, columns), flags)
        gold = np.array([[c in s for c in codes] for s in tactics])
        stage = np.array([s or NONE for s in stages])
        names = sorted(set(stage))
        weights = np.zeros((x.shape[1], len(codes) + len(names)), np.float32)
        intercept = np.full(len(codes) + len(names), -1.0)
        for k in range(len(codes)):
            if gold[:, k].sum() >= 3:
                model = LinearSVC(C=1.0, class_weight="balanced", random_state=0).fit(x, gold[:, k])
                weights[:, k], intercept[k] = model.coef_[0], model.intercept_[0]
        model = LinearSVC(C=1.0, class_weight="balanced", random_state=0).fit(x, stage)
        weights[:, len(codes) :], intercept[len(codes) :] = model.coef_.T, model.intercept_
        return cls(codes, names, columns, weights, intercept, threshold)

    def decide(self, features: sparse.csr_matrix, flags: Any) -> tuple[list[list[str]], list[str | None]]:
        """Tactics and stage of each text."""
        n = len(self.columns)
        scores = (
            project(features, self.columns) @ self.weights[:n]
            + (np.asarray(flags, np.float32) * _LEXICON) @ self.weights[n:]
            + self.intercept
        )
        shown = scores[:, : len(self.tactics)] > self.threshold
        stage = scores[:, len(self.tactics) :].argmax(axis=1)
        tactics = [[self.tactics[k] for k in np.flatnonzero(row)] for row in shown]
        return tactics, [None if self.stages[s] == NONE else self.stages[s] for s in stage]

    def quotes(
        self, texts: Sequence[str], tactics: Sequence[Sequence[str]], weigh: Callable[[list[str]], sparse.csr_matrix]
    ) -> list[list[Span]]:
        """For every text and tactic (or stage) the clause that says most for it.

        Parameters
        ----------
        texts : sequence of str
        tactics : sequence of sequences of str
            What to quote for, per text.
        weigh : callable
            Texts to weighted features, as the classifier makes them.
        """
        windows = [_windows(text) if wanted else [] for text, wanted in zip(texts, tactics, strict=True)]
        flat = [text[a:b] for text, places in zip(texts, windows, strict=True) for a, b in places]
        if not flat:
            return [[] for _ in texts]
        scores = np.asarray(project(weigh(flat), self.columns) @ self.weights[: len(self.columns)])
        place = {code: k for k, code in enumerate([*self.tactics, *self.stages])}
        out, at = [], 0
        for text, wanted, places in zip(texts, tactics, windows, strict=True):
            spans = []
            for tactic in wanted if places else ():
                a, b = places[int(scores[at : at + len(places), place[tactic]].argmax())]
                spans.append(Span(tactic, text[a:b], a, b))
            at += len(places)
            out.append(spans)
        return out


class ElderlyHead:
    """Whether a text concerns old people: said (明确), to be inferred (推断), or unknown (未知).

    Parameters
    ----------
    labels : sequence of str
    columns : ndarray of int
        Columns of the feature matrix that carry weight.
    weights : ndarray of float32, shape (n_columns + n_flags, n_labels)
    intercept : ndarray
    """

    def __init__(self, labels: Sequence[str], columns: Any, weights: Any, intercept: Any) -> None:
        self.labels, self.columns, self.weights, self.intercept = list(labels), columns, weights, intercept

    _by_column: Any = None

    @classmethod
    def fit(cls, features: sparse.csr_matrix, flags: Any, gold: Sequence[str]) -> ElderlyHead:
        """Learn from all texts, fraud or not.

        Parameters
        ----------
        features : csr_matrix
            As the classifier weighs them.
        flags : ndarray of bool, shape (n_texts, n_flags)
            Which of the lexicon's word lists the text uses.
        gold : sequence of str
        """
        columns = np.flatnonzero(np.bincount(features.indices, minlength=features.shape[1]) > 1)
        model = LinearSVC(C=1.0, random_state=0).fit(_beside(project(features, columns), flags), np.asarray(gold))
        return cls([str(c) for c in model.classes_], columns, model.coef_.T.astype(np.float32), model.intercept_)

    def decide(self, features: sparse.csr_matrix, flags: Any) -> list[str]:
        """The label of each text."""
        n = len(self.columns)
        if self._by_column is None:  # every column has a row: nearly all texts use nearly only those that weigh
            weights = np.zeros((features.shape[1], len(self.labels)), np.float32)
            weights[self.columns] = self.weights[:n]
            self._by_column = weights  # whole: other threads read it too
        scores = features @ self._by_column + (np.asarray(flags, np.float32) * _LEXICON) @ self.weights[n:] + self.intercept
        return [self.labels[k] for k in np.asarray(scores).argmax(axis=1)]


def _beside(x: sparse.csr_matrix, flags: Any) -> sparse.csr_matrix:
    stacked: sparse.csr_matrix = sparse.hstack([x, sparse.csr_matrix(np.asarray(flags, np.float32) * _LEXICON)], format="csr")
    return stacked


def project(features: sparse.csr_matrix, columns: Any) -> sparse.csr_matrix:
    """The chosen columns, in order; quicker than indexing, which prepares all 2**18 of them."""
    place = np.searchsorted(columns, features.indices)
    kept = np.take(columns, place, mode="clip") == features.indices
    indptr = np.concatenate([[0], np.cumsum(kept)])[features.indptr]
    chosen: sparse.csr_matrix = sparse.csr_matrix((features.data[kept], place[kept], indptr), shape=(features.shape[0], len(columns)))
    return chosen


def _windows(text: str) -> list[tuple[int, int]]:
    """Clauses, long ones cut."""
    clauses = [(m.start(), m.end()) for m in _CLAUSE.finditer(text) if m.end() - m.start() >= _SHORTEST]
    return [(s, min(s + _LONGEST, b)) for a, b in clauses for s in range(a, b, _LONGEST) if min(s + _LONGEST, b) - s >= _SHORTEST]
