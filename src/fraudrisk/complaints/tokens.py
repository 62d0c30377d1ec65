"""jieba's words from rjieba's engine.

rjieba keeps runs of ASCII and digits whole (``3.6w``) that jieba cuts (``3.6``, ``w``); they are cut here the same way.
Where rjieba is not installed, jieba itself does the work, more slowly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["Tokenizer"]

_JIEBA_SKIP = re.compile(r"([a-zA-Z0-9]+(?:\.\d+)?%?)")  # jieba.finalseg.re_skip
_MIXED = re.compile(r"[a-zA-Z0-9]")


class Tokenizer:
    """Cuts texts into words as ``jieba.lcut`` does.

    Parameters
    ----------
    words : iterable of str
        Words to add to the dictionary.

    Examples
    --------
    >>> Tokenizer().cut("母亲花了3.6w买保健品")
    ['母亲', '花', '了', '3.6', 'w', '买', '保健品']
    """

    def __init__(self, words: Iterable[str] = ()) -> None:
        self.words = tuple(words)
        try:
            from rjieba import Jieba

            self._fast = Jieba()
        except ImportError:
            import jieba

            self._fast, self._slow = None, jieba.Tokenizer()
        for word in self.words:
            (self._fast or self._slow).add_word(word)

    def cut(self, text: str) -> list[str]:
        """Words of `text`, in order; joined they give it back."""
        if self._fast is None:
            return list(self._slow.lcut(text))
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
