"""How an office's days differ: weekday, weekend, holiday, make-up day, the first day after a holiday."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np

from fraudrisk.outcomes.workdays import is_working_day

__all__ = ["CLASSES", "day_classes", "day_factors"]

CLASSES = ("周一", "周二", "周三", "周四", "周五", "调休上班", "节后首日", "周六", "周日", "节假日")
_WORKING = 7
"""The first so many classes are working days."""
_MAKE_UP, _AFTER, _SATURDAY, _HOLIDAY = 5, 6, 7, 9
_LONG = 3
"""From its third day on, and on any weekday off, a break is a holiday; the first working day after so long a break is another day too."""
_PSEUDO = 20.0
"""Expected records at which a class's own figure weighs as much as what it is shrunk to: a make-up day comes five times a year."""


def day_classes(first: dt.date, days: int) -> Any:
    """Class of each of `days` days from `first` on, as a number into :data:`CLASSES`.

    Only days up to each day decide its class, so that the class of a past day never depends on what came later.

    Raises
    ------
    InputError
        The holidays of a year in the span are not published in the installed calendar; never guessed.

    Examples
    --------
    >>> [CLASSES[c] for c in day_classes(dt.date(2026, 9, 30), 10)]
    ['周三', '节假日', '节假日', '节假日', '节假日', '节假日', '节假日', '节假日', '节后首日', '周五']
    """
    lead = 10  # longer than any break that could reach into the span
    span = [first + dt.timedelta(days=n) for n in range(-lead, days)]
    working = np.array([is_working_day(d) for d in span])
    weekday = np.array([d.weekday() for d in span])
    off = np.zeros(len(span) + 1, np.int64)
    for n, works in enumerate(working):  # days off in a row, up to and with this day
        off[n + 1] = 0 if works else off[n] + 1
    weekend = weekday >= 5
    at_rest = np.where(weekend & (off[1:] < _LONG), _SATURDAY + weekday - 5, _HOLIDAY)
    at_work = np.where(off[:-1] >= _LONG, _AFTER, np.where(weekend, _MAKE_UP, weekday))
    return np.where(working, at_work, at_rest)[lead:]


def day_factors(counts: Any, classes: Any) -> Any:
    """Expected share of each day, on average 1, from records per day.

    A class is shrunk to working days or days off as a whole, and those to 1: (observed + k·parent) / (expected + k), the
    posterior mean of a rate with a gamma prior of k pseudo-records.

    Parameters
    ----------
    counts : array
        Records of the whole office on each of the first days; the last ones are left out where a burst may be going on.
    classes : array of shape (days,)
        From :func:`day_classes`, of all days.

    Examples
    --------
    >>> day_factors(np.array([10, 10, 10, 10, 10, 3, 3] * 10), np.array([0, 1, 2, 3, 4, 7, 8] * 10)).round(1)[:7].tolist()
    [1.2, 1.2, 1.2, 1.2, 1.2, 0.4, 0.4]
    """
    learned = classes[: len(counts)]
    mean = max(float(counts.mean()), 1e-9)
    parent = np.ones(len(CLASSES))
    for of_kind in (np.arange(len(CLASSES)) < _WORKING, np.arange(len(CLASSES)) >= _WORKING):
        mine = of_kind[learned]
        parent[of_kind] = (counts[mine].sum() + _PSEUDO) / (mine.sum() * mean + _PSEUDO)
    seen = np.bincount(learned, weights=counts, minlength=len(CLASSES))
    due = np.bincount(learned, minlength=len(CLASSES)) * mean
    factors = ((seen + _PSEUDO * parent) / (due + _PSEUDO))[classes]
    return factors / factors.mean()
