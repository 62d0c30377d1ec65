"""How a fraud text says the scheme works and how far along it is: tactics and stage, with the clauses that show them.

The text as a whole and its best clause are weighed against each other: how much each says was learned from writers whom neither had
seen (stacked generalisation, Wolpert 1992), since a model knows its own training texts too well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import special
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, KFold

from fraudrisk.complaints.clauses import ClauseHeads, Clauses
from fraudrisk.complaints.heads import TextHeads, per_class
from fraudrisk.complaints.lexicon import Span

__all__ = ["SchemeHeads"]

NONE = "null"
_FOLDS = 5
_THRESHOLD = 0.35
"""Probability from which a tactic is shown: best micro-F1 of the folds by writer."""


class SchemeHeads:
    """Tactics (many per text) and stage (one per text) of fraud texts.

    Parameters
    ----------
    tactics, stages : sequences of str
        Codes, in the order of the weights.
    whole : TextHeads
    clauses : ClauseHeads
    tactic_weights : ndarray, shape (n_tactics, 4)
        What the whole text, its best clause, the logarithm of its length and nothing at all weigh.
    stage_weights : ndarray, shape (2 * n_stages + n_tactics + 1, n_stages)
        The same over scores of stages (whole text, best clause), log-odds of tactics, and nothing at all.
    threshold : float
        A tactic is shown where its probability is above it.
    """

    def __init__(
        self,
        tactics: Sequence[str],
        stages: Sequence[str],
        whole: TextHeads,
        clauses: ClauseHeads,
        tactic_weights: Any,
        stage_weights: Any,
        threshold: float = _THRESHOLD,
    ) -> None:
        self.tactics, self.stages = list(tactics), list(stages)
        self.whole, self.clauses, self.threshold = whole, clauses, threshold
        self.tactic_weights, self.stage_weights = tactic_weights, stage_weights

    @classmethod
    def fit(
        cls,
        features: Any,
        flags: Any,
        texts: Sequence[str],
        quotes: Sequence[Sequence[tuple[str, str]]],
        stages: Sequence[str | None],
        codes: Sequence[str],
        writers: Sequence[str],
        weigh: Callable[[list[str]], Any],
    ) -> SchemeHeads:
        """Learn from fraud texts.

        Parameters
        ----------
        features : csr_matrix
            Of the texts, as the classifier weighs them.
        flags : ndarray of bool, shape (n_texts, n_flags)
            What the lexicon saw in each text.
        texts : sequence of str
            Folded.
        quotes : sequence of sequences of (tactic, words)
            What was marked in each text; the words folded like the text.
        stages : sequence of str or None
        codes : sequence of str
            Tactics to learn, in order.
        writers : sequence of str
            Who wrote each text.
        weigh : callable
            Texts to weighted features.
        """
        flags = np.asarray(flags, np.float32)
        names = sorted({s or NONE for s in stages})
        stage = np.array([names.index(s or NONE) for s in stages])
        tactics = np.array([[c in {t for t, _ in said} for c in codes] for said in quotes])
        cut = Clauses.cut(texts, weigh)
        shown = cut.quoted(texts, quotes, codes)

        def learn(train: Any) -> tuple[TextHeads, ClauseHeads]:
            return TextHeads.fit(features[train], flags[train], tactics[train], stage[train]), ClauseHeads.fit(
                cut, shown, tactics, stage, train
            )

        everything = np.arange(len(texts))
        n_folds = min(_FOLDS, len(set(writers)))
        splits = GroupKFold(n_folds).split(everything, groups=writers) if n_folds > 1 else KFold(min(_FOLDS, len(texts))).split(everything)
        width = len(codes) + len(names)
        whole, best = np.full((len(texts), width), -1.0), np.full((len(texts), width), -1.0)
        for train, test in splits:
            if stage[train].max() != stage.max():  # a stage that only the left-out texts have
                continue
            heads, of_clauses = learn(train)
            whole[test] = heads.scores(features[test], flags[test])
            best[test] = cut.best(of_clauses.scores(cut))[test]
        n = len(codes)
        length = _log_length(texts)
        by_tactic = np.zeros((n, 4))
        by_tactic[:, -1] = -10.0
        for k in range(n):
            if 3 <= tactics[:, k].sum() < len(texts):
                model = LogisticRegression(max_iter=1000).fit(np.column_stack([whole[:, k], best[:, k], length]), tactics[:, k])
                by_tactic[k] = [*model.coef_[0], model.intercept_[0]]
        odds = _odds(by_tactic, whole[:, :n], best[:, :n], length)
        given = np.column_stack([whole[:, n:], best[:, n:], odds])
        by_stage = np.zeros((given.shape[1] + 1, len(names)))
        if len(names) > 1:
            by_stage[:-1], by_stage[-1] = per_class(LogisticRegression(C=0.3, max_iter=10_000).fit(given, stage))
        return cls(codes, names, *learn(everything), by_tactic, by_stage)

    def decide(
        self, features: Any, flags: Any, texts: Sequence[str], weigh: Callable[[list[str]], Any]
    ) -> tuple[list[list[str]], list[str | None], Callable[[int, Sequence[str]], list[Span]]]:
        """Tactics and stage of each text, and a function that quotes.

        Returns
        -------
        tactics, stages
            One list and one stage (or None) per text.
        quote : callable
            Of a text's position and some tactics or stages, the clause that says most for each.
        """
        n = len(self.tactics)
        cut = Clauses.cut(texts, weigh)
        scores = self.clauses.scores(cut)
        whole, best = self.whole.scores(features, flags), cut.best(scores)
        odds = _odds(self.tactic_weights, whole[:, :n], best[:, :n], _log_length(texts))
        given = np.column_stack([whole[:, n:], best[:, n:], odds])
        stage = (given @ self.stage_weights[:-1] + self.stage_weights[-1]).argmax(axis=1)
        tactics = [[self.tactics[k] for k in np.flatnonzero(row)] for row in special.expit(odds) > self.threshold]
        column = {code: k for k, code in enumerate([*self.tactics, *self.stages])}

        def quote(i: int, wanted: Sequence[str]) -> list[Span]:
            start, end = cut.first[i], cut.first[i + 1]
            spans = []
            for code in wanted if end > start else ():
                a, b = cut.places[start + int(scores[start:end, column[code]].argmax())]
                spans.append(Span(code, texts[i][a:b], a, b))
            return spans

        return tactics, [None if self.stages[s] == NONE else self.stages[s] for s in stage], quote


def _log_length(texts: Sequence[str]) -> Any:
    return np.log1p([len(t) for t in texts])


def _odds(weights: Any, whole: Any, best: Any, length: Any) -> Any:
    """Log-odds of each tactic."""
    return whole * weights[:, 0] + best * weights[:, 1] + length[:, None] * weights[:, 2] + weights[:, 3]
