"""Token buckets: how many requests somebody may make, kept in memory by each process."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

__all__ = ["Buckets"]


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
        left = self.burst if known is None else min(self.burst, known[0] + (now - known[1]) * self.rate)
        if left < 1:
            self._left[who] = (left, now)
            return (1 - left) / self.rate
        self._left[who] = (left - 1, now)
        if known is None and len(self._left) > self.most:
            self._left.popitem(last=False)
        return 0.0
