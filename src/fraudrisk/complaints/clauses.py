"""What single clauses say: which tactic they show, which stage they speak for.

A text of thirty clauses shows a tactic in one of them; read as a whole, that one is drowned. Every clause is scored on its own
and, a little, by its neighbours; the best one counts, and is what is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.svm import LinearSVC

from fraudrisk.complaints.heads import per_class, project

__all__ = ["ClauseHeads", "Clauses"]

_CLAUSE = re.compile(r"[^\u3002\uff01\uff1f!?\uff1b;\n\uff0c,\u3001\u2026\s]+")
_LONGEST, _SHORTEST = 40, 2
_NEIGHBOURS = 0.3
"""What a neighbouring clause weighs; from folds by writer (0.3, 0.5 tried)."""
_RARE = 10
"""Runs in so few clauses (a clause, the one before or after it) or fewer carry no weight; 2 to 10 are alike on the folds."""
_OVERLAP = 4
"""Characters a clause shares with a quoted passage to count as showing what was quoted."""
NOTHING = -2.0
"""Score of a text without a clause."""


@dataclass(frozen=True, slots=True)
class Clauses:
    """Clauses of some texts.

    ``places`` has ``(start, end)`` of each; ``first`` where each text's clauses begin, and one more number at the end; ``features``
    a row per clause: its own weighted features and a share of its neighbours'.
    """

    places: list[tuple[int, int]]
    first: Any
    features: sparse.csr_matrix

    @classmethod
    def cut(cls, texts: Sequence[str], weigh: Callable[[list[str]], sparse.csr_matrix]) -> Clauses:
        """Cut folded texts into clauses.

        Parameters
        ----------
        texts : sequence of str
        weigh : callable
            Texts to weighted features, as the classifier makes them.
        """
        cut = [_places(text) for text in texts]
        first = np.concatenate([[0], np.cumsum([len(c) for c in cut], dtype=np.int64)])
        own = weigh([text[a:b] for text, places in zip(texts, cut, strict=True) for a, b in places])
        left = np.setdiff1d(np.arange(own.shape[0] - 1), first[1:-1] - 1)  # clauses whose next one is of the same text
        beside = sparse.csr_matrix(
            (np.full(2 * len(left), _NEIGHBOURS, np.float32), (np.r_[left, left + 1], np.r_[left + 1, left])), shape=(own.shape[0],) * 2
        )
        return cls([p for places in cut for p in places], first, (own + beside @ own).tocsr())

    @property
    def owner(self) -> Any:
        """Position of the text of each clause."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))

    def best(self, scores: Any) -> Any:
        """The highest score of each text in each column, shape (n_texts, n_columns)."""
        out = np.full((len(self.first) - 1, scores.shape[1]), NOTHING)
        some = np.flatnonzero(np.diff(self.first))
        if len(some):  # reduceat takes an empty slice for its first element
            out[some] = np.maximum.reduceat(scores, self.first[some], axis=0)
        return out

    def quoted(self, texts: Sequence[str], quotes: Sequence[Sequence[tuple[str, str]]], codes: Sequence[str]) -> Any:
        """Which clauses show what was quoted, shape (n_clauses, n_codes); a quote that is not in its text shows nothing."""
        shown = np.zeros((len(self.places), len(codes)), bool)
        column = {code: k for k, code in enumerate(codes)}
        for i, (text, said) in enumerate(zip(texts, quotes, strict=True)):
            for code, quote in said:
                at = text.find(quote)
                if at < 0 or code not in column:
                    continue
                for j in range(self.first[i], self.first[i + 1]):
                    a, b = self.places[j]
                    if min(b, at + len(quote)) - max(a, at) >= min(_OVERLAP, b - a):
                        shown[j, column[code]] = True
        return shown


class ClauseHeads:
    """Linear scores of a clause, one for each tactic and each stage.

    Parameters
    ----------
    columns : ndarray of int
        Columns of the feature matrix that carry weight.
    weights : ndarray of float32, shape (n_columns, n_tactics + n_stages)
    intercept : ndarray
    """

    def __init__(self, columns: Any, weights: Any, intercept: Any) -> None:
        self.columns, self.weights, self.intercept = columns, weights, intercept

    @classmethod
    def fit(cls, clauses: Clauses, shown: Any, tactics: Any, stage: Any, texts: Any) -> ClauseHeads:
        """Learn from the clauses of some texts.

        For a tactic, the quoted clauses stand against those of texts without it: what else a text that shows it says of it was not
        marked. For a stage, every clause stands for its text's.

        Parameters
        ----------
        clauses : Clauses
        shown : ndarray of bool, shape (n_clauses, n_tactics)
        tactics : ndarray of bool, shape (n_texts, n_tactics)
        stage : ndarray of int, shape (n_texts,)
        texts : ndarray of int
            Texts to learn from.
        """
        owner = clauses.owner
        known = np.isin(owner, texts)
        seen = clauses.features[known]
        columns = np.flatnonzero(np.bincount(seen.indices, minlength=seen.shape[1]) > _RARE)
        x, shown, owner = project(seen, columns), shown[known], owner[known]
        n_tactics, n_stages = tactics.shape[1], int(stage.max()) + 1
        weights = np.zeros((len(columns), n_tactics + n_stages), np.float32)
        intercept = np.full(n_tactics + n_stages, -1.0)
        for k in range(n_tactics):
            use = shown[:, k] | ~tactics[owner, k]
            if shown[:, k].sum() >= 3 and not shown[use, k].all():
                model = LinearSVC(C=0.5, class_weight={0: 1, 1: 5}, random_state=0, tol=1e-3).fit(x[use], shown[use, k])
                weights[:, k], intercept[k] = model.coef_[0], model.intercept_[0]
        several = n_tactics + np.unique(stage[owner])
        if len(several) > 1:
            model = LinearSVC(C=0.1, class_weight="balanced", random_state=0, tol=1e-3).fit(x, stage[owner])
            weights[:, several], intercept[several] = per_class(model)
        return cls(columns, weights, intercept)

    def scores(self, clauses: Clauses) -> Any:
        """Of each clause, shape (n_clauses, n_tactics + n_stages)."""
        return project(clauses.features, self.columns) @ self.weights + self.intercept


def _places(text: str) -> list[tuple[int, int]]:
    """Clauses, long ones cut."""
    clauses = [(m.start(), m.end()) for m in _CLAUSE.finditer(text) if m.end() - m.start() >= _SHORTEST]
    return [(s, min(s + _LONGEST, b)) for a, b in clauses for s in range(a, b, _LONGEST) if s == a or b - s >= 2 * _SHORTEST]
