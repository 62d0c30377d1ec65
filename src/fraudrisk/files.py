"""Files that are whole or absent: write beside, then rename; and digests that name content."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from fraudrisk.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["atomic_path", "atomic_text", "digest_bytes", "digest_file", "sweep", "write_parquet"]

_PART = ".part"


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; rename it when the block ends well, remove it when it does not.

    Raises
    ------
    InputError
        On a full disk or a folder that cannot be written; names the path.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}{_PART}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        with part.open("rb") as stream:
            os.fsync(stream.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise InputError(
                "the disk is full", where=str(path), mend="free some space and run again; earlier results are untouched"
            ) from error
        if error.errno in {errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EISDIR}:
            raise InputError("this cannot be written", where=str(path), mend="choose another folder") from error
        raise
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def atomic_text(path: Path, *, encoding: str = "utf-8", newline: str | None = "\n") -> Iterator[IO[str]]:
    """Like :func:`atomic_path`, opened for text."""
    with atomic_path(path) as part, part.open("w", encoding=encoding, newline=newline) as stream:
        yield stream


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write an Arrow table whole or not at all; the same table gives the same bytes."""
    import pyarrow.parquet as pq

    with atomic_path(path) as part:
        pq.write_table(table.replace_schema_metadata(None), part, compression="zstd", row_group_size=131_072)


def sweep(folder: Path) -> None:
    """Remove what an interrupted process left beside its targets."""
    for part in folder.rglob(f"*{_PART}"):
        part.unlink(missing_ok=True)


def digest_bytes(*parts: bytes | str) -> str:
    """16 hexadecimal digits of SHA-256 over the parts, each with its length."""
    hasher = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        hasher.update(len(raw).to_bytes(8, "big"))
        hasher.update(raw)
    return hasher.hexdigest()[:16]


def digest_file(path: Path) -> str:
    """SHA-256 of a file's bytes, all 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
