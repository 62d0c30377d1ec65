"""Numbers about each business as of a date: typed specs (in the pack), rendered to SQL that people can read."""

from fraudrisk.features.evidence import evidence_sql
from fraudrisk.features.facts import fact_sql, register_sql
from fraudrisk.features.render import feature_sql

__all__ = ["evidence_sql", "fact_sql", "feature_sql", "register_sql"]
