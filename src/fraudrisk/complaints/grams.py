"""Words and character runs of a whole batch of texts, hashed into a sparse matrix by numpy.

No vocabulary is kept: a model holds column numbers and weights, never words, so nothing personal can be read out of it, and a
word that was never seen costs nothing. The hash of a run is ``sum(c_i * P**i)`` over its characters. One more character is one
more term; a word, of whatever length, is the difference of two prefix sums over the batch, divided by ``P**start`` (P is odd, so
it has an inverse modulo 2**64).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin

from fraudrisk.complaints.tokens import Tokenizer
from fraudrisk.privacy import fold_width

__all__ = ["GramHasher", "fold_text", "fold_texts", "letters_of"]

_P = np.uint64(0x9E3779B97F4A7C15)
_P_INVERSE = np.uint64(pow(0x9E3779B97F4A7C15, -1, 1 << 64))
_MIX = np.uint64(0xD6E8FEB86659FD93)
_SALT = {"c": 0x51, "w": 0xA7}


@lru_cache(maxsize=1)
def _folded() -> dict[int, int]:
    """Full width, traditional, upper case: each to its plain character, one by one, so that places in a text stay the same."""
    import opencc

    block = [chr(code) for code in range(0x4E00, 0xA000)]
    converted = opencc.OpenCC("t2s").convert("\n".join(block)).split("\n")
    plain = {ord(a): ord(b) for a, b in zip(block, converted, strict=True) if a != b and len(b) == 1}
    for code in (*range(0x3000), *range(0xFF00, 0xFFF0)):
        char = fold_width(chr(code)).lower()
        if len(char) == 1 and ord(char) != code:
            plain[code] = ord(char)
    return plain


@lru_cache(maxsize=1)
def _fold_table() -> Any:
    """:func:`_folded` for arrays of code points."""
    table = np.arange(0x110000, dtype=np.uint32)
    for code, plain in _folded().items():
        table[code] = plain
    return table


@lru_cache(maxsize=1)
def _table() -> Any:
    """:func:`_fold_table`, digits all alike."""
    table = _fold_table().copy()
    table[(table >= ord("0")) & (table <= ord("9"))] = ord("0")
    return table


def fold_text(text: str) -> str:
    """Simplified characters, half width, lower case; the length stays the same.

    Examples
    --------
    >>> fold_text("養老\uff28\uff25\uff2c\uff2c\uff2f")
    '养老hello'
    """
    return text.translate(_folded())


def fold_texts(texts: Sequence[str]) -> list[str]:
    """:func:`fold_text` of every text, all at once.

    Examples
    --------
    >>> fold_texts(["養老", "", "\uff28"])
    ['养老', '', 'h']
    """
    return _apart(_fold_table().take(_codes(texts)), np.cumsum(_lengths(texts)))


def letters_of(texts: Sequence[str]) -> list[str]:
    """Letters, figures and characters of every text, without what stands between them.

    Examples
    --------
    >>> letters_of(["交了 3_6万!", "", "\uff0c老人"])
    ['交了36万', '', '老人']
    """
    codes = _codes(texts)
    kept = _letters().take(codes)
    ends = np.concatenate([[0], np.cumsum(kept)])[np.cumsum(_lengths(texts))]
    return _apart(codes[kept], ends)


@lru_cache(maxsize=1)
def _letters() -> Any:
    return np.fromiter(map(str.isalnum, map(chr, range(0x110000))), bool, 0x110000)


def _lengths(texts: Sequence[str]) -> Any:
    return np.fromiter(map(len, texts), np.int64, len(texts))


def _codes(texts: Sequence[str]) -> Any:
    """Code points of texts one after another."""
    return np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)


def _apart(codes: Any, ends: Any) -> list[str]:
    """Texts from code points, each up to its end."""
    joined = codes.tobytes().decode("utf-32-le", "surrogatepass")
    places = ends.tolist()
    return [joined[a:b] for a, b in zip([0, *places], places, strict=False)]


class GramHasher(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Texts to counts of hashed words and character runs.

    Parameters
    ----------
    chars : tuple of int
        Shortest and longest character run.
    words : int
        Longest run of words; 0 leaves words out.
    bits : int
        The matrix has ``2**bits`` columns.

    Examples
    --------
    >>> GramHasher(bits=10).transform(["老人买药", "老人"]).shape
    (2, 1024)
    """

    def __init__(self, chars: tuple[int, int] = (1, 3), words: int = 2, bits: int = 18) -> None:
        self.chars = chars
        self.words = words
        self.bits = bits

    def fit(self, X: Sequence[str], y: Any = None) -> GramHasher:
        """Nothing to learn."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def transform(self, X: Sequence[str]) -> sparse.csr_matrix:
        """Counts, one row per text.

        Parameters
        ----------
        X : sequence of str

        Returns
        -------
        scipy.sparse.csr_matrix of float32, shape (n_texts, 2**bits)
        """
        lengths = _lengths(X)
        codes = _table().take(_codes(X)).astype(np.uint64)
        owner = np.repeat(np.arange(len(X), dtype=np.uint32), lengths)
        runs = list(self._runs(codes, owner))
        if self.words:
            text = codes.astype(np.uint32).tobytes().decode("utf-32-le", "surrogatepass")
            ends = np.cumsum(lengths)
            tokens = [_tokenizer().cut(text[end - length : end]) for end, length in zip(ends.tolist(), lengths.tolist(), strict=True)]
            runs += self._words(tokens, owner, codes)
        rows, columns = (np.concatenate(parts) for parts in zip(*runs, strict=True))
        return _counts(rows, columns, len(X), self.bits)

    def _runs(self, codes: Any, owner: Any) -> Iterator[tuple[Any, Any]]:
        """Text and column of every run of characters that lies within one text."""
        run, power = np.zeros(len(codes), np.uint64), np.uint64(1)
        for size in range(1, self.chars[1] + 1):
            run = run[: len(codes) - size + 1] + (codes[size - 1 :] + np.uint64(1)) * power
            power = np.multiply(power, _P)
            if size >= self.chars[0]:
                inside = owner[: len(run)] == owner[size - 1 :]
                yield owner[: len(run)][inside], self._column(run[inside], "c", size)

    def _words(self, tokens: list[list[str]], owner: Any, codes: Any) -> Iterator[tuple[Any, Any]]:
        """Text and column of every run of words."""
        powers, inverse = _powers(len(codes))
        prefix = np.zeros(len(codes) + 1, np.uint64)
        np.cumsum((codes + np.uint64(1)) * powers[:-1], out=prefix[1:])
        ends = np.cumsum(np.fromiter((len(w) for words in tokens for w in words), np.int64))
        starts = np.concatenate([[0], ends[:-1]]) if len(ends) else ends
        blank = np.isin(codes[starts], (32, 10, 9)) if len(starts) else np.empty(0, bool)
        starts, ends = starts[~blank], ends[~blank]
        for size in range(1, self.words + 1):
            first, last = starts[: len(starts) - size + 1], ends[size - 1 :]
            inside = owner[first] == owner[last - 1] if len(first) else np.empty(0, bool)
            first, last = first[inside], last[inside]
            yield owner[first], self._column((prefix[last] - prefix[first]) * inverse[first], "w", size)

    def _column(self, run: Any, kind: str, size: int) -> Any:
        run = run ^ np.uint64(_SALT[kind] + size * 0x100)
        run *= _MIX
        run ^= run >> np.uint64(29)
        run *= _P
        run >>= np.uint64(64 - self.bits)
        return run.astype(np.uint32)


@lru_cache(maxsize=1)
def _tokenizer() -> Tokenizer:
    return Tokenizer()


def _powers(n: int) -> tuple[Any, Any]:
    def raised(base: np.uint64) -> Any:
        out = np.full(n + 1, base, np.uint64)
        out[0] = 1
        return np.cumprod(out, out=out)

    return raised(_P), raised(_P_INVERSE)


def _counts(rows: Any, columns: Any, n: int, bits: int) -> sparse.csr_matrix:
    """How often each column stands in each row: pairs as one number each, sorted."""
    pair = np.uint32 if n << bits <= 1 << 32 else np.uint64
    pairs = (rows.astype(pair) << pair(bits)) | columns
    pairs.sort()
    first = np.flatnonzero(np.concatenate([[True], pairs[1:] != pairs[:-1]])[: len(pairs)])
    counts = np.diff(first, append=len(pairs)).astype(np.float32)
    pairs = pairs[first]
    indptr = np.searchsorted(pairs, np.arange(n + 1, dtype=np.uint64) << np.uint64(bits)).astype(np.int32)
    indices = (pairs & pair((1 << bits) - 1)).astype(np.int32)
    return sparse.csr_matrix((counts, indices, indptr), shape=(n, 1 << bits))
