"""The learned model: LightGBM behind scikit-learn's conventions, stopped and calibrated on later periods than it learned from."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import _check_sample_weight, check_array, check_is_fitted, column_or_1d, validate_data

from fraudrisk.bundle import load_bundle, save_bundle
from fraudrisk.errors import InputError
from fraudrisk.scoring.calibration import Calibration
from fraudrisk.scoring.card import model_card
from fraudrisk.scoring.columns import Columns, as_frame
from fraudrisk.scoring.periods import split_periods
from fraudrisk.scoring.targets import binary_target, weighted_rows
from fraudrisk.scoring.trees import Recipe, Rows

if TYPE_CHECKING:
    import pandas as pd

    from fraudrisk.packs import Pack

__all__ = ["BASE", "FewPositivesWarning", "RiskScorer", "UnseenCategoryWarning", "directions"]

BASE = "base"
"""The contribution that is no column's: where every margin starts."""
ENOUGH = 30
"""Positives below which a hand-made scorecard is the better guess."""


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
        n_estimators: int = 1000,
        learning_rate: float = 0.03,
        num_leaves: int = 10,
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
        self.classes_, code = binary_target(y, len(x))
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, x, dtype=np.float64)
        kept = weighted_rows(code, weight)
        x, code, weight = x[kept], code[kept], None if weight is None else weight[kept]
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
        rows = Rows(x, code, weight)
        recipe = self._recipe(positives)
        if self.search:
            recipe = recipe.searched(rows, periods, self.search, self.progress or (lambda *_: None))
        self.n_rounds_, margin, judged = recipe.rehearse(rows, periods)
        group = self._group(x)
        self.calibration_ = Calibration()
        if len(judged):
            seen = rows.take(judged)
            self.calibration_ = Calibration.fit(margin, seen.y, seen.weight, None if group is None else group[judged])
        self.booster_ = recipe.train(rows, self.n_rounds_)
        self.settings_ = recipe.meta()
        self.how_ = {"rows": len(x), "positives": positives, "enough": positives >= ENOUGH, "calibrated": periods.how}
        return self

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

    def _recipe(self, positives: float) -> Recipe:
        asked = dict(self.monotone or {})
        unknown = sorted(set(asked) - set(self.columns_.names))
        if unknown or any(d not in (-1, 0, 1) for d in asked.values()):
            raise InputError("monotone names what is no column, or a direction other than -1, 0, 1", where=f"monotone {unknown or asked}")
        return Recipe(
            n_estimators=self.n_estimators,
            learning_rate=self.learning_rate,
            num_leaves=self.num_leaves,
            min_child_samples=max(1, min(self.min_child_samples, int(positives) // 2)),
            reg_lambda=self.reg_lambda,
            subsample=self.subsample,
            colsample=self.colsample,
            extra_trees=self.extra_trees,
            monotone=tuple(0 if c.categories is not None else asked.get(c.name, 0) for c in self.columns_.columns),
            categorical=tuple(self.columns_.categorical),
            patience=self.patience,
            seed=self.random_state,
            threads=self.n_jobs,
        )

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
        save_bundle(Path(folder), meta, {}, model_card(meta, purpose), texts={"booster": self.booster_.model_to_string()})

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
