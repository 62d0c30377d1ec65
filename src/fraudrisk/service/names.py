"""Search by name over a million names: full, partial, former, misspelt, or by pinyin initials.

Character and pinyin bigrams with skips, weighted by how rare they are (so that the brand counts and 有限公司 does not), find some
hundred candidates; those are compared letter by letter with rapidfuzz. The arrays are files beside the store, mapped into memory,
so that every process shares them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from fraudrisk.linking.names import fold_name

__all__ = ["NameIndex", "build_index"]

_COMMON = 0.02
"""A gram in more of the names than this says nothing of which name is meant; its list is cut to the first few thousand."""
_FEW = 4000
_WORK = 400_000
"""Most list entries looked at for one question, the rarest grams first."""
_CANDIDATES = 300
_WEIGHTS = {"shares": 0.2, "bare": 0.6, "whole": 0.1, "part": 0.1}
"""Rare grams in common; letters without the legal form, two changed round counting once (optimal string alignment); all letters; the best part. Set on the dev half of
benchmarks/service_search.py."""
_LEGAL = re.compile(r"(?:有限责任公司|股份有限公司|有限公司|\(有限合伙\)|\(普通合伙\)|合伙企业|集团|公司|个体工商户)+$")
_SALT = {"one": 1, "two": 2, "skip": 3, "sound": 4}
_MIX = np.uint64(0x9E3779B97F4A7C15)
_FILES = ("grams", "starts", "counts", "entries", "offsets", "initials_at", "owners", "code_at", "divisions", "by_code")


@dataclass(frozen=True)
class NameIndex:
    """Opened arrays of an index; see :func:`build_index`.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "index"
    >>> index = build_index(folder, ["a", "b"], [["甬城康寿健康咨询有限公司"], ["甬城福满楼餐饮有限公司"]], ["330299", "330299"])
    >>> index.search("慷寿健康")[0][0], index.search("ksjk")[0][0], index.search("fmlcy")[0][0]
    ('a', 'a', 'b')
    """

    folder: Path
    arrays: dict[str, Any]
    texts: bytes
    letters: bytes
    codes: bytes
    places: tuple[str, ...]

    @classmethod
    def open(cls, folder: Path) -> NameIndex:
        """Map an index into memory."""
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in _FILES}
        texts, letters, codes = ((folder / f"{n}.bin").read_bytes() for n in ("texts", "letters", "codes"))
        return cls(folder, arrays, texts, letters, codes, tuple(json.loads((folder / "places.json").read_text())))

    @classmethod
    def whole(cls, folder: Path) -> bool:
        """Whether all files of an index of this format are there."""
        return all((folder / f"{name}.npy").is_file() for name in _FILES) and (folder / "places.json").is_file()

    @property
    def names(self) -> int:
        """How many names there are."""
        return len(self.arrays["owners"])

    def search(self, question: str, *, divisions: Sequence[str] | None = None, most: int = 200) -> list[tuple[str, float]]:
        """Businesses whose name fits, best first, each once.

        Parameters
        ----------
        question : str
            A name or a part of one, or pinyin initials of at least three letters.
        divisions : sequence of str, optional
            Only businesses whose division begins with one of these.
        most : int

        Returns
        -------
        list of tuple
            Code, and how well it fits (0–1).
        """
        folded = fold_name(question)[:64]
        if not folded:
            return []
        allowed = None if divisions is None else np.array([p.startswith(tuple(divisions)) for p in self.places], bool)
        found = self._by_name(folded, allowed)
        if folded.isascii() and folded.isalpha() and len(folded) >= 3:
            found = self._by_initials(folded.lower(), allowed) + found
        return self._each_once(found, most)

    def with_prefix(self, prefix: str, *, divisions: Sequence[str] | None = None, after: str = "", most: int = 50) -> list[str]:
        """Codes that begin with `prefix` and come after `after`, in order; only of some divisions where these are given."""
        places = range(len(self.arrays["code_at"]) - 1)
        first = max(bisect_left(places, prefix, key=self._code), bisect_right(places, after, key=self._code) if after else 0)
        last = bisect_left(places, prefix + "\x7f", key=self._code)
        which = np.arange(first, max(first, last))
        if divisions is not None:
            allowed = np.array([p.startswith(tuple(divisions)) for p in self.places], bool)
            which = which[allowed[self.arrays["by_code"][first : max(first, last)]]]
        return [self._code(i) for i in which[:most].tolist()]

    def _by_name(self, folded: str, allowed: Any) -> list[tuple[int, float]]:
        grams, weights = self._known(folded)
        if not len(grams):
            return []
        ids, scores = self._gather(grams, weights, allowed)
        if len(ids) > _CANDIDATES:
            top = np.argpartition(-scores, _CANDIDATES)[:_CANDIDATES]
            ids, scores = ids[top], scores[top]
        return self._compare(folded, ids, scores / weights.sum())

    def _known(self, folded: str) -> tuple[Any, Any]:
        """Grams of the question that some name has, as positions in the table, and their weights (idf); common ones only where all are."""
        asked = np.unique(_grams([folded])[0])
        table, starts = self.arrays["grams"], self.arrays["starts"]
        at = np.searchsorted(table, asked)
        asked, at = asked[at < len(table)], at[at < len(table)]
        at = at[table[at] == asked]
        counts = self.arrays["counts"][at]
        whole = counts == starts[at + 1] - starts[at]
        if whole.any():
            at, counts = at[whole], counts[whole]
        return at, np.log1p(self.names / np.maximum(counts, 1)).astype(np.float32)

    def _gather(self, grams: Any, weights: Any, allowed: Any) -> tuple[Any, Any]:
        """Sum the weights of the grams each name shares with the question; rare grams first, until there is enough to look at."""
        starts, entries = self.arrays["starts"], self.arrays["entries"]
        scores = np.zeros(self.names, np.float32)
        touched, work = [], 0
        for k in np.argsort(-weights, kind="stable"):
            listed = entries[starts[grams[k]] : starts[grams[k] + 1]]
            if work and work + len(listed) > _WORK:
                break
            scores[listed] += weights[k]
            touched.append(listed)
            work += len(listed)
        ids = np.concatenate(touched)
        if allowed is not None:  # before the best are chosen, or those of a small division are never among them
            ids = ids[allowed[self.arrays["divisions"][ids]]]
        top = scores[ids]
        if len(ids) > 4 * _CANDIDATES:  # whoever shares less than the best few hundred need not be counted apart
            floor = np.partition(top, len(top) - 4 * _CANDIDATES)[len(top) - 4 * _CANDIDATES]
            ids = ids[top >= floor]
        ids = np.unique(ids)
        return ids, scores[ids]

    def _compare(self, folded: str, ids: Any, shares: Any) -> list[tuple[int, float]]:
        """Candidates by shared rare grams and by letters; the shorter of two equal ones first."""
        from rapidfuzz import fuzz, process
        from rapidfuzz.distance import OSA

        names = [self._text(i) for i in ids.tolist()]
        bare = process.cdist([_bare(folded)], [_bare(n) for n in names], scorer=OSA.normalized_similarity)[0]
        whole = process.cdist([folded], names, scorer=fuzz.ratio)[0] / 100
        part = np.array([fuzz.partial_ratio(folded, n) for n in names]) / 100
        fits = _WEIGHTS["shares"] * shares + _WEIGHTS["bare"] * bare + _WEIGHTS["whole"] * whole + _WEIGHTS["part"] * part
        order = sorted(range(len(names)), key=lambda k: (-round(float(fits[k]), 4), len(names[k]), ids[k]))
        return [(int(ids[k]), float(fits[k])) for k in order]

    def _by_initials(self, letters: str, allowed: Any) -> list[tuple[int, float]]:
        """Names whose pinyin initials hold the letters; those that begin with them first. A scan of some twenty megabytes."""
        found: list[tuple[int, float]] = []
        wanted, at = letters.encode(), -1
        ends = self.arrays["initials_at"]
        while len(found) < 2000 and (at := self.letters.find(wanted, at + 1)) >= 0:
            entry = int(np.searchsorted(ends, at, side="right")) - 1
            if allowed is None or allowed[self.arrays["divisions"][entry]]:
                length = int(ends[entry + 1] - ends[entry]) - 1
                found.append((entry, (0.7 if at == ends[entry] else 0.5) + 0.3 * len(wanted) / length))
        return sorted(found, key=lambda f: (-f[1], f[0]))

    def _each_once(self, found: Iterable[tuple[int, float]], most: int) -> list[tuple[str, float]]:
        best: dict[str, float] = {}
        for entry, fit in found:
            code = self._code(int(self.arrays["owners"][entry]))
            if code not in best:
                best[code] = round(min(fit, 1.0), 4)
                if len(best) >= most:
                    break
        return list(best.items())

    def _text(self, entry: int) -> str:
        offsets = self.arrays["offsets"]
        return self.texts[offsets[entry] : offsets[entry + 1]].decode()

    def _code(self, owner: int) -> str:
        at = self.arrays["code_at"]
        return self.codes[at[owner] : at[owner + 1]].decode()


def build_index(folder: Path, codes: Sequence[str], names: Sequence[Sequence[str]], divisions: Sequence[str]) -> NameIndex:
    """Build an index whole or not at all, and open it.

    Parameters
    ----------
    folder : Path
    codes : sequence of str
        One per business, sorted.
    names : sequence of sequences of str
        Names of each business, the present one first.
    divisions : sequence of str
        Division of each business.
    """
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")  # several processes may make it at once
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    flat = [(i, f) for i, some in enumerate(names) for f in dict.fromkeys(map(fold_name, some)) if f]
    owners, texts = np.array([i for i, _ in flat], np.int32), [f for _, f in flat]
    grams, entry_of = _grams(texts)
    table, starts, counts, entries = _postings(grams, entry_of, len(texts))
    raw, spoken = [t.encode() for t in texts], _initials(texts)
    ids = [c.encode() for c in codes]
    places = sorted(set(divisions))
    place_of = {p: k for k, p in enumerate(places)}
    by_business = np.array([place_of[d] for d in divisions], np.uint32)
    arrays = {
        "grams": table, "starts": starts, "counts": counts, "entries": entries, "owners": owners, "offsets": _ends(map(len, raw)),
        "initials_at": _ends(len(s) + 1 for s in spoken), "code_at": _ends(map(len, ids)), "divisions": by_business[owners], "by_code": by_business,
    }  # fmt: skip
    for name, array in arrays.items():
        np.save(part / f"{name}.npy", array)
    for name, data in (("texts", b"".join(raw)), ("letters", b"\n".join(spoken) + b"\n"), ("codes", b"".join(ids))):
        (part / f"{name}.bin").write_bytes(data)
    (part / "places.json").write_text(json.dumps(places))
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
    return NameIndex.open(folder)


def _postings(grams: Any, entry_of: Any, n: int) -> tuple[Any, Any, Any, Any]:
    """Lists of names by gram, sorted; the lists of very common grams are cut."""
    order = np.lexsort((entry_of, grams))
    grams, entry_of = grams[order], entry_of[order]
    first = np.ones(len(grams), bool)
    first[1:] = (grams[1:] != grams[:-1]) | (entry_of[1:] != entry_of[:-1])
    grams, entry_of = grams[first], entry_of[first]
    table, at, counts = np.unique(grams, return_index=True, return_counts=True)
    limit = max(int(_COMMON * n), _FEW)
    kept = np.arange(len(grams)) - np.repeat(at, counts) < np.repeat(np.where(counts > limit, _FEW, counts), counts)
    starts = np.concatenate([[0], np.cumsum(np.where(counts > limit, _FEW, counts))]).astype(np.int64)
    return table, starts, counts.astype(np.int32), entry_of[kept].astype(np.int32)


def _grams(texts: Sequence[str]) -> tuple[Any, Any]:
    """Grams of all texts and whose they are: characters, pairs, pairs with one between, pairs of syllables. One pass of numpy."""
    joined = "\n".join(texts) + "\n"
    points = np.frombuffer(joined.encode("utf-32-le", "replace"), np.uint32).astype(np.uint64)
    owner = np.concatenate([[0], np.cumsum(points[:-1] == 10)]).astype(np.int32)
    sounds = _sounds(points)
    word = points != 10

    def pair(kind: str, values: Any, step: int) -> tuple[Any, Any]:
        a, b = values[:-step], values[step:]
        same = (owner[:-step] == owner[step:]) & word[:-step] & word[step:]
        return ((a << np.uint64(24) | b) * _MIX ^ np.uint64(_SALT[kind]))[same], owner[:-step][same]

    parts = [
        ((points * _MIX ^ np.uint64(_SALT["one"]))[word], owner[word]),
        pair("two", points, 1),
        pair("skip", points, 2),
        pair("sound", sounds, 1),
    ]
    return np.concatenate([p for p, _ in parts]), np.concatenate([o for _, o in parts])


def _sounds(points: Any) -> Any:
    """Number of each character's syllable without tone; a character that has none stands for itself."""
    distinct, back = np.unique(points, return_inverse=True)
    numbers = np.array([_syllable_number(int(p)) for p in distinct], np.uint64)
    return numbers[back]


