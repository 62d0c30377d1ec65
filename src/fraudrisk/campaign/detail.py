"""The detail that every campaign table is made from: one row per clue ever listed, as known before a date."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fraudrisk.campaign.places import district_labels, district_length
from fraudrisk.campaign.standing import COLUMNS as STANDING
from fraudrisk.campaign.standing import read_ledger, standing
from fraudrisk.campaign.voices import exposure, nameless, open_run, quotes, voiced
from fraudrisk.clues.numbers import read_numbers
from fraudrisk.engines import Duck
from fraudrisk.errors import NotFoundError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from fraudrisk.packs import Pack
    from fraudrisk.run import RunResult
    from fraudrisk.workspace import Workspace

__all__ = ["CLUES", "Detail", "gather"]

CLUES = (
    "clue_id", "business_id", "name", "sector", "district", "kind", "owner", "category", "tactics", "grade", "score", "listed_on", "month",
    "latest_grade", "latest_on", "reason", "propensity", "status", "conclusion", "concluded_on", "involved_yuan", "recovered_yuan", "measures",
)  # fmt: skip
"""Columns of :attr:`Detail.clues`: grade, score, category, tactics and reason are those of the first listing."""
_UNSENT = "待分办"


@dataclass(frozen=True, slots=True)
class Detail:
    """What the tables are made from; nothing in it was known on or after the date.

    Parameters
    ----------
    as_of : datetime.date
    run : datetime.date
        The latest run by then; complaints and the register are as known before it.
    clues : DataFrame
        :data:`CLUES`, one row per clue, by number.
    signals : DataFrame
        ``clue_id, kind`` (indicator or feature), ``code, value``: those above 0 when the clue was first listed.
    listings : DataFrame
        ``run, month, clue_id, reason, pool``: every place on every list.
    voiced : DataFrame
        ``district, tactic, people``: fraud complaints of the last days, by persons.
    exposure : DataFrame
        ``sector, district, businesses`` of the register.
    quotes : DataFrame
        ``clue_id, tactic, quote, times``: words of complaints that several persons used and in which no business is named.
    districts : dict
        Code to label.
    names : pyarrow array
        Names of the register, so that what the public reads can be proved to name none.
    withheld : int
        Moves of the ledger on or after the date, left out.
    tip_days : int
    """

    as_of: dt.date
    run: dt.date
    clues: pd.DataFrame
    signals: pd.DataFrame
    listings: pd.DataFrame
    voiced: pd.DataFrame
    exposure: pd.DataFrame
    quotes: pd.DataFrame
    districts: dict[str, str]
    names: pa.ChunkedArray
    withheld: int = 0
    tip_days: int = 90

    def district(self, code: str) -> str:
        """What a district is called."""
        return self.districts.get(code, code) or "区划不明"


def gather(workspace: Workspace, as_of: dt.date | None = None) -> Detail:
    """Gather the detail of a workspace.

    Parameters
    ----------
    workspace : Workspace
    as_of : datetime.date, optional
        The date of the latest run when not given. Lists made for that day or earlier are seen, and what the ledger learned before it.

    Raises
    ------
    NotFoundError
        No list had been made by then.
    """
    import pandas as pd

    pack, settings = workspace.pack, workspace.settings
    workspace.result()
    day = as_of or workspace.runs()[-1]
    runs = [r for r in workspace.runs() if r <= day]
    if not runs:
        raise NotFoundError(f"no list had been made by {day}", where=str(workspace.path), mend=f"the first is of {workspace.runs()[0]}")
    numbers = read_numbers(workspace.path / "clues" / "numbers.jsonl")
    parts = [_places(workspace, workspace.result(r), r, numbers) for r in runs]
    places = pd.concat([p for p, _ in parts], ignore_index=True)
    first = places.drop_duplicates("clue_id", keep="first")
    signals = pd.concat([s for _, s in parts], ignore_index=True)
    known, withheld = standing(*read_ledger(workspace), day)
    with Duck(memory=settings.engine_memory) as duck:
        open_run(duck, workspace, workspace.result(runs[-1]), places["business_id"].drop_duplicates().tolist())
        digits = district_length(duck, settings)
        clues = _clues(first, places, known, digits)
        said = quotes(duck, pack, runs[-1]).merge(clues[["business_id", "clue_id"]], on="business_id")
        silent = nameless(duck, said["quote"])
        return Detail(
            day,
            runs[-1],
            clues,
            signals[signals.set_index(["run", "clue_id"]).index.isin(first.set_index(["run", "clue_id"]).index)]
            .drop(columns="run")
            .reset_index(drop=True),
            places[["run", "month", "clue_id", "reason", "pool"]],
            voiced(duck, pack, runs[-1], settings.tip_days, digits),
            exposure(duck, digits),
            said[said["quote"].isin(silent)][["clue_id", "tactic", "quote", "times"]].reset_index(drop=True),
            district_labels(duck, settings, digits),
            duck.query("SELECT DISTINCT name FROM register WHERE name IS NOT NULL ORDER BY name").column("name"),
            withheld,
            settings.tip_days,
        )


def _places(workspace: Workspace, result: RunResult, day: dt.date, numbers: dict[str, str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The places of one list, and what counted for each."""
    import pyarrow as pa

    pack = workspace.pack
    lines = result.clues()
    codes = {label: code for code, label in pack.category_labels.items()}
    chosen = result.selection()[["business_id", "selection_reason", "propensity", "pool"]]
    chosen = chosen.assign(clue_id=chosen["business_id"].map(numbers)).rename(columns={"selection_reason": "reason"})
    with Duck(memory=workspace.settings.engine_memory) as duck:
        duck.view("register", [result.folder / "work" / result.manifest["digest"] / "register.parquet"])
        duck.view("listed", pa.Table.from_pandas(chosen[["business_id"]], preserve_index=False))
        facts = duck.query(
            "SELECT business_id, sector, coalesce(division_code, '') AS division, coalesce(entity_type, '') AS kind FROM register SEMI JOIN listed USING (business_id)"
        ).to_pandas()
        signals = _signals(pack, result, duck, chosen[["business_id", "clue_id"]])
    told = lines.assign(
        clue_id=lines["线索编号"],
        name=lines["企业/项目名称"],
        owner=lines["建议责任单位"],
        category=lines["涉诈类别"].map(codes).fillna(""),
        tactics=lines["主要手法"].map(lambda v: _tactics(pack, v)),
        grade=lines["风险等级"],
        score=lines["评分"],
    )[["clue_id", "name", "owner", "category", "tactics", "grade", "score"]]
    frame = chosen.merge(told, on="clue_id").merge(facts, on="business_id", how="left")
    frame = frame.assign(run=day, month=f"{day:%Y-%m}").sort_values("clue_id", kind="stable")
    return frame, signals.assign(run=day)


