"""What is true of each business and no record says: its state, the scheme it runs, and the stages the scheme goes through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fraudrisk.simulate.arrays import NO_DAY, Bools, Floats, Ints
from fraudrisk.simulate.world import CitySpec, World, stream

__all__ = ["CATEGORIES", "CLEAN", "FRAUD", "MISLEADING", "SLOPPY", "STAGES", "STATES", "Population", "populate", "stage_at"]

STATES = ("clean", "sloppy", "misleading", "fraud")
CLEAN, SLOPPY, MISLEADING, FRAUD = range(4)
CATEGORIES = ("", "EF1", "EF2", "EF3", "EF4", "EF5", "EF6")
STAGES = ("", "引流", "收款中", "延期兑付", "失联")

# Per category: median days and log-sigma of 引流, 收款中, 延期兑付. Bed deposits and projects run for about two and a half years
# before they stop paying (DOMAIN 1.5); sales meetings are short, and repeated.
_DURATIONS = {
    1: ((60, 0.6), (780, 0.6), (120, 0.7)),
    2: ((60, 0.6), (760, 0.6), (120, 0.7)),
    3: ((14, 0.5), (170, 0.9), (25, 0.8)),
    4: ((30, 0.6), (500, 0.6), (120, 0.7)),
    5: ((20, 0.6), (250, 0.7), (150, 0.7)),
    6: ((20, 0.6), (220, 0.8), (90, 0.7)),
}
# Per category: median victims and log-sigma, median yuan of one victim and log-sigma: harm spans five orders of magnitude.
_SCALE = {
    1: (110, 1.2, 42_000, 0.5),
    2: (120, 1.3, 60_000, 0.6),
    3: (40, 1.0, 5_500, 0.7),
    4: (9, 0.8, 420_000, 0.6),
    5: (18, 0.9, 32_000, 0.5),
    6: (30, 1.0, 4_000, 0.9),
}
_PHOENIX_SHARE = 0.12


@dataclass
class Population:
    """Hidden facts, one entry per business; days count from 1970, `NO_DAY` where something never happened.

    ``stages`` holds the first day of each stage; ``closed`` the day of deregistration or revocation; ``person`` which person
    stands behind the business; ``parent`` the business whose operator rose again in this one (-1 for none).
    """

    district: Ints
    sector: Ints
    company: Bools
    home: Bools
    established: Ints
    closed: Ints
    state: Ints
    category: Ints
    stages: Ints
    victims: Ints
    harm: Floats
    person: Ints
    hub: Ints
    parent: Ints

    def __len__(self) -> int:
        return len(self.district)


def populate(spec: CitySpec, world: World) -> Population:
    """Draw the hidden truth of a city."""
    rng = stream(spec, 1)
    n = spec.businesses
    people = _blank(spec, world, rng)
    _close(people, spec, rng)
    _fall(people, world, rng)
    frauds = _choose_frauds(people, world, rng)
    people.state[frauds] = FRAUD
    _schemes(people, frauds, spec, world, rng)
    _phoenixes(people, frauds, spec, rng)
    shared = rng.random(n) < 0.04
    shared &= people.parent < 0
    people.person[shared] = people.person[rng.integers(0, n, int(shared.sum()))]
    _hubs(people, rng)
    return people


def stage_at(stages: Ints, day: Ints) -> Ints:
    """Index into `STAGES` on `day`: the last stage that had begun."""
    begun = (stages > NO_DAY) & (stages <= np.asarray(day)[:, None])
    return np.asarray(begun.sum(axis=1), dtype=np.int64)


def _blank(spec: CitySpec, world: World, rng: np.random.Generator) -> Population:
    n = spec.businesses
    shares = np.array([d.share for d in world.districts])
    sector_shares = world.sector_values("share")
    sector = rng.choice(len(world.sectors), size=n, p=sector_shares / sector_shares.sum())
    company = rng.random(n) < world.sector_values("company")[sector]
    care = np.array([bool(s.home_trades) for s in world.sectors])[sector]
    age = np.minimum(rng.exponential(np.where(company, 2300.0, 1900.0)), 11_000)
    return Population(
        district=rng.choice(len(world.districts), size=n, p=shares / shares.sum()),
        sector=sector,
        company=company,
        home=company & care & (rng.random(n) < 0.45),
        established=spec.last - 2 - age.astype(np.int64),
        closed=np.full(n, NO_DAY),
        state=np.zeros(n, dtype=np.int64),
        category=np.zeros(n, dtype=np.int64),
        stages=np.full((n, 4), NO_DAY),
        victims=np.zeros(n, dtype=np.int64),
        harm=np.zeros(n),
        person=np.arange(n, dtype=np.int64),
        hub=np.full(n, -1, dtype=np.int64),
        parent=np.full(n, -1, dtype=np.int64),
    )


def _close(people: Population, spec: CitySpec, rng: np.random.Generator) -> None:
    """About four in a hundred deregister in a year."""
    chosen = rng.random(len(people)) < 0.04 * spec.days / 365
    day = spec.first + (rng.random(len(people)) * spec.days).astype(np.int64)
    chosen &= day > people.established + 60
    people.closed[chosen] = day[chosen]


def _fall(people: Population, world: World, rng: np.random.Generator) -> None:
    """Sloppy and misleading businesses, by the shares of their sector."""
    bad = np.array([s.bad for s in world.sectors])[people.sector]
    draw = rng.random(len(people))
    people.state[draw < bad[:, 0] + bad[:, 1]] = MISLEADING
    people.state[draw < bad[:, 0]] = SLOPPY


def _choose_frauds(people: Population, world: World, rng: np.random.Generator) -> Ints:
    """As many as the sectors' rates say (at least four), more often where more old people live."""
    rate = np.array([s.bad[2] for s in world.sectors])[people.sector]
    elderly = np.array([d.elderly for d in world.districts])
    weight = rate * (elderly / elderly.mean())[people.district]
    candidates = np.flatnonzero(weight > 0)
    number = min(max(4, round(float(rate.sum()))), len(candidates) // 2)
    return np.sort(rng.choice(candidates, size=number, replace=False, p=weight[candidates] / weight[candidates].sum()))


def _schemes(people: Population, frauds: Ints, spec: CitySpec, world: World, rng: np.random.Generator) -> None:
    """Give each fraud its category, stages and size."""
    names = list(CATEGORIES)
    for i in frauds:
        mixture = world.sectors[int(people.sector[i])].categories
        p = np.array(list(mixture.values()))
        people.category[i] = names.index(list(mixture)[int(rng.choice(len(p), p=p / p.sum()))])
    lengths = _lengths(people.category[frauds], rng)
    # somewhat more of them run towards the end of the window than at its start
    reference = spec.first - 120 + (rng.random(len(frauds)) ** 0.75 * (spec.days + 110)).astype(np.int64)
    started = reference - (rng.random(len(frauds)) * lengths.sum(axis=1)).astype(np.int64)
    # a few end early enough in the window for their operators to rise again, even in the smallest city
    early = np.arange(len(frauds)) < max(1, round(0.1 * len(frauds)))
    started = np.where(early, spec.first + rng.integers(20, 120, len(frauds)) - lengths.sum(axis=1), started)
    _run(people, frauds, started, lengths, spec)
    _size(people, frauds, rng)
    wait = np.exp(rng.normal(np.log(np.where(people.category[frauds] <= 2, 420.0, 80.0)), 0.9)).astype(np.int64) + 5
    people.established[frauds] = started - np.minimum(wait, 4000)
    people.closed[frauds] = NO_DAY
    _revoke(people, frauds, spec, rng)


def _lengths(category: Ints, rng: np.random.Generator) -> Ints:
    """Days of the first three stages, lognormal."""
    table = np.array([_DURATIONS[int(c)] for c in category], dtype=float).reshape(-1, 3, 2)
    drawn = np.exp(rng.normal(np.log(table[:, :, 0]), table[:, :, 1])).astype(np.int64)
    return np.clip(drawn, [3, 7, 5], [400, 3200, 900])


def _run(people: Population, firms: Ints, started: Ints, lengths: Ints, spec: CitySpec) -> None:
    """Lay out the stages; what lies beyond the window has not happened."""
    days = started[:, None] + np.concatenate([np.zeros((len(firms), 1), dtype=np.int64), lengths.cumsum(axis=1)], axis=1)
    people.stages[firms] = np.where(days < spec.last, days, NO_DAY)


def _size(people: Population, firms: Ints, rng: np.random.Generator) -> None:
    table = np.array([_SCALE[int(c)] for c in people.category[firms]]).reshape(-1, 4)
    victims = np.exp(rng.normal(np.log(table[:, 0]), table[:, 1]))
    people.victims[firms] = np.clip(victims, 2, 30_000).astype(np.int64)
    each = np.exp(rng.normal(np.log(table[:, 2]), table[:, 3]))
    people.harm[firms] = np.round(people.victims[firms] * each, -2)


def _revoke(people: Population, frauds: Ints, spec: CitySpec, rng: np.random.Generator) -> None:
    """Revoke or deregister some who are gone, long after."""
    gone = people.stages[frauds, 3]
    day = gone + rng.integers(20, 500, len(frauds))
    chosen = (gone > NO_DAY) & (rng.random(len(frauds)) < 0.45) & (day < spec.last)
    people.closed[frauds[chosen]] = day[chosen]


def _phoenixes(people: Population, frauds: Ints, spec: CitySpec, rng: np.random.Generator) -> None:
    """Let some operators who have vanished begin again: another firm, the same person and phone."""
    gone = people.stages[frauds, 3]
    ready = frauds[(gone > spec.first - 200) & (gone < spec.last - 260)]
    number = min(len(ready), max(1, round(_PHOENIX_SHARE * len(frauds))))
    parents = ready[:number]
    honest = np.flatnonzero((people.state == CLEAN) & (people.person == np.arange(len(people))))
    for parent in parents:
        same = honest[people.sector[honest] == people.sector[parent]]
        if not len(same):
            continue
        child = int(rng.choice(same))
        honest = honest[honest != child]
        people.state[child], people.category[child] = FRAUD, people.category[parent]
        people.person[child], people.parent[child], people.company[child] = people.person[parent], parent, people.company[parent]
        people.home[child] = people.home[parent]
        people.established[child] = people.stages[parent, 3] + int(rng.integers(20, 120))
        people.closed[child] = NO_DAY
        started = np.array([people.established[child] + int(rng.integers(10, 60))])
        _run(people, np.array([child]), started, _lengths(people.category[[child]], rng), spec)
        _size(people, np.array([child]), rng)


def _hubs(people: Population, rng: np.random.Generator) -> None:
    """Cluster addresses of hundreds of companies; who sits there does not depend on what it does."""
    n = len(people)
    companies = np.flatnonzero(people.company & ~people.home & (people.parent < 0))
    size = int(np.clip(n * 0.012, 24, 320))
    number = max(1, n // 12_000)
    chosen = rng.choice(companies, size=min(number * size, len(companies) // 2), replace=False)
    people.hub[chosen] = np.arange(len(chosen)) % number
