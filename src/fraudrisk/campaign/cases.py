"""Typical cases: closed and confirmed, one per tactic, told so that nobody can be recognised."""

from __future__ import annotations

import re
import string
from collections import Counter
from typing import TYPE_CHECKING, Any

from fraudrisk.campaign.detail import Detail
from fraudrisk.campaign.standing import CLOSED
from fraudrisk.errors import InputError, NotFoundError
from fraudrisk.packs import Pack

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["case_text", "pick_cases", "rounded", "typical_cases"]

_COLUMNS = ["手法", "涉诈类别", "区域", "案例", "说明"]


def typical_cases(detail: Detail, pack: Pack, *, wanted: str | None = None) -> pd.DataFrame:
    """典型案例: a text per tactic that has a closed and confirmed clue.

    Parameters
    ----------
    detail : Detail
    pack : Pack
    wanted : str, optional
        Only the case of this clue.

    Returns
    -------
    DataFrame
        手法, 涉诈类别, 区域, 案例, 说明; no clue number, name, code, address or exact amount.

    Raises
    ------
    NotFoundError, InputError
        No such clue; or it is not closed, or not confirmed, and so cannot be told.
    """
    import pandas as pd

    if wanted is not None:
        row = _allowed(detail, pack, wanted)
        picked = [(tactic, wanted) for tactic in row["tactics"][:1]] or [("", wanted)]
    else:
        picked = pick_cases(detail, pack)
    if not picked:
        return pd.DataFrame([{"手法": "无", "说明": "截至日没有已办结且属实的线索，不选案例"}], columns=_COLUMNS)
    rows = {str(r["clue_id"]): r for r in detail.clues.to_dict("records")}
    lines = [
        {
            "手法": pack.tactic_labels.get(tactic),
            "涉诈类别": pack.category_labels.get(str(rows[clue]["category"])),
            "区域": pack.campaign.cases.district,
            "案例": case_text(detail, pack, rows[clue], tactic),
            "说明": None,
        }
        for tactic, clue in picked
    ]
    return pd.DataFrame(lines, columns=_COLUMNS)


def pick_cases(detail: Detail, pack: Pack) -> list[tuple[str, str]]:
    """Which clue stands for which tactic.

    Scarce tactics choose first. Of the clues that are left a tactic takes one whose district and sector were chosen least, then the
    most complete, then the one with most money, then the lowest number; no clue stands for two tactics.

    Returns
    -------
    list of (tactic, clue_id)
        In the order of the pack's tactics.
    """
    rows = detail.clues[(detail.clues["status"] == CLOSED) & detail.clues["conclusion"].isin(pack.campaign.conclusions.confirmed)]
    clues = rows.to_dict("records")
    by_tactic = {t: [c for c in clues if t in c["tactics"]] for t in pack.tactic_labels}
    used: set[str] = set()
    seen: Counter[tuple[str, str]] = Counter()
    chosen: dict[str, str] = {}

    def order(clue: dict[Any, Any]) -> tuple[Any, ...]:
        known = sum(_known(clue[c]) for c in ("involved_yuan", "recovered_yuan", "measures")) + bool(clue["category"])
        met = seen["district", clue["district"]] + seen["sector", clue["sector"]]
        return met, -known, -(clue["involved_yuan"] if _known(clue["involved_yuan"]) else 0.0), clue["clue_id"]

    for tactic in sorted(by_tactic, key=lambda t: (len(by_tactic[t]), t)):
        left = [c for c in by_tactic[tactic] if c["clue_id"] not in used]
        if left:
            best = min(left, key=order)
            chosen[tactic] = best["clue_id"]
            used.add(best["clue_id"])
            seen.update([("district", best["district"]), ("sector", best["sector"])])
    return [(t, chosen[t]) for t in pack.tactic_labels if t in chosen]


def case_text(detail: Detail, pack: Pack, clue: dict[Any, Any], tactic: str) -> str:
    """The case in the pack's sentences, filled with facts; a sentence with an unknown blank gives way to the next of its group."""
    words = pack.campaign.cases
    signs = {t.code: t.sign for t in pack.taxonomy.tactics}
    kind = next((k.label for k in words.kinds if re.search(k.pattern, str(clue["kind"] or ""))), "")
    facts = {
        "district": words.district,
        "subject": words.subjects.get(clue["sector"], "") + kind,
        "tactic": pack.tactic_labels.get(tactic),
        "sign": signs.get(tactic),
        "quote": _quote(detail, pack, clue["clue_id"], tactic),
        "conclusion": clue["conclusion"],
        "involved": rounded(clue["involved_yuan"], pack),
        "recovered": rounded(clue["recovered_yuan"], pack),
        "measures": "、".join(w.label for w in words.measures if re.search(w.pattern, str(clue["measures"] or ""))),
    }
    told = []
    for group in words.sentences:
        told += [s.format(**facts) for s in group if all(facts[b] for b in _blanks(s))][:1]
    return "".join(told)


def rounded(yuan: Any, pack: Pack) -> str | None:
    """An amount to one figure, in words; None below the smallest unit.

    Examples
    --------
    >>> from fraudrisk.packs import load_pack
    >>> rounded(38_500.0, load_pack()), rounded(1_260_000.0, load_pack()), rounded(80.0, load_pack())
    ('4万元', '100万元', None)
    """
    if not _known(yuan):
        return None
    units = sorted(pack.campaign.cases.amounts, reverse=True)
    near = float(f"{yuan:.0e}")
    return next((f"{near / size:g}{word}" for size, word in units if near >= size), None)


def _allowed(detail: Detail, pack: Pack, wanted: str) -> dict[Any, Any]:
    found = detail.clues[detail.clues["clue_id"] == wanted].to_dict("records")
    if not found:
        raise NotFoundError(f"no clue '{wanted}' was listed by {detail.as_of}", mend="check the number on the list")
    clue = found[0]
    if clue["status"] != CLOSED:
        raise InputError(f"clue {wanted} is {clue['status']}, not {CLOSED}", where="typical case", mend="close it first, or take another")
    if clue["conclusion"] not in pack.campaign.conclusions.confirmed:
        raise InputError(f"clue {wanted} was found {clue['conclusion']}, not confirmed", where="typical case", mend="take another")
    return dict(clue)


def _quote(detail: Detail, pack: Pack, clue: str, tactic: str) -> str | None:
    rows = detail.quotes[(detail.quotes["clue_id"] == clue) & (detail.quotes["tactic"] == tactic)]
    said = sorted((-times, len(q), q) for q, times in zip(rows["quote"], rows["times"], strict=True) if _silent(q, pack))
    return said[0][2] if said else None


def _silent(text: str, pack: Pack) -> bool:
    return not any(re.search(pattern, text) for pattern in pack.campaign.cases.blockers)


def _blanks(sentence: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(sentence) if name]


def _known(value: Any) -> bool:
    return value is not None and value == value and value != 0
