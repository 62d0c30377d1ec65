"""A year of the synthetic city, month by month: list, visits, conclusions, retraining; and what other orders would have found."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fraudrisk.errors import InputError
from fraudrisk.evaluation.retraining import retrain
from fraudrisk.files import atomic_text
from fraudrisk.simulate.fieldwork import Fieldwork
from fraudrisk.taking_back import take_back
from fraudrisk.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

    from fraudrisk.simulate import City

__all__ = ["ORDERS", "Year", "play_year"]

ORDERS = ("清单", "诉求数", "随机", "全知")
"""The list of this package; most complaints in a year; by lot among watched sectors; and who knows the truth, then by lot."""
_REVISIT = dt.timedelta(days=90)
_FEWEST_TO_LEARN = 12
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Year:
    """What a year of each order found.

    Parameters
    ----------
    visits : DataFrame
        One row per visit: ``order, month, day, business_id, sector, district, conclusion, fraud`` (true that day), ``selection_reason``.
    months : list of dict
        Per month: date, size of the list, who leads.
    """

    visits: pd.DataFrame
    months: list[dict[str, Any]] = field(repr=False)

    def table(self) -> pd.DataFrame:
        """One line per order: visits, frauds confirmed (each once), per 100 visits, share of what the oracle confirmed."""
        import pandas as pd

        rows = []
        for order, part in self.visits.groupby("order", sort=False):
            found = part[(part["conclusion"] == "属实") & part["fraud"]]["business_id"].nunique()
            rows.append({"order": order, "visits": len(part), "confirmed": found, "per_100": 100 * found / max(1, len(part))})
        table = pd.DataFrame(rows).set_index("order")
        best = table["per_100"].get("全知", float("nan"))
        return table.assign(of_oracle=table["per_100"] / best)

    def found_by_month(self) -> pd.DataFrame:
        """Frauds confirmed so far, per month and order."""
        import pandas as pd

        hits = self.visits[(self.visits["conclusion"] == "属实") & self.visits["fraud"]].drop_duplicates(["order", "business_id"])
        counts = pd.crosstab(hits["month"], hits["order"]).reindex(range(1, len(self.months) + 1), fill_value=0)
        return counts.reindex(columns=[o for o in ORDERS if o in set(self.visits["order"])], fill_value=0).cumsum()

    def first_found(self, sector: str, order: str = ORDERS[0]) -> int | None:
        """Month in which an order first confirmed a fraud of a sector."""
        v = self.visits
        hits = v[(v["order"] == order) & (v["sector"] == sector) & (v["conclusion"] == "属实") & v["fraud"]]
        return None if hits.empty else int(hits["month"].min())


def play_year(
    city: City, folder: str | Path, *, months: int = 12, capacity: int = 20, retrain_every: int = 3, progress: Progress | None = None
) -> Year:
    """Work through the last `months` of a city as an office would, with the loop on.

    The list is filled and taken back through the ledger like any other; outcomes come into the workspace, and every `retrain_every`
    months challengers are fitted and promoted by the rule. Every order makes as many visits a month as the list has lines; nobody
    visits whom it confirmed before, or visited within 90 days. A visit proves a fraud only with some chance
    (:class:`fraudrisk.simulate.fieldwork.Fieldwork`).

    Parameters
    ----------
    city : City
    folder : path
        A new workspace is made there.
    months, capacity, retrain_every : int
    progress : callable, optional
    """
    import pandas as pd

    tell = progress or (lambda *_: None)
    work = Fieldwork(city)
    workspace = Workspace.create(folder, division=city.spec.division)
    for table, rows in city.tables.items():
        workspace.import_table(table, rows)
    days = [(pd.Timestamp(city.spec.end) - pd.DateOffset(months=months - n)).date() for n in range(months)]
    visits: list[dict[str, Any]] = []
    past: dict[str, dict[str, dt.date]] = {o: {} for o in ORDERS[1:]}
    confirmed: dict[str, set[str]] = {o: set() for o in ORDERS[1:]}
    said: list[dict[str, Any]] = []
    for month, day in enumerate(days, 1):
        tell("逐月", month - 1, months)
        result = workspace.run(day, capacity)
        selection = result.selection()
        truth = work.truth
        for business, reason in zip(selection["business_id"], selection["selection_reason"], strict=True):
            visits.append(_visit(work, ORDERS[0], month, day, business, reason))
        for order in ORDERS[1:]:
            chosen = _other(order, result, work, day, len(selection), past[order], confirmed[order])
            for business in chosen:
                row = _visit(work, order, month, day, business, "")
                visits.append(row)
                past[order][business] = day
                if row["conclusion"] == "属实":
                    confirmed[order].add(business)
        _fill(workspace, result.folder, {v["clue"]: v["conclusion"] for v in _with_numbers(visits, result)}, day)
        leader = result.manifest["leader"]
        if (
            month % retrain_every == 0
            and sum(v["order"] == ORDERS[0] and v["conclusion"] in ("属实", "部分属实") for v in visits) >= _FEWEST_TO_LEARN
        ):
            with suppress(InputError):  # too short a past to judge by: who leads stays
                leader = retrain(workspace, window=dt.timedelta(days=30), capacity=capacity).champion
        said.append({"month": month, "date": day.isoformat(), "listed": len(selection), "leader": leader})
    tell("逐月", months, months)
    frame = pd.DataFrame(visits)
    where = truth[["latent_sector", "latent_district"]].rename(columns={"latent_sector": "sector", "latent_district": "district"})
    return Year(frame.merge(where, left_on="business_id", right_index=True, how="left").drop(columns="clue", errors="ignore"), said)


def _visit(work: Fieldwork, order: str, month: int, day: dt.date, business: str, reason: str) -> dict[str, Any]:
    return {
        "order": order, "month": month, "day": day, "business_id": business, "conclusion": work.conclude(business, day),
        "fraud": work.fraud(business, day), "selection_reason": reason,
    }  # fmt: skip


def _other(order: str, result: Any, work: Fieldwork, day: dt.date, places: int, past: dict[str, dt.date], confirmed: set[str]) -> list[str]:
    """Whom another order visits this month."""
    busy = {b for b, d in past.items() if day - d <= _REVISIT} | confirmed
    watched = work.truth.index[work.truth["latent_watch"]]
    lot = sorted(watched, key=lambda b: hashlib.sha256(f"{day}:{b}".encode()).hexdigest())
    ranked: Iterable[str] = lot
    if order == "全知":
        known = list(work.active(day).index)
        ranked = [*known, *(b for b in lot if b not in set(known))]
    elif order == "诉求数":
        counts = (
            result.features()[["business_id", "complaints_365"]]
            .fillna(0)
            .sort_values(["complaints_365", "business_id"], ascending=[False, True], kind="stable")
        )
        ranked = counts["business_id"]
    return [b for b in ranked if b not in busy and b in work.truth.index][:places]


def _with_numbers(visits: list[dict[str, Any]], result: Any) -> list[dict[str, Any]]:
    from fraudrisk.clues.numbers import read_numbers

    numbers = read_numbers(result.folder.parents[1] / "clues" / "numbers.jsonl")
    day = dt.date.fromisoformat(result.manifest["as_of"])
    return [{**v, "clue": numbers[v["business_id"]]} for v in visits if v["order"] == ORDERS[0] and v["day"] == day]


def _fill(workspace: Workspace, folder: Path, conclusions: dict[str, str], day: dt.date) -> None:
    """Fill the list as an office does and take it back."""
    import pandas as pd

    rows = pd.read_csv(folder / "线索清单.csv", dtype=str, encoding="utf-8-sig")
    said = rows["线索编号"].map(conclusions)
    filled = rows.assign(
        核查结论=said, 承办人="核查组", 转办日期=day.isoformat(), 备注=said.map({"无法核实": "当事人不在场，凭证不足"}).fillna("已现场核查")
    )
    path = workspace.path / "filled" / f"{day}.csv"
    with atomic_text(path, encoding="utf-8-sig", newline="") as stream:
        filled.to_csv(stream, index=False)
    take_back(workspace, path, today=day + dt.timedelta(days=14))
