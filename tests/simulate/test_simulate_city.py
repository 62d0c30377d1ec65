"""The synthetic city: reproducible, realistic in its base rates, and with its truth apart."""

from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np
import pandas as pd
import pytest
from stdnum.cn import uscc as stdnum_uscc

from fraudrisk.errors import InputError
from fraudrisk.records.tables import TABLES
from fraudrisk.simulate import City, CitySpec, simulate_city
from fraudrisk.simulate.texts import load_families

FRAUD_LABELS = [f"EF{i}" for i in range(1, 7)]


@pytest.fixture(scope="module")
def city() -> City:
    return simulate_city(CitySpec())


def test_same_seed_same_city_other_seed_another() -> None:
    spec = CitySpec(businesses=600)
    one, two, other = simulate_city(spec), simulate_city(spec), simulate_city(dataclasses.replace(spec, seed=8))
    for name, table in one.tables.items():
        pd.testing.assert_frame_equal(table, two.tables[name])
    pd.testing.assert_frame_equal(one.truth, two.truth)
    assert one.tables["business"]["name"].tolist() != other.tables["business"]["name"].tolist()


def test_tables_have_canonical_columns_only(city: City) -> None:
    assert set(city.tables) == set(TABLES) - {"outcome", "opinion"}
    for name, table in city.tables.items():
        assert set(table.columns) <= set(TABLES[name].column_names), name


def test_truth_is_marked_latent(city: City) -> None:
    assert all(c in ("uscc", "name") or c.startswith("latent_") for c in city.truth)
    assert all(c == "ticket_id" or c.startswith("latent_") for c in city.complaint_truth)


def test_nothing_lies_outside_the_window(city: City) -> None:
    end = pd.Timestamp(city.spec.end)
    for name, declared in TABLES.items():
        for column in declared.columns:
            table = city.tables.get(name)
            if table is None or column.kind not in ("date", "datetime") or column.future or column.name not in table:
                continue
            assert (table[column.name].dropna() < end).all(), (name, column.name)
    events = {"penalty": "decided_on", "inspection": "inspected_on", "complaint": "reported_at", "registration_change": "changed_on"}
    for name, column_name in events.items():
        assert (city.tables[name][column_name] >= pd.Timestamp(city.spec.start)).all(), name


@pytest.mark.parametrize("seed", [7, 11, 23])
def test_base_rates(seed: int) -> None:
    city = simulate_city(CitySpec(seed=seed))
    truth, tickets = city.truth, city.complaint_truth
    watch = truth[truth["latent_watch"]]
    assert 0.005 <= (watch["latent_state"] == "fraud").mean() <= 0.02
    assert (truth["latent_state"] == "fraud").mean() < 0.004
    fraud = tickets["latent_category"].astype(str).isin(FRAUD_LABELS)
    assert 0.01 <= fraud.mean() <= 0.03
    elder = city.tables["complaint"]["text"].str.contains("养老|老人|老年|保健|理疗|母亲|父亲|我妈|我爸|奶奶|退休").to_numpy()
    assert 0.15 <= fraud[elder].mean() <= 0.35
    assert 0.1 <= len(tickets) / 20_000 / 2 <= 0.2
    assert 0.7 <= (city.tables["business"]["entity_type"] == "个体工商户").mean() <= 0.8


def test_codes_are_mostly_valid_and_unique(city: City) -> None:
    codes = city.tables["business"]["uscc"].dropna()
    assert codes.is_unique
    assert 0.98 < len(codes) / 20_000 < 1
    valid = np.mean([stdnum_uscc.is_valid(c) for c in codes])
    assert 0.99 < valid < 1
    assert set(codes.str[:2]) == {"91", "92", "52"}


def test_a_hub_means_nothing(city: City) -> None:
    busiest = city.tables["business"]["address"].value_counts()
    assert busiest.iloc[0] >= 150
    assert busiest.iloc[1] < busiest.iloc[0]
    at_hub = city.truth["latent_hub"].notna()
    companies = (city.tables["business"]["entity_type"] != "个体工商户").to_numpy()
    assert (city.truth.loc[at_hub, "latent_state"] == "fraud").sum() <= 5 + 3 * at_hub.sum() * (
        city.truth.loc[companies, "latent_state"] == "fraud"
    ).mean()


@pytest.mark.parametrize("businesses", [600, 20_000])
def test_a_phoenix_rises(businesses: int) -> None:
    city = simulate_city(CitySpec(businesses=businesses))
    truth, table = city.truth.set_index("latent_business_id"), city.tables["business"]
    table = table.set_index(table["uscc"].fillna(table["entity_id"]).to_numpy())
    risen = truth["latent_phoenix_of"].dropna()
    assert len(risen) >= 1
    for child, parent in risen.items():
        assert table.loc[child, "legal_person_id_hash"] == table.loc[parent, "legal_person_id_hash"]
        assert table.loc[child, "phone"] == table.loc[parent, "phone"]
        assert table.loc[child, "former_names"] == table.loc[parent, "name"]
        assert table.loc[child, "est_date"] > truth.loc[parent, "latent_gone_on"]


