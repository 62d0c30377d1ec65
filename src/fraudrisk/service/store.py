"""Reading the store: the same statements on SQLite and PostgreSQL, by the drivers themselves; a look-up is one indexed SELECT.

SQLite is read in the event loop: an indexed read takes some twenty microseconds, less than handing it to a thread. PostgreSQL is
read through an async pool.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol, cast

from sqlalchemy import ARRAY, Select, Text, bindparam, func, make_url, select
from sqlalchemy.dialects import postgresql, sqlite

from fraudrisk.service.tables import business, clue, current, fragment, release

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from fraudrisk.service.names import NameIndex

__all__ = [
    "CARD",
    "CLUES",
    "CURRENT",
    "FULL",
    "NAMES",
    "STATUS",
    "Reader",
    "Release",
    "Row",
    "StoreAwayError",
    "by_codes",
    "load_release",
    "open_reader",
]

Row = tuple[Any, ...]
_MAPPED = 8 << 30
_POOL = 8
_TRIPS = 2
"""Round trips for cards at a time; more make them smaller."""

CURRENT = select(current.c.release_id)
CARD = select(business.c.division, business.c.etag, business.c.fragment_id, business.c.card).where(
    (business.c.release_id == bindparam("release")) & (business.c.business_id == bindparam("code"))
)
_CARDS = select(business.c.business_id, business.c.division, business.c.etag, business.c.fragment_id, business.c.card).where(
    (business.c.release_id == bindparam("release")) & (business.c.business_id == func.any(bindparam("codes", type_=ARRAY(Text))))
)
"""Several cards at once, on PostgreSQL."""
BY_USCC = select(business.c.business_id).where((business.c.release_id == bindparam("release")) & (business.c.uscc == bindparam("code")))
FULL = select(business.c.division, business.c.name, business.c.trend, business.c.card).where(
    (business.c.release_id == bindparam("release")) & (business.c.business_id == bindparam("code"))
)
_HIT = (
    business.c.business_id,
    business.c.name,
    business.c.former,
    business.c.state,
    business.c.grade,
    business.c.score,
    business.c.division,
)
CLUES = select(clue).where(clue.c.release_id == bindparam("release")).order_by(clue.c.place == 0, clue.c.place, clue.c.clue_id)
NAMES = (
    select(business.c.business_id, business.c.name, business.c.former, business.c.division)
    .where(business.c.release_id == bindparam("release"))
    .order_by(business.c.business_id)
)
_FRAGMENT = select(fragment.c.body).where(
    (fragment.c.release_id == bindparam("release")) & (fragment.c.fragment_id == bindparam("fragment"))
)
_RELEASE = select(release.c.as_of, release.c.manifest, release.c.head, release.c.published_at).where(
    release.c.release_id == bindparam("release")
)
STATUS = select(release.c.status).where(release.c.release_id == bindparam("release"))
"""Of a release; none where it was removed."""


@lru_cache(maxsize=256)
def by_codes(n: int) -> Select[Any]:
    """Businesses of `n` codes, given as ``c0, c1, …``."""
    codes: list[Any] = [bindparam(f"c{i}") for i in range(n)]
    return select(*_HIT).where((business.c.release_id == bindparam("release")) & business.c.business_id.in_(codes))


class StoreAwayError(Exception):
    """The database does not answer."""


class Reader(Protocol):
    """Reads with one of the two drivers."""

    async def all(self, statement: Select[Any], values: Mapping[str, Any]) -> list[Row]:
        """Every row of an answer."""

    async def one(self, statement: Select[Any], values: Mapping[str, Any]) -> Row | None:
        """The first row, or None."""

    async def refresh(self) -> None:
        """See what was written since."""

    async def close(self) -> None:
        """Give connections back."""


class _Compiled:
    """SQL of a statement in one dialect, made once. Statements live as long as the module: their identity names them."""

    def __init__(self, dialect: Any) -> None:
        self._dialect, self._known = dialect, {}  # type: tuple[Any, dict[int, tuple[str, dict[str, Any], Select[Any]]]]

    def __call__(self, statement: Select[Any], values: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        found = self._known.get(id(statement))
        if found is None:
            compiled = statement.compile(dialect=self._dialect)
            fixed = {k: v for k, v in compiled.params.items() if v is not None}
            found = self._known[id(statement)] = (str(compiled), fixed, statement)
        return found[0], ({**found[1], **values} if found[1] else values)


class SqliteReader:
    """One read-only connection, used in the event loop.

    It reads one snapshot until :meth:`refresh`, which comes every second: within a transaction SQLite takes no locks, and a
    look-up makes no system call.
    """

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(
            f"file:{path}?mode=ro", uri=True, check_same_thread=False, isolation_level=None, cached_statements=256
        )
        self._connection.execute(f"PRAGMA mmap_size={_MAPPED}")
        self._connection.execute("PRAGMA busy_timeout=5000")
        self._connection.execute("PRAGMA query_only=1")
        self._sql = _Compiled(sqlite.dialect(paramstyle="named"))
        self._connection.execute("BEGIN")

    async def all(self, statement: Select[Any], values: Mapping[str, Any]) -> list[Row]:
        """Every row of an answer."""
        return self._connection.execute(*self._sql(statement, values)).fetchall()

    async def one(self, statement: Select[Any], values: Mapping[str, Any]) -> Row | None:
        """The first row, or None."""
        row: Row | None = self._connection.execute(*self._sql(statement, values)).fetchone()
        return row

    async def refresh(self) -> None:
        """Begin a new snapshot."""
        self._connection.execute("COMMIT")
        self._connection.execute("BEGIN")

    async def close(self) -> None:
        """Give the connection back."""
        self._connection.close()


class PostgresReader:
    """A small pool of asynchronous connections; statements are prepared by the driver.

    Cards asked for while others are being fetched are fetched together: under load a round trip serves many look-ups, and a lone
    look-up waits for nobody.
    """

    def __init__(self, address: str) -> None:
        from psycopg import OperationalError
        from psycopg_pool import AsyncConnectionPool, PoolTimeout

        self._lost, self._pool_timeout = OperationalError, PoolTimeout
        self._pool = AsyncConnectionPool(
            address, min_size=2, max_size=_POOL, open=False, kwargs={"autocommit": True, "prepare_threshold": 2}, timeout=5
        )
        self._open = False
        self._sql = _Compiled(cast("Any", postgresql.psycopg).dialect())
        self._asked: dict[tuple[int, str], asyncio.Future[Row | None]] = {}
        self._fetching: set[asyncio.Task[None]] = set()
        self._trips = 0

    async def _fetch(self, statement: Select[Any], values: Mapping[str, Any]) -> list[Row]:
        if not self._open:
            self._open = True
            await self._pool.open()
        sql, given = self._sql(statement, values)
        for _ in range(_POOL + 1):  # after the server was restarted every connection of the pool is dead once
            try:
                async with self._pool.connection() as connection:
                    cursor = await connection.execute(sql.encode(), given)
                    return await cursor.fetchall()
            except self._pool_timeout:
                break
            except self._lost:
                continue
        raise StoreAwayError

    async def all(self, statement: Select[Any], values: Mapping[str, Any]) -> list[Row]:
        """Every row of an answer."""
        return await self._fetch(statement, values)

    async def one(self, statement: Select[Any], values: Mapping[str, Any]) -> Row | None:
        """The first row, or None."""
        if statement is CARD:
            return await self._card(values["release"], values["code"])
        rows = await self._fetch(statement, values)
        return rows[0] if rows else None

    async def _card(self, number: int, code: str) -> Row | None:
        waiting = self._asked.get((number, code))
        if waiting is None:
            waiting = self._asked[number, code] = asyncio.get_running_loop().create_future()
            if self._trips < _TRIPS:
                self._trips += 1
                task = asyncio.create_task(self._fetch_cards())
                self._fetching.add(task)  # a task nobody holds may be collected
                task.add_done_callback(self._fetching.discard)
        return await asyncio.shield(waiting)

    async def _fetch_cards(self) -> None:
        """Fetch what was asked for, and what was asked for meanwhile."""
        try:
            while asked := self._asked:
                self._asked = {}
                for number in {number for number, _ in asked}:
                    await self._answer(number, {code: future for (n, code), future in asked.items() if n == number})
        finally:
            self._trips -= 1  # here, not when the loop comes round to it: a card asked for in between would wait for nobody

    async def _answer(self, number: int, asked: dict[str, asyncio.Future[Row | None]]) -> None:
        try:
            rows = {row[0]: row[1:] for row in await self._fetch(_CARDS, {"release": number, "codes": list(asked)})}
        except BaseException as error:
            for future in asked.values():
                future.set_exception(error if isinstance(error, Exception) else ConnectionError("the look-up was stopped"))
            if not isinstance(error, Exception):
                raise
        else:
            for code, future in asked.items():
                future.set_result(rows.get(code))

    async def refresh(self) -> None:
        """Every statement sees what was written before it."""

    async def close(self) -> None:
        """Give connections back."""
        await self._pool.close()


def open_reader(address: str) -> Reader:
    """A reader for a SQLAlchemy URL."""
    url = make_url(address)
    if url.get_backend_name() == "sqlite":
        return SqliteReader(str(url.database))
    return PostgresReader(url.set(drivername="postgresql").render_as_string(hide_password=False))


@dataclass(frozen=True)
class Release:
    """A published run as a process holds it; a request uses one from beginning to end."""

    number: int
    as_of: str
    published_at: str
    manifest: dict[str, Any]
    head: bytes
    names: NameIndex
    clues: tuple[Row, ...]
    clue_at: dict[str, int]
    fragments: dict[int, bytes] = field(default_factory=dict)

    async def card(self, reader: Reader, code: str) -> tuple[str, str, bytes] | None:
        """Division, ETag and the bytes of a card's answer; None where nobody has the code."""
        row = await reader.one(CARD, {"release": self.number, "code": code})
        if row is None:
            other = await reader.one(BY_USCC, {"release": self.number, "code": code})
            row = await reader.one(CARD, {"release": self.number, "code": other[0]}) if other else None
            if row is None:
                return None
        division, etag, number, card = row
        shared = self.fragments.get(number) or await self._fragment(reader, number)
        return division, etag, b"".join((self.head, card, shared))

    async def full(self, reader: Reader, code: str) -> Row | None:
        """Division, name, scores and card of a business, by either of its codes."""
        row = await reader.one(FULL, {"release": self.number, "code": code})
        if row is None and (other := await reader.one(BY_USCC, {"release": self.number, "code": code})):
            row = await reader.one(FULL, {"release": self.number, "code": other[0]})
        return row

    def clue(self, clue_id: str) -> Row | None:
        """A clue by its number."""
        place = self.clue_at.get(clue_id)
        return None if place is None else self.clues[place]

    async def _fragment(self, reader: Reader, number: int) -> bytes:
        row = await reader.one(_FRAGMENT, {"release": self.number, "fragment": number})
        if row is None:
            raise RuntimeError(f"fragment {number} of release {self.number} is missing")
        self.fragments[number] = bytes(row[0])
        return self.fragments[number]


async def load_release(reader: Reader, number: int, open_names: Callable[[int], Awaitable[NameIndex]]) -> Release:
    """Everything of a release a process keeps in memory; the name index is mapped, not read."""
    row = await reader.one(_RELEASE, {"release": number})
    if row is None:
        raise RuntimeError(f"release {number} is missing")
    names = await open_names(number)
    clues = tuple(await reader.all(CLUES, {"release": number}))
    return Release(number, row[0], row[3], json.loads(row[1]), bytes(row[2]), names, clues, {r[1]: n for n, r in enumerate(clues)})
