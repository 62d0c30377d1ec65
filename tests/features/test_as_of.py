"""Promise 1: no feature sees a fact that was not known before the date. Promise 9: missing is not zero."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraudrisk.engines import Duck
from fraudrisk.features import fact_sql, feature_sql, register_sql
from fraudrisk.packs import Pack
from fraudrisk.records.cleaning import stored_schema
from fraudrisk.records.tables import TABLES
from fraudrisk.steps import READING_SCHEMA

AS_OF = dt.date(2026, 6, 1)
IDS = ("A", "B", "C")
EVENTS = ("complaint", "penalty", "license", "abnormal_listing", "inspection", "ad_monitor", "registration_change", "outcome")


def rows_table(table: str, rows: list[dict[str, Any]]) -> pa.Table:
    schema = stored_schema(TABLES[table])
    plain = [{f.name: row.get(f.name) for f in schema} for row in rows]
    return pa.Table.from_pylist(plain, schema=schema).append_column("import_no", pa.array([0] * len(rows), pa.int64()))


def office(rows: dict[str, list[dict[str, Any]]], readings: list[dict[str, Any]]) -> dict[str, pa.Table]:
    tables = {f"{t}_rows": rows_table(t, r) for t, r in rows.items()}
    for table in rows:
        if table != "business":
            links = {(r["record_id"], r["to"]) for r in rows[table]}
            tables[f"link_{table}"] = pa.table({"record_id": [a for a, _ in sorted(links)], "business_id": [b for _, b in sorted(links)]})
    tables["readings"] = pa.Table.from_pylist([{f.name: r.get(f.name) for f in READING_SCHEMA} for r in readings], schema=READING_SCHEMA)
    return tables


def features(pack: Pack, tables: dict[str, pa.Table], as_of: dt.date = AS_OF) -> list[dict[str, Any]]:
    loaded = [t for t in EVENTS if f"{t}_rows" in tables]
    with Duck() as duck:
        for name, table in tables.items():
            duck.view(name, table)
        duck.view("register", duck.query(register_sql(pack, as_of)))
        for table in loaded:
            duck.view(f"fact_{table}", duck.query(fact_sql(table, pack, as_of)))
        return duck.query(feature_sql(pack, as_of, loaded)).to_pylist()


def business(key: str, known: dt.date = dt.date(2020, 1, 1), **more: Any) -> dict[str, Any]:
    return {
        "business_id": key,
        "record_id": key,
        "name": f"甬城{key}馆",
        "uscc": key,
        "known_at": known,
        "est_date": dt.date(2020, 1, 1),
        "source_row": 1,
        **more,
    }


day = st.dates(dt.date(2025, 1, 1), dt.date(2027, 1, 1))


@st.composite
def events(draw: st.DrawFn) -> list[tuple[str, dict[str, Any], dict[str, Any] | None]]:
    out = []
    for number in range(draw(st.integers(1, 14))):
        table = draw(st.sampled_from(EVENTS))
        known, happened = draw(day), draw(day)
        row: dict[str, Any] = {"record_id": f"{table}{number}", "to": draw(st.sampled_from(IDS)), "known_at": known, "source_row": number}
        reading = None
        date_column = TABLES[table].known_from[0]
        row[date_column] = dt.datetime.combine(min(known, happened), dt.time()) if table == "complaint" else min(known, happened)
        if table == "complaint":
            row |= {"text": "交了三万,还在收钱", "complainant_hash": draw(st.sampled_from(["p1", "p2", "p3"])), "division_code": "330299"}
            reading = {
                "record_id": row["record_id"], "category": draw(st.sampled_from(["EF3", "EF1", "EF0"])), "tactics": draw(st.lists(st.sampled_from(["T01", "T04", "T16", "T27"]), max_size=3)),
                "stage": draw(st.sampled_from(["收款中", "失联", None])), "amount_yuan": draw(st.sampled_from([None, 100.0, 30000.0])), "text_key": draw(st.sampled_from(["k1", "k2", row["record_id"]])),
                "promised_return": draw(st.sampled_from([None, 12.0])),
            }  # fmt: skip
        elif table == "penalty":
            row |= {"violation_type": "虚假宣传", "repaired_on": draw(st.sampled_from([None, dt.date(2026, 3, 1), dt.date(2026, 9, 1)]))}
        elif table == "abnormal_listing":
            row |= {"list_reason": "无法联系", "removed_on": draw(st.sampled_from([None, dt.date(2026, 3, 1), dt.date(2026, 9, 1)]))}
        elif table == "license":
            row |= {"license_name": "食品经营许可证", "valid_from": min(known, happened)}
        elif table == "inspection":
            row |= {"selection_reason": "定向", "result": "未发现问题"}
        elif table == "ad_monitor":
            row |= {"text": "保健食品治百病", "violation_code": "W1"}
        elif table == "outcome":
            row |= {"conclusion": "属实"}
        else:
            row |= {"change_item": "名称变更"}
        out.append((table, row, reading))
    return out


def build(items: list[tuple[str, dict[str, Any], dict[str, Any] | None]], extra: list[dict[str, Any]] | None = None) -> dict[str, pa.Table]:
    rows: dict[str, list[dict[str, Any]]] = {
        "business": [business(i, legal_person_id_hash="h" if i in "AB" else None) for i in IDS] + (extra or [])
    }
    for table in EVENTS:
        rows[table] = [row for t, row, _ in items if t == table]
    return office(rows, [r for _, _, r in items if r])


@settings(max_examples=40, deadline=None)
@given(items=events(), later=st.sampled_from(["drop", "move", "change"]))
def test_future_facts_change_nothing(pack: Pack, items: list[tuple[str, dict[str, Any], dict[str, Any] | None]], later: str) -> None:
    before = features(pack, build(items))
    changed = []
    for table, row, reading in items:
        if row["known_at"] >= AS_OF:
            if later == "drop":
                continue
            moved = (
                dict(row, known_at=row["known_at"] + dt.timedelta(days=200))
                if later == "move"
                else dict(row, to="C", violation_type="非法集资")
            )
            changed.append((table, moved, reading))
        else:
            changed.append((table, row, reading))
    after = features(pack, build(changed, [business("A", dt.date(2026, 6, 1), name="改名之后", industry_code="8514")]))
    assert after == before


def test_known_on_the_day_is_not_known_before_it(pack: Pack) -> None:
    row = {"record_id": "p", "to": "A", "violation_type": "虚假宣传", "decided_on": dt.date(2026, 1, 1), "source_row": 1}
    value = {}
    for known in (dt.date(2026, 5, 31), dt.date(2026, 6, 1)):
        found = features(pack, build([("penalty", dict(row, known_at=known), None)]))
        value[known] = next(f for f in found if f["business_id"] == "A")["penalties_in_force"]
    assert value == {dt.date(2026, 5, 31): 1.0, dt.date(2026, 6, 1): 0.0}


def test_the_renderer_writes_the_bound_into_every_table(pack: Pack) -> None:
    sql = feature_sql(pack, AS_OF, EVENTS)
    for table in EVENTS:
        assert re.search(rf"FROM fact_{table} WHERE known_at < DATE '2026-06-01'", sql), table
        assert "known_at < DATE '2026-06-01'" in fact_sql(table, pack, AS_OF)
    assert "known_at < DATE '2026-06-01'" in register_sql(pack, AS_OF)


def test_a_removal_known_later_is_not_seen_before(pack: Pack) -> None:
    row = {
        "record_id": "l",
        "to": "A",
        "list_reason": "通过登记的住所无法联系",
        "listed_on": dt.date(2026, 1, 1),
        "known_at": dt.date(2026, 1, 2),
        "removed_on": dt.date(2026, 7, 1),
        "source_row": 1,
    }
    tables = build([("abnormal_listing", row, None)])
    seen = {d: features(pack, tables, d)[0]["lost_contact"] for d in (AS_OF, dt.date(2026, 8, 1))}
    assert seen == {AS_OF: 1.0, dt.date(2026, 8, 1): 0.0}


def complaint(number: int, person: str, text_key: str, **more: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    row = {
        "record_id": f"c{number}",
        "to": "A",
        "known_at": dt.date(2026, 5, number % 28 + 1),
        "reported_at": dt.datetime(2026, 5, number % 28 + 1),
        "complainant_hash": person,
        "source_row": number,
    }
    return "complaint", row, {"record_id": f"c{number}", "category": "EF3", "tactics": [], "text_key": text_key, **more}


def test_fifty_copies_are_one_and_so_is_one_person_with_five_tickets(pack: Pack) -> None:
    copies = [complaint(i, f"person{i}", "same") for i in range(50)]
    assert features(pack, build(copies))[0]["victims_365"] == 1.0
    tickets = [complaint(i, "one", f"text{i}", amount_yuan=1000.0 * (i + 1)) for i in range(5)]
    found = features(pack, build(tickets))[0]
    assert (found["victims_365"], found["amount_730"]) == (1.0, 5000.0)


def test_a_table_that_was_not_loaded_is_missing_not_zero(pack: Pack) -> None:
    tables = {k: v for k, v in build([]).items() if "penalty" not in k and "license" not in k}
    found = features(pack, tables)[0]
    assert found["penalties_in_force"] is None
    assert found["unlicensed_730"] is None
    assert found["victims_365"] == 0.0


def test_a_licence_covers_only_its_own_days(pack: Pack) -> None:
    act = complaint(1, "p", "k")
    act[1]["text"] = "卖保健品"
    early = {
        "record_id": "x",
        "to": "A",
        "license_name": "食品经营许可证",
        "valid_from": dt.date(2020, 1, 1),
        "valid_to": dt.date(2025, 1, 1),
        "known_at": dt.date(2020, 1, 1),
        "source_row": 1,
    }
    assert features(pack, build([act, ("license", early, None)]))[0]["unlicensed_730"] == 1.0
    assert features(pack, build([act, ("license", dict(early, valid_to=None), None)]))[0]["unlicensed_730"] == 0.0


def test_links_need_more_than_a_name_and_stop_at_hubs(pack: Pack) -> None:
    outcome = {
        "record_id": "o",
        "to": "S",
        "conclusion": "属实",
        "concluded_on": dt.date(2026, 1, 1),
        "known_at": dt.date(2026, 1, 1),
        "source_row": 1,
    }

    def linked(members: int, **shared: Any) -> float:
        people = [business("S", **shared), *(business(f"M{i:03d}", **shared) for i in range(members))]
        rows = {"business": people, **{t: [] for t in EVENTS}, "outcome": [outcome]}
        return next(f["linked_confirmed"] for f in features(pack, office(rows, [])) if f["business_id"] == "M000")

    assert linked(1, legal_person_id_hash="h") == 1.0
    assert linked(3, phone_hash="t") == pytest.approx(1 / 3)
    assert linked(300, address="海东区X路1号(集中办公区)") == 0.0
    assert linked(1, legal_person="张某") == 0.0
    assert (
        next(f for f in features(pack, build([("outcome", dict(outcome, to="C"), None)])) if f["business_id"] == "C")["linked_confirmed"]
        == 0.0
    )


ADVERSE: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("penalty", {"violation_type": "虚假宣传"}, {"repaired_on": dt.date(2026, 5, 1)}),
    ("penalty", {"violation_type": "虚假宣传"}, {"public_until": dt.date(2026, 5, 1)}),
    ("abnormal_listing", {"list_reason": "无法联系"}, {"removed_on": dt.date(2026, 5, 1)}),
    ("serious_violation", {"serious_reason": "虚假宣传"}, {"removed_on": dt.date(2026, 5, 1)}),
    ("ad_monitor", {"text": "治百病", "violation_code": "W1"}, {"corrected_on": dt.date(2026, 5, 1)}),
]


@pytest.mark.parametrize(("table", "row", "mended"), ADVERSE, ids=lambda v: str(v)[:40])
def test_what_was_repaired_expired_or_withdrawn_counts_nothing(pack: Pack, table: str, row: dict[str, Any], mended: dict[str, Any]) -> None:
    """Every feature is then what it is without the record, for the business itself and for those it shares a person with."""
    date = {c.name: dt.date(2026, 4, 1) for c in TABLES[table].columns if c.name == TABLES[table].known_from[0]}
    record = {"record_id": "r1", "to": "A", "known_at": dt.date(2026, 4, 2), "source_row": 1, **date, **row}
    firms = [business(i, legal_person_id_hash="h" if i in "AB" else None) for i in IDS]

    def with_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        tables = office({"business": firms, table: rows}, [])
        with Duck() as duck:
            for name, data in tables.items():
                duck.view(name, data)
            duck.view("register", duck.query(register_sql(pack, AS_OF)))
            duck.view(f"fact_{table}", duck.query(fact_sql(table, pack, AS_OF)))
            return duck.query(feature_sql(pack, AS_OF, [table])).to_pylist()

    assert with_rows([record]) != with_rows([])  # in force it counts
    assert with_rows([{**record, **mended}]) == with_rows([])
