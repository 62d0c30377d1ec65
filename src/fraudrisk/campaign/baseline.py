"""What a key's own past and its peers lead one to expect in the next days, and how surprising a count is.

The rate of a key is Gamma(a, b) among its peers; a year of its own past makes it Gamma(a + N, b + E), and the count of the next
window negative binomial (Clayton & Kaldor 1987, Biometrics 43; DuMouchel 1999, Am. Stat. 53). Clustering beyond that is measured
on blocks of the same length and widens the distribution; past bursts are weighed down first (Farrington et al. 1996, JRSS A 159;
Noufaily et al. 2013, Stat. Med. 32). Everything is arrays over keys, nothing a loop over them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

__all__ = ["STRATA", "Baseline", "Counts", "Plan"]

STRATA = (0.25, 2.0)
"""Expected persons a week that part quiet, medium and busy keys: a level is checked within each, so that thousands of silent keys
cannot hide a busy one's false alarms."""
_SMALL = 30
"""A peer group with fewer keys or persons than this borrows the rate of all keys of its kind."""
_PSEUDO = 30.0
"""Persons at which a key's own clustering weighs as much as that of keys of its size."""
_TREND_DAYS = 91
_TREND_PSEUDO = 50.0
"""Growth common to all keys of a kind is no burst: the last quarter against the year, shrunk to 1 by so many persons."""
_SHAPES = (0.02, 50.0)
"""Bounds of the prior's shape: the moment estimate of few keys can be anything."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Days of a baseline: `history` days that end `guard` days before the window begins to be looked at."""

    windows: tuple[int, ...] = (1, 3, 7)
    history: int = 365
    guard: int = 14
    least_history: int = 91


class Counts:
    """Weighted events per key and day, ready to be summed over any span of days.

    Examples
    --------
    >>> import numpy as np
    >>> counts = Counts(np.array([0, 0, 1]), np.array([2, 5, 2]), np.ones(3), days=10)
    >>> counts.between(np.array([0, 0, 1]), np.array([0, 3, 0]), np.array([10, 10, 2])).tolist()
    [2.0, 1.0, 0.0]
    """

    def __init__(self, key: Any, day: Any, weight: Any, days: int) -> None:
        self.key, self.day, self.weight, self.days = key, day, weight, days
        self._stride = days + 1
        self._code = key.astype(np.int64) * self._stride + day
        self._sum = np.concatenate([[0.0], np.cumsum(weight)])

    def between(self, key: Any, first: Any, end: Any) -> Any:
        """Sum over ``first <= day < end`` of each key."""
        base = np.asarray(key, np.int64) * self._stride
        low = np.searchsorted(self._code, base + np.maximum(first, 0))
        return self._sum[np.maximum(np.searchsorted(self._code, base + end), low)] - self._sum[low]

    def reweighted(self, weight: Any) -> Counts:
        """The same events with other weights."""
        return Counts(self.key, self.day, weight, self.days)


