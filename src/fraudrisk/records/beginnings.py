"""Long alternations read quicker: a look at the next character passes over the places where no match can begin.

Python's engine tries every branch of an alternation at every place of a text. Which characters can begin a match is written in the
pattern; asked first, they spare a lexicon of some hundred branches three quarters of its time.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["begun"]

_WIDE = 2000
"""Characters of a range above which it spares nothing."""


class _AnyCharacterError(Exception):
    """A match may begin with what cannot be listed."""


def begun(pattern: str) -> str:
    r"""The same pattern behind a look at the next character; unchanged where that cannot be told.

    Matches are the same, at the same places.

    Examples
    --------
    >>> begun("(?:卖|送)药|听课"), begun("[^买]药"), begun("药?")
    ('(?=[卖听送])(?:(?:卖|送)药|听课)', '[^买]药', '药?')
    """
    try:
        from re import _constants, _parser  # type: ignore[attr-defined]  # what re itself reads patterns with
    except ImportError:
        return pattern
    try:
        first, may_be_empty = _first(_parser.parse(pattern), _constants)
    except _AnyCharacterError:
        return pattern
    if may_be_empty or not first:
        return pattern
    return f"(?=[{''.join(sorted(first))}])(?:{pattern})"


def _first(parsed: Any, names: Any) -> tuple[set[str], bool]:
    """Members of a character class that can begin a match, and whether a match may be empty."""
    first: set[str] = set()
    for kind, what in parsed:
        if kind is names.LITERAL:
            return first | {re.escape(chr(what))}, False
        if kind is names.IN:
            return first.union(*(_members(k, w, names) for k, w in what)), False
        if kind in (names.AT, names.ASSERT, names.ASSERT_NOT):
            continue
        if kind is names.BRANCH:
            branches = [_first(branch, names) for branch in what[1]]
        elif kind is names.SUBPATTERN:
            branches = [_first(what[3], names)]
        elif kind in (names.MAX_REPEAT, names.MIN_REPEAT):
            inner, empty = _first(what[2], names)
            branches = [(inner, empty or what[0] == 0)]
        else:
            raise _AnyCharacterError
        first = first.union(*(members for members, _ in branches))
        if not any(empty for _, empty in branches):
            return first, False
    return first, True


def _members(kind: Any, what: Any, names: Any) -> set[str]:
    if kind is names.LITERAL:
        return {re.escape(chr(what))}
    if kind is names.RANGE and what[1] - what[0] < _WIDE:
        return {re.escape(chr(code)) for code in range(what[0], what[1] + 1)}
    if kind is names.CATEGORY and what is names.CATEGORY_DIGIT:
        return {r"\d"}
    raise _AnyCharacterError
