"""Scores with reasons. The scorecard needs no labels and is the default."""

from fraudrisk.scoring.scorecard import Scorecard
from fraudrisk.scoring.stream import score_batches

__all__ = ["Scorecard", "score_batches"]
