"""What a list misses, estimated from the places drawn by lot."""

from __future__ import annotations

from dataclasses import dataclass

from fraudrisk.errors import InputError

__all__ = ["Missed", "missed"]


@dataclass(frozen=True, slots=True)
class Missed:
    """Finds expected among those who were not listed, with an interval."""

    expected: float
    low: float
    high: float


def missed(pool: int, drawn: int, hits: int, *, level: float = 0.9) -> Missed:
    """How many finds lie outside a list, from `hits` among `drawn` places of a `pool` that was drawn from by lot.

    The interval is Clopper and Pearson's (1934) for the share, times those that were not drawn, plus the hits themselves.

    Raises
    ------
    InputError
        More drawn than there are, or more hits than drawn.

    Examples
    --------
    >>> estimate = missed(1000, 50, 1)
    >>> round(estimate.expected), round(estimate.low), round(estimate.high)
    (20, 2, 88)
    """
    from scipy.stats import beta

    if not 0 <= hits <= drawn <= pool or drawn < 1:
        raise InputError(f"{hits} hits of {drawn} drawn from {pool} cannot be", where="missed")
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, hits, drawn - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, drawn - hits)) if hits < drawn else 1.0
    rest = pool - drawn
    return Missed(hits + rest * hits / drawn, hits + rest * low, hits + rest * high)