class Baseline:
    """The baseline of all keys of one kind.

    Parameters
    ----------
    raw : Counts
        Persons per key and day, sorted by key and day.
    peer : array of shape (keys,)
        Number of each key's peer group.
    start : array of shape (keys,)
        First day on which a key could have had an event.
    factors : array of shape (days,)
        From :func:`fraudrisk.campaign.daily.day_factors`.
    plan : Plan
    level : float
        Upper tail probability at which a past burst is weighed down.
    """

    def __init__(self, raw: Counts, peer: Any, start: Any, factors: Any, plan: Plan, level: float) -> None:
        self.raw, self.peer, self.start, self.plan, self.level = raw, peer, start, plan, level
        self.exposure = np.concatenate([[0.0], np.cumsum(factors)])
        self.clean = raw
        for _ in range(2):  # clustering as it is, then without the bursts it shows
            self._learn(own=False)
            self.clean = raw.reweighted(self._weights())
        self._learn(own=True)

    # -- learning ------------------------------------------------------------------------------------------------------

    def _learn(self, *, own: bool) -> None:
        end = max(self.raw.days - self.plan.guard, 1)
        first = np.maximum(self.start, max(end - self.plan.history, 0))
        keys = np.arange(len(self.start))
        seen = self.clean.between(keys, first, end)
        exposed = np.maximum(self.exposure[end] - self.exposure[np.minimum(first, end)], 0.0)
        self.shape, self.rate = _prior(seen, exposed, self.peer)
        self.spread = {w: self._spread(w, own=own) for w in sorted({*self.plan.windows, 7})}  # sizes and charts are weekly
        self.__dict__.pop("_totals", None)

    def _spread(self, window: int, *, own: bool) -> Any:
        """Variance over mean within each key, in blocks of `window` days: pairs that fall together against pairs by chance."""
        end = max(self.raw.days - self.plan.guard, 1)
        blocks = max(min(end, self.plan.history) // window, 1)
        begin = end - blocks * window
        counts, keys = self.clean, len(self.start)
        inside = (counts.day >= begin) & (counts.day < end)
        key, weight = counts.key[inside], counts.weight[inside]
        cell, where = np.unique(key.astype(np.int64) * blocks + (counts.day[inside] - begin) // window, return_inverse=True)
        squares = (
            np.bincount(cell // blocks, weights=np.bincount(where, weights=weight) ** 2, minlength=keys) if len(cell) else np.zeros(keys)
        )
        total, alone = (np.bincount(key, weights=w, minlength=keys) for w in (weight, weight**2))
        shares = np.diff(self.exposure[begin : end + 1 : window]) if window <= end else np.ones(1)
        late = np.minimum(np.maximum(self.start - begin, 0) // window, blocks - 1)
        tail, tail_squares = (np.cumsum(s[::-1])[::-1][late] for s in (shares, shares**2))
        excess = (squares - alone) - (total**2 - alone) * tail_squares / np.maximum(tail, 1e-12) ** 2
        size = np.digitize(total / max(end - begin, 1) * 7, STRATA)
        pooled = _over(np.bincount(size, excess, minlength=3), np.bincount(size, total, minlength=3))[size]
        both = (_PSEUDO * np.maximum(pooled, 0) + excess) / (_PSEUDO + total) if own else pooled
        return 1 + np.maximum(both, 0)

    def _weights(self) -> Any:
        """Weight of each event: a burst in the past counts as what was expected of its days."""
        weight = np.ones(len(self.raw.day))
        for window in self.plan.windows:
            key, end = candidates(self.raw, window, 2, 0, self.raw.days)
            count, expected, p = self.tail(key, end, window)
            found = p < self.level
            if found.any():
                low, high = (np.searchsorted(self.raw._code, key[found] * self.raw._stride + d) for d in (end[found] - window, end[found]))
                share = np.minimum(expected[found] / count[found], 1.0)
                inside = np.repeat(low, high - low) + _ranges(high - low)
                np.minimum.at(weight, inside, np.repeat(share, high - low))
        return weight

    # -- asking --------------------------------------------------------------------------------------------------------

    def expected(self, key: Any, end: Any, window: int) -> tuple[Any, Any]:
        """Expected persons and the size (shape) of the negative binomial, for `window` days before `end`."""
        stop = np.maximum(end - self.plan.guard, 0)
        first = np.minimum(np.maximum(stop - self.plan.history, self.start[key]), stop)
        seen = self.clean.between(key, first, stop)
        shape = self.shape[key] + seen
        days = self.exposure[end] - self.exposure[np.maximum(end - window, 0)]
        mean = shape / (self.rate[key] + self.exposure[stop] - self.exposure[first]) * days * self._trend(stop)
        return mean, mean / (self.spread[window][key] - 1 + mean / shape)

    def tail(self, key: Any, end: Any, window: int) -> tuple[Any, Any, Any]:
        """Persons seen in `window` days before `end`, persons expected, and the probability of at least so many."""
        from scipy.special import betainc

        count = self.raw.between(key, end - window, end)
        mean, size = self.expected(key, end, window)
        p = np.ones(len(count))
        some = count > 0
        p[some] = betainc(count[some], size[some], mean[some] / (mean[some] + size[some]))
        return count, mean, p

    @cached_property
    def _totals(self) -> Any:
        return np.concatenate([[0.0], np.cumsum(np.bincount(self.clean.day, weights=self.clean.weight, minlength=self.raw.days))])

    def _trend(self, stop: Any) -> Any:
        year, quarter = np.maximum(stop - self.plan.history, 0), np.maximum(stop - _TREND_DAYS, 0)
        rate = _over(self._totals[stop] - self._totals[year], self.exposure[stop] - self.exposure[year])
        due = rate * (self.exposure[stop] - self.exposure[quarter])
        return (self._totals[stop] - self._totals[quarter] + _TREND_PSEUDO) / (due + _TREND_PSEUDO)


def candidates(counts: Counts, window: int, least: int, first: int, last: int) -> tuple[Any, Any]:
    """Keys and days (``first < end <= last``) at whose end a window of `window` days holds at least `least` events, in order.

    An event and the ``least - 1``-th after it make all windows that hold both; nobody is looked at who has fewer.
    """
    if len(counts.key) < least:
        return np.array([], np.int64), np.array([], np.int64)
    stop = len(counts.key) - least + 1
    near = np.flatnonzero((counts.key[:stop] == counts.key[least - 1 :]) & (counts.day[least - 1 :] - counts.day[:stop] < window))
    begin = counts.day[near + least - 1] + 1
    length = counts.day[near] + window - begin + 1
    stride = counts.days + window + 1
    codes = np.sort(np.repeat(counts.key[near].astype(np.int64) * stride + begin, length) + _ranges(length))
    key, end = np.divmod(codes[np.append(True, np.diff(codes) > 0)] if len(codes) else codes, stride)
    kept = (end > first) & (end <= last)
    return key[kept], end[kept]


def _prior(seen: Any, exposed: Any, peer: Any) -> tuple[Any, Any]:
    """Gamma prior of each key from its peers by moments: mean ΣN/ΣE, variance (Σ(N-mE)² - ΣmE)/ΣE² (Marshall 1991, Appl. Stat. 40)."""
    mean = (seen.sum() + 0.5) / max(float(exposed.sum()), 1e-9)
    groups = int(peer.max()) + 1 if len(peer) else 0
    size, n, e = np.bincount(peer, minlength=groups), np.bincount(peer, seen, groups), np.bincount(peer, exposed, groups)
    own = (size >= _SMALL) & (n >= _SMALL)
    group = np.where(own, np.arange(groups), groups)[peer]  # the small ones together
    means = np.append(np.where(own, _over(n, e), mean), mean)
    off = np.bincount(group, (seen - means[group] * exposed) ** 2 - means[group] * exposed, groups + 1)
    between = _over(np.maximum(off, 0), np.bincount(group, exposed**2, groups + 1))
    shape = np.clip(np.divide(means**2, between, out=np.full(groups + 1, _SHAPES[1]), where=between > 0), *_SHAPES)
    return shape[group], (shape / means)[group]


def _over(a: Any, b: Any) -> Any:
    a, b = np.asarray(a, float), np.asarray(b, float)
    return np.divide(a, b, out=np.zeros(np.broadcast(a, b).shape), where=b > 0)


def _ranges(lengths: Any) -> Any:
    """0, 1, …, n-1 for each n."""
    return np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
