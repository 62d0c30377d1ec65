"""Tips for old people: what is going round in their district, in plain words that name no business."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fraudrisk.campaign.detail import Detail
from fraudrisk.errors import InputError
from fraudrisk.packs import Pack
from fraudrisk.packs.campaign import Tip

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["pages", "refuse_names", "tips"]

_SHORTEST = 6
"""Characters of a name that cannot be an ordinary word."""


def tips(detail: Detail, pack: Pack) -> pd.DataFrame:
    """防骗提示: for every district and tactic named there lately, how many persons named it, and the tip.

    Returns
    -------
    DataFrame
        区划, 手法, 近N天反映人数, 标题, 正文, 怎么做, 问谁, 说明; by district, most named first; and the sum of named tactics.

    Raises
    ------
    InputError
        A tip names a business of the register.
    """
    import pandas as pd

    refuse_names(pack, detail.names)
    count = f"近{detail.tip_days}天反映人数"
    columns = ["区划", "手法", count, "标题", "正文", "怎么做", "问谁", "说明"]
    rows = detail.voiced[detail.voiced["tactic"].isin(pack.campaign.tips)]
    rows = rows.sort_values(["district", "people", "tactic"], ascending=[True, False, True], kind="stable")
    if rows.empty:
        return pd.DataFrame([{"区划": "无", "说明": f"截至日前{detail.tip_days}天没有可提示的诉求"}], columns=columns)
    lines: list[dict[str, Any]] = []
    for row in rows.to_dict("records"):
        tip = pack.campaign.tips[str(row["tactic"])]
        lines.append(
            {
                "区划": detail.district(str(row["district"])),
                "手法": f"{row['tactic']} {pack.tactic_labels[str(row['tactic'])]}",
                count: int(row["people"]),
                "标题": tip.headline,
                "正文": "".join(tip.body),
                "怎么做": tip.what_to_do,
                "问谁": tip.hotline,
            }
        )
    whole = {"区划": "合计", count: int(rows["people"].sum()), "说明": "人次：一人反映几种手法，各计一次"}
    return pd.DataFrame([*lines, whole], columns=columns)


def pages(detail: Detail, pack: Pack, per_page: int) -> list[tuple[str, list[Tip]]]:
    """What each district's page shows the public: its most named tactics, filled up with those most named everywhere.

    Nothing but the district's label and tips: no count, no business, no clue.
    """
    refuse_names(pack, detail.names)
    everywhere = _ranked(detail.voiced, list(pack.campaign.tips))
    found = []
    for code in sorted(c for c in detail.districts if c) or [""]:
        here = _ranked(detail.voiced[detail.voiced["district"] == code], [])
        chosen = list(dict.fromkeys([*(t for t in here if t in pack.campaign.tips), *everywhere]))[:per_page]
        found.append((detail.district(code) if code else "", [pack.campaign.tips[t] for t in chosen]))
    return found


def refuse_names(pack: Pack, names: pa.ChunkedArray) -> None:
    """Refuse tips in which a full name of the register stands.

    Raises
    ------
    InputError
        Names the tip; the name itself is not repeated.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    lengths = pc.utf8_length(names)
    longest = pc.max(lengths).as_py() or 0
    for code, tip in pack.campaign.tips.items():
        parts = (tip.headline, *tip.body, tip.what_to_do, tip.hotline)
        pieces = {p[i:j] for p in parts for i in range(len(p)) for j in range(i + _SHORTEST, min(len(p), i + longest) + 1)}
        if pieces and pc.any(pc.is_in(names, value_set=pa.array(sorted(pieces), pa.string()))).as_py():
            raise InputError(
                f"the tip of {code} names a business of the register", where=f"campaign.yaml, tips, {code}", mend="say it without the name"
            )


def _ranked(voiced: pd.DataFrame, rest: list[str]) -> list[str]:
    people = voiced.groupby("tactic")["people"].sum()
    named = sorted(people.index, key=lambda t: (-int(people[t]), t))
    return [*named, *(t for t in rest if t not in people.index)]
