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
_FEW = 8
"""Texts from which it pays to walk through all of them together."""
_IMPOSSIBLE = -1e9
_EAGER = 14.0
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

    @classmethod
    def fit(cls, texts: Sequence[str], names: Sequence[str | None], *, epochs: int = 6, seed: int = 0) -> NameTagger:
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
        scores = _sums(self.weights, _columns(joined))
        scores[:, _B] += _EAGER
        starts = np.concatenate([[0], np.cumsum([len(h) + _PAD for h in heads])[:-1]])
        if len(heads) < _FEW:
            tags = [
                _viterbi(scores[a : a + len(h)].astype(np.float64), self.transitions) if h else np.empty(0, np.int64)
                for a, h in zip(starts, heads, strict=True)
            ]
        else:
            tags = _viterbi_together(scores, starts, np.array([len(h) for h in heads]), self.transitions)
        return [_first(t) for t in tags]

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
    codes = np.zeros(len(text) + 2 * _PAD, np.uint64)
    codes[_PAD:-_PAD] = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)  # a null is an edge, like the padding
    one = codes * _P
    two = (one[:-1] ^ codes[1:]) * _P
    runs = {1: one, 2: two, 3: (two[:-1] ^ codes[2:]) * _P}
    out = np.empty((len(_TEMPLATES), len(text)), np.int64)
    for k, (offset, size) in enumerate(_TEMPLATES):
        run = runs[size][_PAD + offset : _PAD + offset + len(text)]
        mixed = (run ^ (run >> np.uint64(29)) ^ np.uint64(k + 1)) * _P
        out[k] = mixed >> np.uint64(64 - _BITS)
    return out


def _sums(weights: Any, columns: Any) -> Any:
    """Weights of all runs around every character, summed: shape (n_characters, 3)."""
    scores = weights.take(columns[0], axis=0)
    for row in columns[1:]:
        scores += weights.take(row, axis=0)
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


def _viterbi_together(scores: Any, starts: Any, lengths: Any, transitions: Any) -> list[Any]:
    """:func:`_viterbi` for many texts, place by place."""
    step = transitions.astype(np.float64).copy()
    step[_O, _I] = _IMPOSSIBLE
    n, longest = len(starts), int(lengths.max())
    best = np.where(lengths[:, None] > 0, scores[starts].astype(np.float64), 0.0)
    best[:, _I] = _IMPOSSIBLE
    back = np.empty((longest, n, 3), np.int8)
    rows = np.arange(n)
    for i in range(1, longest):
        going = np.flatnonzero(lengths > i)
        paths = best[going][:, :, None] + step
        came = paths.argmax(axis=1)
        back[i, going] = came
        best[going] = np.take_along_axis(paths, came[:, None, :], axis=1)[:, 0, :] + scores[starts[going] + i]
    tags = np.full((n, longest), _O, np.int8)
    last = best.argmax(axis=1)
    for i in range(longest - 1, -1, -1):
        there = lengths > i
        tags[there, i] = last[there]
        if i:
            last = np.where(there, back[i, rows, last], last)
    return [tags[k, : lengths[k]] for k in range(n)]
