"""Put a city together: the hidden population first, then every table from it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from fraudrisk.simulate.arrays import NO_DAY, Ints, dates, frame, take
from fraudrisk.simulate.filings import ad_monitor, annual_reports, licenses, registration_changes
from fraudrisk.simulate.latent import CATEGORIES, STAGES, STATES, Population, populate, stage_at
from fraudrisk.simulate.register import Register, register
from fraudrisk.simulate.tickets import complaints, draw_tickets
from fraudrisk.simulate.visits import abnormal_listings, inspections, penalties, serious_violations
from fraudrisk.simulate.world import City, CitySpec, World, load_world

__all__ = ["simulate_city"]


def simulate_city(spec: CitySpec | None = None) -> City:
    """Simulate a city: tables as an office holds them, and the truth apart.

    Parameters
    ----------
    spec : CitySpec, optional
        The default city of 20,000 businesses when not given.

    Returns
    -------
    City

    Examples
    --------
    >>> city = simulate_city(CitySpec(businesses=600))
    >>> len(city.tables["business"]), [c for t in city.tables.values() for c in t if c.startswith("latent_")]
    (600, [])
    """
    spec = spec or CitySpec()
    world = load_world()
    people = populate(spec, world)
    book = register(spec, world, people)
    tickets = draw_tickets(spec, world, people)
    complaint, complaint_truth = complaints(spec, world, people, book, tickets)
    inspection, hit, hit_day = inspections(spec, world, people, book, tickets)
    penalty = penalties(spec, world, people, book, (hit, hit_day))
    tables = {
        "business": book.table,
        "abnormal_listing": abnormal_listings(spec, world, people, book),
        "serious_violation": serious_violations(spec, people, book, penalty),
        "penalty": penalty,
        "license": licenses(spec, world, people, book),
        "annual_report": annual_reports(spec, people, book),
        "inspection": inspection,
        "complaint": complaint,
        "ad_monitor": ad_monitor(spec, world, people, book),
        "registration_change": registration_changes(spec, people, book),
    }
    return City(spec, tables, _truth(spec, world, people, book), complaint_truth)


def _truth(spec: CitySpec, world: World, people: Population, book: Register) -> pd.DataFrame:
    stage = stage_at(people.stages, np.full(len(people), spec.last))
    return frame(
        {
            "uscc": book.uscc,
            "name": book.name,
            "latent_business_id": book.business_id,
            "latent_entity_id": book.entity_id,
            "latent_state": take(STATES, people.state),
            "latent_category": take(CATEGORIES, people.category),
            "latent_sector": take([s.name for s in world.sectors], people.sector),
            "latent_watch": pa.array(world.sector_values("watch")[people.sector]),
            "latent_district": take([d.name for d in world.districts], people.district),
            **_stage_columns(people.stages),
            "latent_stage": take(STAGES, stage),
            "latent_victims": pa.array(people.victims),
            "latent_harm_yuan": pa.array(people.harm),
            "latent_phoenix_of": book.business_id.take(pa.array(np.maximum(people.parent, 0), mask=people.parent < 0)),
            "latent_hub": pa.array(people.hub, mask=people.hub < 0),
        }
    )


def _stage_columns(stages: Ints) -> dict[str, pa.Array]:
    """First day of each stage; a stage that lies beyond the window has none."""
    named = ("latent_started", "latent_collecting_on", "latent_delayed_on", "latent_gone_on")
    return {name: dates(np.where(stages[:, i] > NO_DAY, stages[:, i], NO_DAY)) for i, name in enumerate(named)}
