"""Which texts of a block a pattern can match at all, so that Python's slower engine reads only those.

Arrow's RE2 walks every text once, whatever the pattern. It knows neither look-around nor Python's idea of digits and blanks, so a
pattern is widened for it: what RE2 leaves out can surely not match, what it lets through is read again by Python.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["Screen", "as_column", "widened"]

_BLANK = r"\s\x0b\x1c-\x1f\x85\p{Z}"
_CLASSES = {"\\d": r"\p{Nd}", "\\s": _BLANK}
_PIECE = re.compile(r"\\u[0-9a-fA-F]{4}|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?<?[^:]|.", re.DOTALL)
_AROUND = ("(?=", "(?!", "(?<=", "(?<!")
_FEW = 32
"""Texts from which it pays to make RE2 learn a pattern."""


class Screen:
    """Finds the texts that a pattern may match.

    Parameters
    ----------
    pattern : re.Pattern
        Where it cannot be widened for RE2 every text may match.

    Examples
    --------
    >>> Screen(re.compile("老(?:人|年人)")).may_match(pa.array(["路灯不亮", "老人买药"]))
    [False, True]
    """

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._quick = widened(pattern.pattern) if pattern.flags == re.UNICODE else None

    def may_match(self, column: pa.Array) -> list[bool]:
        """For every text of a column, or of a list where Arrow cannot hold it, whether Python must look."""
        if self._quick is None or not isinstance(column, pa.Array):
            return [True] * len(column)
        answer: list[bool] = pc.match_substring_regex(column, self._quick).to_pylist()
        return answer


def as_column(texts: Sequence[str]) -> pa.Array | Sequence[str]:
    """Texts for Arrow; the texts themselves where they are few, or hold half a surrogate pair, which cannot be encoded."""
    if len(texts) < _FEW:
        return texts
    try:
        return pa.array(texts, pa.string())
    except UnicodeEncodeError:
        return texts


def widened(pattern: str) -> str | None:
    r"""A pattern for RE2 that matches at least wherever Python's does; None where there is none.

    Examples
    --------
    >>> widened(r"\d+(?!元)岁"), widened(r"(a)\1")
    ('\\p{Nd}+岁', None)
    """
    if "{," in pattern:  # plain characters to RE2
        return None
    pieces = _PIECE.findall(pattern)
    out: list[str] = []
    at = 0
    while at < len(pieces):
        piece = pieces[at]
        if piece in _AROUND:
            at = _closing(pieces, at)
        elif (quick := _translated(piece)) is None:
            return None
        else:
            out.append(quick)
        at += 1
    quick_pattern = "".join(out)
    try:
        pc.match_substring_regex(pa.array([""]), quick_pattern)
    except pa.ArrowInvalid:
        return None
    return quick_pattern


def _closing(pieces: list[str], at: int) -> int:
    """Where the bracket that opens there is closed."""
    depth = 0
    for place in range(at, len(pieces)):
        depth += pieces[place].startswith("(") - (pieces[place] == ")")
        if not depth:
            return place
    return len(pieces)


def _translated(piece: str) -> str | None:
    if piece == "$":  # Python's also stands before a last line's end
        return r"\n?\z"
    if piece.startswith("["):
        inner = [_in_class(one) for one in re.findall(r"\\u[0-9a-fA-F]{4}|\\.|.", piece[1:-1], re.DOTALL)]
        return None if None in inner else f"[{''.join(filter(None, inner))}]"
    if piece.startswith("(?"):
        return None
    if piece == "\\s":
        return f"[{_BLANK}]"
    return _in_class(piece) if piece.startswith("\\") else piece


def _in_class(piece: str) -> str | None:
    """One character, or a class of them, as RE2 writes it; None for what RE2 means otherwise."""
    if piece.startswith("\\u"):
        return f"\\x{{{piece[2:]}}}"
    if piece in _CLASSES:
        return _CLASSES[piece]
    if piece.startswith("\\") and (piece[1].isalnum() and piece[1] not in "nt"):
        return None
    return f"\\{piece}" if piece == "[" else piece
