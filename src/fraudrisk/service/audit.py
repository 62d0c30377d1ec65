"""The audit log: who looked at what, when and why, and every change, in a chain of hashes; no personal data.

What is guaranteed. **Changes**: a line that says what is asked is on the disk before anything is done, and a line that says how it
ended before it is answered. **Look-ups**: queued in memory and written every 20 ms with one fsync; where the queue is full the
look-up is refused, so none is answered unqueued. A process that is killed may lose the look-ups of its last 20 ms. A whole chain that is
rewritten by somebody who may also write the store is found only with a head that was noted elsewhere: ``audit verify`` prints it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, insert, select, update
from sqlalchemy.exc import IntegrityError as SqlIntegrityError

from fraudrisk.errors import IntegrityError
from fraudrisk.service.chain import GENESIS, Chain, Head, body_of, segments
from fraudrisk.service.tables import anchor, now_text, open_store

if TYPE_CHECKING:
    from fraudrisk.workspace import Workspace

__all__ = ["AuditLog", "QueueFullError", "Verified", "audit_folder", "keep_anchor", "verify", "verify_workspace"]

_EVERY = 0.02
_ANCHOR_EVERY = 5.0
_ANCHOR_LINES = 1000


class QueueFullError(Exception):
    """There is no room for another line: the request must be refused."""


def audit_folder(workspace: Workspace) -> Path:
    """Where a workspace's audit log is."""
    return workspace.path / "audit"


class AuditLog:
    """One writer per process; several processes share the chain.

    Parameters
    ----------
    chain : Chain
    keep : callable
        Keeps a head apart from the log; called after changes, and every few seconds.
    queue : int
        Most lines waiting.
    """

    def __init__(self, chain: Chain, keep: Callable[[Head], None], *, queue: int = 10_000) -> None:
        self._chain, self._keep, self._most = chain, keep, queue
        self._waiting: deque[tuple[Mapping[str, Any], asyncio.Future[None] | None]] = deque()
        self._wake, self._stop = threading.Event(), False
        self._kept: tuple[float, int] = (time.monotonic(), 0)
        self._head: Head | None = None
        self.broken: str | None = None
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def note(self, entry: Mapping[str, Any]) -> None:
        """Queue a line and go on.

        Raises
        ------
        QueueFullError
            There is no room, or the log cannot be written.
        """
        if self.broken or len(self._waiting) >= self._most:
            raise QueueFullError(self.broken or "the audit log's queue is full")
        self._waiting.append((entry, None))

    def length(self) -> int:
        """Lines waiting."""
        return len(self._waiting)

    def room(self) -> bool:
        """Whether a line could be queued now."""
        return not self.broken and len(self._waiting) < self._most

    async def record(self, entry: Mapping[str, Any]) -> None:
        """Write a line and wait until the disk has it.

        Raises
        ------
        QueueFullError
            It could not be written.
        """
        if not self.room():
            raise QueueFullError(self.broken or "the audit log's queue is full")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, done))
        self._wake.set()
        await done

    def close(self) -> None:
        """Write what is waiting and stop."""
        self._stop = True
        self._wake.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        while not self._stop or self._waiting:
            self._wake.wait(_EVERY)
            self._wake.clear()
            self._flush()
        self._flush(last=True)

    def _flush(self, *, last: bool = False) -> None:
        batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
        waiting = [done for _, done in batch if done]
        error = self._append(batch) or self._anchor(now=bool(waiting), last=last)
        self.broken = f"the audit log cannot be written: {error}" if error else None
        if error:
            time.sleep(0.2)
            if self._stop:
                self._waiting.clear()
        for done in waiting:
            done.get_loop().call_soon_threadsafe(_settle, done, error)

    def _append(self, batch: list[tuple[Mapping[str, Any], asyncio.Future[None] | None]]) -> Exception | None:
        """Write lines; those nobody waits for are queued again where it fails."""
        try:
            self._head = self._chain.append([entry for entry, _ in batch]) if batch else self._head
        except Exception as error:  # a full disk must refuse requests, not end the thread
            self._waiting.extendleft(reversed([b for b in batch if b[1] is None]))
            return error
        return None

    def _anchor(self, *, now: bool, last: bool) -> Exception | None:
        """Keep the head where it is time, or where it failed before. The lines are written: they are not written again."""
        head, at = self._head, time.monotonic()
        if head is None:
            return None
        if not (now or last or self.broken) and at - self._kept[0] < _ANCHOR_EVERY and head.seq - self._kept[1] <= _ANCHOR_LINES:
            return None
        if head.seq == self._kept[1] and not last:
            return None
        try:
            head = self._chain.head() if last else head
            self._keep(head)
        except Exception as error:  # a store that is away, or a log that is not what it was
            return error
        self._kept = (at, head.seq)
        return None


