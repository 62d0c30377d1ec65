"""Early warning over a finished run: bursts, grades that rose, licences that end."""
# ruff: noqa: S608 - the only values are dates, as literals made by engines.dialect

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fraudrisk.campaign.baseline import Plan
from fraudrisk.campaign.bursts import BURSTS, RATES, BurstModel, BurstSettings
from fraudrisk.campaign.jumps import JUMPS, grade_jumps
from fraudrisk.campaign.kinds import WEEKLY
from fraudrisk.campaign.licences import EXPIRING, expiring_sql
from fraudrisk.campaign.streams import CITY, KINDS, burst_events, burst_keys, schemes, watched_complaints
from fraudrisk.engines import Duck
from fraudrisk.engines.dialect import date_literal
from fraudrisk.errors import InputError, NotFoundError
from fraudrisk.publish import open_views

if TYPE_CHECKING:
    import pandas as pd

    from fraudrisk.config import Settings
    from fraudrisk.packs import Pack
    from fraudrisk.run import RunResult
    from fraudrisk.workspace import Workspace

__all__ = ["Warnings", "burst_settings", "early_warning"]

_MORE = ("grade", "collecting", "records")
_STALE = 7
"""Days without a record from which a warning says that the data may be late."""
_QUOTED = 5


@dataclass(frozen=True, slots=True)
class Warnings:
    """What an office should look at this week.

    Parameters
    ----------
    as_of : datetime.date
        Nothing known on or after it was used.
    bursts : DataFrame
        :data:`fraudrisk.campaign.kinds.BURSTS` and ``grade`` (of a business), ``collecting`` (persons in the window who say that
        money is still being taken), ``records`` (numbers of the first tickets or posts).
    grade_jumps : DataFrame
        :data:`fraudrisk.campaign.jumps.JUMPS`, largest rise first.
    expiring : DataFrame
        :data:`fraudrisk.campaign.licences.EXPIRING`, highest grade and nearest end first.
    rates : DataFrame
        :data:`fraudrisk.campaign.kinds.RATES`: the false alarms measured on the replayed past.
    weekly : DataFrame
        Fraud complaints (persons) per week with the expected band.
    summary : dict
        Dates, counts, the stated false-alarm rate, versions, and ``notes`` on what could not be looked at.
    """

    as_of: dt.date
    bursts: pd.DataFrame
    grade_jumps: pd.DataFrame
    expiring: pd.DataFrame
    rates: pd.DataFrame
    weekly: pd.DataFrame
    summary: dict[str, Any]


def early_warning(workspace: Workspace, as_of: dt.date | None = None, *, against: dt.date | None = None) -> Warnings:
    """Look for bursts, risen grades and ending licences in the finished run of a date.

    Parameters
    ----------
    workspace : Workspace
    as_of : datetime.date, optional
        Date of the run; the latest when not given.
    against : datetime.date, optional
        Earlier run that grades are compared with; the one before when not given.

    Returns
    -------
    :class:`Warnings`

    Raises
    ------
    NotFoundError
        No finished run of that date, or its work folder was removed.
    InputError
        `against` is not earlier, complaints were imported after the run, or a holiday year in the span is not published yet; never guessed.
    """
    result = workspace.result(as_of)
    day = dt.date.fromisoformat(result.manifest["as_of"])
    earlier = _earlier(workspace, day, against)
    work = result.folder / "work" / result.manifest["digest"]
    if not (work / "register.parquet").is_file():
        raise NotFoundError(
            "the run's work folder is gone", where=str(work), mend=f"run it again: fraudrisk run {workspace.path} --as-of {day}"
        )
    unread = [f for f in workspace.files("complaint") if not workspace.reading_path(result.manifest["model"], f).is_file()]
    if unread:
        raise InputError(
            "complaints were imported after the run and are not read yet",
            where=str(unread[0]),
            mend=f"run it again: fraudrisk run {workspace.path} --as-of {day}",
        )
    loaded = [t for t in result.manifest["inputs"] if t != "business"]
    with Duck(memory=workspace.settings.engine_memory) as duck:
        open_views(duck, workspace, work, loaded, result.manifest["model"])
        model, bursts = _bursts(duck, workspace, loaded, day)
        expiring = duck.query(expiring_sql(workspace.settings, day)).to_pandas() if "license" in loaded else _empty(EXPIRING)
        sectors = {c.code: c.label for c in workspace.pack.taxonomy.sectors}
        expiring["sector"] = expiring["sector"].map(sectors)
        jumps = _named(duck, grade_jumps(workspace.pack, earlier, result)) if earlier else _empty(JUMPS)
        notes = _notes(duck, model, loaded, earlier, result, day)
    summary = _summary(workspace, result, earlier, model, notes) | {
        "bursts": len(bursts), "grade_jumps": len(jumps), "expiring": int((expiring["days_left"] >= 0).sum()), "expired": int((expiring["days_left"] < 0).sum()),
    }  # fmt: skip
    weekly = model.weekly("city", CITY) if model else _empty(WEEKLY)
    return Warnings(day, bursts, jumps, expiring, model.rates if model else _empty(RATES), weekly, summary)


