"""What came of each business after a date: the outcome a pack names, within a window, and whether anybody looked."""

from __future__ import annotations

import datetime as dt

from fraudrisk.engines.dialect import date_literal, text_literal
from fraudrisk.errors import InputError
from fraudrisk.features.render import bind
from fraudrisk.packs.loader import Pack
from fraudrisk.packs.schema import OutcomeRule

__all__ = ["label_sql", "outcome_rule"]


def outcome_rule(pack: Pack, name: str) -> OutcomeRule:
    """The pack's outcome of that name.

    Raises
    ------
    InputError
        There is none; lists those there are.
    """
    for rule in pack.indicators.outcomes:
        if rule.name == name:
            return rule
    raise InputError(f"the pack knows no outcome '{name}'", mend="use one of " + ", ".join(o.name for o in pack.indicators.outcomes))


def label_sql(rule: OutcomeRule, as_of: dt.date, window: dt.timedelta) -> str:
    """Businesses with a row of the outcome's table within ``[as_of, as_of + window)``.

    Reads ``fact_<table>`` of a date after the window, so that it says what is known today of what happened then.

    Returns
    -------
    str
        Query giving ``business_id``, ``positive`` (0 or 1), ``happened_on`` (the first positive row, else the first observed
        one) and ``reason`` (why it was looked at, where the table says).
    """
    positive, observed = bind(rule.positive, as_of), bind(rule.observed, as_of) if rule.observed else ""
    seen = f"(({observed}) OR ({positive}))" if observed else f"({positive})"
    reason = "any_value(selection_reason)" if rule.table in ("inspection", "outcome") else text_literal("")
    return f"""SELECT business_id, CAST(max(CASE WHEN {positive} THEN 1 ELSE 0 END) AS BIGINT) AS positive,
  coalesce(min(happened_on) FILTER (WHERE {positive}), min(happened_on)) AS happened_on, {reason} AS reason
FROM fact_{rule.table}
WHERE happened_on >= {date_literal(as_of)} AND happened_on < {date_literal(as_of + window)} AND {seen}
GROUP BY business_id ORDER BY business_id"""
