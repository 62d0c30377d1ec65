"""Which of the amounts a complaint names were paid, and what they come to.

The grammar of :mod:`fraudrisk.records.amounts` finds the amounts; a linear model over the characters around each says whether
it was paid or lost (and not promised, returned, a price, a valuation); a second one, over the whole text, whether it says at all
what was paid. Boosted trees then choose among the readings of :mod:`fraudrisk.complaints.sums` (one amount, a sum, a price times a
count) and none: they learn from whole texts which of their readings is right, not from each reading alone.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from fraudrisk.complaints.choosing import CHOOSING, left_out, one_of
from fraudrisk.complaints.grams import GramHasher
from fraudrisk.complaints.heads import StatementHead, project
from fraudrisk.complaints.sums import SENTENCE, Candidate, candidates, describe, says_total
from fraudrisk.errors import InputError
from fraudrisk.records.amounts import Amount, find_amounts

__all__ = ["PaymentModel"]

_BEFORE, _AFTER, _NEAR, _FAR = 16, 12, 4, 80
_SAME_DIGIT = str.maketrans("123456789", "000000000")
_RUNS = GramHasher(chars=(1, 3), words=0, bits=16)
_SILENT = -1.1
"""Log-odds of "this text says what was paid" up to which nothing is looked for, alone or with those of its likeliest amount: nine tenths
of the ordinary messages are done with, and one and two in a thousand of the payments that would be found on the folds."""
_LENIENT = 0.5
"""How much likelier none must be, in log-odds, for nothing to be given: an amount with its words can be checked, one not given cannot.
On the folds 1.5 points more of the named amounts are right, and 0.3 points fewer of all texts."""
_MOST = 4
"""Payments that are tried together when the gold amount is explained."""
_TREES = {**CHOOSING, "num_leaves": 31, "learning_rate": 0.06}
_ROUNDS = 300


class PaymentModel:
    """Picks what was paid.

    Parameters
    ----------
    paid : tuple of ndarray of float32 and float
        Weights and intercept of "this amount was paid".
    said : StatementHead
        "This text says what was paid."
    trees : str
        The booster that chooses, as LightGBM writes it.
    """

    def __init__(self, paid: tuple[Any, float], said: StatementHead, trees: str) -> None:
        import lightgbm as lgb

        self.paid, self.said, self.trees = paid, said, trees
        self._chooser = lgb.Booster(model_str=trees)

    @classmethod
    def fit(
        cls, texts: Sequence[str], totals: Sequence[float | None], features: sparse.csr_matrix, writers: Sequence[str] | None = None
    ) -> PaymentModel:
        """Learn from folded texts and the total each says was paid (None where it says none).

        Parameters
        ----------
        texts : sequence of str
        totals : sequence of float or None
        features : csr_matrix, one row per text
            As the classifier weighs them.
        writers : sequence of str, optional
            The trees learn from what the linear models say of writers they did not see.

        Raises
        ------
        InputError
            Where no text, or every text, says what was paid, or none of the amounts named makes a total.
        """
        import lightgbm as lgb

        found = [list(find_amounts(t)) for t in texts]
        columns = np.flatnonzero(np.bincount(features.indices, minlength=features.shape[1]) > 1)
        words, states = project(features, columns), np.array([t is not None for t in totals])
        owner = np.repeat(np.arange(len(texts)), [len(f) for f in found])
        explained = [_explains(f, t) for f, t in zip(found, totals, strict=True)]
        paid = np.array([i in (explained[k] or ()) for k, f in enumerate(found) for i in range(len(f))], bool)
        known = np.array([explained[k] is not None for k in owner], bool)
        if not (_both(states) and _both(paid[known])):
            raise InputError(
                "nothing is to be learned about payments from these texts",
                where=f"{int(states.sum())} of {len(texts)} give amount_yuan, {int(paid.sum())} of the amounts they name make it",
                mend="label texts with and without an amount that was paid",
            )
        around = _around(texts, found)
        chances, said = np.zeros(len(owner)), np.zeros(len(texts))
        for learn, judge in left_out(len(texts), writers, 5):
            mine, theirs = np.isin(owner, learn) & known, np.isin(owner, judge)
            if not _both(paid[mine]) or not _both(states[learn]):
                continue
            chances[theirs] = _paid(around[mine], paid[mine]).decision_function(around[theirs])
            said[judge] = _said(words[learn], states[learn]).decision_function(words[judge])
        rows, right, sizes = [], [], []
        for k, (text, amounts, start) in enumerate(zip(texts, found, _starts(found), strict=True)):
            if amounts:
                mine = chances[start : start + len(amounts)]
                readings = candidates(text, amounts, mine)
                hits = [abs(r.yuan - (totals[k] or 0)) < 1 for r in readings] + [not totals[k]]
                if any(hits):
                    rows.append(describe(text, amounts, mine, said[k], readings))
                    right += hits
                    sizes.append(len(hits))
        booster = lgb.train({**_TREES, "objective": one_of(sizes)}, lgb.Dataset(np.vstack(rows), np.array(right, float)), _ROUNDS)
        first, second = _paid(around[known], paid[known]), _said(words, states)
        return cls(
            (first.coef_[0].astype(np.float16).astype(np.float32), float(first.intercept_[0])),
            StatementHead.of(columns, second),
            booster.model_to_string(),
        )

    def total(self, texts: Sequence[str], features: sparse.csr_matrix) -> list[Amount | None]:
        """What each folded text says was paid in all; the place is that of the amount to quote.

        Parameters
        ----------
        texts : sequence of str
        features : csr_matrix, one row per text
        """
        out: list[Amount | None] = [None] * len(texts)
        said = self.said.odds(features)
        which = [i for i in np.flatnonzero(said > _SILENT).tolist() if texts[i]]
        found = {i: list(find_amounts(texts[i])) for i in which}
        which = [i for i in which if found[i]]
        if not which:
            return out
        chances = _around([texts[i] for i in which], [found[i] for i in which]) @ self.paid[0] + self.paid[1]
        offers, rows = [], []
        for i, start in zip(which, _starts([found[i] for i in which]), strict=True):
            mine = chances[start : start + len(found[i])]
            if mine.max() + said[i] > _SILENT:
                readings = candidates(texts[i], found[i], mine)
                offers.append((i, readings))
                rows.append(describe(texts[i], found[i], mine, float(said[i]), readings))
        if not rows:
            return out
        scores = np.asarray(self._chooser.predict(np.vstack(rows), num_threads=1))
        for (i, readings), start in zip(offers, _starts(rows), strict=True):
            none = start + len(readings)
            best = int(scores[start:none].argmax())
            if scores[start + best] >= scores[none] - _LENIENT:
                out[i] = _quoted(texts[i], found[i], readings[best])
        return out

    def arrays(self) -> dict[str, Any]:
        """What a bundle stores."""
        return {
            "payment_weights": self.paid[0].astype(np.float16),
            "payment_columns": self.said.columns.astype(np.int32),
            "payment_words": self.said.weights.astype(np.float16),
            "payment_trees": np.frombuffer(self.trees.encode(), np.uint8),
        }

    def meta(self) -> dict[str, float]:
        """What a bundle's manifest stores."""
        return {"payment_intercept": self.paid[1], "payment_said": self.said.intercept}

    @classmethod
    def from_arrays(cls, meta: dict[str, Any], arrays: dict[str, Any]) -> PaymentModel:
        """Rebuild from :meth:`arrays` and :meth:`meta`."""
        return cls(
            (arrays["payment_weights"].astype(np.float32), meta["payment_intercept"]),
            StatementHead(arrays["payment_columns"], arrays["payment_words"].astype(np.float32), meta["payment_said"]),
            arrays["payment_trees"].tobytes().decode(),
        )


