"""Whether a ranking is worth the walk: splits in time, measures at capacity, the past replayed, groups and drift."""

from fraudrisk.evaluation.backtest import Backtest, backtest
from fraudrisk.evaluation.drift import Drift, monitor
from fraudrisk.evaluation.fairness import audit, refuse_banned
from fraudrisk.evaluation.metrics import at_capacity, block_bootstrap, calibration_error, days_earlier, psi
from fraudrisk.evaluation.split import TemporalSplit

__all__ = [
    "Backtest",
    "Drift",
    "TemporalSplit",
    "at_capacity",
    "audit",
    "backtest",
    "block_bootstrap",
    "calibration_error",
    "days_earlier",
    "monitor",
    "psi",
    "refuse_banned",
]
