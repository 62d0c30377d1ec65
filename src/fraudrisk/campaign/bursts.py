"""Bursts of complaints or opinion: more persons in 1, 3 or 7 days than a key's own past and its peers lead one to expect.

Every key is tested every day on every window, so the level of a single test is the stated false-alarm rate divided by the tests
of a month (union bound), and it is lowered where the office's own replayed past shows significantly more alarms than stated.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fraudrisk.campaign.baseline import STRATA, Baseline, Counts, Plan, candidates
from fraudrisk.campaign.daily import day_classes, day_factors
from fraudrisk.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BURSTS", "RATES", "BurstModel", "BurstSettings", "distinct_persons", "find_bursts", "measure_false_alarms"]

BURSTS = (
    "kind", "key", "label", "first_seen", "last_seen", "ongoing", "window_days", "persons", "count", "expected", "ratio", "p", "level",
    "expected_false",
)  # fmt: skip
RATES = ("kind", "size", "keys", "key_months", "alarms", "per_100", "low", "high", "level", "calibrated", "expected_false")
SIZES = ("quiet", "medium", "busy")
_MONTH = 365.25 / 12
_EPOCH = dt.date(1970, 1, 1)
_LOOK_BACK = 60
"""A run of flagged days that began earlier is said to have begun here."""
_STEPS = 12
"""A level is halved at most so often."""
_SAMPLE = 28
"""Keys under test are counted every so many days of the replay."""


@dataclass(frozen=True, slots=True)
class BurstSettings:
    """How bursts are looked for; what an office may change stands in :class:`fraudrisk.config.Settings`.

    Parameters
    ----------
    alarms_per_100_months : float
        False alarms per 100 key-months (a key is a business, a scheme, a category…) that are accepted.
    min_persons : int
        Fewer persons in the window are never a burst.
    plan : Plan
        Windows, days of history, guard days.
    repeat_days : int
        A person counts again for a key only after so many days of silence.
    replay_days : int
        Most days of the past that are replayed to check the level.
    """

    alarms_per_100_months: float = 1.0
    min_persons: int = 3
    plan: Plan = Plan()
    repeat_days: int = 365
    replay_days: int = 365

    @property
    def level(self) -> float:
        """Level of one test: the stated rate over the tests of a month, as if all were independent (Bonferroni)."""
        return self.alarms_per_100_months / 100 / (_MONTH * len(self.plan.windows))


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
        self._kinds: dict[str, _Kind] = {}
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
        first = int(events["day"].min())
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
            self._kinds[str(name)] = _Kind(str(name), listed, raw, tickets, factors, self.settings)

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
        return found.weekly(self.as_of, key, weeks, coverage) if found else pd.DataFrame(columns=list(_WEEKLY))


_WEEKLY = ("week_end", "persons", "expected", "low", "high")


class _Kind:
    """Baseline, levels and replay of one kind of key."""

    def __init__(self, name: str, listed: pd.DataFrame, raw: Counts, tickets: Counts, factors: Any, settings: BurstSettings) -> None:
        self.name, self.listed, self.tickets, self.settings = name, listed, tickets, settings
        self.days, plan = raw.days, settings.plan
        self.base = Baseline(raw, listed["group"].to_numpy(), listed["start"].to_numpy(), factors, plan, settings.level)
        self.first_test = plan.least_history + plan.guard
        self.levels = np.full(len(SIZES), settings.level)
        self.rates = self._calibrate()

    def scan(self, first: int, last: int) -> tuple[Any, Any, Any, Any, Any]:
        """Key, day, smallest p, its window and the key's size for every key-day that has enough persons in a window."""
        plan, widest = self.settings.plan, max(self.settings.plan.windows)
        key, end = candidates(self.base.raw, widest, max(first, self.first_test) - 1, last)
        enough = self.base.raw.between(key, end - widest, end) >= self.settings.min_persons
        key, end = key[enough], end[enough]
        best, window = np.ones(len(key)), np.full(len(key), widest)
        for w in sorted(plan.windows, reverse=True):
            count, _, p = self.base.tail(key, end, w)
            better = (count >= self.settings.min_persons) & (p < best)
            best, window = np.where(better, p, best), np.where(better, w, window)
        return key, end, best, window, self._size(key, end)

    def _size(self, key: Any, end: Any) -> Any:
        return np.digitize(self.base.expected(key, end, 7)[0], STRATA)

    def _calibrate(self) -> pd.DataFrame:
        """Lower each size's level until the replayed past does not contradict the stated rate; measure what is left."""
        import pandas as pd

        plan, stated = self.settings.plan, self.settings.alarms_per_100_months
        last = self.days - plan.guard
        first = max(self.first_test, last - self.settings.replay_days)
        long_enough = last - first >= plan.least_history
        key, end, p, _, size = self.scan(first, last)
        keys, now = np.zeros(len(SIZES)), np.zeros(len(SIZES))
        samples = np.arange(first, last + 1, _SAMPLE) if long_enough else np.array([], np.int64)
        every = np.arange(len(self.listed))
        for day in samples:
            keys += self._under_test(every, int(day))
        months = keys * ((last - first) / max(len(samples), 1) / _MONTH)
        now = self._under_test(every, self.days)
        rows = []
        for s, label in enumerate(SIZES):
            mine = size == s
            for _ in range(_STEPS):
                alarms = _runs(key[mine], end[mine], p[mine] < self.levels[s])
                if not long_enough or _per_100(alarms, months[s], 0.90)[0] <= stated:
                    break
                self.levels[s] /= 2
            low, high = _per_100(alarms, months[s], 0.95)
            rate = alarms / months[s] * 100 if months[s] else np.nan
            expected = now[s] * 7 / _MONTH * min(rate if months[s] else stated, stated) / 100
            rows.append((self.name, label, int(now[s]), months[s], alarms, rate, low, high, self.levels[s], long_enough, expected))
        return pd.DataFrame(rows, columns=list(RATES))

    def _under_test(self, keys: Any, day: int) -> Any:
        """Keys of each size with a record within the baseline of `day`."""
        stop = day - self.settings.plan.guard
        seen = self.base.raw.between(keys, stop - self.settings.plan.history, stop) > 0
        return np.bincount(self._size(keys[seen], np.full(int(seen.sum()), day)), minlength=len(SIZES))

    def bursts(self, as_of: dt.date, since: int) -> pd.DataFrame:
        import pandas as pd

        key, end, p, window, size = self.scan(self.days - _LOOK_BACK, self.days)
        flagged = p < self.levels[size]
        key, end, p, window, size = key[flagged], end[flagged], p[flagged], window[flagged], size[flagged]
        first, last = _edges(key, end)
        shown = end[last] > self.days - since
        first, last = first[shown], last[shown]
        at = (key[last], end[last])
        expected = np.array([float(self.base.expected(at[0][n : n + 1], at[1][n : n + 1], int(window[i]))[0][0]) for n, i in enumerate(last)])
        persons = self.base.raw.between(*_span(at, window[last])).astype(int)
        found = pd.DataFrame({"kind": self.name, "key": self.listed["key"].to_numpy()[at[0]], "label": self.listed["label"].to_numpy()[at[0]]})
        dates = [[as_of - dt.timedelta(days=int(self.days - d)) for d in end[edge]] for edge in (first, last)]
        return found.assign(
            first_seen=dates[0], last_seen=dates[1], ongoing=at[1] == self.days, window_days=window[last], persons=persons,
            count=self.tickets.between(*_span(at, window[last])).astype(int), expected=expected, ratio=persons / np.maximum(expected, 1e-12),
            p=p[last], level=self.levels[size[last]], expected_false=float(self.rates["expected_false"].sum()) * since / 7,
        )[list(BURSTS)]  # fmt: skip

    def weekly(self, as_of: dt.date, key: str, weeks: int, coverage: float) -> pd.DataFrame:
        import pandas as pd
        from scipy.stats import nbinom

        end = np.array([d for d in range(self.days, 6, -7)][:weeks][::-1], np.int64)
        place = np.flatnonzero(self.listed["key"].to_numpy() == key)
        if not len(place) or not len(end):
            return pd.DataFrame(columns=list(_WEEKLY))
        keys = np.full(len(end), place[0])
        mean, size = self.base.expected(keys, end, 7)
        known = end >= self.first_test
        low, high = (np.where(known, nbinom.ppf(q, size, size / (size + mean)), np.nan) for q in ((1 - coverage) / 2, (1 + coverage) / 2))
        return pd.DataFrame(
            {
                "week_end": [as_of - dt.timedelta(days=int(self.days - d) + 1) for d in end],
                "persons": self.base.raw.between(keys, end - 7, end).astype(int),
                "expected": np.where(known, mean, np.nan),
                "low": low,
                "high": high,
            }
        )


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
    listed = pd.concat([given, named[~named["key"].isin(given["key"])]], ignore_index=True).sort_values("key", ignore_index=True)
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


def _edges(key: Any, end: Any) -> tuple[Any, Any]:
    """First and last place of every run of consecutive days of one key (sorted by key and day)."""
    if not len(key):
        return np.array([], np.int64), np.array([], np.int64)
    new = np.append(True, (np.diff(key) != 0) | (np.diff(end) != 1))
    return np.flatnonzero(new), np.append(np.flatnonzero(new)[1:], len(key)) - 1


def _runs(key: Any, end: Any, flagged: Any) -> int:
    return len(_edges(key[flagged], end[flagged])[0])


def _span(at: tuple[Any, Any], window: Any) -> tuple[Any, Any, Any]:
    return at[0], at[1] - window, at[1]


def _per_100(alarms: int, months: float, confidence: float) -> tuple[float, float]:
    """One-sided exact Poisson bounds at `confidence` of alarms per 100 key-months (Garwood 1936, Biometrika 28)."""
    from scipy.stats import gamma

    if not months:
        return 0.0, np.inf
    low = gamma.ppf(1 - confidence, alarms) if alarms else 0.0
    return float(low) / months * 100, float(gamma.ppf(confidence, alarms + 1)) / months * 100
