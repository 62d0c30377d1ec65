"""Which of the amounts a complaint names were paid, and what they come to.

The grammar of :mod:`fraudrisk.records.amounts` finds the amounts; a linear model over the characters around each says whether
it was paid or lost (and not promised, returned, a price, a valuation). A stated total wins; else different payments add up.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse, special
from sklearn.linear_model import LogisticRegression

from fraudrisk.complaints.grams import GramHasher
from fraudrisk.records.amounts import Amount, find_amounts

__all__ = ["PaymentModel"]

_BEFORE, _AFTER, _NEAR = 16, 12, 5
_RUNS = GramHasher(chars=(1, 3), words=0, bits=16)
_THRESHOLD = 0.45
_MOST = 4
"""Payments that are tried together when the gold amount is explained."""
_BREAK = re.compile(r"[\uff0c,\u3002;\uff1b\uff01!\uff1f?\n]")
_TOTAL = re.compile(
    r"(?:一共|总共|共计|合计|总计|累计|前后|前前后后|加起来|陆续|总额|总金额|涉及金额|涉案金额|共)[^\uff0c,\u3002;\uff1b\n]{0,12}$"
)


class PaymentModel:
    """Picks the paid amounts.

    Parameters
    ----------
    weights : ndarray of float32
    intercept : float
    """

    def __init__(self, weights: Any, intercept: float) -> None:
        self.weights, self.intercept = weights, intercept

    @classmethod
    def fit(cls, texts: Sequence[str], totals: Sequence[float | None]) -> PaymentModel:
        """Learn from folded texts and the total each says was paid (None where it says none).

        A text teaches only where its total is the sum of at most four amounts it names.
        """
        items: list[tuple[str, Amount, list[Amount]]] = []
        paid: list[bool] = []
        for text, total in zip(texts, totals, strict=True):
            found = list(find_amounts(text))
            chosen = _explains(found, total)
            if chosen is not None:
                items += [(text, a, found) for a in found]
                paid += [i in chosen for i in range(len(found))]
        model = LogisticRegression(C=1.0, solver="liblinear", random_state=0).fit(_features(items), paid)
        return cls(model.coef_[0].astype(np.float32), float(model.intercept_[0]))

    def total(self, texts: Sequence[str]) -> list[Amount | None]:
        """What each folded text says was paid in all; the place is that of the amount to quote."""
        found = [list(find_amounts(t)) for t in texts]
        items = [(t, a, f) for t, f in zip(texts, found, strict=True) for a in f]
        if not items:
            return [None] * len(texts)
        p = special.expit(_features(items) @ self.weights + self.intercept)
        out: list[Amount | None] = []
        at = 0
        for text, amounts in zip(texts, found, strict=True):
            picked = [a for a, q in zip(amounts, p[at : at + len(amounts)], strict=True) if q > _THRESHOLD]
            at += len(amounts)
            out.append(_sum(text, picked))
        return out


def _explains(found: list[Amount], total: float | None) -> set[int] | None:
    if not total:
        return set()
    for size in range(1, min(_MOST, len(found)) + 1):
        for chosen in itertools.combinations(range(len(found)), size):
            if abs(sum(found[i].yuan for i in chosen) - total) < 1:
                return set(chosen)
    return None


def _sum(text: str, picked: list[Amount]) -> Amount | None:
    if not picked:
        return None
    different = list({a.yuan: a for a in reversed(picked)}.values())[::-1]  # the same figure told twice is one payment
    top = max(different, key=lambda a: a.yuan)
    stated = [a for a in picked if _says_total(text, a)]
    if stated and max(a.yuan for a in stated) >= top.yuan:
        return stated[-1]
    together = sum(a.yuan for a in different)
    if len(different) > 1 and abs(together - 2 * top.yuan) < 1:  # the largest is the sum of the others
        return top
    return Amount(together, different[0].start, different[0].end)


def _says_total(text: str, amount: Amount) -> bool:
    return bool(_TOTAL.search(_BREAK.split(text[max(0, amount.start - 16) : amount.start])[-1]))


def _features(items: list[tuple[str, Amount, list[Amount]]]) -> sparse.csr_matrix:
    before = [t[max(0, a.start - _BEFORE) : a.start][::-1] for t, a, _ in items]
    after = [t[a.end : a.end + _AFTER] for t, a, _ in items]
    blocks = [
        _RUNS.transform(before),
        _RUNS.transform(after),
        _RUNS.transform([f"^{b[:_NEAR]}" for b in before]),
        _RUNS.transform([f"${b[:_NEAR]}" for b in after]),
    ]
    for block in blocks:
        block.data[:] = 1
    shape = sparse.csr_matrix(np.array([_shape(*item) for item in items]))
    stacked: sparse.csr_matrix = sparse.hstack([*blocks[:2], blocks[2] * 2, blocks[3] * 2, shape], format="csr")
    return stacked


def _shape(text: str, amount: Amount, found: list[Amount]) -> list[float]:
    """How an amount stands among the others."""
    others = sum(a.yuan for a in found if a is not amount)
    return [
        np.log10(amount.yuan + 1) / 3,
        float(found[0] is amount),
        float(len(found) == 1),
        float(amount.yuan == max(a.yuan for a in found)),
        float(sum(a.yuan == amount.yuan for a in found) > 1),
        float(abs(others - amount.yuan) < 1),
        len(found) / 5,
        float(_says_total(text, amount)),
    ]
