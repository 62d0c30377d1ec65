"""The specification of a city, the finished city, and the invented world both are made from."""

from __future__ import annotations

import datetime as dt
import functools
import re
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import yaml

from fraudrisk.errors import InputError

__all__ = ["SIMULATOR_VERSION", "City", "CitySpec", "District", "Sector", "World", "district_codes", "load_world", "load_yaml", "stream"]

SIMULATOR_VERSION = "2"
"""Named beside every number that comes from a simulated city."""

_EPOCH = dt.date(1970, 1, 1)
_FIRST_DISTRICT = 91


@dataclass(frozen=True)
class CitySpec:
    """What city to simulate; equal specs give equal cities.

    Parameters
    ----------
    seed : int
    businesses : int
        Businesses in the register.
    start, end : datetime.date
        Events fall in ``start <= day < end``; registrations reach further back.
    division : str
        Six digits of an administrative division that does not exist.
    text_families : {"train", "test", "all"}
        Which complaint templates are used; the families of "test" never occur in a city of "train".

    Examples
    --------
    >>> CitySpec(businesses=600).days
    730
    """

    seed: int = 7
    businesses: int = 20_000
    start: dt.date = dt.date(2024, 11, 1)
    end: dt.date = dt.date(2026, 11, 1)
    division: str = "330299"
    text_families: Literal["train", "test", "all"] = "train"

    def __post_init__(self) -> None:
        if not 200 <= self.businesses <= 20_000_000:
            raise InputError(
                "a city needs 200 to 20,000,000 businesses", where=f"businesses={self.businesses}", mend="choose a number in between"
            )
        if (self.end - self.start).days < 90:
            raise InputError("a city needs at least 90 days", where=f"{self.start} to {self.end}", mend="move start or end")
        if not re.fullmatch(r"[1-9]\d{5}", self.division):
            raise InputError("a division has six digits", where=f"division={self.division}", mend="use 330299")
        if self.text_families not in ("train", "test", "all"):
            raise InputError("unknown text families", where=f"text_families={self.text_families}", mend="use train, test or all")

    @property
    def first(self) -> int:
        """The first day, counted from 1970-01-01."""
        return (self.start - _EPOCH).days

    @property
    def last(self) -> int:
        """The day after the last, counted from 1970-01-01."""
        return (self.end - _EPOCH).days

    @property
    def days(self) -> int:
        """Length of the window in days."""
        return self.last - self.first


@dataclass(frozen=True)
class City:
    """A simulated city: what the office sees, and, apart from it, what is true.

    Parameters
    ----------
    spec : CitySpec
    tables : dict of str to pandas.DataFrame
        By canonical table name, with canonical columns. Nothing latent is in them.
    truth : pandas.DataFrame
        One row per business: ``uscc``, ``name`` and columns that start with ``latent_``. ``latent_business_id`` is the id
        the reader gives the business.
    complaint_truth : pandas.DataFrame
        One row per ticket: ``ticket_id``, its true category, and the business it is really about.
    """

    spec: CitySpec
    tables: dict[str, pd.DataFrame]
    truth: pd.DataFrame
    complaint_truth: pd.DataFrame


class District(NamedTuple):
    """A district: share of businesses, share of elderly residents, reporting propensity and inspection intensity."""

    name: str
    share: float
    elderly: float
    report: float
    inspect: float


@dataclass(frozen=True)
class Sector:
    """A sector as ``world.yaml`` describes it."""

    key: str
    name: str
    watch: bool
    codes: list[str]
    share: float
    company: float
    tickets: float
    report: float
    bad: list[float]
    categories: dict[str, float]
    company_trades: list[str]
    shop_trades: list[str]
    scope: str
    licenses: list[str]
    object: str
    home_trades: list[str] | None = None


@dataclass(frozen=True)
class World:
    """The invented city's fixed facts."""

    city: str
    districts: list[District]
    sectors: list[Sector]
    roads: list[str]
    areas: list[str]
    brand_first: list[str]
    brand_middle: list[str]
    brand_last: list[str]
    surnames: list[str]

    def sector_values(self, attribute: str) -> np.ndarray[Any, np.dtype[Any]]:
        """One attribute of all sectors, in their order."""
        return np.array([getattr(s, attribute) for s in self.sectors])


def district_codes(spec: CitySpec, district: Any) -> Any:
    """Six-digit code of each district: the division's prefecture, and numbers no district has.

    Examples
    --------
    >>> import numpy as np
    >>> district_codes(CitySpec(), np.array([0, 7])).to_pylist()
    ['330291', '330298']
    """
    from fraudrisk.simulate.arrays import join, padded

    return join(spec.division[:4], padded(district + _FIRST_DISTRICT, 2))


def load_yaml(name: str) -> dict[str, Any]:
    """Read a data file of this package."""
    text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  (both are safe loaders)
    return loaded


@functools.cache
def load_world() -> World:
    """Load the world of ``world.yaml``."""
    raw = load_yaml("world.yaml")
    letters = {key: list(raw[key]) for key in ("brand_first", "brand_middle", "brand_last", "surnames")}
    districts = [District(**d) for d in raw["districts"]]
    sectors = [Sector(**s) for s in raw["sectors"]]
    return World(raw["city"], districts, sectors, raw["roads"], raw["areas"], **letters)


def stream(spec: CitySpec, part: int) -> np.random.Generator:
    """Open the random numbers of one part of the city: a change in one part leaves the others as they were."""
    return np.random.default_rng([spec.seed, part])
