"""Growing trees by a recipe: how many, judged on rows not learned from, and which settings, when asked to look for some."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from fraudrisk.scoring.periods import Periods

__all__ = ["Recipe", "Rows"]

_SAMPLED: dict[str, tuple[Any, ...]] = {
    "num_leaves": (4, 7, 15, 31),
    "min_child_samples": (5, 10, 20, 50),
    "reg_lambda": (1.0, 5.0, 20.0),
    "colsample": (0.3, 0.5, 0.8),
}


@dataclass(frozen=True, slots=True)
class Rows:
    """What is learned from: a matrix, outcomes 0 and 1, weights."""

    x: Any
    y: Any
    weight: Any | None

    def take(self, rows: Any) -> Rows:
        """Some of them."""
        return Rows(self.x[rows], self.y[rows], None if self.weight is None else self.weight[rows])


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings of LightGBM, resolved for one table."""

    n_estimators: int
    learning_rate: float
    num_leaves: int
    min_child_samples: int
    reg_lambda: float
    subsample: float
    colsample: float
    extra_trees: bool
    monotone: tuple[int, ...]
    categorical: tuple[int, ...]
    patience: int
    seed: int
    threads: int

    def train(self, rows: Rows, rounds: int) -> Any:
        """A booster of so many trees."""
        import lightgbm as lgb

        return lgb.train(self._parameters(), self._dataset(rows), rounds)

    def stopped(self, learn: Rows, judge: Rows) -> tuple[int, float]:
        """Trees after which the log-loss of `judge` is lowest, and that loss."""
        import lightgbm as lgb

        data = self._dataset(learn)
        valid = data.create_valid(judge.x, judge.y, weight=judge.weight, params=self._parameters())
        seen: dict[str, Any] = {}
        callbacks: list[Callable[..., Any]] = [lgb.early_stopping(self.patience, verbose=False), lgb.record_evaluation(seen)]
        booster = lgb.train(self._parameters(), data, self.n_estimators, valid_sets=[valid], callbacks=callbacks)
        return max(1, booster.best_iteration), min(seen["valid_0"]["binary_logloss"])

    def rehearse(self, rows: Rows, periods: Periods) -> tuple[int, Any, Any]:
        """How many trees; margins of rows not learned from, and which rows those are."""
        rounds = [self.stopped(rows.take(a), rows.take(b))[0] for a, b in periods.stopping]
        n = int(np.median(rounds)) if rounds else min(50, self.n_estimators)
        margins = [self.train(rows.take(a), n).predict(rows.x[b], raw_score=True) for a, b in periods.calibrating]
        if not margins:
            return n, np.empty(0), np.empty(0, np.int64)
        return n, np.concatenate(margins), np.concatenate([b for _, b in periods.calibrating])

    def searched(self, rows: Rows, periods: Periods, trials: int, tell: Callable[[str, int, int], None]) -> Recipe:
        """The best of this recipe and `trials` others, each learned on earlier rows and judged on later ones."""
        random = np.random.default_rng(self.seed)
        recipes = [self]
        recipes += [replace(self, **{k: v[random.integers(len(v))] for k, v in _SAMPLED.items()}) for _ in range(trials)]
        losses = []
        for number, recipe in enumerate(recipes):
            tell("试参数", number, len(recipes))
            losses.append(np.mean([recipe.stopped(rows.take(a), rows.take(b))[1] for a, b in periods.stopping] or [np.inf]))
        tell("试参数", len(recipes), len(recipes))
        return recipes[int(np.argmin(losses))]

    def meta(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)

    def _dataset(self, rows: Rows) -> Any:
        import lightgbm as lgb

        names = [f"c{k}" for k in range(rows.x.shape[1])]
        return lgb.Dataset(
            rows.x, rows.y, weight=rows.weight, feature_name=names, categorical_feature=list(self.categorical), params=self._parameters()
        )

    def _parameters(self) -> dict[str, Any]:
        return {
            "objective": "binary",
            "metric": "binary_logloss",
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": self.min_child_samples,
            "lambda_l2": self.reg_lambda,
            "bagging_fraction": self.subsample,
            "bagging_freq": 1,
            "feature_fraction": self.colsample,
            "extra_trees": self.extra_trees,
            "monotone_constraints": list(self.monotone),
            "seed": self.seed,
            "num_threads": self.threads,
            "deterministic": True,
            "force_row_wise": True,
            "feature_pre_filter": False,
            "verbose": -1,
        }
