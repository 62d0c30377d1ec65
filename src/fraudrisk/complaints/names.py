"""Whom a complaint is about: of the stretches that a tagger finds likeliest, boosted trees choose one, or none.

A tagger alone (:mod:`fraudrisk.complaints.tagger`) begins too few names and stops too early: it knows the characters around each
place and not how a stretch compares with the others of its text, how common its pairs of characters are (a name never met is made of
rare ones), or whether the text names anybody at all. The trees learn that from what taggers say of writers they did not see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from fraudrisk.complaints.choosing import CHOOSING, left_out, one_of
from fraudrisk.complaints.heads import StatementHead, project
from fraudrisk.complaints.tagger import PAD, NameTagger, codes_of
from fraudrisk.errors import InputError

__all__ = ["NameFinder"]

_SEEN = 300
"""Characters in which a complaint names whom it is about."""
_STARTS, _ENDS, _OFFERS, _LONGEST = 6, 2, 8, 22
"""Places where a name may begin, ends tried for each, stretches offered to the trees, characters of the longest."""
_NAMELESS, _SILENT, _BY_NAMED = -2.0, -36.0, 16.0
"""Log-odds of "this text names somebody" up to which no name is looked for; the same, times 16, with the weight of the best stretch,
up to which the trees are not asked. Each loses one name in a thousand of a fold's; half of the ordinary messages are done with."""
_BITS = 18
_FINE = 16
"""Steps to a doubling when it is stored how common a pair of characters is."""
_P = np.uint64(0x9E3779B97F4A7C15)
_BREAKS, _OPENS, _CLOSES = (np.array([ord(c) for c in chars], np.uint64) for chars in (
    "\uff0c\u3002\uff1b\uff01\uff1f\u3001\uff1a\uff08\uff09“”\"《》「」『』\n ,.;:!?()", "“\"《「『(\uff08", "”\"》」』)\uff09"
))  # fmt: skip
_TREES = {**CHOOSING, "num_leaves": 15, "learning_rate": 0.15}
_ROUNDS = 100
_GOOD = 0.3
"""Overlap from which the best stretch of a text stands for the name it should have found."""


@dataclass(slots=True)
class _Stretches:
    """The likeliest stretches of texts that are scored together.

    Parameters
    ----------
    scores, codes : ndarray
        Of all characters, the texts one after another.
    first, length : ndarray of int, shape (n_texts,)
        Where each text begins among them, and its characters.
    start, size, weight : ndarray, shape (n_texts, _OFFERS)
        Of each stretch, the heaviest first; a weight of minus infinity is no stretch: short texts have few.
    fits, inside : ndarray, shape (n_texts, _OFFERS, _LONGEST)
        For every size a stretch from there could have: whether the text is that long, and the scores of going on, summed.
    """

    scores: Any
    codes: Any
    first: Any
    length: Any
    start: Any
    size: Any
    weight: Any
    fits: Any
    inside: Any

    @property
    def there(self) -> Any:
        """Which stretches exist."""
        return np.isfinite(self.weight)

    def take(self, rows: Any) -> _Stretches:
        """Those of some texts."""
        of_texts = (self.first, self.length, self.start, self.size, self.weight, self.fits, self.inside)
        return _Stretches(self.scores, self.codes, *(a[rows] for a in of_texts))