def _bare(name: str) -> str:
    return _LEGAL.sub("", name) or name


@lru_cache(maxsize=65_536)
def _syllable_number(point: int) -> int:
    syllable = _syllable(point)
    return 0x200000 | int.from_bytes(syllable.encode()[:6].ljust(6, b" "), "big") % 1_000_003 if syllable else point


@lru_cache(maxsize=65_536)
def _syllable(point: int) -> str:
    from pypinyin import Style, lazy_pinyin

    if not 0x3400 <= point <= 0x2FFFF:
        return ""
    said = lazy_pinyin(chr(point), style=Style.NORMAL, errors="ignore")
    return said[0] if said and said[0].isascii() else ""


def _initials(texts: Sequence[str]) -> list[bytes]:
    """First letters of each name's syllables; other characters as they are where they are letters or digits."""
    known: dict[int, str] = {}
    joined = "\n".join(texts)
    for point in set(map(ord, joined)):
        syllable = _syllable(point)
        known[point] = (
            syllable[0] if syllable else chr(point).lower() if chr(point).isascii() and (chr(point).isalnum() or point == 10) else ""
        )
    return joined.translate(known).encode().split(b"\n") if texts else []


def _ends(lengths: Iterable[int]) -> Any:
    return np.concatenate([[0], np.cumsum(np.fromiter(lengths, np.int64))]).astype(np.int64)
