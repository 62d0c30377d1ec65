"""How much speaks for a character to begin a name of those complained of, or to go on with one: the runs around it say so.

The runs (one to three characters at offsets -3 to +3) of a whole batch are hashed by numpy and their weights summed, so that
scoring costs a few look-ups a character. :mod:`fraudrisk.complaints.names` chooses a name by these scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["PAD", "NameTagger", "codes_of"]

_TEMPLATES = (
    (-3, 1),
    (-2, 1),
    (-1, 1),
    (0, 1),
    (1, 1),
    (2, 1),
    (3, 1),
    (-2, 2),
    (-1, 2),
    (0, 2),
    (1, 2),
    (-3, 3),
    (-2, 3),
    (-1, 3),
    (0, 3),
    (1, 3),
)
PAD = 4
"""Empty characters between texts that are scored together."""
_BITS = 17
_B, _I, _O = 0, 1, 2
_P = np.uint64(0x9E3779B97F4A7C15)
_CHUNK = 8192
"""Characters hashed at a time."""


class NameTagger:
    """Scores the characters of folded texts.

    Parameters
    ----------
    weights : ndarray of float32, shape (2**17, 3)
    transitions : ndarray, shape (3, 3)
        What each step from tag to tag adds.
    """

    def __init__(self, weights: Any, transitions: Any) -> None:
        self.weights, self.transitions = weights, transitions
        # by how much a tag beats being outside: all that a path depends on, and two numbers are read quicker than three
        self._over = np.ascontiguousarray(weights[:, :_O] - weights[:, _O:])

    @classmethod
    def fit(cls, texts: Sequence[str], names: Sequence[str | None], *, epochs: int = 12, seed: int = 0) -> NameTagger:
        """Averaged structured perceptron (Collins 2002) over labelled texts; a path has one name or none.

        Parameters
        ----------
        texts : sequence of str
            Folded.
        names : sequence of str or None
            The respondent as written, also folded; its first occurrence is the example.
        """
        rows = [(_columns(t), _gold(t, n)) for t, n in zip(texts, names, strict=True) if t and (not n or n in t)]
        weights = np.zeros((1 << _BITS, 3), np.float64)
        total = np.zeros_like(weights)
        transitions, total_transitions = np.zeros((3, 3)), np.zeros((3, 3))
        random = np.random.default_rng(seed)
        clock = 1
        for _ in range(epochs):
            for i in random.permutation(len(rows)):
                columns, gold = rows[i]
                guess = _best(_sums(weights, columns), transitions)
                wrong = np.flatnonzero(guess != gold)
                if len(wrong):
                    for tags, sign in ((gold, 1.0), (guess, -1.0)):
                        index = columns[:, wrong], np.broadcast_to(tags[wrong], (len(columns), len(wrong)))
                        np.add.at(weights, index, sign)
                        np.add.at(total, index, sign * clock)
                        np.add.at(transitions, (tags[:-1], tags[1:]), sign)
                        np.add.at(total_transitions, (tags[:-1], tags[1:]), sign * clock)
                clock += 1
        return cls((weights - total / clock).astype(np.float32), transitions - total_transitions / clock)

    def scores(self, text: str) -> Any:
        """By how much beginning a name, and going on with one, beat being outside, at every character.

        Returns
        -------
        ndarray of float32, shape (n_characters, 2)
        """
        return _scores(self._over, text)

    def weigh(self, begin: Any, inside: Any, starts: Any, lengths: Any, last: Any) -> Any:
        """By how much a path with one name beats being outside throughout.

        Parameters
        ----------
        begin : ndarray of float
            Score of the first character.
        inside : ndarray of float
            Scores of the others, summed.
        starts, lengths : ndarray of int
            Where the name begins in its text, and its characters.
        last : ndarray of bool
            Whether it ends with its text.
        """
        step = self.transitions - self.transitions[_O, _O]
        going = np.where(lengths > 1, step[_B, _I] + (lengths - 2) * step[_I, _I], 0.0)
        leaving = np.where(lengths > 1, step[_I, _O], step[_B, _O])
        return begin + inside + np.where(starts > 0, step[_O, _B], 0.0) + going + np.where(last, 0.0, leaving)

    def arrays(self) -> dict[str, Any]:
        """What a bundle stores: only rows that carry weight."""
        used = np.flatnonzero(np.abs(self.weights).max(axis=1) > 1e-3)
        return {
            "tag_rows": used.astype(np.int32),
            "tag_weights": self.weights[used].astype(np.float16),
            "tag_transitions": self.transitions,
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, Any]) -> NameTagger:
        """Rebuild from :meth:`arrays`."""
        weights = np.zeros((1 << _BITS, 3), np.float32)
        weights[arrays["tag_rows"]] = arrays["tag_weights"].astype(np.float32)
        return cls(weights, arrays["tag_transitions"])


def _columns(text: str) -> Any:
    """Hashed runs around every character, shape (n_templates, n_characters)."""
    return _hashed(codes_of(text))


def codes_of(text: str) -> Any:
    """Code points between edges; a null is an edge, like the padding."""
    codes = np.zeros(len(text) + 2 * PAD, np.uint64)
    codes[PAD:-PAD] = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    return codes


def _hashed(codes: Any) -> Any:
    n = len(codes) - 2 * PAD
    one = codes * _P
    two = (one[:-1] ^ codes[1:]) * _P
    three = (two[:-1] ^ codes[2:]) * _P
    runs = {size: run ^ (run >> np.uint64(29)) for size, run in ((1, one), (2, two), (3, three))}
    out = np.empty((len(_TEMPLATES), n), np.uint64)
    for k, (offset, size) in enumerate(_TEMPLATES):
        np.bitwise_xor(runs[size][PAD + offset : PAD + offset + n], np.uint64(k + 1), out=out[k])
    out *= _P
    out >>= np.uint64(64 - _BITS)
    return out.view(np.int64)


def _sums(weights: Any, columns: Any) -> Any:
    """Weights of all runs around every character, summed: shape (n_characters, 3)."""
    scores = weights.take(columns[0], axis=0)
    for row in columns[1:]:
        scores += weights.take(row, axis=0)
    return scores


def _scores(weights: Any, text: str) -> Any:
    """:func:`_sums` of a long text, some characters at a time so that their runs stay in the processor's cache."""
    codes = codes_of(text)
    scores = np.empty((len(text), weights.shape[1]), weights.dtype)
    for start in range(0, len(text), _CHUNK):
        scores[start : start + _CHUNK] = _sums(weights, _hashed(codes[start : start + _CHUNK + 2 * PAD]))
    return scores


def _gold(text: str, name: str | None) -> Any:
    tags = np.full(len(text), _O)
    if name:
        start = text.index(name)
        tags[start : start + len(name)] = _I
        tags[start] = _B
    return tags


def _best(scores: Any, transitions: Any) -> Any:
    """Tags of the likeliest path with one name or none.

    What beats being outside throughout is summed along the text, so that every end has its best beginning by a running maximum.
    """
    tags = np.full(len(scores), _O)
    if len(scores) < 2:
        return tags
    step = transitions - transitions[_O, _O]
    over = scores[:, :_O] - scores[:, _O:]
    inside = np.concatenate(([0.0], np.cumsum(over[:, _I] + step[_I, _I])))
    begin = over[:-1, _B] + step[_B, _I] - step[_I, _I] - inside[1:-1]
    begin[1:] += step[_O, _B]
    end = np.maximum.accumulate(begin) + inside[2:]
    end[:-1] += step[_I, _O]
    last = int(end.argmax())
    if end[last] > 0:
        first = int(begin[: last + 1].argmax())
        tags[first : last + 2] = _I
        tags[first] = _B
    return tags
