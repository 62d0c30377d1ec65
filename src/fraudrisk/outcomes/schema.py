"""Tables of the ledger, and how they come into being: SQLite or PostgreSQL, brought up to date by Alembic."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from sqlalchemy import JSON, Column, Date, DateTime, Engine, Index, Integer, MetaData, String, Table, Text, create_engine, event
from sqlalchemy.exc import ArgumentError

from fraudrisk.errors import InputError

__all__ = ["METADATA", "clue", "migrate", "move", "open_engine"]

METADATA = MetaData()

clue = Table(
    "clue",
    METADATA,
    Column("clue_id", String(40), primary_key=True),
    Column("business_id", String(64), nullable=False),
    Column("name", Text, nullable=False, default=""),
    Column("owner", String(32), nullable=False, default=""),
    Column("status", String(8), nullable=False),
    Column("since", Date, nullable=False),
    Column("due_on", Date),
    Column("listed_on", Date, nullable=False),
    Column("conclusion", String(8)),
    Column("version", Integer, nullable=False, default=0),
)

move = Table(
    "move",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("clue_id", String(40), nullable=False),
    Column("key", String(80), unique=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("who", String(64), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("before", String(8)),
    Column("after", String(8)),
    Column("why", Text, nullable=False, default=""),
    Column("details", JSON, nullable=False, default=dict),
    Column("day", Date),
    Index("move_by_clue", "clue_id", "number"),
)
"""Append-only: triggers refuse changes and deletions. ``day`` is when it happened, ``at`` when it was written down."""


def open_engine(url: str) -> Engine:
    """An engine for a SQLAlchemy URL.

    SQLite takes the write lock when a transaction begins and waits for it, so that writers queue instead of failing halfway.

    Raises
    ------
    InputError
        The URL is none, or its driver is not installed.
    """
    try:
        engine = create_engine(url)
    except (ArgumentError, ModuleNotFoundError) as error:
        raise InputError(
            "the ledger's address cannot be used", where=url.split("@")[-1], mend="give sqlite:///file or postgresql+psycopg://…"
        ) from error
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _settle(connection: Any, _: Any) -> None:
            connection.isolation_level = None
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA busy_timeout=60000")
            connection.execute("PRAGMA synchronous=FULL")

        @event.listens_for(engine, "begin")
        def _begin(connection: Any) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def migrate(engine: Engine) -> None:
    """Bring the tables up to date; several processes may do it at once."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(files("fraudrisk.outcomes") / "migrations"))
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(718293)")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
