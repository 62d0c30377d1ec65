"""One kind of key: its baseline, the levels its replayed past allows, and what they flag."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fraudrisk.campaign.baseline import STRATA, Baseline, Counts, Plan, candidates

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BURSTS", "RATES", "WEEKLY", "BurstSettings", "KindModel"]

BURSTS = (
    "kind", "key", "label", "first_seen", "last_seen", "ongoing", "window_days", "persons", "count", "expected", "ratio", "p", "level",
    "expected_false",
)  # fmt: skip
RATES = ("kind", "size", "keys", "key_months", "alarms", "per_100", "low", "high", "level", "calibrated", "expected_false")
SIZES = ("quiet", "medium", "busy")
_MONTH = 365.25 / 12
_LOOK_BACK = 60
"""A run of flagged days that began earlier is said to have begun here."""
_STEPS = (3.0, 2.0, *(0.5**n for n in range(12)))
"""Levels tried, in parts of the union bound: above 1 (windows that overlap are not three tests) only where the past shows it safe."""
_TOLD = 5.0
"""Alarms that the stated rate allows in the replay, from which its own rate is taken at its word."""
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
    plan: Plan = field(default_factory=Plan)
    repeat_days: int = 365
    replay_days: int = 365

    @property
    def level(self) -> float:
        """Level of one test: the stated rate over the tests of a month, as if all were independent (Bonferroni)."""
        return self.alarms_per_100_months / 100 / (_MONTH * len(self.plan.windows))


WEEKLY = ("week_end", "persons", "expected", "low", "high")


class KindModel:
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
        key, end = candidates(self.base.raw, widest, self.settings.min_persons, max(first, self.first_test) - 1, last)
        best, window = np.ones(len(key)), np.full(len(key), widest)
        for w in sorted(plan.windows, reverse=True):
            count, _, p = self.base.tail(key, end, w)
            better = (count >= self.settings.min_persons) & (p < best)
            best, window = np.where(better, p, best), np.where(better, w, window)
        return key, end, best, window, self._size(key, end)

    def _size(self, key: Any, end: Any) -> Any:
        return np.digitize(self.base.expected(key, end, 7)[0], STRATA)

    def _calibrate(self) -> pd.DataFrame:
        """Replay the past, set each size's level by it, and measure what is left."""
        import pandas as pd

        last = self.days - self.settings.plan.guard
        first = max(self.first_test, last - self.settings.replay_days)
        long_enough = last - first >= self.settings.plan.least_history
        key, end, p, _, size = self.scan(first, last)
        every = np.arange(len(self.listed))
        samples = np.arange(first, last + 1, _SAMPLE) if long_enough else np.array([], np.int64)
        keys = sum((self._under_test(every, int(day)) for day in samples), np.zeros(len(SIZES)))
        months = keys * ((last - first) / max(len(samples), 1) / _MONTH)
        now = self._under_test(every, self.days)
        rows = []
        for s, label in enumerate(SIZES):
            mine = size == s
            alarms = self._set_level(s, key[mine], end[mine], p[mine], months[s], _STEPS if long_enough else (1.0,))
            low, high = _per_100(alarms, months[s], 0.95)
            rate = alarms / months[s] * 100 if months[s] else np.nan
            expected = now[s] * 7 / _MONTH * self._likely(alarms, months[s]) / 100
            rows.append((self.name, label, int(now[s]), months[s], alarms, rate, low, high, self.levels[s], long_enough, expected))
        return pd.DataFrame(rows, columns=list(RATES))

    def _set_level(self, size: int, key: Any, end: Any, p: Any, months: float, steps: tuple[float, ...]) -> int:
        """The highest level that the replayed past does not contradict; returns the alarms it would have given.

        A level above the union bound needs a past that proves it (upper bound within the stated rate). One below it is taken where a
        long past has more alarms than stated, or a short one significantly more (lower bound beyond the stated rate).
        """
        stated = self.settings.alarms_per_100_months
        allowed = months * stated / 100
        alarms = 0
        for step in steps:
            self.levels[size] = self.settings.level * step
            alarms = _runs(key, end, p < self.levels[size])
            low, high = _per_100(alarms, months, 0.95)
            if high <= stated or (step <= 1 and (alarms <= allowed if allowed >= _TOLD else low <= stated)):
                break
        return alarms

    def _likely(self, alarms: int, months: float) -> float:
        """False alarms per 100 key-months to expect: half an alarm is added (Jeffreys), as none in a short past is not none."""
        stated = self.settings.alarms_per_100_months
        return min((alarms + 0.5) / months * 100, stated) if months else stated

    def _under_test(self, keys: Any, day: int) -> Any:
        """Keys of each size with a record within the baseline of `day`."""
        stop = day - self.settings.plan.guard
        seen = self.base.raw.between(keys, stop - self.settings.plan.history, stop) > 0
        return np.bincount(self._size(keys[seen], np.full(int(seen.sum()), day)), minlength=len(SIZES))

    def bursts(self, as_of: dt.date, since: int) -> pd.DataFrame:
        """Alarms last flagged within `since` days, in the columns :data:`BURSTS`."""
        import pandas as pd

        key, end, p, window, size = self.scan(self.days - _LOOK_BACK, self.days)
        flagged = p < self.levels[size]
        key, end, p, window, size = key[flagged], end[flagged], p[flagged], window[flagged], size[flagged]
        first, last = _edges(key, end)
        shown = end[last] > self.days - since
        first, last = first[shown], last[shown]
        at = (key[last], end[last])
        expected = np.zeros(len(last))
        for w in self.settings.plan.windows:
            this = window[last] == w
            expected[this] = self.base.expected(at[0][this], at[1][this], w)[0]
        persons = self.base.raw.between(*_span(at, window[last])).astype(int)
        found = pd.DataFrame(
            {"kind": self.name, "key": self.listed["key"].to_numpy()[at[0]], "label": self.listed["label"].to_numpy()[at[0]]}
        )
        dates = [[as_of - dt.timedelta(days=int(self.days - d)) for d in end[edge]] for edge in (first, last)]
        return found.assign(
            first_seen=dates[0], last_seen=dates[1], ongoing=at[1] == self.days, window_days=window[last], persons=persons,
            count=self.tickets.between(*_span(at, window[last])).astype(int), expected=expected, ratio=persons / np.maximum(expected, 1e-12),
            p=p[last], level=self.levels[size[last]], expected_false=float(self.rates["expected_false"].sum()) * since / 7,
        )[list(BURSTS)]  # fmt: skip

    def weekly(self, as_of: dt.date, key: str, weeks: int, coverage: float) -> pd.DataFrame:
        """Persons of a key per week with the band expected, in the columns :data:`WEEKLY`."""
        import pandas as pd
        from scipy.stats import nbinom

        end = np.arange(self.days, 6, -7)[:weeks][::-1]
        place = np.flatnonzero(self.listed["key"].to_numpy() == key)
        if not len(place) or not len(end):
            return pd.DataFrame(columns=list(WEEKLY))
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
