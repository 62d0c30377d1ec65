"""Bursts: planted ones are found in days, quiet streams stay quiet at the stated rate, copies are no burst."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import gamma, nbinom

from fraudrisk.campaign.baseline import Counts, candidates
from fraudrisk.campaign.bursts import BURSTS, RATES, BurstModel, BurstSettings, distinct_persons, find_bursts, measure_false_alarms
from fraudrisk.campaign.daily import CLASSES, day_classes, day_factors
from fraudrisk.errors import InputError

AS_OF = dt.date(2026, 11, 3)
DAYS = 751
TRUE_FACTORS = np.array([1.3, 1.1, 1.0, 1.0, 0.9, 0.8, 1.6, 0.45, 0.4, 0.3])
"""How many complaints the simulated office registers, by class of day."""
QUIET, MEDIUM, BUSY = 1500, 120, 60


def rates(rng: np.random.Generator) -> Any:
    """Complaints a year: most businesses have none or one, some several a month, some several a week."""
    return np.concatenate([rng.gamma(0.5, 0.4, QUIET), rng.uniform(15, 90, MEDIUM), rng.uniform(110, 600, BUSY)])


def stream(seed: int, *, over: float = 0.0, clump: float = 0.0, growth: float = 0.0, as_of: dt.date = AS_OF) -> pd.DataFrame:
    """Complaints without any burst: weekdays, holidays, base rates that differ 1000-fold; weeks that differ, or complaints that bring others."""
    rng = np.random.default_rng(seed)
    first = as_of - dt.timedelta(days=DAYS)
    factors = TRUE_FACTORS[day_classes(first, DAYS)]
    mean = rates(rng)[:, None] / 365 * (factors / factors.mean()) * (1 + growth * np.arange(DAYS) / DAYS)
    if over:
        mean = mean * rng.gamma(1 / over, over, (len(mean), -(-DAYS // 7))).repeat(7, axis=1)[:, :DAYS]
    counts = rng.poisson(mean)
    if clump:
        counts[:, 1:] += rng.poisson(clump * counts[:, :-1])
    key, day = np.nonzero(counts)
    times = counts[key, day]
    return events(np.repeat(key, times), np.repeat(day, times), first)


def events(key: Any, day: Any, first: dt.date, mark: str = "p") -> pd.DataFrame:
    names = np.char.add("b", np.char.zfill(np.asarray(key).astype(str), 5))
    frame = pd.DataFrame({"kind": "business", "key": names, "day": pd.Timestamp(first) + pd.to_timedelta(day, "D")})
    return frame.assign(person_key=np.char.add(mark, np.arange(len(frame)).astype(str)))


def all_keys() -> pd.DataFrame:
    return pd.DataFrame({"kind": "business", "key": [f"b{n:05d}" for n in range(QUIET + MEDIUM + BUSY)], "peer": "x"})


def plant(keys: Any, size: int, over_days: int, rng: np.random.Generator, start: dt.date) -> pd.DataFrame:
    """`size` more persons at each key on the `over_days` days from `start` on, the first of them on `start`."""
    day = np.concatenate([np.append(0, rng.integers(0, over_days, size - 1)) for _ in keys])
    return events(np.repeat(keys, size), day, start, mark="x")


def found_within_three_days(base: pd.DataFrame, keys: Any, size: int, over_days: int, seed: int) -> float:
    """Share of planted bursts for which an alarm was first given on one of the three days after their first day."""
    start = AS_OF - dt.timedelta(days=3)
    planted = plant(keys, size, over_days, np.random.default_rng(seed), start)
    seen = find_bursts(pd.concat([base, planted], ignore_index=True), AS_OF, keys=all_keys(), since=3)
    seen = seen[seen["first_seen"] > start]
    return float(np.isin([f"b{k:05d}" for k in keys], seen["key"]).mean())


@pytest.fixture(scope="module")
def calm() -> pd.DataFrame:
    return stream(1)


@pytest.fixture(scope="module")
def few(calm: pd.DataFrame) -> pd.DataFrame:
    """The quiet businesses and some others, for what is no matter of rates."""
    return calm[calm["key"] < f"b{QUIET + 20:05d}"]


# size of burst, days it takes, which businesses (first, how many), least share found within three days
CASES = [
    (3, 3, (0, 150), 1.0),
    (5, 1, (0, 150), 1.0),
    (5, 1, (QUIET, 60), 0.9),
    (8, 3, (QUIET, 60), 0.9),
    (8, 1, (QUIET + MEDIUM, 40), 0.75),
    (20, 3, (QUIET + MEDIUM, 40), 0.97),
]


@pytest.mark.parametrize(("size", "over_days", "where", "least"), CASES)
def test_planted_bursts_are_flagged_within_three_days(
    calm: pd.DataFrame, size: int, over_days: int, where: tuple[int, int], least: float
) -> None:
    assert found_within_three_days(calm, np.arange(where[0], sum(where)), size, over_days, seed=size) >= least


@pytest.mark.parametrize("shape", [{}, {"over": 0.3}, {"clump": 0.3}, {"growth": 1.0}], ids=["poisson", "weeks differ", "clumps", "growth"])
def test_streams_without_a_burst_keep_the_stated_rate(shape: dict[str, float]) -> None:
    """A month after the level was set, on streams it was not set on; the lower bound of the rate must not exceed what is stated."""
    alarms, months = np.zeros(3), np.zeros(3)
    for seed in (11, 12):
        found = BurstModel(stream(seed, **shape), AS_OF, keys=all_keys()).bursts(28)
        size = np.digitize(
            found.loc[found["first_seen"] > AS_OF - dt.timedelta(days=28), "key"].str[1:].astype(int), [QUIET, QUIET + MEDIUM]
        )
        alarms += np.bincount(size, minlength=3)
        months += np.array([QUIET, MEDIUM, BUSY]) * 28 / 30.4375
    assert alarms.sum() / months.sum() * 100 <= 1.0
    for a, m in zip(alarms, months, strict=True):
        assert (gamma.ppf(0.05, a) if a else 0.0) / m * 100 <= 1.0, (alarms, months)


def test_rates_are_measured_on_the_past_and_bound_what_is_stated(calm: pd.DataFrame) -> None:
    measured = measure_false_alarms(calm, AS_OF, keys=all_keys())
    assert tuple(measured.columns) == RATES
    assert measured["calibrated"].all()
    busy = measured.set_index("size").loc["busy"]
    assert busy["key_months"] == pytest.approx(BUSY * 12, rel=0.1)
    assert busy["low"] <= busy["per_100"] <= busy["high"]
    assert busy["per_100"] <= 1.0
    strict = measure_false_alarms(calm, AS_OF, keys=all_keys(), settings=BurstSettings(alarms_per_100_months=0.05))
    assert strict["alarms"].sum() < measured["alarms"].sum()


def test_a_restless_past_lowers_the_level(calm: pd.DataFrame) -> None:
    """Busy keys that burst every month of the past: the level of busy keys falls, that of quiet ones does not."""
    rng = np.random.default_rng(5)
    restless = [
        plant(np.arange(QUIET + MEDIUM, QUIET + MEDIUM + BUSY), 14, 2, rng, AS_OF - dt.timedelta(days=d)) for d in range(30, 390, 30)
    ]
    usual, loud = (
        measure_false_alarms(e, AS_OF, keys=all_keys()).set_index("size")["level"]
        for e in (calm, pd.concat([calm, *restless], ignore_index=True))
    )
    assert loud["busy"] < usual["busy"]
    assert loud["quiet"] == usual["quiet"]


@pytest.mark.parametrize("column", ["person_key", "text_key"])
def test_copies_of_one_text_or_one_person_are_no_burst(few: pd.DataFrame, column: str) -> None:
    planted = plant(np.array([7]), 50, 3, np.random.default_rng(0), AS_OF - dt.timedelta(days=3)).assign(text_key=lambda e: e["person_key"])
    base = few.assign(text_key=None)
    fresh = find_bursts(pd.concat([base, planted]), AS_OF, keys=all_keys(), since=3)
    assert fresh["key"].tolist() == ["b00007"]
    assert fresh["persons"].tolist() == [50]
    copied = find_bursts(pd.concat([base, planted.assign(**{column: "same"})]), AS_OF, keys=all_keys(), since=3)
    assert copied.empty


def test_consecutive_flagged_days_are_one_alarm_and_it_ends(few: pd.DataFrame) -> None:
    planted = plant(np.array([9]), 12, 6, np.random.default_rng(3), dt.date(2026, 10, 12))
    both = pd.concat([few, planted], ignore_index=True)
    row = find_bursts(both, dt.date(2026, 10, 18), keys=all_keys()).set_index("key").loc["b00009"]
    assert row["ongoing"]
    assert dt.date(2026, 10, 13) <= row["first_seen"] <= dt.date(2026, 10, 15)
    assert row["persons"] <= row["count"]
    assert row["ratio"] == pytest.approx(row["persons"] / row["expected"])
    later = find_bursts(both, dt.date(2026, 10, 26), keys=all_keys(), since=7).set_index("key").loc["b00009"]
    assert not later["ongoing"]
    assert later["first_seen"] == row["first_seen"]
    assert "b00009" not in set(find_bursts(both, AS_OF, keys=all_keys())["key"])


def test_nothing_on_or_after_the_date_is_used(few: pd.DataFrame) -> None:
    """As-of: rows of the day itself and later change no figure."""
    later = plant(np.arange(200), 9, 3, np.random.default_rng(1), AS_OF)
    with_later, without = (BurstModel(e, AS_OF, keys=all_keys()) for e in (pd.concat([few, later]), few))
    pd.testing.assert_frame_equal(with_later.rates, without.rates)
    pd.testing.assert_frame_equal(with_later.bursts(), without.bursts())


def test_order_of_rows_does_not_matter(few: pd.DataFrame) -> None:
    planted = plant(np.arange(5), 4, 2, np.random.default_rng(2), AS_OF - dt.timedelta(days=2))
    both = pd.concat([few, planted], ignore_index=True)
    pd.testing.assert_frame_equal(find_bursts(both, AS_OF), find_bursts(both.sample(frac=1, random_state=0), AS_OF))


def test_weekends_and_holidays_are_expected(calm: pd.DataFrame) -> None:
    model = BurstModel(calm, AS_OF, keys=all_keys())
    learned = model._kinds["business"].base.exposure
    factors = np.diff(learned)
    classes = day_classes(AS_OF - dt.timedelta(days=len(factors)), len(factors))
    weight = {name: factors[classes == n].mean() for n, name in enumerate(CLASSES) if (classes == n).any()}
    truth = dict(zip(CLASSES, TRUE_FACTORS / TRUE_FACTORS[classes].mean(), strict=True))
    for name in ("周一", "周三", "周六", "周日", "节假日", "节后首日"):
        assert weight[name] == pytest.approx(truth[name], rel=0.15), name


def test_the_band_holds_what_it_says(calm: pd.DataFrame) -> None:
    model = BurstModel(calm, AS_OF, keys=all_keys())
    weeks = pd.concat([model.weekly("business", f"b{n:05d}") for n in range(QUIET + MEDIUM, QUIET + MEDIUM + BUSY)])
    assert len(weeks) == 26 * BUSY
    assert ((weeks["persons"] >= weeks["low"]) & (weeks["persons"] <= weeks["high"])).mean() >= 0.93
    assert model.weekly("business", "nobody").empty


def test_a_year_without_published_holidays_is_said_not_guessed() -> None:
    with pytest.raises(InputError, match="2031"):
        find_bursts(events([1, 2, 3], [0, 1, 2], dt.date(2031, 5, 1)), dt.date(2031, 5, 10))


def test_a_short_record_is_not_tested() -> None:
    rows = events([1] * 30, np.arange(30), AS_OF - dt.timedelta(days=30))
    model = BurstModel(rows, AS_OF)
    assert model.untested == ["business"]
    assert tuple(model.bursts().columns) == BURSTS
    assert model.bursts().empty
    stray = events([1], [0], AS_OF - dt.timedelta(days=600), mark="old")
    assert BurstModel(pd.concat([stray, *[rows.assign(key=k) for k in "wxyz"]]), AS_OF).untested == ["business"]
    with pytest.raises(InputError, match="person_key"):
        find_bursts(rows.drop(columns="person_key"), AS_OF)


def test_no_event_at_all_gives_empty_frames(few: pd.DataFrame) -> None:
    model = BurstModel(few.head(0), AS_OF, keys=all_keys())
    assert tuple(model.rates.columns) == RATES
    assert model.bursts().empty


# -- the parts -------------------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 29)), max_size=40), st.integers(0, 4), st.integers(-5, 30), st.integers(0, 30))
def test_counts_are_sums_over_spans(rows: list[tuple[int, int]], key: int, first: int, end: int) -> None:
    rows = sorted(rows)
    k, d = (np.array([r[i] for r in rows], np.int64) for i in (0, 1))
    counts = Counts(k, d, np.ones(len(rows)), 30)
    assert counts.between(np.array([key]), np.array([first]), np.array([end]))[0] == sum(a == key and first <= b < end for a, b in rows)
    for least in (1, 2, 3):
        got = list(zip(*(x.tolist() for x in candidates(counts, 3, least, 4, 28)), strict=True))
        held = {(a, e): sum(x == a and e - 3 <= y < e for x, y in rows) for a in range(5) for e in range(5, 29)}
        assert got == sorted(k for k, n in held.items() if n >= least)


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from("xy"), st.sampled_from("pqr"), st.sampled_from(["t", "u", None]), st.integers(0, 900)),
        min_size=1,
        max_size=25,
    )
)
def test_persons_count_once(rows: list[tuple[str, str, str | None, int]]) -> None:
    frame = pd.DataFrame(rows, columns=["key", "person_key", "text_key", "day"]).assign(kind="k")
    out = distinct_persons(frame, 365)
    assert 1 <= len(out) <= len(frame)
    again = distinct_persons(out, 365)
    assert len(again) == len(out)
    for _, group in out.groupby(["key", "person_key"]):
        assert (np.diff(np.sort(group["day"])) > 365).all()


def test_tail_is_the_negative_binomial(calm: pd.DataFrame) -> None:
    base = BurstModel(calm, AS_OF, keys=all_keys())._kinds["business"].base
    key, end = np.array([QUIET, QUIET + MEDIUM]), np.array([base.raw.days, base.raw.days])
    count, mean, p = base.tail(key, end, 7)
    size = base.expected(key, end, 7)[1]
    np.testing.assert_allclose(p, nbinom.sf(count - 1, size, size / (size + mean)), rtol=1e-9)


def test_factors_average_one_and_shrink_what_is_rare() -> None:
    classes = day_classes(dt.date(2025, 1, 1), 365)
    counts = np.full(365, 10.0)
    counts[np.flatnonzero(classes == 5)[:1]] = 100  # one wild make-up day
    factors = day_factors(counts, classes)
    assert factors.mean() == pytest.approx(1)
    assert factors[classes == 5][0] < 3
