"""Replay the past: had each way of ordering been used on those dates, what would it have found, and how much sooner."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fraudrisk.errors import InputError
from fraudrisk.evaluation.labels import outcome_rule
from fraudrisk.evaluation.metrics import at_capacity, average_precision, brier, calibration_error, days_earlier
from fraudrisk.evaluation.panel import Panel, build_panel, known_span
from fraudrisk.evaluation.rankers import RANKERS, Ranker
from fraudrisk.files import atomic_text
from fraudrisk.packs.schema import OutcomeRule

if TYPE_CHECKING:
    import pandas as pd

    from fraudrisk.workspace import Workspace

__all__ = ["Backtest", "backtest", "compare", "replay"]

_HISTORY = dt.timedelta(days=180)
"""Least past that the earliest training date looks back on."""
_EARLIER = 12
"""Most training dates before the first test date."""
_ROUNDS = 200
_LEVEL = 0.9
RULE = (
    "the highest mean precision at capacity leads; a model that learned (scorecard_refitted, risk_scorer) takes the scorecard's place only where the "
    f"lower end of the {_LEVEL:.0%} interval of the difference, businesses drawn again whole, is above 0"
)
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Backtest:
    """What a replay found.

    Parameters
    ----------
    summary : dict
        Settings, one entry per model, the champion and why: what ``backtest.json`` holds.
    ranked : DataFrame
        Test rows with every model's score: ``business_id, date, y, happened_on`` and one column per model.
    """

    summary: dict[str, Any]
    ranked: pd.DataFrame = field(repr=False)

    @property
    def champion(self) -> str:
        """The model that leads by the rule."""
        return str(self.summary["champion"])

    def table(self) -> pd.DataFrame:
        """One line per model, for people."""
        import pandas as pd

        rows = []
        for name, m in self.summary["models"].items():
            low, high = m["precision_interval"]
            rows.append(
                {
                    "model": name, "label": m["label"], "precision@k": m["precision@k"], "low": low, "high": high, "recall@k": m["recall@k"],
                    "lift": m["lift"], "lift_complaints": m["lift_over_complaint_count"], "AP": m["AP"], "ECE": m["ECE"], "Brier": m["Brier"],
                    "days_earlier": m["days_earlier"]["mean"], "share_later": m["days_earlier"]["share_later"], "found": m["days_earlier"]["found"],
                }
            )  # fmt: skip
        return pd.DataFrame(rows)

    def save(self, folder: str | Path) -> Path:
        """Write ``backtest.json``, ``backtest.csv`` and, where matplotlib is installed, ``backtest.svg``."""
        from fraudrisk.evaluation.plots import plot_backtest

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_text(folder / "backtest.csv", encoding="utf-8-sig", newline="") as stream:
            self.table().to_csv(stream, index=False, float_format="%.4f")
        plot_backtest(self, folder / "backtest.svg")
        with atomic_text(folder / "backtest.json") as stream:
            json.dump(_plain(self.summary), stream, ensure_ascii=False, indent=1)
            stream.write("\n")
        return folder


def backtest(
    workspace: Workspace,
    *,
    outcome: str = "penalty",
    window: dt.timedelta = dt.timedelta(days=90),
    start: dt.date | None = None,
    end: dt.date | None = None,
    step: dt.timedelta | None = None,
    capacity: int = 50,
    models: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Backtest:
    """Compare ways of ordering on a workspace's own past.

    Parameters
    ----------
    workspace : Workspace
        One table with an outcome is enough; where no register was imported, every subject seen so far is the cohort.
    outcome : str
        One of the pack's: ``confirmed``, ``penalty``, ``inspection_failed``.
    window : timedelta
        The outcome counts within it after each date.
    start, end : date, optional
        First and last test date; the last third of what is known where not given.
    step : timedelta, optional
        Between dates; the window where not given, so that no outcome counts twice.
    capacity : int
        Businesses visited per date.
    models : sequence of str, optional
        Names of :data:`fraudrisk.evaluation.rankers.RANKERS`; all where not given.
    progress : callable, optional

    Raises
    ------
    InputError
        An unknown outcome or model, dates that leave nothing to judge, no outcome at all; says which.
    """
    return replay(
        workspace, outcome=outcome, window=window, start=start, end=end, step=step, capacity=capacity, models=models, progress=progress
    )[0]


def replay(
    workspace: Workspace,
    *,
    outcome: str,
    window: dt.timedelta,
    start: dt.date | None = None,
    end: dt.date | None = None,
    step: dt.timedelta | None = None,
    capacity: int,
    models: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> tuple[Backtest, Panel]:
    """:func:`backtest`, and the past it was made from."""
    rule = outcome_rule(workspace.pack, outcome)
    chosen = _chosen(models)
    step = step or window
    if capacity < 1 or window.days < 1 or step.days < 1:
        raise InputError("capacity, window and step are at least 1", where=f"capacity {capacity}, window {window.days}d, step {step.days}d")
    tests, earlier, notes = _replay_dates(workspace, rule, window, start, end, step)
    panel = build_panel(workspace, rule, [*earlier, *tests], window, sampled=earlier, progress=progress)
    about = {
        "outcome": rule.name, "label": rule.label, "window_days": window.days, "step_days": step.days, "capacity": capacity,
        "dates": [d.isoformat() for d in tests], "training_dates": [d.isoformat() for d in earlier], "pack": workspace.pack.version,
        "observed": "everybody" if not rule.observed else "those that were checked in the window; of the others nothing is said",
    }  # fmt: skip
    return compare(panel, workspace.pack, tests, window, capacity, chosen, about, notes, progress=progress), panel


def _replay_dates(
    workspace: Workspace,
    rule: OutcomeRule,
    window: dt.timedelta,
    start: dt.date | None = None,
    end: dt.date | None = None,
    step: dt.timedelta | None = None,
) -> tuple[list[dt.date], list[dt.date], list[str]]:
    """Dates to judge by, earlier ones to learn from, and what has to be said about them.

    Raises
    ------
    InputError
        The outcome's table was not imported, or no date leaves a whole window.
    """
    if rule.table not in workspace.loaded:
        raise InputError(
            f"the outcome '{rule.name}' needs the table '{rule.table}'",
            where=f"tables imported: {', '.join(workspace.loaded) or 'none'}",
            mend=f"fraudrisk import {workspace.path} {rule.table} FILE",
        )
    first, last = known_span(workspace, [rule.table])
    past = known_span(workspace)[0]  # outcomes may begin late; what is known of a business begins with the first record of any kind
    tests, notes = _test_dates(past, first, last, start, end, window, step or window)
    return tests, _training_dates(tests[0], past, first, window, step or window), notes


def compare(
    panel: Panel,
    pack: Any,
    tests: Sequence[dt.date],
    window: dt.timedelta,
    capacity: int,
    rankers: Sequence[Ranker] = RANKERS,
    about: dict[str, Any] | None = None,
    notes: Sequence[str] = (),
    *,
    progress: Progress | None = None,
) -> Backtest:
    """Rank every test date by every model that learned only from labels complete before it, and judge them all alike."""
    import pandas as pd

    tell = progress or (lambda *_: None)
    observed = panel.observed
    pieces: list[pd.DataFrame] = []
    chances: list[dict[str, Any]] = []
    said = list(notes)
    for number, date in enumerate(tests):
        tell("比较", number, len(tests))
        day = pd.Timestamp(date)
        test = observed[observed["date"] == day].reset_index(drop=True)
        learn = observed[observed["date"] + pd.Timedelta(window) <= day].reset_index(drop=True)
        if not len(test):
            said.append(f"{date}: nobody was observed")
            continue
        piece = test[["business_id", "date", "y", "happened_on", "reason"]].copy()
        chance: dict[str, Any] = {}
        for ranker in rankers:
            ranked = ranker.rank(pack, panel.features, learn, test)
            if ranked is not None:
                piece[ranker.name] = ranked.score
                chance[ranker.name] = ranked.probability
                said += [f"{date}, {ranker.name}: {ranked.note}"] if ranked.note else []
        pieces.append(piece)
        chances.append(chance)
    tell("比较", len(tests), len(tests))
    if not pieces or not sum(p["y"].sum() for p in pieces):
        raise InputError(
            "no business had the outcome within the window of any date", where=str(about or ""), mend="widen the window or the dates"
        )
    ranked_rows = pd.concat(pieces, ignore_index=True)
    every = [r for r in rankers if all(r.name in p for p in pieces)]
    said += [f"{r.name}: left out, what it needs is not there on every date" for r in rankers if r not in every]
    precisions = {r.name: _draws(ranked_rows, r.name, capacity) for r in every}
    judged = {
        r.name: _judge(r, pieces, chances, capacity, window, precisions[r.name][1], bool(about and "checked" in about["observed"]))
        for r in every
    }
    base = judged.get("complaint_count", {}).get("precision@k")
    for m in judged.values():
        m["lift_over_complaint_count"] = m["precision@k"] / base if base else None
    champion, why = _champion(judged, precisions)
    summary = {
        **(about or {}), "rows": len(ranked_rows), "positives": int(ranked_rows["y"].sum()), "models": judged,
        "champion": champion, "why": why, "rule": RULE, "notes": said,
    }  # fmt: skip
    return Backtest(summary, ranked_rows)


def _judge(
    ranker: Ranker, pieces: list[Any], chances: list[dict[str, Any]], capacity: int, window: dt.timedelta, draws: Any, visited: bool
) -> dict[str, Any]:
    found = [at_capacity(p["y"], p[ranker.name], capacity) for p in pieces]
    ap = [average_precision(p["y"], p[ranker.name]) for p in pieces if p["y"].sum()]
    known = [(p["y"].to_numpy(), c[ranker.name]) for p, c in zip(pieces, chances, strict=True) if c.get(ranker.name) is not None]
    y, chance = (np.concatenate(v) for v in zip(*known, strict=True)) if known else (None, None)
    places, positives = sum(f.k for f in found), sum(f.positives for f in found)
    precision = sum(f.hits for f in found) / places
    by_lot = sum(f.base * f.k for f in found) / places
    return {
        "label": ranker.label,
        "precision@k": precision,
        "precision_interval": _interval(draws),
        "precision_best": sum(f.best for f in found) / places,
        "precision_worst": sum(f.worst for f in found) / places,
        "recall@k": sum(f.hits for f in found) / positives,
        "lift": precision / by_lot if by_lot else None,
        "AP": float(np.mean(ap)) if ap else None,
        "ECE": calibration_error(y, chance) if y is not None else None,
        "Brier": brier(y, chance) if y is not None else None,
        "days_earlier": _earlier(pieces, ranker.name, capacity, visited),
        "per_date": [{"date": str(p["date"].iloc[0].date()), "k": f.k, "hits": f.hits, "n": f.n, "positives": f.positives} for p, f in zip(pieces, found, strict=True)],
    }  # fmt: skip


def _earlier(pieces: list[Any], name: str, capacity: int, visited: bool) -> dict[str, Any]:
    """Days gained. Where rows are visits, the same slots in order of the score; else from the first listing to the event."""
    import pandas as pd

    if visited:
        gains = [days_earlier(p["y"], p[name], p["happened_on"]) | {"n": p["y"].sum()} for p in pieces if p["y"].sum()]
        weights = [g["n"] for g in gains]
        mean, later = (float(np.average([g[k] for g in gains], weights=weights)) for k in ("mean", "share_later"))
        return {"mean": mean, "share_later": later, "found": 1.0, "how": "the same calendar slots, handed out in order of the score"}
    listed = pd.concat([p.sort_values([name, "business_id"], ascending=[False, True], kind="stable").head(capacity) for p in pieces])
    first = listed.groupby("business_id")["date"].min()
    events = pd.concat(pieces)
    events = events[events["y"] == 1].groupby("business_id")["happened_on"].min()
    lead = (events - first.reindex(events.index)).dt.days
    hit = lead[lead >= 0]
    return {
        "mean": float(hit.mean()) if len(hit) else None,
        "share_later": float((lead < 0).sum() / len(events)),
        "found": len(hit) / len(events),
        "how": "from the first list the business stood on to its first event; 'found' is the share listed before it",
    }


def _draws(rows: Any, name: str, capacity: int) -> tuple[Any, Any]:
    """Precision at capacity in every bootstrap round, expected over ties; the rounds draw the same businesses for every model."""
    codes, n = np.unique(rows["business_id"], return_inverse=True)[1], rows["business_id"].nunique()
    dates = []
    for _, g in rows.assign(code=codes).groupby("date", sort=True):
        order = np.argsort(-g[name].to_numpy(), kind="stable")
        score = g[name].to_numpy()[order]
        blocks = np.flatnonzero(np.concatenate([[True], np.diff(score) != 0]))
        dates.append((g["code"].to_numpy()[order], g["y"].to_numpy()[order], blocks))
    random = np.random.default_rng(0)
    values = np.empty(_ROUNDS)
    for round_ in range(_ROUNDS):
        drawn = np.bincount(random.integers(n, size=n), minlength=n)
        hits = places = 0.0
        for who, y, blocks in dates:
            weight = drawn[who].astype(np.float64)
            size, found = np.add.reduceat(weight, blocks), np.add.reduceat(weight * y, blocks)
            taken = np.clip(capacity - np.concatenate([[0.0], np.cumsum(size)[:-1]]), 0, size)
            hits += float((taken / np.maximum(size, 1) * found).sum())
            places += float(taken.sum())
        values[round_] = hits / places if places else np.nan
    return name, values


def _interval(values: Any) -> list[float]:
    low, high = np.nanquantile(values, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return [float(low), float(high)]


def _champion(judged: dict[str, Any], draws: dict[str, tuple[Any, Any]]) -> tuple[str, str]:
    plain = {n: m for n, m in judged.items() if n not in ("random", "scorecard_refitted", "risk_scorer")}
    learned = {n: m for n, m in judged.items() if n in ("scorecard_refitted", "risk_scorer")}
    leader = max(plain or judged, key=lambda n: judged[n]["precision@k"])
    if leader != "scorecard" and "scorecard" in plain and plain["scorecard"]["precision@k"] >= plain[leader]["precision@k"]:
        leader = "scorecard"
    why = f"{leader} has the highest precision of those that learn nothing ({judged[leader]['precision@k']:.3f})"
    for name, m in sorted(learned.items(), key=lambda kv: -kv[1]["precision@k"]):
        low, high = _interval(draws[name][1] - draws[leader][1])
        gain = m["precision@k"] - judged[leader]["precision@k"]
        if low > 0:
            return (
                name,
                f"{name} beats {leader}: {m['precision@k']:.3f} against {judged[leader]['precision@k']:.3f}, difference {gain:+.3f} ({low:+.3f} to {high:+.3f})",
            )
        why += f"; {name} does not surely beat it: difference {gain:+.3f} ({low:+.3f} to {high:+.3f})"
    return leader, why


def _chosen(models: Sequence[str] | None) -> tuple[Ranker, ...]:
    known = {r.name: r for r in RANKERS}
    unknown = sorted(set(models or ()) - set(known))
    if unknown:
        raise InputError(f"there is no model '{unknown[0]}'", where="models", mend="use some of " + ", ".join(known))
    return tuple(known[m] for m in dict.fromkeys(models)) if models else RANKERS


def _test_dates(
    past: dt.date, first: dt.date, last: dt.date, start: dt.date | None, end: dt.date | None, window: dt.timedelta, step: dt.timedelta
) -> tuple[list[dt.date], list[str]]:
    latest = last + dt.timedelta(days=1) - window
    start = start or max(past + _HISTORY + 2 * window, first + (last - first) * 2 // 3)
    wanted = end or latest
    notes = [] if wanted <= latest else [f"dates after {latest} are left out: their window ends after the last record ({last})"]
    dates = []
    day = start
    while day <= min(wanted, latest):
        dates.append(day)
        day += step
    if not dates:
        raise InputError(
            f"no date leaves a window of {window.days} days before the last record",
            where=f"from {start} to {wanted}; records from {first} to {last}",
            mend="choose earlier dates or a shorter window",
        )
    if start <= first:
        raise InputError("nothing was known before the first date", where=f"from {start}; records from {first}", mend="choose a later date")
    return dates, notes


def _training_dates(start: dt.date, past: dt.date, first: dt.date, window: dt.timedelta, step: dt.timedelta) -> list[dt.date]:
    days: list[dt.date] = []
    day = start - window
    while day >= past + min(_HISTORY, (start - past) / 3) and day + window > first and len(days) < _EARLIER:
        days.append(day)
        day -= step
    return days[::-1]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float | np.floating):
        return None if math.isnan(value) else round(float(value), 6)
    return value.item() if isinstance(value, np.generic) else value
