"""Sector × district: how much there is to see, how much was said, how much was found. Silence is not safety."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fraudrisk.packs.loader import Pack

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "coverage"]

COLUMNS = ("行业", "区划", "主体数", "涉诈诉求人数", "B级以上主体", "列入清单", "提示")
_NOTE = "未见线索不等于没有风险"


def coverage(scored: pd.DataFrame, listed: set[str], pack: Pack) -> pd.DataFrame:
    """One line per watched sector and district, and one per sector in total.

    Parameters
    ----------
    scored : DataFrame
        ``business_id, sector, district, grade, victims`` of every business scored.
    listed : set of str
        Businesses on the list.

    Returns
    -------
    DataFrame
        :data:`COLUMNS`. A cell without a listed clue carries a note: exposure stands beside every zero. Sums match the list.
    """
    import pandas as pd

    frame = scored[["business_id", "sector", "district", "grade", "victims"]].assign(
        listed=scored["business_id"].isin(listed).astype(int), risky=(scored["grade"] != "A").astype(int)
    )
    frame["district"] = frame["district"].replace("", "区划不明")
    cells = frame.groupby(["sector", "district"]).agg(
        n=("business_id", "size"), victims=("victims", "sum"), risky=("risky", "sum"), listed=("listed", "sum")
    )
    lines = []
    districts = sorted(frame["district"].unique())
    for sector in pack.taxonomy.sectors:
        total = frame[frame["sector"] == sector.code]
        lines.append(
            _line(sector.label, "合计", len(total), total["victims"].sum(), total["risky"].sum(), total["listed"].sum(), sector.watch)
        )
        for district in districts if sector.watch else ():
            cell = cells.loc[(sector.code, district)] if (sector.code, district) in cells.index else None
            n, victims, risky, chosen = (0, 0, 0, 0) if cell is None else cell.tolist()
            lines.append(_line(sector.label, district, n, victims, risky, chosen, sector.watch))
    return pd.DataFrame(lines, columns=list(COLUMNS))


def _line(sector: str, district: str, n: float, victims: float, risky: float, listed: float, watch: bool) -> tuple[object, ...]:
    note = ("辖区无登记主体" if not n else f"{_NOTE}:{int(n)}户未出线索，建议抽样走访") if watch and not listed else None
    return sector, district, int(n), int(victims), int(risky), int(listed), note
