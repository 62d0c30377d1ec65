"""Publishing a run into the store: written beside under a new number, made visible by one change, taken back by another."""

from __future__ import annotations

import datetime as dt
import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from fraudrisk.errors import ConflictError, NotFoundError
from fraudrisk.service.filling import fill, head_bytes, index_folder
from fraudrisk.service.tables import business, clue, current, fragment, now_text, open_store, release
from fraudrisk.taking_back import enter_list

if TYPE_CHECKING:
    from fraudrisk.workspace import Workspace

__all__ = ["Published", "list_releases", "publish_release", "rollback"]

_DELETED = 5_000
_CHECKPOINTS = 3
_GRACE = dt.timedelta(minutes=2)
_LOCK = 718295


@dataclass(frozen=True, slots=True)
class Published:
    """A release in the store."""

    number: int
    as_of: str
    published_at: str | None
    current: bool
    businesses: int
    digest: str


def publish_release(
    workspace: Workspace, as_of: dt.date | None = None, *, progress: Callable[[str, int, int], None] | None = None
) -> Published:
    """Write a finished run into the store and show it; readers see the old one until all of it is there.

    Cards are made for every scored business. Clues of this list and earlier ones enter the ledger. Releases beyond ``keep_releases`` are removed.

    Parameters
    ----------
    workspace : Workspace
    as_of : date, optional
        Which run; the latest where not given.
    progress : callable, optional
        Step, done, of how many.

    Raises
    ------
    NotFoundError
        No finished run.
    ConflictError
        Somebody else is publishing.
    """
    result = workspace.result(as_of)
    tell = progress or (lambda *_: None)
    engine = open_store(workspace)
    try:
        with _alone(workspace, engine):
            _sweep(engine, workspace)
            number = _begin(engine, workspace, result.manifest)
            fill(engine, workspace, number, result.folder, result.manifest, tell)
            for day in workspace.runs():
                if day.isoformat() <= result.manifest["as_of"]:
                    enter_list(workspace, day)
            _show(engine, number, fresh=True)
            _remove_old(engine, workspace)
            _settle(engine)
        return next(r for r in list_releases(workspace) if r.number == number)
    finally:
        engine.dispose()


def list_releases(workspace: Workspace) -> list[Published]:
    """Releases in the store, oldest first."""
    engine = open_store(workspace)
    try:
        with engine.connect() as connection:
            shown = connection.scalar(select(current.c.release_id))
            rows = connection.execute(select(release).where(release.c.status == "ready").order_by(release.c.release_id)).mappings().all()
    finally:
        engine.dispose()
    return [
        Published(
            r["release_id"],
            r["as_of"],
            r["published_at"],
            r["release_id"] == shown,
            json.loads(r["manifest"])["businesses_scored"],
            json.loads(r["manifest"])["digest"],
        )
        for r in rows
    ]


def rollback(workspace: Workspace, to: int | None = None) -> Published:
    """Show an earlier release again: the one before the present one, or the one named.

    Raises
    ------
    NotFoundError
        There is none.
    """
    engine = open_store(workspace)
    try:
        with _alone(workspace, engine):  # looked up only now: a publisher that just ended may have removed one
            kept = list_releases(workspace)
            shown = next((r.number for r in kept if r.current), 0)
            found = [r for r in kept if (r.number == to if to is not None else r.number < shown)]
            if not found:
                raise NotFoundError(
                    "there is no release to go back to" if to is None else f"there is no release {to}",
                    mend="see fraudrisk releases WS; publish the run again if it was removed",
                )
            _show(engine, found[-1].number, fresh=False)
    finally:
        engine.dispose()
    return next(r for r in list_releases(workspace) if r.number == found[-1].number)


# -- writing ---------------------------------------------------------------------------------------------------------------


