"""Bursts of complaints or opinion: more persons in 1, 3 or 7 days than a key's own past and its peers lead one to expect.

Every key is tested every day on every window, so the level of a single test is the stated false-alarm rate divided by the tests
of a month (union bound); the office's own replayed past then raises it where it is proved safe, and lowers it where it is not.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np

from fraudrisk.campaign.baseline import Counts
from fraudrisk.campaign.daily import day_classes, day_factors
from fraudrisk.campaign.kinds import BURSTS, RATES, WEEKLY, BurstSettings, KindModel
from fraudrisk.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BURSTS", "RATES", "BurstModel", "BurstSettings", "distinct_persons", "find_bursts", "measure_false_alarms"]

_EPOCH = dt.date(1970, 1, 1)
_STRAY = 0.01
"""A record begins where so small a part of it lies before: one old row among the tickets of last month is no year of silence."""


def find_bursts(
    events: pd.DataFrame, as_of: dt.date, *, keys: pd.DataFrame | None = None, settings: BurstSettings | None = None, since: int = 7
) -> pd.DataFrame:
    """Bursts flagged in the last `since` days before `as_of`.

    Parameters
    ----------
    events : DataFrame
        ``kind, key, person_key, day``, one row per record; ``text_key`` where copies of one text are one person's, ``stream`` where
        the kinds come from registers with different weekdays (default: one). Days on or after `as_of` are not looked at.
    as_of : datetime.date
    keys : DataFrame, optional
        ``kind, key`` of all that could have had an event, with ``label``, ``peer`` (group whose rate it is shrunk to) and ``since``
        (first day it could); silent keys make the peers' rate right. Keys that only events name are added.
    settings : BurstSettings, optional
    since : int
        Days; an alarm that was last flagged earlier is over and not shown.

    Returns
    -------
    DataFrame
        :data:`BURSTS`, most surprising first: ``first_seen`` is the as-of date on which the alarm was first given (consecutive
        flagged days are one alarm), ``persons`` those counted in the last flagged window, ``count`` the records with copies,
        ``p`` the upper tail probability, ``expected_false`` the false alarms of this kind to expect in `since` days.

    Raises
    ------
    InputError
        A column is missing, or the holidays of a year are not published.

    Examples
    --------
    >>> import datetime as dt, pandas as pd
    >>> quiet = pd.DataFrame({"day": pd.date_range("2025-01-01", "2026-03-01", freq="9D")}).assign(key="b", kind="business")
    >>> burst = pd.DataFrame({"day": pd.to_datetime(["2026-03-03"] * 4)}).assign(key="a", kind="business")
    >>> events = pd.concat([quiet, burst], ignore_index=True).assign(person_key=lambda e: [f"p{n}" for n in e.index])
    >>> find_bursts(events, dt.date(2026, 3, 5))[["key", "first_seen", "persons"]].to_dict("records")
    [{'key': 'a', 'first_seen': datetime.date(2026, 3, 4), 'persons': 4}]
    """
    return BurstModel(events, as_of, keys=keys, settings=settings).bursts(since)


def measure_false_alarms(
    events: pd.DataFrame, as_of: dt.date, *, keys: pd.DataFrame | None = None, settings: BurstSettings | None = None
) -> pd.DataFrame:
    """Alarms that the past would have given, replayed day by day; true bursts in it are counted too, so this is an upper bound.

    Parameters are those of :func:`find_bursts`.

    Returns
    -------
    DataFrame
        :data:`RATES` per kind and size of key (expected persons a week): keys and key-months under test (keys with a record within
        the baseline), alarms, alarms per 100 key-months with their exact 90 % interval, the level in force, whether the past was
        long enough to check it, and the false alarms to expect in a week.
    """
    return BurstModel(events, as_of, keys=keys, settings=settings).rates


class BurstModel:
    """The baselines of all kinds as of a date, the levels in force, and what they flag.

    Parameters are those of :func:`find_bursts`. ``rates`` is what :func:`measure_false_alarms` returns; ``untested`` names kinds
    whose record is too short for a baseline.
    """

    def __init__(
        self, events: pd.DataFrame, as_of: dt.date, *, keys: pd.DataFrame | None = None, settings: BurstSettings | None = None
    ) -> None:
        import pandas as pd

        self.as_of, self.settings = as_of, settings or BurstSettings()
        self.untested: list[str] = []
        self._kinds: dict[str, KindModel] = {}
        for _, stream in self._checked(events).groupby("stream", sort=True):
            self._fit_stream(stream, keys)
        parts = [kind.rates for kind in self._kinds.values()]
        self.rates = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(RATES))

    def _checked(self, events: pd.DataFrame) -> pd.DataFrame:
        import pandas as pd

        missing = {"kind", "key", "person_key", "day"} - set(events.columns)
        if missing:
            raise InputError("events lack a column", where=", ".join(sorted(missing)), mend="give kind, key, person_key and day")
        plan = self.settings.plan
        reach = plan.history + plan.guard + self.settings.replay_days + max(plan.windows)
        day = pd.to_datetime(events["day"]).to_numpy().astype("datetime64[D]").astype(np.int64)
        last = (self.as_of - _EPOCH).days
        kept = (day < last) & (day >= last - reach) & events["kind"].notna().to_numpy() & events["key"].notna().to_numpy()
        out = events.assign(day=day)[kept]
        return out if "stream" in out else out.assign(stream="")

    def _fit_stream(self, events: pd.DataFrame, keys: pd.DataFrame | None) -> None:
        """The kind with most rows stands for the register's days: all its kinds are cuts of the same records."""
        first = int(np.quantile(events["day"], _STRAY, method="lower"))
        events = events[events["day"] >= first]
        days = (self.as_of - _EPOCH).days - first
        counted = distinct_persons(events, self.settings.repeat_days)
        largest = counted["kind"].value_counts(sort=True).index[0]
        per_day = np.bincount(counted.loc[counted["kind"] == largest, "day"] - first, minlength=days)
        factors = day_factors(per_day[: max(days - self.settings.plan.guard, 1)], day_classes(_EPOCH + dt.timedelta(days=first), days))
        for name, rows in counted.groupby("kind", sort=True):
            listed = _listed(str(name), rows, keys, first)
            raw = _counts(rows, listed, first, days)
            if days < self.settings.plan.least_history + self.settings.plan.guard:
                self.untested.append(str(name))
                continue
            tickets = _counts(events[events["kind"] == name], listed, first, days)
            self._kinds[str(name)] = KindModel(str(name), listed, raw, tickets, factors, self.settings)

    def bursts(self, since: int = 7) -> pd.DataFrame:
        """As :func:`find_bursts`."""
        import pandas as pd

        parts = [kind.bursts(self.as_of, since) for kind in self._kinds.values()]
        found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(BURSTS))
        return found.sort_values(["p", "kind", "key"], kind="stable", ignore_index=True)

    def weekly(self, kind: str, key: str, weeks: int = 26, coverage: float = 0.95) -> pd.DataFrame:
        """Persons per week of a key with the band its baseline expects; weeks end the day before the date and count back.

        Returns
        -------
        DataFrame
            ``week_end`` (last day), ``persons``, ``expected``, ``low``, ``high`` (missing where the record was too short).
        """
        import pandas as pd

        found = self._kinds.get(kind)
        return found.weekly(self.as_of, key, weeks, coverage) if found else pd.DataFrame(columns=list(WEEKLY))