def _tactics(pack: Pack, cell: Any) -> list[str]:
    """Codes of the tactics a line names, in its order."""
    found = [(cell.find(f"{code} {label}"), code) for code, label in pack.tactic_labels.items()] if isinstance(cell, str) else []
    return [code for place, code in sorted(found) if place >= 0]


def _signals(pack: Pack, result: RunResult, duck: Duck, clues: pd.DataFrame) -> pd.DataFrame:
    """Indicators and features above 0; reads the view ``listed``."""
    import pandas as pd
    import pyarrow.parquet as pq

    path = result.folder / "features.parquet"
    there = set(pq.read_schema(path).names)
    wanted = sorted({f for x in pack.campaign.loopholes for f in x.features} & there)
    duck.view("features", [path])
    columns = ", ".join(["business_id", *wanted])
    frames = {
        "indicator": result.contributions().drop(columns="bound", errors="ignore"),
        "feature": duck.query(f"SELECT {columns} FROM features SEMI JOIN listed USING (business_id)").to_pandas(),  # noqa: S608
    }
    long = [
        clues.merge(f, on="business_id").drop(columns="business_id").melt("clue_id", var_name="code", value_name="value").assign(kind=kind)
        for kind, f in frames.items()
    ]
    both = pd.concat([f.astype({"value": float}) for f in long], ignore_index=True)
    return both[both["value"] > 0].sort_values(["clue_id", "kind", "code"], kind="stable")[["clue_id", "kind", "code", "value"]]


def _clues(first: pd.DataFrame, places: pd.DataFrame, known: pd.DataFrame, digits: int) -> pd.DataFrame:
    last = places.drop_duplicates("clue_id", keep="last").set_index("clue_id")
    clues = first.rename(columns={"run": "listed_on"}).merge(
        known.rename(columns={"owner": "ledger_owner"})[["clue_id", "ledger_owner", *STANDING[2:]]], on="clue_id", how="left"
    )
    for column in ("ledger_owner", "status", "conclusion", "concluded_on", "measures", "sector", "division"):
        clues[column] = clues[column].astype(object).where(clues[column].notna(), None)
    for column in ("involved_yuan", "recovered_yuan"):
        clues[column] = clues[column].astype(float)
    clues = clues.assign(
        owner=clues["ledger_owner"].where(clues["ledger_owner"].fillna("") != "", clues["owner"]),
        status=clues["status"].fillna(_UNSENT),
        sector=clues["sector"].fillna(""),
        district=clues["division"].fillna("").str[:digits],
        latest_grade=clues["clue_id"].map(last["grade"]),
        latest_on=clues["clue_id"].map(last["run"]),
    )
    return clues.sort_values("clue_id", kind="stable")[list(CLUES)].reset_index(drop=True)
