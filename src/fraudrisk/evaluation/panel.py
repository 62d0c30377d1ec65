"""The past as a table: every business at every date, as it was known then, with what came of it after."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fraudrisk.complaints.reader import ComplaintReader
from fraudrisk.engines import Duck
from fraudrisk.errors import InputError
from fraudrisk.evaluation.labels import label_sql
from fraudrisk.packs.schema import OutcomeRule
from fraudrisk.steps import Steps

if TYPE_CHECKING:
    import pandas as pd

    from fraudrisk.workspace import Workspace

__all__ = ["CATEGORIES", "Panel", "build_panel", "known_span", "labelled", "selection_weights"]

CATEGORIES = ("sector", "district")
"""What a model sees of the register beside the features."""
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Panel:
    """Rows of business × date.

    Parameters
    ----------
    rows : DataFrame
        ``business_id``, ``date``, features, ``sector``, ``district``, ``score``, index points, ``y`` (nan where nobody looked),
        ``happened_on``, ``reason``, ``weight`` (how many rows this one stands for when learning).
    features : tuple of str
        Columns a model may learn from.
    """

    rows: pd.DataFrame
    features: tuple[str, ...]

    @property
    def observed(self) -> pd.DataFrame:
        """Rows whose outcome is known, in order."""
        return self.rows[self.rows["y"].notna()]


def known_span(workspace: Workspace, tables: Sequence[str] | None = None) -> tuple[dt.date, dt.date]:
    """First and last day on which a record of `tables` (all but the register where not given) became known."""
    import pyarrow.parquet as pq

    first, last = dt.date.max, dt.date.min
    for table in workspace.loaded if tables is None else [t for t in tables if t in workspace.loaded]:
        for path in workspace.files(table) if table != "business" else ():
            days = pq.read_table(path, columns=["known_at"]).column("known_at").drop_null()
            if len(days):
                values = np.asarray(days, "datetime64[D]")
                first, last = min(first, values.min().item()), max(last, values.max().item())
    if first > last:
        raise InputError(
            "there are no dated records to replay", where=str(workspace.path), mend="import complaints, penalties or inspections"
        )
    return first, last


def build_panel(
    workspace: Workspace,
    rule: OutcomeRule,
    dates: Sequence[dt.date],
    window: dt.timedelta,
    *,
    sampled: Sequence[dt.date] = (),
    sample: int = 5_000,
    progress: Progress | None = None,
) -> Panel:
    """Score the past, and join what came of it.

    Parameters
    ----------
    workspace : Workspace
    rule : OutcomeRule
    dates : sequence of date
        One block of rows each; nothing known on or after a date is seen in its block.
    window : timedelta
        How long after the date the outcome counts.
    sampled : sequence of date
        Of these only `sample` rows without a positive outcome are kept, chosen by a digest of the id, with their weight.
    progress : callable, optional

    Raises
    ------
    InputError
        A date lies before everything known.
    """
    import pandas as pd

    tell = progress or (lambda *_: None)
    folder = workspace.path / "derived" / "dates"
    reader = ComplaintReader.load(pack=workspace.pack)
    last = known_span(workspace)[1] + dt.timedelta(days=1)
    end = Steps(workspace, last, folder / last.isoformat(), reader, lambda *_: None)
    end.facts()
    blocks = []
    for number, date in enumerate(sorted(dates)):
        tell("重放", number, len(dates))
        steps = Steps(workspace, date, folder / date.isoformat(), reader, lambda *_: None)
        steps.all()
        blocks.append(_block(workspace, steps.work, end.work, rule, date, window, sample if date in sampled else None))
    tell("重放", len(dates), len(dates))
    rows = pd.concat(blocks, ignore_index=True)
    if rule.observed:
        rows["weight"] *= selection_weights(rows)
    names = tuple(f.name for f in workspace.pack.features if rows[f.name].notna().any())
    return Panel(rows, (*names, *(c for c in CATEGORIES if not rows[c].dropna().eq(rows[c].dropna().iloc[:1].squeeze()).all())))


def selection_weights(rows: pd.DataFrame, *, least: float = 0.2, most: float = 5.0) -> Any:
    """What each row weighs so that those who were checked stand for all: the inverse of how likely they were to be checked.

    The propensity is the share checked among rows of the same grade, with or without complaints (Rosenbaum & Rubin 1983, by
    strata); weights are stabilised by the share checked of all and held between `least` and `most`.
    """
    stratum: Any = rows["grade"].astype(str) + np.where(rows["complaints_365"].fillna(0) > 0, "+", "-")
    checked = rows["y"].notna()
    size, seen = rows["weight"].groupby(stratum).sum(), rows["weight"].where(checked, 0.0).groupby(stratum).sum()
    share = (seen + checked.mean()) / (size + 1)
    return np.clip(checked.mean() / stratum.map(share).to_numpy(), least, most)


def labelled(workspace: Workspace, rule: OutcomeRule, since: dt.date | str) -> dict[str, float]:
    """What became of businesses from a day on: 1 where the outcome came, 0 where somebody looked and it did not."""
    day = dt.date.fromisoformat(str(since))
    last = known_span(workspace, [rule.table])[1] + dt.timedelta(days=1)
    if last <= day:
        return {}
    steps = Steps(
        workspace, last, workspace.path / "derived" / "dates" / last.isoformat(), ComplaintReader.load(pack=workspace.pack), lambda *_: None
    )
    steps.facts()
    with Duck(memory=workspace.settings.engine_memory) as duck:
        duck.view(f"fact_{rule.table}", [steps.work / f"fact_{rule.table}.parquet"])
        found = duck.query(label_sql(rule, day, last - day + dt.timedelta(days=1)))
    return dict(zip(found.column("business_id").to_pylist(), map(float, found.column("positive").to_pylist()), strict=True))


def _block(
    workspace: Workspace, work: Path, end: Path, rule: OutcomeRule, date: dt.date, window: dt.timedelta, sample: int | None
) -> pd.DataFrame:
    import pandas as pd

    with Duck(memory=workspace.settings.engine_memory) as duck:
        for name in ("register", "features", "scores"):
            duck.view(name, [work / f"{name}.parquet"])
        duck.view(f"fact_{rule.table}", [end / f"fact_{rule.table}.parquet"])
        duck.view("labels", duck.query(label_sql(rule, date, window)))
        some = ""
        if sample:
            total = duck.query("SELECT count(*) AS n FROM features").column("n")[0].as_py()
            if total > sample:
                share = sample / total
                some = (
                    f"WHERE l.positive = 1 OR CAST('0x' || substr(md5(f.business_id || '{date}'), 1, 8) AS BIGINT) < {int(share * 2**32)}"
                )
        frame = duck.query(
            f"""SELECT f.*, s.* EXCLUDE (business_id), r.sector, r.district, l.positive, l.happened_on, l.reason
FROM features f JOIN scores s USING (business_id) JOIN register r USING (business_id) LEFT JOIN labels l USING (business_id) {some}
ORDER BY f.business_id"""
        ).to_pandas()
        weight = 1.0
        if some:
            weight = (total - (frame["positive"] == 1).sum()) / max(1, (frame["positive"] != 1).sum())
    positive = frame.pop("positive")
    known = positive.notna() if rule.observed else pd.Series(True, index=frame.index)
    block: pd.DataFrame = frame.assign(
        y=np.where(known, positive.fillna(0), np.nan),
        weight=np.where(positive == 1, 1.0, weight),
        date=pd.Timestamp(date),
        happened_on=pd.to_datetime(frame["happened_on"]),
    )
    return block