def _settle(done: asyncio.Future[None], error: Exception | None) -> None:
    if not done.done():
        done.set_exception(QueueFullError(str(error))) if error else done.set_result(None)


def keep_anchor(engine: Engine, chain: Chain, head: Head) -> None:
    """Keep a head in the store; an older one never replaces a newer, and none one that the log does not hold any more.

    Raises
    ------
    IntegrityError
        The log was cut or rewritten since a head was last kept.
    """
    values = {"seq": head.seq, "hash": head.hash, "at": now_text()}
    with engine.connect() as connection:
        known = connection.execute(select(anchor.c.seq, anchor.c.hash).where(anchor.c.chain == head.chain)).first()
    if known is not None and not chain.holds(head.chain, known[0], known[1]):
        raise IntegrityError(
            f"the audit log does not hold line {known[0]} any more as it was",
            where=str(chain.folder),
            mend="keep the folder as it is, tell who answers for it, and start a new one",
        )
    if known is not None:
        with engine.begin() as connection:
            connection.execute(update(anchor).where((anchor.c.chain == head.chain) & (anchor.c.seq < head.seq)).values(**values))
        return
    try:
        with engine.begin() as connection:
            connection.execute(insert(anchor).values(chain=head.chain, **values))
    except SqlIntegrityError:  # another process was first
        keep_anchor(engine, chain, head)


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found: lines read, the head (note it elsewhere), and every fault; sound where there are none."""

    lines: int
    chain: str
    seq: int
    hash: str
    faults: tuple[str, ...]


def verify(folder: Path, anchors: Mapping[str, tuple[int, str]]) -> Verified:
    """Check every line of a folder's log against the one before, the head, and what was kept apart.

    Parameters
    ----------
    folder : Path
    anchors : mapping
        Chain to the number and hash of a line that was kept elsewhere.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> head = Chain(folder).append([{"action": "looked"}])
    >>> verify(folder, {head.chain: (1, head.hash)}).faults
    ()
    >>> verify(folder, {head.chain: (1, "0" * 64)}).faults
    ('line 1 is not the one that was kept apart',)
    """
    if not folder.is_dir():
        return Verified(0, "", 0, GENESIS, tuple(f"the log {chain} is missing" for chain in sorted(anchors)))
    with Chain(folder).locked() as head:
        paths = segments(folder, head.chain)
        sizes = [p.stat().st_size for p in paths]
    faults, seq, prev, lines = [], 0, GENESIS, 0
    wanted, kept = anchors.get(head.chain, (0, GENESIS))
    names = [p.name for p in paths]
    if names != [f"{head.chain}.{n:05d}.jsonl" for n in range(1, len(paths) + 1)]:
        faults.append("a file of the log is missing")
    for path, size in zip(paths, sizes, strict=True):
        with path.open("rb") as stream:
            while stream.tell() < size and len(faults) < 20:
                line = stream.readline()
                lines += 1
                fault, seq, prev = _check(line, seq, prev)
                faults += [f"{path.name}, line {lines}: {fault}"] if fault else []
                if seq == wanted and prev != kept:
                    faults.append(f"line {wanted} is not the one that was kept apart")
    if seq < max(head.seq, wanted):
        faults.append(f"the log ends at line {seq}, and had come to line {max(head.seq, wanted)}")
    elif seq == head.seq and prev != head.hash:
        faults.append("the last line is not the one the head names")
    faults += [f"the log {chain} is missing" for chain in sorted(set(anchors) - {head.chain})]
    return Verified(lines, head.chain, seq, prev, tuple(faults))


def _check(line: bytes, seq: int, prev: str) -> tuple[str, int, str]:
    """What is wrong with a line, and number and hash to go on with."""
    if not line.endswith(b"\n"):
        return "it is not finished", seq, prev
    body, claimed = body_of(line[:-1])
    found = hashlib.sha256(body).hexdigest()
    try:
        said = json.loads(body)
        number, before = int(said["seq"]), str(said["prev"])
    except (ValueError, KeyError, TypeError):
        return "it is no line of a log", seq + 1, found
    if found != claimed:
        return "it was changed", number, claimed
    if number != seq + 1:
        return f"it has number {number} where {seq + 1} belongs", number, claimed
    return ("" if before == prev else "it does not follow the line before"), number, claimed


def verify_workspace(workspace: Workspace, *, elsewhere: tuple[str, ...] = ()) -> Verified:
    """Check a workspace's audit log against the store; logs that other machines keep are named in `elsewhere`."""
    engine = open_store(workspace)
    try:
        with engine.connect() as connection:
            rows = connection.execute(select(anchor.c.chain, anchor.c.seq, anchor.c.hash)).all()
    finally:
        engine.dispose()
    return verify(audit_folder(workspace), {chain: (seq, digest) for chain, seq, digest in rows if chain not in elsewhere})