class NameFinder:
    """Finds the respondent's name in folded texts.

    Parameters
    ----------
    tagger : NameTagger
    common : ndarray of uint8, shape (2**18,)
        How many texts have a pair of characters: 16 times the logarithm to base two of that number and one.
    named : StatementHead
        "This text names somebody."
    trees : str
        The booster that chooses, as LightGBM writes it.
    """

    def __init__(self, tagger: NameTagger, common: Any, named: StatementHead, trees: str) -> None:
        import lightgbm as lgb

        self.tagger, self.common, self.named, self.trees = tagger, common, named, trees
        self._chooser = lgb.Booster(model_str=trees)

    @classmethod
    def fit(
        cls, texts: Sequence[str], names: Sequence[str | None], features: sparse.csr_matrix, writers: Sequence[str] | None = None
    ) -> NameFinder:
        """Learn from folded texts and the respondent as written, also folded; its first occurrence is the example.

        Parameters
        ----------
        texts : sequence of str
        names : sequence of str or None
        features : csr_matrix, one row per text
            As the classifier weighs them.
        writers : sequence of str, optional
            The trees learn from what taggers say of writers they did not see.

        Raises
        ------
        InputError
            Where no text, or every text, names somebody, whichever writers are left out.
        """
        import lightgbm as lgb

        there = np.array([bool(n) for n in names])
        splits = [(a, b) for a, b in left_out(len(texts), writers, 3) if there[a].any() and not there[a].all()] if len(texts) > 1 else []
        if not splits:
            raise InputError(
                "nothing is to be learned about names from these texts",
                where=f"{int(there.sum())} of {len(texts)} have a respondent",
                mend="label texts with and without one, by several writers",
            )
        columns = np.flatnonzero(np.bincount(features.indices, minlength=features.shape[1]) > 1)
        words = project(features, columns)
        rows, right, sizes = [], [], []
        for learn, judge in splits:
            tagger = NameTagger.fit([texts[i] for i in learn], [names[i] for i in learn])
            likely = _named(words[learn], there[learn]).decision_function(words[judge])
            theirs = [texts[i] for i in judge]
            stretches = _stretches(tagger, theirs)
            described = _describe(stretches, _commonness([texts[i] for i in learn]), likely)
            for k, i in enumerate(judge):
                hits = _hits(texts[i], names[i], stretches, k)
                if hits is not None:
                    keep = np.append(stretches.there[k], True)
                    rows.append(described[k][keep])
                    right.append(hits[keep])
                    sizes.append(int(keep.sum()))
        data = lgb.Dataset(np.vstack(rows), np.concatenate(right))
        booster = lgb.train({**_TREES, "objective": one_of(sizes)}, data, _ROUNDS)
        return cls(
            NameTagger.fit(texts, names),
            _commonness(texts),
            StatementHead.of(columns, _named(words, there)),
            booster.model_to_string(),
        )

    def find(self, texts: Sequence[str], features: sparse.csr_matrix) -> list[tuple[int, int] | None]:
        """Where the name stands in each folded text, or None; names are looked for in the first characters only.

        Parameters
        ----------
        texts : sequence of str
        features : csr_matrix, one row per text
        """
        out: list[tuple[int, int] | None] = [None] * len(texts)
        named = self.named.odds(features)
        which = np.array([i for i in np.flatnonzero(named > _NAMELESS).tolist() if texts[i].strip("\0")], int)
        if not len(which):
            return out
        stretches = _stretches(self.tagger, [texts[i] for i in which])
        some = np.flatnonzero(stretches.weight[:, 0] + _BY_NAMED * named[which] > _SILENT)
        if not len(some):
            return out
        stretches, which = stretches.take(some), which[some]
        rows = _describe(stretches, self.common, named[which])
        scores = np.asarray(self._chooser.predict(rows.reshape(-1, rows.shape[2]), num_threads=1)).reshape(rows.shape[:2])
        scores[:, :-1][~stretches.there] = -np.inf
        for k, (i, best) in enumerate(zip(which.tolist(), scores.argmax(axis=1).tolist(), strict=True)):
            if best < _OFFERS:
                start = int(stretches.start[k, best])
                out[i] = start, start + int(stretches.size[k, best])
        return out

    def arrays(self) -> dict[str, Any]:
        """What a bundle stores."""
        return {
            **self.tagger.arrays(),
            "name_common": self.common,
            "name_columns": self.named.columns.astype(np.int32),
            "name_words": self.named.weights.astype(np.float16),
            "name_trees": np.frombuffer(self.trees.encode(), np.uint8),
        }

    def meta(self) -> dict[str, float]:
        """What a bundle's manifest stores."""
        return {"name_intercept": self.named.intercept}

    @classmethod
    def from_arrays(cls, meta: dict[str, Any], arrays: dict[str, Any]) -> NameFinder:
        """Rebuild from :meth:`arrays` and :meth:`meta`."""
        return cls(
            NameTagger.from_arrays(arrays),
            arrays["name_common"],
            StatementHead(arrays["name_columns"], arrays["name_words"].astype(np.float32), meta["name_intercept"]),
            arrays["name_trees"].tobytes().decode(),
        )


