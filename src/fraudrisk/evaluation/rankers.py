"""Ways to order businesses that a backtest compares: what offices do today, the scorecard, and what learned from the past."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from fraudrisk.errors import FraudRiskError
from fraudrisk.evaluation.fairness import refuse_banned
from fraudrisk.scoring import RiskScorer, Scorecard, directions
from fraudrisk.scoring.calibration import Calibration

if TYPE_CHECKING:
    import pandas as pd

    from fraudrisk.packs import Pack

__all__ = ["RANKERS", "Ranked", "Ranker", "learn_office", "office_model"]


@dataclass(frozen=True)
class Ranked:
    """Scores of test rows, higher first, and probabilities where there was something to learn them from."""

    score: Any
    probability: Any | None
    note: str = ""


@dataclass(frozen=True)
class Ranker:
    """One way to order.

    ``rank(pack, features, learn, test)`` gives :class:`Ranked`, or None where the table it needs was not imported; `learn` holds
    earlier rows with known outcomes (perhaps none).
    """

    name: str
    label: str
    rank: Callable[[Pack, tuple[str, ...], pd.DataFrame, pd.DataFrame], Ranked | None]


def _plain(
    column: Callable[[pd.DataFrame], Any], needs: str | None = None
) -> Callable[[Pack, tuple[str, ...], pd.DataFrame, pd.DataFrame], Ranked | None]:
    """An order that learns nothing, over a feature that must be there; its probabilities are learned from earlier rows."""

    def rank(pack: Pack, features: tuple[str, ...], learn: pd.DataFrame, test: pd.DataFrame) -> Ranked | None:
        if needs and needs not in features:
            return None
        score = column(test)
        return Ranked(score, _probability(column(learn), learn, score))

    return rank


def _probability(earlier: Any, learn: pd.DataFrame, score: Any) -> Any | None:
    if not 0 < learn["y"].sum() < len(learn):
        return None
    middle, spread = float(np.mean(earlier)), float(np.std(earlier)) or 1.0
    base = float(np.average(learn["y"], weights=learn["weight"]))
    shift = special.logit(min(max(base, 1e-6), 1 - 1e-6))
    line = Calibration.fit((earlier - middle) / spread + shift, learn["y"].to_numpy(), learn["weight"].to_numpy())
    return special.expit(line.margin((score - middle) / spread + shift))


def _random(frame: pd.DataFrame) -> Any:
    keys = frame["business_id"] + frame["date"].astype(str)
    return np.array([int(hashlib.sha256(k.encode()).hexdigest()[:12], 16) / 2**48 for k in keys])


def _last_visit(frame: pd.DataFrame) -> Any:
    days = frame["visit_days"]
    return days.fillna(np.nan_to_num(days.max()) + 1).to_numpy()  # never visited comes first


def _past_fails(frame: pd.DataFrame) -> Any:
    """The share that failed in three years, drawn to the mean by one visit: a share says more with more visits."""
    visits, fails = frame["visits_1095"].fillna(0), frame["fails_1095"].fillna(0)
    mean = fails.sum() / max(1.0, visits.sum())
    return ((fails + mean) / (visits + 1)).to_numpy()


def _five_index(pack: Pack) -> Callable[[pd.DataFrame], Any]:
    return lambda frame: (frame[pack.indicators.indices] > 0).sum(axis=1).to_numpy(np.float64)


def _five(pack: Pack, features: tuple[str, ...], learn: pd.DataFrame, test: pd.DataFrame) -> Ranked | None:
    return _plain(_five_index(pack))(pack, features, learn, test)


def _stand_in(learn: pd.DataFrame, test: pd.DataFrame) -> Ranked:
    """With too little to learn from, an office goes by the scorecard."""
    return Ranked(test["score"].to_numpy(np.float64), None, f"{int(learn['y'].sum())} positives to learn from: the scorecard stands in")


def _refitted(pack: Pack, features: tuple[str, ...], learn: pd.DataFrame, test: pd.DataFrame) -> Ranked | None:
    if not 0 < learn["y"].sum() < len(learn):
        return _stand_in(learn, test)
    card = Scorecard(pack).fit(learn[list(features)].select_dtypes("number"), learn["y"], sample_weight=learn["weight"])
    earlier, score = (card.assess(f[[c for c in features if c in f.select_dtypes("number")]])["score"].to_numpy() for f in (learn, test))
    return Ranked(score, _probability(earlier, learn, score))


def office_model(pack: Pack, features: tuple[str, ...]) -> RiskScorer:
    """A learned model for an office's own past: the pack's directions, 个体户 calibrated apart.

    Raises
    ------
    InputError
        A feature made of persons.
    """
    refuse_banned(features)
    known = directions(pack)
    return RiskScorer(
        monotone={c: known[c] for c in features if c in known}, calibrate_by="sole_trader" if "sole_trader" in features else None
    )


def learn_office(model: RiskScorer, features: tuple[str, ...], learn: pd.DataFrame) -> RiskScorer:
    """Fit it to rows with known outcomes."""
    return model.fit(
        learn[list(features)], learn["y"].astype(int), sample_weight=learn["weight"], time=learn["date"], entity=learn["business_id"]
    )


def _boosted(pack: Pack, features: tuple[str, ...], learn: pd.DataFrame, test: pd.DataFrame) -> Ranked | None:
    columns, model = list(features), office_model(pack, features)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model.fit(
                learn[columns], learn["y"].astype(int), sample_weight=learn["weight"], time=learn["date"], entity=learn["business_id"]
            )
        except FraudRiskError:
            return _stand_in(learn, test)
        p = model.predict_proba(test[columns])[:, 1]
    few = "" if model.how_["enough"] else f"only {model.how_['positives']} positives to learn from"
    return Ranked(p, p, few)


RANKERS: tuple[Ranker, ...] = (
    Ranker("random", "随机", _plain(_random)),
    Ranker("complaint_count", "诉求数", _plain(lambda frame: frame["complaints_365"].fillna(0).to_numpy(), "complaints_365")),
    Ranker("last_inspection", "最久未查", _plain(_last_visit, "visit_days")),
    Ranker("past_fails", "历史不合格率", _plain(_past_fails, "visits_1095")),
    Ranker("five_index", "指数计数", _five),
    Ranker("scorecard", "评分卡", _plain(lambda frame: frame["score"].to_numpy(np.float64))),
    Ranker("scorecard_refitted", "评分卡（重估）", _refitted),
    Ranker("risk_scorer", "学习模型", _boosted),
)
"""In the order they are shown."""