def distinct_persons(events: pd.DataFrame, repeat_days: int) -> pd.DataFrame:
    """One row per person and key, again only after `repeat_days` of silence; copies of a text belong to whoever sent it first.

    Parameters
    ----------
    events : DataFrame
        ``kind, key, person_key, day`` (whole days) and perhaps ``text_key``. A row without a person is a person of its own.

    Examples
    --------
    >>> import pandas as pd
    >>> e = pd.DataFrame({"kind": "b", "key": "x", "person_key": ["p", "q", "p"], "text_key": ["t", "t", "u"], "day": [1, 2, 3]})
    >>> len(distinct_persons(e, 365))
    1
    """
    own = events["person_key"].astype(object)
    alone = "\0" + events.reset_index().index.astype(str)
    rows = events.assign(person_key=own.where(own.notna(), alone))
    rows = rows.sort_values(["kind", "key", "day", "person_key"], kind="stable")
    if "text_key" in rows:
        sender = rows.groupby(["kind", "key", "text_key"], sort=False)["person_key"].transform("first")
        rows = rows.assign(person_key=sender.where(rows["text_key"].notna(), rows["person_key"]))
    rows = rows.sort_values(["kind", "key", "person_key", "day"], kind="stable")
    silence = rows.groupby(["kind", "key", "person_key"], sort=False)["day"].diff()
    return rows[silence.isna() | (silence > repeat_days)]


def _listed(kind: str, rows: pd.DataFrame, keys: pd.DataFrame | None, first: int) -> pd.DataFrame:
    """Keys of a kind, sorted, with label, peer group as a number, and first day as an offset."""
    import pandas as pd

    given = keys[keys["kind"] == kind].drop_duplicates("key") if keys is not None else pd.DataFrame({"key": pd.Series(dtype=object)})
    named = pd.DataFrame({"key": rows["key"].unique()})
    listed = pd.concat([given, named], ignore_index=True).drop_duplicates("key").sort_values("key", ignore_index=True)
    label = listed["label"] if "label" in listed else listed["key"]
    peer = listed["peer"] if "peer" in listed else pd.Series("", index=listed.index)
    start = pd.Series(0, index=listed.index)
    if "since" in listed:
        known = pd.to_datetime(listed["since"])
        start = ((known - pd.Timestamp(_EPOCH)).dt.days - first).where(known.notna(), 0).clip(lower=0).astype(int)
    seen = rows.groupby("key")["day"].min() - first
    start = pd.concat([start, listed["key"].map(seen)], axis=1).min(axis=1).astype(int)  # seen before its date: the date is wrong
    return pd.DataFrame(
        {"key": listed["key"], "label": label.fillna(listed["key"]), "group": pd.factorize(peer.fillna(""), sort=True)[0], "start": start}
    )


def _counts(rows: pd.DataFrame, listed: pd.DataFrame, first: int, days: int) -> Counts:
    key = np.searchsorted(listed["key"].to_numpy(dtype=str), rows["key"].to_numpy(dtype=str))
    day = rows["day"].to_numpy() - first
    order = np.lexsort((day, key))
    return Counts(key[order], day[order], np.ones(len(order)), days)
