"""The learned model: LightGBM behind scikit-learn's conventions, stopped and calibrated on later periods than it learned from."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_array, check_is_fitted, column_or_1d, validate_data

from fraudrisk.bundle import load_bundle, save_bundle
from fraudrisk.errors import InputError
from fraudrisk.scoring.calibration import Calibration
from fraudrisk.scoring.columns import Columns, as_frame
from fraudrisk.scoring.periods import Periods, split_periods

if TYPE_CHECKING:
    import pandas as pd

    from fraudrisk.packs import Pack

__all__ = ["BASE", "FewPositivesWarning", "RiskScorer", "UnseenCategoryWarning", "directions"]

BASE = "base"
"""The contribution that is no column's: where every margin starts."""
ENOUGH = 30
"""Positives below which a hand-made scorecard is the better guess."""
_FEWEST_ROWS = 10
_SAMPLED: dict[str, tuple[Any, ...]] = {
    "num_leaves": (4, 7, 15, 31),
    "min_child_samples": (5, 10, 20, 50),
    "reg_lambda": (1.0, 5.0, 20.0),
    "colsample": (0.3, 0.5, 0.8),
}


class FewPositivesWarning(UserWarning):
    """There are too few positives to expect the model to beat the scorecard."""


class UnseenCategoryWarning(UserWarning):
    """Categories the model never saw were read as missing; says how many of which column."""


