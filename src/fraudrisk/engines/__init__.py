"""Run SQL and stream Arrow batches. One place talks to each engine."""

from fraudrisk.engines.dialect import check_expression
from fraudrisk.engines.duck import Duck

__all__ = ["Duck", "check_expression"]
