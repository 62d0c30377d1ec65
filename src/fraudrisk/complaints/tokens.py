"""jieba's words from rjieba's engine: the same words, many times faster.

rjieba differs in two places, and both are mended: it keeps runs of ASCII and digits whole (``3.6w``) that jieba cuts (``3.6``,
``w``), and it does not know the dictionary's few words that mix them with Chinese (``B超``); a text with one of those is cut by
jieba itself. Where rjieba is not installed, jieba does all the work.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from typing import Any

from fraudrisk.files import digest_bytes

__all__ = ["Tokenizer"]

_JIEBA_SKIP = re.compile(r"([a-zA-Z0-9]+(?:\.\d+)?%?)")  # jieba.finalseg.re_skip
_MIXED = re.compile(r"[a-zA-Z0-9]")
_RUN = re.compile(r"[+#&._%\-]")
"""Marks that jieba's words may hold beside letters and digits; without one rjieba's words are jieba's."""
_MIXED_WORD = re.compile(rb"^(\S*[A-Za-z0-9]\S*) ", re.MULTILINE)


@lru_cache(maxsize=1)
def _dictionary() -> tuple[str, Any]:
    """Digest of jieba's dictionary, and an automaton of its words that mix ASCII with Chinese."""
    from daachorse import CharwiseDoubleArrayAhoCorasick

    raw = (files("jieba") / "dict.txt").read_bytes()
    words = {w.decode("utf-8") for w in _MIXED_WORD.findall(raw)}
    mixed = sorted(w for w in words if any(c > "\u2e80" for c in w))
    return digest_bytes(raw), CharwiseDoubleArrayAhoCorasick(mixed)


class Tokenizer:
    """Cuts texts into words as ``jieba.lcut`` does.

    Parameters
    ----------
    words : iterable of str
        Words to add to the dictionary.

    Attributes
    ----------
    dictionary : str
        Digest of the dictionary and the added words; stored with every model.

    Examples
    --------
    >>> Tokenizer().cut("母亲花了3.6w做B超买保健品")
    ['母亲', '花', '了', '3.6', 'w', '做', 'B超', '买', '保健品']
    """

    def __init__(self, words: Iterable[str] = ()) -> None:
        import jieba

        self.words = tuple(words)
        digest, self._mixed = _dictionary()
        self.dictionary = digest_bytes(digest, *self.words)
        self._slow = jieba.Tokenizer()
        try:
            from rjieba import Jieba
        except ImportError:
            self._fast = None
        else:
            self._fast = Jieba()
        for word in self.words:
            self._slow.add_word(word)
            if self._fast is not None:
                self._fast.add_word(word, None, None)

    def cut(self, text: str) -> list[str]:
        """Words of `text`, in order; joined they give it back."""
        if self._fast is None or self._mixed.find(text):
            return list(self._slow.lcut(text))
        if not _RUN.search(text):
            words: list[str] = self._fast.cut(text)
            return words
        out: list[str] = []
        for token in self._fast.cut(text):
            if len(token) > 1 and token[0] < "\u2e80" and _MIXED.search(token):
                out.extend(part for part in _JIEBA_SKIP.split(token) if part)
            else:
                out.append(token)
        return out

    def knows(self, word: str) -> bool:
        """Whether the dictionary has `word`."""
        return bool(self._fast.has_word(word) if self._fast is not None else self._slow.FREQ.get(word))

    def __getstate__(self) -> dict[str, object]:
        return {"words": self.words}

    def __setstate__(self, state: dict[str, tuple[str, ...]]) -> None:
        self.__init__(state["words"])  # type: ignore[misc]
