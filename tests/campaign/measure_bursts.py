"""Measure false alarms and planted bursts found, for docs/warning.md: ``python -m tests.campaign.measure_bursts``.

Seeds are apart from those of the tests and from those looked at while the method was made.
"""

from __future__ import annotations

import datetime as dt
import sys

import numpy as np
import pandas as pd
from scipy.stats import gamma

from fraudrisk.campaign.bursts import BurstModel, find_bursts
from tests.campaign.test_bursts import BUSY, DAYS, MEDIUM, QUIET, all_keys, plant, stream

SHAPES = {"poisson": {}, "weeks differ (0.3)": {"over": 0.3}, "clumps (0.3)": {"clump": 0.3}, "volume doubles": {"growth": 1.0}}
SIZES = (3, 4, 5, 8, 12, 20)
CLASSES = (("quiet", 0, QUIET), ("medium", QUIET, MEDIUM), ("busy", QUIET + MEDIUM, BUSY))
FIRST_DAY = dt.date(2026, 10, 26)


def false_alarms(seeds: range) -> None:
    """Alarms first given in the four weeks before a date, per 100 business-months, with the exact 90 % interval."""
    months = np.array([QUIET, MEDIUM, BUSY]) * 28 / 30.4375 * len(seeds)
    for name, shape in SHAPES.items():
        alarms = np.zeros(3)
        for seed in seeds:
            as_of = FIRST_DAY + dt.timedelta(days=seed % 7)
            found = BurstModel(stream(seed, as_of=as_of, **shape), as_of, keys=all_keys()).bursts(28)
            fresh = found.loc[found["first_seen"] > as_of - dt.timedelta(days=28), "key"].str[1:].astype(int)
            alarms += np.bincount(np.digitize(fresh, [QUIET, QUIET + MEDIUM]), minlength=3)
        for label, a, m in [*zip(("quiet", "medium", "busy"), alarms, months, strict=True), ("all", alarms.sum(), months.sum())]:
            low, high = (gamma.ppf(0.05, a) if a else 0.0) / m * 100, gamma.ppf(0.95, a + 1) / m * 100
            print(
                f"{name:20} {label:7} {int(a):4} alarms in {m:8.0f} business-months: {a / m * 100:6.3f} per 100 ({low:.3f} to {high:.3f})"
            )


def found(seeds: range, **shape: float) -> pd.DataFrame:
    """Share of bursts for which an alarm was first given on one of the three days after their first day."""
    rows = []
    for seed in seeds:
        as_of = FIRST_DAY + dt.timedelta(days=seed % 7)
        base, rng = stream(seed, as_of=as_of, **shape), np.random.default_rng(seed)
        start = as_of - dt.timedelta(days=3)
        for over_days in (1, 3, 7):
            for size in SIZES:
                picked = [(label, rng.choice(np.arange(a, a + n), 40, replace=False)) for label, a, n in CLASSES]
                planted = pd.concat([plant(k, size, over_days, rng, start) for _, k in picked], ignore_index=True)
                planted = planted.assign(person_key=[f"x{n}" for n in planted.index])
                seen = find_bursts(pd.concat([base, planted], ignore_index=True), as_of, keys=all_keys(), since=3)
                hit = set(seen.loc[seen["first_seen"] > start, "key"])
                rows += [(over_days, label, size, np.mean([f"b{k:05d}" in hit for k in keys])) for label, keys in picked]
    frame = pd.DataFrame(rows, columns=["days", "businesses", "persons", "share"])
    return frame.pivot_table(index=["days", "businesses"], columns="persons", values="share").round(2)


if __name__ == "__main__":
    print(f"{DAYS} days, {QUIET} quiet, {MEDIUM} medium, {BUSY} busy businesses; python {sys.version.split()[0]}")
    false_alarms(range(2000, 2028))
    for name in ("poisson", "weeks differ (0.3)"):
        print(f"found within three days, {name}:\n{found(range(3000, 3007), **SHAPES[name]).to_string()}")