def _earlier(workspace: Workspace, day: dt.date, against: dt.date | None) -> RunResult | None:
    if against is not None and against >= day:
        raise InputError("grades are compared with an earlier run", where=f"against {against}", mend=f"give a run before {day}")
    before = [against] if against else [d for d in workspace.runs() if d < day]
    return workspace.result(before[-1]) if before else None


# -- bursts ----------------------------------------------------------------------------------------------------------------


def _bursts(duck: Duck, workspace: Workspace, loaded: list[str], day: dt.date) -> tuple[BurstModel | None, pd.DataFrame]:
    pack, settings = workspace.pack, burst_settings(workspace.settings)
    if not {"complaint", "opinion"} & set(loaded):
        return None, _empty((*BURSTS, *_MORE))
    reach = settings.plan.history + settings.plan.guard + settings.replay_days + max(settings.plan.windows)
    digits = workspace.settings.district_digits
    duck.view("scheme_of", schemes(duck, pack))
    if "complaint" in loaded:
        duck.execute(f"CREATE OR REPLACE TABLE watched AS {watched_complaints(pack, day, reach, digits)}")
    events = burst_events(duck, loaded, day, reach)
    model = BurstModel(events, day, keys=burst_keys(duck, pack, loaded, digits), settings=settings)
    found = model.bursts(workspace.settings.warning_days)
    grades = duck.query("SELECT business_id, grade FROM scores").to_pandas().set_index("business_id")["grade"]
    return model, _described(found, events, grades, pack)


def burst_settings(settings: Settings) -> BurstSettings:
    """The burst settings of a workspace.

    Examples
    --------
    >>> from fraudrisk.config import Settings
    >>> burst_settings(Settings(burst_min_persons=4)).min_persons
    4
    """
    return BurstSettings(
        alarms_per_100_months=settings.alarms_per_100_business_months,
        min_persons=settings.burst_min_persons,
        plan=Plan(history=settings.burst_history_days, guard=settings.burst_guard_days),
    )


def _described(found: pd.DataFrame, events: pd.DataFrame, grades: pd.Series, pack: Pack) -> pd.DataFrame:
    """Add what the records of the flagged window say. A scheme's burst that one business alone makes up is that business's."""
    import pandas as pd

    collecting = {s.code for s in pack.taxonomy.stages if s.collecting}
    groups = events[events["key"].isin(found["key"])].groupby(["kind", "key"], sort=False)
    more, kept = [], []
    for alarm in found.to_dict("records"):
        rows = groups.get_group((alarm["kind"], alarm["key"]))
        age = (pd.Timestamp(alarm["last_seen"]) - rows["day"]).dt.days
        rows = rows[(age >= 1) & (age <= alarm["window_days"])]
        first = rows[~rows.duplicated("text_key") | rows["text_key"].isna()]  # copies of a text are one person's
        asked = min(first.loc[first["stage"].isin(collecting), "person_key"].nunique(), alarm["persons"])
        kept.append(alarm["kind"] != "scheme" or len(rows["business_id"].unique()) > 1)
        more.append((grades.get(alarm["key"]), asked, ";".join(rows["record_id"].head(_QUOTED))))
    columns = pd.DataFrame(more, columns=list(_MORE), index=found.index)
    return found.join(columns).loc[kept].reset_index(drop=True) if kept else found.join(columns)


