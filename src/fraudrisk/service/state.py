"""What a process holds while it serves: the workspace, the release shown, the reader and the leader, the audit log."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

import anyio
from sqlalchemy import select
from sqlalchemy.exc import InterfaceError, OperationalError

from fraudrisk.complaints.reader import ComplaintReader
from fraudrisk.outcomes.schema import clue as ledger_clue
from fraudrisk.outcomes.schema import move as ledger_move
from fraudrisk.scoring import Leader
from fraudrisk.service.audit import AuditLog, QueueFullError, audit_folder, keep_anchor
from fraudrisk.service.auth import Authenticator
from fraudrisk.service.chain import Chain
from fraudrisk.service.cursors import Cursors
from fraudrisk.service.filling import index_folder
from fraudrisk.service.limits import Buckets, Refusals
from fraudrisk.service.logs import set_up
from fraudrisk.service.metrics import Metrics
from fraudrisk.service.names import NameIndex, build_index
from fraudrisk.service.problems import ProblemError
from fraudrisk.service.schemas import Move
from fraudrisk.service.sessions import Sessions
from fraudrisk.service.store import CURRENT, NAMES, STATUS, Release, StoreAwayError, load_release, open_reader
from fraudrisk.service.tables import now_text, open_store, store_url
from fraudrisk.taking_back import ledger_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from starlette.responses import Response

    from fraudrisk.service.gate import Scope
    from fraudrisk.workspace import Workspace

__all__ = ["Service"]

_LEDGER_SIDE = 8
_BATCH_WORKERS = 1
"""Reading and scoring hold the interpreter: more at once would only slow look-ups down."""


class Service:
    """State of one process; :meth:`start` makes it ready, :meth:`stop` writes what is waiting.

    Parameters
    ----------
    workspace : Workspace
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace, self.settings, self.pack = workspace, workspace.settings, workspace.pack
        self.notice = self.pack.notice
        self.log = set_up()
        self.metrics = Metrics()
        key = workspace._key()
        self._audit_key = hashlib.sha256(b"audit" + key).digest()
        self.cursors = Cursors(key)
        self.buckets = Buckets(self.settings.rate_per_second, self.settings.rate_burst)
        self.strangers = Buckets(self.settings.anonymous_per_second, 20 * self.settings.anonymous_per_second)
        self.refusals = Refusals()
        self.release: Release | None = None
        self.refusal: Callable[[Scope, ProblemError], Response | None] | None = None
        """How a refusal is shown to people on pages; None, or an answer of None: as a problem."""
        self.ready = False
        self.store_away = False
        self._task: asyncio.Task[None] | None = None
        self._adopting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open store and ledger, load reader and leader, show the current release, begin the audit log."""
        self._engine = await anyio.to_thread.run_sync(open_store, self.workspace)
        self.reader = open_reader(store_url(self.workspace))
        self.auth = Authenticator(self.settings, self.reader, self.workspace._key())
        self.sessions = Sessions(self.workspace._key(), self.settings, self.reader, self._engine)
        chain = Chain(audit_folder(self.workspace), segment_bytes=self.settings.audit_segment_bytes)
        self.audit = AuditLog(chain, lambda head: keep_anchor(self._engine, chain, head), queue=self.settings.audit_queue)
        self.ledger = await anyio.to_thread.run_sync(ledger_of, self.workspace)
        self.batches = anyio.CapacityLimiter(_BATCH_WORKERS)
        self.searches = anyio.CapacityLimiter(2)
        self.ledger_side = anyio.CapacityLimiter(_LEDGER_SIDE)
        self.text_reader = await anyio.to_thread.run_sync(lambda: ComplaintReader.load(pack=self.pack))
        await anyio.to_thread.run_sync(lambda: list(self.text_reader.read_block(["老人听课后交了三万元"], [""])))
        await self._adopt()
        self._task = asyncio.create_task(self._watch())
        self.ready = True
        self.log.info("ready", extra={"pid": os.getpid(), "release": self.release.number if self.release else None})

    async def stop(self) -> None:
        """Stop watching, write what is waiting, close."""
        self.ready = False
        for task in (self._task, self._adopting):
            if task:
                task.cancel()
        self.metrics.flush()
        self._note_refusals()
        await anyio.to_thread.run_sync(self.audit.close)
        await self.reader.close()
        self.ledger.close()
        self._engine.dispose()
        self.log.info("stopped", extra={"pid": os.getpid()})

    def hashed(self, raw: bytes) -> str:
        """A keyed hash for the audit log: the same question has the same one, and nobody without the key can guess it."""
        return hashlib.blake2b(raw, key=self._audit_key, digest_size=12).hexdigest()

    def shown(self) -> Release:
        """The release of this request.

        Raises
        ------
        ProblemError
            503: nothing was published yet.
        """
        if self.release is None:
            raise ProblemError(503, "no run was published yet", mend="fraudrisk releases WS --publish", headers={"Retry-After": "10"})
        return self.release

    def _note_refusals(self) -> None:
        """Those who came too fast, a line each with how often; they are counted on where the log has no room."""
        for who, role, n in self.refusals.take() if self.audit.room() else ():
            try:
                self.audit.note(
                    {
                        "at": now_text(),
                        "who": who,
                        "role": role,
                        "purpose": "",
                        "action": "refused",
                        "object": "",
                        "status": 429,
                        "count": n,
                    }
                )
            except QueueFullError:
                self.log.error("refusals were not written down")

    # -- the release -------------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Look for a newly published or rolled-back release; take it up when all of it is open."""
        while True:
            await asyncio.sleep(self.settings.release_poll_seconds)
            self.metrics.flush()
            self.metrics.waiting(self.audit.length())
            self._note_refusals()
            await self._look()

    async def _look(self) -> None:
        """See what was written since: keys at once; a new release is opened beside, however long it takes."""
        try:
            await self.reader.refresh()
            if self.release and await self.reader.one(STATUS, {"release": self.release.number}) != ("ready",):
                self.release = None  # a card that is gone must not look like a business that does not exist
                self.log.error("the release shown was removed, and the new one cannot be opened")
            self.store_away = False
        except Exception:
            self.store_away = True
            self.log.exception("the store cannot be read")
            return
        if self._adopting is None or self._adopting.done():
            self._adopting = asyncio.create_task(self._try_adopt())

    async def _try_adopt(self) -> None:
        try:
            await self._adopt()
        except Exception:  # the old release goes on being shown
            self.log.exception("the new release cannot be opened")

    async def _adopt(self) -> None:
        row = await self.reader.one(CURRENT, {})
        if row is None or (self.release and self.release.number == row[0]):
            return
        release = await load_release(self.reader, int(row[0]), self._names)
        leader = await anyio.to_thread.run_sync(self._leader, release.as_of)
        self.release, self.leader = release, leader
        self.metrics.release(release.number)
        self.log.info("release adopted", extra={"release": release.number, "pid": os.getpid()})

    def _leader(self, as_of: str) -> Leader:
        return Leader.of_folder(self.workspace.path / "runs" / as_of / "leader", self.pack)

    async def _names(self, number: int) -> NameIndex:
        """Open the index; a machine that did not publish makes its own from the store."""
        folder = index_folder(self.workspace, number)
        rows = [] if NameIndex.whole(folder) else await self.reader.all(NAMES, {"release": number})
        return await anyio.to_thread.run_sync(_open_names, folder, rows)

    # -- the ledger ----------------------------------------------------------------------------------------------------------

    async def states(self, clue_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Clues as they stand in the ledger."""
        found: dict[str, dict[str, Any]] = await self.in_ledger(lambda: self._states(clue_ids))
        return found

    async def moves(self, clue_id: str) -> list[Move]:
        """Moves of a clue in order, without who made them."""
        found: list[Move] = await self.in_ledger(lambda: self._moves(clue_id))
        return found

    async def in_ledger(self, work: Callable[[], Any]) -> Any:
        """Run in a thread of the ledger's; once more where its connection was lost: moves have keys, so that none counts twice.

        Raises
        ------
        StoreAwayError
            The ledger's database does not answer.
        """
        for _ in range(2):
            try:
                return await anyio.to_thread.run_sync(work, limiter=self.ledger_side)
            except (OperationalError, InterfaceError):
                continue
        raise StoreAwayError

    def _states(self, clue_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        c = ledger_clue.c
        with self.ledger.engine.connect() as connection:
            query = select(c.clue_id, c.status, c.since, c.due_on, c.conclusion).where(c.clue_id.in_(clue_ids))
            return {r["clue_id"]: dict(r) for r in connection.execute(query).mappings()}

    def day_of(self, key: str) -> dt.date | None:
        """The day of the move that was filed under a key."""
        with self.ledger.engine.connect() as connection:
            found: dt.date | None = connection.scalar(select(ledger_move.c.day).where(ledger_move.c.key == key))
        return found

    def _moves(self, clue_id: str) -> list[Move]:
        m = ledger_move.c
        query = select(m.at, m.day, m.kind, m.before, m.after, m.details).where(m.clue_id == clue_id).order_by(m.number)
        with self.ledger.engine.connect() as connection:
            return [
                Move(
                    at=r["at"].isoformat(), day=(r["day"] or r["at"].date()).isoformat(), kind=r["kind"], before=r["before"], after=r["after"],
                    conclusion=r["details"].get("conclusion"),
                )
                for r in connection.execute(query).mappings()
            ]  # fmt: skip


def _open_names(folder: Path, rows: list[Any]) -> NameIndex:
    """Open an index, made first where there is none, and ask it once, so that the first question is answered quickly."""
    if rows:
        rows = sorted(rows)  # by code, whatever the database's collation
        names = [[r[1], *json.loads(r[2] or "[]")] for r in rows]
        build_index(folder, [r[0] for r in rows], names, [r[3] for r in rows])
    index = NameIndex.open(folder)
    index.search("康寿健康咨询有限公司")
    return index