@contextmanager
def _alone(workspace: Workspace, engine: Engine) -> Iterator[None]:
    """One publisher at a time, on this machine and on the database."""
    folder = workspace.path / "search"
    folder.mkdir(exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    held: Connection | None = None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConflictError("somebody else is publishing", where=str(folder), mend="wait until it is done") from error
        if engine.dialect.name == "postgresql":
            held = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            if not held.exec_driver_sql(f"SELECT pg_try_advisory_lock({_LOCK})").scalar():
                raise ConflictError("somebody else is publishing", where="the store", mend="wait until it is done")
        yield
    finally:
        if held is not None:
            held.exec_driver_sql(f"SELECT pg_advisory_unlock({_LOCK})")
            held.close()
        os.close(descriptor)


def _begin(engine: Engine, workspace: Workspace, manifest: dict[str, Any]) -> int:
    with engine.begin() as connection:
        row = {"as_of": manifest["as_of"], "status": "writing", "manifest": json.dumps(manifest, ensure_ascii=False), "head": b""}
        number = int(connection.execute(insert(release).values(**row)).inserted_primary_key[0])  # type: ignore[index]
        connection.execute(
            update(release).where(release.c.release_id == number).values(head=head_bytes(number, manifest, workspace.pack.notice))
        )
    return number


# -- showing and removing ----------------------------------------------------------------------------------------------------


def _show(engine: Engine, number: int, *, fresh: bool) -> None:
    """One transaction: from here on readers see `number`."""
    now = now_text()
    with engine.begin() as connection:
        shown = connection.scalar(select(current.c.release_id))
        values: dict[str, Any] = {"status": "ready", "retired_at": None} | ({"published_at": now} if fresh else {})
        connection.execute(update(release).where(release.c.release_id == number).values(**values))
        if shown is None:
            connection.execute(insert(current).values(one=1, release_id=number))
        elif shown != number:
            connection.execute(update(release).where(release.c.release_id == shown).values(retired_at=now))
            connection.execute(update(current).values(release_id=number))


def _settle(engine: Engine) -> None:
    """SQLite: bring what was written from its journal into the file, where readers map it; they renew their snapshots every second."""
    if engine.dialect.name != "sqlite":
        return
    raw = engine.raw_connection()
    try:
        for _ in range(_CHECKPOINTS):
            if not raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                return
    finally:
        raw.close()


def _sweep(engine: Engine, workspace: Workspace) -> None:
    """Remove what an interrupted publisher left."""
    with engine.connect() as connection:
        left = list(connection.scalars(select(release.c.release_id).where(release.c.status != "ready")))
    for number in left:
        _remove(engine, workspace, number)


def _remove_old(engine: Engine, workspace: Workspace) -> None:
    """Keep the newest; a release that was shown a moment ago stays, because some process may still read it."""
    long_ago = (dt.datetime.now(dt.UTC) - _GRACE).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    with engine.connect() as connection:
        shown = connection.scalar(select(current.c.release_id))
        ready = list(
            connection.execute(
                select(release.c.release_id, release.c.retired_at).where(release.c.status == "ready").order_by(release.c.release_id.desc())
            )
        )
    for number, retired in ready[workspace.settings.keep_releases :]:
        if number != shown and retired is not None and retired < long_ago:
            _remove(engine, workspace, number)


def _remove(engine: Engine, workspace: Workspace, number: int) -> None:
    with engine.begin() as connection:
        connection.execute(update(release).where(release.c.release_id == number).values(status="removing"))
    for table, key in ((business, business.c.business_id), (clue, clue.c.clue_id), (fragment, fragment.c.fragment_id)):
        while True:
            with engine.begin() as connection:
                some = select(key).where(table.c.release_id == number).limit(_DELETED)
                connection.execute(delete(table).where((table.c.release_id == number) & key.in_(some.scalar_subquery())))
                if not connection.scalar(
                    select(func.count()).select_from(select(key).where(table.c.release_id == number).limit(1).subquery())
                ):
                    break
    with engine.begin() as connection:
        connection.execute(delete(release).where(release.c.release_id == number))
    shutil.rmtree(index_folder(workspace, number), ignore_errors=True)