def _named(x: sparse.csr_matrix, y: Any) -> LogisticRegression:
    return LogisticRegression(C=1.0, solver="liblinear", random_state=0).fit(x, y)


def _hits(text: str, name: str | None, stretches: _Stretches, k: int) -> Any:
    """Which stretch is right: the one nearest the name, none where nobody is named; None where no stretch is near."""
    hits = np.zeros(_OFFERS + 1)
    if not name:
        hits[-1] = 1.0
        return hits
    begin = text.find(name)
    if begin < 0:
        return None
    start, size = stretches.start[k], stretches.size[k]
    shared = np.minimum(start + size, begin + len(name)) - np.maximum(start, begin)
    overlap = np.where(stretches.there[k], 2 * shared / (size + len(name)), 0.0)
    if overlap.max() <= _GOOD:
        return None
    hits[int(overlap.argmax())] = 1.0
    return hits


def _pairs(codes: Any) -> Any:
    """Hash of every character and the next."""
    one = codes * _P
    two = (one[:-1] ^ codes[1:]) * _P
    two ^= two >> np.uint64(29)
    return ((two * _P) >> np.uint64(64 - _BITS)).view(np.int64)


def _commonness(texts: Sequence[str]) -> Any:
    counts = np.zeros(1 << _BITS, np.int64)
    for text in texts:
        counts[np.unique(_pairs(codes_of(text)))] += 1
    return np.minimum(np.round(_FINE * np.log2(1 + counts)), 255).astype(np.uint8)


def _stretches(tagger: NameTagger, texts: Sequence[str]) -> _Stretches:
    """Of texts that are not empty; each text's own, whatever stands beside it."""
    heads = [t[:_SEEN] for t in texts]
    joined = ("\0" * PAD).join(heads)
    scores = tagger.scores(joined).astype(np.float64)
    length = np.array([len(h) for h in heads])
    first = np.cumsum(length + PAD) - length - PAD
    start = _starts(scores, first, length)
    begin = np.minimum(first[:, None] + start, len(scores) - 1)  # a place after a short text's end fits nothing
    sizes = np.arange(1, _LONGEST + 1)
    ends = start[..., None] + sizes
    fits = ends <= length[:, None, None]
    going = np.where(fits, scores[np.minimum(begin[..., None] + sizes - 1, len(scores) - 1), 1], 0.0)
    going[..., 0] = 0.0
    inside = np.cumsum(going, axis=2)  # along the stretch, so that it is the same alone and in a batch
    weight = tagger.weigh(scores[begin, 0][..., None], inside, start[..., None], sizes, ends == length[:, None, None])
    weight = np.where(fits, weight, -np.inf)
    order = np.argsort(-weight, axis=2, kind="stable")[..., :_ENDS]
    heaviest = np.take_along_axis(weight, order, axis=2).reshape(len(texts), -1)
    chosen = np.argsort(-heaviest, axis=1, kind="stable")[:, :_OFFERS]
    row, which = np.arange(len(texts))[:, None], chosen // _ENDS
    size = np.take_along_axis(order.reshape(len(texts), -1), chosen, axis=1) + 1
    weight = np.take_along_axis(heaviest, chosen, axis=1)
    return _Stretches(scores, codes_of(joined), first, length, start[row, which], size, weight, fits[row, which], inside[row, which])


