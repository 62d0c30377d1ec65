"""Scores with reasons. The scorecard needs no labels and is the default; the boosted model learns from what was found."""

from fraudrisk.scoring.boosted import RiskScorer, directions
from fraudrisk.scoring.leader import Leader
from fraudrisk.scoring.scorecard import Scorecard
from fraudrisk.scoring.stream import score_batches

__all__ = ["Leader", "RiskScorer", "Scorecard", "directions", "score_batches"]