def _named(duck: Duck, jumps: pd.DataFrame) -> pd.DataFrame:
    names = duck.query("SELECT business_id, name, district FROM register").to_pandas()
    return jumps.merge(names, on="business_id", how="left")[list(JUMPS)]


# -- what is said beside it ------------------------------------------------------------------------------------------------


def _summary(
    workspace: Workspace, result: RunResult, earlier: RunResult | None, model: BurstModel | None, notes: list[str]
) -> dict[str, Any]:
    m, settings = result.manifest, workspace.settings
    rates = model.rates if model else _empty(RATES)
    by_kind = rates.groupby("kind")[["keys", "key_months", "alarms", "expected_false"]].sum() if len(rates) else rates
    return {
        "as_of": m["as_of"],
        "title": workspace.pack.taxonomy.title,
        "notice": workspace.pack.notice,
        "days": settings.warning_days,
        "rows": settings.warning_rows,
        "guard_days": settings.burst_guard_days,
        "min_persons": settings.burst_min_persons,
        "earlier": earlier.manifest["as_of"] if earlier else None,
        "alarms_per_100_business_months": settings.alarms_per_100_business_months,
        "false_alarms": {
            KINDS[str(k)]: {n: int(v) if n in ("keys", "alarms") else round(float(v), 3) for n, v in row.items()}
            for k, row in by_kind.to_dict("index").items()
        },
        "expected_false": round(float(rates["expected_false"].sum()) * settings.warning_days / 7, 2),
        "versions": {"pack": m["pack"], "model": m["model"], "fraudrisk": m["version"]},
        "notes": notes,
    }


def _notes(
    duck: Duck, model: BurstModel | None, loaded: list[str], earlier: RunResult | None, result: RunResult, day: dt.date
) -> list[str]:
    """What could not be looked at: silence is not safety."""
    notes = []
    if model is None:
        notes.append("没有投诉举报和舆情数据，未检测突增")
    elif model.untested:
        notes.append("历史不足，未检测:" + "、".join(KINDS[k] for k in model.untested))
    for table, label in (("complaint", "投诉举报"), ("opinion", "舆情")):
        if table not in loaded:
            notes.append(f"未导入{label}数据") if model is not None else None
            continue
        last = duck.query(
            f"SELECT max(known_at) AS last FROM {'complaint_rows' if table == 'complaint' else 'fact_opinion'} WHERE known_at < {date_literal(day)}"
        )
        latest = last.column("last")[0].as_py()
        if latest is None or (day - latest).days > _STALE:
            notes.append(f"{label}最近一条登记于{latest or '无'}，数据可能未及时导入，没有预警不等于没有问题")
    if "complaint" in loaded:
        undated = (
            duck.query(f"SELECT count(*) AS n FROM complaint_rows WHERE reported_at IS NULL AND known_at < {date_literal(day)}")
            .column("n")[0]
            .as_py()
        )
        notes += [f"{undated}件诉求没有登记时间，未计入突增检测"] if undated else []
    if "license" not in loaded:
        notes.append("未导入行政许可数据，未检查许可到期")
    if earlier is None:
        notes.append("没有更早的评分，未比较等级变化")
    elif earlier.manifest["pack_digest"] != result.manifest["pack_digest"]:
        notes.append("两次评分所用知识包不同，等级变化可能来自规则调整")
    return notes


def _empty(columns: tuple[str, ...]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({c: pd.Series(dtype=float if c == "days_left" else object) for c in columns})
