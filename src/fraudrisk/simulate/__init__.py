"""A seeded synthetic city: records as dirty as real ones, and the truth kept where no feature can read it.

Numbers measured on it are checks of the plumbing, not of the field: name `SIMULATOR_VERSION` and the seed beside each.
"""

from __future__ import annotations

from fraudrisk.simulate.city import simulate_city
from fraudrisk.simulate.files import write_city
from fraudrisk.simulate.world import SIMULATOR_VERSION, City, CitySpec

__all__ = ["SIMULATOR_VERSION", "City", "CitySpec", "simulate_city", "write_city"]
