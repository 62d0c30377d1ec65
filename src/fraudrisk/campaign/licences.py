"""Licences about to end, or ended without a renewal."""
# ruff: noqa: S608 - values are literals made by engines.dialect and numbers of checked settings

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from fraudrisk.engines.dialect import date_literal
from fraudrisk.features.render import known_sql

if TYPE_CHECKING:
    from fraudrisk.config import Settings

__all__ = ["EXPIRING", "expiring_sql"]

EXPIRING = ("business_id", "name", "district", "sector", "grade", "score", "license_name", "license_no", "valid_to", "days_left", "state")
_CLOSED = "注销|吊销|撤销"
"""Registered states of a business whose licences concern nobody any more (DOMAIN §2.1)."""


def expiring_sql(settings: Settings, day: dt.date) -> str:
    """The latest end of each licence of a business, where it lies near; a later licence without an end has renewed it.

    Only watched sectors and businesses of grade B or above, and none that is itself closed.
    """
    bound = date_literal(day)
    return f"""
WITH held AS (
  SELECT *, coalesce(license_name, item, '') AS what FROM ({known_sql("license", day)})
), last AS (
  SELECT * FROM held h WHERE valid_to IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM held o WHERE o.business_id = h.business_id AND o.what = h.what AND o.valid_to IS NULL AND o.valid_from > h.valid_from)
  QUALIFY row_number() OVER (PARTITION BY business_id, what ORDER BY valid_to DESC, record_id) = 1
)
SELECT l.business_id, r.name, r.district, r.sector, s.grade, s.score, l.what AS license_name, l.record_id AS license_no, l.valid_to,
  date_diff('day', {bound}, l.valid_to) AS days_left, CASE WHEN l.valid_to >= {bound} THEN '将到期' ELSE '已过期未见续期' END AS state
FROM last l JOIN register r USING (business_id) JOIN scores s USING (business_id)
WHERE l.valid_to BETWEEN {bound} - INTERVAL {settings.warning_expired_days} DAY AND {bound} + INTERVAL {settings.warning_licence_days} DAY
  AND (r.watch OR s.grade <> 'A') AND NOT regexp_matches(coalesce(r.status, ''), '{_CLOSED}')
ORDER BY s.grade DESC, days_left, l.business_id, license_no"""
