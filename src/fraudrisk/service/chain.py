"""The audit log's file: JSON Lines, each with the hash of the line before; several processes share one chain.

A line is the JSON of an entry whose last key is ``hash``: SHA-256 of the line without it. ``seq`` counts from 1, ``prev`` is the
hash of the line before (64 zeros at the start). Who appends holds the lock of the folder, and leaves in ``head.json`` how far the
log has come, so that a log that became shorter is noticed at the next line and not at the next inspection.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fraudrisk.errors import IntegrityError
from fraudrisk.service.tables import now_text

__all__ = ["GENESIS", "Chain", "Head", "body_of", "segments"]

GENESIS = "0" * 64
_TAIL = len(',"hash":""}') + 64
_HEAD_BYTES = 400
_BLOCK = 262_144


@dataclass(frozen=True, slots=True)
class Head:
    """How far a chain has come: segment file, its bytes, the last line's number and hash."""

    chain: str
    segment: int
    bytes: int
    seq: int
    hash: str


def body_of(line: bytes) -> tuple[bytes, str]:
    """A line's bytes that are hashed, and the hash it claims; an empty hash where it is no line of a chain.

    Examples
    --------
    >>> body_of(b'{"seq":1,"hash":"' + b"a" * 64 + b'"}')[0]
    b'{"seq":1}'
    """
    tail = line[-_TAIL:]
    if len(line) <= _TAIL or not tail.startswith(b',"hash":"') or not tail.endswith(b'"}'):
        return line, ""
    return line[:-_TAIL] + b"}", tail[9:-2].decode("ascii", "replace")


def segments(folder: Path, chain: str) -> list[Path]:
    """Files of a chain in order."""
    return sorted(folder.glob(f"{chain}.[0-9][0-9][0-9][0-9][0-9].jsonl"))


class Chain:
    """Appends to the chain of a folder.

    Parameters
    ----------
    folder : Path
        Made where it is missing, readable by its owner only.
    segment_bytes : int
        Size at which a new file begins.

    Examples
    --------
    >>> import tempfile
    >>> chain = Chain(Path(tempfile.mkdtemp()))
    >>> chain.append([{"action": "started"}]).seq, chain.append([{"action": "looked"}]).seq
    (1, 2)
    """

    def __init__(self, folder: Path, *, segment_bytes: int = 256_000_000) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder, self._segment_bytes = folder, segment_bytes

    def append(self, entries: Sequence[Mapping[str, Any]]) -> Head:
        """Append and wait until the disk has it. Returns the new head.

        Raises
        ------
        IntegrityError
            The log is shorter than it was, or was cut where it is not ours to mend.
        """
        with self.locked() as head:
            head, cut = self._settled(head)
            if cut:
                entries = [{"at": now_text(), "action": "recovered", "cut_bytes": cut}, *entries]
            if head.bytes >= self._segment_bytes:
                head = replace(head, segment=head.segment + 1, bytes=0)
            lines = []
            seq, prev = head.seq, head.hash
            for entry in entries:
                seq += 1
                body = json.dumps({"seq": seq, "prev": prev, **entry}, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
                prev = hashlib.sha256(body).hexdigest()
                lines.append(body[:-1] + f',"hash":"{prev}"}}\n'.encode())
            data = b"".join(lines)
            self._write(self._path(head), data)
            head = replace(head, bytes=head.bytes + len(data), seq=seq, hash=prev)
            self._keep(head)
            return head

    def head(self) -> Head:
        """How far the log has come."""
        with self.locked() as head:
            return head

    def holds(self, name: str, seq: int, digest: str) -> bool:
        """Whether line `seq` of the log `name` is there and claims this hash. Looks from the end: what is asked for is mostly near it."""
        for path in reversed(segments(self.folder, name)):
            for block in _backwards(path):
                first = _json(body_of(block.partition(b"\n")[0])[0]).get("seq")
                if not isinstance(first, int) or first > seq:
                    continue
                start = block.find(b'{"seq":%d,' % seq)
                line = block[start : block.find(b"\n", start)]
                return start >= 0 and body_of(line)[1] == digest
        return False

    @contextmanager
    def locked(self) -> Iterator[Head]:
        """Hold the folder's lock; gives the head as the last writer left it."""
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield self._read_head()
        finally:
            os.close(descriptor)

    def _read_head(self) -> Head:
        path = self.folder / "head.json"
        try:
            return Head(**json.loads(path.read_text(encoding="utf-8")))
        except (FileNotFoundError, json.JSONDecodeError, TypeError, UnicodeDecodeError) as error:
            found = sorted({p.name.split(".")[0] for p in self.folder.glob("*.jsonl")})
            if len(found) > 1:
                raise IntegrityError(
                    "the folder holds several audit logs and no head", where=str(self.folder), mend="keep one log to a folder"
                ) from error
            if found:
                return self._walk(found[0])
            head = Head(f"audit-{secrets.token_hex(4)}", 1, 0, 0, GENESIS)
            self._keep(head)
            return head

    def _walk(self, chain: str) -> Head:
        """The head was lost: count the lines."""
        head = Head(chain, 1, 0, 0, GENESIS)
        for number, path in enumerate(segments(self.folder, chain), 1):
            head, _ = self._follow(replace(head, segment=number, bytes=0), path)
        return head

    def _settled(self, head: Head) -> tuple[Head, int]:
        """The head, with whole lines that were written and not yet counted; how many bytes of a torn line were cut."""
        path = self._path(head)
        size = path.stat().st_size if path.exists() else 0
        if size < head.bytes:
            raise IntegrityError(
                "the audit log is shorter than it was",
                where=str(path),
                mend="keep the folder as it is, tell who answers for it, and start a new one",
            )
        if size == head.bytes:
            return head, 0
        head, torn = self._follow(head, path)
        if torn:
            os.truncate(path, head.bytes)
        return head, torn

    def _follow(self, head: Head, path: Path) -> tuple[Head, int]:
        """Go on over the whole lines behind the head; how many bytes are left that are none."""
        with path.open("rb") as stream:
            stream.seek(head.bytes)
            for line in stream:
                body, claimed = body_of(line[:-1])
                said = _json(body)
                if not line.endswith(b"\n") or not claimed or said.get("seq") != head.seq + 1 or said.get("prev") != head.hash:
                    break
                head = replace(head, bytes=head.bytes + len(line), seq=head.seq + 1, hash=claimed)
        return head, path.stat().st_size - head.bytes

    def _path(self, head: Head) -> Path:
        return self.folder / f"{head.chain}.{head.segment:05d}.jsonl"

    def _write(self, path: Path, data: bytes) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _keep(self, head: Head) -> None:
        """In place and of fixed length: one page, written at once."""
        descriptor = os.open(self.folder / "head.json", os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.pwrite(descriptor, json.dumps(asdict(head)).ljust(_HEAD_BYTES).encode(), 0)
        finally:
            os.close(descriptor)


def _backwards(path: Path) -> Iterator[bytes]:
    """Whole lines of a file in blocks, the last block first."""
    with path.open("rb") as stream:
        end = stream.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - _BLOCK)
            stream.seek(start)
            block = stream.read(end - start)
            cut = block.find(b"\n") + 1 if start else 0
            if start and cut in (0, len(block)):  # no line of ours is as long as a block
                return
            yield block[cut:]
            end = start + cut


def _json(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, UnicodeDecodeError):
        return {}
    return said if isinstance(said, dict) else {}
