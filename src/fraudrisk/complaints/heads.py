"""What else one feature matrix tells: how much the whole text speaks for each tactic and stage, and whether it concerns old people.

Linear heads over the classifier's own hashed features, and over what the lexicon saw; they cost one more sparse product.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.svm import LinearSVC

__all__ = ["ElderlyHead", "StatementHead", "TextHeads", "per_class", "project"]

_RARE = 4
"""Runs in so few fraud texts or fewer carry no weight; 1 to 4 are alike on the folds, and 4 has half the columns."""
_LEXICON = 0.1
"""Weight of a lexicon hit beside features of length one; from folds by writer (0.03 to 1.0 tried)."""


class TextHeads:
    """How much a text as a whole speaks for each tactic and each stage.

    Parameters
    ----------
    columns : ndarray of int
        Columns of the feature matrix that carry weight.
    weights : ndarray of float32, shape (n_columns + n_flags, n_tactics + n_stages)
    intercept : ndarray
    """

    def __init__(self, columns: Any, weights: Any, intercept: Any) -> None:
        self.columns, self.weights, self.intercept = columns, weights, intercept

    @classmethod
    def fit(cls, features: sparse.csr_matrix, flags: Any, tactics: Any, stage: Any) -> TextHeads:
        """Learn from fraud texts.

        Parameters
        ----------
        features : csr_matrix
            As the classifier weighs them.
        flags : ndarray of bool, shape (n_texts, n_flags)
            What the lexicon saw in each text.
        tactics : ndarray of bool, shape (n_texts, n_tactics)
        stage : ndarray of int, shape (n_texts,)
        """
        columns = np.flatnonzero(np.bincount(features.indices, minlength=features.shape[1]) > _RARE)
        x = _beside(project(features, columns), flags)
        n_tactics, n_stages = tactics.shape[1], int(stage.max()) + 1
        weights = np.zeros((x.shape[1], n_tactics + n_stages), np.float32)
        intercept = np.full(n_tactics + n_stages, -1.0)
        for k in range(n_tactics):
            if 3 <= tactics[:, k].sum() < len(tactics):
                model = LinearSVC(C=1.0, class_weight="balanced", random_state=0).fit(x, tactics[:, k])
                weights[:, k], intercept[k] = model.coef_[0], model.intercept_[0]
        several = n_tactics + np.unique(stage)
        if len(several) > 1:
            weights[:, several], intercept[several] = per_class(LinearSVC(C=1.0, class_weight="balanced", random_state=0).fit(x, stage))
        return cls(columns, weights, intercept)

    def scores(self, features: sparse.csr_matrix, flags: Any) -> Any:
        """Of each text, shape (n_texts, n_tactics + n_stages)."""
        n = len(self.columns)
        return (
            project(features, self.columns) @ self.weights[:n]
            + (np.asarray(flags, np.float32) * _LEXICON) @ self.weights[n:]
            + self.intercept
        )


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


class StatementHead:
    """How much a text as a whole speaks for one statement ("it says what was paid", "it names somebody").

    Parameters
    ----------
    columns : ndarray of int
        Columns of the feature matrix that carry weight.
    weights : ndarray of float32, shape (n_columns,)
    intercept : float
    """

    def __init__(self, columns: Any, weights: Any, intercept: float) -> None:
        self.columns, self.weights, self.intercept = columns, weights, intercept

    _by_column: Any = None

    @classmethod
    def of(cls, columns: Any, model: Any) -> StatementHead:
        """Of a linear model fitted to those columns, with the weights as they are stored."""
        return cls(columns, model.coef_[0].astype(np.float16).astype(np.float32), float(model.intercept_[0]))

    def odds(self, features: sparse.csr_matrix) -> Any:
        """Log-odds of the statement, for each text."""
        if self._by_column is None:  # every column has a weight: quicker than choosing those that have one
            weights = np.zeros(features.shape[1], np.float32)
            weights[self.columns] = self.weights
            self._by_column = weights  # whole: other threads read it too
        return features @ self._by_column + self.intercept


def _beside(x: sparse.csr_matrix, flags: Any) -> sparse.csr_matrix:
    stacked: sparse.csr_matrix = sparse.hstack([x, sparse.csr_matrix(np.asarray(flags, np.float32) * _LEXICON)], format="csr")
    return stacked


def per_class(model: Any) -> tuple[Any, Any]:
    """Weights and intercepts of a fitted linear model, a column per class, also where two classes share one line."""
    coef, intercept = model.coef_, model.intercept_
    if len(coef) == 1:
        coef, intercept = np.vstack([-coef, coef]), np.concatenate([-intercept, intercept])
    return coef.T, intercept


def project(features: sparse.csr_matrix, columns: Any) -> sparse.csr_matrix:
    """The chosen columns, in order; quicker than indexing, which prepares all columns for any."""
    place = np.searchsorted(columns, features.indices)
    kept = np.take(columns, place, mode="clip") == features.indices
    indptr = np.concatenate([[0], np.cumsum(kept)])[features.indptr]
    chosen: sparse.csr_matrix = sparse.csr_matrix((features.data[kept], place[kept], indptr), shape=(features.shape[0], len(columns)))
    return chosen
