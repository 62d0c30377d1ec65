"""Names of those complained of: every character begins a name, goes on with one, or is outside, by the runs around it.

The runs (one to three characters at offsets -3 to +3) of a whole batch are hashed by numpy and their weights summed, so that
tagging costs a few look-ups a character. The best path is found by Viterbi's rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["NameTagger"]

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
_PAD = 4
_BITS = 17
_B, _I, _O = 0, 1, 2
_P = np.uint64(0x9E3779B97F4A7C15)
_SEEN = 300
"""Characters in which a complaint names whom it is about."""
_CHUNK = 8192
"""Characters hashed at a time."""
_FEW = 8
"""Texts from which it pays to walk through all of them together."""
_IMPOSSIBLE = -1e9
_EAGER = 18.0
"""What is added for beginning a name: a missed name costs more than one too many (0 to 30 tried on folds by writer)."""


class NameTagger:
    """Finds the respondent's name in folded texts.

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
    def fit(cls, texts: Sequence[str], names: Sequence[str | None], *, epochs: int = 20, seed: int = 0) -> NameTagger:
        """Averaged structured perceptron (Collins 2002) over labelled texts.

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
                guess = _viterbi(_sums(weights, columns), transitions)
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

    def find(self, texts: Sequence[str]) -> list[tuple[int, int] | None]:
        """Where the first name stands in each folded text, or None; names are looked for in the first characters only."""
        heads = [t[:_SEEN] for t in texts]
        joined = ("\0" * _PAD).join(heads)
        if not joined.strip("\0"):
            return [None] * len(texts)
        scores = _scores(self._over, joined)
        scores[:, _B] += _EAGER
        lengths = np.array([len(h) for h in heads])
        starts = np.cumsum(lengths + _PAD) - lengths - _PAD
        if len(heads) < _FEW:
            scores = np.column_stack([scores, np.zeros(len(scores))])
            return [
                _first(_viterbi(scores[a : a + n], self.transitions)) if n else None
                for a, n in zip(starts.tolist(), lengths.tolist(), strict=True)
            ]
        order = np.argsort(-lengths, kind="stable")  # longest first: those that go on are the first ones at every place
        tags = _viterbi_together(scores, starts[order], lengths[order], self.transitions)
        names = dict(zip(order.tolist(), _first_of_each(tags), strict=True))
        return [names[k] for k in range(len(texts))]

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


def _first(tags: Any) -> tuple[int, int] | None:
    """The first name of a path."""
    begins = np.flatnonzero(tags == _B)
    if not len(begins):
        return None
    begin = int(begins[0])
    after = np.flatnonzero(tags[begin + 1 :] != _I)
    return begin, begin + 1 + (int(after[0]) if len(after) else len(tags) - begin - 1)


def _columns(text: str) -> Any:
    """Hashed runs around every character, shape (n_templates, n_characters)."""
    return _hashed(_codes(text))


def _codes(text: str) -> Any:
    """Code points between edges; a null is an edge, like the padding."""
    codes = np.zeros(len(text) + 2 * _PAD, np.uint64)
    codes[_PAD:-_PAD] = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    return codes


def _hashed(codes: Any) -> Any:
    n = len(codes) - 2 * _PAD
    one = codes * _P
    two = (one[:-1] ^ codes[1:]) * _P
    three = (two[:-1] ^ codes[2:]) * _P
    runs = {size: run ^ (run >> np.uint64(29)) for size, run in ((1, one), (2, two), (3, three))}
    out = np.empty((len(_TEMPLATES), n), np.uint64)
    for k, (offset, size) in enumerate(_TEMPLATES):
        np.bitwise_xor(runs[size][_PAD + offset : _PAD + offset + n], np.uint64(k + 1), out=out[k])
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
    codes = _codes(text)
    scores = np.empty((len(text), weights.shape[1]), weights.dtype)
    for start in range(0, len(text), _CHUNK):
        scores[start : start + _CHUNK] = _sums(weights, _hashed(codes[start : start + _CHUNK + 2 * _PAD]))
    return scores


def _gold(text: str, name: str | None) -> Any:
    tags = np.full(len(text), _O)
    if name:
        start = text.index(name)
        tags[start : start + len(name)] = _I
        tags[start] = _B
    return tags


def _viterbi(scores: Any, transitions: Any) -> Any:
    """The best path; plain floats, because three tags are too few for arrays to pay."""
    bb, bi, bo = transitions[_B].tolist()
    ib, ii, io = transitions[_I].tolist()
    ob, _, oo = transitions[_O].tolist()  # a name cannot go on before it began: outside to inside is impossible
    rows = scores.tolist()
    b, i, o = rows[0][_B], _IMPOSSIBLE, rows[0][_O]
    back: list[tuple[int, int, int]] = []
    for sb, si, so in rows[1:]:
        to_b = ((b + bb, _B), (i + ib, _I), (o + ob, _O))
        to_i = ((b + bi, _B), (i + ii, _I))
        to_o = ((b + bo, _B), (i + io, _I), (o + oo, _O))
        (vb, pb), (vi, pi), (vo, po) = max(to_b), max(to_i), max(to_o)
        b, i, o = vb + sb, vi + si, vo + so
        back.append((pb, pi, po))
    tag = max((b, _B), (i, _I), (o, _O))[1]
    tags = [tag]
    for step in reversed(back):
        tag = step[tag]
        tags.append(tag)
    return np.array(tags[::-1])


def _viterbi_together(scores: Any, starts: Any, lengths: Any, transitions: Any) -> Any:
    """:func:`_viterbi` for many texts, place by place; the longest first, and scores over being outside.

    Returns
    -------
    ndarray of int8, shape (longest + 1, n_texts)
        Tags down the columns, outside after the end of a text.
    """
    (bb, bi, bo), (ib, ii, io), (ob, _, oo) = transitions.tolist()
    n, longest = len(starts), int(lengths[0])
    going = n - np.cumsum(np.bincount(lengths, minlength=longest + 1))  # texts longer than a place
    b, i, o = np.zeros(n), np.full(n, _IMPOSSIBLE), np.zeros(n)
    b[: going[0]] = scores[starts[: going[0]], _B]
    back = np.empty((longest, 3, n), np.int8)
    for place in range(1, longest):
        m = going[place]
        here = scores[starts[:m] + place]
        b_, i_, o_ = b[:m], i[:m], o[:m]
        to_b, back[place, _B, :m] = _best(b_ + bb, i_ + ib, o_ + ob)
        to_i, back[place, _I, :m] = _best(b_ + bi, i_ + ii)
        to_o, back[place, _O, :m] = _best(b_ + bo, i_ + io, o_ + oo)
        b[:m], i[:m], o[:m] = to_b + here[:, _B], to_i + here[:, _I], to_o
    tags = np.full((longest + 1, n), _O, np.int8)
    last, column = _best(b, i, o)[1], np.arange(n)
    for place in range(longest - 1, -1, -1):
        m = going[place]
        tags[place, :m] = last[:m]
        if place:
            last[:m] = back[place, last[:m], column[:m]]
    return tags


def _best(*paths: Any) -> tuple[Any, Any]:
    """The highest of some paths and which it is; the later of equals, as in :func:`_viterbi`."""
    best, which = paths[0], np.zeros(len(paths[0]), np.int8)
    for tag, path in enumerate(paths[1:], 1):
        which[path >= best] = tag
        best = np.maximum(best, path)
    return best, which


def _first_of_each(tags: Any) -> list[tuple[int, int] | None]:
    """:func:`_first` of every column."""
    begins = tags == _B
    begin = begins.argmax(axis=0)
    after = (tags != _I) & (np.arange(len(tags))[:, None] > begin)
    found = zip(begins.any(axis=0).tolist(), begin.tolist(), after.argmax(axis=0).tolist(), strict=True)
    return [(a, b) if named else None for named, a, b in found]
