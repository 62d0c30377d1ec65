"""Names to businesses: one Aho–Corasick pass over all name forms finds who is meant in text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator

from fraudrisk.complaints.classifier import as_texts
from fraudrisk.errors import InputError
from fraudrisk.linking.names import GENERIC, Distinctive, fold_name, region_prefixes, short_forms

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NameLinker"]

_MARGIN = 0.1
"""Two candidates closer than this stay ambiguous."""
_LEAST = 0.6
"""A candidate below it is none."""
_HERE = 0.15
"""What a matching street or district adds."""
_SHOWN = 5
_BARE = 0.7
"""Surety of a name without region, legal form and trade: words that also occur by themselves."""
_CUE_BEFORE = re.compile(r"(?:叫|叫做|名叫|名为|店名|公司名|举报|投诉|反映|状告)$")
_CUE_AFTER = re.compile(
    r"(?:这家|的)?(?:公司|集团|店|馆|院|堂|中心|机构|平台|健康|养老|养生|保健|咨询|旅行|旅游|投资|收藏|拍卖|药|超市|商行|体验|会所)"
)
_SHOP = re.compile(r"(?:专卖店|体验店|体验馆|养生馆|健康馆|旗舰店|门店|会馆|馆|店|院|堂|部)$")
_SPLIT = re.compile(r"[;\uff1b|]")


class NameLinker(BaseEstimator):  # type: ignore[misc]
    """Links mentions and texts to a register of businesses.

    Parameters
    ----------
    fuzzy : bool
        Whether a given mention that matches no form is compared by edit distance with names that share its characters.

    Attributes
    ----------
    businesses_ : ndarray of str
        Register ids.

    Examples
    --------
    >>> import pandas as pd
    >>> register = pd.DataFrame({"name": ["甬城康寿健康咨询有限公司", "甬城福满堂茶业有限公司"], "uscc": ["A1", "B2"]})
    >>> NameLinker().fit(register).link(["我妈在康寿健康咨询买了药"])["business"].tolist()
    ['A1']
    """

    def __init__(self, *, fuzzy: bool = True) -> None:
        self.fuzzy = fuzzy

    def fit(self, register: pd.DataFrame) -> NameLinker:
        """Learn the register's name forms.

        Parameters
        ----------
        register : DataFrame
            ``name``; optional ``business_id`` or ``uscc`` (else the name itself identifies), ``former_names`` (list, or text
            separated by semicolons), ``address``, ``division_code``.

        Raises
        ------
        InputError
            No column ``name``, or no name in it.
        """
        import daachorse

        if "name" not in register.columns:
            raise InputError("the register has no column 'name'", where=f"columns {', '.join(map(str, register.columns[:12]))}")
        names = as_texts(register["name"])
        self.names_ = np.array(names, dtype=object)
        self.businesses_ = _identities(register, names)
        self.addresses_ = as_texts(register["address"]) if "address" in register.columns else [""] * len(names)
        codes = as_texts(register["division_code"]) if "division_code" in register.columns else [""] * len(names)
        self.districts_ = [code[:6] for code in codes]
        keys = [fold_name(n) for n in names]
        self.regions_ = region_prefixes(keys)
        forms: dict[str, dict[int, float]] = {}
        for position, key in enumerate(keys):
            for form, surety in short_forms(key, self.regions_).items() if key else ():
                self._put(forms, form, position, surety)
        former = register["former_names"] if "former_names" in register.columns else [None] * len(names)
        for position, cell in enumerate(former):
            for name in _former(cell):
                for form, surety in short_forms(fold_name(name), self.regions_).items():
                    self._put(forms, form, position, round(surety - 0.05, 2))
        if not forms:
            raise InputError("the register holds no name")
        self.forms_ = forms
        distinctive = Distinctive(keys)
        self._patterns = sorted(form for form in forms if (len(form) >= 8 and form.endswith("公司")) or distinctive(form))
        if not self._patterns:  # the automaton needs at least one pattern
            self._patterns = [max(forms, key=len)]
        self._automaton = daachorse.CharwiseDoubleArrayAhoCorasick(self._patterns, daachorse.MATCH_KIND_LEFTMOST_LONGEST)
        self._by_gram: dict[str, list[int]] | None = None
        return self

    @staticmethod
    def _put(forms: dict[str, dict[int, float]], form: str, position: int, surety: float) -> None:
        known = forms.setdefault(form, {})
        known[position] = max(known.get(position, 0.0), surety)

    def link(self, texts: Any, *, mentions: Any = None, places: Any = None, districts: Any = None) -> pd.DataFrame:
        """Find the business each text, or each given mention, means.

        Parameters
        ----------
        texts : sequence of str
        mentions : sequence of str, optional
            Who is complained of, where the record says so; tried before the text.
        places : sequence of str, optional
            Addresses or places, which decide between businesses of one name.
        districts : sequence of str, optional
            Division codes; the first six digits decide likewise.

        Returns
        -------
        pandas.DataFrame
            ``mention``, ``business`` (empty where there is none or it is ambiguous), ``score`` (0–1) and ``candidates``
            (list of ``{business, name, score}``, best first).
        """
        import pandas as pd

        given = as_texts(texts)
        named = as_texts(mentions) if mentions is not None else [""] * len(given)
        where = as_texts(places) if places is not None else [""] * len(given)
        codes = as_texts(districts) if districts is not None else [""] * len(given)
        rows = [self._one(text, mention, place, code[:6]) for text, mention, place, code in zip(given, named, where, codes, strict=True)]
        return pd.DataFrame(rows, columns=["mention", "business", "score", "candidates"])

    def _one(self, text: str, mention: str, place: str, district: str) -> tuple[str, str, float, list[dict[str, Any]]]:
        if mention:
            found = self._named(mention) or self._mentioned(mention) or self._close(mention)
            if found:
                return self._decide(found, place or text, district)
        return self._decide(self._mentioned(text), place or text, district)

    def _named(self, mention: str) -> list[tuple[str, dict[int, float]]]:
        """Businesses one of whose forms is the mention, or the mention without its legal form or shop word."""
        key = fold_name(mention)
        tried = short_forms(key, self.regions_)
        if _SHOP.search(key):
            tried.setdefault(_SHOP.sub("", key), 0.9)
        found = [
            (mention, {p: round(s * surety, 4) for p, s in self.forms_[form].items()})
            for form, surety in tried.items()
            if len(form) >= 3 and form in self.forms_
        ]
        return found[:1] if found and max(found[0][1].values()) == 1.0 else found

    def _mentioned(self, text: str) -> list[tuple[str, dict[int, float]]]:
        folded = fold_name(text)
        found = []
        for start, end, pattern in self._automaton.find(folded):
            form = self._patterns[pattern]
            surety = self.forms_[form]
            best = max(surety.values())
            if best < 0.95 and not self._stands_alone(folded, start, end, best <= _BARE):
                continue
            found.append((form, dict(surety)))
        return found

    def _stands_alone(self, text: str, start: int, end: int, bare: bool) -> bool:
        """A short form must not be the middle of another name; a bare one needs a word beside it that says it is a name."""
        after = text[end : end + 12]
        if bare and not (_CUE_BEFORE.search(text[max(0, start - 4) : start]) or _CUE_AFTER.match(after)):
            return False
        rest = re.match(
            r"[\u4e00-\u9fffA-Za-z0-9()]{0,8}?(?:有限公司|公司|集团|药店|超市|学校|医院|银行|小区|花园|广场|大厦|村|路|街)", after
        )
        return not rest or GENERIC.sub("", rest.group()) in ("", "有限公司", "公司")

    def _close(self, mention: str) -> list[tuple[str, dict[int, float]]]:
        """Forms within a small edit distance of a mention, for typing slips."""
        from rapidfuzz import fuzz, process

        key = fold_name(mention)
        if not self.fuzzy or len(key) < 4:
            return []
        near = self._sharing(key)
        best = process.extract(key, near, scorer=fuzz.ratio, limit=_SHOWN, score_cutoff=80)
        return [(form, {p: round(s * ratio / 100 * 0.9, 4) for p, s in self.forms_[form].items()}) for form, ratio, _ in best]

    def _sharing(self, key: str) -> list[str]:
        """Forms that share the rarest pairs of characters with `key`."""
        if self._by_gram is None:
            self._by_gram = {}
            for number, form in enumerate(self._patterns):
                for i in range(len(form) - 1):
                    self._by_gram.setdefault(form[i : i + 2], []).append(number)
        grams = sorted({key[i : i + 2] for i in range(len(key) - 1)}, key=lambda g: len(self._by_gram.get(g, ())))  # type: ignore[union-attr]
        numbers = {n for g in grams[:3] for n in self._by_gram.get(g, ())[:2000]}
        return [self._patterns[n] for n in sorted(numbers)]

    def _decide(
        self, found: Sequence[tuple[str, dict[int, float]]], context: str, district: str
    ) -> tuple[str, str, float, list[dict[str, Any]]]:
        if not found:
            return "", "", 0.0, []
        scores: dict[int, float] = {}
        mention_of: dict[int, str] = {}
        for form, sureties in found:
            for position, surety in sureties.items():
                here = self._at_place(position, context) or (district and self.districts_[position] == district)
                score = surety + (_HERE if here else 0.0)
                if score > scores.get(position, 0.0):
                    scores[position], mention_of[position] = score, form
        ranked = sorted(scores, key=lambda p: (-scores[p], str(self.businesses_[p])))
        best = ranked[0]
        candidates: list[dict[str, Any]] = []
        for p in ranked:
            if all(c["business"] != self.businesses_[p] for c in candidates):
                candidates.append(
                    {"business": str(self.businesses_[p]), "name": str(self.names_[p]), "score": round(min(scores[p], 1.0), 3)}
                )
            if len(candidates) > _SHOWN:
                break
        rival = max((scores[p] for p in ranked if self.businesses_[p] != self.businesses_[best]), default=0.0)
        sure = scores[best] >= _LEAST and scores[best] - rival >= _MARGIN
        return mention_of[best], str(self.businesses_[best]) if sure else "", candidates[0]["score"], candidates[:_SHOWN]

    def _at_place(self, position: int, context: str) -> bool:
        """Whether the text names the street of the registered address."""
        address = self.addresses_[position]
        streets = re.findall(r"[\u4e00-\u9fff]{2,5}(?:路|街|巷|大道|小区|广场|花园)", address)
        return any(s[-4:] in context for s in streets) if address and context else False


def _identities(register: pd.DataFrame, names: list[str]) -> Any:
    for column in ("business_id", "uscc"):
        if column in register.columns:
            ids = as_texts(register[column].astype(object).where(register[column].notna(), None))
            return np.array([i or n for i, n in zip(ids, names, strict=True)], dtype=object)
    return np.array(names, dtype=object)


def _former(cell: Any) -> list[str]:
    if cell is None or (isinstance(cell, float) and cell != cell):
        return []
    return [p.strip() for p in _SPLIT.split(cell) if p.strip()] if isinstance(cell, str) else [str(p) for p in cell if p]
