"""What inspectors of the synthetic city find when they go there: imperfect, like the real ones, and drawn from the hidden truth."""

from __future__ import annotations

import datetime as dt
import hashlib

import pandas as pd

from fraudrisk.simulate.world import City

__all__ = ["Fieldwork"]

_CONFIRMED = {"引流": 0.55, "收款中": 0.75, "延期兑付": 0.85, "失联": 0.9}
"""Chance that a visit proves a fraud, by its stage that day; a scheme that only lures is harder to prove."""
_PARTLY = {"misleading": 0.35, "sloppy": 0.08, "clean": 0.01}
_UNVERIFIED = 0.05


class Fieldwork:
    """Concludes a visit from what is true of the business that day; the same visit always ends the same.

    Parameters
    ----------
    city : City

    Examples
    --------
    >>> from fraudrisk.simulate import CitySpec, simulate_city
    >>> work = Fieldwork(simulate_city(CitySpec(businesses=600)))
    >>> business = work.truth.index[work.truth["latent_state"] == "clean"][0]
    >>> work.fraud(business, work.city.spec.end), work.conclude(business, work.city.spec.end) in ("属实",)
    (False, False)
    """

    def __init__(self, city: City) -> None:
        self.city = city
        self.truth = city.truth.set_index("latent_business_id")

    def stage(self, business: str, day: dt.date) -> str:
        """Stage of the scheme a business runs that day; empty where it runs none yet."""
        row = self.truth.loc[business]
        columns = {"latent_gone_on": "失联", "latent_delayed_on": "延期兑付", "latent_collecting_on": "收款中", "latent_started": "引流"}
        return next((stage for column, stage in columns.items() if row[column] <= pd.Timestamp(day)), "")

    def fraud(self, business: str, day: dt.date) -> bool:
        """Whether it runs a scheme that day."""
        return bool(self.truth.loc[business, "latent_state"] == "fraud") and bool(self.stage(business, day))

    def active(self, day: dt.date) -> pd.DataFrame:
        """Every business that runs a scheme that day, the most victims first."""
        rows = self.truth[(self.truth["latent_state"] == "fraud") & (self.truth["latent_started"] <= pd.Timestamp(day))]
        return rows.sort_values("latent_victims", ascending=False, kind="stable")

    def conclude(self, business: str, day: dt.date) -> str:
        """属实, 部分属实, 不属实 or 无法核实."""
        draw = int(hashlib.sha256(f"{self.city.spec.seed}:{business}:{day}".encode()).hexdigest()[:12], 16) / 2**48
        if self.fraud(business, day):
            return "属实" if draw < _CONFIRMED[self.stage(business, day)] else "无法核实"
        if draw < _PARTLY.get(str(self.truth.loc[business, "latent_state"]), 0.0):
            return "部分属实"
        return "无法核实" if draw > 1 - _UNVERIFIED else "不属实"