def _starts(scores: Any, first: Any, length: Any) -> Any:
    """The places of each text where a name of three characters would score highest; the earlier of equals."""
    column = np.arange(max(int(length.max()), _STARTS))
    place = first[:, None] + column

    def at(step: int, tag: int) -> Any:
        return np.where(column + step < length[:, None], scores[np.minimum(place + step, len(scores) - 1), tag], 0.0)

    promise = np.where(column < length[:, None], at(0, 0) + at(1, 1) + at(2, 1), -np.inf)
    starts = np.empty((len(length), _STARTS), np.intp)
    row = np.arange(len(length))
    for k in range(_STARTS):  # a few maxima are found quicker than all are sorted
        best = promise.argmax(axis=1)
        starts[:, k] = np.where(np.isfinite(promise[row, best]), best, len(column))  # beyond the text where no place is left
        promise[row, best] = -np.inf
    return starts


def _describe(s: _Stretches, common: Any, named: Any) -> Any:
    """What speaks for and against each stretch, and last for none of them.

    Returns
    -------
    ndarray of float, shape (n_texts, _OFFERS + 1, n_descriptions)
        Of none: what is said of the whole text; the rest is missing.
    """
    begin = np.minimum(s.first[:, None] + s.start, len(s.scores) - 1)
    stop = begin + s.size
    at_end = s.start + s.size >= s.length[:, None]
    place = np.minimum(begin[..., None] + np.arange(1, _LONGEST), len(s.scores) - 1)
    further = s.fits[..., 1:]
    pairs = common[_pairs(s.codes)] / _FINE  # at PAD - 1 + place: the pair of a place's character and the one before it
    among = np.where(further, pairs[place + PAD - 1], 0.0)
    long, steps = s.size > 1, np.maximum(s.size - 1, 1)

    def whole(runs: Any) -> Any:
        """The running figure at the stretch's own size."""
        return np.take_along_axis(runs, steps[..., None] - 1, axis=2)[..., 0]

    ahead, behind = s.codes[PAD + begin - 1], s.codes[np.minimum(PAD + stop, len(s.codes) - 1)]
    shape = s.weight.shape
    rows = np.stack(
        [
            s.weight,
            np.broadcast_to(np.arange(_OFFERS), shape),
            s.weight - s.weight[:, :1],
            s.scores[begin, 0],
            np.where(long, whole(s.inside[..., 1:]) / steps, 0.0),
            np.where(long, whole(np.minimum.accumulate(np.where(further, s.scores[place, 1], np.inf), axis=2)), 0.0),
            np.where(at_end, -99.0, s.scores[np.minimum(stop, len(s.scores) - 1), 1]),
            s.size,
            s.start,
            s.start / np.maximum(s.length[:, None], 1),
            np.broadcast_to(s.length[:, None], shape),
            s.start == 0,
            np.isin(ahead, _BREAKS),
            np.isin(ahead, _OPENS),
            at_end,
            np.isin(behind, _BREAKS),
            np.isin(behind, _CLOSES),
            np.where(long, whole(np.cumsum(among, axis=2)) / steps, 9.0),
            np.where(long, whole(np.maximum.accumulate(among, axis=2)), 9.0),
            np.where(long, whole(np.minimum.accumulate(among, axis=2)), 9.0),
            pairs[PAD - 1 + begin],
            pairs[np.minimum(PAD - 1 + stop, len(pairs) - 1)],
            np.broadcast_to(named[:, None], shape),
        ],
        axis=2,
    )
    none = np.full((len(rows), 1, rows.shape[2]), np.nan)
    none[:, 0, 0], none[:, 0, 10], none[:, 0, -1] = s.weight[:, 0], s.length, named
    none[:, 0, 2] = np.where(s.there[:, 1], s.weight[:, 1], -99.0) - s.weight[:, 0]
    return np.concatenate([rows, none], axis=1)