def test_one_name_in_two_districts(city: City) -> None:
    table = city.tables["business"]
    same = table[table["name"].duplicated(keep=False)]
    places = same.groupby("name")["division_code"].agg(lambda codes: len({str(c)[:7] for c in codes}))
    assert (places > 1).any()


def test_a_silent_sector_has_fraud_and_few_tickets(city: City) -> None:
    big = simulate_city(CitySpec(businesses=100_000))
    frauds = big.truth[big.truth["latent_state"] == "fraud"].set_index("latent_business_id")
    about = big.complaint_truth[big.complaint_truth["latent_category"].astype(str).isin(FRAUD_LABELS)]["latent_business"].value_counts()
    tickets = about.reindex(frauds.index).fillna(0)
    silent = (frauds["latent_sector"] == "殡葬/墓园").to_numpy()
    assert silent.sum() >= 5
    assert tickets[silent].mean() < 0.35 * tickets[~silent].mean()


def test_stages_follow_each_other(city: City) -> None:
    frauds = city.truth[city.truth["latent_state"] == "fraud"]
    days = frauds[["latent_started", "latent_collecting_on", "latent_delayed_on", "latent_gone_on"]]
    for before, after in zip(days.columns, days.columns[1:], strict=False):
        both = days[[before, after]].dropna()
        assert (both[before] < both[after]).all()
    assert set(frauds["latent_stage"]) >= {"收款中", "失联"}
    assert (frauds["latent_harm_yuan"] > 0).all()


def test_held_out_families_never_mix() -> None:
    train, held_out = ({f.id for f in load_families(use)} for use in ("train", "test"))
    assert not train & held_out
    assert 0.25 < len(held_out) / len(train | held_out) < 0.45
    for use in ("train", "test"):
        city = simulate_city(CitySpec(businesses=3000, text_families=use))  # type: ignore[arg-type]
        assert set(city.complaint_truth["latent_use"]) == {use}


def test_families_are_enough() -> None:
    families = pd.DataFrame([dataclasses.asdict(f) for f in load_families("all")])
    counts = families["label"].value_counts()
    assert (counts[FRAUD_LABELS] >= 10).all()
    assert counts["EF0"] >= 60
    assert (families["hard"] != "").sum() >= 20
    assert families["id"].is_unique


def test_penalties_lag_the_scheme(city: City) -> None:
    truth = city.truth.set_index("latent_entity_id")
    penalty = city.tables["penalty"].dropna(subset=["entity_id"])
    relevant = penalty[penalty["violation_type"].isin(["虚假宣传", "无证经营", "组织策划传销"])]
    began = relevant["entity_id"].map(truth["latent_started"])
    assert (relevant["decided_on"][began.notna()] - began.dropna() >= pd.Timedelta(days=60)).all()


def test_inspections_see_only_some_of_it() -> None:
    city = simulate_city(CitySpec(businesses=60_000))
    visits = city.tables["inspection"].merge(city.truth, left_on="entity_id", right_on="latent_entity_id")
    hit = (visits["result"] != "未发现问题").groupby(visits["latent_state"].astype(str)).mean()
    assert hit["clean"] < 0.12 < hit["fraud"] < 0.85
    assert set(visits["selection_reason"].dropna()) == {"随机", "定向", "投诉举报", "上级交办"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"businesses": 10},
        {"end": dt.date(2024, 11, 5)},
        {"division": "33"},
        {"text_families": "none"},
    ],
)
def test_a_wrong_spec_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        CitySpec(**wrong)  # type: ignore[arg-type]


def test_professional_claimants_are_few_and_file_in_bulk(city: City) -> None:
    tickets = city.tables["complaint"].merge(city.complaint_truth, on="ticket_id")
    letters = tickets[tickets["latent_hard"].astype(str) == "professional_claim"].dropna(subset=["complainant_hash"])
    by_person = letters.groupby("complainant_hash")["ticket_id"].size()
    assert len(by_person) <= 8
    assert by_person.max() >= 15


def test_a_repeated_ticket_comes_from_the_same_person(city: City) -> None:
    tickets = city.tables["complaint"].merge(city.complaint_truth, on="ticket_id").set_index("ticket_id")
    again = tickets[tickets["latent_original"] != tickets.index].dropna(subset=["complainant_hash"])
    first = tickets.loc[again["latent_original"]]["complainant_hash"]
    same = again["complainant_hash"].to_numpy() == first.to_numpy()
    assert len(again) > 50
    assert same[first.notna().to_numpy()].all()