def _paid(x: sparse.csr_matrix, y: Any) -> LogisticRegression:
    return LogisticRegression(C=0.03, solver="liblinear", random_state=0).fit(x, y)


def _said(x: sparse.csr_matrix, y: Any) -> LogisticRegression:
    return LogisticRegression(C=10.0, solver="liblinear", random_state=0).fit(x, y)


def _both(y: Any) -> bool:
    return bool(y.any() and not y.all())


def _starts(parts: Sequence[Sequence[Any]]) -> list[int]:
    """Where each part begins when all stand in a row."""
    return [0, *itertools.accumulate(len(p) for p in parts)][:-1]


def _explains(found: list[Amount], total: float | None) -> set[int] | None:
    if not total:
        return set()
    for size in range(1, min(_MOST, len(found)) + 1):
        for chosen in itertools.combinations(range(len(found)), size):
            if abs(sum(found[i].yuan for i in chosen) - total) < 1:
                return set(chosen)
    return None


def _quoted(text: str, found: Sequence[Amount], reading: Candidate) -> Amount:
    """The reading's total, at the amount that says so, else at the first that makes it."""
    stated = [found[i] for i in reading.members if says_total(text, found[i])]
    place = stated[-1] if stated else found[reading.members[0]]
    return Amount(reading.yuan, place.start, place.end)


