"""Token buckets: how many requests somebody may make, kept in memory by each process."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

__all__ = ["Buckets", "Refusals"]


class Buckets:
    """One bucket per caller; it fills at `rate` a second up to `burst`.

    Parameters
    ----------
    rate, burst : float
    most : int
        Callers remembered; the one not seen longest is forgotten, which fills its bucket.
    clock : callable, optional
        Seconds; for tests.

    Examples
    --------
    >>> now = iter([0.0, 0.0, 0.0, 0.5])
    >>> buckets = Buckets(rate=1, burst=2, clock=lambda: next(now))
    >>> [buckets.take("a") for _ in range(4)]
    [0.0, 0.0, 1.0, 0.5]
    """

    def __init__(self, rate: float, burst: float, *, most: int = 10_000, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate, self.burst, self.most, self._clock = rate, burst, most, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, who: str) -> float:
        """Take one; 0.0 where there was one, else the seconds to wait."""
        now = self._clock()
        known = self._left.get(who)
        if known is not None:
            self._left.move_to_end(who)
        left = self.burst if known is None else min(self.burst, known[0] + (now - known[1]) * self.rate)
        if left < 1:
            self._left[who] = (left, now)
            return (1 - left) / self.rate
        self._left[who] = (left - 1, now)
        if known is None and len(self._left) > self.most:
            self._left.popitem(last=False)
        return 0.0


class Refusals:
    """Requests that were refused for coming too fast: counted by caller, for one line of the audit log a caller now and then.

    A line for each would let anybody fill the disk at the speed of the network.

    Parameters
    ----------
    most : int
        Callers counted apart; further ones are counted together, under an empty name.

    Examples
    --------
    >>> refusals = Refusals()
    >>> refusals.count("key:a", "analyst"), refusals.count("key:a", "analyst"), refusals.count("", "")
    (None, None, None)
    >>> refusals.take(), refusals.take()
    ([('key:a', 'analyst', 2), ('', '', 1)], [])
    """

    def __init__(self, most: int = 1000) -> None:
        self._most = most
        self._counts: dict[tuple[str, str], int] = {}

    def count(self, who: str, role: str) -> None:
        """One more."""
        caller = (who, role) if (who, role) in self._counts or len(self._counts) < self._most else ("", "")
        self._counts[caller] = self._counts.get(caller, 0) + 1

    def take(self) -> list[tuple[str, str, int]]:
        """Caller, role and how many since the last time."""
        counts, self._counts = self._counts, {}
        return [(who, role, n) for (who, role), n in counts.items()]
