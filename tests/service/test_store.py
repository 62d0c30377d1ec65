"""Cards fetched together: everybody who asked is answered, whenever they asked."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fraudrisk.service.store import CARD, PostgresReader, Row, StoreAwayError


class Counting(PostgresReader):
    """Answers without a database; every card but ``NOBODY`` is there."""

    trips = 0
    away = False

    async def _fetch(self, statement: Any, values: Any) -> list[Row]:
        self.trips += 1
        await asyncio.sleep(0)
        if self.away:
            raise StoreAwayError
        return [(code, "33", f'"{code}"', 1, b"") for code in values["codes"] if code != "NOBODY"]


@pytest.fixture
def reader() -> Counting:
    pytest.importorskip("psycopg_pool")
    return Counting("postgresql://127.0.0.1:1/none")


def test_who_asks_when_the_last_fetch_ends_is_answered(reader: Counting) -> None:
    """Two fetches that ended in one round of the loop still counted as running, and the next look-up hung."""

    async def ask(pause: int, code: str) -> Row | None:
        for _ in range(pause):
            await asyncio.sleep(0)
        return await reader.one(CARD, {"release": 1, "code": code})

    async def many(pauses: list[int]) -> list[Row | None]:
        return await asyncio.wait_for(asyncio.gather(*(ask(p, f"C{n}") for n, p in enumerate(pauses))), 2)

    for late in range(12):
        for later in range(12):
            answers = asyncio.run(many([0, 1, late, later]))
            assert [a and a[1] for a in answers] == [f'"C{n}"' for n in range(4)]


def test_many_are_answered_by_few_fetches(reader: Counting) -> None:
    async def ask() -> list[Row | None]:
        return await asyncio.gather(*(reader.one(CARD, {"release": 1 + n % 2, "code": f"C{n}"}) for n in range(200)))

    assert all(asyncio.run(ask()))
    assert reader.trips <= 4
    assert asyncio.run(reader.one(CARD, {"release": 1, "code": "NOBODY"})) is None


def test_a_store_that_is_away_is_said_to_everybody_who_asked(reader: Counting) -> None:
    reader.away = True

    async def ask() -> list[Any]:
        asked = (reader.one(CARD, {"release": 1, "code": f"C{n}"}) for n in range(20))
        return await asyncio.gather(*asked, return_exceptions=True)

    assert {type(a) for a in asyncio.run(ask())} == {StoreAwayError}
    reader.away = False
    assert asyncio.run(reader.one(CARD, {"release": 1, "code": "C1"}))
