"""A text classifier for any label set: words and character runs, TF-IDF, a linear model, calibrated probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import optimize, sparse, special
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.svm import LinearSVC
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from fraudrisk.complaints.grams import GramHasher
from fraudrisk.errors import InputError

__all__ = ["ComplaintClassifier"]

_BLOCK = 4096
"""Texts turned into features at a time: bounds memory on millions of texts."""


class ComplaintClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classify texts into any set of labels.

    Parameters
    ----------
    C : float
        Inverse strength of regularisation.
    chars : tuple of int
        Shortest and longest character run counted.
    words : int
        Longest run of words counted; 0 leaves words out.
    bits : int
        Features are hashed to ``bits`` bits; no vocabulary is kept.
    min_df : int
        Words and runs that fewer training texts have are not looked at.
    folds : int
        Folds of the cross-validation that calibrates the probabilities.
    random_state : int or None

    Attributes
    ----------
    classes_ : ndarray
        Labels, sorted.
    columns_ : ndarray of int32, shape (n_columns,)
        Hashes that are looked at, ascending: column of the feature matrix by column.
    idf_ : ndarray of float32, shape (n_columns,)
    coef_ : ndarray of float32, shape (n_classes, n_columns)
    intercept_ : ndarray of shape (n_classes,)
    temperature_ : float
        Decision values are multiplied by it before the soft-max; fitted on folds the model had not seen.

    Examples
    --------
    >>> texts = ["讲课送鸡蛋卖磷虾肽", "听课领鸡蛋买床垫", "路灯不亮", "公交车晚点"] * 5
    >>> model = ComplaintClassifier(bits=12).fit(texts, ["fraud", "fraud", "other", "other"] * 5)
    >>> str(model.predict(["送鸡蛋讲课"])[0])
    'fraud'
    """

    def __init__(
        self,
        C: float = 1.0,
        chars: tuple[int, int] = (1, 3),
        words: int = 2,
        bits: int = 18,
        min_df: int = 1,
        folds: int = 5,
        random_state: int | None = 0,
    ) -> None:
        self.C = C
        self.chars = chars
        self.words = words
        self.bits = bits
        self.min_df = min_df
        self.folds = folds
        self.random_state = random_state

    _by_column: tuple[Any, Any] | None = None
    _by_hash: tuple[Any, Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {k: v for k, v in state.items() if k not in ("_by_column", "_by_hash")}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        return tags

    # -- learning ------------------------------------------------------------------------------------------------------

    def fit(
        self, X: Sequence[str], y: Any, *, sample_weight: Any = None, groups: Any = None, unlabelled: Any = None
    ) -> ComplaintClassifier:
        """Learn from labelled texts.

        Parameters
        ----------
        X : sequence of str
            Lists, Series, Arrow arrays. Mask personal data first (:func:`fraudrisk.privacy.mask_text`).
        y : sequence
            One label per text.
        sample_weight : array-like, optional
        groups : array-like, optional
            Who wrote each text: calibration then never sees a writer it was trained on.
        unlabelled : sequence of str, optional
            Texts of the place where the model will work: what is common there weighs less. (Teaching the model with texts it is
            sure of was tried and taken out: nearly all are ordinary, and it stopped finding fraud. See docs/reading.md.)

        Raises
        ------
        InputError
            Where there is one class only, no text, or lengths differ.
        """
        texts, labels = as_texts(X), np.asarray(y)
        if len(texts) != len(labels):
            raise InputError(f"{len(texts)} texts but {len(labels)} labels", mend="give one label per text")
        if not len(texts):
            raise InputError("there is no text to learn from")
        check_classification_targets(labels)
        self.classes_, target = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError(f"there is only one class, '{self.classes_[0]}'", mend="give texts of at least two")
        weight = None if sample_weight is None else np.asarray(sample_weight, np.float64)
        counts = self._counts(texts)
        n_with, n = np.bincount(counts.indices, minlength=counts.shape[1]), len(texts)
        # a run never seen in training is not a column: it must not shrink the known ones when a row is brought to length one
        known = np.flatnonzero(n_with >= max(self.min_df, 1))
        self.columns_ = (known if len(known) else np.zeros(1)).astype(np.int32)
        if unlabelled is not None:
            others = self._counts(as_texts(unlabelled))
            n_with, n = n_with + np.bincount(others.indices, minlength=others.shape[1]), n + others.shape[0]
        self.idf_ = (np.log((1 + n) / (1 + n_with[self.columns_])) + 1).astype(np.float32)
        features = self._weighted(counts)
        self.temperature_ = self._temperature(features, target, weight, groups)
        self.coef_, self.intercept_ = self._linear(features, target, weight)
        self.n_features_in_ = 1
        return self

    def _linear(self, features: sparse.csr_matrix, target: Any, weight: Any) -> tuple[Any, Any]:
        svm = LinearSVC(C=self.C, class_weight="balanced", random_state=self.random_state, tol=1e-4)
        svm.fit(features, target, sample_weight=weight)
        coef, intercept = svm.coef_, svm.intercept_
        if len(self.classes_) == 2:
            coef, intercept = np.vstack([-coef, coef]) / 2, np.concatenate([-intercept, intercept]) / 2
        return coef.astype(np.float32), intercept.astype(np.float64)

    def _temperature(self, features: sparse.csr_matrix, target: Any, weight: Any, groups: Any) -> float:
        """Fit one number on decisions about texts left out (Guo et al. 2017, temperature scaling)."""
        smallest = np.bincount(target).min()
        folds = int(min(self.folds, smallest))
        n_groups = len(set(groups)) if groups is not None else 0
        if folds < 2:
            return 2.0
        if n_groups >= 3:
            splits = GroupKFold(min(self.folds, n_groups)).split(features, target, groups)
        else:
            splits = StratifiedKFold(folds, shuffle=True, random_state=self.random_state).split(features, target)
        scores = np.zeros((len(target), len(self.classes_)))
        seen = np.zeros(len(target), bool)
        for train, test in splits:
            if len(np.unique(target[train])) < len(self.classes_):
                continue
            coef, intercept = self._linear(features[train], target[train], None if weight is None else weight[train])
            scores[test] = features[test] @ coef.T + intercept
            seen[test] = True
        if not seen.any():
            return 2.0
        rows = np.arange(seen.sum())

        def loss(log_t: float) -> float:
            logp = special.log_softmax(np.exp(log_t) * scores[seen], axis=1)
            return float(-np.average(logp[rows, target[seen]], weights=None if weight is None else weight[seen]))

        return float(np.exp(optimize.minimize_scalar(loss, bounds=(-2.0, 4.0), method="bounded").x))

    # -- answering -----------------------------------------------------------------------------------------------------

    def predict_proba(self, X: Sequence[str]) -> Any:
        """Probability of each class, shape (n_texts, n_classes), columns as in ``classes_``."""
        return self.probabilities(self._scores(X))

    def features(self, X: Sequence[str]) -> sparse.csr_matrix:
        """Weighted features of some texts, for other models over the same matrix."""
        check_is_fitted(self, "idf_")
        return self._weighted(self._counts(as_texts(X)))

    def scores(self, features: sparse.csr_matrix) -> Any:
        """Decision value of each class, for features that are there already."""
        if self._by_column is None or self._by_column[0] is not self.coef_:
            self._by_column = self.coef_, np.ascontiguousarray(self.coef_.T)  # a sparse row reads rows of it
        return features @ self._by_column[1] + self.intercept_

    def probabilities(self, scores: Any) -> Any:
        """Calibrated probabilities of decision values."""
        return special.softmax(self.temperature_ * scores, axis=1)

    def decision_function(self, X: Sequence[str]) -> Any:
        """Signed distance per class; one column's difference where there are two classes."""
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: Sequence[str]) -> Any:
        """The most probable label of each text."""
        scores = self._scores(X)
        return self.classes_[scores.argmax(axis=1)]

    def _scores(self, X: Sequence[str]) -> Any:
        check_is_fitted(self, "coef_")
        texts = as_texts(X)
        out = np.empty((len(texts), len(self.classes_)))
        for start in range(0, len(texts), _BLOCK):
            block = texts[start : start + _BLOCK]
            out[start : start + len(block)] = self.scores(self._weighted(self._counts(block)))
        return out

    def _counts(self, texts: list[str]) -> sparse.csr_matrix:
        hasher = GramHasher(self.chars, self.words, self.bits)
        parts = [hasher.transform(texts[i : i + _BLOCK]) for i in range(0, max(len(texts), 1), _BLOCK)]
        return sparse.vstack(parts, format="csr") if len(parts) != 1 else parts[0]

    def _weighted(self, counts: sparse.csr_matrix) -> sparse.csr_matrix:
        place = self._places()[counts.indices]
        known = place >= 0
        indptr = np.concatenate([[0], np.cumsum(known)])[counts.indptr]
        place = place[known]
        data = (1 + np.log(counts.data[known])) * self.idf_[place]
        row_of = np.repeat(np.arange(counts.shape[0]), np.diff(indptr))
        length = np.sqrt(np.bincount(row_of, data * data, minlength=counts.shape[0]))
        data = (data / np.where(length > 0, length, 1)[row_of]).astype(np.float32)
        return sparse.csr_matrix((data, place, indptr), shape=(counts.shape[0], len(self.columns_)))

    def _places(self) -> Any:
        """Column of every hash, -1 where it is not looked at."""
        if self._by_hash is None or self._by_hash[0] is not self.columns_:
            place = np.full(1 << self.bits, -1, np.int32)
            place[self.columns_] = np.arange(len(self.columns_), dtype=np.int32)
            self._by_hash = self.columns_, place  # whole: other threads read it too
        return self._by_hash[1]


def as_texts(texts: Any) -> list[str]:
    """A list of str from a list, Series, numpy or Arrow array; missing reads as empty.

    Raises
    ------
    InputError
        On a single string, or on anything that is no text; names the position.
    """
    if isinstance(texts, str):
        raise InputError("one string was given where several texts are expected", mend="put it in a list")
    if hasattr(texts, "to_pylist"):
        texts = texts.to_pylist()
    elif hasattr(texts, "to_list"):
        texts = texts.to_list()
    out = []
    for position, text in enumerate(texts):
        if isinstance(text, str):
            out.append(text)
        elif text is None or (isinstance(text, float) and text != text) or type(text).__name__ == "NAType":
            out.append("")
        else:
            raise InputError("this is not a text", where=f"position {position}, value {str(text)[:40]!r}", mend="give strings")
    return out