def _around(texts: Sequence[str], found: Sequence[Sequence[Amount]]) -> sparse.csr_matrix:
    """The runs before and after every amount, in its sentence and the one before, and how it stands among the others of its text.

    What stands around does not depend on figures: every amount is one sign, every digit the same.
    """
    seen = [place for text, amounts in zip(texts, found, strict=True) for place in _masked(text, amounts)]
    before = [t[max(0, at - _BEFORE) : at][::-1] for t, at in seen]
    after = [t[at + 1 : at + 1 + _AFTER] for t, at in seen]
    sentences = [SENTENCE.split(t[max(0, at - _FAR) : at]) for t, at in seen]
    parts = (
        (before, 1.0),
        (after, 1.0),
        ([f"^{b[:_NEAR]}" for b in before], 2.0),
        ([f"${b[:_NEAR]}" for b in after], 2.0),
        ([s[-1] for s in sentences], 1.0),
        ([s[-2] if len(s) > 1 else "" for s in sentences], 0.3),
        ([SENTENCE.split(t[at + 1 : at + 1 + _FAR // 2])[0] for t, at in seen], 1.0),
    )
    blocks = []
    for runs, weight in parts:
        block = _RUNS.transform(runs)
        block.data[:] = weight
        blocks.append(block)
    shape = np.vstack([_shape(t, f) for t, f in zip(texts, found, strict=True) if f])
    stacked: sparse.csr_matrix = sparse.hstack([*blocks, sparse.csr_matrix(shape)], format="csr")
    return stacked


def _masked(text: str, amounts: Sequence[Amount]) -> list[tuple[str, int]]:
    """For every amount, the text with a sign for each of them, and the place of its sign."""
    pieces, places, last, length = [], [], 0, 0
    for amount in amounts:
        pieces += [text[last : amount.start], "\xa4"]
        length += amount.start - last
        places.append(length)
        last, length = amount.end, length + 1
    whole = "".join([*pieces, text[last:]]).translate(_SAME_DIGIT)
    return [(whole, place) for place in places]


def _shape(text: str, found: Sequence[Amount]) -> Any:
    """How each amount of a text stands among the others."""
    yuan = np.array([a.yuan for a in found])
    n = len(yuan)
    return np.column_stack(
        [
            np.log10(yuan + 1) / 3,
            np.arange(n) == 0,
            np.full(n, n == 1),
            yuan == yuan.max(),
            np.isin(yuan, [v for v, times in Counter(yuan.tolist()).items() if times > 1]),
            np.abs(yuan.sum() - 2 * yuan) < 1,
            np.full(n, n / 5),
            [says_total(text, a) for a in found],
        ]
    )
