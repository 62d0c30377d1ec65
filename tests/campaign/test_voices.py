"""Complaints counted and quoted in SQL: nothing from after the date, copies once, words that point to nobody."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from fraudrisk.campaign.voices import exposure, nameless, quotes, voiced
from fraudrisk.engines import Duck
from fraudrisk.packs import Pack

AS_OF = dt.date(2026, 11, 1)
DAYS = 90


def ticket(number: int, person: str, text: str, business: str | None, *, day: str = "2026-10-01", known: str = "", place: str = "330201001", **more: Any) -> dict[str, Any]:  # fmt: skip
    quote = more.get("quote", "天天早上听课")
    return {
        "record_id": f"r{number}", "known_at": dt.date.fromisoformat(known or day), "reported_at": dt.datetime.fromisoformat(day),
        "complainant_hash": person or None, "division_code": place, "respondent_name": more.get("respondent", ""), "import_no": 0, "source_row": number,
        "category": more.get("category", "EF3"), "tactics": ["T01"], "text_key": text, "evidence": [{"tactic": "T01", "quote": quote, "start": 0, "end": 6}],
        "business_id": business,
    }  # fmt: skip


@pytest.fixture
def duck() -> Iterator[Duck]:
    with Duck() as engine:
        yield engine


def hold(duck: Duck, tickets: list[dict[str, Any]]) -> None:
    schema = pa.schema(
        [
            (n, pa.string())
            for n in ("record_id", "complainant_hash", "division_code", "respondent_name", "category", "text_key", "business_id")
        ]
        + [("known_at", pa.date32()), ("reported_at", pa.timestamp("us")), ("import_no", pa.int64()), ("source_row", pa.int64())]
        + [("tactics", pa.list_(pa.string()))]
        + [("evidence", pa.list_(pa.struct([("tactic", pa.string()), ("quote", pa.string()), ("start", pa.int64()), ("end", pa.int64())])))]
    )
    table = pa.Table.from_pylist(tickets, schema=schema)
    read = ["record_id", "category", "tactics", "text_key", "evidence"]
    rows = [n for n in table.column_names if n not in read[1:] and n != "business_id"]
    duck.view("complaint_rows", table.select(rows))
    duck.view("readings", table.select(read))
    duck.view("link_complaint", table.select(["record_id", "business_id"]).filter(pa.compute.is_valid(table["business_id"])))
    duck.view("listed", pa.table({"business_id": ["b1"]}))
    register = {
        "business_id": ["b1", "b2"],
        "name": ["云州康寿堂养生馆", None],
        "division_code": ["330202001", None],
        "sector": ["wellness", "other"],
    }
    duck.view("register", pa.table(register))


def count(duck: Duck, pack: Pack) -> dict[str, int]:
    found = voiced(duck, pack, AS_OF, DAYS, 6)
    return dict(zip(found["district"], found["people"], strict=True))


def test_persons_are_counted_once_and_copies_not_at_all(duck: Duck, pack: Pack) -> None:
    hold(
        duck,
        [
            ticket(1, "p1", "a", "b1"),
            ticket(2, "p1", "b", "b1"),  # the same person again
            ticket(3, "p2", "a", "b1"),  # a copy of the first text
            ticket(4, "", "c", None),  # nobody's name, no business found: a person by its text
            ticket(5, "p3", "d", "b1", place=""),  # where the business is registered
            ticket(6, "p4", "e", "b2", place=""),  # nowhere
            ticket(7, "p5", "f", "b1", category="EF0"),  # no fraud
        ],
    )
    assert count(duck, pack) == {"330201": 2, "330202": 1, "": 1}


@pytest.mark.parametrize(
    ("day", "known", "counts"),
    [
        ("2026-10-31", "2026-10-31", 1),
        ("2026-11-01", "2026-11-01", 0),
        ("2026-10-31", "2026-11-01", 0),
        ("2026-11-05", "2026-10-20", 0),
        ("2026-08-03", "", 1),
        ("2026-08-02", "", 0),
    ],
)
def test_only_the_last_days_before_the_date_count(duck: Duck, pack: Pack, day: str, known: str, counts: int) -> None:
    hold(duck, [ticket(1, "p1", "a", "b1", day=day, known=known)])
    assert sum(count(duck, pack).values()) == counts


ALIKE = [ticket(1, "p1", "a", "b1"), ticket(2, "p2", "b", "b2"), ticket(3, "p3", "c", "b2")]


@pytest.mark.parametrize(
    ("tickets", "quoted"),
    [
        (ALIKE, True),
        (ALIKE[:2], False),
        ([*ALIKE[:2], ticket(3, "p2", "c", "b2")], False),  # two persons
        ([*ALIKE[:2], ticket(3, "p3", "b", "b2")], False),  # one text copied
        ([ticket(n, f"p{n}", f"t{n}", "b1") for n in range(5)], False),  # one business
        ([*ALIKE[:2], ticket(3, "p3", "c", "b2", known="2026-11-01")], False),  # known too late
        (
            [{**t, "evidence": [{"tactic": "T01", "quote": "听课", "start": 0, "end": 2}]} for t in ALIKE],
            False,
        ),  # too short to say anything
    ],
)
def test_words_are_quoted_when_several_used_them_of_several(duck: Duck, pack: Pack, tickets: list[dict[str, Any]], quoted: bool) -> None:
    hold(duck, tickets)
    found = quotes(duck, pack, AS_OF)
    assert found.to_dict("list") == (
        {"business_id": ["b1"], "tactic": ["T01"], "quote": ["天天早上听课"], "times": [1]} if quoted else {c: [] for c in found.columns}
    )


def test_half_a_name_is_a_name(duck: Duck) -> None:
    hold(duck, [])
    assert nameless(duck, ["去康寿堂听课", "去养生馆听课", "天天听课", "康寿", ""]) == {"天天听课", "康寿", ""}


def test_exposure_counts_everybody(duck: Duck) -> None:
    hold(duck, [])
    assert exposure(duck, 6).to_dict("records") == [
        {"sector": "other", "district": "", "businesses": 1},
        {"sector": "wellness", "district": "330202", "businesses": 1},
    ]
