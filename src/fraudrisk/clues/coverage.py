"""Sector × district: how much there is to see, how much was said, how much was found and how much is to be expected."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fraudrisk.packs.loader import Pack

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "coverage"]

COLUMNS = ("行业", "区划", "主体数", "涉诈诉求人数", "B级以上主体", "列入清单", "暂缓核查", "预计问题主体", "预计区间(90%)", "提示")
_NOTE = "未见线索不等于没有风险"
_TOTAL = "合计"


def coverage(scored: pd.DataFrame, listed: set[str], pack: Pack) -> pd.DataFrame:
    """One line per watched sector and district, one per sector in total, and one for everything.

    What is to be expected is the sum of the chances of the cell's businesses; its interval is that of a Poisson count with this
    mean, which is what a sum of many small independent chances comes to (Le Cam 1960).

    Parameters
    ----------
    scored : DataFrame
        ``business_id, sector, district, grade, victims, probability`` of every business scored, and ``held`` where anybody is held back.
    listed : set of str
        Businesses on the list.

    Returns
    -------
    DataFrame
        :data:`COLUMNS`. A cell without a listed clue says what to do next: exposure stands beside every zero. Sums match the list.
    """
    import pandas as pd

    frame = scored[["business_id", "sector", "district", "grade", "victims", "probability"]].assign(
        listed=scored["business_id"].isin(listed).astype(int),
        risky=(scored["grade"] != "A").astype(int),
        held=scored["held"].notna().astype(int) if "held" in scored else 0,
    )
    frame["district"] = frame["district"].replace("", "区划不明")
    sums = {c: (c, "sum") for c in ("victims", "risky", "listed", "held", "probability")}
    cells = frame.groupby(["sector", "district"]).agg(n=("business_id", "size"), **sums)
    sectors = cells.groupby(level="sector").sum()
    lines = []
    districts = sorted(frame["district"].unique())
    for sector in pack.taxonomy.sectors:
        lines.append(_line(sector.label, _TOTAL, _of(sectors, sector.code), sector.watch))
        for district in districts if sector.watch else ():
            lines.append(_line(sector.label, district, _of(cells, (sector.code, district)), sector.watch))
    lines.append(_line("全部行业", _TOTAL, [float(v) for v in cells.sum()], watch=False))
    return pd.DataFrame(lines, columns=list(COLUMNS))


def _of(table: pd.DataFrame, key: object) -> list[float]:
    return [float(v) for v in table.loc[key]] if key in table.index else [0.0] * len(table.columns)  # type: ignore[call-overload]


def _line(sector: str, district: str, sums: list[float], watch: bool) -> tuple[object, ...]:
    from scipy.stats import poisson

    n, victims, risky, listed, held, expected = sums
    low, high = (int(v) for v in poisson.interval(0.9, expected)) if expected else (0, 0)
    note = None
    if watch and not listed:
        first = min(int(n), max(2, math.ceil(expected)))
        note = (
            f"{_NOTE}：{int(n)}户未出线索，先对评分最高的{first}户网上核查，再抽样走访" if n else "辖区无登记主体，核对登记行业与实际经营"
        )
    return sector, district, int(n), int(victims), int(risky), int(listed), int(held), round(expected, 1), f"{low}-{high}", note
