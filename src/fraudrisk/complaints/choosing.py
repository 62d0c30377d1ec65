"""Boosted trees that choose one of several readings of a text, "none of them" among these.

Trained on each reading alone, trees say how good it is; trained on whole texts they say which is best, and when none is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.model_selection import GroupKFold, KFold

__all__ = ["CHOOSING", "left_out", "one_of"]

CHOOSING = {
    "min_data_in_leaf": 40,
    "min_sum_hessian_in_leaf": 1,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "seed": 0,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
"""LightGBM's parameters; the same data give the same trees."""


def left_out(n: int, writers: Sequence[str] | None, most: int) -> list[tuple[Any, Any]]:
    """Texts to learn from and texts to judge, in turn: by writers where they are known.

    Parameters
    ----------
    n : int
        Texts.
    writers : sequence of str or None
    most : int
        Turns, at most.
    """
    n_writers = len(set(writers)) if writers is not None else 0
    if n_writers > 1:
        return list(GroupKFold(min(most, n_writers)).split(range(n), groups=writers))
    return list(KFold(min(most, n), shuffle=True, random_state=0).split(range(n)))


def one_of(sizes: Sequence[int]) -> Callable[[Any, Any], tuple[Any, Any]]:
    """Gradient and curvature of choosing one of each text's readings: softmax over the text, cross-entropy.

    Parameters
    ----------
    sizes : sequence of int
        Readings of each text, in the order of the rows.

    Examples
    --------
    >>> import numpy as np
    >>> class Data:
    ...     def get_label(self): return np.array([1.0, 0.0, 0.0, 1.0])
    >>> gradient, _ = one_of([2, 2])(np.zeros(4), Data())
    >>> gradient.tolist()
    [-0.5, 0.5, 0.5, -0.5]
    """
    counts = np.asarray(sizes, np.intp)
    text = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum(counts) - counts

    def objective(scores: Any, data: Any) -> tuple[Any, Any]:
        chances = np.exp(scores - np.maximum.reduceat(scores, first)[text])
        chances /= np.add.reduceat(chances, first)[text]
        return chances - data.get_label(), np.maximum(2 * chances * (1 - chances), 1e-6)

    return objective