class RiskScorer(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Probability that a business is a positive, learned from what was found before.

    Trees are split at random thresholds (``extra_trees``), which suits the noisy labels of inspections: chosen on the training
    years of the Chicago inspections and on the enterprises data (docs/method.md). Boosting stops by the log-loss of a later
    period; probabilities are calibrated on one later still; then all rows are learned from. Where there are too few positives
    for that, both are done out of fold.

    Parameters
    ----------
    n_estimators : int
        Most trees.
    learning_rate, num_leaves, min_child_samples, reg_lambda, subsample, colsample, extra_trees
        As in LightGBM.
    monotone : mapping of str to int, optional
        Column → +1 (more is never less risky) or -1; :func:`directions` gives the pack's.
    calibrate_by : str, optional
        Column whose groups (say, 个体户 or not) are calibrated apart where each has 20 positives and 20 negatives.
    search : int
        Settings tried, each on earlier rows against later ones; 0 keeps the defaults.
    patience : int
        Trees without gain before boosting stops.
    random_state : int
    n_jobs : int
        Threads; 0 for all.
    progress : callable, optional
        Called with a step's name, what is done and what there is to do.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
    n_rounds_ : int
        Trees of the model.
    calibration_ : Calibration
    how_ : dict
        Rows, positives, and how stopping and calibration were done.
    settings_ : dict
        The settings that were used.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"victims": rng.poisson(1, 400), "sector": rng.choice(["health", "other"], 400)})
    >>> y = (X["victims"] + rng.normal(size=400) > 2.5).astype(int)
    >>> model = RiskScorer().fit(X, y, time=pd.date_range("2024-01-01", periods=400))
    >>> bool(model.predict_proba(X)[X["victims"] == 4, 1].mean() > model.predict_proba(X)[X["victims"] == 0, 1].mean())
    True
    """

    def __init__(
        self,
        n_estimators: int = 600,
        learning_rate: float = 0.03,
        num_leaves: int = 15,
        min_child_samples: int = 20,
        reg_lambda: float = 5.0,
        subsample: float = 0.8,
        colsample: float = 0.5,
        extra_trees: bool = True,
        monotone: Mapping[str, int] | None = None,
        calibrate_by: str | None = None,
        search: int = 0,
        patience: int = 60,
        random_state: int = 0,
        n_jobs: int = 0,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.min_child_samples = min_child_samples
        self.reg_lambda = reg_lambda
        self.subsample = subsample
        self.colsample = colsample
        self.extra_trees = extra_trees
        self.monotone = monotone
        self.calibrate_by = calibrate_by
        self.search = search
        self.patience = patience
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.progress = progress

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.classifier_tags.multi_class = False
        return tags

    # -- learning ------------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, *, sample_weight: Any = None, time: Any = None, entity: Any = None) -> RiskScorer:
        """Learn.

        Parameters
        ----------
        X : DataFrame or array of shape (n_rows, n_columns)
            Numbers, dates, truth values and categories; missing stays missing.
        y : array of two classes
            The larger class is the positive one.
        sample_weight : array, optional
            Say, one over the propensity of having been checked.
        time : array of dates, optional
            When each row stood; later rows stop and calibrate. Without it, rows chosen by lot do.
        entity : array, optional
            Whose row it is; an entity's rows stay on one side of a split.

        Raises
        ------
        InputError
            Fewer than ten rows, one class, infinite values, a column that is no feature; names it.
        """
        x = self._matrix(X, reset=True)
        code = self._target(y, len(x))
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, x, dtype=np.float64)
        if weight is not None and (weight < 0).any():
            raise InputError("a weight is negative", where=f"row {int(np.flatnonzero(weight < 0)[0])}")
        kept = np.arange(len(x)) if weight is None else np.flatnonzero(weight > 0)  # a weight of nothing is a row that is not there
        x, code, weight = x[kept], code[kept], None if weight is None else weight[kept]
        if len(np.unique(code)) < 2:
            raise InputError("there is only one class", where="y", mend="rows of both classes are needed, with weight")
        periods = split_periods(
            code,
            None if time is None else column_or_1d(time)[kept],
            None if entity is None else column_or_1d(entity)[kept],
            self.random_state,
        )
        positives = int(code.sum())
        if positives < ENOUGH:
            warnings.warn(
                f"{positives} positives are too few to beat the scorecard (from {ENOUGH} on it is worth trying)",
                FewPositivesWarning,
                stacklevel=2,
            )
        self.settings_ = self._searched(x, code, weight, periods) if self.search else self._settings(positives)
        group = self._group(x)
        self.n_rounds_, margin, rows = self._rehearse(x, code, weight, periods)
        self.calibration_ = (
            Calibration.fit(margin, code[rows], None if weight is None else weight[rows], None if group is None else group[rows])
            if len(rows)
            else Calibration()
        )
        self.booster_ = self._train(x, code, weight, self.n_rounds_)
        self.how_ = {"rows": len(x), "positives": positives, "enough": positives >= ENOUGH, "calibrated": periods.how}
        return self

    def _target(self, y: Any, n: int) -> Any:
        if y is None:
            raise InputError("requires y to be passed, but the target y is None", where="y", mend="give one label per row")
        y = column_or_1d(y, warn=True)
        if len(y) != n:
            raise InputError(f"Found input variables with inconsistent numbers of samples: {[n, len(y)]}", where="y")
        try:
            check_classification_targets(y)
            if type_of_target(y) == "unknown":
                raise ValueError("Unknown label type: unknown")
            self.classes_, code = np.unique(y, return_inverse=True)
        except ValueError as error:
            raise InputError(str(error), where="y", mend="give labels of two classes, none missing") from error
        if len(self.classes_) > 2:
            raise InputError(
                f"Only binary classification is supported. The type of the target is {type_of_target(y)}.",
                where="y",
                mend="join the classes",
            )
        if len(self.classes_) < 2:
            raise InputError(f"there is only one class: {self.classes_[0]!r}", where="y", mend="rows of both classes are needed")
        if n < _FEWEST_ROWS:
            raise InputError(f"n_samples = {n} is too few to learn from", where="X", mend=f"give at least {_FEWEST_ROWS} rows")
        return code.astype(np.float64)

    def _matrix(self, X: Any, *, reset: bool = False) -> Any:
        """The rows as float64; a frame's columns by name and kind, an array's as they stand."""
        frame = as_frame(X)
        try:
            if hasattr(frame, "iloc"):
                validate_data(self, frame, reset=reset, skip_check_array=True)
                if reset:
                    self.columns_ = Columns.of(frame)
                x = self.columns_.matrix(frame)
                for name, count in () if reset else self.columns_.unseen(frame).items():
                    warnings.warn(
                        f"{count} value(s) of column {name} were never seen and count as missing", UnseenCategoryWarning, stacklevel=3
                    )
                return check_array(x, ensure_all_finite="allow-nan", estimator=self)
            x = validate_data(self, frame, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan")
            if reset:
                import pandas as pd

                self.columns_ = Columns.of(pd.DataFrame(x, columns=[f"column_{k}" for k in range(x.shape[1])]))
            return x
        except InputError:
            raise
        except ValueError as error:
            raise InputError(str(error), where="X", mend="give the columns the model learned from, finite, one row per business") from error

    def _settings(self, positives: float) -> dict[str, Any]:
        return {
            "num_leaves": self.num_leaves,
            "min_child_samples": max(1, min(self.min_child_samples, int(positives) // 2)),
            "reg_lambda": self.reg_lambda,
            "colsample": self.colsample,
        }

    def _searched(self, x: Any, code: Any, weight: Any, periods: Periods) -> dict[str, Any]:
        """Random search, seeded: every trial learns from earlier rows and is judged by the log-loss of later ones."""
        random = np.random.default_rng(self.random_state)
        trials = [self._settings(code.sum())]
        trials += [{name: values[random.integers(len(values))] for name, values in _SAMPLED.items()} for _ in range(self.search)]
        best, lowest = trials[0], np.inf
        for number, trial in enumerate(trials):
            if self.progress:
                self.progress("试参数", number, len(trials))
            self.settings_ = trial
            loss = float(np.mean([self._stopped(x, code, weight, a, b)[1] for a, b in periods.stopping]))
            if loss < lowest:
                best, lowest = trial, loss
        return best

    def _rehearse(self, x: Any, code: Any, weight: Any, periods: Periods) -> tuple[int, Any, Any]:
        """How many trees, and margins of rows not learned from, for calibration."""
        rounds = [self._stopped(x, code, weight, a, b)[0] for a, b in periods.stopping]
        n = int(np.median(rounds)) if rounds else min(50, self.n_estimators)
        margins, rows = [], []
        for a, b in periods.calibrating:
            margins.append(self._train(x[a], code[a], None if weight is None else weight[a], n).predict(x[b], raw_score=True))
            rows.append(b)
        return n, np.concatenate(margins) if margins else np.empty(0), np.concatenate(rows) if rows else np.empty(0, np.int64)

    def _stopped(self, x: Any, code: Any, weight: Any, a: Any, b: Any) -> tuple[int, float]:
        import lightgbm as lgb

        learn = self._dataset(x[a], code[a], None if weight is None else weight[a])
        judge = learn.create_valid(x[b], code[b], weight=None if weight is None else weight[b])
        record: dict[str, Any] = {}
        booster = lgb.train(
            self._parameters(), learn, self.n_estimators, valid_sets=[judge],
            callbacks=[lgb.early_stopping(self.patience, verbose=False), lgb.record_evaluation(record)],
        )  # fmt: skip
        return max(1, booster.best_iteration), min(record["valid_0"]["binary_logloss"])

    def _train(self, x: Any, code: Any, weight: Any, rounds: int) -> Any:
        import lightgbm as lgb

        return lgb.train(self._parameters(), self._dataset(x, code, weight), rounds)

    def _dataset(self, x: Any, code: Any, weight: Any) -> Any:
        import lightgbm as lgb

        return lgb.Dataset(
            x, code, weight=weight, feature_name=[f"c{k}" for k in range(x.shape[1])], categorical_feature=self.columns_.categorical,
            params={"verbose": -1, "feature_pre_filter": False}, free_raw_data=True,
        )  # fmt: skip

    def _parameters(self) -> dict[str, Any]:
        asked = dict(self.monotone or {})
        unknown = sorted(set(asked) - set(self.columns_.names))
        if unknown or any(d not in (-1, 0, 1) for d in asked.values()):
            raise InputError("monotone names what is no column, or a direction other than -1, 0, 1", where=f"monotone {unknown or asked}")
        s = self.settings_
        return {
            "objective": "binary",
            "metric": "binary_logloss",
            "learning_rate": self.learning_rate,
            "num_leaves": s["num_leaves"],
            "min_data_in_leaf": s["min_child_samples"],
            "lambda_l2": s["reg_lambda"],
            "bagging_fraction": self.subsample,
            "bagging_freq": 1,
            "feature_fraction": s["colsample"],
            "extra_trees": self.extra_trees,
            "monotone_constraints": [
                0 if c.categories is not None else asked.get(c.name, 0) for c in self.columns_.columns
            ],
            "seed": self.random_state,
            "num_threads": self.n_jobs,
            "deterministic": True,
            "force_row_wise": True,
            "verbose": -1,
        }  # fmt: skip

    # -- scoring -------------------------------------------------------------------------------------------------------

    def decision_function(self, X: Any) -> Any:
        """The calibrated margin: log-odds of the positive class, shape (n_rows,)."""
        check_is_fitted(self)
        return self._margin(self._matrix(X))

    def predict_proba(self, X: Any) -> Any:
        """Calibrated probabilities of both classes, shape (n_rows, 2)."""
        p = special.expit(self.decision_function(X))
        return np.column_stack([1 - p, p])

    def predict(self, X: Any) -> Any:
        """The more probable class of each row."""
        margin = self.decision_function(X)
        return self.classes_[(margin > 0).astype(int)]

    def _margin(self, x: Any) -> Any:
        return self.calibration_.margin(self.booster_.predict(x, raw_score=True, num_threads=self.n_jobs), self._group(x))

    def _group(self, x: Any) -> Any:
        if self.calibrate_by is None:
            return None
        if self.calibrate_by not in self.columns_.names:
            raise InputError("there is no column to calibrate by", where=f"calibrate_by={self.calibrate_by}")
        return x[:, self.columns_.names.index(self.calibrate_by)]

    @property
    def columns(self) -> list[str]:
        """Columns of :meth:`score_arrays`."""
        return ["probability", "margin"]

    def score_arrays(self, features: Mapping[str, Any], n: int) -> dict[str, Any]:
        """Probability and margin over plain arrays: what every engine calls (:func:`fraudrisk.scoring.score_batches`)."""
        check_is_fitted(self)
        margin = self._margin(self.columns_.stack(features, n)) if n else np.empty(0)
        return {"probability": special.expit(margin), "margin": margin}

    def contributions(self, X: Any) -> pd.DataFrame:
        """What each column adds to the margin (TreeSHAP, Lundberg et al. 2020), and ``base``; a row sums to its margin."""
        import pandas as pd

        check_is_fitted(self)
        x = self._matrix(X)
        slope, shift = self.calibration_.lines(len(x), self._group(x))
        parts = np.asarray(self.booster_.predict(x, pred_contrib=True)) * slope[:, None]
        parts[:, -1] += shift
        index = as_frame(X).index if hasattr(as_frame(X), "iloc") else None
        return pd.DataFrame(parts, columns=[*self.columns_.names, BASE], index=index)

    def reasons(self, X: Any, top: int = 5) -> pd.DataFrame:
        """The columns that moved each row most, for and against.

        Returns
        -------
        DataFrame
            ``row`` (index of `X`), ``position``, ``feature``, ``value`` (as given) and ``contribution`` to the margin.
        """
        import pandas as pd

        parts = self.contributions(X)
        frame = as_frame(X)
        values = frame if hasattr(frame, "iloc") else pd.DataFrame(np.asarray(frame), columns=self.columns_.names)
        weights = parts.drop(columns=BASE).to_numpy()
        top = min(top, weights.shape[1])
        order = np.argsort(-np.abs(weights), axis=1, kind="stable")[:, :top]
        n = len(parts)
        flat = order.ravel()
        given = values.to_numpy(dtype=object)
        return pd.DataFrame(
            {
                "row": np.repeat(parts.index.to_numpy(), top),
                "position": np.tile(np.arange(top), n),
                "feature": np.asarray(self.columns_.names, dtype=object)[flat],
                "value": given[np.repeat(np.arange(n), top), flat],
                "contribution": weights[np.repeat(np.arange(n), top), flat],
            }
        )

    # -- keeping -------------------------------------------------------------------------------------------------------

    def save(
        self, folder: str | Path, *, metrics: Mapping[str, Any] | None = None, as_of: str = "", data: str = "", purpose: str = ""
    ) -> None:
        """Write the model as a folder: LightGBM's text, plain JSON, a card; every file named by its SHA-256. Nothing is pickled.

        Parameters
        ----------
        folder : path
            Replaced when it exists.
        metrics, as_of, data, purpose
            Stand in the card.
        """
        import lightgbm

        check_is_fitted(self)
        labels = self.classes_.tolist()
        settings = {k: v for k, v in self.get_params().items() if k != "progress"} | {"monotone": dict(self.monotone or {}) or None}
        meta = {
            "kind": "risk",
            "settings": settings,
            "used": self.settings_,
            "columns": self.columns_.meta(),
            "named": hasattr(self, "feature_names_in_"),
            "classes": labels,
            "rounds": self.n_rounds_,
            "calibration": self.calibration_.meta(),
            "how": self.how_,
            "metrics": dict(metrics or {}),
            "as_of": as_of,
            "data": data,
            "versions": {"lightgbm": lightgbm.__version__},
        }
        save_bundle(Path(folder), meta, {}, _card(self, meta, purpose), texts={"booster": self.booster_.model_to_string()})

    @classmethod
    def load(cls, folder: str | Path) -> RiskScorer:
        """Load a model that :meth:`save` wrote, after checking every file.

        Raises
        ------
        NotFoundError, IntegrityError, InputError
            Not there; changed since it was saved; of another kind, or written by a newer version.
        """
        import lightgbm as lgb

        meta, files = load_bundle(Path(folder), "risk")
        written = tuple(int(p) for p in meta["versions"]["lightgbm"].split(".")[:1])
        if written > tuple(int(p) for p in lgb.__version__.split(".")[:1]):
            raise InputError(
                f"the model was written by lightgbm {meta['versions']['lightgbm']}", where=str(folder), mend="upgrade lightgbm"
            )
        model = cls(**meta["settings"])
        model.columns_ = Columns.from_meta(meta["columns"])
        model.n_features_in_ = len(model.columns_.columns)
        if meta["named"]:
            model.feature_names_in_ = np.array(model.columns_.names, dtype=object)
        model.classes_ = np.array(meta["classes"])
        model.n_rounds_, model.settings_, model.how_ = meta["rounds"], meta["used"], meta["how"]
        model.calibration_ = Calibration.from_meta(meta["calibration"])
        model.booster_ = lgb.Booster(model_str=files["booster"])
        return model


def directions(pack: Pack) -> dict[str, int]:
    """Which way each feature of a pack points, where the pack knows: what :class:`RiskScorer` takes as ``monotone``."""
    return {f.name: f.direction for f in pack.features if f.direction}


def _card(model: RiskScorer, meta: Mapping[str, Any], purpose: str) -> str:
    how = meta["how"]
    lines = [
        "# Risk model",
        "",
        purpose or "Ranks businesses for a check by people.",
        "",
        f"Learned from: {meta['data'] or 'not said'}; as of {meta['as_of'] or 'not said'}. "
        f"Rows {how['rows']}, positives {how['positives']}{'' if how['enough'] else ' (too few to expect it to beat the scorecard)'}.",
        "",
        f"Trees: {meta['rounds']}. Settings: `{meta['used']}`. Stopped and calibrated {how['calibrated']}.",
        "",
        "| measure | value |",
        "|---|---|",
        *(f"| {k} | {v} |" for k, v in meta["metrics"].items()),
        "",
        f"Columns: {', '.join(c['name'] for c in meta['columns'])}.",
        "",
        "It names leads, not findings: a score says where to look, never what was done. Every clue is checked by people.",
        "",
    ]
    return "\n".join(lines)
