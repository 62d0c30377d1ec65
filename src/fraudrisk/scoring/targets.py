"""Outcomes to learn from: two classes, one per row, with weight."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from fraudrisk.errors import InputError

__all__ = ["binary_target", "weighted_rows"]

_FEWEST_ROWS = 10


def binary_target(y: Any, n: int) -> tuple[Any, Any]:
    """The two classes, and 0 or 1 per row.

    Raises
    ------
    InputError
        No target, another length than `n`, missing values, one class, more than two, or fewer than ten rows.
    """
    if y is None:
        raise InputError("requires y to be passed, but the target y is None", where="y", mend="give one label per row")
    y = column_or_1d(y, warn=True)
    if len(y) != n:
        raise InputError(f"Found input variables with inconsistent numbers of samples: {[n, len(y)]}", where="y")
    try:
        check_classification_targets(y)
        classes, code = np.unique(y, return_inverse=True)
    except (TypeError, ValueError) as error:
        raise InputError(str(error), where="y", mend="give labels of two classes, none missing") from error
    if len(classes) > 2:
        raise InputError(
            f"Only binary classification is supported. The type of the target is {type_of_target(y)}.", where="y", mend="join the classes"
        )
    if len(classes) < 2:
        raise InputError(f"there is only one class: {classes[0]!r}", where="y", mend="rows of both classes are needed")
    if n < _FEWEST_ROWS:
        raise InputError(f"n_samples = {n} is too few to learn from", where="X", mend=f"give at least {_FEWEST_ROWS} rows")
    return classes, code.astype(np.float64)


def weighted_rows(code: Any, weight: Any | None) -> Any:
    """Rows with weight; a weight of nothing is a row that is not there.

    Raises
    ------
    InputError
        A negative weight, or only one class with weight.
    """
    if weight is None:
        return np.arange(len(code))
    if (weight < 0).any():
        raise InputError("a weight is negative", where=f"row {int(np.flatnonzero(weight < 0)[0])}")
    kept = np.flatnonzero(weight > 0)
    if len(np.unique(code[kept])) < 2:
        raise InputError("there is only one class with weight", where="sample_weight", mend="rows of both classes are needed, with weight")
    return kept
