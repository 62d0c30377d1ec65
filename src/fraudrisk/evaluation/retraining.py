"""Learn again from what came back: a challenger is fitted, replayed against what leads now, and leads only where it wins by the rule."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fraudrisk.evaluation.backtest import Backtest, replay
from fraudrisk.evaluation.rankers import learn_office, office_model
from fraudrisk.files import atomic_text
from fraudrisk.scoring import Scorecard
from fraudrisk.scoring.calibration import Calibration
from fraudrisk.scoring.leader import prior_margin

if TYPE_CHECKING:
    import pandas as pd

    from fraudrisk.workspace import Workspace

__all__ = ["Retrained", "retrain"]

_FEWEST = 10
"""Finds, and checks without a find, that an office's own chances take."""
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Retrained:
    """Who leads now, whether that changed, and the replay that decided it."""

    champion: str
    before: str
    promoted: bool
    result: Backtest
    folder: Path


def retrain(
    workspace: Workspace,
    *,
    outcome: str = "confirmed",
    window: dt.timedelta = dt.timedelta(days=90),
    capacity: int = 50,
    progress: Progress | None = None,
) -> Retrained:
    """Fit challengers on the workspace's own outcomes and let the replay decide.

    The champion stands in ``models/champion.json``; a learned model or refitted points lie beside it. Nothing is promoted silently:
    ``models/retraining.json`` and ``models/backtest`` say what was compared, by which rule, and why.

    Raises
    ------
    InputError
        The outcome's table was not imported, or leaves nothing to judge.
    """
    result, panel = replay(workspace, outcome=outcome, window=window, capacity=capacity, progress=progress)
    folder = workspace.path / "models"
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / "champion.json"
    before = json.loads(mark.read_text(encoding="utf-8"))["champion"] if mark.is_file() else "scorecard"
    leader = result.champion if result.champion in ("scorecard_refitted", "risk_scorer") else "scorecard"
    learn = panel.observed
    card = Scorecard(workspace.pack)
    as_of = str(result.summary["dates"][-1])
    metrics = {k: result.summary["models"].get(leader, {}).get(k) for k in ("precision@k", "recall@k", "AP", "ECE")}
    if leader == "risk_scorer":
        model = learn_office(office_model(workspace.pack, panel.features), panel.features, learn)
        model.save(folder / "risk", metrics=metrics, as_of=as_of, data=f"{len(learn)} rows of this office, outcome {outcome}")
    elif leader == "scorecard_refitted":
        card = card.fit(learn[list(panel.features)].select_dtypes("number"), learn["y"], sample_weight=learn["weight"])
        card.to_json(folder / "points.json")
    else:
        for old in ("risk", "points.json"):
            path = folder / old
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    odds = _odds(workspace, card, learn[list(panel.features)], learn)
    result.save(folder / "backtest")
    entry: dict[str, Any] = {
        "champion": leader,
        "before": before,
        "why": result.summary["why"],
        "rule": result.summary["rule"],
        "as_of": as_of,
        "metrics": metrics,
        "odds": odds.meta(),
    }
    with atomic_text(folder / "retraining.json") as stream:
        json.dump(entry, stream, ensure_ascii=False, indent=1)
    with atomic_text(mark) as stream:
        json.dump({"champion": leader, "as_of": as_of, "odds": odds.meta()}, stream, ensure_ascii=False)
    return Retrained(leader, before, leader != before, result, folder)


def _odds(workspace: Workspace, card: Scorecard, features: pd.DataFrame, learn: pd.DataFrame) -> Calibration:
    """From the pack's chance of a score to this office's; the pack's where there is too little of either outcome."""
    hits = int(learn["y"].sum())
    if min(hits, len(learn) - hits) < _FEWEST:
        return Calibration()
    score = card.assess(features.select_dtypes("number"))["score"].to_numpy()
    return Calibration.fit(prior_margin(workspace.pack, score), learn["y"].to_numpy(), learn["weight"].to_numpy())
