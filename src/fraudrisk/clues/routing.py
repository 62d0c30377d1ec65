"""Which department owns a clue, and why: by conduct first, then by registration (DOMAIN §1.1)."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fraudrisk.packs.loader import Pack

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Route", "owners", "route"]


@dataclass(frozen=True, slots=True)
class Route:
    """Owner of a clue, who else must come, and the reason."""

    owner: str
    also: tuple[str, ...]
    reason: str


def route(pack: Pack, category: str, tactics: Collection[str], uscc: str = "", *, text: str = "", business: str = "") -> Route:
    """The first rule of the pack that fits.

    Parameters
    ----------
    pack : Pack
    category : str
    tactics : collection of str
    uscc : str
        The business's code, or its first digits.
    text : str
        The complaint, folded; rules that look at words fit only where it is given.
    business : str
        Name, kind, scope and licences of the business, folded.

    Examples
    --------
    >>> from fraudrisk.packs import load_pack
    >>> route(load_pack("elder_fraud"), "EF5", ["T23"]).owner
    '人社'
    """
    for rule in pack.routing.rules:
        if (
            (not rule.categories or category in rule.categories)
            and (not rule.tactics or set(rule.tactics) & set(tactics))
            and (not rule.uscc_prefix or any(uscc.startswith(p) for p in rule.uscc_prefix))
            and (not rule.words or (text and re.search(rule.words, text)))
            and (not rule.business or (business and re.search(rule.business, business)))
        ):
            return Route(rule.owner, tuple(a for a in rule.also if a != rule.owner), rule.reason)
    return Route(pack.routing.default_owner, (), "无更具体的归口规则，由默认单位受理")


def owners(standing: pd.DataFrame, pack: Pack) -> Any:
    """Owner of every row of ``category``, ``tactics`` (codes with commas) and ``uscc``; where nobody complained, the default owner.

    Rows that are alike are routed once.

    Examples
    --------
    >>> import pandas as pd
    >>> from fraudrisk.packs import load_pack
    >>> rows = pd.DataFrame({"category": ["EF5", ""], "tactics": ["T23", ""], "uscc": ["91330299MA0000001X", None]})
    >>> owners(rows, load_pack("elder_fraud")).tolist()
    ['人社', '市场监管']
    """
    import pandas as pd

    width = max((len(p) for rule in pack.routing.rules for p in rule.uscc_prefix), default=0)
    keys = pd.DataFrame({"category": standing["category"], "tactics": standing["tactics"], "code": standing["uscc"].fillna("").str[:width]})
    alike = keys.groupby(["category", "tactics", "code"], sort=False).ngroup()
    first = keys[~alike.duplicated()]
    found = [
        route(pack, c, t.split(",") if t else (), u).owner if c else pack.routing.default_owner
        for c, t, u in zip(first["category"], first["tactics"], first["code"], strict=True)
    ]
    return alike.map(dict(zip(alike[first.index], found, strict=True)))
