"""Tactics with the words that show them: the pack's patterns, read with an eye on denial, supposition and hearsay."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from fraudrisk.packs.schema import Lexicon
from fraudrisk.records.beginnings import begun

__all__ = ["Span", "TacticFinder", "any_of"]

_SENTENCE = re.compile(r"[\u3002\uff01\uff1f!?\n\uff1b;]")
_CLAUSE = re.compile(r"[\u3002\uff01\uff1f!?\n\uff1b;\uff0c,\u3001\u2026]")
_GAP = r"[^\u3002\uff01\uff1f!?\uff1b;\n]{0,12}?"
"""What a pack's ellipsis stands for: a few characters within the sentence."""
_REACH = 14
"""Most characters between a denial and what it denies."""


@dataclass(frozen=True, slots=True)
class Span:
    """Some words of a text and the tactic they show."""

    tactic: str
    quote: str
    start: int
    end: int


def any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    """One pattern that matches where any of `patterns` does; nothing where there are none.

    Examples
    --------
    >>> bool(any_of(["a+", "b"]).search("xb")), any_of([]).search("a")
    (True, None)
    """
    joined = "|".join(f"(?:{p})" for p in patterns).replace("\u2026", _GAP)
    return re.compile(begun(joined) if joined else r"(?!)")


class TacticFinder:
    """Finds the tactics of a pack in texts.

    Parameters
    ----------
    lexicon : Lexicon

    Examples
    --------
    >>> from fraudrisk.packs import load_pack
    >>> finder = TacticFinder(load_pack("elder_fraud").lexicon)
    >>> [s.quote for s in finder.find("这家店没有让我们交钱")]
    []
    """

    def __init__(self, lexicon: Lexicon) -> None:
        self._tactics = {code: any_of(patterns) for code, patterns in lexicon.tactics.items()}
        self._blockers = {code: any_of(patterns) for code, patterns in lexicon.tactic_blockers.items()}
        self._negation = any_of(lexicon.negation)
        self._hypothesis = any_of(lexicon.hypothesis)
        self._quotation = any_of(lexicon.quotation)

    def find(self, text: str) -> list[Span]:
        """Spans in order of their place; one per tactic and place, none that is denied, supposed or hearsay.

        Parameters
        ----------
        text : str
            Folded text (:func:`fraudrisk.complaints.grams.fold_text`): offsets equal those of the original.
        """
        spans = []
        for code, pattern in self._tactics.items():
            for match in pattern.finditer(text):
                if match.end() > match.start() and not self._unreal(text, match.start()) and not self._blocked(code, text, match):
                    spans.append(Span(code, match.group(), match.start(), match.end()))
        return sorted(spans, key=lambda s: (s.start, s.end, s.tactic))

    def _unreal(self, text: str, start: int) -> bool:
        """Whether what begins there is denied, supposed, or told of somebody else."""
        clause = text[max(_last(_CLAUSE, text, start), start - _REACH) : start]
        if self._negation.search(clause):
            return True
        sentence = text[_last(_SENTENCE, text, start) : start]
        return bool(self._hypothesis.search(sentence) or self._quotation.search(sentence))

    def _blocked(self, code: str, text: str, match: re.Match[str]) -> bool:
        if code not in self._blockers:
            return False
        begin = _last(_SENTENCE, text, match.start())
        after = _SENTENCE.search(text, match.end())
        return bool(self._blockers[code].search(text[begin : after.start() if after else len(text)]))


def _last(pattern: re.Pattern[str], text: str, before: int) -> int:
    """End of the last match of a one-character pattern before a place."""
    for place in range(before - 1, -1, -1):
        if pattern.match(text, place):
            return place + 1
    return 0
