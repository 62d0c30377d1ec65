"""Splits that respect time: learn from what was known by a date, judge by what came after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from fraudrisk.errors import InputError

__all__ = ["TemporalSplit"]


class TemporalSplit:
    """A scikit-learn splitter over dates.

    At each date the training rows are those whose label was complete by then: ``time + label_window + gap <= date``; the test
    rows are those from the date on, up to the next date (the last fold: to the end).

    Parameters
    ----------
    dates : sequence of dates
        One fold each.
    time : array of dates, or str
        When each row stood; a string names a column of `X`.
    label_window, gap : str or timedelta
        How long after a row its label may still appear, and how much longer it takes to become known.
    entity_disjoint : bool
        Leave out of the test rows those whose group (``groups`` of :meth:`split`) was learned from.

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.date_range("2025-01-01", periods=6, freq="30D")
    >>> for train, test in TemporalSplit(["2025-03-15"], time=days, label_window="30D").split(days):
    ...     print(train, test)
    [0 1] [3 4 5]
    """

    def __init__(
        self,
        dates: Sequence[Any],
        time: Any = "as_of",
        *,
        label_window: Any = "90D",
        gap: Any = "0D",
        entity_disjoint: bool = False,
    ) -> None:
        self.dates, self.time, self.label_window, self.gap, self.entity_disjoint = dates, time, label_window, gap, entity_disjoint

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """One per date."""
        return len(self.dates)

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Any, Any]]:
        """Row numbers of training and test rows, date by date.

        Raises
        ------
        InputError
            A date that is none, no column of that name, `groups` missing where they must be disjoint, or a date that leaves
            nothing to learn from or to judge; names it.
        """
        import pandas as pd

        if isinstance(self.time, str) and self.time not in getattr(X, "columns", ()):
            raise InputError(f"there is no column '{self.time}' to split by", where="TemporalSplit.time")
        if self.entity_disjoint and groups is None:
            raise InputError("entities can only be kept apart when groups are given", where="TemporalSplit.split")
        try:
            time = pd.to_datetime(pd.Series(np.asarray(X[self.time] if isinstance(self.time, str) else self.time))).to_numpy()
            starts = sorted(pd.to_datetime(list(self.dates)))
            known = pd.Timedelta(self.label_window) + pd.Timedelta(self.gap)
        except (TypeError, ValueError) as error:
            raise InputError(f"this is no date: {error}", where="TemporalSplit") from error
        ends = [*(s.to_datetime64() for s in starts[1:]), None]
        for start, end in zip(starts, ends, strict=True):
            train = np.flatnonzero(time + known.to_timedelta64() <= start.to_datetime64())
            test = np.flatnonzero((time >= start.to_datetime64()) & ((time < end) if end is not None else True))
            if self.entity_disjoint:
                names = pd.factorize(np.asarray(groups))[0]
                test = test[~np.isin(names[test], names[train])]
            if not len(train) or not len(test):
                raise InputError(
                    f"the date leaves {len(train)} rows to learn from and {len(test)} to judge by",
                    where=f"date {start.date()}",
                    mend="choose dates well within the data",
                )
            yield train, test
