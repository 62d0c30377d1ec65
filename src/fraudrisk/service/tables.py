"""Tables of the store: published runs, who may call, how far the audit log had come. SQLite or PostgreSQL, one definition.

What is in the store can be published again from the runs, but for the keys. Days and JSON are text, so that both databases give
back the same values without a layer in between.
"""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Column, Engine, Float, Index, Integer, LargeBinary, MetaData, String, Table, Text, insert, select
from sqlalchemy.exc import SQLAlchemyError

from fraudrisk.errors import InputError, IntegrityError
from fraudrisk.outcomes.schema import open_engine

if TYPE_CHECKING:
    from fraudrisk.workspace import Workspace

__all__ = [
    "METADATA",
    "anchor",
    "api_key",
    "business",
    "clue",
    "current",
    "ended_session",
    "fragment",
    "now_text",
    "open_store",
    "release",
    "store_url",
]

METADATA = MetaData()
FORMAT = 1
_LOCK = 718294

release = Table(
    "store_release",
    METADATA,
    Column("release_id", Integer, primary_key=True, autoincrement=True),
    Column("as_of", String(10), nullable=False),
    Column("status", String(8), nullable=False),
    Column("published_at", String(32)),
    Column("retired_at", String(32)),
    Column("manifest", Text, nullable=False),
    Column("head", LargeBinary, nullable=False),
)
"""``status``: writing, ready. ``head``: the first bytes of every card's answer."""

current = Table("store_current", METADATA, Column("one", Integer, primary_key=True), Column("release_id", Integer, nullable=False))
"""One row: which release readers see."""

fragment = Table(
    "store_fragment",
    METADATA,
    Column("release_id", Integer, primary_key=True, autoincrement=False),
    Column("fragment_id", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
)
"""The part of a card that many businesses share (what to look at, conduct, notice): two thirds of its bytes."""

business = Table(
    "store_business",
    METADATA,
    Column("release_id", Integer, primary_key=True, autoincrement=False),
    Column("business_id", String(64), primary_key=True),
    Column("uscc", String(32)),
    Column("name", Text, nullable=False),
    Column("former", Text),
    Column("division", String(12), nullable=False),
    Column("state", String(32)),
    Column("grade", String(1), nullable=False),
    Column("score", Float, nullable=False),
    Column("trend", Text, nullable=False),
    Column("etag", String(40), nullable=False),
    Column("fragment_id", Integer, nullable=False),
    Column("card", LargeBinary, nullable=False),
    Index("store_business_by_uscc", "release_id", "uscc"),
)

clue = Table(
    "store_clue",
    METADATA,
    Column("release_id", Integer, primary_key=True, autoincrement=False),
    Column("clue_id", String(40), primary_key=True),
    Column("business_id", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("division", String(12), nullable=False),
    Column("owner", String(32), nullable=False),
    Column("grade", String(1), nullable=False),
    Column("score", Float, nullable=False),
    Column("category", String(64)),
    Column("place", Integer, nullable=False),
    Column("line", Text),
)
"""Every clue number ever given. ``place`` is the line on this run's list, 0 where it is not on it; ``line`` that line in JSON."""

api_key = Table(
    "store_key",
    METADATA,
    Column("key_id", String(16), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("label", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("divisions", Text, nullable=False),
    Column("created_at", String(32), nullable=False),
    Column("expires_at", String(32), nullable=False),
    Column("revoked_at", String(32)),
)

anchor = Table(
    "store_anchor",
    METADATA,
    Column("chain", String(40), primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("at", String(32), nullable=False),
)
"""How far each audit log had come, kept apart from the log."""

ended_session = Table(
    "store_ended_session", METADATA, Column("session_id", String(24), primary_key=True), Column("until", Float, nullable=False)
)
"""Logins of the pages that were ended before their time; each is forgotten when that has come."""

_format = Table("store_format", METADATA, Column("format", Integer, primary_key=True, autoincrement=False))


def store_url(workspace: Workspace) -> str:
    """The store's address: what the settings name, else a file in the workspace."""
    named = workspace.settings.store
    return named.get_secret_value() if named else f"sqlite:///{workspace.path / 'store.db'}"


def open_store(workspace: Workspace) -> Engine:
    """Open the store and make its tables where they are missing; several processes may do it at once.

    Raises
    ------
    InputError
        The address is wrong, or nobody answers there.
    IntegrityError
        The store is of another format.
    """
    engine = open_engine(store_url(workspace))
    if engine.dialect.name == "sqlite" and engine.url.database and not Path(engine.url.database).exists():
        Path(engine.url.database).touch(0o600)
    try:
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            METADATA.create_all(connection)
            found = connection.scalar(select(_format.c.format))
            if found is None:
                connection.execute(insert(_format).values(format=FORMAT))
    except SQLAlchemyError as error:
        engine.dispose()
        raise InputError(
            "the store cannot be reached",
            where=engine.url.render_as_string(hide_password=True),
            mend="check FRAUDRISK_STORE and that the database runs",
        ) from error
    if found not in (None, FORMAT):
        engine.dispose()
        raise IntegrityError(
            f"the store is of format {found}, this version reads {FORMAT}", mend="give it a new store and publish the run again"
        )
    return engine


def now_text() -> str:
    """The present moment in UTC, as it stands in the store and the audit log; sorts as text.

    Examples
    --------
    >>> now_text()[10], now_text()[-1]
    ('T', 'Z')
    """
    now = time.time()
    return f"{_second(int(now))}.{int(now % 1 * 1000):03d}Z"


@lru_cache(maxsize=4)
def _second(at: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))
