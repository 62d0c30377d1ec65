"""What several tables share: words, ranks, gaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["GRADES", "SMALL", "TOTAL", "place", "rank_gaps"]

TOTAL, SMALL = "合计", "样本过小"
GRADES = "ABCD"


def place(lines: Sequence[dict[str, Any]], value: str, rank: str) -> None:
    """Write the rank by `value` into each line, highest first; equal values share a rank.

    Examples
    --------
    >>> lines = [{"n": 3}, {"n": 5}, {"n": 3}, {"n": 1}]
    >>> place(lines, "n", "rank")
    >>> [line["rank"] for line in lines]
    [2, 1, 2, 4]
    """
    for line in lines:
        line[rank] = 1 + sum(other[value] > line[value] for other in lines)


def rank_gaps(lines: Sequence[dict[str, Any]], value: str, *, first: str = "", above: str, below: str) -> None:
    """Write into each line how far it is from the first, and from the next different value above and below; None at the ends.

    Examples
    --------
    >>> lines = [{"n": 3}, {"n": 5}, {"n": 3}, {"n": 1}]
    >>> rank_gaps(lines, "n", above="up", below="down")
    >>> [(line["up"], line["down"]) for line in lines]
    [(2, 2), (None, 2), (2, 2), (2, None)]
    """
    values = sorted({line[value] for line in lines}, reverse=True)
    for line in lines:
        at = values.index(line[value])
        if first:
            line[first] = values[0] - values[at]
        line[above] = values[at - 1] - values[at] if at else None
        line[below] = values[at] - values[at + 1] if at + 1 < len(values) else None
